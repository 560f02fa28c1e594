"""Which versions an advisory is about: intervals, versions named one by one, what is withdrawn. No TensorFlow."""

import pytest

from docs_build.osv import Advisory, Interval, read_advisory
from experiment.errors import ThawError


def record(*events, versions=(), package="pillow", ecosystem="PyPI", kind="ECOSYSTEM", **more):
    """An advisory of OSV's format with one range."""
    ranges = [{"type": kind, "events": [dict([event]) for event in events]}] if events else []
    part = {"package": {"name": package, "ecosystem": ecosystem}, "ranges": ranges, "versions": list(versions)}
    return {"id": "PYSEC-1", "aliases": ["CVE-1", "GHSA-1"], "affected": [part], **more}


def affected(advisory, *versions):
    return [version for version in versions if advisory.affects(version)]


def read(*events, **more):
    return read_advisory(record(*events, **more), "pillow", "here.yaml")


@pytest.mark.parametrize(
    ("events", "hit"),
    [
        ((("introduced", "0"), ("fixed", "2.0")), ["0.1", "1.0", "1.9.9", "2.0rc1"]),
        ((("introduced", "1.0"), ("fixed", "2.0")), ["1.0", "1.9.9", "2.0rc1"]),
        ((("introduced", "1.0"), ("last_affected", "2.0")), ["1.0", "1.9.9", "2.0rc1", "2.0"]),
        ((("introduced", "2.0"), ("last_affected", "2.0")), ["2.0"]),
        ((("introduced", "2.0"),), ["2.0", "2.0.post1", "2.1", "10.0"]),
        ((("introduced", "0"), ("fixed", "1.0"), ("introduced", "2.0"), ("fixed", "2.1")), ["0.1", "2.0", "2.0.post1"]),
        # As in urllib3's advisories, the newer branch stands first.
        ((("introduced", "2.0"), ("fixed", "2.1"), ("introduced", "0"), ("fixed", "1.0")), ["0.1", "2.0", "2.0.post1"]),
        # 10.0 comes after 2.0 as a version, not as text.
        ((("introduced", "2.1"), ("fixed", "10.0")), ["2.1"]),
        ((("introduced", "0"), ("fixed", "2.0"), ("introduced", "2.0"), ("fixed", "2.1")),
         ["0.1", "1.0", "1.9.9", "2.0rc1", "2.0", "2.0.post1"]),
    ],
)  # fmt: skip
def test_a_version_is_affected_from_introduced_up_to_what_ends_it(events, hit):
    asked = ("0.1", "1.0", "1.9.9", "2.0rc1", "2.0", "2.0.post1", "2.1", "10.0")
    assert affected(read(*events), *asked) == hit


def test_versions_named_one_by_one_are_affected_beside_the_range():
    advisory = read(("introduced", "2.0"), ("fixed", "2.1"), versions=["1.0", "0.7.4.svn.r2010"])
    assert affected(advisory, "1", "1.0.0", "1.1", "2.0.5") == ["1", "1.0.0", "2.0.5"]


def test_ranges_of_commits_and_other_ecosystems_say_nothing():
    advisory = read(("introduced", "0"), kind="GIT", versions=["1.0"])
    assert affected(advisory, "1.0", "1.1") == ["1.0"]
    assert read(("introduced", "0"), ecosystem="npm") is None
    assert read(("introduced", "0"), package="pil") is None


def test_a_package_is_known_in_any_spelling():
    assert read_advisory(record(("introduced", "0"), package="Foo_Bar"), "foo-bar", "here").affects("1.0")


def test_what_is_withdrawn_is_no_advisory():
    assert read(("introduced", "0"), withdrawn="2024-01-01T00:00:00Z") is None
    assert read(("introduced", "0"), withdrawn=None).affects("1.0")


def test_all_names_of_an_advisory_are_kept_its_own_first():
    assert read(("introduced", "0")).ids == ("PYSEC-1", "CVE-1", "GHSA-1")


@pytest.mark.parametrize(
    ("events", "version", "fixed"),
    [
        ((("introduced", "0"), ("fixed", "1.0"), ("introduced", "2.0"), ("fixed", "2.1")), "0.5", "1.0"),
        ((("introduced", "0"), ("fixed", "1.0"), ("introduced", "2.0"), ("fixed", "2.1")), "2.0", "2.1"),
        ((("introduced", "0"), ("last_affected", "1.0")), "0.5", "after 1.0"),
        ((("introduced", "0"),), "0.5", "no release"),
    ],
)
def test_the_fix_is_the_one_of_the_versions_own_branch(events, version, fixed):
    assert read(*events).fixed_in(version) == fixed


def test_where_two_ranges_hold_a_version_the_later_fix_counts():
    advisory = Advisory(("A",), (read(("introduced", "0"), ("fixed", "1.0")).intervals[0],
                                 read(("introduced", "0"), ("fixed", "1.2")).intervals[0]))  # fmt: skip
    assert advisory.fixed_in("0.9") == "1.2"
    assert Advisory(("A",), (), ("0.9",)).fixed_in("0.9") == "no release"


def test_an_interval_without_end_holds_all_later_versions():
    [interval] = read(("introduced", "1.0")).intervals
    assert interval == Interval(interval.introduced) and interval.fixed is None and interval.last is None


@pytest.mark.parametrize(
    "broken",
    [
        {"id": "PYSEC-1", "affects": {"ranges": [{"type": "ECOSYSTEM", "fixed": "1.0"}]}},
        {"id": "PYSEC-1", "affected": None},
        {"id": "PYSEC-1", "affected": [{"package": {"name": "pillow"}}]},
        record(("introduced", "no version")),
        {key: value for key, value in record(("introduced", "0")).items() if key != "id"},
    ],
)
def test_another_format_is_refused_by_name(broken):
    with pytest.raises(ThawError, match=r"here\.yaml is not an advisory in OSV's format"):
        read_advisory(broken, "pillow", "here.yaml")
