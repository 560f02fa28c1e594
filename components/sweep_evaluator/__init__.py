"""TFMA's metrics of every cell of a run, from the predictions in the ledgers."""
