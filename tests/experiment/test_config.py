"""The configuration: presets load, and every wrong setting is refused with what to do. No TensorFlow."""

import re
from pathlib import Path

import pydantic
import pytest

from experiment.config import ExperimentConfig
from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config, validate_config
from pipeline.kubeflow.cluster import load_cluster

MINE = {"model": "a.keras"}
MOBILENET = {"mobilenet_v2": {"family": "MobileNetV2"}}
CLUSTER = Path(__file__).parents[2] / "kubeflow" / "cluster.yaml"


def settings(**changes):
    base = {
        "name": "small",
        "sources": {"cats_dogs": {"classes": ["cat", "dog"]}, "imagenet": {}},
        "transfers": [{"source": "cats_dogs", "architecture": "original"}],
        "sizes": [10, 20],
        "freeze_counts": {"original": [0, 8]},
    }
    return {**base, **changes}


def refused(**changes):
    with pytest.raises(ThawError) as caught:
        validate_config(settings(**changes), "test.yaml")
    return str(caught.value)


@pytest.mark.parametrize("path", sorted(PRESETS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_preset_is_valid_and_named_after_its_file(path):
    assert load_config(path).name == path.stem.replace("-", "_")


def test_report_preset_holds_the_reports_whole_grid():
    config = load_config(PRESETS / "report.yaml")
    assert [t.id for t in config.transfers] == [
        "all_but_target__original", "cats_dogs__original", "ships_planes__original", "all_but_target__remastered",
        "imagenet__mobilenet_v2",
    ]  # fmt: skip
    assert config.sizes == (10, 20, 50, 100, 200, 400, 800, 1500, 2000)
    assert {a: len(counts) for a, counts in config.freeze_counts.items()} == {
        "original": 9, "remastered": 7, "mobilenet_v2": 19,
    }  # fmt: skip
    assert (config.schedule.epochs, config.schedule.max_steps) == (30, 800)


def test_a_config_is_frozen():
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        validate_config(settings(), "x").draws = 3


def test_the_candidate_is_chosen_at_the_largest_size_unless_told():
    assert validate_config(settings(), "x").deployed_size == 20
    assert validate_config(settings(candidate_size=10), "x").deployed_size == 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"drawz": 3}, "drawz: unknown key"),
        ({"schedule": {"epoch": 3}}, "schedule.epoch: unknown key"),
        ({"target": {"classes": ["automobile", "lorry"]}}, "names lorry, which the data does not have"),
        ({"sources": {"cats_dogs": {"classes": ["cat", "cow"]}}}, "sources.cats_dogs.classes names cow"),
        ({"sources": {"cats_dogs": {"classes": ["cat", "truck"]}}}, "shares truck with the target"),
        ({"sources": {"cats_dogs": {"classes": ["cat"]}}}, "two or more different classes"),
        ({"data": {"classes": ["cat", "cat"]}}, "data.classes has a name twice"),
        ({"transfers": []}, "transfers is empty"),
        ({"transfers": [{"source": "lions", "architecture": "original"}]}, "the unknown source 'lions'"),
        (
            {"transfers": [{"source": "imagenet", "architecture": "original"}]},
            "a source without classes is read from the file of a backbone",
        ),
        (
            {"transfers": [{"source": "cats_dogs", "architecture": "mine"}], "backbones": {"mine": MINE}},
            "a backbone is transferred only from such a source; backbones has mine",
        ),
        (
            {"transfers": [{"source": "imagenet", "architecture": "mine"}]},
            "transfers names the unknown architecture 'mine'; there are original, remastered (",
        ),
        ({"baselines": {"wide": "original"}}, "baselines names the unknown architecture 'wide'; there are original"),
        ({"freeze_counts": {"original": [0], "wide": [1]}}, "freeze_counts names the unknown architecture 'wide'"),
        ({"transfers": [{"source": "cats_dogs", "architecture": "original"}] * 2}, "a pair twice"),
        ({"freeze_counts": {"original": [0, 9]}}, "original has 8 freezable layers, so 0 to 8"),
        ({"freeze_counts": {"original": []}}, "needs different counts"),
        ({"freeze_counts": {"remastered": [0]}}, "no entry for original"),
        ({"sizes": [10, 15]}, "sizes 15 can't be split evenly over the 2"),
        ({"sizes": []}, "sizes needs one or more"),
        ({"fine_tune": [True, True]}, "fine_tune needs one or more different"),
        ({"candidate_size": 50}, "candidate_size 50 is not one of the sizes"),
        ({"draws": 0}, "draws: expected at least 1"),
        ({"sources": {"cats_dogs": {"control": "random"}}}, "names only controls, which can't be chosen"),
        ({"sources": {"cats_dogs": {"control": "shuffled_labels"}}}, "shuffled_labels needs classes"),
        ({"sources": {"cats_dogs": {"control": "self", "classes": ["cat", "dog"]}}}, "self takes no classes"),
        ({"sources": {"cats_dogs": {"control": "placebo"}}}, "control: expected 'self', 'random' or"),
        ({"name": "With Spaces"}, "name: expected lower-case letters and digits, joined by _"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_reason(changes, message):
    assert message in refused(**changes)


def test_controls_join_ordinary_transfers_and_are_told_from_them():
    controls = {"own": {"control": "self"}, "untrained": {"control": "random"},
                "permuted": {"control": "shuffled_labels", "classes": ["cat", "dog"]}}  # fmt: skip
    names = ("cats_dogs", *controls)
    config = validate_config(
        settings(
            sources={"cats_dogs": {"classes": ["cat", "dog"]}, **controls},
            transfers=[{"source": name, "architecture": "original"} for name in names],
        ),
        "x",
    )
    assert config.controls == {
        "own__original": "self", "untrained__original": "random", "permuted__original": "shuffled_labels",
    }  # fmt: skip
    assert [config.domain_classes(name) for name in names] == [
        ("cat", "dog"), config.target.classes, config.target.classes, ("cat", "dog"),
    ]  # fmt: skip
    assert [config.sources[name].is_trained for name in names] == [True, True, False, True]


def test_random_weights_are_a_control_of_every_architecture_and_trained_ones_are_not_of_mobilenet():
    changes = {"freeze_counts": {"original": [0], "mobilenet_v2": [18]}, "backbones": MOBILENET}
    for control, complaint in ({"control": "random"}, ""), ({"control": "self"}, "read from the file of a backbone"):
        transfers = [
            {"source": "cats_dogs", "architecture": "original"}, {"source": "c", "architecture": "mobilenet_v2"},
        ]  # fmt: skip
        all_changes = {**changes, "sources": {"cats_dogs": {"classes": ["cat", "dog"]}, "c": control}}
        if complaint:
            assert complaint in refused(**all_changes, transfers=transfers)
        else:
            assert validate_config(settings(**all_changes, transfers=transfers), "x").controls == {
                "c__mobilenet_v2": "random"
            }


def test_overlap_with_the_target_can_be_allowed():
    sources = {"cats_dogs": {"classes": ["cat", "truck"]}}
    assert validate_config(settings(sources=sources, allow_overlap=True), "x").allow_overlap


def test_overrides_reach_into_sections_and_are_yaml(tmp_path):
    config = load_config(PRESETS / "quick.yaml", ("draws=5", "sizes=[10, 20]", "schedule.epochs=7"))
    assert (config.draws, config.sizes, config.schedule.epochs) == (5, (10, 20), 7)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("draws", "--set takes key=value"),
        ("draws.more=1", "'draws' is a value and has no keys"),
        ("sizes=[1, 2", r"the value is not YAML: expected ',' or '\]', but got its end$"),
        ("drawz=1", "drawz: unknown key"),
    ],
)
def test_a_wrong_override_is_refused(override, message):
    with pytest.raises(ThawError, match=message.replace("[", r"\[")):
        load_config(PRESETS / "quick.yaml", (override,))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ThawError, match=r"Can't read the configuration .*none\.yaml"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ThawError, match=rf"Give {tmp_path}/config\.yaml\."):
        load_config(tmp_path)


