"""Coverage-guided fuzzing of readers of files: `python -m benchmarks.fuzz ledger`. Nothing imports this.

It needs Atheris, which is not in the lock (`uv pip install --only-binary atheris atheris`). An error that is not Thaw's
own, 30 seconds or 2 GiB of memory end it with the input in a file `crash-...`. Whether a reader accepts too much is
tested by the mutation tests.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

from experiment.loading import PRESETS

with atheris.instrument_imports(include=["pipeline", "ledger.ledger", "ledger.sealed_lines"]):
    from experiment.config import Data
    from experiment.errors import ThawError
    from experiment.loading import load_config
    from ledger.ledger import read_ledger
with atheris.instrument_imports(include=["acquisition"]):
    from acquisition.tfrecords import image_checks, inspection
    from acquisition.tfrecords.tfrecords import RecordPosition

SHAPE = (8, 8, 3)


def reader(name: str, folder: Path) -> Callable[[bytes], object]:
    """Called with each input; raises ThawError if it rejects the input."""
    path = folder / "input.yaml"
    data = Data(image_shape=SHAPE)
    undecodable = image_checks.make_decoder(data.image_shape)

    def read_record(content: bytes) -> object:
        return undecodable([inspection._parse(data, RecordPosition(path, 0), content).image])

    def read_file(content: bytes) -> object:
        path.write_bytes(content)
        return load_config(path) if name == "config" else read_ledger(path)

    return read_record if name == "record" else read_file


def seeds(name: str, folder: Path, given: list[Path]) -> Path:
    """A folder of valid inputs to begin with."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for path in sorted(PRESETS.glob("*.yaml")) if name == "config" else given:
        (corpus / path.name).write_bytes(path.read_bytes())
    return corpus


def main() -> None:
    """Reads the command line and fuzzes until so many inputs were read."""
    parser = argparse.ArgumentParser(description="Fuzzes a reader of Thaw, guided by coverage.")
    parser.add_argument("reader", choices=("config", "ledger", "record"))
    parser.add_argument("--runs", type=int, default=100_000, help="inputs to read (100,000)")
    parser.add_argument("--seeds", type=Path, nargs="*", default=[], help="valid ledgers or records to begin with")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    read = reader(arguments.reader, folder)

    def read_one(content: bytes) -> None:
        with contextlib.suppress(ThawError):
            read(content)

    corpus = str(seeds(arguments.reader, folder, arguments.seeds))
    limits = [f"-runs={arguments.runs}", "-timeout=30", "-rss_limit_mb=2048", "-max_len=65536", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits, corpus], read_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
