"""Estimates from features alone, before any target training. Imports numpy and scipy, nothing of Thaw."""
