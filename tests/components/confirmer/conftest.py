"""The grids of the analysis's tests."""

from tests.analysis.conftest import grid_of  # noqa: F401
from tests.analysis.report_ledgers import header_of, row_of  # noqa: F401
