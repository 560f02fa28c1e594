"""Fingerprints of sources. Touches files in a temporary package alone."""

import sys

import pytest

from pipeline.fingerprint import source_fingerprint


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


def test_a_single_module_has_a_fingerprint_of_its_own():
    assert source_fingerprint("trainer_module.features") != source_fingerprint("trainer_module.draws")


def test_a_package_that_is_not_there_is_named():
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        source_fingerprint("no_such_package")
