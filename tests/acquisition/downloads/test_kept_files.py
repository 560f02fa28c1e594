"""Copies of weights files in the workspace, by their content. Imports no TensorFlow."""

import pytest

from acquisition.downloads.kept_files import keep_files, kept_path, sha256_of, with_kept_paths
from experiment.changes import changed
from experiment.errors import ThawError
from experiment.loading import validate_config


@pytest.fixture
def config(tmp_path):
    weights, model = tmp_path / "weights.h5", tmp_path / "mine.keras"
    weights.write_bytes(b"weights")
    model.write_bytes(b"model")
    return validate_config(
        {"name": "kept", "workspace": str(tmp_path / "ws"), "sizes": [20], "sources": {"imagenet": {}},
         "transfers": [{"source": "imagenet", "architecture": "own"}], "freeze_counts": {"own": [1]},
         "mobilenet_v2": {"weights": str(weights)}, "own": {"model": str(model), "sha256": sha256_of(model)}},
        "x",
    )  # fmt: skip


def test_copies_lie_under_their_content_and_outlive_the_originals(config, tmp_path):
    hash_ = sha256_of(config.mobilenet_v2.weights)
    keep_files(config, hash_)
    placed = with_kept_paths(config, hash_)
    (tmp_path / "weights.h5").unlink()
    assert placed.mobilenet_v2.weights == kept_path(config.pipeline_folder, hash_, config.mobilenet_v2.weights)
    assert placed.mobilenet_v2.weights.read_bytes() == b"weights" and placed.own.model.read_bytes() == b"model"
    assert placed.mobilenet_v2.weights.suffix == ".h5" and placed.own.model.suffix == ".keras"
    assert len(list(placed.own.model.parent.iterdir())) == 2


def test_a_copy_that_was_altered_is_made_anew(config):
    keep_files(config, "")
    copy = with_kept_paths(config, "").own.model
    copy.write_bytes(b"altered")
    keep_files(config, "")
    assert copy.read_bytes() == b"model"


def test_a_file_that_changed_since_it_was_looked_at_is_refused(config):
    config.own.model.write_bytes(b"another")
    with pytest.raises(ThawError, match=r"mine\.keras changed while it was read"):
        keep_files(config, "")
    assert not list(with_kept_paths(config, "").own.model.parent.iterdir())


def test_a_copy_that_cannot_be_written_is_named(config):
    (config.workspace).write_text("")
    with pytest.raises(ThawError, match=r"Can't copy .*mine\.keras to .*: (Not a directory|File exists)"):
        keep_files(config, "")


def test_where_nothing_is_needed_nothing_is_copied(config):
    pairs = [{"source": "imagenet", "architecture": "mobilenet_v2"}]
    plain = changed(config, own=None, transfers=pairs, freeze_counts={"mobilenet_v2": [1]})
    assert with_kept_paths(plain, "") == plain
    keep_files(plain, "")
    assert not config.pipeline_folder.exists()
