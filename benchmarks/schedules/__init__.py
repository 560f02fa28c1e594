"""Comparisons of training schedules. Imported by nothing outside benchmarks."""
