"""Which names of TFX and its relatives we use: public ones, and those that docs/adr/0024 lists. Reads our sources."""

import ast
import importlib.util
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.packages import tree_of

ROOT = Path(__file__).parents[2]
FOLDERS = ("acquisition", "analysis", "benchmarks", "components", "docs_build", "experiment", "kubeflow", "ledger",
           "pipeline", "terminal", "thaw", "trainer_module", "transferability")  # fmt: skip
ADR = ROOT / "docs" / "adr" / "0024-two-stacks.md"
LIBRARIES = ("apache_beam", "keras", "keras_tuner", "ml_metadata", "tensorflow", "tensorflow_data_validation",
             "tensorflow_model_analysis", "tensorflow_transform", "tfx", "tfx_bsl")  # fmt: skip
# Documented by their projects; what lies deeper, in `src`, `python` or a private module, is not.
PUBLIC = re.compile(
    r"(tensorflow_(model_analysis|transform)|tensorflow_data_validation\.StatsOptions|ml_metadata\.MetadataStore"
    r"|ml_metadata\.proto\.metadata_store_pb2|apache_beam(\.options\.pipeline_options\.\w+)?|keras(\.layers\.\w+)?|tensorflow"
    r"|keras_tuner(\.oracles|\.engine\.trial\.\w+)?)"
)
# Of objects: Keras's own bookkeeping, among others. `_replace` of a named tuple and `os._exit` are documented.
DOCUMENTED = {"_replace", "_exit", "_asdict", "_fields"}

pytestmark = pytest.mark.component  # imports TFX


def sources():
    return [ROOT / "local_runner.py", ROOT / "thaw_entry.py"] + [
        path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def imported():
    """Dotted names that our code imports from the libraries."""
    for path in sources():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in LIBRARIES:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names if alias.name.split(".")[0] in LIBRARIES)


def attributes():
    """Private attributes of objects that are not our own, as `._name`."""
    trees = [tree_of(path) for path in sources()]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    found = [node for node in nodes if isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr)]
    own |= {node.attr for node in found if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}}
    return {f".{node.attr}" for node in found} - {f".{name}" for name in own | DOCUMENTED}


def thing(name):
    """What a dotted name means; fails where it has moved."""
    module, _, last = name.rpartition(".")
    if not module:
        return importlib.import_module(name)
    found = getattr(importlib.import_module(module), last, None)
    return importlib.import_module(name) if found is None else found


def exported():
    """Dotted names that tfx.v1 imports to export them, by their last part; read, for importing it takes ten seconds."""
    [folder] = importlib.util.find_spec("tfx").submodule_search_locations
    names = defaultdict(set)
    for path in (Path(folder) / "v1").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("tfx.v1"):
                for alias in node.names:
                    names[alias.name].add(f"{node.module}.{alias.name}")
    return names


def is_public(name, v1):
    """True of what its project documents, and of what tfx.v1 exports, which may import it from another module."""
    found = v1[name.rpartition(".")[2]]
    return bool(PUBLIC.fullmatch(name)) or name in found or any(thing(other) is thing(name) for other in found)


def listed():
    return set(re.findall(r"^\| `([^`]+)` \|", ADR.read_text(), flags=re.MULTILINE))


def test_what_is_not_public_is_in_the_table_and_nothing_else_is():
    v1 = exported()
    assert {name for name in imported() if not is_public(name, v1)} | attributes() == listed()


def test_every_name_is_still_there():
    for name in sorted(set(imported())):
        assert thing(name) is not None, name
