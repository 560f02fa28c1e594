"""The ledgers of the analysis's tests, shaped like real ones."""

from tests.analysis.conftest import grid_of  # noqa: F401
from tests.analysis.report_ledgers import before_of, header_of, quick_ledgers, report_ledgers, row_of  # noqa: F401
