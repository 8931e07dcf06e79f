"""Which attributes an answer has: ``attributes``, ``excludedAttributes`` and ``returned``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scim_service.scim.schema import ResourceType


@dataclass(frozen=True, slots=True)
class Projection:
    """The attributes that a client asked for (RFC 7644 section 3.9).

    `included` and `excluded` hold canonical paths as ``(schema, name, sub)``.
    """

    resource_type: ResourceType
    included: frozenset[tuple[str | None, str, str | None]] = frozenset()
    excluded: frozenset[tuple[str | None, str, str | None]] = frozenset()
    default: bool = True

    @classmethod
    def parse(
        cls,
        resource_type: ResourceType,
        attributes: str | Sequence[str] | None = None,
        excluded_attributes: str | Sequence[str] | None = None,
        *,
        lenient: bool = False,
    ) -> "Projection":
        """Read the two parameters: comma-separated text or a list of names.

        Parameters
        ----------
        lenient
            Accept a name with a value filter (``emails[type eq "work"]``), as the attribute.

        Raises
        ------
        ScimError
            invalidPath for a malformed name, invalidSyntax where both are given in the strict
            profile. Unknown names select nothing, as RFC 7644 section 3.9 has it.
        """
        raise NotImplementedError

    def wants(self, name: str) -> bool:
        """Whether the answer shows the core attribute `name`, if it has a value."""
        raise NotImplementedError

    def apply(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Return the resource with the attributes that the answer shows."""
        raise NotImplementedError
