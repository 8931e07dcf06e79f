"""What the API server answers other than success."""

from __future__ import annotations


class ApiError(Exception):
    """An answer of the API server other than success.

    Attributes
    ----------
    code
        HTTP status.
    retry_after
        Seconds that the server asks to wait; None if it does not.
    what
        The request, for people: ``PATCH of services/contoso-scim in namespace team-a``.
    """

    def __init__(
        self, code: int, message: str, *, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        self.retry_after = retry_after
        self.what = "a request of the operator"
