"""Generates images of synthetic classes, for tests and for trying Thaw without data. Imports no TensorFlow."""
