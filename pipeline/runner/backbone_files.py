"""Checks the files of backbones before a run: whether they exist, fit, and can be cut. No TFX."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from acquisition.data_sources.base_folders import Places, usual_places
from acquisition.data_sources.imagenet_weights import check_weights, is_downloaded, locate_weights
from acquisition.data_sources.kept_files import sha256_of
from experiment.backbones import Backbone
from experiment.changes import changed
from experiment.config import ExperimentConfig
from experiment.domains import Transfer
from experiment.errors import ThawError, home_expanded, listed
from experiment.schedules import range_problems
from pipeline.planning.training_costs import counted_mflop

OF_OPTION = "mobilenet_v2"
"""The backbone whose weights `--weights` names."""
SIDES = (96, 224)
"""Sides in pixels to try if a model without an input size does not accept smaller images."""


def with_files(
    config: ExperimentConfig, project_root: Path, say: Callable[[str], None]
) -> tuple[ExperimentConfig, dict[str, str]]:
    """Finds and checks the file of every backbone that is transferred; transfers without their weights are left out.

    Args:
      config: the experiment.
      project_root: `../shared/data` is looked for from here.
      say: called with a line on each file, and on each transfer left out.

    Returns:
      The configuration with each file's path and hash, each backbone's cost and parts, and the transfers that can run;
        and the reason for each transfer left out.

    Raises:
      ThawError: a file does not fit, or is not the one of the configuration's `sha256`; a backbone has fewer parts than
        the configuration freezes; weights are missing and `strict` is set, or nothing is left to run.
    """
    places, found, missing = usual_places(project_root), dict(config.backbones), dict[str, str]()
    read = {pair.architecture for pair in config.transfers if config.sources[pair.source].is_pretrained}
    for name in config.architectures:
        if name not in config.backbones:
            continue
        backbone = config.backbones[name]
        if name in read or backbone.model:
            backbone = located(name, backbone, places, say)
        if name in read and backbone.file is None:
            missing[name] = missing_in_words(name, backbone, places, tried=True)
        found[name] = looked_at(name, backbone, config.data.image_shape)
        check_counts(name, found[name], config)
    rest = _without(config, missing)
    needing = {pair.id: missing[pair.architecture] for pair in config.transfers if pair not in rest}
    nothing_left = _are_controls(config, rest)
    if needing and (config.strict or nothing_left):
        reasons, names = " ".join(dict.fromkeys(needing.values())), ", ".join(needing)
        otherwise = f"Or remove {names} from transfers, or leave strict out."
        if nothing_left:
            otherwise = f"Without {names} no transfer is left to run: get the weights, or name another transfer."
        raise ThawError(f"{reasons} {otherwise}")
    for transfer_id, reason in needing.items():
        say(f"!! LEFT OUT: {transfer_id}. {reason}")
    return changed(config, backbones=found, transfers=rest), needing


def _without(config: ExperimentConfig, missing: Collection[str]) -> tuple[Transfer, ...]:
    """The transfers that need none of these backbones' ImageNet weights."""
    return tuple(
        pair for pair in config.transfers
        if pair.architecture not in missing or not config.sources[pair.source].is_pretrained
    )  # fmt: skip


def _are_controls(config: ExperimentConfig, transfers: Collection[Transfer]) -> bool:
    """Whether no transfer is left that can be chosen."""
    return all(config.sources[pair.source].control for pair in transfers)


def then_a_run(config: ExperimentConfig, missing: Collection[str]) -> str:
    """What a run does if it gets the ImageNet weights of none of these backbones, for the end of a message."""
    nothing_left = _are_controls(config, _without(config, missing))
    return "stops" if config.strict or nothing_left else "leaves out the transfers that need them"


def located(
    name: str, backbone: Backbone, places: Places, say: Callable[[str], None], *, allow_download: bool = True
) -> Backbone:
    """The backbone with its file's whole path; without one if no place has a family's weights.

    Args:
      name, backbone: as the configuration has them.
      places: where to look for weights.
      say: called with one line: the file that is used, or why no file was found.
      allow_download: false: look no further than this machine.

    Raises:
      ThawError: a configured file does not exist.
    """
    if backbone.model is None:
        if backbone.weights is not None:
            backbone = backbone.with_file(home_expanded(backbone.weights))
        path = locate_weights(name, backbone, places, say=say, allow_download=allow_download)
        return backbone.with_file(path.absolute()) if path else backbone
    path = home_expanded(backbone.model).absolute()
    if not path.is_file():
        raise ThawError(f"The model {path} (backbones.{name}.model) does not exist. Give a .keras file, as model.save "
                        "writes it.")  # fmt: skip
    if path.suffix in (".h5", ".hdf5"):
        raise ThawError(f"The model {path} (backbones.{name}.model) is not a .keras file. Expected what "
                        "model.save('mine.keras') writes. If it has the weights of a family, give "
                        f"backbones.{name}.family and, in place of model, backbones.{name}.weights; otherwise load it "
                        "where it was made and save it with model.save.")  # fmt: skip
    return backbone.with_file(path)


