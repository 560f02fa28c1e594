"""Habits that every Python file of the project keeps. Reads the files as text and imports none of them."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.packages import PACKAGES, tree_of

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (*PACKAGES, "benchmarks", "docs_build", "kubeflow", "tests", "third_party")
IN_FOLDERS = [f for folder in FOLDERS for f in (ROOT / folder).rglob("*.py")]
MODULES = sorted([*ROOT.glob("*.py"), *(f for f in IN_FOLDERS if "build" not in f.relative_to(ROOT).parts)])
PACKAGE_MODULES = [f for f in MODULES if f.relative_to(ROOT).parts[0] in PACKAGES]
# Acquisition looks for data where the environment says, and a pod is told by KerasTuner's variables its role in a
# distributed sweep; a pod's programs set what TensorFlow reads on import, and the command line passes the environment
# on. All else is passed as arguments.
READS_ENVIRONMENT = (
    "acquisition/",
    "components/sweep_tuner.py",
    "pipeline/kubeflow/task.py",
    "pipeline/serving/model_server.py",
    "pipeline/runner/sweep_worker.py",
    "thaw/",
)
# freezing seeds Keras's initialisers from a stream, which take their seeds from Python's own generator.
MAKES_RANDOM_NUMBERS = ("experiment/random_streams.py", "trainer_module/networks/weight_values.py")
RANDOM_MAKERS = {"default_rng", "Generator", "RandomState", "SeedSequence", "Random", "set_seed", "set_random_seed"}
MAX_FILE_LINES, MAX_TEST_FILE_LINES = 250, 300
MAX_FUNCTION_LINES = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions_of(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def documented_parameters(docstring: str) -> list[str] | None:
    """Names in the docstring's `Args:` section, in order; none where it has no such section."""
    lines = docstring.splitlines()
    starts = [number for number, line in enumerate(lines) if line.strip() == "Args:"]
    if not starts:
        return None
    names: list[str] = []
    indent = None
    for line in lines[starts[0] + 1 :]:
        if not line.strip():
            break
        found = re.match(r"( +)(\*{0,2}\w+(?:, \*{0,2}\w+)*):", line)
        depth = len(line) - len(line.lstrip())
        indent = depth if indent is None else indent
        if depth < indent:
            break
        if found and depth == indent:
            names += [name.strip().lstrip("*") for name in found[2].split(",")]
    return names


def parameters(function: Function) -> list[str]:
    """Names in the order of the signature, without self and cls."""
    args = function.args
    every = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    return [arg.arg for arg in every if arg is not None and arg.arg not in ("self", "cls")]


def documented_callables(tree: ast.Module) -> Iterator[tuple[str, list[str], list[str]]]:
    """(name, documented parameters, real parameters) of public functions, methods and constructors."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            makers = [f for f in node.body if isinstance(f, Function) and f.name == "__init__"]
            real = parameters(makers[0]) if makers else None
        elif isinstance(node, Function):
            real = parameters(node)
        else:
            continue
        documented = documented_parameters(ast.get_docstring(node) or "")
        if documented is not None and real is not None and not node.name.startswith("_"):
            yield node.name, documented, real


def random_numbers(tree: ast.AST) -> list[int]:
    """Lines that call what makes, seeds or is a generator of random numbers."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = [(call.lineno, ast.unparse(call.func).split(".")) for call in calls]
    return [
        line
        for line, (*before, last) in names
        if last in RANDOM_MAKERS or (before[-1:] == ["random"] and not last.startswith("stateless_"))
    ]


def environment_reads(tree: ast.AST) -> list[int]:
    """Lines that touch the process's environment variables."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            names = [node.attr]
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            names = [alias.name for alias in node.names]
        else:
            continue
        if {"environ", "environb", "getenv", "putenv", "unsetenv"} & set(names):
            lines.append(node.lineno)
    return lines


TEXT_MODES = {"r", "w", "a", "x", "r+", "w+", "a+", "rt", "wt", "at"}
OPEN_UTF8_ANYWAY = {"fileio", "tf.io.gfile"}
"""TensorFlow's files are UTF-8 whatever the locale."""


def calls_by_locale(tree: ast.AST) -> list[int]:
    """Lines that open text without saying its encoding: Python then takes the locale's."""
    lines = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or "encoding" in {keyword.arg for keyword in node.keywords}:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        constants = {
            value.value for value in (*node.args, *(k.value for k in node.keywords)) if isinstance(value, ast.Constant)
        }
        of_text = name in ("read_text", "write_text")
        if name == "open":
            bare = isinstance(node.func, ast.Name) and not any("b" in str(one) for one in constants)
            owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            of_text = bare or (bool(constants & TEXT_MODES) and owner not in OPEN_UTF8_ANYWAY)
        if of_text:
            lines.append(node.lineno)
    return lines


