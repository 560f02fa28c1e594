"""Estimates from features alone, before any target training. Imports numpy, scipy and scikit-learn, nothing of Thaw."""
