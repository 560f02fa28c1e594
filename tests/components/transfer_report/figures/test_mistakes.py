"""Pictures of test images, and which of them are shown. Ledger rows made by hand."""

import dataclasses

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from analysis.cells.paired_ledgers import Sweep
from components.transfer_report.figures.mistakes import captions, mistakes, picture_sheet
from ledger.rows import Header, Row
from tests.stacks import STACK

HEADER = Header(
    sweep="cats_dogs__original", source="cats_dogs", architecture="original", baseline="original", data="CIFAR-10",
    classes=("automobile", "truck"), source_hash="", content_hash="", test_labels=(0, 1, 1, 0),
    test_ids_hash="", val_images=(5, 5), max_freeze_count=8, family="", stack=STACK, test_groups=(),
)  # fmt: skip
ROW = Row(
    key="", n=20, freeze_count=8, fine_tune=False, draw=0, val_accuracy=0.5, val_loss=1.0, test_accuracy=0.25,
    test_loss=1.0, train_accuracy=1.0, steps=1, seconds=1.0, curve=(), frozen_hash="", outcome="trained",
    test_probabilities=np.array([[0.4, 0.6], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7]], np.float32),
)  # fmt: skip
SWEEP = Sweep(HEADER, {})


def test_mistakes_come_with_the_surest_first():
    assert mistakes(SWEEP, ROW).tolist() == [1, 3, 0]


def test_a_model_without_mistakes_has_none():
    right = dataclasses.replace(ROW, test_probabilities=np.eye(2, dtype=np.float32)[list(HEADER.test_labels)])
    assert mistakes(SWEEP, right).tolist() == []


def test_a_caption_names_the_truth_the_call_and_its_probability():
    assert captions(SWEEP, ROW, [1, 0]) == ["truck\n→ automobile 90%", "automobile\n→ truck 60%"]


@pytest.mark.parametrize(("count", "rows"), [(0, 1), (1, 1), (8, 1), (9, 2)])
def test_every_image_is_drawn_with_its_title(count, rows):
    images = np.full((count, 32, 32, 3), 7, np.uint8)
    figure = picture_sheet(images, [f"image {place}" for place in range(count)])
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(figure.axes) == 8 * rows
    assert [axes.get_title() for axes in drawn] == [f"image {place}" for place in range(count)]
    assert all((axes.images[0].get_array() == 7).all() for axes in drawn)


def test_titles_for_another_number_of_images_are_refused():
    with pytest.raises(ValueError, match="2 images, but 1 titles"):
        picture_sheet(np.zeros((2, 32, 32, 3), np.uint8), ["one"])


def test_a_title_is_no_mathematics():
    figure = picture_sheet(np.zeros((1, 4, 4, 3), np.uint8), ["$x_1$ and $\\frac"])
    FigureCanvasAgg(figure).draw()
    assert not figure.axes[0].title.get_parse_math()
