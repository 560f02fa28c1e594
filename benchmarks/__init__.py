"""Benchmarks against stock Keras and TFX; `make bench` runs the main one. Imported by nothing."""
