"""Which setting is in which key, of TFX's cache and of the ledgers: only settings that decide the result. Runs
nothing."""

import copy
import dataclasses
import itertools
import json
import re
from pathlib import Path

import pydantic
import pytest
from tfx.orchestration.data_types import RuntimeParameter

from acquisition.data_sources.locate_dataset import Dataset
from acquisition.tfrecords.record_files import RecordFiles
from experiment.config import Backbone, ExperimentConfig
from experiment.errors import ThawError
from experiment.loading import validate_config
from ledger.cell_selection import Cell
from pipeline.dag.dag import Cluster, create_pipeline
from pipeline.dag.node_settings import model_settings, sweep_settings
from tests.stacks import STACK
from trainer_module.sweep.job import SweepFacts
from trainer_module.sweep.record import SweepRecord
from trainer_module.training.running_stack import running_stack

pytestmark = pytest.mark.component

EXPERIMENT = {
    "name": "keys", "workspace": "/workspace", "seed": 1, "sizes": [20, 40], "draws": 2,
    "data": {"val_key": "in_val"},
    "sources": {"cats_dogs": {"classes": ["cat", "dog"]}, "imagenet": {}, "pretrained": {},
                "untrained": {"control": "random"},
                "permuted": {"classes": ["cat", "dog"], "control": "shuffled_labels"}},
    "transfers": [{"source": "cats_dogs", "architecture": "original"},
                  {"source": "untrained", "architecture": "original"},
                  {"source": "permuted", "architecture": "original"},
                  {"source": "imagenet", "architecture": "mobilenet_v2"},
                  {"source": "imagenet", "architecture": "b0"},
                  {"source": "pretrained", "architecture": "mine"}],
    "freeze_counts": {"original": [6], "mobilenet_v2": [16], "b0": [1], "mine": [1]},
    "backbones": {
        "mobilenet_v2": {"family": "MobileNetV2", "image_size_px": 96, "weights": "/here/weights.h5", "sha256": "ab"},
        "b0": {"family": "EfficientNetB0", "weights": "/here/b0.h5", "sha256": "cd", "parts": 8, "mflop": 9.0},
        "mine": {"model": "/here/mine.keras", "sha256": "5a", "parts": 3, "mflop": 1.0, "scale": "0..1"},
    },
}  # fmt: skip
SWEEPS = ("baseline.original", "baseline.mobilenet_v2", "baseline.b0", "baseline.mine", "transfer.cats_dogs__original",
          "transfer.untrained__original", "transfer.permuted__original", "transfer.imagenet__mobilenet_v2",
          "transfer.imagenet__b0", "transfer.pretrained__mine")  # fmt: skip
TRAINED = {"Trainer.source.cats_dogs.original", "Trainer.source.permuted.original"}
SOURCES = TRAINED | {"Trainer.source.untrained.original", "Trainer.source.imagenet.mobilenet_v2",
                     "Trainer.source.imagenet.b0", "Trainer.source.pretrained.mine"}  # fmt: skip
BASELINES = {f"Tuner.{name}" for name in SWEEPS if name.startswith("baseline")}
TRANSFERS = {f"Tuner.{name}" for name in SWEEPS if name.startswith("transfer")}
TUNERS = BASELINES | TRANSFERS
DEPLOYED = {f"Trainer.{name}" for name in SWEEPS} - {"Trainer.transfer.untrained__original",
                                                     "Trainer.transfer.permuted__original"}  # fmt: skip
DOMAINS = {"DomainExamples.target", "DomainExamples.cats_dogs", "DomainExamples.permuted"}
EVALUATORS = {name.replace("Trainer.baseline", "Evaluator") for name in DEPLOYED if "baseline" in name}
ADVISOR, CARD, READERS = {"TransferAdvisor"}, {"TransferReport"}, {"ImportSchemaGen", "Transform"}
CONFIRMER = {"Confirmer"}


def of(nodes, architecture):
    """Those of one architecture."""
    return {name for name in nodes if name.replace("__", ".").endswith(f".{architecture}")}


