"""Findings from the grid: learning curves, labels saved, what to use, what to push."""
