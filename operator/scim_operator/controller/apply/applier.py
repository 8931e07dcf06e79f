"""Applies a plan in a safe order, and returns an outcome for each object."""

from __future__ import annotations

import asyncio

from scim_operator.api import names
from scim_operator.api.tenant import Tenant
from scim_operator.controller.apply.contention import Contention
from scim_operator.controller.apply.object_writer import ObjectWriter
from scim_operator.controller.observe.cache import Cache, has_label
from scim_operator.desired import faults
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.drift.field_managers import find_manager
from scim_operator.desired.drift.outcomes import Outcome
from scim_operator.desired.faults import Fault
from scim_operator.desired.ownership import classification
from scim_operator.desired.ownership.seals import Seals
from scim_operator.desired.plan import Plan
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    NETWORK_POLICY,
    SECRET,
    VOLUME_CLAIM,
    Kind,
    Object,
)

_KINDS_BEFORE_PODS = (CONFIG_MAP, VOLUME_CLAIM, NETWORK_POLICY)
"""Kinds that a pod needs, beside the Secret with the digests."""


class Applier:
    """Makes a tenant's objects equal to the planned ones."""

    def __init__(self, kube: KubeClient, cache: Cache, seals: Seals) -> None:
        self._kube = kube
        self._cache = cache
        self._seals = seals
        self._writer = ObjectWriter(kube)
        self._contention = Contention(seals)

    def leaves(self, tenant: Tenant, desired: DesiredObject) -> bool:
        """Tell whether an apply would leave the object as it is now."""
        return self._contention.leaves(tenant, desired)

    async def apply(self, planned: Plan) -> list[Outcome]:
        """Write and remove the objects of a plan.

        Raises
        ------
        ApiError, aiohttp.ClientError, TimeoutError, OSError
            The API server is unreachable or answers with a transient error.
        """
        outcomes, may_continue = await self._apply_secrets(planned)
        if not may_continue:
            return outcomes
        # Pods last: a pod waits for the objects that it mounts, and checks for them rarely.
        pods = [desired for desired in planned.objects if desired.kind is DEPLOYMENT]
        rest = [desired for desired in planned.objects if desired.kind is not DEPLOYMENT]
        outcomes += await asyncio.gather(
            *(self.apply_object(planned, desired) for desired in rest),
            *(self._remove(planned, kind, live) for kind, live in planned.removals),
        )
        if planned.halts:
            outcomes.append(await self._halt(planned.context.tenant))
        has_foreign = any(_is_foreign(each, *_KINDS_BEFORE_PODS) for each in outcomes)
        for desired in pods:
            # A new pod would run with foreign objects that have the names of the tenant's own.
            if desired.live or not has_foreign:
                outcomes.append(await self.apply_object(planned, desired))
        return outcomes

    async def apply_object(self, planned: Plan, desired: DesiredObject) -> Outcome:
        """Write one object if it differs from the desired one."""
        tenant = planned.context.tenant
        outcome = Outcome(classification.record_name(desired.kind, desired.name))
        if self.leaves(tenant, desired):
            return self._contention.describe_left(tenant, desired, outcome)
        if self._contention.delays_creation(desired):
            return self._contention.describe_delayed(desired, outcome)
        try:
            managers = await self._find_managers(desired)
            body = await self._writer.write(desired, tenant)
        except ApiError as error:
            return outcome._replace(fault=_explain(error, desired.kind, desired.name, tenant))
        if body is None:
            return outcome._replace(fault=await self._explain_existing(tenant, desired))
        self._cache.put(desired.kind, body)
        if not has_label(body):
            return outcome._replace(fault=faults.explain_unlabelled(desired.kind, desired.name))
        namespace = desired.object["metadata"]["namespace"]
        return self._contention.record_write(
            tenant,
            desired,
            body,
            outcome,
            managers=managers,
            was_deleted=self._cache.was_deleted(desired.kind, namespace, desired.name),
        )

    async def _apply_secrets(self, planned: Plan) -> tuple[list[Outcome], bool]:
        """Write the Secrets in order; return the outcomes, and whether the rest may follow."""
        tenant = planned.context.tenant
        outcomes: list[Outcome] = []
        waiting = list(planned.secrets)
        while waiting:
            secret = waiting.pop(0)
            outcome = await self.apply_object(planned, secret)
            outcomes.append(outcome)
            if outcome.fault is None:
                continue
            is_digests = secret.name == names.digest_secret(tenant.key.name)
            if is_digests and _is_foreign(outcome, SECRET):
                return [*outcomes, await self._halt(tenant)], False
            if secret.name != names.access_secret(tenant.key.name):
                # Digests of a token that nobody can read would lock Entra out.
                return outcomes, False
            # Without the access Secret, only the operator cannot use the management port.
            waiting = list(planned.digests_without_access)
        return outcomes, True

    async def _halt(self, tenant: Tenant) -> Outcome:
        """Scale the Deployment to zero: its pods would use foreign digests or a foreign volume.

        Foreign digests lack the token of Entra and accept the tokens of others. A foreign volume
        lacks the users of Entra.
        """
        name = names.workload(tenant.key.name)
        outcome = Outcome(classification.record_name(DEPLOYMENT, name))
        live = self._cache.get(DEPLOYMENT, tenant.key.namespace, name)
        is_own = live and classification.classify(DEPLOYMENT, live, tenant, self._seals).is_own
        if live is None or not is_own:
            return outcome
        if live["spec"]["replicas"] != 0:
            try:
                live = await self._kube.merge(DEPLOYMENT, live, {"spec": {"replicas": 0}})
            except ApiError as error:
                return outcome._replace(fault=_explain(error, DEPLOYMENT, name, tenant))
            self._cache.put(DEPLOYMENT, live)
            # Without a pause between repairs: a pod would serve foreign data meanwhile.
            self._contention.record_halt(live)
        return self._contention.describe_halt(live, outcome)

    async def _find_managers(self, desired: DesiredObject) -> dict[str, str | None]:
        """Return who has set the fields that were repaired before and differ again."""
        contested = self._contention.contested_fields(desired)
        if not contested:
            return {}
        namespace = desired.object["metadata"]["namespace"]
        live = await self._kube.get(desired.kind, namespace, desired.name)
        return {
            field: find_manager(live, path) if live else None for field, path in contested.items()
        }

    async def _explain_existing(self, tenant: Tenant, desired: DesiredObject) -> Fault:
        """Explain why an object cannot be created although none of its name is watched.

        Raises
        ------
        ApiError
            The object is the tenant's own: the next reconcile finds it in the cache.
        """
        kind = desired.kind
        live = await self._kube.get(kind, tenant.key.namespace, desired.name)
        if live is not None:
            if not classification.classify(kind, live, tenant, self._seals).is_own:
                return classification.explain_foreign(kind, live, tenant)
            # Another client removed its label. With the label it is watched again.
            try:
                body = await self._writer.label(desired, live, tenant)
            except ApiError as error:
                return _explain(error, kind, desired.name, tenant)
            self._cache.put(kind, body)
            if not has_label(body):
                return faults.explain_unlabelled(kind, desired.name)
            self._contention.record_deletion(desired)
        raise ApiError(409, f"the {kind.name} {desired.name} has changed meanwhile")

    async def _remove(self, planned: Plan, kind: Kind, live: Object) -> Outcome:
        metadata = live["metadata"]
        outcome = Outcome(classification.record_name(kind, metadata["name"]))
        try:
            await self._kube.delete(kind, metadata["namespace"], metadata["name"], metadata["uid"])
        except ApiError as error:
            fault = _explain(error, kind, metadata["name"], planned.context.tenant)
            return outcome._replace(fault=fault)
        return outcome


def _explain(error: ApiError, kind: Kind, name: str, tenant: Tenant) -> Fault:
    """Explain a refused write; raise the error again if it is transient."""
    fault = faults.explain(error, kind, name, tenant)
    if fault is None:
        raise error
    return fault


def _is_foreign(outcome: Outcome, *kinds: Kind) -> bool:
    fault = outcome.fault
    return (
        fault is not None and fault.reason == classification.FOREIGN_OWNER and fault.kind in kinds
    )
