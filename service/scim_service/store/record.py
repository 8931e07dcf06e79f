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
        The JSON array of what comes from other rows: a user's groups, a group's members. None or
        empty where there are none, or where they were not asked for.
    """

    id: str
    document: str
    version: int
    created: int
    last_modified: int
    derived: str | None = None
