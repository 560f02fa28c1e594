"""The folder that `thaw init` writes appears completely or not at all, and replaces nothing else. Real folders."""

import os
import signal
import subprocess
import sys

import pytest

from experiment.errors import ThawError
from pipeline.new_experiment.output_folder import CONFIG, check_output, written_whole


def test_it_appears_when_all_went_well_and_replaces_an_earlier_one(tmp_path):
    for text in ("first", "second"):
        with written_whole(tmp_path / "out", force=True) as draft:
            (draft / CONFIG).write_text(text)
        assert (tmp_path / "out" / CONFIG).read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failure_leaves_the_earlier_one_and_no_rest(tmp_path):
    with written_whole(tmp_path / "out", force=True) as draft:
        (draft / CONFIG).write_text("first")
    with pytest.raises(ThawError, match="a word"), written_whole(tmp_path / "out", force=True) as draft:
        (draft / CONFIG).write_text("second")
        raise ThawError("a word")
    assert (tmp_path / "out" / CONFIG).read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_place_that_cant_be_written_is_explained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ThawError, match="can't be written"), written_whole(tmp_path / "file" / "out", force=False):
        pass


def test_an_earlier_output_is_replaced_with_force_alone(tmp_path):
    out = tmp_path / "out"
    (out / "records").mkdir(parents=True)
    (out / CONFIG).touch()
    with pytest.raises(ThawError, match=r"exists.*--force"):
        check_output(out, tmp_path / "images", force=False)
    check_output(out, tmp_path / "images", force=True)
    (out / "thesis.odt").touch()
    with pytest.raises(ThawError, match="holds files that `thaw init` did not write"):
        check_output(out, tmp_path / "images", force=True)


@pytest.mark.parametrize("kind", ["file", "link", "empty folder"])
def test_force_replaces_nothing_of_the_users(tmp_path, kind):
    out = tmp_path / "out"
    {"file": out.touch, "link": lambda: out.symlink_to(tmp_path), "empty folder": out.mkdir}[kind]()
    with pytest.raises(ThawError, match="holds files that `thaw init` did not write"):
        check_output(out, tmp_path / "images", force=True)


def test_a_path_that_is_not_utf_8_is_refused_in_words_that_can_be_printed(tmp_path):
    with pytest.raises(ThawError, match=r"\\udcff is not UTF-8"):
        check_output(tmp_path / os.fsdecode(b"\xff"), tmp_path / "images", force=False)


def test_the_output_lies_apart_from_the_images_and_in_a_folder(tmp_path):
    for out, folder in (("a", "a"), ("a/b", "a"), ("a", "a/b")):
        with pytest.raises(ThawError, match="contain each other"):
            check_output(tmp_path / out, tmp_path / folder, force=True)
    with pytest.raises(ThawError, match="is not a folder"):
        check_output(tmp_path / "no" / "out", tmp_path / "images", force=False)


WRITER = """
import pathlib, sys, time
from pipeline.new_experiment.output_folder import written_whole
with written_whole(pathlib.Path(sys.argv[1]), force=False) as draft:
    (draft / "config.yaml").touch()
    print("writing", flush=True)
    while True:  # a signal just before one long sleep would be heeded after it
        time.sleep(0.01)
"""


def killed_writer(out, number):
    """Ends a process that is writing by that signal; returns its status."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(out)], stdout=subprocess.PIPE)
    with writer:
        assert writer.stdout.readline() == b"writing\n"
        writer.send_signal(number)
        return writer.wait(60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_ends_it_leaves_nothing(tmp_path, number):
    assert killed_writer(tmp_path / "out", number) in (128 + number, -number)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.default_int_handler])
def test_a_signal_that_the_process_ignores_or_handles_stays_so(tmp_path, handler):
    """`nohup thaw init` lives on when its terminal is closed."""
    numbers = signal.SIGHUP, signal.SIGTERM
    before = [signal.signal(number, handler) for number in numbers]
    try:
        with written_whole(tmp_path / "out", force=False):
            assert [signal.getsignal(number) for number in numbers] == [handler, handler]
        assert [signal.getsignal(number) for number in numbers] == [handler, handler]
    finally:
        for number, usual in zip(numbers, before, strict=True):
            signal.signal(number, usual)


def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path):
    killed_writer(tmp_path / "out", signal.SIGKILL)
    (tmp_path / ".out-of-the-user").mkdir()
    assert len(list(tmp_path.iterdir())) == 2
    check_output(tmp_path / "out", tmp_path / "images", force=False)
    assert [path.name for path in tmp_path.iterdir()] == [".out-of-the-user"]


def test_what_a_killed_process_was_replacing_comes_back(tmp_path):
    killed_writer(tmp_path / "out", signal.SIGKILL)
    [left] = tmp_path.iterdir()
    (left / "old").mkdir()
    (left / "old" / CONFIG).write_text("first")
    with pytest.raises(ThawError, match="--force"):
        check_output(tmp_path / "out", tmp_path / "images", force=False)
    assert (tmp_path / "out" / CONFIG).read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_another_process_that_is_writing_keeps_its_folder(tmp_path):
    with written_whole(tmp_path / "out", force=True) as draft:
        check_output(tmp_path / "out", tmp_path / "images", force=False)
        (draft / CONFIG).touch()
    assert os.listdir(tmp_path / "out") == [CONFIG]


@pytest.mark.parametrize("place", ["loop", "loop/in"])
def test_a_link_to_itself_is_no_folder(tmp_path, place):
    (tmp_path / "loop").symlink_to("loop")
    check_output(tmp_path / "out", tmp_path / place, force=False)  # what is in a folder is looked at later
    with pytest.raises(ThawError, match="where out should be made, is not a folder"):
        check_output(tmp_path / place / "out", tmp_path / "images", force=False)


@pytest.mark.parametrize("force", [False, True])
def test_what_appears_while_it_is_written_is_not_replaced(tmp_path, force):
    """An experiment that another `thaw init` has written meanwhile, and a folder of the user's."""
    with (
        pytest.raises(ThawError, match="holds files that" if force else r"exists.*--force"),
        written_whole(tmp_path / "out", force=force),
    ):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / ("thesis.odt" if force else CONFIG)).touch()
    assert len(os.listdir(tmp_path / "out")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_was_left_beside_an_output_whose_name_begins_alike_is_left_alone(tmp_path):
    killed_writer(tmp_path / "out-2", signal.SIGKILL)
    [left] = tmp_path.iterdir()
    (left / "old").mkdir()
    check_output(tmp_path / "out", tmp_path / "images", force=False)
    assert [path.name for path in tmp_path.iterdir()] == [left.name]


def test_an_interruption_between_the_two_renames_leaves_the_earlier_one(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / CONFIG).write_text("first")
    replace = os.replace

    def interrupted(source, target):
        if source.name == "new":
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), written_whole(tmp_path / "out", force=True):
        pass
    assert (tmp_path / "out" / CONFIG).read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_no_link_and_no_step_up_hides_that_it_lies_within_the_images(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "link").symlink_to("images")
    images, out = tmp_path / "images", tmp_path / "images" / "out"
    for one, other in ((out, images / ".." / "images"), (tmp_path / "link" / "out", images), (out, tmp_path / "link")):
        with pytest.raises(ThawError, match="contain each other"):
            check_output(one, other, force=False)
