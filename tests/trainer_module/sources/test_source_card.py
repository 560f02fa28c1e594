"""A source's card: altered models and models that learned nothing are refused. No TensorFlow."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment.errors import ThawError
from trainer_module.sources.source_card import CARD_FILE, check_trained, check_unaltered, luck_of


@pytest.fixture
def folder(tmp_path):
    """A function that writes a card and gives its folder."""

    def write(**changes):
        card = {"name": "cats_dogs__original", "classes": ["cat", "dog"], "backbone_hash": "ab12",
                "val_accuracy_by_step": [[10, 0.5], [20, 0.9]], "val_images": 100,
                "val_largest_class": 0.5}  # fmt: skip
        card = {name: value for name, value in {**card, **changes}.items() if value is not None}
        (tmp_path / CARD_FILE).write_text(json.dumps(card))
        return str(tmp_path)

    return write


def test_weights_that_the_card_speaks_of_pass(folder):
    check_unaltered(folder(), "ab12")


def test_other_weights_than_the_card_speaks_of_are_refused(folder):
    with pytest.raises(
        ThawError, match=r"altered after it was trained: .* the hash cd34, and its thaw\.json says ab12"
    ):
        check_unaltered(folder(), "cd34")


@pytest.mark.parametrize("content", [None, "", "{", "[1]", "\xff"])
def test_a_card_that_cannot_be_read_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / CARD_FILE).write_text(content, encoding="latin-1")
    with pytest.raises(ThawError, match=r"thaw\.json.*Restore it from a copy"):
        check_unaltered(str(tmp_path), "ab12")


def test_the_luck_of_one_look_is_the_binomial_tail():
    # 4 of 4 right by a coin: 1/16. 3 or more of 4: 5/16. Two looks: twice as likely at most.
    assert luck_of([1.0], 4, 0.5) == pytest.approx(1 / 16)
    assert luck_of([0.75], 4, 0.5) == pytest.approx(5 / 16)
    assert luck_of([0.25, 1.0], 4, 0.5) == pytest.approx(2 / 16)
    assert luck_of([0.0], 4, 0.5) == 1.0


@given(st.integers(1, 2000), st.integers(1, 5), st.sampled_from([1 / 2, 1 / 8]))
def test_guessing_is_never_taken_for_learning_and_a_perfect_source_of_twenty_images_always_is(images, looks, chance):
    assert luck_of([round(images * chance) / images] * looks, images, chance) > 0.01
    assert images < 20 or luck_of([1.0] * looks, images, chance) < 0.01


@pytest.mark.parametrize(
    ("best", "images", "largest"),
    [(0.5, 100, 0.5), (0.62, 100, 0.5), (0.9, 100, 0.9), (1.0, 5, 0.5), (0.125, 8000, 0.125)],
    ids=["a coin", "a lucky coin", "the larger class", "too few images", "one of eight"],
)
def test_a_source_that_may_have_guessed_is_refused_with_its_figures(folder, best, images, largest):
    card = folder(val_accuracy_by_step=[[1, 0.0], [2, best]], val_images=images, val_largest_class=largest)
    with pytest.raises(
        ThawError, match=rf"best val accuracy is {best:.1%} of {images} images.*allow_untrained_sources"
    ):
        check_trained(card)


@pytest.mark.parametrize(
    ("best", "images", "largest"), [(0.65, 100, 0.5), (0.98, 100, 0.9), (0.14, 8000, 0.125), (1.0, 16, 0.5)]
)
def test_a_source_that_learned_something_passes(folder, best, images, largest):
    check_trained(folder(val_accuracy_by_step=[[1, best], [2, 0.0]], val_images=images, val_largest_class=largest))


def test_imagenet_has_no_val_images_and_passes(folder):
    check_trained(folder(val_accuracy_by_step=None, classes=None))


@pytest.mark.parametrize("name", ["val_images", "val_largest_class"])
def test_a_card_that_does_not_say_what_guessing_gives_is_refused(folder, name):
    with pytest.raises(ThawError, match=rf"thaw\.json lacks {name}, .*Restore it from a copy"):
        check_trained(folder(**{name: None}))
