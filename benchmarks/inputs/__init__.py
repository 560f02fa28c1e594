"""Inputs that several benchmarks share. Imported by nothing outside benchmarks."""
