"""docs/advisories.md: the advisories it lists, their texts, and that it is about our lock. No TensorFlow."""

import re
import subprocess

import pytest
import yaml

from docs_build.advisories import BY_HAND, LOCK, PYTHONS, main, page, read_database
from docs_build.locked_packages import installed
from experiment.errors import ThawError

PAGE = LOCK.parent / "docs" / "advisories.md"
STACKS = {
    "3.10": {"tfx": "1.16.0", "tensorflow": "2.16.2", "pillow": "9.0", "quiet": "1.0"},
    "3.13": {"tfx": "1.21.0", "tensorflow": "2.21.0", "pillow": "10.0", "quiet": "1.0", "unseen": "1.0"},
}


def advisory(name, package, fixed, **more):
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    return {"id": name, "affected": [{"package": {"name": package, "ecosystem": "PyPI"}, "ranges": ranges}], **more}


def by_hand(reach, later=()):
    return {"introduction": "# Advisories\n", "marked": "By hand.\n", "open_questions": "Open.\n", "reach": reach,
            "later": list(later)}  # fmt: skip


@pytest.fixture
def database(tmp_path):
    """A part of the database with pillow's advisories: one of the old stack, one withdrawn."""
    folder = tmp_path / "vulns" / "pillow"
    folder.mkdir(parents=True)
    for record in (
        advisory("PYSEC-2022-1", "pillow", "9.1", aliases=["CVE-2022-1"]),
        advisory("PYSEC-2022-2", "pillow", "99", withdrawn="2022-01-01"),
    ):
        (folder / f"{record['id']}.yaml").write_text(yaml.safe_dump(record))
    folders = {"pillow": 3, "quiet": 0, "tfx": 0, "tensorflow": 455}
    (tmp_path / "part.yaml").write_text(yaml.safe_dump({"source": "A part.", "folders": folders}))
    return tmp_path


def read(folder):
    return read_database(folder, sorted({name for stack in STACKS.values() for name in stack}))


def rows(text):
    """Package, version, advisories and fixes of each row, by Python."""
    found = {}
    for section in text.split("\n## Python ")[1:]:
        lines = [line.strip("| ").split(" | ") for line in section.split("\n## ")[0].splitlines() if line[:1] == "|"]
        found[section.split(":")[0]] = [cells[:4] for cells in lines[2:]]
    return found


def test_a_package_stands_in_the_stack_whose_version_is_affected(database):
    text = page(STACKS, read(database), by_hand({"pillow": "Images."}))
    assert rows(text) == {"3.10": [["pillow", "9.0", "PYSEC-2022-1, CVE-2022-1", "9.1"]], "3.13": []}
    assert "## Python 3.10: TFX 1.16.0, TensorFlow 2.16.2\n\n1 of 4 packages." in text
    assert "| Images. |" in text


def test_an_advisory_without_words_fails_and_says_where_to_write_them(database):
    with pytest.raises(ThawError, match=r"what in Thaw can reach pillow on Python 3\.10 \(PYSEC-2022-1\)"):
        page(STACKS, read(database), by_hand({}))
    with pytest.raises(ThawError, match=r"reach pillow on Python 3\.10"):
        page(STACKS, read(database), by_hand({"pillow": {"3.13": "Only the other stack's."}}))


def test_a_text_that_no_advisory_needs_fails(database):
    with pytest.raises(ThawError, match="a text for quiet, which no advisory affects"):
        page(STACKS, read(database), by_hand({"pillow": "Images.", "quiet": "Old."}))


def test_advisories_told_by_hand_are_marked_and_give_way_to_the_databases(database):
    later = [advisory("GHSA-9", "pillow", "11.0"), advisory("GHSA-1", "pillow", "99", aliases=["CVE-2022-1"])]
    text = page(STACKS, read(database), by_hand({"pillow": {"3.10": "Here.", "3.13": "There."}}, later))
    assert rows(text) == {
        "3.10": [["pillow", "9.0", "PYSEC-2022-1, CVE-2022-1<br>GHSA-9*", "9.1<br>11.0"]],
        "3.13": [["pillow", "10.0", "GHSA-9*", "11.0"]],
    }
    assert text.index("| Here. |") < text.index("| There. |")


def test_the_page_says_what_was_looked_up_and_what_was_not(database):
    text = page(STACKS, read(database), by_hand({"pillow": "Images."}))
    assert "A part." in text
    assert "| not in the database | 2 | quiet, tfx |" in text
    assert "| in it, some or no advisories read | 2 | pillow (2 of 3), tensorflow (0 of 455) |" in text
    assert "| not looked up | 1 | unseen |" in text


def test_a_clone_is_named_by_its_commit(database):
    (database / "part.yaml").unlink()
    with pytest.raises(ThawError, match=r"is not a git clone and has no part\.yaml"):
        read(database)
    git = ["git", "-C", str(database), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*git, *command], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    text = page(STACKS, read(database), by_hand({"pillow": "Images."}))
    assert f"commit {commit} of " in text and "All packages of both stacks were looked up there." in text


def test_a_folder_that_is_no_database_is_refused_on_the_command_line(tmp_path, capsys):
    assert main([str(tmp_path), str(tmp_path / "page.md")]) == 1
    assert "has no folder vulns. Expected a clone of github.com/pypa/advisory-database" in capsys.readouterr().err
    assert not (tmp_path / "page.md").exists()


def test_the_committed_page_speaks_of_the_locks_versions_and_our_words():
    text = PAGE.read_text()
    listed = rows(text)
    assert list(listed) == list(PYTHONS)
    told = "run: python -m docs_build.advisories DATABASE docs/advisories.md"
    for python in PYTHONS:
        versions = installed(LOCK, python)
        assert f"{len(listed[python])} of {len(versions)} packages." in text, told
        assert {name: version for name, version, *_ in listed[python]}.items() <= versions.items(), told
    words = yaml.safe_load(BY_HAND.read_text())
    assert set(words["reach"]) == {row[0] for found in listed.values() for row in found}, told
    for name in ("introduction", "marked", "open_questions"):
        assert words[name].strip() in text, told


def test_every_advisory_told_by_hand_is_sound_and_says_where_it_is_from():
    later = yaml.safe_load(BY_HAND.read_text())["later"]
    assert len(later) > 10
    for record in later:
        assert re.fullmatch(r"(PYSEC-\d{4}-\d+|CVE-\d{4}-\d+|GHSA(-[0-9a-z]{4}){3})", record["id"])
        assert record["references"] and all(url.startswith("https://") for url in record["references"])
