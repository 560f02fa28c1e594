"""The stack of this process; the only module that determines it. Imports TensorFlow, Keras and stack."""

from __future__ import annotations

import functools

import keras
import numpy as np
import scipy
import sklearn
import tensorflow as tf

# Public functions say how TensorFlow was built, not whether this process uses oneDNN.
from tensorflow.python.util import _pywrap_util_port

from experiment.stack import Precision, Stack


@functools.cache
def running_stack(precision: Precision = "float32") -> Stack:
    """The stack of this process: versions, oneDNN as TensorFlow resolved it, and the device class.

    Args:
      precision: of the networks that are trained.
    """
    return Stack(
        tensorflow=tf.__version__,
        keras=keras.__version__,
        numpy=np.__version__,
        scikit_learn=sklearn.__version__,
        scipy=scipy.__version__,
        precision=precision,
        onednn=_pywrap_util_port.IsMklEnabled(),
        device="GPU" if tf.config.list_physical_devices("GPU") else "CPU",
    )
