"""From rows to verdicts: statistics, cells, claims, findings, predicted gains. No TensorFlow, no trainer code."""
