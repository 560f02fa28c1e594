"""What short probes forecast of a transfer's gain, on targets that a rule has not seen."""