def globs_and_ascii(tree: ast.AST) -> list[int]:
    """Lines that take a whole path for a pattern (pathlib's glob does not), or bytes for ASCII."""
    called = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        node.lineno
        for node in called
        if ast.unparse(node.func).endswith(("gfile.glob", "fileio.glob", "get_matching_files"))
        or ast.unparse(node.func) in ("glob.glob", "glob.iglob", "tf.data.Dataset.list_files")
        or (ast.unparse(node.func).endswith(".astype") and ast.unparse(node.args[0]) in ("str", "np.str_", "'U'"))
    ]


def found_in(paths: list[Path], check: Callable[[ast.Module], Any]) -> dict[str, Any]:
    """What a check finds, by file; files without findings are left out."""
    return {name_of(path): found for path in paths if (found := check(tree_of(path)))}


def test_files_are_read_whatever_the_locale_and_the_folders_name() -> None:
    paths = [path for path in MODULES if "tests" not in path.relative_to(ROOT).parts]
    assert found_in(paths, calls_by_locale) == {}, "say encoding='utf-8'"
    assert found_in(paths, globs_and_ascii) == {}, "use matching_files and texts of trainer_module"


def test_the_check_of_files_sees_each_way_to_open_them() -> None:
    tree = ast.parse(
        "p.read_text()\np.write_text('x')\nopen(p)\np.open('a')\nopen(p, 'rb')\np.open('rb')\n"
        "open(p, encoding='utf-8')\nfileio.open(p, 'w')\nImage.open(p)\np.open()\n"
    )
    assert calls_by_locale(tree) == [1, 2, 3, 4]
    tree = ast.parse("tf.io.gfile.glob(p)\nfolder.glob('*')\nglob.glob(p)\nx.astype(str)\nx.astype(int)\n")
    assert globs_and_ascii(tree) == [1, 3, 4]


def test_every_package_is_looked_at() -> None:
    assert {f.relative_to(ROOT).parts[0] for f in PACKAGE_MODULES} == set(PACKAGES)


def test_the_first_line_is_a_docstring() -> None:
    """It says what the file contains."""
    missing = found_in(MODULES, lambda tree: not ast.get_docstring(tree) or tree.body[0].lineno != 1)
    assert list(missing) == []


def too_long(tree: ast.Module) -> dict[str, int]:
    """Lines of the functions that have too many, by name."""
    spans = {f.name: (f.end_lineno or f.lineno) - f.lineno + 1 for f in functions_of(tree)}
    return {name: lines for name, lines in spans.items() if lines > MAX_FUNCTION_LINES}


def test_files_and_functions_are_short() -> None:
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    most = {name: MAX_TEST_FILE_LINES if name.startswith("tests/") else MAX_FILE_LINES for name in lines}
    assert {name: number for name, number in lines.items() if number > most[name]} == {}
    assert found_in(MODULES, too_long) == {}


def test_documented_parameters_match_the_signature() -> None:
    def other_parameters(tree: ast.Module) -> list[tuple[str, list[str], list[str]]]:
        return [one for one in documented_callables(tree) if one[1] != one[2]]

    assert found_in(PACKAGE_MODULES, other_parameters) == {}, "(name, documented in Args, in the signature)"


def test_random_numbers_come_from_named_streams_alone() -> None:
    paths = [path for path in PACKAGE_MODULES if name_of(path) not in MAKES_RANDOM_NUMBERS]
    assert found_in(paths, random_numbers) == {}, "take a stream of experiment.random_streams"


def test_environment_variables_are_left_alone() -> None:
    paths = [path for path in PACKAGE_MODULES if not name_of(path).startswith(READS_ENVIRONMENT)]
    assert found_in(paths, environment_reads) == {}, "take an argument instead"


def test_the_parameter_check_sees_each_kind_of_parameter() -> None:
    tree = ast.parse(
        "def f(a, b, *rest, key=1, **more):\n"
        '    """Does.\n\n    Args:\n      a, b: two\n        lines: of text\n'
        '      *rest: more\n      key: one\n      **more: rest\n\n    Raises:\n      E: no\n    """\n'
        "class C:\n"
        '    """Is.\n\n    Args:\n      wrong: name\n    """\n'
        "    def __init__(self, right): ...\n"
    )
    assert list(documented_callables(tree)) == [
        ("f", ["a", "b", "rest", "key", "more"], ["a", "b", "rest", "key", "more"]),
        ("C", ["wrong"], ["right"]),
    ]


def test_the_environment_check_sees_attributes_and_imports() -> None:
    tree = ast.parse("import os\nos.environ['A']\nos.path\nfrom os import getenv\nos.getenv('B')\n")
    assert sorted(environment_reads(tree)) == [2, 4, 5]


def test_the_check_of_random_numbers_sees_generators_seeds_and_global_functions() -> None:
    code = "np.random.default_rng(1)\nrandom.shuffle(x)\nkeras.utils.set_random_seed(1)\ntf.random.normal((2,))\n"
    assert random_numbers(ast.parse(code)) == [1, 2, 3, 4]
    assert random_numbers(ast.parse("tf.random.stateless_uniform([2], seed)\nstream_generator(1, s).random()\n")) == []
