"""Files that a program writes: `make generate` renews them, `make check` looks for drift."""

import argparse
import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import grimp

from tests import picture

ROOT = Path(__file__).resolve().parents[1]
CRD = "scim-operator.io_scimtenants.yaml"
THREAT_MODEL = ROOT / "docs" / "threat-model.md"
PLUGIN = ROOT / "plugin" / "pyproject.toml"
_TESTS = "## Tests\n"
_CONTENTS = "[tool.hatch.build.targets.wheel.force-include]\n"


def generated() -> dict[Path, str]:
    """Return every generated file's path and the text it must have."""
    crd = subprocess.run(
        [sys.executable, "-m", "scim_operator", "crd"], check=True, capture_output=True, text=True
    ).stdout
    return {
        ROOT / "crds" / CRD: crd,
        # Helm reads no file outside the chart's folder.
        ROOT / "charts" / "scim-operator" / "files" / "crds" / CRD: crd,
        THREAT_MODEL: _threat_model(THREAT_MODEL.read_text(encoding="utf-8")),
        ROOT / "docs" / "architecture.svg": picture.draw(),
        PLUGIN: _plugin(PLUGIN.read_text(encoding="utf-8")),
    }


def plugin_modules() -> set[str]:
    """Return the modules of the plugin: the command line, and what that imports.

    Packages on the way to a module are among them, because Python imports them first.
    """
    graph = grimp.build_graph("scim_operator", cache_dir=None)
    own = {"scim_operator.cli", *graph.find_descendants("scim_operator.cli")}
    found = own | graph.find_upstream_modules("scim_operator.cli", as_package=True)
    parts = [module.split(".") for module in found]
    return found | {".".join(each[:end]) for each in parts for end in range(1, len(each))}


def _plugin(text: str) -> str:
    """Return the plugin's project file with the list of its modules."""
    lines = ["../operator/scim_operator/cli", "../operator/scim_operator/__init__.py"]
    for module in plugin_modules():
        path = ROOT / "operator" / module.replace(".", "/")
        if module.startswith("scim_operator.cli") or module == "scim_operator":
            continue
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        lines.append(f"../{file.relative_to(ROOT)}")
    head = text.partition(_CONTENTS)[0]
    entries = [f'"{each}" = "{each.removeprefix("../operator/")}"\n' for each in sorted(lines)]
    return head + _CONTENTS + "".join(entries)


def findings() -> dict[str, list[str]]:
    """Return the tests of each finding, by the marker ``finding`` that they carry.

    Finding 7 comes before 12, and those with an S after all others.
    """
    found = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for number in _numbers(node):
                    found[number].add(f"{path.relative_to(ROOT)}::{node.name}")
    order = sorted(found, key=lambda number: (number[0] == "S", int(number.strip("S"))))
    return {number: sorted(found[number]) for number in order}


def _numbers(test: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [
        str(ast.literal_eval(argument))
        for decorator in test.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.finding"
        for argument in decorator.args
    ]


def _threat_model(text: str) -> str:
    """Return the threat model with the tests that there are."""
    head = text.partition(_TESTS)[0]
    sections = [
        f"**{number}**\n\n" + "".join(f"- `{test}`\n" for test in tests)
        for number, tests in findings().items()
    ]
    intro = "Written by `make generate` from the tests' markers (`pytest.mark.finding`)."
    return head + _TESTS + "\n" + "\n".join([f"{intro}\n", *sections])


def main() -> int:
    """Write the files, or with `--check` name those that differ and exit with 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on drift")
    check = parser.parse_args().check
    drifted = {
        path: text
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path, text in drifted.items():
        name = path.relative_to(ROOT)
        if check:
            print(f"error: {name} is not what the code says; run `make generate`", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return 1 if check and drifted else 0


if __name__ == "__main__":
    sys.exit(main())
