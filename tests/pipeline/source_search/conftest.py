"""Rows and headers, made as for the tests of analysis."""

from tests.analysis.report_ledgers import header_of, row_of  # noqa: F401
