"""An object that a tenant should have, beside the one that it has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from scim_operator.desired.drift import differences
from scim_operator.kube.kinds import Kind, Object


@dataclass(frozen=True)
class DesiredObject:
    """An object to have.

    Attributes
    ----------
    object
        With the annotation of `drift.stamped`.
    live
        The watched copy; None if there is none.
    """

    kind: Kind
    object: Object
    live: Object | None

    @property
    def name(self) -> str:
        """Name of the object."""
        name: str = self.object["metadata"]["name"]
        return name

    @cached_property
    def differences(self) -> tuple[differences.Difference, ...]:
        """What of the watched copy is otherwise than wanted."""
        return tuple(differences.find_differences(self.object, self.live)) if self.live else ()

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to write."""
        return self.live is not None and not self.differences
