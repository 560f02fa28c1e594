"""Processes of one thread, forked from a server that has imported TensorFlow. Imports no other folder."""
