"""The result of an operation on one resource."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an operation on one resource.

    Parameters
    ----------
    status
        The status that RFC 7644 gives the operation.
    body
        The resource as JSON text, None for no content.
    version
        The resource's version, which clients only compare.
    """

    status: int
    body: bytes | None = None
    location: str | None = None
    version: str | None = None
