"""The card of the pushed model: its content, and that the run can be repeated. Imports no TensorFlow."""

import pytest
import yaml
from scipy.stats import binomtest

from components.sweep_evaluator.reading import SliceFigure
from components.transfer_report.page.model_card import weak_slices, with_exact_interval, write_model_card
from experiment.changes import as_written
from experiment.loading import load_config
from tests.components.transfer_report.page.test_closing_table import summary

ALL = SliceFigure("", "", 2000, 0.90, 0.89, 0.91)
DARK = SliceFigure("brightness", "dark", 600, 0.80, 0.76, 0.84)
LOW = SliceFigure("contrast", "low", 30, 0.80, 0.61, 0.93)  # weaker, but its interval reaches beyond the whole
SLICES = [ALL, DARK, LOW]
PLAIN = {"name": "mine", "data": {"image_shape": [32, 32, 3], "resize": False}}


@pytest.fixture
def written(tmp_path):
    """A function that writes a card and returns its Markdown and its page."""

    def written(slices=SLICES, configuration=None, independent=None, **changes):
        content = summary(target_classes=["automobile", "truck"], test_images=2000, test_groups=None, seed=7,
                          stack={"tensorflow": "2.16.2"}, versions={"thaw": "0.1.0"})  # fmt: skip
        write_model_card(tmp_path, {**content, **changes}, slices, configuration or PLAIN, independent)
        return [(tmp_path / f"model_card.{suffix}").read_text() for suffix in ("md", "html")]

    return written


def test_both_forms_say_what_it_is_how_good_and_where_weak(written):
    for text in written():
        for part in ("all_but_target__remastered", "automobile from truck", "freeze the first 4 layers",
                     "2,000 labelled", "91.2% [85.6, 96.8]", "62.6% [55.0, 70.2]", "+28.6 points [+17.7, +39.5], gain",
                     "2 draws", "thaw run --config experiment.yaml", "seed 7"):  # fmt: skip
            assert part in " ".join(text.split()), part
    markdown, _ = written()
    assert "Weaker than on all images: brightness dark (80.0%)." in markdown
    assert "| contrast low | 30 | 80.0% [61.4, 92.3] |" in markdown


def test_the_best_network_from_scratch_is_named_where_it_is_not_the_baseline(written):
    assert all("lead over it" in text for text in written())
    assert all("lead over it" not in text for text in written(winner="cats_dogs__original"))


def test_brackets_are_explained_where_there_are_some(written):
    assert all("Brackets: 90%" not in text for text in written())
    curve = {"name": "all_but_target__remastered", "points": [], "collapsed": [], "silent": "Only [1] is known."}
    labels = {"n": 2000, "level": 0.9, "wished_accuracy": 0.95, "met": None, "winner": curve["name"], "curves": [curve]}
    assert all("Brackets: 90% intervals." in text for text in written(labels=labels))


def test_both_forms_say_how_to_use_the_model_and_which_images_it_takes(written):
    photos = {"name": "mine", "data": {"image_shape": [224, 224, 3], "resize": True}}
    for text in written():
        assert "with TensorFlow 2.16.2 or later" in text and "PNG or JPEG images of 32 x 32 pixels." in text
        assert "are automobile, truck, in this order" in text
    assert all("PNG or JPEG images of any size." in text for text in written(configuration=photos))


def test_both_forms_say_what_more_images_would_bring_or_why_they_cant(written):
    for text in written():
        assert "What more images would bring" in text and "It was measured at no size." in text


def test_headings_stand_after_an_empty_line_and_the_file_ends_with_a_newline(written):
    for changes in ({}, {"winner": "cats_dogs__original"}, {"synthetic": True}):
        markdown, _ = written(**changes)
        lines = markdown.split("\n")
        assert [lines[at - 1] for at, line in enumerate(lines) if line.startswith("## ")] == [""] * 6
        assert markdown.endswith(".\n")


def test_a_slice_is_weak_only_where_its_whole_interval_lies_below():
    assert weak_slices(SLICES) == [DARK]
    assert weak_slices([DARK, LOW]) == [] == weak_slices([])


def test_a_slice_of_few_images_has_a_wide_interval_and_is_not_called_weak(written):
    few = SliceFigure("class", "truck", 3, 1 / 3, None, None)
    assert all("33.3% [0.8, 90.6]" in text and "weaker than" not in text for text in written([ALL, few]))


def test_no_interval_reaches_beyond_100_percent_or_has_no_width(written):
    """TFMA's were [100.0, 100.0] and [85.3, 101.3] on the card of ants and bees."""
    sure, nearly = SliceFigure("a", "sure", 22, 1.0, 1.0, 1.0), SliceFigure("a", "nearly", 45, 42 / 45, 0.853, 1.013)
    for text in written([ALL, sure, nearly]):
        assert "100.0% [84.6, 100.0]" in text and "93.3% [81.7, 98.6]" in text


