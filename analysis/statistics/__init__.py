"""Intervals, metrics and formats of numbers; independent of sweeps."""
