"""Advisories in OSV's format: which versions each is about, and where it is fixed. Imports no package but errors.

The format is https://ossf.github.io/osv-schema/; PyPA's database (github.com/pypa/advisory-database) keeps a YAML file
for each advisory, `vulns/<package>/<id>.yaml`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from experiment.errors import ThawError

START = Version("0.dev0")
"""OSV's "0": before every version."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """Versions from `introduced` on, up to `fixed` (not in it), to `last` (in it), or without end."""

    introduced: Version
    fixed: Version | None = None
    last: Version | None = None

    def holds(self, version: Version) -> bool:
        before_end = self.fixed is None or version < self.fixed
        return self.introduced <= version and before_end and (self.last is None or version <= self.last)


@dataclasses.dataclass(frozen=True)
class Advisory:
    """One advisory as far as it is about one package.

    Args:
      ids: its own, then other databases' for the same.
      intervals: of affected versions.
      versions: affected versions that are named one by one.
    """

    ids: tuple[str, ...]
    intervals: tuple[Interval, ...]
    versions: tuple[str, ...] = ()

    def affects(self, version: str) -> bool:
        """Whether a version is in an interval or named."""
        wanted = Version(version)
        return any(interval.holds(wanted) for interval in self.intervals) or any(
            _equal(named, wanted) for named in self.versions
        )

    def fixed_in(self, version: str) -> str:
        """The first release after an affected version that is reported as not affected, or that no release is."""
        holding = [interval for interval in self.intervals if interval.holds(Version(version))]
        if any(interval.fixed is None and interval.last is None for interval in holding) or not holding:
            return "no release"
        last = max(holding, key=lambda interval: interval.fixed or interval.last or START)
        return str(last.fixed) if last.fixed else f"after {last.last}"


def read_advisory(record: Mapping[str, Any], package: str, origin: str) -> Advisory | None:
    """A record's part about a package of PyPI; none where it is withdrawn or only about others.

    Args:
      record: an advisory in OSV's format.
      package: any spelling of its name.
      origin: the record's file, for messages.

    Raises:
      ThawError: the record is not in the format.
    """
    try:
        if record.get("withdrawn"):
            return None
        parts = [
            part
            for part in record["affected"]
            if part["package"]["ecosystem"] == "PyPI"
            and canonicalize_name(part["package"]["name"]) == canonicalize_name(package)
        ]
        if not parts:
            return None
        # Ranges of commits say nothing of releases.
        ranges = [one for part in parts for one in part.get("ranges", ()) if one["type"] == "ECOSYSTEM"]
        intervals = tuple(interval for one in ranges for interval in _intervals(one["events"]))
        named = tuple(str(version) for part in parts for version in part.get("versions", ()))
        return Advisory((record["id"], *record.get("aliases", ())), intervals, named)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ThawError(f"{origin} is not an advisory in OSV's format ({type(error).__name__}: {error}). Expected id, "
                        "and affected with package, ranges and versions, as in github.com/pypa/advisory-database."
                        ) from error  # fmt: skip


def _intervals(events: list[Mapping[str, Any]]) -> Iterator[Interval]:
    """Intervals of one range: each begins at an event `introduced`, and ends at the next event after it."""
    # Of the same version, an end that leaves it out comes first, and one that takes it in comes last.
    kinds = {"fixed": 0, "introduced": 1, "last_affected": 2}
    ordered = sorted(
        (Version(str(value)) if (kind, str(value)) != ("introduced", "0") else START, kinds[kind])
        for event in events for kind, value in event.items() if kind in kinds
    )  # fmt: skip
    begin: Version | None = None
    for version, kind in ordered:
        if kind == kinds["introduced"]:
            begin = version if begin is None else begin
        elif begin is not None:
            yield Interval(begin, fixed=version) if kind == kinds["fixed"] else Interval(begin, last=version)
            begin = None
    if begin is not None:
        yield Interval(begin)


def _equal(named: str, wanted: Version) -> bool:
    try:
        return Version(named) == wanted
    except InvalidVersion:  # some of PyPI's oldest releases
        return False
