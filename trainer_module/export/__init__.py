"""Exports of a trained network: SavedModel and TensorFlow Lite. Imports networks and data."""
