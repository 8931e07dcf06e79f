"""Which desired object was written last, by its digest.

The object's own annotation records it as well, but other clients may remove or change that, and
with it the evidence that a write repaired a field.
"""

from __future__ import annotations

from collections import OrderedDict

from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.objects.applied_digest import read_digest
from scim_operator.desired.ownership.seals import read_seal
from scim_operator.kube.kinds import Object

_MAX_OBJECTS = 4096


class LastWritten:
    """The digest that was written last of each object."""

    def __init__(self) -> None:
        self._digests: OrderedDict[str, str | None] = OrderedDict()

    def is_new(self, desired: DesiredObject) -> bool:
        """Tell whether another digest was written last; False if none is known."""
        digest = read_digest(desired.object)
        uid = desired.live["metadata"]["uid"] if desired.live else ""
        return self._digests.get(uid, digest) != digest

    def note(self, desired: DesiredObject, body: Object) -> bool:
        """Remember what was written; return whether the same had been written before."""
        uid, digest = body["metadata"]["uid"], read_digest(desired.object)
        is_known = self._digests.pop(uid, None) == digest
        self._digests[uid] = digest
        if len(self._digests) > _MAX_OBJECTS:
            self._digests.popitem(last=False)
        if desired.live is None:
            return False
        has_seal = read_seal(desired.live) == read_seal(desired.object)
        return is_known or (has_seal and read_digest(desired.live) == digest)
