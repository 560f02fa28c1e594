"""What is advised on mirror images of records. Imports mirror_advice and writes small TFRecords."""

import io

import pytest

from acquisition.mirror_images.mirror_advice import mirror_advice
from acquisition.tfrecords.record_files import find_record_files
from acquisition.tfrecords.tfrecords import write_examples
from experiment.changes import changed
from experiment.config import Data
from tests.acquisition.mirror_images.test_mirror_check import triangle

DATA = Data(image_shape=(48, 48, 3), classes=("left", "other", "right"))


def png(image):
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def records(tmp_path):
    def write(count, group=None):
        kinds = [("left", "right", "other")[place % 3] for place in range(count)]
        rows = [
            (png(triangle(place, kind == "left")), DATA.classes.index(kind), f"id_{place}".encode())
            for place, kind in enumerate(kinds)
        ]
        for split, part in (("train", rows), ("test", rows[:3])):
            write_examples(tmp_path / split / f"a-{split}.tfrecord-00000-of-00001", part, group=group)
        return find_record_files(tmp_path)

    return write


def test_left_and_right_are_seen_in_the_training_images_of_the_target(records):
    told = []
    advice = mirror_advice(records(120), DATA, ("left", "right"), None, told.append)
    assert not advice.mirror and told == list(range(1, 81))
    assert advice.reason.startswith("they look like images of other classes: a simple classifier recognises ")
    assert "of 80 images of train and val" in advice.reason and advice.reason.endswith("--mirror adds them")


def test_images_that_are_alike_either_way_are_mirrored(records):
    advice = mirror_advice(records(120), DATA, ("other", "right"), None)
    assert advice.mirror and advice.reason.endswith("if left and right matter, use --no-mirror")


def test_what_belongs_together_counts_as_one(records):
    grouped = records(120, ("herd", lambda name: str(int(name.removeprefix(b"id_")) % 3).encode()))
    assert not mirror_advice(grouped, DATA, ("left", "right"), None).mirror
    advice = mirror_advice(grouped, changed(DATA, val_key="in_val", group_key="herd"), ("left", "right"), None)
    assert advice.mirror and advice.reason.startswith("too few images")


@pytest.mark.parametrize(("asked", "option"), [(True, "--mirror"), (False, "--no-mirror")])
def test_what_the_user_says_is_done_without_looking(asked, option):
    advice = mirror_advice(None, DATA, (), asked)
    assert (advice.mirror, advice.reason) == (asked, f"as {option} says")
