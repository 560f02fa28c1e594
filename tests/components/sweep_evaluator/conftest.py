"""The images and ledgers of the analysis's tests of metrics."""

from tests.analysis.evaluated_images import (  # noqa: F401
    examples_at,
    images_of,
    ledger_of,
    ledgers_at,
    probabilities_of,
    row_of,
)
