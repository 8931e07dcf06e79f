"""Tests of the plugin's distribution: its contents, requirements and platforms."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.cluster.paths import REPOSITORY
from tests.generated import plugin_modules

WITHOUT_POSIX = """
import importlib.abc, os, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}:
            raise ImportError(f"Windows has no {name}")

for name in ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Refuse())
for name in ("chown", "fchmod", "fork", "geteuid", "getuid", "setsid", "uname"):
    delattr(os, name)
"""
EVERYTHING = """
import pkgutil, scim_operator
for found in pkgutil.walk_packages(scim_operator.__path__, "scim_operator."):
    if not found.name.endswith("__main__"):
        __import__(found.name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin's wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)),
            str(REPOSITORY / "plugin"),
        ],
        check=True,
    )
    (found,) = folder.glob("kubectl_scim-*.whl")
    return found


def modules(wheel: Path) -> set[str]:
    """Return the names of the modules in a wheel."""
    with zipfile.ZipFile(wheel) as content:
        names = [name for name in content.namelist() if name.endswith(".py")]
    return {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names}


def requirements(found: Distribution) -> list[Requirement]:
    """Return the requirements of a distribution on this machine."""
    named = [Requirement(text) for text in found.requires or ()]
    return [each for each in named if not each.marker or each.marker.evaluate({"extra": ""})]


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel, its requirements, and nothing else.

    The requirements are linked from the environment of the tests, so that no index is needed.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/*/site-packages")
    with zipfile.ZipFile(wheel) as content:
        content.extractall(packages)
    (info,) = packages.glob("kubectl_scim-*.dist-info")
    waiting, known = requirements(Distribution.at(info)), set[str]()
    while waiting:
        name = waiting.pop().name
        if name in known:
            continue
        known.add(name)
        found = distribution(name)
        waiting += requirements(found)
        for entry in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            if entry != "__pycache__" and not (packages / entry).exists():
                (packages / entry).symlink_to(str(found.locate_file(entry)))
    return folder / "bin" / "python"


def run(python: Path, code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run code in that environment, without this one's variables for Python."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(python), "-c", code],
        env={**kept, "KUBECONFIG": os.devnull, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_contents(wheel: Path) -> None:
    """The wheel has the command line and its imports, and nothing else."""
    assert modules(wheel) == plugin_modules()


def test_alone(python: Path) -> None:
    """Every module can be imported with the declared requirements, which do not include kopf."""
    found = run(
        python,
        "from importlib.metadata import distributions\n"
        f"{EVERYTHING}\nprint(*sorted(each.name.lower() for each in distributions()))",
    ).stdout.split()
    assert {"kubectl-scim", "click", "websocket-client"} <= set(found)
    assert not {"kopf", "aiohttp", "kubernetes", "scim-operator", "uvloop"} & set(found)
    main = "from scim_operator.cli.main import main; main()"
    for option, words in (("--version", r"kubectl scim, version \d"), ("--help", "backup")):
        done = run(python, f"import sys; sys.argv[1:] = ['{option}']; {main}")
        assert re.search(words, done.stdout)


def test_without_posix(python: Path) -> None:
    """The plugin uses no module and no function that Windows lacks."""
    run(python, WITHOUT_POSIX + EVERYTHING)
    done = run(
        python,
        f"{WITHOUT_POSIX}\nsys.argv[1:] = ['status', '--as', 'bob']\n"
        "from scim_operator.cli.main import main; main()",
    )
    assert "there is no kubeconfig with a cluster" in done.stderr


def test_a_code_page(python: Path) -> None:
    """A character that the terminal's code page lacks is printed as a question mark."""
    done = run(
        python,
        "from scim_operator.cli import main, output\n"
        "main.plugin = lambda **_: output.show('table', None, output.create_text('Łódź'))\n"
        "main.main()",
        PYTHONIOENCODING="ascii",
    )
    assert done.stdout.strip() == "??d?"
