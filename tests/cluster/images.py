"""Container images without a registry.

The root file system is made from the machine's own Debian or Ubuntu release, the packages of Python
are downloaded here, and the project's own Dockerfiles are built from both, so a build needs no
network. An image's tag is a hash of all that goes into it: changed source has a new tag, unchanged
source costs nothing, and the same source gives the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
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

ROOT_SCRIPT = REPOSITORY / "images/root.sh"
# What the Dockerfiles make in their first stage, made before; RUN needs a shell.
BUILDER_DOCKERFILE = """\
FROM scratch
COPY bin /bin
ADD root.tar /build/root/
COPY site /build/site
ENV PATH=/bin
"""
SHELL_COMMANDS = ("sh", "mkdir")
APT_LISTS = Path("/var/lib/apt/lists")

KEPT_ARCHIVES = 3
UNFINISHED = ".unfinished-"
# Before all files of a build, so that their times are the same in each.
BUILD_TIME = "1"
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

    def tag(self, root: str) -> str:
        """A hash of the inputs and of the root file system."""
        digest = hashlib.sha256(root.encode())
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
    root = Root.of_machine()
    for name in names:
        image = IMAGES[name]
        with _locked():
            root.make()
            tag = image.tag(root.digest())
            result = Built(f"localhost/{image.name}:{tag}", _folder() / f"{image.name}-{tag}.tar")
            built[name] = result
            if not result.archive.exists():
                require_root("building images")
                require(NEEDS)
                _build_project_image(image, root, result)
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
class Root:
    """The root file system of both images: the machine's own release, with Python."""

    release: str

    @classmethod
    def of_machine(cls) -> Root:
        """The root file system for the release that this machine runs."""
        release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
        if not release or not Path("/usr/bin/apt-get").exists():
            raise ClusterError(
                "the images are made from Debian or Ubuntu packages, which this system does not "
                "use",
                hint="build the images with docker build --file operator/Dockerfile . and "
                "docker build --file service/Dockerfile .",
            )
        return cls(release)

    @property
    def archive(self) -> Path:
        """Its files in the cache, made anew when apt has learned of other packages."""
        digest = hashlib.sha256(f"{self.release} {platform.machine()}".encode())
        digest.update(ROOT_SCRIPT.read_bytes())
        for file in sorted(APT_LISTS.glob(f"*_{self.release}*Release")):
            digest.update(file.read_bytes())
        return _folder() / f"root-{digest.hexdigest()[:12]}.tar"

    def digest(self) -> str:
        """A hash of its files: the same packages are the same root."""
        return self.archive.with_suffix(".sha256").read_text()

    def python(self) -> str:
        """Its Python's version, as 3.11."""
        with tarfile.open(self.archive) as files:
            target = files.getmember("./usr/bin/python3").linkname
        return target.removeprefix("python")

    def make(self) -> None:
        """Make it, as far as that is not done yet."""
        archive = self.archive
        if archive.exists():
            return
        require_root("building images")
        require(NEEDS)
        with (
            step(f"making the images' root file system from packages ({self.release})"),
            _scratch() as scratch,
        ):
            sources = scratch / "apt.list"
            sources.write_text(apt_sources(self.release))
            made = scratch / "root.tar"
            _run(["sh", str(ROOT_SCRIPT), self.release, str(sources), str(made)], _log("root"))
            with made.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            for old in _folder().glob("root-*"):
                old.unlink()
            archive.with_suffix(".sha256").write_text(digest)
            made.replace(archive)


def apt_sources(release: str) -> str:
    """Where apt gets a release's main packages from, with the updates and the security suite.

    Raises
    ------
    ClusterError
        apt knows no such place.
    """
    suites = [release, f"{release}-updates", f"{release}-security"]
    form = "$(CODENAME) $(COMPONENT) $(REPO_URI)"
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
        capture_output=True,
        text=True,
    )
    targets = (line.split(" ", 2) for line in listed.stdout.splitlines())
    lines = [
        f"deb {uri} {suite} main\n"
        for suite, component, uri in targets
        if suite in suites and component == "main"
    ]
    if not any(f" {release} " in line for line in lines):
        raise ClusterError(
            f"apt has no source for {release} main", hint="run apt-get update and try again"
        )
    return "".join(lines)


