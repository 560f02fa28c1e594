"""Estimates from features alone, before target training. Imports numpy, scipy and scikit-learn, nothing from Thaw."""
