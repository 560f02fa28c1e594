"""What a trained network becomes outside: SavedModel and TensorFlow Lite. Imports networks and data."""
