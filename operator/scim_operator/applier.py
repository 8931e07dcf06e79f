"""Carries out a plan: writes what is wanted, removes what is not, and says what became of each."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from scim_operator import drift, faults, names, ownership
from scim_operator.cache import Cache
from scim_operator.faults import Fault, Refusal
from scim_operator.kinds import CLAIM, CONFIG_MAP, DEPLOYMENT, POLICY, SECRET, Kind
from scim_operator.kube import Kube
from scim_operator.plan import Plan, Wanted
from scim_operator.repairs import Repairs, listed
from scim_operator.seals import SEALED, Seals, seal_of
from scim_operator.tenant import Tenant

Object = dict[str, Any]

_POD_NEEDS = (CONFIG_MAP, CLAIM, POLICY)
"""Kinds, beside the digests, of what a pod runs with."""


class Outcome(NamedTuple):
    """What became of one object.

    Attributes
    ----------
    repaired, kept
        What was repaired of it, and what could not be, as sentences.
    pause
        Seconds for which it is left as it is.
    """

    fault: Fault | None = None
    repaired: str | None = None
    kept: str | None = None
    pause: float | None = None


_DONE = Outcome()


class Applier:
    """Brings a tenant's objects to what a plan wants."""

    def __init__(self, kube: Kube, cache: Cache, seals: Seals) -> None:
        self._kube = kube
        self._cache = cache
        self._seals = seals
        self._repairs = Repairs()

    def leaves(self, wanted: Wanted) -> bool:
        """Tell whether an object is to stay as it is."""
        return wanted.is_current or self._repairs.leaves(wanted)

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
        """Let no pod run on others' digests: Entra's token is not among them, and theirs are."""
        name = names.workload(tenant.key.name)
        live = self._cache.get(DEPLOYMENT, tenant.key.namespace, name)
        is_own = live and ownership.judge(DEPLOYMENT, live, tenant, self._seals).is_own
        if live is None or not is_own or live["spec"]["replicas"] == 0:
            return _DONE
        try:
            body = await self._kube.merge(DEPLOYMENT, live, {"spec": {"replicas": 0}})
        except Refusal as refusal:
            fault = faults.explain(refusal, DEPLOYMENT, name, tenant)
            if fault is None:
                raise
            return Outcome(fault=fault)
        self._cache.put(DEPLOYMENT, body)
        return _DONE

    async def _apply(self, planned: Plan, wanted: Wanted) -> Outcome:
        if self.leaves(wanted):
            return Outcome(pause=self._repairs.pause(wanted) or None)
        tenant = planned.subject.tenant
        try:
            body = wanted.live
            if body and wanted.additions:
                # First: an admission policy need not admit an apply that leaves them.
                body = await self._restore(wanted, body)
            if body is None or not drift.contains(wanted.object, body):
                body = await self._merge(wanted)
            if body and _looks_deployed(body, tenant):
                change = {"metadata": {"labels": {names.INSTANCE_LABEL: None}}}
                body = await self._kube.merge(wanted.kind, body, change)
        except Refusal as refusal:
            fault = faults.explain(refusal, wanted.kind, wanted.name, tenant)
            if fault is None:
                raise
            return Outcome(fault=fault)
        if body is None:
            return Outcome(fault=await self._taken(tenant, wanted))
        self._cache.put(wanted.kind, body)
        if kept := self._repairs.note(wanted, body):
            return Outcome(
                kept=f"the {wanted.kind.name} {wanted.name} keeps {listed(kept)}: an admission "
                "rule of the cluster adds that at each write; if it should not be there, exempt "
                "the object from the rule"
            )
        return Outcome(repaired=self._repair(wanted))

    async def _restore(self, wanted: Wanted, live: Object) -> Object:
        restoration = drift.restoration(wanted.object, live)
        return await self._kube.patch(wanted.kind, live, restoration)

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

    def _repair(self, wanted: Wanted) -> str | None:
        """Say what was repaired; None if it was the wish that had changed."""
        what = f"the {wanted.kind.name} {wanted.name}"
        if wanted.live is None:
            namespace = wanted.object["metadata"]["namespace"]
            deleted = self._cache.was_deleted(wanted.kind, namespace, wanted.name)
            return f"{what} was deleted and has been made again" if deleted else None
        if drift.stamp_of(wanted.live) != drift.stamp_of(wanted.object):
            return None
        if seal_of(wanted.live) != seal_of(wanted.object):
            return None
        without = f", without {listed(wanted.additions)}" if wanted.additions else ""
        return f"{what} had been changed by somebody and is as wanted again{without}"

    async def _remove(self, planned: Plan, kind: Kind, live: Object) -> Outcome:
        metadata = live["metadata"]
        try:
            await self._kube.delete(kind, metadata["namespace"], metadata["name"], metadata["uid"])
        except Refusal as refusal:
            fault = faults.explain(refusal, kind, metadata["name"], planned.subject.tenant)
            if fault is None:
                raise
            return Outcome(fault=fault)
        return _DONE


def _looks_deployed(body: Object, tenant: Tenant) -> bool:
    """Tell whether a label of an earlier version is left, which an apply of this one has not taken.

    That is so where the label was put back by a merge, as it was when it had been taken away.
    """
    labels = body["metadata"].get("labels") or {}
    return bool(labels.get(names.INSTANCE_LABEL) == tenant.key.name)


def _is_foreign(outcome: Outcome, *kinds: Kind) -> bool:
    fault = outcome.fault
    return fault is not None and fault.reason == ownership.FOREIGN_OWNER and fault.kind in kinds
