"""The operator as the chart installs it: with the account, the rights and the bounds of its pod."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from scim_operator.settings import Settings

from tests.cluster import ControlPlane
from tests.operator.proxy import Proxy
from tests.operator.world import Operator, eventually

NAMESPACE = "scim-system"
ACCOUNT = "scim-operator"
_CHART = "charts/scim-operator"
IMAGE = Settings().service_image.partition(":")[0]


@contextmanager
def defined() -> Iterator[ControlPlane]:
    """Start a control plane that knows ScimTenants and has the operator's namespace.

    Raises
    ------
    ClusterError
        It does not come up.
    """
    with ControlPlane() as cluster:
        cluster.kubectl("create", "namespace", NAMESPACE)
        cluster.kubectl("apply", "--server-side", "-f", "crds/")
        eventually(lambda: _is_established(cluster))
        yield cluster


def _is_established(cluster: ControlPlane) -> bool:
    # Not by `kubectl wait` or JSONPath, which fail on a definition that has no conditions yet.
    definition = json.loads(
        cluster.kubectl("get", "crd", "scimtenants.scim-operator.io", "-o", "json")
    )
    conditions = definition.get("status", {}).get("conditions") or ()
    return any(
        condition["type"] == "Established" and condition["status"] == "True"
        for condition in conditions
    )


class Installation:
    """The chart's account and roles in a cluster, and operators that run as it.

    Parameters
    ----------
    folder
        Where kubeconfigs and logs are kept.
    account
        Name of the account and of its roles.
    namespaces
        Those where the account has a Role; none: it has a ClusterRole.
    """

    def __init__(
        self,
        cluster: ControlPlane,
        folder: Path,
        account: str = ACCOUNT,
        namespaces: Sequence[str] = (),
    ) -> None:
        self._cluster = cluster
        self._folder = folder
        self._account = account
        self._namespaces = namespaces
        self.grant()
        self._token = cluster.kubectl("-n", NAMESPACE, "create", "token", account).strip()

    def grant(self) -> None:
        """Give the account the chart's rights, also after one was taken away."""
        # The policy bounds rights in namespaces that the operator does not serve.
        policy = () if self._namespaces else ("--show-only", "templates/admissionpolicy.yaml")
        rendered = subprocess.run(
            [
                *("helm", "template", self._account, _CHART, "--namespace", NAMESPACE),
                *("--set", f"fullnameOverride={self._account}"),
                *("--set-json", f"watchNamespaces={json.dumps(self._namespaces)}"),
                *("--show-only", "templates/rbac.yaml"),
                *("--show-only", "templates/serviceaccount.yaml"),
                *policy,
                *("--set", f"service.image.repository={IMAGE}"),
            ],
            env=self._cluster.env,
            capture_output=True,
            text=True,
            check=True,
        )
        self._cluster.kubectl(
            *("apply", "--server-side", "--force-conflicts", "-f", "-"), stdin=rendered.stdout
        )

    def revoke(self, resource: str, verb: str) -> None:
        """Take one right away from the account."""
        name = f"{self._account}-{NAMESPACE}"
        role = json.loads(self._cluster.kubectl("get", "clusterrole", name, "-o", "json"))
        (rule,) = [rule for rule in role["rules"] if resource in rule["resources"]]
        rule["resources"].remove(resource)
        verbs = [other for other in rule["verbs"] if other != verb]
        role["rules"] = [
            *(each for each in role["rules"] if each["resources"]),
            rule | {"resources": [resource], "verbs": verbs},
        ]
        self._cluster.kubectl("replace", "-f", "-", stdin=json.dumps(role))

    @contextmanager
    def operator(
        self,
        name: str,
        environ: Mapping[str, str] = {},
        /,
        **settings: str,
    ) -> Iterator[tuple[Operator, Proxy]]:
        """Start an operator behind a proxy of its own; it is killed in the end if it still runs."""
        with Proxy(self._cluster.url, self._cluster.folder / "pki" / "ca.crt") as proxy:
            kubeconfig = self._folder / f"{name}.kubeconfig"
            kubeconfig.write_text(json.dumps(_kubeconfig(proxy.url, self._token)))
            log = self._folder / f"{name}.log"
            log.unlink(missing_ok=True)
            operator = Operator(
                self._cluster,
                log,
                environ,
                kubeconfig=str(kubeconfig),
                namespace=NAMESPACE,
                identity=name,
                **{"key_secret": f"{self._account}-key"} | settings,
            )
            operator.start()
            try:
                yield operator, proxy
            finally:
                operator.kill()


def _kubeconfig(server: str, token: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": {"server": server}}],
        "users": [{"name": "pod", "user": {"token": token}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "pod"}}],
        "current-context": "local",
    }