def of_role(nodes, role):
    """Those of transfers, or of baselines."""
    return {name for name in nodes if f"{role}." in name}


MOBILENET, B0, MINE = (of(TUNERS | DEPLOYED | SOURCES, name) | ADVISOR for name in ("mobilenet_v2", "b0", "mine"))
GRID = TUNERS | ADVISOR | CARD
NOWHERE = set()
# By setting: another value, and the nodes of TFX's cache that are told of it. TransferReport writes the whole
# configuration, places apart, into the model card.
SETTINGS = {
    "runs": ("/other", NOWHERE),
    "seed": (2, DOMAINS | TUNERS | DEPLOYED | ADVISOR | CARD | TRAINED | {"Trainer.source.untrained.original"}),
    "strict": (True, CARD),
    "allow_overlap": (True, CARD),
    "allow_untrained_sources": (True, TRANSFERS | CARD),
    "data.path": ("/other", NOWHERE),
    "data.image_key": ("png", READERS | DEPLOYED | CARD),
    "data.label_key": ("class", READERS | CARD),
    "data.id_key": ("name", READERS | CARD),
    "data.resize": (True, {"Transform"} | DEPLOYED | CARD),
    "data.image_shape": ([48, 48, 3], {"Transform"} | DOMAINS | SOURCES | TUNERS | DEPLOYED | ADVISOR | CARD),
    "data.classes": (["cat", "dog", "automobile", "truck"], {"ImportSchemaGen"} | DOMAINS | CARD),
    "data.val_fraction": (0.1, DOMAINS | CARD),
    "data.val_key": ("is_val", READERS | CARD),
    "data.group_key": ("person", READERS | CARD),
    "target.name": ("other", CARD),
    "target.classes": (["truck", "automobile"], {"DomainExamples.target", "Trainer.source.untrained.original"} | TUNERS
                       | DEPLOYED | ADVISOR | CARD),
    "augmentation.mirror": (False, DOMAINS | CARD),
    "augmentation.noisy_copies": (2, DOMAINS | CARD),
    "augmentation.noise_stddev": (5.0, DOMAINS | CARD),
    "sizes": ([20, 40, 60], GRID),
    "candidate_size": (20, TUNERS | CARD),
    "freeze_counts": ({"original": [6, 7], "mobilenet_v2": [16], "b0": [1], "mine": [1]},
                      of(TRANSFERS, "original") | ADVISOR | CARD),
    "tuned": ({"mobilenet_v2": [[2, 6]]}, of(TRANSFERS, "mobilenet_v2") | CARD),
    "fine_tune": ([False], GRID),
    "search": ("grid", TRANSFERS | CARD),
    "draws": (3, GRID),
    "confirmation.draws": (3, CONFIRMER | CARD),
    "confirmation.most_draws": (7, CONFIRMER | CARD),
    "confirmation.every_transfer": (True, CONFIRMER | CARD),
    "budget_minutes": (10.0, TUNERS | CARD),
    "precision": ("bfloat16", TRAINED | TUNERS | DEPLOYED | CARD),
    "workers": (7, NOWHERE),
    "activations_gib": (1.0, NOWHERE),
    "pipeline_root": ("s3://bucket/thaw", NOWHERE),
    "beam_args": (["--direct_num_workers=2"], NOWHERE),
    **{f"schedule.tuning.{name}": (value, TRANSFERS | of_role(DEPLOYED, "transfer") | CARD) for name, value in
       {"epochs": 3, "learning_rate": 1e-3, "max_steps": 7}.items()},
    **{f"schedule.{name}": (value, TUNERS | DEPLOYED | CARD) for name, value in
       {"epochs": 3, "batch_size": 8, "learning_rate": 1e-3, "fine_tune_learning_rate": 1e-3, "max_steps": 7}.items()},
    **{f"source_schedule.{name}": (value, TRAINED | CARD) for name, value in
       {"epochs": 3, "batch_size": 8, "learning_rate": 1e-3, "max_steps": 7, "shift_px": 1}.items()},
    "backbones.mobilenet_v2.image_size_px": (64, MOBILENET | CARD),
    "backbones.mobilenet_v2.alpha": (0.5, MOBILENET | CARD),
    "backbones.mobilenet_v2.weights": ("/there/moved.h5", NOWHERE),
    "backbones.mobilenet_v2.sha256": ("ac", {"Trainer.source.imagenet.mobilenet_v2"} | CARD),
    "backbones.b0.family": ("EfficientNetB1", B0 | CARD),
    "backbones.b0.image_size_px": (64, B0 | CARD),
    "backbones.b0.weights": ("/there/moved.h5", NOWHERE),
    "backbones.b0.sha256": ("ce", {"Trainer.source.imagenet.b0"} | CARD),
    "backbones.mine.model": ("/there/mine.keras", NOWHERE),
    "backbones.mine.scale": ("-1..1", MINE | CARD),
    "backbones.mine.features": ("pool", MINE | CARD),
    "backbones.mine.image_size_px": (64, MINE | CARD),
    "backbones.mine.sha256": ("5b", MINE | CARD),
    "backbones.mine.mflop": (2.0, CARD),
    "backbones.mine.parts": (4, MINE | CARD),
    "blessing.min_accuracy": (0.5, EVALUATORS | CARD),
    "blessing.min_gain_points": (1.0, EVALUATORS | CARD),
    "blessing.max_class_loss_points": (1.0, CARD),
}  # fmt: skip
ELSEWHERE = {"name", "workspace", "sources", "transfers", "baselines"}
"""The first two say where the cache itself lies, the others which nodes there are."""
ALL = set(SWEEPS)
ROWS = {
    **dict.fromkeys(("seed", "precision", "data.image_shape", "target.classes", "schedule.batch_size"), ALL),
    **dict.fromkeys(("schedule.epochs", "schedule.learning_rate", "schedule.fine_tune_learning_rate",
                     "schedule.max_steps"), of_role(ALL, "baseline")),
    **dict.fromkeys(("schedule.tuning.epochs", "schedule.tuning.learning_rate", "schedule.tuning.max_steps"),
                    of_role(ALL, "transfer")),
    **{f"backbones.mobilenet_v2.{name}": of(ALL, "mobilenet_v2") for name in ("image_size_px", "alpha")},
    **{f"backbones.b0.{name}": of(ALL, "b0") for name in ("family", "image_size_px")},
    **{f"backbones.mine.{name}": of(ALL, "mine") for name in ("scale", "features", "image_size_px", "sha256", "parts")},
}  # fmt: skip
"""Sweeps whose rows have another key, by setting; no other setting is in the key of a row. What changes the images
changes the data's content hash, which is in all of them."""


