"""The engine and its processes: trains the cells of one sweep, and single models. Imports cell_training."""
