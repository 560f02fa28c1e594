"""Architectures, cut points and weights as Keras layers. Imports experiment, nothing of the other folders."""
