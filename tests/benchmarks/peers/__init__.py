"""Other SCIM servers in their documented configuration, from a virtual environment of their own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks.server import Server, serving
from tests.service.program import free_port

_HERE = Path(__file__).parent
_REQUIREMENTS = _HERE / "requirements.txt"


def environment(folder: Path) -> Path:
    """Return the folder of the peers' programs; they are installed where they are missing."""
    binaries = folder / "bin"
    installed = folder / "requirements.txt"
    if not installed.exists() or installed.read_text() != _REQUIREMENTS.read_text():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run(
            [
                *(binaries / "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--require-hashes", "--requirement", _REQUIREMENTS),
            ],
            check=True,
        )
        installed.write_text(_REQUIREMENTS.read_text())
    return binaries


@contextlib.contextmanager
def scim2_server(binaries: Path, folder: Path) -> Iterator[Server]:
    """Serve with scim2-server on uvicorn; its users are in memory, and it asks for no token."""
    port = free_port()
    with serving(
        [
            *(binaries / "uvicorn", "scim2_application:application", "--port", str(port)),
            *("--log-level", "warning", "--no-access-log"),
        ],
        port=port,
        path="/v2",
        log=folder / "scim2-server.log",
        cwd=_HERE,
    ) as server:
        yield server


@contextlib.contextmanager
def django_scim2(binaries: Path, folder: Path, database: str, token: str) -> Iterator[Server]:
    """Serve with django-scim2 on gunicorn, one worker, over an empty PostgreSQL database."""
    site = _HERE / "django_site"
    parts = urlsplit(database)
    settings = {
        "DJANGO_SETTINGS_MODULE": "settings",
        "PEER_DATABASE": parts.path[1:],
        "PEER_DATABASE_PORT": str(parts.port),
        "PEER_TOKEN": token,
    }
    subprocess.run(
        [binaries / "django-admin", "migrate", "--run-syncdb", "--pythonpath", site],
        env={**os.environ, **settings},
        check=True,
        capture_output=True,
    )
    port = free_port()
    with serving(
        [
            *(binaries / "gunicorn", "--bind", f"127.0.0.1:{port}", "--no-control-socket"),
            *("--log-level", "warning", "wsgi:application"),
        ],
        port=port,
        path="/scim",
        log=folder / "django-scim2.log",
        environment=settings,
        cwd=site,
    ) as server:
        yield server
