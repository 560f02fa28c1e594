"""The report: ledgers to verdicts, figures, page and closing table. Only component.py imports TensorFlow."""
