"""Carries out a plan: writes what is wanted, removes what is not, and says what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scim_operator import metrics
from scim_operator.api import names
from scim_operator.api.tenant import Tenant
from scim_operator.controller.observe.cache import Cache, has_label
from scim_operator.desired import faults
from scim_operator.desired.drift import differences, messages
from scim_operator.desired.drift.admission_changes import AdmissionChanges, list_fields
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.drift.field_managers import find_manager
from scim_operator.desired.drift.last_written import LastWritten
from scim_operator.desired.drift.outcomes import Outcome
from scim_operator.desired.drift.repairs import Repairs
from scim_operator.desired.drift.repeated_deletions import ROUNDS, RepeatedDeletions
from scim_operator.desired.faults import Fault
from scim_operator.desired.objects import applied_digest
from scim_operator.desired.ownership import classification
from scim_operator.desired.ownership.seals import SEALED, Seals
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
)

Object = dict[str, Any]

_POD_NEEDS = (CONFIG_MAP, VOLUME_CLAIM, NETWORK_POLICY)
"""Kinds, beside the digests, of what a pod runs with."""

_ATTEMPTS = 3
"""At a write that holds for one version of an object."""


class Applier:
    """Brings a tenant's objects to what a plan wants."""

    def __init__(self, kube: KubeClient, cache: Cache, seals: Seals) -> None:
        self._kube = kube
        self._cache = cache
        self._seals = seals
        self._admitted = AdmissionChanges(seals)
        self._repairs = Repairs()
        self._losses = RepeatedDeletions()
        self._wishes = LastWritten()

    def leaves(self, tenant: Tenant, wanted: DesiredObject) -> bool:
        """Tell whether an object is to stay as it is."""
        return (
            wanted.is_current
            or self._admitted.accepts(tenant, wanted) is not None
            or self._pause(wanted) > 0
        )

    def _pause(self, wanted: DesiredObject) -> float:
        """Return for how many seconds to leave what others do again and again; 0 if for none."""
        # A new wish waits for nothing, even if others fight for each of its fields.
        if wanted.live is None or self._wishes.is_new(wanted):
            return 0
        fields = list(map(str, self._admitted.list_others(wanted)))
        return self._repairs.pause(wanted.live["metadata"]["uid"], fields)

    async def carry_out(self, planned: Plan) -> list[Outcome]:
        """Write and remove what a plan says; return what became of each object.

        Raises
        ------
        ApiError, aiohttp.ClientError, TimeoutError, OSError
            The API server cannot be reached or puts the pass off; trying again may help.
        """
        outcomes = []
        waiting = list(planned.secrets)
        while waiting:
            secret = waiting.pop(0)
            outcomes.append(await self._apply(planned, secret))
            if outcomes[-1].fault is None:
                continue
            tenant = planned.context.tenant
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
            outcomes.append(await self._halt(planned.context.tenant))
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
        outcome = Outcome(classification.record_name(DEPLOYMENT, name))
        live = self._cache.get(DEPLOYMENT, tenant.key.namespace, name)
        is_own = live and classification.classify(DEPLOYMENT, live, tenant, self._seals).is_own
        if live is None or not is_own:
            return outcome
        where = f"halt/{live['metadata']['uid']}"
        if live["spec"]["replicas"] == 0:
            return self._with_halt(name, where, outcome)
        try:
            body = await self._kube.merge(DEPLOYMENT, live, {"spec": {"replicas": 0}})
        except ApiError as refusal:
            fault = faults.explain(refusal, DEPLOYMENT, name, tenant)
            if fault is None:
                raise
            return outcome._replace(fault=fault)
        self._cache.put(DEPLOYMENT, body)
        # At once each time: a pod would serve what is not the tenant's.
        self._losses.note(where)
        return self._with_halt(name, where, outcome)

    def _with_halt(self, name: str, where: str, outcome: Outcome) -> Outcome:
        """Say whether others scale a Deployment that has no pods again and again."""
        over = self._losses.conflict(where)
        if not over:
            return outcome
        texts = (messages.describe_repeated_scaling(name),)
        begun = texts if self._losses.begins(where) else ()
        return outcome._replace(conflicts=texts, begun=begun, pause=over)

    async def _apply(self, planned: Plan, wanted: DesiredObject) -> Outcome:
        tenant = planned.context.tenant
        outcome = Outcome(classification.record_name(wanted.kind, wanted.name))
        if self.leaves(tenant, wanted):
            admitted = self._admitted.accepts(tenant, wanted)
            return self._with_conflicts(wanted, outcome._replace(admitted=admitted))
        if wanted.live is None and self._losses.pause(_place(wanted)):
            outcome = self._with_conflicts(wanted, outcome)
            gone = Fault(wanted.kind, "DeletedAgain", messages.describe_repeated_deletion(wanted))
            return outcome._replace(fault=gone) if outcome.conflicts else outcome
        try:
            managers = await self._managers(wanted)
            body = await self._bring(wanted)
            if body and _looks_deployed(body, tenant):
                change = {"metadata": {"labels": {names.INSTANCE_LABEL: None}}}
                body = await self._kube.merge(wanted.kind, body, change)
        except ApiError as refusal:
            fault = faults.explain(refusal, wanted.kind, wanted.name, tenant)
            if fault is None:
                raise
            return outcome._replace(fault=fault)
        if body is None:
            return outcome._replace(fault=await self._taken(tenant, wanted))
        self._cache.put(wanted.kind, body)
        if not has_label(body):
            return outcome._replace(fault=faults.explain_unlabelled(wanted.kind, wanted.name))
        return self._tell(tenant, wanted, body, managers, outcome)

    def _tell(
        self,
        tenant: Tenant,
        wanted: DesiredObject,
        body: Object,
        managers: Mapping[str, str | None],
        outcome: Outcome,
    ) -> Outcome:
        """Say what a write has brought about."""
        what = f"the {wanted.kind.name} {wanted.name}"
        is_repair = self._wishes.note(wanted, body)
        changed = self._admitted.list_others(wanted)
        found = tuple(differences.find_differences(wanted.object, body))
        if found:
            entry, is_news = self._admitted.note(tenant, wanted, body, found)
            kept = (
                f"{what} keeps {list_fields(map(str, found))}: an admission rule or a default of "
                "the cluster sets that at each write; if it should not be there, exempt the object "
                "from the rule"
            )
            outcome = outcome._replace(admitted=entry, kept=kept if is_news else None)
        if wanted.live is None:
            namespace = wanted.object["metadata"]["namespace"]
            was_deleted = self._cache.was_deleted(wanted.kind, namespace, wanted.name)
            if was_deleted and self._losses.note(_place(wanted)) < ROUNDS:
                outcome = outcome._replace(repaired=f"{what} was deleted and has been made again")
            return self._with_conflicts(wanted, outcome)
        # What is there with the same value is admission's; with another, the next write changes it
        # once more.
        moved = [each for each in changed if each not in found]
        if not moved or not is_repair:
            return outcome
        metrics.REPAIRS.labels(wanted.kind.name).inc()
        left = set(map(str, found))
        first = [each for each in moved if str(each) not in left | managers.keys()]
        if first:
            text = f"{what} had been changed by somebody and is as wanted again"
            outcome = outcome._replace(repaired=f"{text}{messages.describe_repair(first)}")
        begun = self._repairs.note(wanted.live["metadata"]["uid"], map(str, moved), managers)
        outcome = outcome._replace(
            begun=tuple(messages.describe_conflict(wanted, each) for each in begun)
        )
        return self._with_conflicts(replace(wanted, live=body), outcome)

    def _with_conflicts(self, wanted: DesiredObject, outcome: Outcome) -> Outcome:
        where = _place(wanted)
        found: tuple[str, ...] = ()
        pauses: list[float | None] = []
        if wanted.live is None:
            pauses.append(self._losses.pause(where))
        else:
            differing = list(map(str, self._admitted.list_others(wanted)))
            conflicts, pause = self._repairs.conflicts(wanted.live["metadata"]["uid"], differing)
            found = tuple(messages.describe_conflict(wanted, conflict) for conflict in conflicts)
            pauses.append(self._pause(wanted) or pause)
        if over := self._losses.conflict(where):
            text = messages.describe_repeated_deletion(wanted)
            found = (*found, text)
            pauses.append(over)
            if self._losses.begins(where):
                outcome = outcome._replace(begun=(*outcome.begun, text))
        pause = min((each for each in pauses if each), default=None)
        return outcome._replace(conflicts=found, pause=pause)

    async def _managers(self, wanted: DesiredObject) -> dict[str, str | None]:
        """Find out who sets the fields that were repaired before and are otherwise again."""
        if wanted.live is None:
            return {}
        others = {str(each): each.path for each in self._admitted.list_others(wanted)}
        contested = self._repairs.contested(wanted.live["metadata"]["uid"], others)
        if not contested:
            return {}
        namespace = wanted.object["metadata"]["namespace"]
        live = await self._kube.get(wanted.kind, namespace, wanted.name)
        return {field: find_manager(live, others[field]) if live else None for field in contested}

    async def _bring(self, wanted: DesiredObject) -> Object | None:
        """Write an object; None if another one, which was not seen, has its name."""
        live = wanted.live
        if live is None:
            return await self._merge(wanted)
        body = live
        is_restored = any(difference.added for difference in wanted.differences)
        if is_restored:
            # First: an admission policy need not admit an apply that leaves them.
            body = await self._restore(wanted, live)
        found = tuple(differences.find_differences(wanted.object, body))
        if not is_restored or any(difference.in_metadata for difference in found):
            is_restored = False
            applied = await self._merge(wanted)
            if applied is None:
                return None
            body = applied
        if not differences.can_restore(wanted.object) or differences.is_current(
            wanted.object, body
        ):
            return body
        # An apply leaves what others have added since the object was seen, and a rule may go by
        # what others write into labels and annotations. What is there after the whole was replaced
        # is the work of admission.
        if is_restored and not differences.has_more_metadata(wanted.object, body):
            return body
        return await self._restore_newest(wanted, body)

    async def _restore(self, wanted: DesiredObject, live: Object, *, bare: bool = False) -> Object:
        restoration = differences.build_restoration(wanted.object, live, bare=bare)
        return await self._kube.patch(wanted.kind, live, restoration)

    async def _restore_newest(self, wanted: DesiredObject, body: Object) -> Object:
        """Replace the content of an object whose status may be written meanwhile."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._restore(wanted, body, bare=True)
            except ApiError as refusal:
                if refusal.code != 409:
                    raise
            metadata = body["metadata"]
            newest = await self._kube.get(wanted.kind, metadata["namespace"], metadata["name"])
            if newest is None or newest["metadata"]["uid"] != metadata["uid"]:
                break
            body = newest
        return await self._restore(wanted, body, bare=True)

    async def _merge(self, wanted: DesiredObject) -> Object | None:
        """Write an object; None if another one, which was not seen, has its name."""
        try:
            return await self._send(wanted)
        except ApiError as refusal:
            # What was written before is valid by itself, but what it is merged into may not be: of
            # a Service whose port has another number, an apply makes one with two ports of a name.
            stamp = applied_digest.read_digest(wanted.live) if wanted.live else None
            was_written = stamp in (None, applied_digest.read_digest(wanted.object))
            if refusal.code != 422 or wanted.live is None or not was_written:
                raise
        await self._restore(wanted, wanted.live)
        return await self._send(wanted)

    async def _send(self, wanted: DesiredObject) -> Object | None:
        """Write an object; None if another one, which was not seen, has its name."""
        if wanted.live is not None:
            # Not to another object that has come into its place since it was seen.
            metadata = wanted.object["metadata"] | {"uid": wanted.live["metadata"]["uid"]}
            body = wanted.object | {"metadata": metadata}
            return await self._kube.apply(wanted.kind, body, force=True)
        try:
            return await self._kube.apply_new(wanted.kind, wanted.object)
        except ApiError as refusal:
            if refusal.code == 409:
                return None
            raise

    async def _taken(self, tenant: Tenant, wanted: DesiredObject) -> Fault:
        """Find out whose object has the name of one that was not seen.

        Raises
        ------
        ApiError
            It is the tenant's after all; the next pass sees it.
        """
        kind = wanted.kind
        live = await self._kube.get(kind, tenant.key.namespace, wanted.name)
        if live is not None:
            if not classification.classify(kind, live, tenant, self._seals).is_own:
                return classification.explain_foreign(kind, live, tenant)
            # Its label was taken away: with the label it is watched again.
            try:
                body = await self._label(wanted, live, tenant)
            except ApiError as refusal:
                if fault := faults.explain(refusal, kind, wanted.name, tenant):
                    return fault
                raise
            self._cache.put(kind, body)
            if not has_label(body):
                return faults.explain_unlabelled(kind, wanted.name)
            self._losses.note(_place(wanted))
        raise ApiError(409, f"the {kind.name} {wanted.name} has changed meanwhile")

    async def _label(self, wanted: DesiredObject, live: Object, tenant: Tenant) -> Object:
        labels = names.labels(tenant.key.name)
        if wanted.kind in (*SEALED, DEPLOYMENT):
            # What is in it counts for the plan, and was not seen when that was made.
            return await self._kube.merge(wanted.kind, live, {"metadata": {"labels": labels}})
        # With all that is wanted: an admission policy need not admit the rest of what is there.
        labels = (live["metadata"].get("labels") or {}) | labels
        operation = {"op": "add", "path": "/metadata/labels", "value": labels}
        restoration = differences.build_restoration(wanted.object, live)
        return await self._kube.patch(wanted.kind, live, [*restoration, operation])

    async def _remove(self, planned: Plan, kind: Kind, live: Object) -> Outcome:
        metadata = live["metadata"]
        outcome = Outcome(classification.record_name(kind, metadata["name"]))
        try:
            await self._kube.delete(kind, metadata["namespace"], metadata["name"], metadata["uid"])
        except ApiError as refusal:
            fault = faults.explain(refusal, kind, metadata["name"], planned.context.tenant)
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
    return (
        fault is not None and fault.reason == classification.FOREIGN_OWNER and fault.kind in kinds
    )


def _place(wanted: DesiredObject) -> str:
    """Return which object it is, whichever there is of that name."""
    return f"{wanted.kind.name}/{wanted.object['metadata']['namespace']}/{wanted.name}"
