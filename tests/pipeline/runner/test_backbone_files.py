"""Files of backbones before a run: found, counted, fitted, left out, rejected. Builds small Keras models."""

import hashlib
from pathlib import Path

import keras
import pytest

from acquisition.data_sources import imagenet_weights
from acquisition.data_sources.base_folders import Places, usual_places
from experiment.changes import changed
from experiment.config import Backbone
from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from pipeline.runner.backbone_files import fitted, located, looked_at, missing_in_words, with_files

pytestmark = pytest.mark.slow  # builds networks

QUICK = PRESETS / "quick.yaml"
NET = (
    "sources={net: {}}",
    "transfers=[{source: net, architecture: net}]",
    "freeze_counts={net: [0, 2]}",
    "baselines={}",
)
ONLY_MOBILENET = "transfers=[{source: imagenet, architecture: mobilenet_v2}]"


@pytest.fixture
def saved(tmp_path):
    """A function that saves a model of so many convolutions, each halving its image, and returns its file."""

    def saved(convolutions=2, side=32):
        layers = [keras.layers.Conv2D(4, 3, strides=2) for _ in range(convolutions)]
        keras.Sequential([keras.Input((side, side, 3)), keras.layers.Rescaling(1 / 255), *layers]).save(
            tmp_path / "net.keras"
        )
        return tmp_path / "net.keras"

    return saved


def config(path, *changes):
    return load_config(QUICK, (f"backbones={{net: {{model: {path}}}}}", *NET, *changes))


def found(config, project_root=Path("/nowhere"), say=print):
    return with_files(config, project_root, say)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine without weights that can't reach Keras's server."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(imagenet_weights, "download", _unreachable)
    return tmp_path / "project"


def _unreachable(url, path, **_):
    raise ThawError(f"{url} can't be downloaded")


def test_what_the_file_says_of_itself_is_filled_in(saved, monkeypatch):
    path = saved()
    monkeypatch.chdir(path.parent)
    net = found(config("net.keras"))[0].backbones["net"]
    assert (net.model, net.parts, net.sha256) == (path, 2, hashlib.sha256(path.read_bytes()).hexdigest())
    # 15 x 15 places of 4 kernels of 3 x 3 x 3, then 7 x 7 of 4 of 3 x 3 x 4; a multiplication and an addition each.
    assert net.mflop == pytest.approx(2e-6 * (15**2 * 4 * 27 + 7**2 * 4 * 36), rel=0.02)


@pytest.mark.parametrize(
    ("layers", "scale", "message"),
    [
        ([keras.layers.Normalization(mean=[0.48, 0.45, 0.4], variance=[0.05] * 3)], None, "multiplies pixels by 4.47"),
        ([keras.layers.Rescaling(2, offset=-1)], None, "begins with .* which multiplies pixels by 2, so it expects"),
        ([keras.layers.Rescaling(1 / 255)], "0..1", "black and white would only be 0.0039. Leave `scale` out"),
        ([keras.layers.Rescaling(1 / 127.5, offset=-1)], "torch", "scales pixels itself"),
        ([keras.layers.Normalization(mean=120, variance=4000)], "-1..1", "scales pixels itself"),
    ],
)  # fmt: skip
def test_a_model_whose_pixels_would_be_scaled_twice_or_never_is_refused(tmp_path, layers, scale, message):
    """It would be a run of a useless source, without a warning."""
    backbone = Backbone(model=written(tmp_path / "net.keras", layers), scale=scale)
    with pytest.raises(ThawError, match=message):
        looked_at("net", backbone, (32, 32, 3))


@pytest.mark.parametrize(
    ("layers", "scale"),
    [
        ([keras.layers.Rescaling(1 / 127.5, offset=-1)], None),
        ([keras.layers.Rescaling(1.0)], None),
        ([keras.layers.Rescaling(1 / 255), keras.layers.Normalization(mean=[0.5] * 3, variance=[0.05] * 3)], None),
        ([keras.layers.Normalization(mean=[103, 116, 123], variance=[1, 1, 1])], None),
        ([keras.layers.Normalization(mean=[0.5] * 3, variance=[0.05] * 3)], "0..1"),
        ([keras.layers.Rescaling(2, offset=-1)], "0..1"),
        ([keras.layers.Rescaling(1 / 255)], "caffe"),
        ([], "0..1"),
    ],
)
def test_a_model_whose_own_scaling_fits_is_taken(tmp_path, layers, scale):
    backbone = Backbone(model=written(tmp_path / "net.keras", layers), scale=scale)
    assert looked_at("net", backbone, (32, 32, 3)).parts == 1
    assert looked_at("net", changed(backbone, image_size_px=48), (32, 32, 3)).parts == 1


def written(path, layers):
    keras.Sequential([keras.Input((32, 32, 3)), *layers, keras.layers.Conv2D(4, 3)]).save(path)
    return path


def test_backbones_that_no_transfer_names_are_not_looked_for(tmp_path):
    quick = load_config(QUICK, ("transfers=[{source: cats_dogs, architecture: original}]",))
    assert found(quick, tmp_path, pytest.fail) == (quick, {})


def test_a_file_that_is_missing_or_another_or_has_fewer_parts_is_refused(saved, tmp_path):
    with pytest.raises(ThawError, match=r"\(backbones\.net\.model\) does not exist"):
        found(config(tmp_path / "none.keras"))
    (tmp_path / "weights.h5").touch()
    with pytest.raises(ThawError, match=r"net\.model\) is not a \.keras file.*family and, in place of model, back"):
        found(config(tmp_path / "weights.h5"))
    path = saved()
    with pytest.raises(ThawError, match=r"is not the file .* expected abc.* as backbones\.net\.model"):
        found(config(path, "backbones.net.sha256=abc"))
    with pytest.raises(ThawError, match=r"freeze_counts\.net asks for 3; .* can be cut into 2 parts, so 0 to 2"):
        found(config(path, "freeze_counts={net: [0, 3]}"))