def test_groups_of_test_images_widen_the_intervals_of_their_slices_and_are_named(written):
    sure, nearly = SliceFigure("a", "sure", 200, 1.0, None, None), SliceFigure("a", "nearly", 50, 0.9, None, None)
    fewer = {"a sure": 20.0, "all test images": 40.0}
    for text in written([ALL, sure, nearly], test_groups=40, independent=fewer):
        assert "(2000 in 40 groups; the intervals allow for dependence within a group)" in text
        assert "treat images of a group as identical" in text
        assert "100.0% [83.2, 100.0]" in text and "90.0% [78.2, 96.7]" in text and "90.0% [76.3, 97.2]" in text


def test_as_many_independent_images_as_there_are_give_clopper_and_pearsons_interval():
    for right in range(31):
        one = SliceFigure("a", "some", 30, right / 30, None, None)
        low, high = binomtest(right, 30).proportion_ci(0.95, method="exact")
        assert with_exact_interval(one) == with_exact_interval(one, 30.0)
        assert (with_exact_interval(one).low, with_exact_interval(one).high) == pytest.approx((low, high))
        fewer = with_exact_interval(one, 4.4)
        assert fewer.low <= with_exact_interval(one).low <= one.estimate <= with_exact_interval(one).high <= fewer.high


def test_where_slices_are_called_weak_the_card_says_how_many_are_by_chance(written):
    assert all("if no slice is weaker, about one in 40 is marked by chance" in text for text in written())
    assert all("by chance" not in text for text in written([ALL, LOW]))


def test_without_a_weak_slice_it_says_so(written):
    assert all("No slice has an interval below the accuracy on all images" in text for text in written([ALL, LOW]))


def test_a_winner_that_is_not_blessed_says_why(written):
    for text in written(winner="cats_dogs__original"):
        assert "Not blessed" in text and "its lower bound is not above 0" in text


def test_synthetic_images_are_named_first(written):
    markdown, page = written(synthetic=True, data="SYNTHETIC shapes")
    assert markdown.startswith("# SYNTHETIC: ") and "<title>SYNTHETIC: " in page


def test_a_backbone_is_named_with_its_hash_and_how_to_give_it(written):
    configuration = {**PLAIN, "backbones": {"mine": {"model": "net.keras", "sha256": "abc123"}}}
    [row, *_] = summary()["closing_table"]
    own = {**row, "architecture": "mine"}
    for text in written(configuration=configuration, closing_table=[own]):
        shown = " ".join(text.split())
        assert "The backbone mine (net.keras), transferred from" in shown and "the first 4 parts" in shown
        assert (
            "the same images (and the file net.keras with SHA-256 abc123" in shown
            and "--set backbones.mine.model=FILE" in shown
        )
    for text in written(configuration=configuration):  # another transfer has won
        assert (
            "SHA-256" not in text
            and "the same images; seed" in text
            and "The remastered network, transferred from" in text
        )


def test_a_run_is_repeated_in_a_new_folder_and_on_images_of_the_user_that_are_given(written):
    """Without --data Thaw would look for CIFAR-10; a run writes next to its configuration."""
    for text in written(data="cifar10"):
        assert "--data" not in text and "into a new folder and run this there" in text
    for text in written(data="my_photos"):
        assert "thaw run --config experiment.yaml --data FOLDER" in text
        assert "FOLDER has the images as TFRecords" in text


def test_names_of_classes_and_data_are_no_markup(written):
    names = ["[x](y)", "`|`", "<script>", "{{7*7}}", "$a_1$"]
    markdown, page = written(target_classes=names, data="**bold**\n# data")
    for shown in (r"\[x\](y)", r"\`\|\`", r"\<script\>", r"\{\{7\*7\}\}", r"\$a\_1\$", r"\*\*bold\*\* \# data"):
        assert shown in markdown
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_a_class_that_loses_too_much_is_no_markup_in_the_reason_why_the_card_is_not_blessed(written):
    [row, *others] = summary()["closing_table"]
    reason = "the class [x](y) **<b> loses 6.5 points of F1"
    refused = {**row, "transfer": "refused", "blessed": False, "reasons": [reason]}
    markdown, page = written(winner="refused", closing_table=[refused, *others])
    assert r"the class \[x\](y) \*\*\<b\> loses 6.5 points" in markdown
    assert "&lt;b&gt; loses 6.5 points" in page


def test_the_configuration_beside_it_can_be_run(written, tmp_path):
    preset = load_config("experiment/presets/quick.yaml")
    written(configuration=as_written(preset))
    assert load_config(tmp_path / "experiment.yaml") == preset
    assert yaml.safe_load((tmp_path / "experiment.yaml").read_text())["name"] == "quick"
