"""Which packages of a lock a Python installs: markers, extras, several versions. A made-up lock, and ours."""

from pathlib import Path

import pytest

from docs_build.locked_packages import installed
from experiment.errors import ThawError

LOCK = Path(__file__).parents[2] / "uv.lock"

MADE_UP = """
[[package]]
name = "thaw"
version = "1.0"
dependencies = [
  { name = "both" },
  { name = "old", marker = "python_full_version < '3.11'" },
  { name = "two", version = "1.0", marker = "python_full_version < '3.11'" },
  { name = "two", version = "2.0", marker = "python_full_version >= '3.11'" },
  { name = "mac", marker = "sys_platform == 'darwin'" },
]
[package.optional-dependencies]
serving = [{ name = "served" }]
kubeflow = [{ name = "both", extra = ["more"] }]
gpu = [{ name = "cuda" }]
[package.dev-dependencies]
dev = [{ name = "pytest" }]

[[package]]
name = "both"
version = "3.0"
dependencies = [{ name = "thaw" }, { name = "deep" }]
[package.optional-dependencies]
more = [{ name = "extra-of-both" }]

[[package]]
name = "deep"
version = "4.0"
resolution-markers = ["python_full_version < '3.11'"]

[[package]]
name = "deep"
version = "5.0"
resolution-markers = ["python_full_version >= '3.11'"]
""" + "".join(
    f'\n[[package]]\nname = "{name}"\nversion = "{version}"\n'
    for name, version in (
        ("old", "1.0"), ("two", "1.0"), ("two", "2.0"), ("mac", "1.0"), ("served", "1.0"), ("cuda", "1.0"),
        ("pytest", "1.0"), ("extra-of-both", "1.0"),
    )
)  # fmt: skip

ALWAYS = {"thaw": "1.0", "both": "3.0", "served": "1.0", "extra-of-both": "1.0"}


@pytest.mark.parametrize(
    ("python", "more"),
    [("3.10", {"old": "1.0", "two": "1.0", "deep": "4.0"}), ("3.13", {"two": "2.0", "deep": "5.0"})],
)
def test_a_python_gets_what_its_markers_say_and_no_development_tools(tmp_path, python, more):
    lock = tmp_path / "uv.lock"
    lock.write_text(MADE_UP)
    assert installed(lock, python) == ALWAYS | more


@pytest.mark.parametrize(("found", "count"), [('name = "served"', 0), ('name = "cuda"', 2)])
def test_a_lock_that_is_not_whole_is_refused(tmp_path, found, count):
    lock = tmp_path / "uv.lock"
    # Either the name is gone, or a second package of the same name and version.
    lock.write_text(MADE_UP.replace(f"[[package]]\n{found}", f'[[package]]\nname = "{"served" if count else "gone"}"'))
    with pytest.raises(ThawError, match=rf"0 of the lock's {count} packages called served fit"):
        installed(lock, "3.10")


def test_our_lock_holds_two_stacks_without_the_tests_tools():
    old, new = (installed(LOCK, python) for python in ("3.10", "3.13"))
    assert (old["tfx"], new["tfx"]) == ("1.16.0", "1.21.0")
    assert {"kfp", "tornado", "tensorflow"} <= set(old) & set(new)
    assert not {"pytest", "sphinx", "ruff", "mypy"} & (set(old) | set(new))
