"""An object that a tenant should have, with the existing one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from scim_operator.desired.drift import differences
from scim_operator.kube.kinds import Kind, Object


@dataclass(frozen=True)
class DesiredObject:
    """A desired object and its watched copy.

    Attributes
    ----------
    object
        The desired object, with the annotation of `applied_digest.add_digest`.
    live
        The watched copy; None if the object does not exist.
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
        """How the watched copy differs from the desired object."""
        return tuple(differences.find_differences(self.object, self.live)) if self.live else ()

    @property
    def is_current(self) -> bool:
        """Whether nothing needs to be written."""
        return self.live is not None and not self.differences
