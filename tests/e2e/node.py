"""The way into the local node: start it, load both images, go on inside its network namespace."""

import json
import os
import subprocess
import sys

# Set inside the node; everything that differs there from another cluster asks for it.
INSIDE = "SCIM_OPERATOR_INSIDE_NODE"
IMAGES = "SCIM_OPERATOR_IMAGES"
CLUSTER = (sys.executable, "-m", "tests.cluster")


def obstacle() -> str | None:
    """Return why no node can run here, or None."""
    if sys.platform != "linux":
        return f"the node needs Linux, this is {sys.platform}"
    if os.geteuid() != 0:
        return "the node needs root (network namespaces, containers)"
    return None


def start() -> None:
    """Start the node where it is not running.

    Raises
    ------
    subprocess.CalledProcessError
        It did not start; what is wrong has been printed.
    """
    subprocess.run([*CLUSTER, "up"], check=True)


def build_images() -> dict[str, str]:
    """Build both images, load them where the node runs, and return their references.

    Raises
    ------
    subprocess.CalledProcessError
        A build failed; what is wrong has been printed.
    """
    done = subprocess.run([*CLUSTER, "images", "-o", "json"], check=True, stdout=subprocess.PIPE)
    images: dict[str, str] = json.loads(done.stdout)
    return images


def enter(images: dict[str, str], *python_arguments: str) -> None:
    """Replace this process by a Python inside the node's network namespace."""
    os.environ[INSIDE] = "1"
    os.environ[IMAGES] = json.dumps(images)
    sys.stdout.flush()
    os.execv(CLUSTER[0], [*CLUSTER, "exec", "--", sys.executable, *python_arguments])


def given_images() -> dict[str, str]:
    """Return the references that `enter` passed on.

    Raises
    ------
    KeyError
        This process is not inside the node.
    """
    images: dict[str, str] = json.loads(os.environ[IMAGES])
    return images
