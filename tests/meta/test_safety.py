"""Nothing that is read can run code: no pickle, no eval, models in safe mode. Reads the sources as text."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.packages import PACKAGES, tree_of

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
RUN_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNPICKLES_ARRAYS_ALONE = "acquisition/data_sources/cifar10.py"
"""CIFAR-10 is published as pickles; tests/acquisition/data_sources/test_cifar10.py shows that none can run code."""


def dangers(tree: ast.AST) -> Iterator[str]:
    """What in a module could run code that it reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"imports {name}" for name in names if name.partition(".")[0] in RUN_CODE)
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            told = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if name in ("exec", "unsafe_load") or (name == "eval" and isinstance(node.func, ast.Name)):
                yield f"calls {name}"
            if name == "load_model" and told.get("safe_mode") != "True":
                yield "calls load_model without safe_mode=True"
            if told.get("allow_pickle") == "True" or ast.unparse(node.func) == "yaml.load":
                yield f"calls {ast.unparse(node.func)} unsafely"


def test_what_a_module_reads_cannot_run_code() -> None:
    trees = {str(path.relative_to(ROOT)): tree_of(path) for path in MODULES}
    found = {name: every for name, tree in trees.items() if (every := list(dangers(tree)))}
    assert found == {UNPICKLES_ARRAYS_ALONE: ["imports pickle"]}


def test_each_danger_is_seen() -> None:
    text = (
        "import pickle\nfrom joblib import load\neval('1')\nexec('1')\nmodel.eval()\nload_model('a')\n"
        "keras.saving.load_model('a', safe_mode=True)\nload_model('a', safe_mode=False)\nyaml.load('a')\n"
        "yaml.safe_load('a')\nnp.load('a', allow_pickle=True)\n"
    )
    assert sorted(dangers(ast.parse(text))) == [
        "calls eval", "calls exec", "calls load_model without safe_mode=True",
        "calls load_model without safe_mode=True", "calls np.load unsafely", "calls yaml.load unsafely",
        "imports joblib", "imports pickle",
    ]  # fmt: skip
