"""What the grid says: learning curves, labels saved, what to use, what to push."""
