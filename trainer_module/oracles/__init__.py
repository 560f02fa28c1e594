"""What to train next: KerasTuner's oracles of a sweep, of a search, of distributed sweeps. Imports sweep."""
