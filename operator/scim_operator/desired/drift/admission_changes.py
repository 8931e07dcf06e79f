"""Which differences admission rules of the cluster cause, so that they are not repaired.

A rule of the cluster, such as a webhook that inserts a mirror of the registry, may change an object
while it is written. Differences in the response to a write of the whole object come from such
rules, because the write contained nothing else, and are accepted from then on. A seal in the
tenant's status identifies them: a difference that another client causes has no seal, and is drift.
The owners in `managedFields` decide nothing, because every client chooses its own name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from scim_operator.api.tenant import Tenant
from scim_operator.desired.drift import differences
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.drift.differences import Difference
from scim_operator.desired.ownership import classification
from scim_operator.desired.ownership.seals import Seals
from scim_operator.kube.kinds import Object

_MAX_OBJECTS = 4096
_MAX_NAMED = 8
"""How many fields a message names."""


class _Accepted(NamedTuple):
    entry: str
    values: dict[str, str]


class AdmissionChanges:
    """The accepted differences, from the tenants' status and from later writes."""

    def __init__(self, seals: Seals) -> None:
        self._seals = seals
        self._since: OrderedDict[str, _Accepted] = OrderedDict()

    def accepts(self, tenant: Tenant, desired: DesiredObject) -> str | None:
        """Return the entry of an object whose differences are accepted; None if one is not."""
        if desired.live is None or not desired.differences:
            return None
        entry = self._build_entry(tenant, desired, desired.differences)
        if entry not in self._list_known(tenant, desired, desired.live):
            return None
        uid = desired.live["metadata"]["uid"]
        if uid not in self._since:
            self._remember(uid, entry, desired.differences)
        return entry

    def list_others(self, desired: DesiredObject) -> tuple[Difference, ...]:
        """Return the differences that the last write did not accept."""
        last = self._since.get(desired.live["metadata"]["uid"]) if desired.live else None
        values = last.values if last else {}
        return tuple(
            each
            for each in desired.differences
            if values.get(str(each)) != differences.compute_fingerprint([each])
        )

    def note(
        self,
        tenant: Tenant,
        desired: DesiredObject,
        body: Object,
        found: Sequence[Difference],
    ) -> tuple[str, bool]:
        """Accept the differences in the response to a write of the whole object.

        Returns
        -------
        tuple[str, bool]
            The entry for the tenant's status, and whether it names other fields than before.
        """
        entry = self._build_entry(tenant, desired, found)
        before = {_read_fields(each) for each in self._list_known(tenant, desired, body)}
        self._remember(body["metadata"]["uid"], entry, found)
        return entry, _read_fields(entry) not in before

    def _remember(self, uid: str, entry: str, found: Sequence[Difference]) -> None:
        self._since.pop(uid, None)
        values = {str(each): differences.compute_fingerprint([each]) for each in found}
        self._since[uid] = _Accepted(entry, values)
        if len(self._since) > _MAX_OBJECTS:
            self._since.popitem(last=False)

    def _list_known(self, tenant: Tenant, desired: DesiredObject, body: Object) -> list[str]:
        admitted = tenant.status.admitted or {}
        recorded = admitted.get(classification.record_name(desired.kind, desired.name))
        since = self._since.get(body["metadata"]["uid"])
        return [entry for entry in (recorded, since and since.entry) if entry]

    def _build_entry(
        self, tenant: Tenant, desired: DesiredObject, found: Sequence[Difference]
    ) -> str:
        name = classification.record_name(desired.kind, desired.name)
        seal = self._seals.seal_admission(tenant.key, name, differences.compute_fingerprint(found))
        return f"{list_fields(map(str, found))} {seal}"


def list_fields(fields: Iterable[str]) -> str:
    """List fields for a message, without their values."""
    names = sorted(fields)
    more = [f"{len(names) - _MAX_NAMED} more"] if len(names) > _MAX_NAMED else []
    return ", ".join([*names[:_MAX_NAMED], *more])


def _read_fields(entry: str) -> str:
    return entry.rpartition(" ")[0]
