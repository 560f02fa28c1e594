"""The gallery is made of runs' own files, without photos. Writes only into temporary folders."""

import json
from pathlib import Path

import pytest

from docs_build import gallery
from docs_build.gallery import LEFT_OUT, PHOTO_SECTIONS, without_photos, write_gallery
from experiment.errors import ThawError
from pipeline.runs.run_digests import with_digests

TEMPLATE = Path(__file__).parents[2] / "components" / "transfer_report" / "page" / "page.html.j2"
PAGE = (
    "<h2>All transfers</h2>\n<figure>curve</figure>\n<h2>What it gets wrong</h2>\n<figure>\nphoto one\n</figure>\n"
    "<h2>Near-duplicates</h2>\n<figure>photo two</figure>\n<h2>Learning curves</h2>\n<figure>curves</figure>\n"
)


def finished_run(folder, *, synthetic=False):
    folder.mkdir()
    row = {
        "transfer": "imagenet__net", "architecture": "original", "source": "imagenet", "accuracy": 0.9, "blessed": True,
        "from_scratch": {"lead_points": 12.5, "verdict": "gain"},
    }  # fmt: skip
    summary = {
        "synthetic": synthetic, "winner": "imagenet__net", "closing_table": [row],
        "advice": [{"sentence": "With 10 labelled images: *this*."}], "data": "photos", "target": {}, "stack": {},
    }  # fmt: skip
    (folder / "report.html").write_text(PAGE)
    (folder / "summary.json").write_text(json.dumps(with_digests(summary, folder)))
    return folder


def test_photos_are_left_out_and_figures_stay():
    page = without_photos(PAGE)
    assert "photo" not in page.replace(LEFT_OUT, "") and page.count(LEFT_OUT) == 2
    assert "<figure>curve</figure>" in page and "<figure>curves</figure>" in page


def test_the_reports_headings_are_those_that_are_looked_for():
    """`drawn.` pictures of the data have these headings and no others."""
    template = TEMPLATE.read_text()
    for heading in PHOTO_SECTIONS:
        assert template.count(f"<h2>{heading}</h2>\n{{{{ show(drawn.") == 1


def test_each_experiment_has_its_answer_its_command_and_its_page(tmp_path):
    run = finished_run(tmp_path / "run")
    (tmp_path / "docs" / "gallery").mkdir(parents=True)
    (tmp_path / "docs" / "gallery" / "older.html").touch()
    write_gallery(tmp_path / "docs", "commit abc", [("ants", run, "Ants and bees", "thaw run")])
    text = (tmp_path / "docs" / "gallery.md").read_text()
    assert "commit abc. Brackets" in text and "## Ants and bees" in text and "SYNTHETIC" not in text
    assert "90.0% of the test images right, 12.5 points more than the best network trained from scratch.**" in text
    assert r"- With 10 labelled images: \*this\*." in text
    assert "`thaw run` [The whole report](gallery/ants.html)" in text
    assert [path.name for path in (tmp_path / "docs" / "gallery").iterdir()] == ["ants.html"]
    assert LEFT_OUT in (tmp_path / "docs" / "gallery" / "ants.html").read_text()


def test_drawn_images_are_labelled(tmp_path):
    run = finished_run(tmp_path / "run", synthetic=True)
    write_gallery(tmp_path, "commit abc", [("drawn", run, "Drawn", "thaw run")])
    assert "**SYNTHETIC images" in (tmp_path / "gallery.md").read_text()


def test_a_run_that_did_not_finish_is_refused_and_nothing_is_removed(tmp_path, capsys):
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "older.html").touch()
    with pytest.raises(ThawError, match=r"has no summary\.json"):
        write_gallery(tmp_path, "commit abc", [("ants", tmp_path / "none", "Ants", "thaw run")])
    assert (tmp_path / "gallery" / "older.html").exists()
    told = [str(tmp_path), "--at", "commit abc", "--experiment", "ants", str(tmp_path / "none"), "Ants", "thaw run"]
    assert gallery.main(told) == 1 and "thaw: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "written", "altered"), [("summary.json", "0.9", "1.0"), ("report.html", "curve", "x")]
)
def test_a_run_that_was_altered_is_refused_before_anything_is_written(tmp_path, name, written, altered):
    run = finished_run(tmp_path / "run")
    (run / name).write_text((run / name).read_text().replace(written, altered))
    with pytest.raises(ThawError, match=f"{name} is missing or damaged: it was altered"):
        write_gallery(tmp_path / "docs", "here", [("first", run, "Title", "thaw run")])
    assert not (tmp_path / "docs").exists()
