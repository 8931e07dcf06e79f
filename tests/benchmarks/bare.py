"""A bare client of the API server: the same applies as the operator's, without an operator."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Self

import aiohttp
from scim_operator.api import names
from scim_operator.api.tenant import Tenant
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership.seals import KEY_BYTES, Seals
from scim_operator.desired.plan import build
from scim_operator.kube.kinds import TENANT, Kind
from scim_operator.settings import Settings

from tests.cluster import ControlPlane

Object = dict[str, Any]

IN_FLIGHT = 32
"""As many as the operator has by default."""

_MERGE = "application/merge-patch+json"


class Client:
    """Requests as the cluster's administrator; an asynchronous context manager."""

    def __init__(self, cluster: ControlPlane) -> None:
        pki: Path = cluster.folder / "pki"
        self._tls = ssl.create_default_context(cafile=pki / "ca.crt")
        self._tls.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        self._url = cluster.url
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._tls)
        self._session = aiohttp.ClientSession(connector=connector, read_bufsize=2**20)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def request(
        self, method: str, path: str, body: Object | None = None, kind: str = "application/json"
    ) -> Object:
        """Send a request and return the answer."""
        async with (
            self._slots,
            self._session.request(
                method,
                self._url + path,
                data=None if body is None else json.dumps(body),
                headers={"Content-Type": kind},
                raise_for_status=True,
            ) as response,
        ):
            answer: Object = json.loads(await response.read())
            return answer

    async def apply(self, kind: Kind, body: Object) -> Object:
        """Apply an object on the server's side."""
        metadata = body["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"])
        return await self.request(
            "PATCH", f"{path}?fieldManager=bare&force=true", body, "application/apply-patch+yaml"
        )

    async def apply_all(self, objects: Iterable[tuple[Kind, Object]]) -> list[Object]:
        """Apply objects, as many at a time as are allowed."""
        return await asyncio.gather(*(self.apply(kind, body) for kind, body in objects))

    async def merge(self, kind: Kind, namespace: str, name: str, body: Object) -> Object:
        """Change fields of an object."""
        return await self.request("PATCH", kind.path(namespace, name), body, _MERGE)

    async def list(self, kind: Kind, namespace: str) -> Object:
        """Read all objects of a kind."""
        return await self.request("GET", kind.path(namespace))

    async def watch(self, kind: Kind, namespace: str, version: str) -> AsyncIterator[Object]:
        """Yield the objects that change from a version on, without those that are deleted."""
        path = f"{kind.path(namespace)}?watch=true&resourceVersion={version}"
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.get(self._url + path, timeout=timeout) as response:
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] in ("ADDED", "MODIFIED"):
                        yield event["object"]


def specified(namespace: str, count: int) -> list[tuple[Kind, Object]]:
    """Make ScimTenants to apply."""
    return [
        (
            TENANT,
            {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "metadata": {"name": f"tenant-{number}", "namespace": namespace},
                "spec": {"displayName": f"Tenant {number}"},
            },
        )
        for number in range(count)
    ]


def children(tenant: Object, settings: Settings) -> list[tuple[Kind, Object]]:
    """Make the objects of a tenant as the operator would apply them."""
    # As it was when new: for one that has served, nothing is made in the place of what is lost.
    new = {**tenant, "metadata": {**tenant["metadata"], "annotations": {}}, "status": {}}
    observed = Observed(tenant=Tenant.parse(new), seals=Seals(bytes(KEY_BYTES)), children={})
    made = build(observed, settings, observed.tenant.created)
    return [(wanted.kind, wanted.object) for wanted in (*made.secrets, *made.objects)]
