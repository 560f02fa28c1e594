"""One run on this machine: plan, launch, checks of the machine, progress. Imports dag and runs."""
