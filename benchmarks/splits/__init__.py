"""Benchmark of near-duplicates: which altered copies are found, and which different photos are joined."""
