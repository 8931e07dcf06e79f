"""What admission rules of the cluster have made of the objects that the operator wrote. Pure.

A rule of the cluster, such as a webhook that names a mirror of the registry, may write an object
otherwise than it is asked to. What is in the answer to a write of the whole object is the rules'
work, because nothing else was in the write, and is left from then on. It is known again by a seal
in the tenant's status: a difference that somebody else makes has none, and is drift. Who has owned
a field by `managedFields` decides nothing, because every writer chooses the name it goes by.
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

_REMEMBERED = 4096
_NAMED = 8
"""How many fields a message names."""


class _Accepted(NamedTuple):
    entry: str
    values: dict[str, str]


class AdmissionChanges:
    """What was accepted, from the tenants' status and since."""

    def __init__(self, seals: Seals) -> None:
        self._seals = seals
        self._since: OrderedDict[str, _Accepted] = OrderedDict()

    def accepts(self, tenant: Tenant, wanted: DesiredObject) -> str | None:
        """Return the entry of an object that is as admission has made it; None if it is not."""
        if wanted.live is None or not wanted.differences:
            return None
        entry = self._entry(tenant, wanted, wanted.differences)
        if entry not in self._known(tenant, wanted, wanted.live):
            return None
        uid = wanted.live["metadata"]["uid"]
        if uid not in self._since:
            self._remember(uid, entry, wanted.differences)
        return entry

    def others(self, wanted: DesiredObject) -> tuple[Difference, ...]:
        """Return the differences that are not as admission left them last."""
        last = self._since.get(wanted.live["metadata"]["uid"]) if wanted.live else None
        values = last.values if last else {}
        return tuple(
            each
            for each in wanted.differences
            if values.get(str(each)) != differences.compute_fingerprint([each])
        )

    def note(
        self,
        tenant: Tenant,
        wanted: DesiredObject,
        body: Object,
        found: Sequence[Difference],
    ) -> tuple[str, bool]:
        """Accept what is in the answer to a write of the whole object.

        Returns
        -------
        tuple[str, bool]
            The entry for the tenant's status, and whether it names other fields than before.
        """
        entry = self._entry(tenant, wanted, found)
        before = {_fields(each) for each in self._known(tenant, wanted, body)}
        self._remember(body["metadata"]["uid"], entry, found)
        return entry, _fields(entry) not in before

    def _remember(self, uid: str, entry: str, found: Sequence[Difference]) -> None:
        self._since.pop(uid, None)
        values = {str(each): differences.compute_fingerprint([each]) for each in found}
        self._since[uid] = _Accepted(entry, values)
        if len(self._since) > _REMEMBERED:
            self._since.popitem(last=False)

    def _known(self, tenant: Tenant, wanted: DesiredObject, body: Object) -> list[str]:
        admitted = tenant.status.admitted or {}
        recorded = admitted.get(classification.record_name(wanted.kind, wanted.name))
        since = self._since.get(body["metadata"]["uid"])
        return [entry for entry in (recorded, since and since.entry) if entry]

    def _entry(self, tenant: Tenant, wanted: DesiredObject, found: Sequence[Difference]) -> str:
        name = classification.record_name(wanted.kind, wanted.name)
        seal = self._seals.seal_admission(tenant.key, name, differences.compute_fingerprint(found))
        return f"{list_fields(map(str, found))} {seal}"


def list_fields(fields: Iterable[str]) -> str:
    """Name fields for people, without their values."""
    names = sorted(fields)
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return ", ".join([*names[:_NAMED], *more])


def _fields(entry: str) -> str:
    return entry.rpartition(" ")[0]