def changed(key=None, value=None):
    settings = copy.deepcopy(EXPERIMENT)
    if key:
        *parents, last = key.split(".")
        place = settings
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return validate_config(settings, "x")


def told(config, name="cifar10", cluster=None):
    """What is in the keys of TFX's cache, by node."""
    dataset = Dataset(name, "here", False, RecordFiles(Path("/data"), "train/*", "test/*"))
    made = create_pipeline(config, dataset, {}, cluster).components
    return {node.id: {key: str(value) for key, value in node.exec_properties.items()} for node in made}


def with_confirmer(nodes):
    """The Confirmer is told what the Tuners of baselines and of transfers that are no controls are told."""
    controls = {"Tuner.transfer.untrained__original", "Tuner.transfer.permuted__original"}
    return nodes | CONFIRMER if nodes & (TUNERS - controls) else nodes


def differing(one, other):
    assert one.keys() == other.keys()
    return {name for name in one if one[name] != other[name]}


def rows(config, stack=STACK):
    """The key of one row of each sweep."""
    keys = {}
    for role, (source, architecture) in itertools.chain(
        (("baseline", ("", name)) for name in config.architectures),
        (("transfer", (pair.source, pair.architecture)) for pair in config.transfers),
    ):
        settings = model_settings(config, role, source, architecture, data_name="cifar10", code="c0de")
        record = SweepRecord(sweep_settings(config, settings), SweepFacts("5a", "c0", (0, 1), "1d5", (5, 5), stack))
        keys[f"{role}.{settings.name.removeprefix('baseline__')}"] = record.key(Cell(20, 1, False), 0)
    return keys


