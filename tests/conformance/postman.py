"""Microsoft's Postman collection, run by newman.

The collection is part of AzureAD/SCIMReferenceCode (`PostmanCollection.json`). It is not part of
this repository; where there is no copy of it the suite does not run.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from .outcome import Check, UnavailableError
from .target import Target

NAME = "postman"
COLLECTION_VARIABLE = "SCIM_POSTMAN_COLLECTION"

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]
_BESIDE_THE_CHECKOUT = _ROOT.parent / "shared" / "suites" / "microsoft-postman.json"
_FOLDERS = (
    # All but the first, which fetches a token from the reference server.
    "Endpoint tests",
    "User tests",
    "Group tests",
    "ComplexAttribute tests",
    "User tests with garbage",
    "Group tests with garbage",
    "Teardown garbage",
)


def run(target: Target) -> list[Check]:
    """Run the collection against an empty tenant."""
    collection = _collection()
    newman = _newman()
    with TemporaryDirectory(prefix="scim-newman-") as folder:
        environment = Path(folder) / "environment.json"
        environment.write_text(json.dumps(_environment(target)), "utf-8")
        report = Path(folder) / "report.json"
        finished = subprocess.run(
            [
                *(str(newman), "run", str(collection), "--environment", str(environment)),
                *("--reporters", "json", "--reporter-json-export", str(report)),
                *(part for name in _FOLDERS for part in ("--folder", name)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if not report.exists():
            raise RuntimeError(f"newman wrote no report:\n{finished.stdout}{finished.stderr}")
        return list(_checks(json.loads(report.read_text("utf-8"))))


def _collection() -> Path:
    path = Path(os.environ.get(COLLECTION_VARIABLE, _BESIDE_THE_CHECKOUT))
    if not path.is_file():
        raise UnavailableError(
            f"no Postman collection: set {COLLECTION_VARIABLE} to PostmanCollection.json of"
            " AzureAD/SCIMReferenceCode",
            required=False,
        )
    return path


def _newman() -> Path:
    """Install newman at the locked versions, once, outside the sources."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise UnavailableError("Node.js and npm are not installed, and newman needs them")
    names = ("package.json", "package-lock.json")
    locked = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in names)).hexdigest()
    folder = _ROOT / "build" / "conformance" / f"newman-{locked[:12]}"
    program = folder / "node_modules" / ".bin" / "newman"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copy(_HERE / name, folder)
        installed = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if installed.returncode != 0:
            raise UnavailableError(f"npm cannot install newman: {installed.stderr[-1000:]}")
    return program


def _environment(target: Target) -> dict[str, Any]:
    """Return the collection's variables; in a file, as arguments can be seen by anybody."""
    url = urlsplit(target.url)
    values = {
        "Protocol": url.scheme,
        "Server": url.hostname or "",
        "Port": f":{url.port}" if url.port else "",
        "Api": url.path.strip("/"),
        "token": target.token,
    }
    return {
        "name": "scim-operator",
        "values": [{"key": key, "value": value} for key, value in values.items()],
    }


def _checks(report: dict[str, Any]) -> Iterator[Check]:
    """Return a check for each assertion, named by folder, request and assertion."""
    folders = {
        item["id"]: folder["name"]
        for folder in report["collection"]["item"]
        for item in folder.get("item", ())
    }
    seen: Counter[str] = Counter()
    for execution in report["run"]["executions"]:
        request = f"{folders[execution['item']['id']]} / {execution['item']['name']}"
        seen[request] += 1
        if seen[request] > 1:
            request += f" #{seen[request]}"
        if "requestError" in execution:
            yield Check(request, f"no answer: {execution['requestError']}")
        for assertion in execution.get("assertions") or ():
            error = assertion.get("error")
            status = execution.get("response", {}).get("code")
            yield Check(
                f"{request}: {assertion['assertion']}",
                f"{error['message']} (status {status})" if error else None,
            )
