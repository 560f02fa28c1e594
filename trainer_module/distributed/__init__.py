"""Sweeps over several machines: chief and workers. Imports tuners and oracles."""