def leaves(model, before=""):
    for name, field in model.model_fields.items():
        kind = field.annotation
        if name == "tuning":  # or none
            kind = next(part for part in kind.__args__ if issubclass(part, pydantic.BaseModel))
        if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
            yield from leaves(kind, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def spelled(setting):
    """A setting without the name of a backbone, as `leaves` has it."""
    return re.sub(r"^backbones\.\w+\.", "backbones.", setting)


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Keys of nodes and rows with nothing changed."""
    EXPERIMENT["workspace"] = str(tmp_path_factory.mktemp("workspace"))
    return told(changed()), rows(changed())


def test_every_setting_is_in_the_table():
    known = {*leaves(ExperimentConfig), *leaves(Backbone, "backbones.")} - {"backbones"}
    assert {*map(spelled, SETTINGS), *ELSEWHERE} == known


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_in_the_keys_of_what_it_decides_and_of_nothing_else(name, before):
    value, expected = SETTINGS[name]
    after = changed(name, value)
    assert differing(before[0], told(after)) == with_confirmer(expected)
    assert differing(before[1], rows(after)) == ROWS.get(name, NOWHERE)


def test_the_report_is_told_of_as_many_trainings_as_were_asked_for_though_a_budget_made_less_of_them(before):
    dataset = Dataset("cifar10", "here", False, RecordFiles(Path("/data"), "train/*", "test/*"))

    def planned(config):
        made = create_pipeline(config, dataset, {}, asked_draws=3).components
        report = next(node for node in made if node.id == "TransferReport")
        return json.loads(report.exec_properties["settings"])["planned"]

    found = planned(changed("budget_minutes", 10.0))
    assert (found["baseline__original"], found["cats_dogs__original"]) == (3 * 2 * 2, 3 * 2 * 2)
    with_held = planned(changed("tuned", {"mobilenet_v2": [[2, 6]]}))
    assert with_held["imagenet__mobilenet_v2"] == found["imagenet__mobilenet_v2"] + 3 * 2


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("budget_minutes", 10.0, "budget_minutes works only on one machine"),
        ("pipeline_root", "s3://a/b", "pipeline_root of the experiment is s3://a/b, which only a run on one machine"),
    ],
)
def test_settings_of_one_machine_are_refused_on_a_cluster(key, value, words):
    cluster = Cluster("/root", RuntimeParameter("data", str, "/data"))
    with pytest.raises(ThawError, match=words):
        told(changed(key, value), cluster=cluster)


def test_the_datas_name_is_told_to_whoever_writes_it_down(before):
    assert differing(before[0], told(changed(), name="SYNTHETIC shapes")) == TUNERS | DEPLOYED | CONFIRMER


@pytest.mark.parametrize(
    "change", [{"tensorflow": "2.21.0"}, {"keras": "3.15.1"}, {"numpy": "2.4.6"}, {"scikit_learn": "1.7.2"},
               {"scipy": "1.16.0"}, {"precision": "bfloat16"},
               {"onednn": False}, {"device": "GPU"}],
)  # fmt: skip
def test_every_part_of_the_stack_is_in_the_key_of_every_row(change, before):
    assert differing(before[1], rows(changed(), dataclasses.replace(STACK, **change))) == ALL


def test_the_stack_is_in_the_keys_of_all_that_trains_or_computes_features(before):
    pods = [Cluster("/root", RuntimeParameter("data", str, "/data"), device) for device in ("CPU", "GPU")]
    one, other = (told(changed(), cluster=cluster) for cluster in pods)
    assert differing(one, other) == SOURCES | TUNERS | DEPLOYED | ADVISOR | CONFIRMER
    words = running_stack().in_words
    assert {name for name, properties in before[0].items() if words in str(properties)} == differing(one, other)
