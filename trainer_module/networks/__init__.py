"""Architectures, cut points and weights as Keras layers. Imports experiment, nothing from the other folders."""
