"""What a platform engineer does by hand, for the demo and the end-to-end tests.

Everything goes through kubectl and helm, so that what they print is tested too.
"""

import base64
import json
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tests.e2e import node

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "scim-operator"
RELEASE = "scim-operator"
NAMESPACE = "scim-operator"

Manifest = dict[str, Any]
T = TypeVar("T")


class CommandError(RuntimeError):
    """A command failed; the message holds the command line and what it printed."""


def run(command: str, *, stdin: str | None = None, timeout: float = 180) -> str:
    """Run a command, written as for a shell but without one, and return its standard output.

    Raises
    ------
    CommandError
        It exited with another status than 0.
    """
    done = subprocess.run(
        shlex.split(command),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        raise CommandError(f"{command}\n{done.stdout}{done.stderr}".strip())
    return done.stdout


def get(kind: str, name: str, namespace: str) -> Manifest | None:
    """Return an object, or None where there is none."""
    text = run(f"kubectl get {kind} {name} -n {namespace} -o json --ignore-not-found")
    return json.loads(text) if text.strip() else None


def apply(manifest: Manifest) -> None:
    """Apply one manifest as `kubectl apply -f -` does."""
    run("kubectl apply -f -", stdin=json.dumps(manifest))


def pods(selector: str, namespace: str) -> list[Manifest]:
    """Return the pods with these labels, without those that are ending.

    One that was replaced may take another half minute to end.
    """
    text = run(f"kubectl get pods -n {namespace} -l {selector} -o json")
    return [
        each for each in json.loads(text)["items"] if "deletionTimestamp" not in each["metadata"]
    ]


def wait_until(what: str, probe: Callable[[], T | None], *, seconds: float = 60) -> T:
    """Call the probe until it returns something true, and return that.

    Raises
    ------
    TimeoutError
        It did not within so many seconds; the message says what was waited for.
    """
    deadline = time.monotonic() + seconds
    while True:
        if found := probe():
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.2)


def install(images: dict[str, str], *values: str, chart: Path = CHART) -> None:
    """Install or upgrade a chart with these images, and wait until the operator is available."""
    settings = ""
    for key, image in (("image", images["operator"]), ("service.image", images["service"])):
        repository, _, tag = image.rpartition(":")
        settings += f" --set-string {key}.repository={repository},{key}.tag={tag}"
    for value in values:
        settings += f" --set {value}"
    run(
        f"helm upgrade {RELEASE} {shlex.quote(str(chart))} --install --wait --timeout 120s"
        f" --namespace {NAMESPACE} --create-namespace{settings}"
    )


def listens(address: str, port: int = 80) -> bool:
    """Tell whether somebody takes connections there."""
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


def manifest(name: str, namespace: str, **spec: object) -> Manifest:
    """Return a ScimTenant."""
    return {
        "apiVersion": "scim-operator.io/v1alpha1",
        "kind": "ScimTenant",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"displayName": name.title(), **spec},
    }


@dataclass(frozen=True)
class Tenant:
    """A ScimTenant on the cluster."""

    name: str
    namespace: str

    def resource(self) -> Manifest:
        """Return the ScimTenant.

        Raises
        ------
        LookupError
            There is none.
        """
        found = get("scimtenant", self.name, self.namespace)
        if found is None:
            raise LookupError(f"no ScimTenant {self.namespace}/{self.name}")
        return found

    def condition(self, kind: str) -> dict[str, Any]:
        """Return one of its conditions, or an empty one before it is written."""
        conditions = self.resource().get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})

    def wait_ready(self, seconds: int = 90) -> None:
        """Wait for the Ready condition as a pipeline does, with `kubectl wait`."""
        run(
            f"kubectl wait scimtenant {self.name} -n {self.namespace}"
            f" --for=condition=Ready --timeout={seconds}s",
            timeout=seconds + 30,
        )

    def credentials(self) -> tuple[str, str]:
        """Return the two fields of Entra's Provisioning page: Tenant URL and Secret Token."""
        name = self.resource()["status"]["tokenSecretName"]
        secret = get("secret", name, self.namespace)
        if secret is None:
            raise LookupError(f"no Secret {self.namespace}/{name}")
        url, token = (
            base64.b64decode(secret["data"][key]).decode() for key in ("tenantUrl", "secretToken")
        )
        return url, token

    @property
    def selector(self) -> str:
        """Return the labels of its pods."""
        return f"scim-operator.io/tenant={self.name}"

    def pods(self) -> list[Manifest]:
        """Return its pods, without those that are ending."""
        return pods(self.selector, self.namespace)

    @contextmanager
    def reach(self) -> Iterator[str]:
        """Yield the Tenant URL as it is reached from here.

        On the local node the Service's address is routed; on any other cluster it is forwarded to.
        """
        url, _ = self.credentials()
        path = urlsplit(url).path
        service = f"{self.name}-scim"
        if node.INSIDE in os.environ:
            found = get("service", service, self.namespace)
            if found is None:
                raise LookupError(f"no Service {self.namespace}/{service}")
            address = found["spec"]["clusterIP"]
            # The node's routes follow a pod that became ready a moment later.
            wait_until(f"a connection to {address}", lambda: listens(address))
            yield f"http://{address}{path}"
            return
        forward = subprocess.Popen(
            ["kubectl", "port-forward", "-n", self.namespace, f"service/{service}", ":80"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            # It prints "Forwarding from 127.0.0.1:PORT -> 8080" once it listens.
            assert forward.stdout is not None
            line = forward.stdout.readline()
            if "127.0.0.1:" not in line:
                raise CommandError(f"kubectl port-forward service/{service}: {line or 'ended'}")
            port = line.split("127.0.0.1:")[1].split()[0]
            yield f"http://127.0.0.1:{port}{path}"
        finally:
            forward.terminate()
            forward.wait()
