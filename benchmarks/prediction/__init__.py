"""Benchmarks of predicted gains and of searches. Imported by nothing outside benchmarks."""
