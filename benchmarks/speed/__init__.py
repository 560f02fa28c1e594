"""Thaw timed against stock Keras and TFX. Imported by nothing outside benchmarks."""
