"""An image's tag stands for its inputs."""

from pathlib import Path

import pytest

from tests.cluster.images import Image


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """An image with one source file."""
    (tmp_path / "package/inner").mkdir(parents=True)
    for name in ("Dockerfile", "requirements.txt", "package/inner/module.py"):
        (tmp_path / name).write_text(name)
    return Image("name", tmp_path, "package")


@pytest.mark.parametrize("name", ["Dockerfile", "requirements.txt", "package/inner/module.py"])
def test_the_tag_changes_with_every_input(image: Image, name: str) -> None:
    """A changed source is a new image, so that a pod never runs an old one."""
    before = image.tag("base")
    (image.folder / name).write_text("changed")
    assert image.tag("base") != before


def test_the_tag_changes_with_names_and_base(image: Image) -> None:
    """A file that is moved changes what can be imported; another base changes Python."""
    before = image.tag("base")
    assert image.tag("other") != before
    module = image.folder / "package/inner/module.py"
    module.rename(module.with_name("other.py"))
    assert image.tag("base") != before


def test_byte_code_and_neighbours_do_not_count(image: Image) -> None:
    """Running the tests or editing a note builds nothing."""
    before = image.tag("base")
    (image.folder / "package/__pycache__").mkdir()
    (image.folder / "package/__pycache__/module.pyc").touch()
    (image.folder / "README.md").touch()
    assert image.tag("base") == before
