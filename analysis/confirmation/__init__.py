"""Evaluates fresh draws of the cells that the search chose: collapse, intervals, verdicts. Reads no ledger."""
