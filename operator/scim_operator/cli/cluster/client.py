"""Requests to the API server, with errors that tell the user what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

from scim_operator.cli.cluster.api_server import ApiServer
from scim_operator.cli.cluster.kubeconfig import Choice, load
from scim_operator.cli.errors import ClusterError, ForbiddenError, MissingError
from scim_operator.kube.kinds import TENANT, Kind, Object

_MERGE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One API server, as one user.

    Attributes
    ----------
    namespace
        The namespace of all objects, where a method names no other.
    """

    server: ApiServer
    namespace: str

    @classmethod
    def connect(cls, choice: Choice) -> Self:
        """Read the kubeconfig as kubectl does.

        Raises
        ------
        ClusterError
            The kubeconfig is missing, or lacks the chosen entries.
        """
        access = load(choice, os.environ)
        return cls(ApiServer(access), access.namespace)

    def close(self) -> None:
        """Close the connection to the API server."""
        self.server.close()

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object:
        """Read an object.

        Raises
        ------
        MissingError
            There is no object of that name.
        ClusterError
            The API server refuses, or does not answer.
        """
        namespace = namespace or self.namespace
        return self._request("get", "GET", kind, kind.path(namespace, name), namespace)

    def list_objects(
        self,
        kind: Kind,
        *,
        everywhere: bool = False,
        query: Sequence[tuple[str, str]] = (),
    ) -> list[Object]:
        """List the objects of the namespace, or of all namespaces.

        Raises
        ------
        ClusterError
            The API server refuses, or does not answer.
        """
        path = kind.path(None if everywhere else self.namespace)
        target = f"{path}?{urlencode(query)}" if query else path
        items: list[Object] = self._request("list", "GET", kind, target, self.namespace)["items"]
        return items

    def patch(self, kind: Kind, name: str, namespace: str, body: Object) -> None:
        """Merge `body` into an object.

        Raises
        ------
        ClusterError
            The API server refuses, or does not answer.
        """
        self._request("patch", "PATCH", kind, kind.path(namespace, name), namespace, body)

    def _request(
        self,
        verb: str,
        method: str,
        kind: Kind,
        target: str,
        namespace: str,
        body: Object | None = None,
    ) -> Object:
        sent = json.dumps(body).encode() if body else None
        status, answer = self.server.request(method, target, sent, _MERGE)
        text = answer.decode(errors="replace")
        if status < 300:
            found: Object = json.loads(text)
            return found
        raise _error(status, text, verb, kind, namespace)


def _error(status: int, text: str, verb: str, kind: Kind, namespace: str) -> ClusterError:
    """Explain an answer of the API server that is no success."""
    try:
        message = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        if status == 404 and kind is TENANT:
            return ClusterError(
                "this cluster has no ScimTenants: install the operator's chart (helm install "
                "scim-operator charts/scim-operator), or choose another cluster with --context"
            )
        message = text.strip()
    if status == 401:
        return ClusterError(
            "the API server does not accept your credentials: renew those of your kubeconfig"
        )
    if status == 403:
        group = kind.api_version.partition("/")[0] if "/" in kind.api_version else ""
        resource = f"{kind.plural}.{group}" if group else kind.plural
        return missing_right(verb, resource, namespace)
    if status == 404:
        return MissingError(f"{message} (namespace {namespace})")
    return ClusterError(f"the API server refuses to {verb} {kind.plural} ({status}): {message}")


def missing_right(verb: str, resource: str, namespace: str) -> ForbiddenError:
    """Return the error that names the right that the user lacks."""
    return ForbiddenError(
        f"you may not {verb} {resource} in namespace {namespace}: have that right added to one of "
        f"your Roles, and check it with kubectl auth can-i {verb} {resource} -n {namespace}"
    )
