"""Gains predicted before training, and how well the predictions agreed with what was measured."""