@pytest.mark.parametrize(("text", "message"), [("a: [1", "is not YAML"), ("- 1\n", "holds list")])
def test_a_file_that_holds_no_settings_is_refused(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ThawError, match=message):
        load_config(path)


def test_architectures_come_in_the_order_of_the_transfers():
    transfers = [{"source": "imagenet", "architecture": "mobilenet_v2"}, *settings()["transfers"]]
    config = ExperimentConfig.model_validate(
        settings(transfers=transfers, freeze_counts={"original": [0], "mobilenet_v2": [18]}, backbones=MOBILENET)
    )
    assert config.architectures == ("mobilenet_v2", "original")


def test_a_source_schedule_given_in_part_keeps_what_sources_have_by_default() -> None:
    whole = validate_config(settings(), "test.yaml").source_schedule
    part = validate_config(settings(source_schedule={"epochs": 8}), "test.yaml").source_schedule
    assert part == whole.model_copy(update={"epochs": 8})
    assert part.max_steps is None


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("draws=yes", "draws: expected a number, got True. YAML reads yes, on and true as True"),
        ("schedule.learning_rate=on", "schedule.learning_rate: expected a number, got True"),
        ("sizes=[20, on]", "sizes: expected a number, got True"),
        ("freeze_counts={original: [no]}", "freeze_counts: expected a number, got False"),
        ("candidate_size=yes", "candidate_size: expected a number, got True"),
        ("strict=1", "strict: expected true or false, got 1"),
        ("fine_tune=[0, 1]", "fine_tune: expected true or false, got 0"),
        ("augmentation.mirror='on'", "augmentation.mirror: expected true or false, got 'on'"),
        ("name=on", "name: expected text, got True. YAML reads yes, on and true as True"),
        ("name=2024", "name: expected text, got 2024. YAML reads"),
        ("sources.imagenet.control=no", "or 'shuffled_labels', got False. YAML reads"),
        ("data.path=no", "data.path: expected text, got False"),
        ("data.classes=[on, cat]", "data.classes.0: expected text, got True. YAML reads"),
        ("data.classes=[1, cat]", "data.classes.0: expected text, got 1. YAML reads"),
        ("data.classes=[~, cat]", "data.classes.0: expected text, got None. YAML reads"),
        ("data.classes=[2024-01-01, cat]", "data.classes.0: expected text, got datetime.date(2024, 1, 1). YAML reads"),
        ("workspace=''", "workspace: expected a path, got empty text"),
        ("runs=' '", "runs: expected a path, got empty text"),
        ("data.path=''", "data.path: expected a path, got empty text"),
        ("workers=1000000", "workers: expected at most 1024, got 1000000"),
        ("sources={on: {classes: [cat, dog]}}", "sources: has the key True, which is not text. YAML reads"),
        ("sources={1: {classes: [cat, dog]}}", "sources: has the key 1, which is not text. YAML reads"),
    ],
)
def test_what_yaml_made_of_a_name_or_number_is_told(override, complaint):
    with pytest.raises(ThawError) as caught:
        load_config(PRESETS / "quick.yaml", (override,))
    assert complaint in str(caught.value)


