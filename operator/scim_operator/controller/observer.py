"""Collects everything that a plan and a status depend on, before and after the plan is applied."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from scim_operator.api import names
from scim_operator.api.tenant import Key, Tenant
from scim_operator.controller.observe import unlabelled_objects
from scim_operator.controller.observe.cache import Cache
from scim_operator.controller.observe.ingresses import IngressReader
from scim_operator.controller.observe.pod_events import PodEvents
from scim_operator.controller.observe.referenced_objects import References
from scim_operator.controller.observe.service_poller import ServicePoller
from scim_operator.controller.observe.storage_classes import find_storage_problem
from scim_operator.controller.records.url_claim_store import UrlClaimStore
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership import classification
from scim_operator.desired.ownership.seals import Seals
from scim_operator.kube.client import KubeClient
from scim_operator.kube.kinds import INGRESS, SECRET, VOLUME_CLAIM, Object


class Observer:
    """Reads the cache, and requests what is not watched."""

    def __init__(
        self,
        kube: KubeClient,
        cache: Cache,
        seals: Seals,
        *,
        url_claims: UrlClaimStore,
        poller: ServicePoller,
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._seals = seals
        self._url_claims = url_claims
        self._poller = poller
        self._references = References(kube, cache)
        self._pod_events = PodEvents(kube)
        self._ingresses = IngressReader(kube)

    async def observe(self, tenant: Tenant, now: datetime) -> Observed:
        """Return what a plan depends on."""
        key, spec = tenant.key, tenant.spec
        others = await unlabelled_objects.restore_labels(
            self._kube, self._cache, tenant, self._seals
        )
        children, foreign, adopted = self._classify(tenant, others)
        existing = database = None
        if spec.token.existing_secret:
            name = spec.token.existing_secret
            existing = await self._references.get(SECRET, key.namespace, name)
        if spec.database.postgres:
            name = spec.database.postgres.url_from.name
            database = await self._references.get(SECRET, key.namespace, name)
        claim = children.get((VOLUME_CLAIM, names.volume_claim(key.name)))
        pods = self._cache.pods(key)
        return Observed(
            tenant=tenant,
            seals=self._seals,
            children=children,
            foreign=foreign,
            adopted=adopted,
            pods=pods,
            pod_events=await self._pod_events.read(key, pods, now),
            hold=await self._url_claims.claim(tenant),
            existing_secret=existing,
            database_secret=database,
            deleted_token=self._find_deleted_token(tenant),
            storage_missing=await find_storage_problem(self._references, claim, now),
            service_status=self._poller.latest(key),
            status_problem=self._poller.problem(key),
            rollout=tenant.status.rollout,
        )

    async def observe_again(self, before: Observed, tenant: Tenant, now: datetime) -> Observed:
        """Return what a status depends on, after the plan was applied."""
        after = self._classify(tenant, {})
        # After the apply: the Ingress may name another class or Secret than before.
        ingress = after.own.get((INGRESS, names.workload(tenant.key.name)))
        return replace(
            before,
            tenant=tenant,
            children=after.own,
            adopted=after.adopted,
            ingress=await self._ingresses.read(tenant, ingress, now),
        )

    def seconds_until_read(self, key: Key) -> float | None:
        """Return after how many seconds to read a pod's events again; None if no pod waits."""
        return self._pod_events.seconds_until_read(key)

    def forget(self, key: Key) -> None:
        """Forget a tenant that is being deleted."""
        self._pod_events.forget(key)

    def _classify(
        self, tenant: Tenant, others: classification.Children
    ) -> classification.Classified:
        children = self._cache.children(tenant.key) | dict(others)
        return classification.classify_all(children, tenant, self._seals)

    def _find_deleted_token(self, tenant: Tenant) -> Object | None:
        secret = self._cache.deleted_token(tenant.key)
        is_own = secret and classification.classify(SECRET, secret, tenant, self._seals).is_own
        return secret if is_own else None
