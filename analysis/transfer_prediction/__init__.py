"""Gains predicted before training, and how well the predictions agreed with the measurements."""
