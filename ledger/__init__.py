"""What was measured: append-only rows, their seals, and the cell that val chooses. Imports no TensorFlow."""
