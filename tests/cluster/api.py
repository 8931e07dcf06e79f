"""A small client of the API server, for what the cluster's own code asks of it."""

from __future__ import annotations

import base64
import json
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.cluster.errors import ClusterError

Object = dict[str, Any]

_MOST_ATTEMPTS = 10
"""How often a request is sent that the API server puts off, as often as kubectl sends it."""


class Api:
    """JSON requests with a client certificate.

    Parameters
    ----------
    url
        Where the API server listens.
    pki
        The folder with ca.crt and the client's certificate and key.
    client
        The client's name in that folder.
    """

    def __init__(self, url: str, pki: Path, client: str = "admin") -> None:
        self._url = url
        context = ssl.create_default_context(cafile=pki / "ca.crt")
        context.load_cert_chain(pki / f"{client}.crt", pki / f"{client}.key")
        # No proxy: the machine's own proxy settings are not meant for the cluster.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def get(self, path: str) -> Object:
        """Read an object or a list."""
        return self._json("GET", path)

    def create(self, path: str, body: Object) -> Object:
        """Create an object; one that is there already is left as it is."""
        try:
            return self._json("POST", path, body)
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
            return {}

    def merge(self, path: str, body: Object) -> Object:
        """Change fields of an object."""
        return self._json("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path: str) -> None:
        """Delete an object."""
        self._request("DELETE", path)

    def ready(self) -> bool:
        """Whether the API server answers and says that it is ready."""
        try:
            return self._request("GET", "/readyz", timeout=2) == b"ok"
        except OSError:
            return False

    def exists(self, path: str) -> bool:
        """Whether an object is there; an API server that cannot be reached has none."""
        try:
            self._request("GET", path, timeout=2)
        except OSError:
            return False
        return True

    def _json(
        self, method: str, path: str, body: Object | None = None, kind: str = "application/json"
    ) -> Object:
        for _ in range(_MOST_ATTEMPTS):
            try:
                answer: Object = json.loads(self._request(method, path, body, kind))
            except urllib.error.HTTPError as error:
                if error.code != 429:
                    raise
                # Such as "storage is (re)initializing", after which kubectl tries again, too.
                time.sleep(float(error.headers.get("Retry-After", 1)))
            else:
                return answer
        raise ClusterError(f"{method} {path}: the API server keeps answering 429")

    def _request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        kind: str = "application/json",
        timeout: float = 10,
    ) -> bytes:
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": kind, "Accept": "application/json"},
        )
        with self._opener.open(request, timeout=timeout) as answer:
            content: bytes = answer.read()
            return content


def write_kubeconfig(target: Path, *, url: str, pki: Path, client: str) -> None:
    """Write a kubeconfig (as JSON, which is YAML) that holds the certificates themselves.

    Holding them, it stays good when it is copied or seen under another path.
    """

    def data(name: str) -> str:
        return base64.b64encode((pki / name).read_bytes()).decode()

    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "local",
                "cluster": {"server": url, "certificate-authority-data": data("ca.crt")},
            }
        ],
        "users": [
            {
                "name": client,
                "user": {
                    "client-certificate-data": data(f"{client}.crt"),
                    "client-key-data": data(f"{client}.key"),
                },
            }
        ],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": client}}],
        "current-context": "local",
    }
    target.touch(mode=0o600)
    target.write_text(json.dumps(config, indent=1) + "\n")
