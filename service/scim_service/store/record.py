"""A stored resource."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """A stored resource.

    Parameters
    ----------
    document
        Its canonical form as JSON text, without ``id`` and ``meta``.
    derived
        The attribute that comes from other rows, as a JSON array: a user's groups or a group's
        members. None or empty if there are none, or if they were not requested.
    """

    id: str
    document: str
    version: int
    created: int
    last_modified: int
    derived: str | None = None
