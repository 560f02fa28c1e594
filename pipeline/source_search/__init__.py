"""`thaw advise` and `thaw search`: which source and cell, without the grid. Imports runner and runs."""
