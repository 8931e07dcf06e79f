"""Carries out a plan: writes what is wanted, removes what is not, and says what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scim_operator import drift, faults, metrics, names, ownership
from scim_operator.admitted import Admitted, listed
from scim_operator.cache import Cache
from scim_operator.drift import Difference
from scim_operator.faults import Fault, Refusal
from scim_operator.field_managers import manager_of
from scim_operator.kinds import CLAIM, CONFIG_MAP, DEPLOYMENT, POLICY, SECRET, Kind
from scim_operator.kube import Kube
from scim_operator.outcomes import Outcome
from scim_operator.plan import Plan, Wanted
from scim_operator.repairs import Conflict, Repairs
from scim_operator.seals import SEALED, Seals, seal_of
from scim_operator.tenant import Tenant

Object = dict[str, Any]

_POD_NEEDS = (CONFIG_MAP, CLAIM, POLICY)
"""Kinds, beside the digests, of what a pod runs with."""

_ATTEMPTS = 3
"""At a write that holds for one version of an object."""


class Applier:
    """Brings a tenant's objects to what a plan wants."""

    def __init__(self, kube: Kube, cache: Cache, seals: Seals) -> None:
        self._kube = kube
        self._cache = cache
        self._seals = seals
        self._admitted = Admitted(seals)
        self._repairs = Repairs()

    def leaves(self, tenant: Tenant, wanted: Wanted) -> bool:
        """Tell whether an object is to stay as it is."""
        return (
            wanted.is_current
            or self._admitted.accepts(tenant, wanted) is not None
            or self._pause(wanted) > 0
        )

    def _pause(self, wanted: Wanted) -> float:
        """Return for how many seconds to leave what others do again and again; 0 if for none."""
        if wanted.live is None:
            return 0
        fields = list(map(str, self._admitted.others(wanted)))
        return self._repairs.pause(wanted.live["metadata"]["uid"], fields)

    async def carry_out(self, planned: Plan) -> list[Outcome]:
        """Write and remove what a plan says; return what became of each object.

        Raises
        ------
        Refusal, aiohttp.ClientError, TimeoutError, OSError
            The API server cannot be reached or puts the pass off; trying again may help.
        """
        outcomes = []
        waiting = list(planned.secrets)
        while waiting:
            secret = waiting.pop(0)
            outcomes.append(await self._apply(planned, secret))
            if outcomes[-1].fault is None:
                continue
            tenant = planned.subject.tenant
            if secret.name == names.digest_secret(tenant.key.name) and _is_foreign(
                outcomes[-1], SECRET
            ):
                return [*outcomes, await self._halt(tenant)]
            if secret.name != names.access_secret(tenant.key.name):
                # Digests of a token that nobody can read would lock Entra out.
                return outcomes
            # The tenant does without: only the management port is closed to the operator.
            waiting = list(planned.digests_without_access)
        # The pods last: they would wait for what they mount, and look again only slowly.
        pods = [wanted for wanted in planned.objects if wanted.kind is DEPLOYMENT]
        rest = [wanted for wanted in planned.objects if wanted.kind is not DEPLOYMENT]
        outcomes += await asyncio.gather(
            *(self._apply(planned, wanted) for wanted in rest),
            *(self._remove(planned, kind, live) for kind, live in planned.removals),
        )
        if planned.halts:
            outcomes.append(await self._halt(planned.subject.tenant))
        for wanted in pods:
            # A new pod would run with what it finds in the place of its own objects.
            if wanted.live or not any(_is_foreign(each, *_POD_NEEDS) for each in outcomes):
                outcomes.append(await self._apply(planned, wanted))
        return outcomes

    async def _halt(self, tenant: Tenant) -> Outcome:
        """Let no pod run on what is not the tenant's.

        Among others' digests is not Entra's token, and theirs are; on another volume Entra's users
        are missing.
        """
        name = names.workload(tenant.key.name)
        outcome = Outcome(ownership.record_name(DEPLOYMENT, name))
        live = self._cache.get(DEPLOYMENT, tenant.key.namespace, name)
        is_own = live and ownership.judge(DEPLOYMENT, live, tenant, self._seals).is_own
        if live is None or not is_own or live["spec"]["replicas"] == 0:
            return outcome
        try:
            body = await self._kube.merge(DEPLOYMENT, live, {"spec": {"replicas": 0}})
        except Refusal as refusal:
            fault = faults.explain(refusal, DEPLOYMENT, name, tenant)
            if fault is None:
                raise
            return outcome._replace(fault=fault)
        self._cache.put(DEPLOYMENT, body)
        return outcome

    async def _apply(self, planned: Plan, wanted: Wanted) -> Outcome:
        tenant = planned.subject.tenant
        outcome = Outcome(ownership.record_name(wanted.kind, wanted.name))
        if self.leaves(tenant, wanted):
            admitted = self._admitted.accepts(tenant, wanted)
            return self._with_conflicts(wanted, outcome._replace(admitted=admitted))
        try:
            managers = await self._managers(wanted)
            body = await self._bring(wanted)
            if body and _looks_deployed(body, tenant):
                change = {"metadata": {"labels": {names.INSTANCE_LABEL: None}}}
                body = await self._kube.merge(wanted.kind, body, change)
        except Refusal as refusal:
            fault = faults.explain(refusal, wanted.kind, wanted.name, tenant)
            if fault is None:
                raise
            return outcome._replace(fault=fault)
        if body is None:
            return outcome._replace(fault=await self._taken(tenant, wanted))
        self._cache.put(wanted.kind, body)
        return self._tell(tenant, wanted, body, managers, outcome)

    def _tell(
        self,
        tenant: Tenant,
        wanted: Wanted,
        body: Object,
        managers: Mapping[str, str | None],
        outcome: Outcome,
    ) -> Outcome:
        """Say what a write has brought about."""
        what = f"the {wanted.kind.name} {wanted.name}"
        changed = self._admitted.others(wanted)
        found = tuple(drift.differences(wanted.object, body))
        if found:
            entry, is_news = self._admitted.note(tenant, wanted, body, found)
            kept = (
                f"{what} keeps {listed(map(str, found))}: an admission rule or a default of the "
                "cluster sets that at each write; if it should not be there, exempt the object "
                "from the rule"
            )
            outcome = outcome._replace(admitted=entry, kept=kept if is_news else None)
        if wanted.live is None:
            namespace = wanted.object["metadata"]["namespace"]
            if self._cache.was_deleted(wanted.kind, namespace, wanted.name):
                outcome = outcome._replace(repaired=f"{what} was deleted and has been made again")
            return outcome
        # What is there with the same value is admission's; with another, the next write changes it
        # once more.
        moved = [each for each in changed if each not in found]
        if not moved or not _is_written(wanted, wanted.live):
            return outcome
        metrics.REPAIRS.labels(wanted.kind.name).inc()
        left = set(map(str, found))
        first = [each for each in moved if str(each) not in left | managers.keys()]
        if first:
            text = f"{what} had been changed by somebody and is as wanted again{_named(first)}"
            outcome = outcome._replace(repaired=text)
        begun = self._repairs.note(wanted.live["metadata"]["uid"], map(str, moved), managers)
        outcome = outcome._replace(begun=tuple(_sentence(wanted, each) for each in begun))
        return self._with_conflicts(replace(wanted, live=body), outcome)

    def _with_conflicts(self, wanted: Wanted, outcome: Outcome) -> Outcome:
        if wanted.live is None:
            return outcome
        differing = list(map(str, self._admitted.others(wanted)))
        conflicts, pause = self._repairs.conflicts(wanted.live["metadata"]["uid"], differing)
        return outcome._replace(
            conflicts=tuple(_sentence(wanted, conflict) for conflict in conflicts),
            pause=self._pause(wanted) or pause,
        )

    async def _managers(self, wanted: Wanted) -> dict[str, str | None]:
        """Find out who sets the fields that were repaired before and are otherwise again."""
        if wanted.live is None:
            return {}
        others = {str(each): each.path for each in self._admitted.others(wanted)}
        contested = self._repairs.contested(wanted.live["metadata"]["uid"], others)
        if not contested:
            return {}
        namespace = wanted.object["metadata"]["namespace"]
        live = await self._kube.get(wanted.kind, namespace, wanted.name)
        return {field: manager_of(live, others[field]) if live else None for field in contested}

    async def _bring(self, wanted: Wanted) -> Object | None:
        """Write an object; None if another one, which was not seen, has its name."""
        live = wanted.live
        if live is None:
            return await self._merge(wanted)
        body = live
        is_restored = any(difference.added for difference in wanted.differences)
        if is_restored:
            # First: an admission policy need not admit an apply that leaves them.
            body = await self._restore(wanted, live)
        found = tuple(drift.differences(wanted.object, body))
        if not is_restored or any(difference.in_metadata for difference in found):
            is_restored = False
            applied = await self._merge(wanted)
            if applied is None:
                return None
            body = applied
        if is_restored or not drift.can_restore(wanted.object):
            return body
        if drift.is_current(wanted.object, body):
            return body
        # An apply leaves what others have added since the object was seen. What is there after the
        # whole was replaced is the work of admission.
        return await self._restore_newest(wanted, body)

    async def _restore(self, wanted: Wanted, live: Object) -> Object:
        restoration = drift.restoration(wanted.object, live)
        return await self._kube.patch(wanted.kind, live, restoration)

    async def _restore_newest(self, wanted: Wanted, body: Object) -> Object:
        """Replace the content of an object whose status may be written meanwhile."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._restore(wanted, body)
            except Refusal as refusal:
                if refusal.code != 409:
                    raise
            metadata = body["metadata"]
            newest = await self._kube.get(wanted.kind, metadata["namespace"], metadata["name"])
            if newest is None or newest["metadata"]["uid"] != metadata["uid"]:
                break
            body = newest
        return await self._restore(wanted, body)

    async def _merge(self, wanted: Wanted) -> Object | None:
        """Write an object; None if another one, which was not seen, has its name."""
        try:
            return await self._send(wanted)
        except Refusal as refusal:
            # What was written before is valid by itself, but what it is merged into may not be: of
            # a Service whose port has another number, an apply makes one with two ports of a name.
            stamp = drift.stamp_of(wanted.live) if wanted.live else None
            was_written = stamp in (None, drift.stamp_of(wanted.object))
            if refusal.code != 422 or wanted.live is None or not was_written:
                raise
        await self._restore(wanted, wanted.live)
        return await self._send(wanted)

    async def _send(self, wanted: Wanted) -> Object | None:
        """Write an object; None if another one, which was not seen, has its name."""
        if wanted.live is not None:
            # Not to another object that has come into its place since it was seen.
            metadata = wanted.object["metadata"] | {"uid": wanted.live["metadata"]["uid"]}
            body = wanted.object | {"metadata": metadata}
            return await self._kube.apply(wanted.kind, body, force=True)
        try:
            return await self._kube.apply_new(wanted.kind, wanted.object)
        except Refusal as refusal:
            if refusal.code == 409:
                return None
            raise

    async def _taken(self, tenant: Tenant, wanted: Wanted) -> Fault:
        """Find out whose object has the name of one that was not seen.

        Raises
        ------
        Refusal
            It is the tenant's after all; the next pass sees it.
        """
        kind = wanted.kind
        live = await self._kube.get(kind, tenant.key.namespace, wanted.name)
        if live is not None:
            if not ownership.judge(kind, live, tenant, self._seals).is_own:
                return ownership.fault(kind, live, tenant)
            # Its label was taken away: with the label it is watched again.
            try:
                self._cache.put(kind, await self._label(wanted, live, tenant))
            except Refusal as refusal:
                if fault := faults.explain(refusal, kind, wanted.name, tenant):
                    return fault
                raise
        raise Refusal(409, f"the {kind.name} {wanted.name} has changed meanwhile")

    async def _label(self, wanted: Wanted, live: Object, tenant: Tenant) -> Object:
        labels = names.labels(tenant.key.name)
        if wanted.kind in (*SEALED, DEPLOYMENT):
            # What is in it counts for the plan, and was not seen when that was made.
            return await self._kube.merge(wanted.kind, live, {"metadata": {"labels": labels}})
        # With all that is wanted: an admission policy need not admit the rest of what is there.
        labels = (live["metadata"].get("labels") or {}) | labels
        operation = {"op": "add", "path": "/metadata/labels", "value": labels}
        restoration = drift.restoration(wanted.object, live)
        return await self._kube.patch(wanted.kind, live, [*restoration, operation])

    async def _remove(self, planned: Plan, kind: Kind, live: Object) -> Outcome:
        metadata = live["metadata"]
        outcome = Outcome(ownership.record_name(kind, metadata["name"]))
        try:
            await self._kube.delete(kind, metadata["namespace"], metadata["name"], metadata["uid"])
        except Refusal as refusal:
            fault = faults.explain(refusal, kind, metadata["name"], planned.subject.tenant)
            if fault is None:
                raise
            return outcome._replace(fault=fault)
        return outcome


def _looks_deployed(body: Object, tenant: Tenant) -> bool:
    """Tell whether a label of an earlier version is left, which an apply of this one has not taken.

    That is so where the label was put back by a merge, as it was when it had been taken away.
    """
    labels = body["metadata"].get("labels") or {}
    return bool(labels.get(names.INSTANCE_LABEL) == tenant.key.name)


def _is_foreign(outcome: Outcome, *kinds: Kind) -> bool:
    fault = outcome.fault
    return fault is not None and fault.reason == ownership.FOREIGN_OWNER and fault.kind in kinds


def _is_written(wanted: Wanted, live: Object) -> bool:
    """Tell whether an object was written with the same wish before."""
    same_wish = drift.stamp_of(live) == drift.stamp_of(wanted.object)
    return same_wish and seal_of(live) == seal_of(wanted.object)


def _named(repaired: Sequence[Difference]) -> str:
    """Name the fields that were put right."""
    changed = [str(each) for each in repaired if not each.added]
    added = [str(each) for each in repaired if each.added]
    return (f" in {listed(changed)}" if changed else "") + (
        f", without {listed(added)}" if added else ""
    )


def _sentence(wanted: Wanted, conflict: Conflict) -> str:
    """Say who sets a field again and again, and what to do."""
    remedy = (
        "scale the ScimTenant, and let an autoscaler's scaleTargetRef name that"
        if conflict.field == "spec.replicas" and wanted.kind is DEPLOYMENT
        else "have it leave the field alone, or set it by the ScimTenant or the operator's settings"
    )
    return (
        f"{conflict.manager or 'a client without a name'} sets {conflict.field} of the "
        f"{wanted.kind.name} {wanted.name} again and again, and the operator puts it right ever "
        f"more rarely: {remedy}"
    )
