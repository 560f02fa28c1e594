"""Writes pages of the documentation from code and finished runs. Nothing imports this package."""
