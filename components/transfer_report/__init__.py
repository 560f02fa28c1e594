"""The report: ledgers to verdicts, figures, page and closing table. TensorFlow is component.py's alone."""
