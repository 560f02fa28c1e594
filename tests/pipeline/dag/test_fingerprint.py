"""Fingerprints of sources. Uses only files of a temporary package."""

import sys

import grimp
import pytest

from pipeline.dag.fingerprint import (
    ADVICE_CODE,
    DOMAIN_CODE,
    EVALUATION_CODE,
    EVALUATOR_CODE,
    REPORT_CODE,
    SOURCE_CODE,
    SWEEP_CODE,
    TRAINING_CODE,
    TRANSFORM_CODE,
    source_fingerprint,
)
from tests.packages import PACKAGES

SETTINGS = {
    "experiment.backbones", "experiment.changes", "experiment.checks.between_fields", "experiment.config",
    "experiment.domains", "experiment.errors", "experiment.machine", "experiment.schedules", "experiment.stack",
}  # fmt: skip
SHOWN = SETTINGS | {
    "experiment.training_settings",
    "terminal.console",
    "terminal.output",
    "terminal.progress",
    "terminal.time_left",
    "trainer_module.data.artifact_folders",
    "trainer_module.data.record_counts",
}
ROWS = {
    "experiment.stack", "ledger.ledger", "trainer_module.training.running_stack", "ledger.sealed_lines",
    "ledger.cell_selection", "ledger.rows",
}  # fmt: skip
STARTED = {"terminal.tables", "trainer_module.processes.fork_server"}
"""They print, and start processes."""
RUN_BY_NODES = {"trainer_module.sources.controls", "trainer_module.processes.fixed_threads"}
"""Decisive, but called by nodes and worker processes, not by the modules that compute."""


def test_a_changed_file_changes_the_fingerprint(tmp_path, monkeypatch):
    package = tmp_path / "fingerprinted_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "module.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    first = source_fingerprint("fingerprinted_package")
    assert source_fingerprint("fingerprinted_package") == first
    (package / "module.py").write_text("VALUE = 2\n")
    assert source_fingerprint("fingerprinted_package") != first
    assert "fingerprinted_package.module" not in sys.modules


def test_what_curves_have_taught_counts_and_other_yaml_does_not(tmp_path, monkeypatch):
    package = tmp_path / "learnt_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    without = source_fingerprint("learnt_package")
    (package / "preset.yaml").write_text("draws: 3\n")
    assert source_fingerprint("learnt_package") == without
    (package / "curve_prior.yaml").write_text("noise: 0.3\n")
    first = source_fingerprint("learnt_package")
    (package / "curve_prior.yaml").write_text("noise: 0.4\n")
    assert len({without, first, source_fingerprint("learnt_package")}) == 3


def test_what_a_source_file_says_beside_its_code_does_not_count(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    plain = "VALUE = 1\n\ndef double(x):\n    return 2 * x\n"
    told = plain.replace("VALUE = 1", "# Why.\nVALUE = 1\n'What it means.'").replace("2 * x", "(2*x)")
    prints = []
    for content in (plain, f'"""What it is."""\n{told}', plain.replace("2", "3")):
        (tmp_path / "fingerprinted_module.py").write_text(content)
        prints.append(source_fingerprint("fingerprinted_module"))
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("code", "entry", "without_result"),
    [(SOURCE_CODE, "trainer_module.sources.source", SHOWN), (SWEEP_CODE, "trainer_module.sweep.job", SHOWN | ROWS)],
)
def test_every_module_that_decides_a_result_is_in_its_fingerprint(code, entry, without_result):
    """What is left out shows progress, finds files, or carries settings and rows, which are in the key themselves."""
    imported = grimp.build_graph(*PACKAGES, cache_dir=None).find_upstream_modules(entry) - set(PACKAGES)
    assert imported | {entry} == (set(code) - RUN_BY_NODES) | without_result


@pytest.mark.parametrize(
    ("code", "entry"),
    [
        (ADVICE_CODE, "components.transfer_advisor.component"),
        (DOMAIN_CODE, "components.domain_examples.component"),
        (EVALUATION_CODE, "components.sweep_evaluator.component"),
        (EVALUATOR_CODE, "components.evaluator.component"),
        (REPORT_CODE, "components.transfer_report.component"),
        (TRAINING_CODE, "components.sweep_tuner"),
        (TRAINING_CODE, "trainer_module.trainer"),
        (TRAINING_CODE, "trainer_module.tuner"),
        (TRANSFORM_CODE, "trainer_module.preprocessing"),
    ],
)
def test_every_module_that_decides_what_a_node_writes_is_in_its_fingerprint(code, entry):
    """A package in the fingerprint stands for its modules."""
    imported = grimp.build_graph(*PACKAGES, cache_dir=None).find_upstream_modules(entry) - set(PACKAGES)
    named = {name for name in imported | {entry} for whole in code if name == whole or name.startswith(f"{whole}.")}
    assert (imported | {entry}) - named - SHOWN - ROWS - STARTED == set()


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    prints = []
    for package, (first, second) in {"told_apart": "12", "swapped": "21"}.items():
        for folder, value in (("one", first), ("two", second)):
            (tmp_path / package / folder).mkdir(parents=True)
            (tmp_path / package / folder / "module.py").write_text(f"VALUE = {value}\n")
        (tmp_path / package / "__init__.py").write_text("")
        (tmp_path / package).rename(tmp_path / "two_folders")
        prints.append(source_fingerprint("two_folders"))
        (tmp_path / "two_folders").rename(tmp_path / package)
    assert prints[0] != prints[1]


def test_a_single_module_has_a_fingerprint_of_its_own():
    assert source_fingerprint("experiment.features") != source_fingerprint("trainer_module.data.draws")


def test_a_package_that_is_not_there_is_named():
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        source_fingerprint("no_such_package")
