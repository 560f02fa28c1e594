"""Finds near-duplicates and chooses which pictures are train, val and test. Imports no TensorFlow."""
