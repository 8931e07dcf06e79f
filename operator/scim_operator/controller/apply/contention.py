"""Remembers what others change or delete after the operator's writes, and describes it.

The memory decides when the operator pauses before it writes an object again. Pauses end after a
restart of the operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from scim_operator import metrics
from scim_operator.api.tenant import Tenant
from scim_operator.desired.drift import differences, messages
from scim_operator.desired.drift.admission_changes import AdmissionChanges, list_fields
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.drift.last_written import LastWritten
from scim_operator.desired.drift.outcomes import Outcome
from scim_operator.desired.drift.repairs import Repairs
from scim_operator.desired.drift.repeated_deletions import ROUNDS, RepeatedDeletions
from scim_operator.desired.faults import Fault
from scim_operator.desired.ownership.seals import Seals
from scim_operator.kube.kinds import Object


class Contention:
    """What others did to the objects that the operator has written."""

    def __init__(self, seals: Seals) -> None:
        self._admitted = AdmissionChanges(seals)
        self._repairs = Repairs()
        self._deletions = RepeatedDeletions()
        self._last_written = LastWritten()

    def leaves(self, tenant: Tenant, desired: DesiredObject) -> bool:
        """Tell whether the object stays as it is now."""
        return (
            desired.is_current
            or self._admitted.accepts(tenant, desired) is not None
            or self._repair_pause(desired) > 0
        )

    def describe_left(self, tenant: Tenant, desired: DesiredObject, outcome: Outcome) -> Outcome:
        """Return the outcome for an object that stays as it is."""
        admitted = self._admitted.accepts(tenant, desired)
        return self._add_conflicts(desired, outcome._replace(admitted=admitted))

    def delays_creation(self, desired: DesiredObject) -> bool:
        """Tell whether the operator waits before it creates a repeatedly deleted object again."""
        return desired.live is None and self._deletions.find_pause(_identify(desired)) > 0

    def describe_delayed(self, desired: DesiredObject, outcome: Outcome) -> Outcome:
        """Return the outcome for an object that is missing for now."""
        outcome = self._add_conflicts(desired, outcome)
        message = messages.describe_repeated_deletion(desired)
        fault = Fault(desired.kind, "DeletedAgain", message)
        return outcome._replace(fault=fault) if outcome.conflicts else outcome

    def contested_fields(self, desired: DesiredObject) -> dict[str, differences.Path]:
        """Return the fields that were repaired before and differ again, with their paths."""
        if desired.live is None:
            return {}
        paths = {str(each): each.path for each in self._admitted.list_others(desired)}
        contested = self._repairs.list_contested(desired.live["metadata"]["uid"], paths)
        return {field: paths[field] for field in contested}

    def record_write(
        self,
        tenant: Tenant,
        desired: DesiredObject,
        body: Object,
        outcome: Outcome,
        *,
        managers: Mapping[str, str | None],
        was_deleted: bool,
    ) -> Outcome:
        """Record a write; return its outcome.

        Parameters
        ----------
        body
            The answer to the write.
        managers
            Who has set the contested fields.
        was_deleted
            Whether the object existed before and was deleted.
        """
        is_repair = self._last_written.note(desired, body)
        changed = self._admitted.list_others(desired)
        found = tuple(differences.find_differences(desired.object, body))
        if found:
            entry, is_news = self._admitted.note(tenant, desired, body, found)
            kept = _describe_admission(desired, list_fields(map(str, found)))
            outcome = outcome._replace(admitted=entry, kept=kept if is_news else None)
        if desired.live is None:
            if was_deleted and self.record_deletion(desired) < ROUNDS:
                text = f"{_name(desired)} was deleted and has been created again"
                outcome = outcome._replace(repaired=text)
            return self._add_conflicts(desired, outcome)
        # A field that still has the value of others was set by admission. A field with a new value
        # is changed again by the next write.
        repaired = [each for each in changed if each not in found]
        if not repaired or not is_repair:
            return outcome
        metrics.REPAIRS.labels(desired.kind.name).inc()
        known = {*map(str, found), *managers}
        first = [each for each in repaired if str(each) not in known]
        if first:
            text = f"{_name(desired)} was changed by others and has been restored"
            outcome = outcome._replace(repaired=f"{text}{messages.describe_repair(first)}")
        begun = self._repairs.note(desired.live["metadata"]["uid"], map(str, repaired), managers)
        outcome = outcome._replace(
            begun=tuple(messages.describe_conflict(desired, each) for each in begun)
        )
        return self._add_conflicts(replace(desired, live=body), outcome)

    def record_deletion(self, desired: DesiredObject) -> int:
        """Record that an object was deleted, or lost its label; return how often that is."""
        return self._deletions.note(_identify(desired))

    def record_halt(self, deployment: Object) -> None:
        """Record that the operator has scaled a Deployment to zero."""
        self._deletions.note(_identify_halt(deployment))

    def describe_halt(self, deployment: Object, outcome: Outcome) -> Outcome:
        """Return the outcome for a halted Deployment, which others may scale up repeatedly."""
        where = _identify_halt(deployment)
        pause = self._deletions.find_conflict_end(where)
        if not pause:
            return outcome
        texts = (messages.describe_repeated_scaling(deployment["metadata"]["name"]),)
        begun = texts if self._deletions.has_begun(where) else ()
        return outcome._replace(conflicts=texts, begun=begun, pause=pause)

    def _repair_pause(self, desired: DesiredObject) -> float:
        """Return the pause in seconds before fields are repaired again; 0 if there is none."""
        # A new desired object is written at once, even if others contest each of its fields.
        if desired.live is None or self._last_written.is_new(desired):
            return 0
        fields = list(map(str, self._admitted.list_others(desired)))
        return self._repairs.find_pause(desired.live["metadata"]["uid"], fields)

    def _add_conflicts(self, desired: DesiredObject, outcome: Outcome) -> Outcome:
        where = _identify(desired)
        texts: tuple[str, ...] = ()
        pauses: list[float | None] = []
        if desired.live is None:
            pauses.append(self._deletions.find_pause(where))
        else:
            differing = list(map(str, self._admitted.list_others(desired)))
            conflicts, pause = self._repairs.list_conflicts(
                desired.live["metadata"]["uid"], differing
            )
            texts = tuple(messages.describe_conflict(desired, each) for each in conflicts)
            pauses.append(self._repair_pause(desired) or pause)
        if over := self._deletions.find_conflict_end(where):
            text = messages.describe_repeated_deletion(desired)
            texts = (*texts, text)
            pauses.append(over)
            if self._deletions.has_begun(where):
                outcome = outcome._replace(begun=(*outcome.begun, text))
        shortest = min((each for each in pauses if each), default=None)
        return outcome._replace(conflicts=texts, pause=shortest)


def _describe_admission(desired: DesiredObject, fields: str) -> str:
    return (
        f"{_name(desired)} keeps {fields}: an admission rule or a default of the cluster sets that "
        "at each write; if it should not be there, exempt the object from the rule"
    )


def _name(desired: DesiredObject) -> str:
    return f"the {desired.kind.name} {desired.name}"


def _identify(desired: DesiredObject) -> str:
    """Name the object by kind, namespace and name: a new object of that name counts as the same."""
    return f"{desired.kind.name}/{desired.object['metadata']['namespace']}/{desired.name}"


def _identify_halt(deployment: Object) -> str:
    return f"halt/{deployment['metadata']['uid']}"
