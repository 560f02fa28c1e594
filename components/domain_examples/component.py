"""The DomainExamples node: Beam reads transformed examples and writes one domain's splits. Imports no trainer."""

# No `from __future__ import annotations`: TFX reads the annotations themselves.
import json
from collections.abc import Iterator

import apache_beam as beam
import tensorflow as tf
from tfx.dsl.component.experimental.annotations import (
    BeamComponentParameter,
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples

from components.domain_examples import records
from components.domain_examples.records import DomainSettings
from experiment.errors import ThawError, listed
from trainer_module.data.artifact_folders import matching_files
from trainer_module.data.record_counts import COUNTS_FILE


@component(use_beam=True)
def DomainExamples(
    examples: InputArtifact[Examples],
    domain: OutputArtifact[Examples],
    settings: Parameter[str],
    code: Parameter[str],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Writes the splits `train` (augmented), `val` and, where asked for, `test` of one domain.

    Args:
      examples: transformed examples with the splits `train` and `test`.
      domain: the domain's examples, as uncompressed TFRecords, and COUNTS_FILE.
      settings: a DomainSettings as JSON.
      code: fingerprint of the sources; only in the cache key.
      beam_pipeline: given by TFX.

    Raises:
      ThawError: a split of the domain came out empty.
    """
    wanted = DomainSettings.model_validate_json(settings)
    with beam_pipeline as pipeline:
        train, val = _train_and_val(pipeline, _files(examples.uri, "train"), wanted)
        splits = {"train": train, "val": val}
        if wanted.with_test:
            test = _read(pipeline, "Test", _files(examples.uri, "test"), wanted)
            splits["test"] = test | "SerializedTest" >> beam.Map(lambda kept: kept[2])
        for split, selected in splits.items():
            _write(selected, domain.uri, split)
        _write_counts(splits, domain.uri)
    domain.splits = list(splits)
    for split in splits:
        if next(iter(tf.data.TFRecordDataset(matching_files(_files(domain.uri, split)))), None) is None:
            raise ThawError(
                f"The domain of {listed(wanted.classes)} has no image in its split {split!r}. Expected two training "
                "images of each class and one test image, at least. Add images, or name other classes."
            )


Kept = tuple[str, int, bytes, bool]
"""A record of the domain: id, label, serialized example, and whether it is marked as val. Beam copies plain values
faster than protos."""


def _train_and_val(
    pipeline: beam.Pipeline, files: str, wanted: DomainSettings
) -> tuple[beam.PCollection, beam.PCollection]:
    """Splits the domain's training images by their marks, or by id within each class, and augments those that
    remain."""
    everything = _read(pipeline, "Train", files, wanted)
    if wanted.given_val:
        val = everything | "KeepVal" >> beam.Filter(lambda kept: kept[3])
        train = everything | "DropVal" >> beam.Filter(lambda kept: not kept[3])
        return _augmented(train, wanted), _serialized(val)
    in_val = beam.pvalue.AsDict(
        everything
        | "KeyIdsByLabel" >> beam.Map(lambda kept: (kept[1], kept[0]))
        | "GroupIdsByLabel" >> beam.GroupByKey()
        | "ChooseValIds"
        >> beam.FlatMap(
            lambda group: [(name, True) for name in records.val_ids(list(group[1]), wanted.val_fraction, wanted.seed)]
        )
    )
    val = everything | "KeepVal" >> beam.Filter(lambda kept, chosen: kept[0] in chosen, in_val)
    train = everything | "DropVal" >> beam.Filter(lambda kept, chosen: kept[0] not in chosen, in_val)
    return _augmented(train, wanted), _serialized(val)


def _augmented(train: beam.PCollection, wanted: DomainSettings) -> beam.PCollection:
    return train | "Augment" >> beam.FlatMap(_augment, wanted)


def _serialized(val: beam.PCollection) -> beam.PCollection:
    return val | "SerializedVal" >> beam.Map(lambda kept: kept[2])


def _read(pipeline: beam.Pipeline, name: str, files: str, wanted: DomainSettings) -> beam.PCollection:
    """Reads transformed examples, a file at a time, and keeps the domain's, relabelled."""
    return (
        pipeline
        | f"{name}Files" >> beam.Create(matching_files(files))
        | f"Spread{name}" >> beam.Reshuffle()
        | f"Read{name}" >> beam.FlatMap(_kept_of_file, wanted).with_output_types(Kept)
    )


def _kept_of_file(path: str, wanted: DomainSettings) -> Iterator[Kept]:
    for example in records.domain_records(path, wanted):
        in_val = records.take_val(example)
        yield records.image_id(example), records.label(example), example.SerializeToString(deterministic=True), in_val


def _augment(kept: Kept, wanted: DomainSettings) -> Iterator[bytes]:
    for copy in records.augmented(tf.train.Example.FromString(kept[2]), wanted):
        yield copy.SerializeToString(deterministic=True)


def _write(serialized: beam.PCollection, uri: str, split: str) -> None:
    target = f"{uri}/Split-{split}/examples"
    _ = serialized | f"Write{split.capitalize()}" >> beam.io.WriteToTFRecord(target)


def _write_counts(splits: dict[str, beam.PCollection], uri: str) -> None:
    """Writes how many records each split has, so that a reader notices lost ones."""
    counts = [
        selected
        | f"Count{split.capitalize()}" >> beam.combiners.Count.Globally()
        | f"Name{split.capitalize()}" >> beam.Map(lambda count, name: (name, count), split)
        for split, selected in splits.items()
    ]
    _ = (
        counts
        | "AllCounts" >> beam.Flatten()
        | "CountsBySplit" >> beam.combiners.ToDict()
        | "CountsAsJson" >> beam.Map(json.dumps, sort_keys=True)
        | "WriteCounts" >> beam.io.WriteToText(f"{uri}/{COUNTS_FILE}", num_shards=1, shard_name_template="")
    )


def _files(uri: str, split: str) -> str:
    return f"{uri}/Split-{split}/*"