def missing_in_words(name: str, backbone: Backbone, places: Places, *, tried: bool) -> str:
    """The message that a family's weights are missing, and how to get them; `tried`: whether a download was
    attempted."""
    width = f", alpha={backbone.width}" if backbone.alpha else ""
    given = f"--weights FILE or as backbones.{name}.weights" if name == OF_OPTION else f"backbones.{name}.weights"
    whose = f"ImageNet's weights of the backbone {name} ({backbone.in_words})"
    if is_downloaded(backbone) and not tried:
        return (
            f"{whose} are not on this machine. `thaw run` downloads them; without a network, give it the file "
            f"{backbone.keras_weights} as {given}."
        )
    loader = f"keras.applications.{backbone.family}(include_top=False{width})"
    return (
        f"{whose} are not available: {backbone.keras_weights} "
        f"is not in {places.keras / 'models'}. Put it there or give it as {given}; with a network, "
        f"{'Thaw' if is_downloaded(backbone) else loader} downloads it."
    )


def looked_at(name: str, backbone: Backbone, image_shape: Sequence[int]) -> Backbone:
    """The backbone with its file's properties, its cost and its number of parts.

    Args:
      name: of the backbone.
      backbone: with its file's whole path.
      image_shape: height, width, channels of the data.

    Raises:
      ThawError: the file does not fit, is not the one of `sha256`, can't be cut or does not take the images.
    """
    from trainer_module.networks.architectures import build_network
    from trainer_module.networks.pixel_scale import check_scale

    if backbone.weights is not None:
        check_weights(backbone.weights, backbone)
    sha256 = sha256_of(backbone.file) if backbone.file else ""
    if sha256 and backbone.sha256 and backbone.sha256 != sha256:
        setting = f"backbones.{name}.{'model' if backbone.model else 'weights'}"
        raise ThawError(f"{backbone.file} is not the file that the configuration was written for: its "
                        f"SHA-256 is {sha256}, expected {backbone.sha256}. Give that file as {setting}, or leave "
                        f"backbones.{name}.sha256 out.")  # fmt: skip
    network = build_network(name, image_shape, 2, backbone)
    if backbone.model:
        check_scale(network, backbone)
    return changed(backbone, sha256=sha256, mflop=counted_mflop(network.multiply_adds), parts=network.max_freeze_count)


def check_counts(name: str, backbone: Backbone, config: ExperimentConfig) -> None:
    """Checks that the configuration freezes and tunes no more parts than there are.

    Args:
      name: of the backbone.
      backbone: as looked_at gives it.
      config: the experiment.

    Raises:
      ThawError: a number is beyond the parts.
    """
    beyond = [count for count in config.freeze_counts[name] if count > backbone.parts]
    if beyond:
        raise ThawError(f"freeze_counts.{name} asks for {listed(beyond)}; {backbone.in_words} can be cut into "
                        f"{backbone.parts} parts, so 0 to {backbone.parts} can be frozen.")  # fmt: skip
    if problems := range_problems(name, config.tuned[name], backbone.parts) if name in config.tuned else []:
        raise ThawError(". ".join(problems) + ".")


def fitted(name: str, backbone: Backbone, image_shape: Sequence[int], side: int) -> Backbone:
    """As looked_at, with a chosen size if a model has none, and without `scale` if a model scales pixels itself.

    Args:
      name, backbone, image_shape: as in looked_at.
      side: pixels of the smallest square to try.

    Raises:
      ThawError: as looked_at.
    """
    from trainer_module.networks.backbone import read_model

    if backbone.scale is not None:
        with contextlib.suppress(ThawError):
            return fitted(name, changed(backbone, scale=None), image_shape, side)
    if backbone.side_px or None not in read_model(backbone).input.shape[1:3]:
        return looked_at(name, backbone, image_shape)
    for wider in (side, *SIDES[:-1]):
        try:
            return looked_at(name, changed(backbone, image_size_px=wider), image_shape)
        except ThawError:
            continue
    return looked_at(name, changed(backbone, image_size_px=SIDES[-1]), image_shape)
