"""What short probes foretell of a transfer's gain, on targets that a rule has not seen."""
