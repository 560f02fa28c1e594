"""Rows of a ledger."""

from tests.ledger.rows import make_row  # noqa: F401
