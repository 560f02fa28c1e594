"""A file is the earlier one or the new one, and nothing else is left, whatever ends the writing."""

import pytest

from acquisition.whole_files import written_whole


@pytest.mark.parametrize("ended", [OSError, KeyboardInterrupt, SystemExit])
def test_what_ends_the_writing_leaves_the_earlier_file_and_no_other(tmp_path, ended):
    (tmp_path / "a.json").write_text("earlier")
    with pytest.raises(ended), written_whole(tmp_path / "a.json") as fresh:
        fresh.write_text("a part")
        raise ended
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", "earlier")]


def test_what_is_written_takes_the_files_place(tmp_path):
    for text in ("first", "second"):
        with written_whole(tmp_path / "a.json") as fresh:
            fresh.write_text(text)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", "second")]
