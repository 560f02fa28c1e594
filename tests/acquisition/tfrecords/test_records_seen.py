"""What no two records may have in common. Imports inspection, writes a few records and trains nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acquisition.tfrecords.inspection import inspect_records
from acquisition.tfrecords.record_files import find_record_files
from experiment.config import Data
from experiment.errors import ThawError


def test_an_image_in_train_and_val_is_refused_where_the_records_mark_val(make: Any, tmp_path: Path) -> None:
    """Val decides choices, for which images that were trained on are useless. A drawn val is not checked here."""
    train = [make.example(image=make.png(i % 3), label=0, id=b"%d" % i, v=int(i == 4)) for i in range(5)]
    test = [make.example(image=make.png(9), label=0, id=b"9", v=0)]
    files = find_record_files(make.data_set(tmp_path, train, test))
    with pytest.raises(ThawError, match=r"record 4 \(val\): the same image is also in .*record 1 \(train\)"):
        inspect_records(files, Data(val_key="v"))
    assert inspect_records(files, Data()).train_counts["airplane"] == 5
