"""Figures of the report: heat maps, curves, controls. Imports matplotlib and analysis, no TFX and no TensorFlow."""
