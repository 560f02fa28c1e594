"""How well gains are predicted, and how good searches are. Imported by nothing outside benchmarks."""
