"""The engine and its record: trains the cells of one sweep, and single models. Imports cell_training."""
