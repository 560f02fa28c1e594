"""Pages of the report: report.html, model card, closing table. Imports analysis, no TFX and no TensorFlow."""
