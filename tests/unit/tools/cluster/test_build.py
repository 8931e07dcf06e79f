"""The builds are named after what decides their result."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster.build import MODULES, Binaries, Module, pinned_version
from tests.cluster.errors import ClusterError

KUBERNETES = next(module for module in MODULES if module.folder.name == "kubernetes")


@pytest.fixture
def module(tmp_path: Path) -> Module:
    """A copy of the Kubernetes module, to be changed."""
    folder = tmp_path / "kubernetes"
    shutil.copytree(KUBERNETES.folder, folder)
    return replace(KUBERNETES, folder=folder)


@pytest.mark.parametrize(
    "line", ["require example.com/a v1.2.3", "require (\n\texample.com/a v1.2.3 // indirect\n)"]
)
def test_pinned_version_is_read_in_both_forms(line: str) -> None:
    """A go.mod may require a module on a line of its own or in a block."""
    assert pinned_version(f"module x\n\n{line}\n", "example.com/a") == "v1.2.3"


def test_pinned_version_needs_the_whole_name() -> None:
    """A module whose name only begins like the wanted one does not count."""
    with pytest.raises(ClusterError, match=r"no version of example\.com/a"):
        pinned_version("module x\n\nrequire example.com/a/b v1.2.3\n", "example.com/a")


def test_kubernetes_is_built_with_its_version() -> None:
    """The server must not call itself v0.0.0: charts refuse it."""
    version = pinned_version((KUBERNETES.folder / "go.mod").read_text(), "k8s.io/kubernetes")
    assert any(f"gitVersion={version}" in flag for flag in KUBERNETES.flags())


@pytest.mark.parametrize("name", ["go.mod", "go.sum"])
def test_output_changes_with_the_pins(module: Module, name: str) -> None:
    """A changed pin is built anew, and the old binaries are not taken for it."""
    before = module.output()
    with (module.folder / name).open("a") as file:
        file.write("// changed\n")
    assert module.output() != before


def test_output_changes_with_the_flags(module: Module) -> None:
    """So is a changed build flag."""
    assert replace(module, tags="other").output() != module.output()


def test_binaries_are_found_and_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older program of the system never shadows the built one."""
    (tmp_path / "kubectl").touch()
    monkeypatch.setenv("PATH", "/usr/bin")
    binaries = Binaries((tmp_path,))
    assert binaries["kubectl"] == str(tmp_path / "kubectl")
    assert binaries.search_path() == f"{tmp_path}:/usr/bin"
    with pytest.raises(KeyError):
        binaries["helm"]
