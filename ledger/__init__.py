"""Measured results: append-only rows, their digests, the choice of the best cell on val. Imports no TensorFlow."""
