"""Failures, by their names in Entra's provisioning log.

Source: Microsoft, "How to download and analyze the Microsoft Entra provisioning logs", table of
error codes. Where the table has no name for a status, the status' own name is used.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from .transport import Answer


class Code(StrEnum):
    """Error codes of the provisioning log."""

    CONFLICT = "Conflict"
    ENTRY_CONFLICT = "EntryConflict"
    TOO_MANY_REQUESTS = "TooManyRequests"
    INTERNAL_SERVER_ERROR = "InternalServerError"
    INSUFFICIENT_RIGHTS = "InsufficientRights"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    UNAUTHORIZED = "Unauthorized"
    UNPROCESSABLE_ENTITY = "UnprocessableEntity"
    PROTOCOL_ERROR = "WebExceptionProtocolError"
    INVALID_ANCHOR = "InvalidAnchor"
    NOT_IMPLEMENTED = "NotImplemented"
    TIMEOUT = "Timeout"
    DUPLICATE_TARGET_ENTRIES = "DuplicateTargetEntries"
    MULTIPLE_ENTRIES = "SystemForCrossDomainIdentityManagementMultipleEntriesInResponse"
    INCOMPATIBLE = "SystemForCrossDomainIdentityManagementServiceIncompatible"


TRANSIENT = frozenset(
    {
        Code.TOO_MANY_REQUESTS,
        Code.INTERNAL_SERVER_ERROR,
        Code.PROTOCOL_ERROR,
        Code.TIMEOUT,
        Code.NOT_IMPLEMENTED,
    }
)
"""Errors that the next cycle tries again; the others wait longer each time."""

_BY_STATUS = {
    401: Code.UNAUTHORIZED,
    403: Code.INSUFFICIENT_RIGHTS,
    404: Code.INVALID_ANCHOR,
    405: Code.METHOD_NOT_ALLOWED,
    409: Code.CONFLICT,
    422: Code.UNPROCESSABLE_ENTITY,
    429: Code.TOO_MANY_REQUESTS,
    501: Code.NOT_IMPLEMENTED,
}


def code_of(status: int) -> str:
    """Return the error code that a refused request is logged with."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return Code.INTERNAL_SERVER_ERROR
    try:
        return HTTPStatus(status).phrase.replace(" ", "")
    except ValueError:
        return Code.PROTOCOL_ERROR


@dataclass(frozen=True, slots=True)
class Failure:
    """One step that failed for one object, with the request and its answer."""

    kind: str
    object_id: str
    name: str
    step: str
    code: str
    detail: str
    reference: bool
    method: str
    url: str
    request: Any
    status: int | None
    response: Any

    def as_json(self) -> dict[str, Any]:
        """Return the failure as JSON."""
        return asdict(self)


class RefusedError(Exception):
    """A request was refused, or answered in a way that Entra cannot use."""

    def __init__(self, code: str, detail: str, answer: Answer) -> None:
        super().__init__(f"{answer.method} {answer.url}: {code}: {detail}")
        self.code = code
        self.detail = detail
        self.answer = answer


class QuarantineError(Exception):
    """The job stops: it would be in quarantine."""

    def __init__(self, reason: str, detail: str, answer: Answer | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.answer = answer
