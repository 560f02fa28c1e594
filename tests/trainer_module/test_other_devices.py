"""Training on another device than the first processor, without a GPU: TensorFlow is asked what would run there."""

import os
import sys

import pytest
from tensorflow.python.framework import kernels

from pipeline.runner.process import prepare_process
from trainer_module.networks.architectures import build_network
from trainer_module.training.training_loop import Program

pytestmark = pytest.mark.slow

BOTH = """
import os, sys
import numpy as np, tensorflow as tf
from trainer_module.processes.fixed_threads import one_thread
processor = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
one_thread()
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.training.activation_cache import InMemory
from trainer_module.training.training_loop import Program

pixels = (np.arange(24 * 32 * 32 * 3) % 251).astype(np.uint8).reshape(24, 32, 32, 3)
found = []
for device in ("CPU:0", "CPU:1"):
    with tf.device(device):
        network = build_network("remastered", (32, 32, 3), 2, None, sys.argv[1])
        variables = weight_values.model_variables(network)
        weight_values.set_weights(variables, weight_values.initial_weights(network.weighted_layers, 3))
        trained = [weight for layer in network.weighted_layers for weight in layer.trainable_weights]
        program = Program(network.model, trained, statistics_held=False, shift_px=1)
        data = InMemory(pixels, np.arange(24) % 2)
        program.reset(1, shift_seed=2)
        order = np.tile(np.arange(24, dtype=np.int32), (3, 1))
        program.train(data, order, np.full(3, 1e-3, np.float32))
        program.recalibrate(data, order)
        places = {variable.value.device[-5:] for variable in variables}
        places |= {moment.device[-5:] for pair in program._moments for moment in pair}
        assert places == {device}, places
        found.append(program.evaluate(data).probabilities)
assert np.array_equal(*found)
"""

WITHOUT_GPU_KERNEL = {("GatherV2", "uint8"), ("MirrorPad", "uint8")}
"""Operation and dtype: a batch of images is gathered, and moved, on the CPU, 98 kB a step (docs/howto/gpu.md)."""


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_program_trains_on_the_device_that_it_was_built_on_to_the_same_bits(precision, programs, tmp_path):
    (tmp_path / "both.py").write_text(BOTH)
    done = programs.run([sys.executable, str(tmp_path / "both.py"), precision], tmp_path, os.environ)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_all_but_the_handling_of_uint8_images_has_a_kernel_for_gpus(precision):
    if "GPU" not in {one.device_type for one in kernels.get_registered_kernels_for_op("Conv2D").kernel}:
        pytest.skip("this TensorFlow was built without kernels for GPUs")
    network = build_network("original", (32, 32, 3), 2, None, precision)
    trained = [weight for layer in network.weighted_layers for weight in layer.trainable_weights]
    program = Program(network.model, trained, statistics_held=False, shift_px=2)
    lacking = set()
    for function in (program._train, program._logits, program._recalibrate):
        graph = function.get_concrete_function().graph.as_graph_def()
        nodes = [*graph.node, *(node for one in graph.library.function for node in one.node_def)]
        lacking |= {described(node) for node in nodes if not on_gpu(node)}
    assert lacking == WITHOUT_GPU_KERNEL


def on_gpu(node):
    return any(
        all(node.attr[one.name].type in one.allowed_values.list.type for one in kernel.constraint)
        for kernel in kernels.get_registered_kernels_for_op(node.op).kernel
        if kernel.device_type in ("GPU", "DEFAULT")
    )


def described(node):
    import tensorflow as tf

    dtype = node.attr["Tparams" if "Tparams" in node.attr else "T"].type
    return node.op, tf.dtypes.as_dtype(dtype).name


def test_a_process_takes_of_a_gpu_what_it_needs_unless_the_user_says_otherwise():
    fresh, users = {}, {"TF_FORCE_GPU_ALLOW_GROWTH": "false"}
    prepare_process(fresh)
    prepare_process(users)
    assert (fresh["TF_FORCE_GPU_ALLOW_GROWTH"], users["TF_FORCE_GPU_ALLOW_GROWTH"]) == ("true", "false")
