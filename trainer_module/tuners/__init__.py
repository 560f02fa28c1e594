"""KerasTuner tuners that run sweeps and searches. Imports oracles and sweep."""
