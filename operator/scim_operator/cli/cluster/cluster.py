"""The API server as the plugin's user reaches it: tenants, their Secrets and pods, and forwarding.

Every refusal is told with what to do about it.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlencode

import websocket

from scim_operator.api import names
from scim_operator.api.tenant import Key, Tenant, UnreadableTenantError
from scim_operator.cli.cluster.execution import Ended, Readable, Target, Writable, execute
from scim_operator.cli.cluster.forwarding import forward
from scim_operator.cli.cluster.kubeconfig import Choice, load
from scim_operator.cli.cluster.server import ApiServer
from scim_operator.cli.errors import ClusterError, ForbiddenError, MissingError
from scim_operator.desired.tokens import digests_file, token_format
from scim_operator.kube import pod_owners, secret_data, watched_namespaces
from scim_operator.kube.kinds import (
    DEPLOYMENT,
    LEASE,
    POD,
    REPLICA_SET,
    SECRET,
    TENANT,
    Kind,
    Object,
)
from scim_operator.status import retained_objects
from scim_operator.status.retained_objects import RetainedObject

_MERGE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One API server, as one user.

    Attributes
    ----------
    namespace
        Where tenants are looked for.
    """

    server: ApiServer
    namespace: str

    @classmethod
    def connect(cls, choice: Choice) -> Self:
        """Read the kubeconfig as kubectl does.

        Raises
        ------
        ClusterError
            It is missing, or has not what is chosen.
        """
        access = load(choice, os.environ)
        return cls(ApiServer(access), access.namespace)

    def close(self) -> None:
        """Close the connection to the API server."""
        self.server.close()

    def tenant(self, name: str, *, legible: bool = False) -> Tenant:
        """Read a tenant.

        Parameters
        ----------
        legible
            Whether what can be read is enough, to show it; see `Tenant.parse_readable`.

        Raises
        ------
        MissingError
            There is none of that name; the message names those there are.
        ClusterError
            It has what this plugin does not know.
        """
        try:
            body = self._get(TENANT, name)
            return Tenant.parse_readable(body) if legible else _read(body)
        except MissingError as error:
            raise MissingError(
                f"there is no ScimTenant {name} in namespace {self.namespace}. "
                f"{self._whereabouts(name)}"
            ) from error

    def tenants(self, *, everywhere: bool = False) -> list[Tenant]:
        """List the tenants of the namespace, or of all of them, in the order of their names.

        One that cannot be read whole is there with what can be.
        """
        path = TENANT.path(None if everywhere else self.namespace)
        listed = self._request("list", TENANT, "GET", path)
        return sorted(map(Tenant.parse_readable, listed["items"]), key=lambda tenant: tenant.key)

    def leftovers(self, *, everywhere: bool = False) -> list[RetainedObject]:
        """List what tenants that are gone have left, in the order of their names."""
        # The objects first: those of a tenant that is made meanwhile are not left over.
        query = (("labelSelector", names.TENANT_LABEL),)
        bodies = {
            kind: self._request(
                "list", kind, "GET", kind.path(None if everywhere else self.namespace), query=query
            )["items"]
            for kind in retained_objects.KINDS
        }
        tenants = {tenant.key for tenant in self.tenants(everywhere=everywhere)}
        found = [
            each for kind in bodies for each in retained_objects.find(kind, bodies[kind], tenants)
        ]
        return sorted(found, key=lambda each: (each.tenant, each.kind.name, each.name))

    def unattended(self, tenants: Iterable[Tenant]) -> dict[Key, str]:
        """Say of tenants that no operator looks after why that is so.

        That is known to whoever may get the operator's Lease, of tenants that an operator has
        seen; each Lease is read once.
        """
        by_lease: dict[str, list[Key]] = {}
        for tenant in tenants:
            if tenant.status.operator:
                by_lease.setdefault(tenant.status.operator, []).append(tenant.key)
        found: dict[Key, str] = {}
        now = datetime.now(UTC)
        for operator, keys in by_lease.items():
            try:
                lease = self._lease(operator)
            except ClusterError:
                continue
            problems = {key: watched_namespaces.problem(key, operator, lease, now) for key in keys}
            found |= {key: problem for key, problem in problems.items() if problem}
        return found

    def _lease(self, operator: str) -> Object | None:
        namespace, _, name = operator.partition("/")
        try:
            return self._request("get", LEASE, "GET", LEASE.path(namespace, name))
        except MissingError:
            return None

    def deployment(self, namespace: str, name: str) -> Object:
        """Read a Deployment of any namespace.

        Raises
        ------
        MissingError
            There is none of that name.
        """
        return self._request("get", DEPLOYMENT, "GET", DEPLOYMENT.path(namespace, name))

    def annotate(self, tenant: Key, annotation: str, value: str) -> None:
        """Set an annotation of a tenant."""
        body = {"metadata": {"annotations": {annotation: value}}}
        path = TENANT.path(tenant.namespace, tenant.name)
        self._request("patch", TENANT, "PATCH", path, body)

    def token(self, tenant: Tenant) -> str:
        """Read the token that is pasted into Entra.

        Raises
        ------
        ClusterError
            There is none yet, it may not be read, or it is another tenant's.
        """
        issued = names.token_secret(tenant.key.name)
        name = tenant.status.token_secret_name or issued
        secret = self._get(SECRET, name)
        if name != issued and secret_data.is_reserved(secret, tenant.key.name):
            raise ClusterError(
                f"the Secret {name} is the operator's own or another tenant's, and its token is "
                f"not sent for {tenant.key}: correct spec.token.existingSecret"
            )
        token = secret_data.read(secret, secret_data.TOKEN_KEY)
        if token is None:
            raise ClusterError(
                f"the Secret {name} has no {secret_data.TOKEN_KEY}: see the condition TokenReady "
                f"of kubectl scim status {tenant.key.name}"
            )
        return token

    def token_id(self, tenant: Key, token: str) -> str | None:
        """Look up the id of a token; None if it is not among the accepted ones.

        Raises
        ------
        ClusterError
            The digests may not be read.
        """
        try:
            digests = self._get(SECRET, names.digest_secret(tenant.name))
        except MissingError:
            return None
        sha256 = token_format.hash_token(token)
        accepted = digests_file.load(secret_data.read(digests, secret_data.DIGESTS_FILE) or "")
        return next((entry.id for entry in accepted if entry.sha256 == sha256), None)

    def access(self, tenant: Key) -> str | None:
        """Read the credential of the management port; None if the operator has made none.

        Raises
        ------
        ClusterError
            It may not be read.
        """
        try:
            return secret_data.read(
                self._get(SECRET, names.access_secret(tenant.name)), secret_data.ACCESS_KEY
            )
        except MissingError:
            return None

    def ready_pod(self, tenant: Tenant) -> str:
        """Name a pod that takes requests and is the tenant's own.

        Anybody who may create pods can give one the tenant's labels; a token goes only to a pod
        that the ReplicaSet of the tenant's own Deployment controls.

        Raises
        ------
        ClusterError
            There is none, or its owner may not be read.
        """
        for pod in self.pods(tenant.key):
            if pod_owners.is_ready(pod) and self._is_own(tenant, pod):
                name: str = pod["metadata"]["name"]
                return name
        raise ClusterError(
            f"no pod of {tenant.key} is ready: see the condition Available "
            f"(kubectl scim status {tenant.key.name})"
        )

    def _is_own(self, tenant: Tenant, pod: Object) -> bool:
        child = pod
        for kind in (REPLICA_SET, DEPLOYMENT):
            owner = pod_owners.find_controller(child)
            if owner is None or owner["kind"] != kind.name:
                return False
            try:
                child = self._get(kind, owner["name"])
            except MissingError:
                return False
            if child["metadata"]["uid"] != owner["uid"]:
                return False
        owner = pod_owners.find_controller(child)
        return owner is not None and owner["uid"] == tenant.uid

    def pods(self, tenant: Key) -> list[Object]:
        """List the pods with the labels of a tenant."""
        selector = ",".join(f"{key}={value}" for key, value in names.selector(tenant.name).items())
        listed = self._request(
            "list", POD, "GET", POD.path(tenant.namespace), query=[("labelSelector", selector)]
        )
        items: list[Object] = listed["items"]
        return items

    def forward(self, pod: str, port: int) -> socket.socket:
        """Open a connection to a port of a pod, through the API server.

        Raises
        ------
        ClusterError
            The API server or the pod's node refuses.
        """
        with self._refusals(pod, "pods/portforward", "kubectl port-forward"):
            return forward(self.server, self.namespace, pod, port)

    def execute(
        self,
        tenant: Tenant,
        command: Sequence[str],
        *,
        stdin: Readable | None = None,
        stdout: Writable | None = None,
    ) -> Ended:
        """Run a command in the service's container of a ready pod until it ends.

        Raises
        ------
        ClusterError
            No pod is ready, the API server or the pod's node refuses, or the connection is lost.
        """
        pod = self.ready_pod(tenant)
        target = Target(self.namespace, pod, names.CONTAINER)
        with self._refusals(pod, "pods/exec", "kubectl exec"):
            return execute(self.server, target, command, stdin=stdin, stdout=stdout)

    @contextmanager
    def _refusals(self, pod: str, resource: str, command: str) -> Iterator[None]:
        """Explain why the way to a pod is refused."""
        try:
            yield
        except websocket.WebSocketBadStatusException as error:
            answer = (error.resp_body or b"").decode(errors="replace")
            if error.status_code == 403:
                # A WebSocket is a GET, for which newer API servers ask, without words, for the
                # right to create as well.
                verb = "get" if "cannot get" in answer else "create"
                raise ForbiddenError(_missing_right(verb, resource, self.namespace)) from None
            raise ClusterError(
                f"the pod {pod} cannot be reached through the API server ({error.status_code}): "
                f"see that {command} works for it"
            ) from error

    def _whereabouts(self, name: str) -> str:
        try:
            tenants = self.tenants(everywhere=True)
        except ForbiddenError:
            tenants = self.tenants()
        elsewhere = [tenant.key.namespace for tenant in tenants if tenant.key.name == name]
        if elsewhere:
            return f"One of that name is in namespace {', '.join(elsewhere)}: use -n."
        here = [each.key.name for each in tenants if each.key.namespace == self.namespace]
        if here:
            return f"Those there are: {', '.join(here)}."
        if tenants:
            return f"Those there are: {', '.join(str(each.key) for each in tenants)}; use -n."
        return "There are none yet: apply one, as examples/contoso.yaml does."

    def _get(self, kind: Kind, name: str) -> Object:
        return self._request("get", kind, "GET", kind.path(self.namespace, name))

    def _request(
        self,
        verb: str,
        kind: Kind,
        method: str,
        path: str,
        body: Object | None = None,
        query: Sequence[tuple[str, str]] = (),
    ) -> Object:
        target = f"{path}?{urlencode(query)}" if query else path
        sent = json.dumps(body).encode() if body else None
        status, answer = self.server.request(method, target, sent, _MERGE)
        text = answer.decode(errors="replace")
        if status < 300:
            found: Object = json.loads(text)
            return found
        raise _refusal(status, text, verb, kind, self.namespace)