def _build_project_image(image: Image, root: Root, result: Built) -> None:
    builder = _builder(image, root)
    with (
        step(f"building the image {result.reference}"),
        _scratch() as context,
    ):
        for file in (ROOT_SCRIPT, *image.inputs()):
            target = context / file.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        version = result.reference.rsplit(":", 1)[1]
        dockerfile = context / image.folder.name / "Dockerfile"
        arguments = (f"BUILDER={builder}", f"VERSION=local-{version}")
        _build(context, result, *arguments, dockerfile=dockerfile)
    _remove_old(image, result, builder)


def _builder(image: Image, root: Root) -> str:
    """Return the image that a Dockerfile's first stage starts from, made if need be."""
    site = _site(image, root.python())
    recipe = f"{BUILDER_DOCKERFILE} {SHELL_COMMANDS} {root.digest()} {site.name}"
    key = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    reference = f"localhost/builder-{image.name}:{key}"
    if _buildah("images", "--quiet", reference, check=False).returncode == 0:
        return reference
    with step(f"preparing the build of {image.name}"), _scratch() as context:
        (context / "root.tar").hardlink_to(root.archive)
        shutil.copytree(site, context / "site", copy_function=os.link)
        busybox = shutil.which("busybox")
        assert busybox is not None
        (context / "bin").mkdir()
        shutil.copy(busybox, context / "bin/busybox")
        for command in SHELL_COMMANDS:
            (context / "bin" / command).symlink_to("busybox")
        (context / "Dockerfile").write_text(BUILDER_DOCKERFILE)
        _bud(context, reference)
    return reference


def _site(image: Image, python: str) -> Path:
    """Install the packages that an image's requirements name into a folder, once."""
    requirements = image.folder / "requirements.txt"
    digest = hashlib.sha256(f"{python} {platform.machine()}".encode())
    digest.update(requirements.read_bytes())
    folder = cache_dir() / "sites" / digest.hexdigest()[:16]
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    platforms = [f"--platform={name}_{platform.machine()}" for name in GLIBC_PLATFORMS]
    with (
        step(f"downloading packages for {image.name}"),
        _scratch() as scratch,
    ):
        target = scratch / "site"
        install = [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--only-binary=:all:", "--no-compile", "--require-hashes", f"--target={target}"),
            *("--implementation=cp", f"--python-version={python}", *platforms),
            f"--requirement={requirements}",
        ]
        _run(install, _log("pip-install"))
        shutil.rmtree(target / "bin", ignore_errors=True)
        target.rename(folder)
    return folder


def _build(context: Path, result: Built, *arguments: str, dockerfile: Path | None = None) -> None:
    """Build a Dockerfile, by default the context's, and put the image into its archive."""
    _bud(context, result.reference, *arguments, dockerfile=dockerfile)
    unfinished = result.archive.with_suffix(".unfinished")
    # buildah adds to an archive that is there.
    unfinished.unlink(missing_ok=True)
    _buildah("push", "--quiet", result.reference, f"docker-archive:{unfinished}")
    unfinished.replace(result.archive)


def _bud(context: Path, reference: str, *arguments: str, dockerfile: Path | None = None) -> None:
    # Working containers of a build that was interrupted.
    _buildah("rm", "--all")
    options = ["--isolation=chroot", "--layers", "--pull-never", f"--timestamp={BUILD_TIME}"]
    options += [f"--build-arg={argument}" for argument in arguments]
    options += [f"--file={dockerfile or context / 'Dockerfile'}"]
    _buildah("bud", *options, "--tag", reference, str(context))


def _remove_old(image: Image, result: Built, builder: str) -> None:
    """Forget what earlier sources gave, but for the last few: branches go back and forth."""
    archives = sorted(_folder().glob(f"{image.name}-*.tar"), key=lambda file: file.stat().st_mtime)
    for archive in archives[:-KEPT_ARCHIVES]:
        archive.unlink()
    # After the build: its unchanged layers are shared with the image that goes.
    listed = _buildah("images", "--format={{.Name}}:{{.Tag}}").stdout.split()
    for reference in listed:
        name = reference.rpartition(":")[0].removeprefix("localhost/").removeprefix("builder-")
        if name == image.name and reference not in {result.reference, builder}:
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
