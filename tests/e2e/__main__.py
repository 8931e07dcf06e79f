"""Run the end-to-end tests inside the local node: `python -m tests.e2e [PYTEST ARGUMENT ...]`."""

import os
import subprocess
import sys

from tests.cluster.errors import ClusterError
from tests.e2e import data_plane, earlier, node
from tests.service.postgres import UnavailableError, find_binaries


def main() -> int:
    """Start what the tests need and become pytest; where no node can run, skip, but never in CI."""
    if why := node.obstacle():
        print(f"end-to-end tests skipped: {why}", file=sys.stderr)
        return 1 if os.environ.get("CI") == "true" else 0
    try:
        node.start()
        images = node.build_images()
        earlier.prepare()
        data_plane.prepare()
        find_binaries()
    except subprocess.CalledProcessError as error:
        return error.returncode
    except (ClusterError, UnavailableError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    node.enter(images, "-m", "pytest", "tests/e2e", *sys.argv[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
