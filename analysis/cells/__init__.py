"""Cells of the grid: rows of transfer and baseline paired, summarised over draws, scored on slices."""
