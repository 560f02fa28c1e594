"""Processes of one thread, forked from a server that has imported TensorFlow. Imports nothing of the other folders."""
