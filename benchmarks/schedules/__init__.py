"""How schedules of training compare. Imported by nothing outside benchmarks."""
