"""The operator as a process, and a namespace as its user sees it."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from scim_operator.api import names
from scim_operator.kube.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    INGRESS,
    NETWORK_POLICY,
    POD,
    POD_DISRUPTION_BUDGET,
    SECRET,
    SERVICE,
    TENANT,
    VOLUME_CLAIM,
    Kind,
)
from scim_operator.settings import PREFIX

from tests.cluster import ClusterError, ControlPlane

Object = dict[str, Any]
T = TypeVar("T")

SOON_S = 10.0
"""How long a repair may take."""

COLLECTION_S = 75.0
"""How long the garbage collector may take, which learns of a new kind within half a minute."""

_CHILDREN = (
    *(CONFIG_MAP, SECRET, VOLUME_CLAIM, SERVICE, DEPLOYMENT, NETWORK_POLICY, INGRESS),
    POD_DISRUPTION_BUDGET,
)
_BY_NAME = {
    **{kind.name.lower(): kind for kind in (*_CHILDREN, POD, TENANT)},
    "pvc": VOLUME_CLAIM,
    "sct": TENANT,
}


def eventually(look: Callable[[], T], seconds: float = SOON_S) -> T:
    """Look until there is something to see, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing was seen in {seconds:.0f} s"
        time.sleep(0.1)
    return found