def _read(body: Object) -> Tenant:
    try:
        return Tenant.parse(body)
    except UnreadableTenantError as error:
        raise ClusterError(
            f"this version of the plugin cannot read the ScimTenant {body['metadata']['name']}: "
            f"{error}. Install the plugin's version that the operator has"
        ) from error


def _refusal(code: int, text: str, verb: str, kind: Kind, namespace: str) -> ClusterError:
    try:
        message = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        if code == 404 and kind is TENANT:
            return ClusterError(
                "this cluster knows no ScimTenant: install the operator's chart (helm install "
                "scim-operator charts/scim-operator), or choose another cluster with --context"
            )
        message = text.strip()
    if code == 401:
        return ClusterError("the API server does not know you: renew your kubeconfig's credentials")
    if code == 403:
        group = kind.api_version.partition("/")[0] if "/" in kind.api_version else ""
        return ForbiddenError(
            _missing_right(verb, f"{kind.plural}.{group}" if group else kind.plural, namespace)
        )
    if code == 404:
        return MissingError(f"{message} (namespace {namespace})")
    return ClusterError(f"the API server refuses to {verb} {kind.plural} ({code}): {message}")


def _missing_right(verb: str, resource: str, namespace: str) -> str:
    return (
        f"you may not {verb} {resource} in namespace {namespace}: have that right added to a Role "
        f"of yours (kubectl auth can-i {verb} {resource} -n {namespace} says whether it is there)"
    )
