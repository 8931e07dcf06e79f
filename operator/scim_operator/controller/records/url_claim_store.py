"""Stores the claims of tenants to their URLs: a ConfigMap for each in the operator's own namespace.

Only the operator may write there. A process lists these records once, when it begins to lead, and
then keeps them in memory; a tenant at rest causes no request. `desired.urls.claims` decides which
tenant may claim which URL.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from scim_operator.api import names
from scim_operator.api.tenant import Key, Tenant, UnreadableTenantError
from scim_operator.api.v1alpha1.formats import parse_duration
from scim_operator.controller.observe.cache import Cache
from scim_operator.desired.urls.address import derive_address
from scim_operator.desired.urls.claims import (
    Claim,
    Hold,
    Register,
    explain_unrecorded,
    keep_out,
    refuse,
    seed,
)
from scim_operator.desired.urls.rules import Place, check_url
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import CONFIG_MAP, TENANT, Object
from scim_operator.kube.transport import UNREACHABLE
from scim_operator.settings import Settings

_LOG = logging.getLogger(__name__)

RETRY_TIME = timedelta(seconds=20)
"""Pause until a refused record is written or listed again."""

_NO_RECORD = 422
_PERMANENT_CODES = (400, 403, 404, _NO_RECORD)
"""Answers that do not change when the request is repeated at once."""

_BATCH = 100
"""Tenants that are read before other tasks may run."""


class UrlClaimStore:
    """The claims, in memory and as ConfigMaps.

    Parameters
    ----------
    enqueue
        Called with tenants that can claim a URL now that was not free before, and, after the claims
        were loaded, with every tenant that has one.
    """

    def __init__(
        self, kube: KubeClient, cache: Cache, settings: Settings, *, enqueue: Callable[[Key], None]
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._settings = settings
        self._enqueue = enqueue
        self._register = Register(parse_duration(settings.reserve_urls_for))
        self._recorded: dict[Place, str] = {}
        self._changed: set[Place] = set()
        self._waiting: dict[Key, str] = {}
        self._loading = asyncio.Lock()
        self._is_loaded = False
        self._problem = ""
        self._not_before = 0.0

    async def load(self) -> str:
        """List the records once, and claim the URLs that tenants have without a record.

        All tenants must be in the cache.

        Returns
        -------
        str
            Why the records cannot be listed; empty if they are.

        Raises
        ------
        ApiError, aiohttp.ClientError, TimeoutError, OSError
            The API server cannot answer now.
        """
        async with self._loading:
            if self._is_loaded or time.monotonic() < self._not_before:
                return self._problem
            try:
                await self._list()
            except ApiError as error:
                if error.code not in _PERMANENT_CODES:
                    raise
                self._not_before = time.monotonic() + RETRY_TIME.total_seconds()
                self._problem = self._explain(error)
                _LOG.error(self._problem)
                return self._problem
            tenants = [tenant async for tenant in self._read_exposed_tenants()]
            now = self._kube.clock.now()
            self._changed.update(seed(self._register, tenants, self._settings, now))
            self._is_loaded, self._problem = True, ""
        for key in self._register.list_holders():
            if self._is_watched(key):
                self._enqueue(key)
        return ""

    async def claim(self, tenant: Tenant) -> Hold:
        """Claim a tenant's URL, or explain why it cannot; release its other URLs.

        Raises
        ------
        ApiError, aiohttp.ClientError, TimeoutError, OSError
            The API server cannot answer now; the claims are unchanged.
        """
        key, settings = tenant.key, self._settings
        where = derive_address(tenant, settings)
        place = Place.of(where)
        if place is None:
            await self.release(key)
            return Hold(is_routed=where.host is not None)
        now = self._kube.clock.now()
        if not self._is_loaded and (problem := await self.load()):
            return explain_unrecorded(tenant, where, problem, now + RETRY_TIME)
        verdict = check_url(tenant, settings)
        held = self._register.holds(key, place)
        if verdict.message and (verdict.is_lasting or not held):
            await self.release(key)
            return refuse(verdict)
        obstacle = (
            None
            if held
            else await self._find_obstacle(place, key, needs_host=not verdict.is_shared)
        )
        if obstacle:
            await self.release(key)
            self._waiting[key] = place.host
            return keep_out(where, obstacle, self._register.find_end(obstacle), settings)
        if problem := await self._record(place, key, now):
            return explain_unrecorded(tenant, where, problem, now + RETRY_TIME)
        await self.release(key, but=place)
        return Hold(is_routed=True, note=verdict.message)

    async def release(self, key: Key, but: Place | None = None) -> None:
        """Release the URLs of a tenant: they stay reserved for its namespace for a while.

        Raises
        ------
        ApiError, aiohttp.ClientError, TimeoutError, OSError
            The API server cannot answer now.
        """
        self._waiting.pop(key, None)
        for place in self._register.list_held(key):
            claim = self._register.get(place)
            if place == but or claim is None:
                continue
            left = replace(claim, released=self._kube.clock.now())
            try:
                await self._write(left)
            except ApiError as error:
                if error.code not in _PERMANENT_CODES:
                    raise
                _LOG.error(self._explain(error))
            self._register.put(left)
            self._enqueue_waiting(place.host)

    async def sweep(self) -> None:
        """Delete the records whose reservation has ended."""
        for claim in self._register.list_expired(self._kube.clock.now()):
            name = names.url_claim(self._settings.lease_name, *claim.place)
            try:
                if uid := self._recorded.get(claim.place):
                    await self._kube.delete(CONFIG_MAP, self._settings.namespace, name, uid)
            except (ApiError, *UNREACHABLE) as error:
                _LOG.warning("the record %s of a Tenant URL cannot be deleted: %r", name, error)
                return
            self._drop(claim)

    async def _list(self) -> None:
        namespace = self._settings.namespace
        selector = f"{names.CLAIM_LABEL}={self._settings.lease_name}"
        async for bodies, _ in self._kube.pages(CONFIG_MAP, namespace, selector):
            for body in bodies:
                try:
                    self._remember(body)
                except (KeyError, ValueError) as error:
                    name = body["metadata"]["name"]
                    _LOG.error("the record %s of a Tenant URL cannot be read: %r", name, error)

    async def _read_exposed_tenants(self) -> AsyncIterator[Tenant]:
        for number, key in enumerate(self._cache.tenants()):
            if number % _BATCH == 0:
                await asyncio.sleep(0)
            body = self._cache.get(TENANT, *key)
            spec = (body or {}).get("spec")
            if body is None or (isinstance(spec, dict) and not spec.get("exposure")):
                continue
            try:
                yield Tenant.parse(body)
            except UnreadableTenantError as error:
                _LOG.warning("the ScimTenant %s cannot be read: %s", key, error)

    async def _find_obstacle(self, place: Place, key: Key, *, needs_host: bool) -> Claim | None:
        now = self._kube.clock.now()
        while obstacle := self._register.find_obstacle(place, key, now, needs_host=needs_host):
            if obstacle.released is None or await self._has_record(obstacle):
                return obstacle
            self._drop(obstacle)
        return None

    async def _has_record(self, claim: Claim) -> bool:
        """Check that the record of a reservation exists: an administrator may have deleted it."""
        if claim.place not in self._recorded:
            return True
        name = names.url_claim(self._settings.lease_name, *claim.place)
        return await self._kube.get(CONFIG_MAP, self._settings.namespace, name) is not None

    async def _record(self, place: Place, key: Key, now: datetime) -> str:
        """Claim a URL; return why the claim cannot be recorded, or nothing."""
        if self._register.holds(key, place) and place not in self._changed:
            return ""
        # Before the write: the reconcile of another tenant must not claim it meanwhile.
        claim = self._register.take(place, key, now, since=now)
        self._changed.add(place)
        try:
            await self._write(claim)
        except ApiError as error:
            if error.code not in _PERMANENT_CODES:
                raise
            return self._explain(error)
        return ""

    async def _write(self, claim: Claim) -> None:
        record = claim.to_config_map(self._settings)
        if claim.place in self._recorded:
            body = await self._kube.apply(CONFIG_MAP, record, force=True)
        else:
            try:
                # Not by an apply: an existing record came first.
                body = await self._kube.create(CONFIG_MAP, record)
            except ApiError as error:
                if error.code == 409:
                    await self._read_existing(record["metadata"]["name"])
                raise
        self._recorded[claim.place] = body["metadata"]["uid"]
        self._changed.discard(claim.place)

    async def _read_existing(self, name: str) -> None:
        """Read a record that was not known; the repeated reconcile takes it into account."""
        live = await self._kube.get(CONFIG_MAP, self._settings.namespace, name)
        if live is None:
            return
        try:
            claim = self._remember(live)
        except (KeyError, ValueError):
            problem = f"the ConfigMap {name} is not a valid record of a URL: delete it"
            raise ApiError(_NO_RECORD, problem) from None
        self._changed.discard(claim.place)

    def _remember(self, record: Object) -> Claim:
        claim = Claim.from_config_map(record)
        if record["metadata"]["name"] != names.url_claim(self._settings.lease_name, *claim.place):
            raise ValueError("its name does not match its URL: host or path was changed")
        self._recorded[claim.place] = record["metadata"]["uid"]
        self._register.put(claim)
        return claim

    def _drop(self, claim: Claim) -> None:
        self._register.remove(claim.place)
        self._recorded.pop(claim.place, None)
        self._changed.discard(claim.place)
        self._enqueue_waiting(claim.place.host)

    def _enqueue_waiting(self, host: str) -> None:
        for key in [key for key, waits in self._waiting.items() if waits == host]:
            self._enqueue(key)

    def _is_watched(self, key: Key) -> bool:
        watched = self._settings.watch_namespaces
        return not watched or key.namespace in watched

    def _explain(self, error: ApiError) -> str:
        problem = (
            "claims of Tenant URLs cannot be recorded as ConfigMaps in namespace "
            f"{self._settings.namespace} ({error.message})"
        )
        if error.code == _NO_RECORD:
            return problem
        return f"{problem}: give the operator's role get, list, create, patch and delete there"
