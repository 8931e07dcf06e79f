"""What is in the images, and what is not: read from their archives."""

import json
import re
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pytest

from tests.cluster.images import IMAGES, Built, build_images

FOLDERS_OF_PROGRAMS = {"bin", "sbin"}
WRITABLE = 0o022


@dataclass(frozen=True)
class Content:
    """An image's configuration, and its files by their paths without the first slash."""

    config: dict[str, Any]
    files: dict[PurePosixPath, tarfile.TarInfo]
    packages: dict[str, str]


@pytest.fixture(scope="module", params=sorted(IMAGES))
def image(request: pytest.FixtureRequest) -> Content:
    """One of the two images."""
    return read(build_images([request.param])[request.param])


def read(built: Built) -> Content:
    """Read an image from its archive."""
    files: dict[PurePosixPath, tarfile.TarInfo] = {}
    packages: dict[str, str] = {}
    with tarfile.open(built.archive) as archive:
        [manifest] = load(archive, "manifest.json")
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                for member in layer:
                    path = PurePosixPath(member.name)
                    files[path] = member
                    if path.parent.name == "status.d" and member.isfile():
                        content = layer.extractfile(member)
                        assert content is not None
                        found = re.search(r"^Version: (.*)$", content.read().decode(), re.MULTILINE)
                        assert found is not None
                        packages[path.name] = found[1]
        return Content(load(archive, manifest["Config"])["config"], files, packages)


def load(archive: tarfile.TarFile, name: str) -> Any:
    """Read a file of JSON."""
    file = archive.extractfile(name)
    assert file is not None
    return json.load(file)


def programs(image: Content) -> Iterator[PurePosixPath]:
    """Return what is in the folders of programs, and what can be executed elsewhere."""
    for path, member in image.files.items():
        if member.isdir():
            continue
        if path.parent.name in FOLDERS_OF_PROGRAMS or (
            member.size and member.mode & 0o111 and not re.search(r"\.(py|so)\b", path.name)
        ):
            yield path


@pytest.mark.finding(34)
def test_python_is_the_only_program(image: Content) -> None:
    """There is no shell, no package manager and no tool, so whoever gets in finds none."""
    found = {str(path) for path in programs(image)}
    assert {path for path in found if path.startswith("usr/bin/")} >= {"usr/bin/python3"}
    others = {
        path
        for path in found
        if not re.fullmatch(r"usr/bin/python3(\.\d+)?|(usr/)?lib(64)?/(.*/)?ld-linux.*", path)
    }
    assert not others


@pytest.mark.finding(34)
def test_nothing_installs_packages(image: Content) -> None:
    """Neither pip nor what brings it, nor a shell under another name is in the image."""
    words = {"pip", "ensurepip", "setuptools", "dpkg-deb", "apt", "busybox", "dash", "bash", "perl"}
    assert not [path for path in image.files if words & set(path.parts)]


@pytest.mark.finding(34)
def test_no_file_gives_rights(image: Content) -> None:
    """No file has the setuid or setgid bit, and others may write in sticky folders only."""
    for path, member in image.files.items():
        assert not member.mode & (stat.S_ISUID | stat.S_ISGID), path
        if not member.issym() and member.mode & WRITABLE:
            assert member.isdir(), path
            assert member.mode & stat.S_ISVTX, path


@pytest.mark.finding(34)
def test_packages_are_the_newest(image: Content) -> None:
    """Each Debian package is the one that apt would install, with the security suite's."""
    assert {"libc6", "libssl3", "python3.11-minimal", "ca-certificates"} <= image.packages.keys()
    told = subprocess.run(
        ["apt-cache", "policy", *image.packages], capture_output=True, text=True, check=True
    ).stdout
    candidates = dict(
        re.findall(r"^(\S+):\n  Installed: .*\n  Candidate: (.*)$", told, re.MULTILINE)
    )
    assert image.packages == candidates


def test_the_byte_code_is_there(image: Content) -> None:
    """Python finds all modules compiled: the root file system cannot be written to."""
    for folder in ("app", "opt/site", "usr/lib/python3.11"):
        modules = [
            path
            for path in image.files
            if path.suffix == ".py" and path.is_relative_to(folder) and "-" not in path.stem
        ]
        assert len(modules) > 20, folder
        compiled = {path.parts for path in image.files if path.suffix == ".pyc"}
        missing = [
            path
            for path in modules
            if (*path.parts[:-1], "__pycache__", f"{path.stem}.cpython-311.pyc") not in compiled
        ]
        assert not missing[:5]


def test_it_runs_as_nobody_special(image: Content) -> None:
    """The user is a number that is not root's, as Kubernetes asks for."""
    assert image.config["User"] == "65532:65532"
    assert image.config["Entrypoint"][:2] == ["python3", "-m"]
