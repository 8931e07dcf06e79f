"""Container images without a registry.

The base is made from the machine's own Debian or Ubuntu release, the wheels are downloaded here,
and the project's own Dockerfiles are built from both, so a build needs no network. An image's tag
is a hash of all that goes into it: changed source has a new tag, unchanged source costs nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import ClusterError
from .machine import IMAGES as NEEDS
from .machine import PAUSE_IMAGE as PAUSE_NEEDS
from .machine import has_overlay, require, require_root
from .paths import REPOSITORY, cache_dir, locked
from .process import DIE_WITH_PARENT
from .progress import step

PAUSE = "localhost/pause:1"
# busybox goes by the name it is called by, so it must not be called "pause".
PAUSE_DOCKERFILE = """\
FROM scratch
COPY busybox /busybox
USER 65535:65535
ENTRYPOINT ["/busybox", "sleep", "2147483647"]
"""

BASE_PACKAGES = ("ca-certificates", "libpython3-stdlib", "python3-minimal")
BASE_DOCKERFILE = """\
FROM scratch
ADD base.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
"""
# Nothing at run time reads these.
BASE_LEFT_OUT = (
    "./dev/*",
    "./usr/share/doc/*",
    "./usr/share/locale/*",
    "./usr/share/man/*",
    "./var/cache/apt/*",
    "./var/lib/apt/lists/*",
)

KEPT_ARCHIVES = 3
UNFINISHED = ".unfinished-"

# The base has no pip; its wheel runs as it is.
PIP = "pip==26.3"
GLIBC_PLATFORMS = ("manylinux2014", *(f"manylinux_2_{minor}" for minor in (17, 24, 27, 28, 31, 34)))


@dataclass(frozen=True)
class Image:
    """One of the project's images.

    Attributes
    ----------
    name
        The repository part of its reference.
    folder
        The folder with its Dockerfile, locked requirements and package.
    package
        The Python package in it.
    """

    name: str
    folder: Path
    package: str

    def inputs(self) -> list[Path]:
        """The files that go into the image."""
        source = sorted((self.folder / self.package).rglob("*"))
        return [
            self.folder / "Dockerfile",
            self.folder / "requirements.txt",
            *(file for file in source if file.is_file() and "__pycache__" not in file.parts),
        ]

    def tag(self, base: str) -> str:
        """A hash of the inputs and of the base."""
        digest = hashlib.sha256(f"{base} {PIP}".encode())
        for file in self.inputs():
            digest.update(f"\0{file.relative_to(self.folder)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()[:12]


IMAGES = {
    "operator": Image("scim-operator", REPOSITORY / "operator", "scim_operator"),
    "service": Image("scim-service", REPOSITORY / "service", "scim_service"),
}


@dataclass(frozen=True)
class Built:
    """An image in the cache."""

    reference: str
    archive: Path


def build_images(names: Iterable[str] = IMAGES) -> dict[str, Built]:
    """Build the project's images, as far as they are not in the cache.

    Raises
    ------
    ClusterError
        A step failed; the message shows the end of its log.
    """
    built: dict[str, Built] = {}
    base = Base.of_machine()
    for name in names:
        image = IMAGES[name]
        tag = image.tag(base.key)
        result = Built(f"localhost/{image.name}:{tag}", _folder() / f"{image.name}-{tag}.tar")
        built[name] = result
        if result.archive.exists():
            continue
        require_root("building images")
        require(NEEDS)
        with _locked():
            if not result.archive.exists():
                base.make()
                _build_project_image(image, base, result)
    return built


def pause_archive() -> Path:
    """The archive of the image that holds a pod's namespaces, built if need be."""
    digest = hashlib.sha256(PAUSE_DOCKERFILE.encode()).hexdigest()[:12]
    archive = _folder() / f"pause-{digest}.tar"
    if archive.exists():
        return archive
    require(PAUSE_NEEDS)
    with (
        _locked(),
        step("building the pause image"),
        _scratch() as context,
    ):
        busybox = shutil.which("busybox")
        assert busybox is not None
        shutil.copy(busybox, context / "busybox")
        (context / "Dockerfile").write_text(PAUSE_DOCKERFILE)
        _build(context, Built(PAUSE, archive))
    return archive


