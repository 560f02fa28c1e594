"""Reads, checks and writes files of TFRecords. Imports no TensorFlow when it is imported."""
