"""Sets what TensorFlow reads while it is imported, before any test does so. Imports nothing of ours."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "0"  # tensorflow_transform sets it to 1 where it is unset
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
