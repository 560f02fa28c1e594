"""Intervals, metrics and formats of numbers; know nothing of sweeps."""