def test_tuned_ranges_are_held_against_the_parts_of_the_file(saved):
    path = saved()
    with pytest.raises(ThawError, match=r"tuned\.net asks for \[\[1, 3\]\]; of the 2 parts of net, .* from < to < 2"):
        found(config(path, "baselines={}", "tuned={net: [[1, 3]]}"))
    with pytest.raises(ThawError, match=r"tuned\.net asks for \[1, 2\], which holds no layer"):
        found(config(path, "baselines={}", "tuned={net: [[1, 2]]}"))
    assert found(config(path, "baselines={}", "tuned={net: [[0, 1]]}"))


def test_a_transfer_without_weights_is_left_out_loudly(nowhere):
    said = []
    config, left_out = found(load_config(QUICK), nowhere, said.append)
    assert [t.id for t in config.transfers] == ["cats_dogs__original", "ships_planes__original"]
    assert list(left_out) == ["imagenet__mobilenet_v2"]
    assert any("LEFT OUT: imagenet__mobilenet_v2" in line for line in said)


def test_where_nothing_else_is_left_missing_weights_are_an_error_that_says_so(nowhere):
    only = load_config(QUICK, (ONLY_MOBILENET, "sources={imagenet: {}}"))
    with pytest.raises(ThawError) as caught:
        found(only, nowhere)
    assert str(caught.value).endswith(
        "Without imagenet__mobilenet_v2 no transfer is left to run: get the weights, or name another transfer."
    )
    assert "Or remove" not in str(caught.value)


def test_strict_makes_missing_weights_an_error_that_names_the_file_and_where_it_comes_from(nowhere):
    with pytest.raises(ThawError, match="Or remove imagenet__mobilenet_v2 from transfers, or leave strict out"):
        found(load_config(QUICK, ("strict=true",)), nowhere)
    family = ("strict=true", "backbones.mobilenet_v2={family: MobileNetV3Small, alpha: 0.75}",
              "freeze_counts.mobilenet_v2=[8]")  # fmt: skip
    with pytest.raises(ThawError) as caught:
        found(load_config(QUICK, family), nowhere)
    for part in ("weights_mobilenet_v3_small_224_0.75_float_no_top_v2.h5 is not in",
                 "as backbones.mobilenet_v2.weights",
                 "keras.applications.MobileNetV3Small(include_top=False, alpha=0.75) downloads it"):  # fmt: skip
        assert part in str(caught.value)


def test_before_a_download_the_message_says_that_a_run_downloads_what_keras_offers(nowhere):
    def missing(tried, **of_family):
        return missing_in_words("mobilenet_v2", Backbone(**of_family), usual_places(nowhere), tried=tried)

    runs = "`thaw run` downloads them; without a network, give it the file mobilenet_v2_weights_"
    assert runs in missing(False, family="MobileNetV2", alpha=0.35)
    assert missing(True, family="MobileNetV2").endswith("; with a network, Thaw downloads it.")
    for other in (missing(True, family="MobileNetV2"), missing(False, family="EfficientNetB0")):
        assert "thaw run" not in other and "Put it there or give it as --weights FILE" in other


def test_nothing_left_to_run_is_an_error_even_without_strict(nowhere):
    with pytest.raises(ThawError, match="are not available"):
        found(load_config(QUICK, (ONLY_MOBILENET,)), nowhere)


def test_one_backbone_may_lack_its_weights_while_others_run(nowhere, saved):
    both = config(saved(), "backbones.b0={family: EfficientNetB0, image_size_px: 32}", "sources.imagenet={}",
                  "transfers=[{source: net, architecture: net}, {source: imagenet, architecture: b0}]",
                  "freeze_counts.b0=[8]")  # fmt: skip
    resolved, left_out = found(both, nowhere)
    assert [one.id for one in resolved.transfers] == ["net__net"] and list(left_out) == ["imagenet__b0"]


def test_a_family_with_random_weights_as_a_control_needs_no_file(nowhere, saved):
    random = config(saved(), "backbones.b0={family: EfficientNetB0, image_size_px: 32}",
                    "sources.untrained.control=random",
                    "transfers=[{source: net, architecture: net}, {source: untrained, architecture: b0}]",
                    "freeze_counts.b0=[8]")  # fmt: skip
    resolved, left_out = found(random, nowhere)
    assert (left_out, resolved.backbones["b0"].parts, resolved.backbones["b0"].file) == ({}, 8, None)


def test_images_are_enlarged_only_where_a_model_without_a_size_does_not_take_them(saved):
    def fit(path):
        return fitted("net", Backbone(model=path), (32, 32, 3), 32).image_size_px

    assert fit(saved(2, None)) == 32
    deep = Backbone(model=saved(6, None))  # takes 127 pixels and more
    with pytest.raises(ThawError, match="does not take images"):
        looked_at("net", deep, (32, 32, 3))
    assert fit(deep.model) == 224
    assert fit(saved(2, 40)) is None
    with pytest.raises(ThawError, match="does not take images"):
        fit(saved(8, None))


def test_a_path_is_made_whole(saved, monkeypatch, tmp_path):
    monkeypatch.chdir(saved().parent)
    places = Places(*[tmp_path] * 4)
    assert located("net", Backbone(model="net.keras"), places, print).model == tmp_path / "net.keras"
