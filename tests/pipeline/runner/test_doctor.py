"""doctor's findings on machines that lack something. Trains nothing."""

import sys
from pathlib import Path

import keras
import pytest

from experiment.loading import PRESETS, load_config
from pipeline.runner import doctor
from pipeline.runner.supported_stacks import OLD, SupportedStack, stack_of

QUICK = PRESETS / "quick.yaml"


def config(*settings):
    return load_config(QUICK, settings)


def found(subject, *settings, root=Path("/nowhere/project")):
    """doctor's finding on one subject."""
    return next(one for one in doctor.examine(config(*settings), root, {}) if one.subject == subject)


STACK = stack_of(sys.version_info[:2])


def test_this_environment_is_sound():
    assert {found(name).state for name in STACK.packages} == {"ok"}
    assert found("Python").state == ("warning" if STACK is OLD else "ok") and STACK.name in found("Python").found


@pytest.mark.parametrize("python", [(3, 9, 2), (3, 14, 0)])
def test_another_python_is_a_problem_with_advice(monkeypatch, python):
    monkeypatch.setattr(sys, "version_info", python)
    assert found("Python").state == "problem"
    assert "3.13, 3.12, 3.11, 3.10" in found("Python").advice and "make setup" in found("Python").advice


def test_the_old_stack_is_said_to_be_out_of_support_and_the_current_one_is_not(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    old = found("Python")
    assert old.state == "warning" and "TFX 1.16: out of support" in old.found and "glibc 2.39" in old.advice
    monkeypatch.setattr(sys, "version_info", (3, 12, 1))
    assert (found("Python").state, found("Python").advice) == ("ok", "")


@pytest.mark.parametrize(("name", "wanted"), [("click", "0.0.1"), ("no-such-package", "1")])
def test_a_missing_package_or_another_version_is_a_problem(monkeypatch, name, wanted):
    monkeypatch.setattr(doctor, "stack_of", lambda _: SupportedStack("of the test", ((3, 10),), {name: wanted}))
    assert found(name).state == "problem" and wanted in found(name).advice


def test_a_tensorflow_that_does_not_import_is_a_problem_and_ends_what_needs_it(monkeypatch):
    class Broken:
        def find_spec(self, name, path, target=None):
            if name == "tensorflow":
                raise ImportError("libstdc++.so.6: version GLIBCXX_3.4.29 not found")

    for name in [name for name in sys.modules if name == "tensorflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    *_, last = doctor.examine(config(), Path("/nowhere/project"), {})
    assert (last.subject, last.state) == ("TensorFlow import", "problem")
    assert "GLIBCXX_3.4.29" in last.found and "make clean setup" in last.advice


def test_one_core_is_a_warning(monkeypatch):
    monkeypatch.setattr(doctor, "usable_cores", lambda: 1)
    assert found("cores").state == "warning"


@pytest.mark.parametrize(("least", "state"), [(0.0, "ok"), (1e9, "warning")])
def test_memory_and_disk_are_held_against_what_quick_needs(monkeypatch, tmp_path, least, state):
    monkeypatch.setattr(doctor, "LEAST_MEMORY_GB", least)
    monkeypatch.setattr(doctor, "LEAST_DISK_GB", least)
    assert found("memory").state == state
    assert found("disk", f"workspace={tmp_path / 'not' / 'yet'}").state == state


@pytest.mark.parametrize(("name", "content"), [("memory.max", "2000000000"), ("memory.max", "max"), ("none", "")])
def test_memory_is_what_a_container_may_use_and_not_the_machines(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    limited = content.isdigit()
    said = doctor._memory(tmp_path)
    assert said.found.endswith("; this container may use 2.0") == limited
    assert said.state == "warning" or not limited


def test_a_workspace_that_cannot_be_written_is_a_problem():
    assert found("workspace", "workspace=/proc/thaw").state == "problem"


def test_a_damaged_record_of_runs_is_a_problem(tmp_path):
    place = f"workspace={tmp_path}"
    assert found("ML Metadata", place).state == "ok"
    folder = config(place).pipeline_folder
    folder.mkdir()
    (folder / "metadata.sqlite").write_bytes(b"damaged" * 100)
    assert found("ML Metadata", place).state == "problem"


def test_data_that_is_named_but_not_there_is_a_problem(tmp_path):
    missing = found("data", f"data.path={tmp_path / 'nothing'}")
    assert missing.state == "problem" and str(tmp_path) in missing.advice


def test_weights_that_are_not_there_are_a_warning_and_a_wrong_file_a_problem(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    without_data = f"data.path={tmp_path / 'nothing'}"
    assert found("backbone mobilenet_v2", without_data, root=tmp_path / "project").state == "warning"
    wrong = tmp_path / "weights.h5"
    wrong.write_bytes(b"no weights")
    assert found("backbone mobilenet_v2", without_data, f"backbones.mobilenet_v2.weights={wrong}").state == "problem"


@pytest.mark.parametrize(
    ("transfers", "then"),
    [("[{source: imagenet, architecture: mobilenet_v2}]", "a run stops"),
     ("[{source: imagenet, architecture: mobilenet_v2}, {source: cats_dogs, architecture: original}]",
      "a run leaves out the transfers that need them")],
)  # fmt: skip
def test_without_weights_a_run_stops_where_no_other_transfer_is_left(tmp_path, monkeypatch, transfers, then):
    monkeypatch.setenv("HOME", str(tmp_path))
    changes = (f"data.path={tmp_path / 'nothing'}", f"transfers={transfers}")
    assert found("backbone mobilenet_v2", *changes, root=tmp_path / "project").advice.endswith(f"Without them {then}.")


def test_a_model_of_the_users_is_looked_at(tmp_path):
    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3), keras.layers.Flatten()])
    model.save(tmp_path / "net.keras")
    changes = [f"data.path={tmp_path / 'nothing'}",
               f"backbones={{net: {{model: {tmp_path / 'net.keras'}, scale: 0..1}}}}",
               "sources={net: {}}", "transfers=[{source: net, architecture: net}]"]  # fmt: skip
    sound = found("backbone net", *changes, "freeze_counts={net: [0, 1]}", "baselines={}")
    assert (sound.state, "1 parts" in sound.found) == ("ok", True)
    beyond = found("backbone net", *changes, "freeze_counts={net: [2]}", "baselines={}")
    assert beyond.state == "problem" and "can be cut into 1 parts" in beyond.advice


def test_the_worst_state_decides():
    ok, bad = doctor.Finding("a", "ok", ""), doctor.Finding("b", "problem", "")
    assert (doctor.worst([ok]), doctor.worst([ok, bad, ok]), doctor.worst([])) == ("ok", "problem", "ok")


@pytest.mark.parametrize("setting", ["beam_args=[--runner=NoSuchRunner]", "pipeline_root=gs://bucket/[a]"])
def test_what_a_run_refuses_of_its_engine_is_a_problem(setting):
    [found] = doctor.check_engine(config(setting))
    assert (found.subject, found.state) == (setting.partition("=")[0], "problem")


def test_without_an_engine_of_its_own_nothing_is_said_of_it():
    assert list(doctor.check_engine(config())) == []
    [found] = doctor.check_engine(config("pipeline_root=gs://bucket/a"))
    assert found.state == "ok"
