"""The structure that CONTRIBUTING promises: sizes, laws, and unit tests beside their modules."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.paths import REPOSITORY

PACKAGES = {
    "operator": REPOSITORY / "operator" / "scim_operator",
    "service": REPOSITORY / "service" / "scim_service",
}
MODULES = [path for package in PACKAGES.values() for path in sorted(package.rglob("*.py"))]
MOST_LINES = 400
MOST_BODY_LINES = 60
MOST_LEVELS = 3
MOST_MODULES = 13
BLOCKS = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith),
    *(ast.Try, ast.TryStar, ast.Match),
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[tuple[str, Function]]:
    """Yield the functions of a module, each with a name for messages."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, FUNCTIONS):
            yield f"{path.relative_to(REPOSITORY)}: {node.name}", node


def count_body_lines(function: Function) -> int:
    """Count the lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def count_levels(node: ast.AST, level: int = 0) -> int:
    """Count how deep blocks are nested; an elif is as deep as its if."""
    deepest = level
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        deeper = isinstance(child, BLOCKS) and not is_elif
        deepest = max(deepest, count_levels(child, level + deeper))
    return deepest


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_module(path: Path) -> None:
    """A module says what it is for, fits the limit, and has no long or deeply nested function."""
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= MOST_LINES
    # A migration is history, and is not changed any more.
    if "versions" not in path.parts:
        assert [
            name for name, each in functions(path) if count_body_lines(each) > MOST_BODY_LINES
        ] == []
    assert [name for name, each in functions(path) if count_levels(each) > MOST_LEVELS] == []


def test_limits_are_noticed() -> None:
    """A long body and a block too many are counted, and a docstring is not."""
    path = REPOSITORY / "tests" / "unit" / "tools" / "test_structure.py"
    counted = {each.name: count_levels(each) for _, each in functions(path)}
    assert counted["count_body_lines"] == 0
    assert counted["functions"] == 2
    source = 'def long():\n    """Docstring."""\n' + "    x = 1\n" * 61
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert count_body_lines(function) == 61


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_folders(package: Path) -> None:
    """No folder has more modules than a reader can take in at once."""
    folders = {path.parent for path in package.rglob("*.py")}
    assert [
        str(folder.relative_to(REPOSITORY))
        for folder in sorted(folders)
        if sum(each.name != "__init__.py" for each in folder.glob("*.py")) > MOST_MODULES
    ] == []


@pytest.mark.parametrize("program", PACKAGES)
def test_unit_tests_mirror_the_packages(program: str) -> None:
    """Each folder of unit tests has the name of a package of its program."""
    tests = REPOSITORY / "tests" / "unit" / program
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert [str(each) for each in sorted(folders) if not (PACKAGES[program] / each).is_dir()] == []


def test_only_the_record_and_the_dialect_speak_of_leniency() -> None:
    """The core has no mode for Entra: it asks a named leniency of the resource type."""
    package = PACKAGES["service"]
    spoken = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "lenient" in path.read_text(encoding="utf-8")
    ]
    assert [
        each for each in spoken if not each.startswith("entra/") and each != "scim/leniencies.py"
    ] == []
