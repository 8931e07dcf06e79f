"""The error that stands for any answer of the API server other than success."""

from __future__ import annotations


class ApiError(Exception):
    """An answer of the API server other than success.

    Attributes
    ----------
    code
        HTTP status.
    retry_after
        Seconds that the API server asks the operator to wait; None if it does not.
    request
        The request, for people: ``PATCH of services/contoso-scim in namespace team-a``.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str = "",
        retry_after: float | None = None,
        request: str = "a request of the operator",
    ) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        self.retry_after = retry_after
        self.request = request
