"""Turns folders of pictures into records, and pictures of CIFAR-10 into records of sources. Imports no TensorFlow."""
