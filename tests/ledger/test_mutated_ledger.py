"""Alterations of a ledger are detected row by row. Mutates thousands of copies; no TensorFlow."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiment.errors import ThawError
from ledger.ledger import Ledger, LedgerParts, read_ledger, write_ledger
from ledger.rows import Header
from ledger.sealed_lines import digest_of, sealed_line
from tests.stacks import STACK

HEADER = Header(
    sweep="cats_dogs__original", source="cats_dogs", architecture="original", baseline="original", data="cifar10",
    classes=("automobile", "truck"), source_hash="ab", content_hash="c0", test_labels=(0, 1, 1), test_ids_hash="cd",
    val_images=(5, 5), max_freeze_count=8, family="", stack=STACK, test_groups=(),
)  # fmt: skip
ALL = [pytest.mark.exhaustive, pytest.mark.timeout(3600)]


def same(row, other):
    pairs = ((getattr(row, field.name), getattr(other, field.name)) for field in dataclasses.fields(row))
    return all(np.array_equal(left, right) for left, right in pairs)


@pytest.fixture
def rows(make_row):
    return [make_row(f"k{draw}", draw=draw, val_accuracy=0.5 + draw / 10) for draw in range(3)]


@pytest.fixture
def whole(rows, tmp_path):
    write_ledger(tmp_path / "whole.jsonl", HEADER, rows)
    return (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize(
    "numbers", [pytest.param(range(300), id="some"), pytest.param(range(20_000), id="all", marks=ALL)]
)
def test_what_is_read_from_a_damaged_ledger_is_what_was_written(mutations, rows, whole, tmp_path, numbers):
    path = tmp_path / "damaged.jsonl"
    refused = 0
    for content in mutations([whole], numbers):
        path.write_bytes(content)
        try:
            header, found = read_ledger(path)
        except ThawError as error:
            assert "damaged.jsonl, line " in str(error) or "is not a ledger of Thaw" in str(error)
            refused += 1
        else:
            assert header == HEADER
            assert all(any(same(row, written) for written in rows) for row in found)
    assert refused > 0.8 * len(numbers)


@pytest.mark.parametrize(
    "numbers", [pytest.param(range(50), id="some"), pytest.param(range(5_000), id="all", marks=ALL)]
)
def test_a_damaged_ledger_is_opened_with_its_own_rows_or_refused(mutations, rows, whole, tmp_path, numbers):
    path = tmp_path / "damaged.jsonl"
    for content in mutations([whole], numbers):
        path.write_bytes(content)
        try:
            ledger = Ledger(path, HEADER)
        except ThawError as error:
            assert "damaged.jsonl" in str(error)
        else:
            assert all(same(row, next(r for r in rows if r.key == key)) for key, row in ledger.rows.items())


def altered(whole, line, **changes):
    """The ledger with values of one row changed by a careful hand: valid JSON, valid types."""
    lines = [json.loads(text) for text in whole.splitlines()]
    (lines[line]["row"] if line else lines[line]["header"]).update(changes)
    return b"".join(json.dumps(content, separators=(",", ":")).encode() + b"\n" for content in lines)


def test_a_row_whose_accuracy_was_raised_is_refused_with_its_line(whole, tmp_path):
    path = tmp_path / "sweep.jsonl"
    path.write_bytes(altered(whole, 2, val_accuracy=0.99))
    for reading in (lambda: read_ledger(path), lambda: Ledger(path, HEADER)):
        with pytest.raises(ThawError, match=r"sweep\.jsonl, line 3: damaged or altered .*does not match its digest"):
            reading()
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.jsonl").write_bytes(path.read_bytes())
    with pytest.raises(ThawError, match=r"a\.jsonl, line 3: damaged or altered"):
        LedgerParts(tmp_path / "parts", HEADER).new_rows()


def test_a_row_without_its_digest_is_refused(whole, tmp_path):
    lines = whole.splitlines()
    lines[1] = json.dumps({"row": json.loads(lines[1])["row"]}).encode()
    (tmp_path / "sweep.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(ThawError, match=r"line 2: .*expected a row and its digest"):
        read_ledger(tmp_path / "sweep.jsonl")


def test_a_header_that_names_another_source_is_refused(whole, tmp_path):
    (tmp_path / "sweep.jsonl").write_bytes(altered(whole, 0, source_hash="ff"))
    with pytest.raises(ThawError, match=r"sweep\.jsonl, line 1: damaged or altered"):
        read_ledger(tmp_path / "sweep.jsonl")


def test_a_row_from_the_ledger_of_another_source_is_refused(make_row, whole, tmp_path):
    other = tmp_path / "other.jsonl"
    write_ledger(other, dataclasses.replace(HEADER, source_hash="ff"), [make_row("k9")])
    path = tmp_path / "sweep.jsonl"
    path.write_bytes(whole + other.read_bytes().splitlines(keepends=True)[1])
    with pytest.raises(ThawError, match=r"sweep\.jsonl, line 5: damaged or altered"):
        read_ledger(path)


@pytest.mark.parametrize("bare", [[0], [0, 1, 2, 3]], ids=["the header", "every line"])
def test_a_ledger_whose_header_has_no_digest_is_refused(bare, whole, tmp_path):
    lines = [json.loads(line) for line in whole.splitlines()]
    for place in bare:
        del lines[place]["digest"]
    path = tmp_path / "sweep.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for reading in (lambda: read_ledger(path), lambda: Ledger(path, HEADER)):
        with pytest.raises(ThawError, match=r"sweep\.jsonl, line 1: .*expected a header and its digest"):
            reading()


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Header)])
def test_a_header_that_lacks_a_field_is_of_another_version(name, tmp_path):
    content = {key: value for key, value in dataclasses.asdict(HEADER).items() if key != name}
    (tmp_path / "sweep.jsonl").write_bytes(sealed_line("header", content))
    for reading in (read_ledger, lambda path: Ledger(path, HEADER)):
        with pytest.raises(
            ThawError, match=rf"sweep\.jsonl was written by another version .*: its header lacks {name}\."
        ):
            reading(tmp_path / "sweep.jsonl")


def test_what_another_version_wrote_is_not_said_to_be_damaged(whole, tmp_path):
    content = dataclasses.asdict(HEADER)
    old_stack, newer = {**content["stack"]}, {**content, "weather": "fine"}
    del old_stack["scipy"]
    row = json.loads(whole.splitlines()[1])["row"]
    old_row = {key: value for key, value in row.items() if key not in ("train_accuracy", "held_from")}
    lines = {
        "its header has also weather.": [sealed_line("header", newer)],
        "its stack lacks scipy.": [sealed_line("header", {**content, "stack": old_stack})],
        "its row lacks train_accuracy.": [
            sealed_line("header", content), sealed_line("row", old_row, digest_of(json.loads(json.dumps(content))))
        ],
    }  # fmt: skip
    for said, written in lines.items():
        (tmp_path / "sweep.jsonl").write_bytes(b"".join(written))
        with pytest.raises(ThawError, match=f"another version of Thaw: {said}.*Move the file away"):
            read_ledger(tmp_path / "sweep.jsonl")


def test_a_header_of_something_else_is_not_a_ledger(tmp_path):
    (tmp_path / "sweep.jsonl").write_bytes(sealed_line("header", {"weather": "fine"}))
    with pytest.raises(ThawError, match="is not a ledger of Thaw: its first line should be the header"):
        read_ledger(tmp_path / "sweep.jsonl")


APPENDS_ON_A_FULL_DISK = """
import dataclasses, resource, sys
from pathlib import Path
from experiment.errors import ThawError
from ledger.ledger import Ledger, read_ledger
path = Path(sys.argv[1])
header, [row] = read_ledger(path)
ledger = Ledger(path, header)
before = path.read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 40, resource.RLIM_INFINITY))
try:
    ledger.append(dataclasses.replace(row, key="k1"))
except ThawError as error:
    print(error)
assert path.read_bytes() == before and list(ledger.rows) == ["k0"]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ledger.append(dataclasses.replace(row, key="k1"))
"""


def test_on_a_full_disk_the_row_is_refused_and_the_ledger_stays_as_it_was(rows, tmp_path):
    """A limit on the size of files takes the first part of a row and refuses the rest, as a full disk does."""
    path = tmp_path / "sweep.jsonl"
    write_ledger(path, HEADER, rows[:1])
    command = [sys.executable, "-c", APPENDS_ON_A_FULL_DISK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert f"Can't write the ledger {path}: File too large. Its rows so far are kept." in done.stdout
    assert [row.key for row in read_ledger(path)[1]] == ["k0", "k1"]


def test_a_device_that_is_full_is_named(rows, tmp_path):
    (tmp_path / "sweep.jsonl").symlink_to("/dev/full")
    with pytest.raises(ThawError, match=r"Can't write the ledger .*: No space left on device"):
        Ledger(tmp_path / "sweep.jsonl", HEADER)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ThawError, match=r"Can't write the ledger .*sweep\.jsonl: (Not a directory|File exists)"):
        Ledger(tmp_path / "file" / "sweep.jsonl", HEADER)
