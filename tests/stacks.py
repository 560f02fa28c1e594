"""A stack for headers and facts that tests make up. Imports no TensorFlow."""

from experiment.stack import Stack

STACK = Stack("2.16.2", "3.12.4", "1.26.4", "1.5.1", "1.13.1", "float32", True, "CPU")
