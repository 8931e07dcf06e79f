"""A tenant's pod on a control plane without nodes: the real service, on an address of its own."""

from __future__ import annotations

import base64
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from scim_operator.api import names

from tests.operator.world import Namespace, eventually


class Pod:
    """The service as the pod of a tenant; whoever holds this is its kubelet.

    Attributes
    ----------
    url
        The Tenant URL, as the pod has it.
    """

    def __init__(self, namespace: Namespace, tenant: str, folder: Path) -> None:
        self._namespace = namespace
        self._tenant = tenant
        self._folder = folder
        # All of 127.0.0.0/8 is this machine, and the management port is the same for every pod.
        self._address = ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])
        path = f"/{namespace.name}/{tenant}/scim"
        self.url = f"http://{self._address}:{names.SCIM_PORT}{path}"

    def mount(self) -> None:
        """Bring the digests' Secret into the pod."""
        secret = self._namespace.get("secret", names.digest_secret(self._tenant))
        for file, text in secret["data"].items():
            new = self._folder / "new"
            new.write_bytes(base64.b64decode(text))
            new.replace(self._folder / file)

    def accepts(self, token: str) -> bool:
        """Whether a token lets in; it does not count as used."""
        headers = {"Authorization": f"Bearer {token}", "Scim-Probe": "yes"}
        return httpx.get(f"{self.url}/Users", headers=headers).status_code == 200

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start the service and say that the pod is ready; stop it in the end."""
        config = self._namespace.get("configmap", names.config(self._tenant))
        (self._folder / "config.json").write_text(config["data"]["config.json"])
        self.mount()
        command = [
            *(sys.executable, "-m", "scim_service", "serve", "--host", self._address),
            *("--config", str(self._folder / "config.json")),
            *("--tokens", str(self._folder / "tokens.json")),
            *("--database", f"sqlite:///{self._folder}/scim.db"),
        ]
        environ = os.environ | {"SCIM_ACCESS_FILE": str(self._folder / "access.json")}
        with (self._folder / "log").open("wb") as log:
            process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        try:
            # A Python process on a machine with much else to do takes seconds to start.
            eventually(self._is_ready, 30)
            (pod,) = self._namespace.pods(self._tenant)
            self._namespace.run(pod["metadata"]["name"], self._address)
            yield
        finally:
            process.kill()
            process.wait()

    def _is_ready(self) -> bool:
        try:
            url = f"http://{self._address}:{names.MANAGEMENT_PORT}/-/readyz"
            return httpx.get(url).status_code == 200
        except httpx.TransportError:
            return False


class Traffic:
    """Requests one after the other, as Entra sends them; a context manager.

    Attributes
    ----------
    token
        The one to send; change it as an administrator does who pastes another.
    answers
        The status of each answer.
    """

    def __init__(self, pod: Pod, token: str) -> None:
        self.token = token
        self.answers: list[int] = []
        self._pod = pod
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with httpx.Client() as client:
            while not self._stop.wait(0.01):
                headers = {"Authorization": f"Bearer {self.token}"}
                self.answers.append(
                    client.get(f"{self._pod.url}/Users", headers=headers).status_code
                )
