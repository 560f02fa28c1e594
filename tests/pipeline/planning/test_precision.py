"""Which precision `auto` becomes, and when it stays unchanged. Measures one small network for real."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from experiment.backbones import Backbone
from experiment.config import ExperimentConfig
from experiment.errors import ThawError
from experiment.loading import validate_config
from pipeline.planning import precision
from pipeline.planning.precision import DECISION_FILE, Decision, computes_in_bfloat16, decided, resolved
from pipeline.planning.run_costs import RunCosts

IMAGES = 6000


def experiment(folder, *architectures, **changes) -> ExperimentConfig:
    return validate_config(
        {
            "name": "small", "workspace": str(folder), "sources": {"pets": {"classes": ["cat", "dog"]}, "imagenet": {}},
            "transfers": [{"source": "imagenet" if name == "mobilenet_v2" else "pets", "architecture": name}
                          for name in architectures],
            "backbones": {"mobilenet_v2": {"family": "MobileNetV2", "image_size_px": 32}},
            "sizes": [20], "freeze_counts": {name: [1] for name in architectures}, "precision": "auto", **changes,
        },
        "x",
    )  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    """`speedups` by network, which a test may change, and the `networks` that were asked for; nothing is measured."""
    asked = SimpleNamespace(speedups={"original": 1.6, "remastered": 1.31, "mobilenet_v2": 1.1}, networks=[])

    def speedup(config, name, tensorflow, say):
        asked.networks.append(name)
        return asked.speedups[name]

    monkeypatch.setattr(precision, "_speedup", speedup)
    monkeypatch.setattr(precision, "computes_in_bfloat16", lambda: True)
    return asked


@pytest.mark.parametrize(
    ("speedups", "expected"),
    [({"original": 1.31}, "bfloat16"), ({"original": 1.29}, "float32"),
     ({"original": 1.6, "remastered": 1.6}, "bfloat16"), ({"original": 1.1, "mobilenet_v2": 1.1}, "float32")],
)  # fmt: skip
def test_auto_is_bfloat16_if_trainings_are_at_least_1_3_times_as_fast(speedups, expected, asked, tmp_path):
    asked.speedups.update(speedups)
    found = decided(experiment(tmp_path, *speedups), IMAGES, lambda line: None)
    assert found.precision == expected and "on this machine" in found.why


def test_each_network_counts_by_its_planned_seconds(asked, tmp_path, monkeypatch):
    """300 s at 1.4 and 100 s at 0.5: 400 / (214.3 + 200) = 0.97; the other way round 400 / (71.4 + 600) = 0.60."""
    asked.speedups.update(original=1.4, mobilenet_v2=0.5)
    config = experiment(tmp_path, "original", "mobilenet_v2")
    monkeypatch.setattr(RunCosts, "by_network", lambda costs: {"original": 300.0, "mobilenet_v2": 100.0})
    found = decided(config, IMAGES, lambda line: None)
    assert found.why.startswith("training steps in bfloat16 are 0.97 times as fast") and "original 1.40" in found.why
    monkeypatch.setattr(RunCosts, "by_network", lambda costs: {"original": 100.0, "mobilenet_v2": 300.0})
    assert " 0.60 times" in decided(config, IMAGES, lambda line: None).why


def test_what_is_fast_enough_with_the_others_at_1_is_not_measured_further(asked, tmp_path, monkeypatch):
    """300 s at 1.6 and 100 s as in float32: 400 / (187.5 + 100) = 1.39. With 1.3: 400 / (230.8 + 100) = 1.21."""
    config = experiment(tmp_path, "mobilenet_v2", "original")
    monkeypatch.setattr(RunCosts, "by_network", lambda costs: {"mobilenet_v2": 100.0, "original": 300.0})
    found = decided(config, IMAGES, lambda line: None)
    assert (found.precision, asked.networks) == ("bfloat16", ["original"])
    assert " 1.39 times" in found.why and "mobilenet_v2 not measured, so counted as 1" in found.why
    assert found.times_as_fast == pytest.approx(400 / 287.5)
    asked.speedups.update(original=1.3, mobilenet_v2=1.0)
    assert " 1.21 times" in decided(config, IMAGES, lambda line: None).why
    assert asked.networks == ["original", "original", "mobilenet_v2"]


def test_the_plan_counts_with_the_speed_of_bfloat16_where_it_is_taken(asked, tmp_path):
    assert decided(experiment(tmp_path, "original"), IMAGES, lambda line: None).times_as_fast == 1.6
    asked.speedups["original"] = 1.2
    assert decided(experiment(tmp_path, "original"), IMAGES, lambda line: None).times_as_fast == 1.0


def test_the_baseline_from_scratch_outweighs_a_transfer_that_trains_little(tmp_path):
    config = experiment(tmp_path, "mobilenet_v2", baselines={"mobilenet_v2": "original"},
                        schedule={"tuning": {"epochs": 5}}, freeze_counts={"mobilenet_v2": [18]},
                        sizes=[200])  # fmt: skip
    seconds = RunCosts(config, IMAGES, 100.0, workers=1).by_network()
    assert seconds["original"] > 2 * seconds["mobilenet_v2"] > 0


def test_workers_divide_no_core_seconds(tmp_path):
    config = experiment(tmp_path, "original")
    one, four = (RunCosts(config, IMAGES, 100.0, workers).by_network()["original"] for workers in (1, 4))
    assert four == pytest.approx(one, rel=0.5)


def test_a_baseline_s_network_counts_too(asked, tmp_path):
    config = experiment(tmp_path, "original", baselines={"original": "remastered"})
    asked.speedups.update(original=1.1, remastered=1.1)
    decided(config, IMAGES, lambda line: None)
    assert set(asked.networks) == {"original", "remastered"}


def test_what_is_configured_is_not_measured(asked, tmp_path):
    said = []
    config = experiment(tmp_path, "original", precision="bfloat16")
    assert resolved(config, decided(config, IMAGES, said.append)).trained_precision == "bfloat16"
    assert said == ["Precision: bfloat16 (as configured)."] and not asked.networks


def test_a_run_that_goes_on_keeps_what_its_ledgers_have_whatever_this_machine_is(asked, tmp_path):
    config, said = experiment(tmp_path, "mobilenet_v2"), []
    kept = Decision("bfloat16", "another machine was fast", decided(config, IMAGES, said.append).tensorflow)
    kept.write(config.ledger_folder)
    assert decided(config, IMAGES, said.append).precision == "float32"  # no ledger: nothing was trained in it
    (config.ledger_folder / "sweep.jsonl").write_text("")
    assert decided(config, IMAGES, said.append) == kept
    assert said[-1].endswith("The ledgers of this experiment use it, so it stays.")


def test_an_auto_after_a_run_with_a_given_precision_does_not_call_itself_configured(asked, tmp_path):
    """The plan and the report of `auto` said `float32 (as configured)`."""
    said = []
    given = experiment(tmp_path, "original", precision="float32")
    decided(given, IMAGES, said.append).write(given.ledger_folder)
    (given.ledger_folder / "sweep.jsonl").write_text("")
    found = decided(experiment(tmp_path, "original"), IMAGES, said.append)
    assert found.precision == "float32" and found.why == "as configured for an earlier run of this experiment"
    assert not asked.networks and found.in_words in said[-1]
    found.write(given.ledger_folder)
    assert decided(experiment(tmp_path, "original"), IMAGES, said.append) == found


def test_another_tensorflow_decides_again_and_says_why(asked, tmp_path):
    config, said = experiment(tmp_path, "mobilenet_v2"), []
    Decision("bfloat16", "x", "1.0").write(config.ledger_folder)
    (config.ledger_folder / "sweep.jsonl").write_text("")
    assert decided(config, IMAGES, said.append).precision == "float32"
    assert "begun in bfloat16 by TensorFlow 1.0" in said[0]


def test_an_auto_that_nobody_decided_is_float32(tmp_path):
    assert experiment(tmp_path, "original").trained_precision == "float32"


@pytest.mark.parametrize(
    ("flags", "gpu", "expected"),
    [("fma avx2 avx512f", False, False), ("avx512_bf16", False, True), ("amx_tile amx_bf16", False, True),
     ("asimd bf16", False, True), ("fma avx2", True, True), (None, False, True)],
)  # fmt: skip
def test_a_processor_without_instructions_for_it_is_not_measured(flags, gpu, expected, asked, tmp_path, monkeypatch):
    cpuinfo, devices = tmp_path / "cpuinfo", tmp_path / "dev"
    devices.mkdir()
    if flags is not None:
        cpuinfo.write_text(f"model name\t: Any\nflags\t\t: fpu {flags} sse\n")
    if gpu:
        (devices / "nvidia0").touch()
    found = computes_in_bfloat16(cpuinfo, devices)
    assert found is expected
    monkeypatch.setattr(precision, "computes_in_bfloat16", lambda: found)
    decision = decided(experiment(tmp_path, "original"), IMAGES, lambda line: None)
    assert (decision.precision, bool(asked.networks)) == (("bfloat16", True) if expected else ("float32", False))


@pytest.mark.slow
def test_a_network_is_measured_once_and_the_figure_is_in_the_decision(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "computes_in_bfloat16", lambda: True)
    config = experiment(tmp_path, "remastered", schedule={"batch_size": 4})
    first = decided(config, IMAGES, lambda line: None)
    [path] = (tmp_path / "precision").glob("*.json")
    speedup = json.loads(path.read_text())["times_as_fast"]
    assert speedup > 0 and f"are {speedup:.2f} times as fast" in first.why
    assert first.precision == ("bfloat16" if speedup >= 1.3 else "float32")
    path.write_text(json.dumps({"times_as_fast": 9.0}))
    assert decided(config, IMAGES, lambda line: None).precision == "bfloat16"


@pytest.mark.parametrize("kept", ["0", "-1", "NaN", "Infinity", '"x"', "null"])
def test_a_figure_that_no_measurement_gives_is_measured_again(tmp_path, monkeypatch, kept):
    monkeypatch.setattr(precision, "computes_in_bfloat16", lambda: True)
    monkeypatch.setattr(precision, "_measured_alone", lambda asked: 1.5)
    config = experiment(tmp_path, "remastered")
    decided(config, IMAGES, lambda line: None)
    [path] = (tmp_path / "precision").glob("*.json")
    path.write_text(f'{{"times_as_fast": {kept}}}')
    assert "are 1.50 times as fast" in decided(config, IMAGES, lambda line: None).why
    assert json.loads(path.read_text())["times_as_fast"] == 1.5


@pytest.mark.slow
def test_a_network_that_can_not_be_measured_is_said_with_the_reason_and_nothing_else_is_printed(tmp_path, capfd):
    asked = "mobilenet_v2", (32, 32, 1), Backbone(family="MobileNetV2", image_size_px=32, alpha=0.35), 4
    with pytest.raises(ThawError, match=r"could not be measured .exit status 1: .*3 channels.*Set precision"):
        precision._measured_alone(asked)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("program", "said"),
    [("import os; os.kill(os.getpid(), 9)", "exit status -9: killed, most often because memory ran out"),
     ("import os; os._exit(3)", "exit status 3: it said nothing")],
)  # fmt: skip
def test_a_measurement_that_ends_without_a_word_is_said(monkeypatch, program, said):
    monkeypatch.setattr(precision, "MEASURES", program)
    with pytest.raises(ThawError, match=said):
        precision._measured_alone(("original", (8, 8, 3), None, 4))


def test_a_workspace_that_can_t_be_written_is_said(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(ThawError, match=r"can't be written.*Expected a workspace"):
        Decision("float32", "x", "1.0").write(tmp_path / "taken")
    (tmp_path / "there" / DECISION_FILE).mkdir(parents=True)
    with pytest.raises(ThawError, match=r"can't be written.*Expected a workspace"):
        Decision("float32", "x", "1.0").write(tmp_path / "there")
    assert [path.name for path in (tmp_path / "there").iterdir()] == [DECISION_FILE]


def test_two_commands_that_write_the_same_file_do_not_disturb_each_other(tmp_path):
    program = f"""
import pathlib
from pipeline.planning.precision import _write
for _ in range(500):
    _write(pathlib.Path({str(tmp_path)!r}) / "kept.json", {{"a": 1}})
"""
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]
