"""The benchmark's images and source: real CIFAR-10, augmented as the pipeline does. Imports components, no TFX."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from acquisition.data_sources.base_folders import usual_places
from acquisition.data_sources.locate_dataset import Dataset, locate_dataset
from components.domain_examples import records
from components.domain_examples.records import DomainSettings
from experiment import features
from experiment.config import CIFAR10_CLASSES, Augmentation, SourceSchedule
from experiment.training_settings import ModelSettings
from trainer_module.cell_training.target_data import TargetData, drawn_records
from trainer_module.data.input_pipeline import Records
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import Network, build_network
from trainer_module.sources import source

TARGET, SOURCE = ("automobile", "truck"), ("ship", "airplane")
SOURCE_STEPS = 600
IMAGE_SHAPE = (32, 32, 3)
VAL_FRACTION = 0.1
SEED = 2022


def find_dataset() -> Dataset:
    """CIFAR-10 from the place where a run in the working folder would find it."""
    return locate_dataset(None, usual_places(Path.cwd()), os.environ, say=print)


def read_domain(
    dataset: Dataset, classes: tuple[str, ...], split: str, val_fraction: float = VAL_FRACTION
) -> tuple[Records, Records]:
    """Train (with mirror images and noisy copies) and val of a domain; for `test` only the images."""
    settings = DomainSettings(
        classes=classes, data_classes=CIFAR10_CLASSES, image_shape=IMAGE_SHAPE, augmentation=Augmentation(),
        val_fraction=val_fraction, seed=SEED, with_test=True,
    )  # fmt: skip
    examples = _examples(dataset, settings, split)
    if split == "test":
        return _as_records(examples), _as_records([])
    in_val = set()
    for label in range(len(classes)):
        ids = [records.image_id(example) for example in examples if records.label(example) == label]
        in_val |= set(records.val_ids(ids, val_fraction, SEED))
    kept = [example for example in examples if records.image_id(example) not in in_val]
    copies = [copy for example in kept for copy in records.augmented(example, settings)]
    return _as_records(copies), _as_records([e for e in examples if records.image_id(e) in in_val])


def target_data(
    dataset: Dataset, classes: tuple[str, ...], largest: int, draws: Iterable[int], val_fraction: float = VAL_FRACTION
) -> TargetData:
    """The target as read by a sweep on these draws of at most `largest` images."""
    train, val = read_domain(dataset, classes, "train", val_fraction)
    test, _ = read_domain(dataset, classes, "test")
    narrowed = drawn_records(train, largest, len(classes), SEED, list(draws))
    return TargetData(narrowed, val, test, len(classes), content_hash="")


def trained_source(
    dataset: Dataset, classes: tuple[str, ...], steps: int, place: Path, architecture: str = "original"
) -> Path:  # fmt: skip
    """A source of one of the report's networks, trained for some steps; a .keras file kept at `place`."""
    if not place.exists():
        train, val = read_domain(dataset, classes, "train")
        settings = ModelSettings(
            role="source", name="benchmark_source", source="benchmark", architecture=architecture, classes=classes,
            image_shape=IMAGE_SHAPE, image_key="image",
            schedule=SourceSchedule(batch_size=64, learning_rate=1e-3, max_steps=steps, shift_px=0), seed=SEED,
            data_name=dataset.name, code="",
        )  # fmt: skip
        network = build_network(architecture, IMAGE_SHAPE, 2)
        source.train_source(network, train, val, settings)
        place.parent.mkdir(parents=True, exist_ok=True)
        network.model.save(place)
    return place


def original_network() -> Network:
    """Table 1 of the report, its weights still to be set."""
    return build_network("original", IMAGE_SHAPE, 2)


def source_backbone(place: Path, network: Network) -> weight_values.Weights:
    """Backbone weights from the .keras file."""
    return source.source_weights(str(place.parent), network)


def _examples(dataset: Dataset, settings: DomainSettings, split: str) -> list[tf.train.Example]:
    files = dataset.files.train if split == "train" else dataset.files.test
    found = []
    for serialized in tf.data.TFRecordDataset([str(file) for file in files]):
        raw = tf.train.Example.FromString(serialized.numpy()).features.feature
        label = raw["label"].int64_list.value[0]
        if settings.data_classes[label] not in settings.classes:
            continue
        pixels = tf.io.decode_image(raw["image"].bytes_list.value[0], channels=3).numpy()
        example = tf.train.Example()
        content = example.features.feature
        content[features.IMAGE].bytes_list.value.append(pixels.tobytes())
        content[features.LABEL].int64_list.value.append(label)
        content[features.ID].bytes_list.value.append(raw["id"].bytes_list.value[0])
        relabelled = records.relabelled(example, settings)
        assert relabelled is not None
        found.append(relabelled)
    return found


def _as_records(examples: Sequence[tf.train.Example]) -> Records:
    ids = np.array([records.image_id(example) for example in examples], str)
    labels = np.array([records.label(example) for example in examples], np.int64)
    copies = np.array([e.features.feature[features.COPY].int64_list.value[0] for e in examples], np.int64)
    content = b"".join(example.features.feature[features.IMAGE].bytes_list.value[0] for example in examples)
    images = np.frombuffer(content, np.uint8).reshape(-1, *IMAGE_SHAPE)
    order = np.lexsort((copies, ids))
    return Records(images[order], labels[order], ids[order], copies[order])
