"""An earlier version, built from the repository's history: what an upgrade begins with."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.cluster.paths import cache_dir, locked
from tests.e2e.platform import ROOT

COMMIT = "a082251"
"""The last version that had neither a record of its rollouts nor proofs of what is its own."""

IMAGES = "SCIM_OPERATOR_EARLIER_IMAGES"


def folder() -> Path:
    """Return where its source is."""
    return cache_dir() / "earlier" / COMMIT


def prepare() -> None:
    """Build its images and load them into the node; do nothing where the history is not here.

    Raises
    ------
    subprocess.CalledProcessError
        A build failed; what is wrong has been printed.
    """
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", COMMIT], capture_output=True, check=False
    )
    if archive.returncode != 0:
        return
    with locked(folder().with_suffix(".lock"), "building an earlier version"):
        folder().mkdir(parents=True, exist_ok=True)
        subprocess.run(["tar", "-x", "-C", str(folder())], input=archive.stdout, check=True)
        # By its own program: how images are made belongs to the version.
        command = [sys.executable, "-m", "tests.cluster", "images", "-o", "json"]
        done = subprocess.run(command, cwd=folder(), check=True, stdout=subprocess.PIPE, text=True)
    os.environ[IMAGES] = done.stdout


def images() -> dict[str, str] | None:
    """Return the references of its images; None where the history is not here."""
    text = os.environ.get(IMAGES)
    return json.loads(text) if text else None


def chart() -> Path:
    """Return its chart."""
    return folder() / "charts" / "scim-operator"
