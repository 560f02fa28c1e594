"""TFMA's result of many candidates, split into one result per candidate. Imports TFMA; no Beam, no TFX component."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2

CANDIDATE, BASELINE = "candidate", "baseline"
"""Names of the models in the configuration, and in each candidate's result."""
EVAL_CONFIG_FILE, VALIDATIONS_FILE, METRICS = "eval_config.json", "validations.tfrecord", "metrics-"


def of_all_candidates(config: config_pb2.EvalConfig, names: Sequence[str]) -> config_pb2.EvalConfig:
    """The configuration of one pass over all candidates.

    Args:
      config: of CANDIDATE against BASELINE.
      names: of the candidates.
    """
    wide = copy.deepcopy(config)
    del wide.model_specs[:]
    for model in config.model_specs:
        for name in [model.name] if model.is_baseline else names:
            found = copy.deepcopy(model)
            found.name = name
            wide.model_specs.append(found)
    return _with_defaults(wide)


def write_part(
    everything: Path, name: str, folder: Path, config: config_pb2.EvalConfig, models: Mapping[str, str]
) -> bool:
    """Writes a candidate's result as TFMA writes one of it and the baseline alone; returns whether it has passed.

    Args:
      everything: folder with the result of all candidates.
      name: of the candidate.
      folder: where its part goes.
      config: of CANDIDATE against BASELINE.
      models: where CANDIDATE and BASELINE lie; for display.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(everything.glob("*.tfrecord")):
        if path.name != VALIDATIONS_FILE:
            _write(folder / path.name, _metrics(path, name) if path.name.startswith(METRICS) else _records(path))
    _write_config(everything, folder, config, models)
    [record] = _records(everything / VALIDATIONS_FILE)
    found = of_candidate(validation_result_pb2.ValidationResult.FromString(record), name)
    _write(folder / VALIDATIONS_FILE, [found.SerializeToString()])
    return bool(found.validation_ok)


def _metrics(path: Path, name: str) -> Iterator[bytes]:
    """One candidate's metrics and the baseline's, slice by slice."""
    for record in _records(path):
        found = metrics_for_slice_pb2.MetricsForSlice.FromString(record)
        kept = [one for one in found.metric_keys_and_values if one.key.model_name in (name, BASELINE)]
        del found.metric_keys_and_values[:]
        for one in kept:
            one.key.model_name = _renamed(one.key.model_name, name)
            found.metric_keys_and_values.append(one)
        yield found.SerializeToString()


def of_candidate(
    everything: validation_result_pb2.ValidationResult, name: str
) -> validation_result_pb2.ValidationResult:
    """What thresholds say of one candidate.

    Args:
      everything: what they say of all.
      name: of the candidate.
    """
    found = copy.deepcopy(everything)
    del found.metric_validations_per_slice[:]
    for group in everything.metric_validations_per_slice:
        kept = [one for one in group.failures if one.metric_key.model_name == name]
        if kept:
            part = found.metric_validations_per_slice.add(slice_key=group.slice_key)
            for one in kept:
                part.failures.add().CopyFrom(one)
                part.failures[-1].metric_key.model_name = CANDIDATE
    missing = found.missing_thresholds or found.missing_slices or found.missing_cross_slices
    found.validation_ok = not (missing or found.metric_validations_per_slice)
    return found


def _write_config(everything: Path, folder: Path, config: config_pb2.EvalConfig, models: Mapping[str, str]) -> None:
    run = json_format.Parse((everything / EVAL_CONFIG_FILE).read_text(encoding="utf-8"), config_pb2.EvalRun())
    run.eval_config.CopyFrom(_with_defaults(config))
    run.model_locations.clear()
    run.model_locations.update(models)
    (folder / EVAL_CONFIG_FILE).write_text(json_format.MessageToJson(run), encoding="utf-8")


def _with_defaults(config: config_pb2.EvalConfig) -> config_pb2.EvalConfig:
    update = getattr(tfma, "utils", tfma).update_eval_config_with_defaults
    return update(config, has_baseline=True, rubber_stamp=True)


def _renamed(model: str, name: str) -> str:
    return CANDIDATE if model == name else model


def _records(path: Path) -> list[bytes]:
    return [record.numpy() for record in tf.data.TFRecordDataset(str(path))]


def _write(path: Path, records: Iterable[bytes]) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
