"""Paths of PATCH operations (RFC 7644 section 3.5.2, figure 7)."""

from dataclasses import dataclass

from scim_service.scim.filter import AttributePath, Filter
from scim_service.scim.schema import ResourceType


@dataclass(frozen=True, slots=True)
class PatchPath:
    """The target of an operation.

    ``name.familyName`` is ``path.name`` and ``path.sub``; ``emails[type eq "work"].value`` is
    ``path.name``, `filter` and `sub`.
    """

    path: AttributePath
    filter: Filter | None = None
    sub: str | None = None


def parse_path(text: str) -> PatchPath:
    """Parse a path.

    Raises
    ------
    ScimError
        invalidPath; the detail names the position of the character.
    """
    raise NotImplementedError


def print_path(path: PatchPath) -> str:
    """Return the path as text, such that parsing it again gives an equal path."""
    raise NotImplementedError


def resolve_patch_path(
    path: PatchPath, resource_type: ResourceType, *, lenient: bool = False
) -> PatchPath | None:
    """Return the path bound to its attribute, or None where there is no such attribute."""
    raise NotImplementedError