class Operator:
    """One operator process that can be stopped and started.

    Parameters
    ----------
    environ
        Variables for its process that are no settings.
    settings
        Settings other than those of a test, as they are written in the environment.
    """

    def __init__(
        self,
        cluster: ControlPlane,
        log: Path,
        environ: Mapping[str, str] = {},
        /,
        **settings: str,
    ) -> None:
        chosen = {
            "kubeconfig": str(cluster.kubeconfig),
            "port": "0",
            "log_format": "text",
            "log_level": "debug",
            # No controller runs here that would write any.
            "ingress_addresses": "false",
        } | settings
        settings = {PREFIX + name.upper(): text for name, text in chosen.items()}
        self._env = {**cluster.env, **settings, **environ}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it writes on at the end of its log."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scim_operator", "run"],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> int:
        """Stop it as Kubernetes does; return its exit code."""
        self.signal(signal.SIGTERM)
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        if code:
            # For whoever reads why the test has failed.
            sys.stderr.write(self.log()[-4000:])
        return code

    def kill(self) -> None:
        """End it at once, as a crash or the loss of its node would."""
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, seconds: float = 20) -> int:
        """Wait until it has ended; return its exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """Everything that it has written."""
        return self._log.read_text(encoding="utf-8")


class Namespace:
    """What a tenant's owner does and sees."""

    def __init__(self, cluster: ControlPlane, name: str) -> None:
        self.name = name
        self._cluster = cluster
        self.kubectl("create", "namespace", name)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the namespace."""
        return self._cluster.kubectl("-n", self.name, *arguments, stdin=stdin)

    def apply(self, name: str, spec: Object | None = None, *more: str) -> None:
        """Apply a ScimTenant."""
        self.apply_all([name], spec, *more)

    def apply_all(self, tenants: Sequence[str], spec: Object | None = None, *more: str) -> None:
        """Apply ScimTenants with the same spec."""
        bodies = [
            {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "metadata": {"name": name, "namespace": self.name},
                "spec": spec or {},
            }
            for name in tenants
        ]
        listed = {"apiVersion": "v1", "kind": "List", "items": bodies}
        self.kubectl("apply", "--server-side", "-f", "-", *more, stdin=json.dumps(listed))

    def refusal(self, name: str, spec: Object) -> str:
        """What the API server says against a ScimTenant; empty if it admits it."""
        try:
            self.apply(name, spec, "--dry-run=server")
        except ClusterError as error:
            return str(error)
        return ""

    def get(self, kind: str, name: str) -> Object:
        """An object; empty if there is none."""
        if kind in _BY_NAME:
            return self._cluster.read(_BY_NAME[kind].path(self.name, name))
        text = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        body: Object = json.loads(text) if text else {}
        return body

    def _list(self, kind: Kind, tenant: str | None = None) -> list[Object]:
        """The objects of a kind, of all or of one tenant."""
        query = "" if tenant is None else f"?labelSelector={names.TENANT_LABEL}%3D{tenant}"
        items: list[Object] = self._cluster.read(kind.path(self.name) + query)["items"]
        # The API server leaves this out of a list.
        return [{"apiVersion": kind.api_version, "kind": kind.name, **body} for body in items]

    def objects(self, tenant: str) -> dict[str, Object]:
        """The objects of a tenant by kind and name."""
        listed = [body for kind in _CHILDREN for body in self._list(kind, tenant)]
        return {f"{body['kind']}/{body['metadata']['name']}": body for body in listed}

    def pods(self, tenant: str) -> list[Object]:
        """The pods of a tenant."""
        return self._list(POD, tenant)

    def run(self, pod: str, address: str) -> None:
        """Say of a pod that it runs and is ready, as a kubelet would."""
        status = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        patch = json.dumps({"status": status})
        self.kubectl("patch", "pod", pod, "--subresource=status", "--patch", patch)

    def repair(self, tenant: str) -> None:
        """Delete a tenant's Service and wait until it is back: the tenant has been looked at."""
        before = self.get("service", names.workload(tenant))["metadata"]["uid"]
        self.kubectl("delete", "service", names.workload(tenant))
        eventually(
            lambda: (
                self.get("service", names.workload(tenant)).get("metadata", {}).get("uid", before)
                != before
            )
        )

    def condition(self, tenant: str, kind: str) -> Object:
        """A condition; empty if there is none."""
        status = self.get("scimtenant", tenant).get("status", {})
        found: Object = next(
            (entry for entry in status.get("conditions", ()) if entry["type"] == kind), {}
        )
        return found

    def stalled(self, reason: str, seconds: float = 30) -> str:
        """Wait until contoso is stalled for a reason, and not ready; return the message."""

        def look() -> str:
            found = self.condition("contoso", "Stalled")
            is_it = (found.get("status"), found.get("reason")) == ("True", reason)
            return str(found["message"]) if is_it else ""

        message = eventually(look, seconds)
        assert self.condition("contoso", "Ready")["status"] == "False"
        return message

    def secrets(self) -> dict[str, dict[str, str]]:
        """The contents of all Secrets, by their names."""
        return {
            body["metadata"]["name"]: {
                key: base64.b64decode(text).decode() for key, text in body.get("data", {}).items()
            }
            for body in self._list(SECRET)
        }

    def token(self, tenant: str) -> str:
        """The token to paste into Entra; empty if there is none."""
        return self.secrets().get(names.token_secret(tenant), {}).get("secretToken", "")

    def access(self, tenant: str) -> str:
        """The credential of the management port; empty if there is none."""
        return self.secrets().get(names.access_secret(tenant), {}).get("token", "")

    def digests(self, tenant: str, file: str = "tokens.json") -> dict[str, Object]:
        """The accepted digests of tokens or credentials, and what is known of them."""
        text = self.secrets().get(names.digest_secret(tenant), {}).get(file, '{"tokens": []}')
        return {entry["sha256"]: entry for entry in json.loads(text)["tokens"]}

    def settled(self, tenant: str) -> str:
        """Wait until everything is there and the status says so; return the token."""
        self.settle([tenant])
        return self.token(tenant)

    def settle(self, tenants: Sequence[str], seconds: float = 20) -> None:
        """Wait until all that tenants want is there and their status says so."""

        def seen() -> bool:
            listed = [*self._list(TENANT), *self._list(DEPLOYMENT)]
            found = {(body["kind"], body["metadata"]["name"]): body for body in listed}
            return all(
                _is_settled(
                    found[names.KIND, tenant], found.get(("Deployment", names.workload(tenant)), {})
                )
                for tenant in tenants
            )

        eventually(seen, seconds)


def _is_settled(tenant: Object, deployment: Object) -> bool:
    status = tenant.get("status", {})
    return (
        status.get("observedGeneration") == tenant["metadata"]["generation"]
        and bool(status.get("tokens"))
        and bool(deployment.get("status"))
    )
