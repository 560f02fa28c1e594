"""Writes docs/advisories.md: the locked packages that have known advisories, by stack. Imports locked_packages and osv.

Run `python -m docs_build.advisories DATABASE docs/advisories.md`, where DATABASE is a clone of
github.com/pypa/advisory-database. advisories.yaml next to this module says what in Thaw can reach each package; without
such a text, a package with an advisory is an error. DATABASE may also be a part of it with part.yaml in it:

    source: which repository, when, at which commits      (printed)
    folders: {pyarrow: 3, absl-py: 0}                     (packages looked up, and how many advisories each has there)
"""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from docs_build.locked_packages import installed
from docs_build.osv import Advisory, read_advisory
from experiment.errors import ThawError

LOCK = Path(__file__).parents[1] / "uv.lock"
BY_HAND = Path(__file__).with_suffix(".yaml")
PYTHONS = ("3.10", "3.13")
COLUMNS = "| package | version | advisories | fixed in | what in Thaw can reach it |\n|---|---|---|---|---|"

Texts = Mapping[str, "str | Mapping[str, str]"]


@dataclasses.dataclass(frozen=True)
class Database:
    """Advisories, and how much of the database was read.

    Args:
      advisories: by package.
      read: number of files by package, withdrawn advisories included.
      source: where they come from.
      folders: for a part of the database, the number of advisories in the whole of it, by package looked up; None for a
        clone of the whole.
    """

    advisories: Mapping[str, Sequence[Advisory]]
    read: Mapping[str, int]
    source: str
    folders: Mapping[str, int] | None = None


