"""The plan of a run: its work, its time, and what a time limit allows. Imports no dag and no runs."""
