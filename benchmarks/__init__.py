"""Benchmarks against the stock way; `make bench` runs them. Imported by nothing."""