@dataclass(frozen=True)
class Base:
    """The image that the project's are built on: the machine's own release, with Python."""

    release: str

    @classmethod
    def of_machine(cls) -> Base:
        """The base for the release that this machine runs."""
        release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
        if not release or not Path("/usr/bin/apt-get").exists():
            raise ClusterError(
                "the images' base is made from Debian or Ubuntu packages, which this system "
                "does not use",
                hint="build the images with docker build operator/ and docker build service/",
            )
        return cls(release)

    @property
    def key(self) -> str:
        """What distinguishes this base from others."""
        recipe = json.dumps([BASE_PACKAGES, BASE_DOCKERFILE, BASE_LEFT_OUT])
        digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
        return f"{self.release}-{platform.machine()}-{digest}"

    @property
    def reference(self) -> str:
        """Its name for buildah."""
        return f"localhost/scim-base:{self.key}"

    @property
    def archive(self) -> Path:
        """Its files in the cache."""
        return _folder() / f"base-{self.key}.tar"

    def python(self) -> str:
        """Its Python's version, as 3.11."""
        return self.archive.with_suffix(".python").read_text().strip()

    def make(self) -> None:
        """Make it and give it to buildah, as far as that is not done yet."""
        if not self.archive.exists():
            self._bootstrap()
        if _buildah("images", "--quiet", self.reference, check=False).returncode == 0:
            return
        with step("loading the base image"), _scratch() as context:
            (context / "base.tar").hardlink_to(self.archive)
            (context / "Dockerfile").write_text(BASE_DOCKERFILE)
            _bud(context, self.reference)

    def _bootstrap(self) -> None:
        log = _log("debootstrap")
        with (
            step(f"making the base image from Debian packages ({self.release})") as running,
            _scratch() as scratch,
            log.open("w") as output,
        ):
            root, archive = scratch / "root", scratch / "base.tar"
            process = subprocess.Popen(
                [
                    *DIE_WITH_PARENT,
                    # It starts many programs, which have to end with it, and mounts /proc in the
                    # tree, which must not be there for whoever removes the tree to walk into.
                    *("unshare", "--fork", "--pid", "--mount-proc", "--kill-child=SIGKILL"),
                    *("--mount", "--propagation=private", "--"),
                    *("debootstrap", "--variant=minbase"),
                    f"--include={','.join(BASE_PACKAGES)}",
                    *(self.release, str(root), apt_mirror(self.release)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            with process:
                assert process.stdout is not None
                for line in process.stdout:
                    output.write(line)
                    running.detail(line.removeprefix("I: ").strip())
            output.flush()
            if process.returncode != 0:
                raise ClusterError(
                    "debootstrap failed",
                    log=log,
                    hint="check that Debian packages can be downloaded, then run it again",
                )
            version = "import sys; print('%d.%d' % sys.version_info[:2])"
            python = _run(["chroot", str(root), "python3", "-c", version], log)
            left_out = [f"--exclude={pattern}" for pattern in BASE_LEFT_OUT]
            _run(
                ["tar", "-C", str(root), "--numeric-owner", *left_out, "-cf", str(archive), "."],
                log,
            )
            self.archive.with_suffix(".python").write_text(python)
            archive.replace(self.archive)


def apt_mirror(release: str) -> str:
    """Where apt gets this release's main packages from.

    Raises
    ------
    ClusterError
        apt knows no such place.
    """
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)"],
        capture_output=True,
        text=True,
    )
    for line in listed.stdout.splitlines():
        codename, component, uri = line.split(" ", 2)
        if (codename, component) == (release, "main"):
            return uri
    raise ClusterError(
        f"apt has no source for {release} main", hint="run apt-get update and try again"
    )


def _build_project_image(image: Image, base: Base, result: Built) -> None:
    wheels = _wheels(image, base.python())
    with (
        step(f"building the image {result.reference}"),
        _scratch() as context,
    ):
        for file in image.inputs():
            target = context / file.relative_to(image.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        shutil.copytree(wheels, context / "wheels", copy_function=os.link)
        version = result.reference.rsplit(":", 1)[1]
        _build(context, result, f"BASE={base.reference}", f"VERSION=local-{version}")
    _remove_old(image, result)


def _wheels(image: Image, python: str) -> Path:
    """Download the wheels that an image's requirements name, once."""
    requirements = image.folder / "requirements.txt"
    digest = hashlib.sha256(f"{python} {PIP} {platform.machine()}".encode())
    digest.update(requirements.read_bytes())
    folder = cache_dir() / "wheels" / digest.hexdigest()[:16]
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    platforms = [f"--platform={name}_{platform.machine()}" for name in GLIBC_PLATFORMS]
    download = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"),
        *("--implementation=cp", f"--python-version={python}", *platforms),
    ]
    log = _log("pip-download")
    with (
        step(f"downloading wheels for {image.name}"),
        _scratch() as scratch,
    ):
        target = scratch / "wheels"
        into = f"--dest={target}"
        _run([*download, into, "--require-hashes", f"--requirement={requirements}"], log)
        _run([*download, into, "--no-deps", PIP], log)
        target.rename(folder)
    return folder


def _build(context: Path, result: Built, *arguments: str) -> None:
    """Build a context's Dockerfile and put the image into its archive."""
    _bud(context, result.reference, *arguments)
    unfinished = result.archive.with_suffix(".unfinished")
    # buildah adds to an archive that is there.
    unfinished.unlink(missing_ok=True)
    _buildah("push", "--quiet", result.reference, f"docker-archive:{unfinished}")
    unfinished.replace(result.archive)


def _bud(context: Path, reference: str, *arguments: str) -> None:
    # Working containers of a build that was interrupted.
    _buildah("rm", "--all")
    values = [f"--build-arg={argument}" for argument in arguments]
    options = ["--isolation=chroot", "--layers", "--pull-never", *values]
    _buildah("bud", *options, "--tag", reference, str(context))


def _remove_old(image: Image, result: Built) -> None:
    """Forget what earlier sources gave, but for the last few: branches go back and forth."""
    archives = sorted(_folder().glob(f"{image.name}-*.tar"), key=lambda file: file.stat().st_mtime)
    for archive in archives[:-KEPT_ARCHIVES]:
        archive.unlink()
    # After the build: its unchanged layers are shared with the image that goes.
    listed = _buildah("images", "--format={{.Name}}:{{.Tag}}").stdout.split()
    for reference in listed:
        if reference.startswith(f"localhost/{image.name}:") and reference != result.reference:
            _buildah("rmi", reference)


def _buildah(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    driver = "overlay" if has_overlay(_folder()) else "vfs"
    storage = cache_dir() / f"buildah-{driver}"
    log = _log("buildah")
    with log.open("w") as errors:
        done = subprocess.run(
            [
                *(*DIE_WITH_PARENT, "buildah", f"--storage-driver={driver}"),
                *(f"--root={storage}/root", f"--runroot={storage}/run", *arguments),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        errors.write(done.stdout)
    if check and done.returncode != 0:
        raise ClusterError(f"buildah {arguments[0]} failed", log=log)
    return done


def _run(command: list[str], log: Path) -> str:
    """Run a command that must succeed and return its output."""
    with log.open("a") as errors:
        done = subprocess.run(
            [*DIE_WITH_PARENT, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    if done.returncode != 0:
        raise ClusterError(f"{command[0]} failed", log=log)
    return done.stdout


def _folder() -> Path:
    folder = cache_dir() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _locked() -> Iterator[None]:
    """Build alone, and without what an interrupted build has left."""
    with locked(_folder() / "lock", "building images"):
        for leftover in _folder().glob(f"{UNFINISHED}*"):
            shutil.rmtree(leftover)
        yield


@contextmanager
def _scratch() -> Iterator[Path]:
    """A temporary folder on the cache's file system, so that results can be linked and renamed."""
    with tempfile.TemporaryDirectory(dir=_folder(), prefix=UNFINISHED) as folder:
        yield Path(folder)


def _log(name: str) -> Path:
    log = cache_dir() / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    return log
