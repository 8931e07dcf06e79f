"""The only exception of the protocol core, and a function for each kind of it.

A detail tells an administrator what is wrong, where, and what to do about it. It never repeats
a value that could be a secret: values of attributes that are never returned are not quoted.
"""

import re
from typing import Any

REASON_CHARACTERS = 200
"""The longest reason in a log."""

_QUOTED = re.compile(r'"([^"]*)"')
_NAME = re.compile(r"[A-Za-z$][\w$.:-]*", re.ASCII)
_UNPRINTABLE = re.compile(r"[^ -~]")

URN_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(Exception):
    """An error in the terms of RFC 7644 section 3.12.

    Parameters
    ----------
    status
        The HTTP status.
    detail
        A sentence for an administrator.
    scim_type
        The error keyword of RFC 7644 table 9 or RFC 9865 section 2.1, where there is one.
    reason
        The detail without values of people, for the log; by default the detail itself, in which
        quotes are removed unless they look like the name of an attribute.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        scim_type: str | None = None,
        *,
        reason: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.scim_type = scim_type
        self._reason = reason

    @property
    def reason(self) -> str:
        """The text to log: `REASON_CHARACTERS` of printable ASCII at most, no personal values."""
        text = self._reason or _remove_values(self.detail)
        return _UNPRINTABLE.sub("?", text)[:REASON_CHARACTERS]

    def body(self) -> dict[str, Any]:
        """Return the SCIM error message."""
        body: dict[str, Any] = {"schemas": [URN_ERROR], "status": str(self.status)}
        if self.scim_type is not None:
            body["scimType"] = self.scim_type
        body["detail"] = self.detail
        return body


def _remove_values(detail: str) -> str:
    """Remove all text from the first quoted value to the last quote: values can contain quotes."""
    for quoted in _QUOTED.finditer(detail):
        if not _NAME.fullmatch(quoted[1]):
            last = detail.rindex('"')
            return f'{detail[: quoted.start()]}"..."{detail[last + 1 :]}'
    return detail


def invalid_filter(detail: str) -> ScimError:
    """The filter is malformed, or compares an attribute with a value that does not fit it."""
    return ScimError(400, detail, "invalidFilter")


def invalid_path(detail: str) -> ScimError:
    """The path of a PATCH operation is malformed or names no attribute."""
    return ScimError(400, detail, "invalidPath")


def invalid_syntax(detail: str) -> ScimError:
    """The body does not have the shape that the request asks for."""
    return ScimError(400, detail, "invalidSyntax")


def invalid_value(detail: str, *, reason: str | None = None) -> ScimError:
    """A required value is missing, or a value does not fit its attribute."""
    return ScimError(400, detail, "invalidValue", reason=reason)


def no_target(detail: str) -> ScimError:
    """The path of a PATCH operation selects no value."""
    return ScimError(400, detail, "noTarget")


def mutability(detail: str) -> ScimError:
    """The attribute may not be changed in this way."""
    return ScimError(400, detail, "mutability")


def too_many(detail: str) -> ScimError:
    """The request asks for more than the service is willing to process."""
    return ScimError(400, detail, "tooMany")


def invalid_cursor(detail: str) -> ScimError:
    """The service did not issue the cursor, or issued it for another query (RFC 9865)."""
    return ScimError(400, detail, "invalidCursor")


def expired_cursor(detail: str) -> ScimError:
    """The cursor is older than its lifetime (RFC 9865)."""
    return ScimError(400, detail, "expiredCursor")


def invalid_count(detail: str) -> ScimError:
    """The page size cannot be used with this cursor (RFC 9865)."""
    return ScimError(400, detail, "invalidCount")


def not_found(detail: str) -> ScimError:
    """There is no such resource or endpoint."""
    return ScimError(404, detail)


def uniqueness(detail: str, *, reason: str | None = None) -> ScimError:
    """Another resource has a value that must be unique."""
    return ScimError(409, detail, "uniqueness", reason=reason)


def conflict(detail: str) -> ScimError:
    """The request cannot be reconciled with the present state."""
    return ScimError(409, detail)


def precondition_failed(detail: str) -> ScimError:
    """The resource has changed since the version that the client names."""
    return ScimError(412, detail)


def too_large(detail: str) -> ScimError:
    """The body is larger than the service accepts."""
    return ScimError(413, detail)


def forbidden(detail: str) -> ScimError:
    """The request is understood and not allowed."""
    return ScimError(403, detail)


def not_implemented(detail: str) -> ScimError:
    """The service does not support this operation."""
    return ScimError(501, detail)


def shorten(text: str, most: int = 100) -> str:
    """Return the beginning of a text, enough to recognise it in an error message."""
    return text if len(text) <= most else f"{text[:most]}..."
