"""Copies of weights files in the workspace, by their content. Imports no TensorFlow."""

import pytest

from acquisition.data_sources.kept_files import keep_files, kept_path, sha256_of, with_kept_paths
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
         "transfers": [{"source": "imagenet", "architecture": "mine"}], "freeze_counts": {"mine": [1]},
         "backbones": {"wide": {"family": "MobileNetV2", "weights": str(weights), "sha256": sha256_of(weights)},
                       "mine": {"model": str(model), "sha256": sha256_of(model)}}},
        "x",
    )  # fmt: skip


def copies(config):
    return [backbone.file for backbone in with_kept_paths(config).backbones.values()]


def test_copies_lie_under_their_content_and_outlive_the_originals(config, tmp_path):
    keep_files(config)
    (tmp_path / "weights.h5").unlink()
    wide, mine = copies(config)
    original = config.backbones["wide"].weights
    assert wide == kept_path(config.pipeline_folder, config.backbones["wide"].sha256, original)
    assert wide.read_bytes() == b"weights" and mine.read_bytes() == b"model"
    assert wide.suffix == ".h5" and mine.suffix == ".keras"
    assert len(list(mine.parent.iterdir())) == 2


def test_a_copy_that_was_altered_is_made_anew(config):
    keep_files(config)
    copy = copies(config)[1]
    copy.write_bytes(b"altered")
    keep_files(config)
    assert copy.read_bytes() == b"model"


def test_a_file_that_changed_since_it_was_looked_at_is_refused(config):
    config.backbones["mine"].model.write_bytes(b"another")
    with pytest.raises(ThawError, match=r"mine\.keras changed while it was read"):
        keep_files(config)
    assert not copies(config)[1].exists()


def test_a_copy_that_cannot_be_written_is_named(config):
    (config.workspace).write_text("")
    with pytest.raises(ThawError, match=r"Can't copy .*weights\.h5 to .*: (Not a directory|File exists)"):
        keep_files(config)


def test_a_disk_without_room_is_said_and_no_part_of_a_copy_is_left(config, file_limit):
    for _ in range(2):
        with file_limit(3), pytest.raises(ThawError, match="Make room"):
            keep_files(config)
    assert [path for copy in copies(config) for path in copy.parent.iterdir()] == []


def test_where_nothing_was_found_nothing_is_copied(config):
    plain = changed(config, backbones={name: changed(one, sha256="") for name, one in config.backbones.items()})
    assert with_kept_paths(plain) == plain
    keep_files(plain)
    assert not config.pipeline_folder.exists()
