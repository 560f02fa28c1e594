"""Notebooks on finished runs, and what renders them; `make notebooks` does it. Imported by nothing but tests."""
