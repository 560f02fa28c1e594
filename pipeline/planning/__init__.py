"""What a run would do, how long it takes, and what there is time for. Imports no dag and no runs."""