def test_numbers_with_an_exponent_and_lists_of_flags_are_taken():
    config = load_config(PRESETS / "quick.yaml", ("schedule.learning_rate=1e-3", "fine_tune=[no, yes]", "draws=4"))
    assert (config.schedule.learning_rate, config.fine_tune, config.draws) == (1e-3, (False, True), 4)


def test_a_clusters_numbers_and_flags_are_told_apart_too():
    with pytest.raises(ThawError, match=r"retries\.times: expected a number, got True"):
        load_cluster(CLUSTER, ("retries.times=yes",))
    with pytest.raises(ThawError, match=r"data\.path: expected an absolute path without"):
        load_cluster(CLUSTER, ("data.path=/data/photos [2024]",))


def test_every_problem_has_a_line_of_its_own():
    overrides = ("transfers=[]", "sizes=[]", "candidate_size=7", "target.classes=[cow, truck]")
    with pytest.raises(ThawError) as caught:
        load_config(PRESETS / "quick.yaml", overrides)
    _, *lines = str(caught.value).splitlines()
    assert [line.split()[0] for line in lines] == ["target.classes", "transfers", "sizes", "candidate_size"]


@pytest.mark.parametrize(
    ("text", "first"), [("draws: 1\nseed: 3\n'draws': 7\n", 1), ("schedule:\n  draws: 1\n  draws: 7\n", 2)]
)
def test_a_key_twice_is_refused_with_both_lines(tmp_path, text, first):
    path = tmp_path / "twice.yaml"
    path.write_text(text)
    for load in (load_config, load_cluster):
        with pytest.raises(ThawError, match=rf"twice\.yaml.*key 'draws' twice, in line {first} and in line 3"):
            load(path)


def test_the_last_of_two_overrides_wins_and_an_alias_may_be_merged(tmp_path):
    assert load_config(PRESETS / "quick.yaml", ("draws=4", "draws=5")).draws == 5
    path = tmp_path / "merged.yaml"
    path.write_text((PRESETS / "quick.yaml").read_text() + "blessing: &one {min_accuracy: 0.5}\n")
    assert load_config(path, ("blessing={<<: {min_accuracy: 0.7}, min_accuracy: 0.9}",)).blessing.min_accuracy == 0.9


def test_a_value_that_holds_itself_is_refused(tmp_path):
    path = tmp_path / "loop.yaml"
    path.write_text("name: x\nsizes: &a [*a]\n")
    with pytest.raises(ThawError, match=r"loop\.yaml"):
        load_config(path)


@pytest.mark.parametrize("text", ["!!timestamp x", "!!bool maybe", "!!int ''", '"\\0"', '"a\\uD800"'])
@pytest.mark.parametrize("key", ["workspace", "data.path", "seed"])
def test_what_no_setting_can_hold_is_refused_in_words(key, text):
    with pytest.raises(ThawError, match=re.escape(key)):
        load_config(PRESETS / "quick.yaml", (f"{key}={text}",))


def test_a_target_without_classes_is_refused_and_not_divided_by():
    with pytest.raises(ThawError, match=r"target\.classes needs two or more"):
        load_config(PRESETS / "quick.yaml", ("target.classes=[]",))


@pytest.mark.parametrize("written", ["seed: 010", "sizes: [010, 020]"])
def test_a_number_that_yaml_reads_as_octal_is_refused(tmp_path, written):
    (tmp_path / "a.yaml").write_text(f"name: a\n{written}\n")
    with pytest.raises(ThawError, match="YAML reads 010 as 8, an octal number; write it without the 0"):
        load_config(tmp_path / "a.yaml")


def test_a_name_longer_than_files_allow_is_refused():
    assert load_config(PRESETS / "quick.yaml", (f"name={'a' * 100}",)).name == "a" * 100
    with pytest.raises(ThawError, match="name: "):
        load_config(PRESETS / "quick.yaml", (f"name={'a' * 101}",))