def main(argv: Sequence[str]) -> int:
    """Writes the page; returns the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", type=Path, help="a clone of github.com/pypa/advisory-database, or a part of it")
    parser.add_argument("page", type=Path, help="the file to write")
    arguments = parser.parse_args(argv)
    try:
        by_hand = yaml.safe_load(BY_HAND.read_text(encoding="utf-8"))
        stacks = {python: installed(LOCK, python) for python in PYTHONS}
        database = read_database(arguments.database, sorted({name for stack in stacks.values() for name in stack}))
        arguments.page.write_text(page(stacks, database, by_hand), encoding="utf-8")
    except ThawError as error:
        print(f"thaw: {error}", file=sys.stderr)
        return 1
    return 0


def read_database(folder: Path, packages: Sequence[str]) -> Database:
    """The advisories of the packages.

    Raises:
      ThawError: the folder is neither a clone nor a part, or a file in it is not an advisory.
    """
    if not (folder / "vulns").is_dir():
        raise ThawError(f"{folder} has no folder vulns. Expected a clone of github.com/pypa/advisory-database.")
    found: dict[str, list[Advisory]] = {}
    read: dict[str, int] = {}
    for name in packages:
        paths = sorted((folder / "vulns" / name).glob("*.yaml"))
        records = [read_advisory(yaml.safe_load(path.read_text(encoding="utf-8")), name, str(path)) for path in paths]
        found[name] = [record for record in records if record]
        read[name] = len(paths)
    part = folder / "part.yaml"
    if part.exists():
        told = yaml.safe_load(part.read_text(encoding="utf-8"))
        return Database(found, read, told["source"].strip(), told["folders"])
    command = ["git", "-C", str(folder), "log", "-1", "--format=commit %H of %cs"]
    if not (folder / ".git").exists():  # git itself would also look in the parent folders
        raise ThawError(f"{folder} is not a git clone and has no part.yaml. Clone github.com/pypa/advisory-database, "
                        "or write part.yaml as docs_build/advisories.py says at its beginning.")  # fmt: skip
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    address = "[PyPA's advisory database](https://github.com/pypa/advisory-database)"
    return Database(found, read, f"{address}, {commit}.")


def page(stacks: Mapping[str, Mapping[str, str]], database: Database, by_hand: Mapping[str, Any]) -> str:
    """The page as Markdown.

    Args:
      stacks: versions by package, by Python.
      database: the advisories.
      by_hand: advisories.yaml's content.

    Raises:
      ThawError: a package has an advisory and no text, or a text and no advisory.
    """
    later = _later(by_hand["later"], database)
    all_advisories = {
        name: [*database.advisories.get(name, ()), *later.get(name, ())]
        for name in sorted({*database.advisories, *later})
    }
    marked = {advisory.ids[0] for advisories in later.values() for advisory in advisories}
    hits = {
        python: {
            name: affecting
            for name, version in versions.items()
            if (affecting := [one for one in all_advisories.get(name, ()) if one.affects(version)])
        }
        for python, versions in stacks.items()
    }
    _check_words(by_hand["reach"], hits)
    parts = [by_hand["introduction"].strip()]
    for python, versions in stacks.items():
        rows = [_row(name, versions[name], found, _words(by_hand["reach"], name, python), marked)
                for name, found in hits[python].items()]  # fmt: skip
        title = f"## Python {python}: TFX {versions['tfx']}, TensorFlow {versions['tensorflow']}"
        parts.append("\n".join([title, "", f"{len(rows)} of {len(versions)} packages.", "", COLUMNS, *rows]))
    parts += [by_hand["marked"].strip(), _extent(stacks, database), by_hand["open_questions"].strip()]
    return "\n\n".join(parts) + "\n"


def _later(records: Sequence[Mapping[str, Any]], database: Database) -> dict[str, list[Advisory]]:
    """Advisories entered by hand, by package, without those that the database has under any of their names."""
    later: dict[str, list[Advisory]] = {}
    for record in records:
        name = record["affected"][0]["package"]["name"]
        advisory = read_advisory(record, name, str(BY_HAND))
        known = {name for one in database.advisories.get(name, ()) for name in one.ids}
        if advisory and not known & set(advisory.ids):
            later.setdefault(name, []).append(advisory)
    return later


def _check_words(reach: Texts, hits: Mapping[str, Mapping[str, Sequence[Advisory]]]) -> None:
    wanted = {(name, python) for python, found in hits.items() for name in found}
    for name, python in sorted(wanted):
        if not _words(reach, name, python):
            ids = ", ".join(one.ids[0] for one in hits[python][name])
            raise ThawError(f"{BY_HAND.name} does not say what in Thaw can reach {name} on Python {python} ({ids}). "
                            f"Read the advisories and write it under reach.{name}.")  # fmt: skip
    if idle := sorted(set(reach) - {name for name, _ in wanted}):
        raise ThawError(f"{BY_HAND.name} has a text for {', '.join(idle)}, which no advisory affects. Remove it "
                        "from reach.")  # fmt: skip


def _words(reach: Texts, name: str, python: str) -> str:
    told = reach.get(name, "")
    return " ".join((told if isinstance(told, str) else told.get(python, "")).split())


def _row(name: str, version: str, advisories: Sequence[Advisory], words: str, marked: set[str]) -> str:
    ids = [", ".join(one.ids) + ("*" if one.ids[0] in marked else "") for one in advisories]
    fixed = [one.fixed_in(version) for one in advisories]
    return f"| {name} | {version} | {'<br>'.join(ids)} | {'<br>'.join(fixed)} | {words} |"


def _extent(stacks: Mapping[str, Mapping[str, str]], database: Database) -> str:
    """The page's section on which packages were looked up."""
    parts = ["## What was looked up", database.source]
    if database.folders is None:
        return "\n\n".join([*parts, "All packages of both stacks were looked up there."])
    packages = {name for versions in stacks.values() for name in versions}
    folders = {name: count for name, count in sorted(database.folders.items()) if name in packages}
    read = {name: database.read.get(name, 0) for name in folders}
    groups = {
        "not in the database": [name for name, count in folders.items() if not count],
        "in it, every advisory read": [name for name, count in folders.items() if 0 < count <= read[name]],
        "in it, some or no advisories read": [
            f"{name} ({read[name]} of {count})" for name, count in folders.items() if count > read[name]
        ],
        "not looked up": sorted(packages - set(folders)),
    }
    rows = [f"| {title} | {len(names)} | {', '.join(names)} |" for title, names in groups.items() if names]
    return "\n\n".join([*parts, "\n".join(["| packages | number | names |", "|---|---|---|", *rows])])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
