"""One request and its answer: reading bodies within limits, writing SCIM's media type."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from scim_service.scim import errors
from scim_service.scim.errors import shorten
from scim_service.scim.messages import CONTENT_TYPE
from scim_service.store.resources.precondition import Precondition
from scim_service.tenant.context import RequestContext
from scim_service.tenant.tenant import Tenant
from scim_service.worker import INLINE

STATE = "scim"
"""The key of the `RequestContext` in an ASGI scope."""


GONE = 499
"""The status of a request whose client has gone away: it gets no answer."""

_JSON_TYPES = {CONTENT_TYPE, "application/json"}
_CONTENT_TYPE = (b"content-type", CONTENT_TYPE.encode())
_OPENING = (b"{", b"[")

MAX_OPENINGS = 25_000
"""Objects and lists in a body, such as the members of a group."""

MAX_COMMAS = 100_000
"""Commas in a body, which bound its values: 25,000 members may have four parts each."""


_MARK = b"\xef\xbb\xbf"

TOO_BUSY = errors.ScimError(
    429,
    "Too many large requests of this tenant are waiting, so this one was not begun; send fewer of"
    " them at the same time, and repeat this one later.",
)


class ScimResponse(Response):
    """A response with a body that is JSON already."""

    def __init__(
        self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        # The framework's constructor looks for what may be missing; here nothing is.
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [_CONTENT_TYPE, (b"content-length", b"%d" % len(body))]
        for name, value in (headers or {}).items():
            self.raw_headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))


def context_of(request: Request) -> RequestContext:
    """Return the call that the gate has made for a request."""
    context: RequestContext = request.scope[STATE]
    return context


def error_response(
    error: errors.ScimError, headers: Mapping[str, str] | None = None
) -> ScimResponse:
    """Return the answer that a refusal is."""
    return ScimResponse(orjson.dumps(error.body()), error.status, headers)


def header(scope: Scope, name: bytes) -> str | None:
    """Return a header by its name in lower case, without building a mapping of all."""
    for key, value in scope["headers"]:
        if key == name:
            found: str = value.decode("latin-1")
            return found
    return None


async def read_json(request: Request, tenant: Tenant) -> Any:
    """Return the body of a request, and tell its `RequestContext` how large it is.

    Raises
    ------
    ScimError
        413 for one that is too large, 415 for another media type or a compressed one, invalidSyntax
        for anything that is not JSON.
    BusyError
        Other large bodies leave no room for it.
    """
    content_type = header(request.scope, b"content-type")
    if content_type is not None:
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in _JSON_TYPES:
            raise errors.ScimError(
                415, f"The body must be {CONTENT_TYPE}; the Content-Type says something else."
            )
    coding = header(request.scope, b"content-encoding")
    if coding is not None and coding.strip().lower() not in {"", "identity"}:
        raise errors.ScimError(
            415,
            f"The body is compressed (Content-Encoding: {shorten(coding, 40)}). Compressed bodies"
            " are not accepted, since a short one may become a very long one; send it as it is.",
        )
    body = await _read_body(request, tenant)
    context_of(request).size = len(body)
    return await tenant.worker.run(len(body), partial(_parse, body, tenant.limits.body_depth))


def _parse(body: bytes, depth: int) -> Any:
    # Their number is what parsing, and the collection of garbage after it, costs the most for.
    openings = sum(map(body.count, _OPENING))
    if openings > MAX_OPENINGS:
        raise errors.too_large(
            f"The body has {openings} opening brackets; at most {MAX_OPENINGS} objects and lists"
            " are accepted. Send it in several requests."
        )
    if len(body) > MAX_COMMAS and body.count(b",") > MAX_COMMAS:
        raise errors.too_large(
            f"The body has more than {MAX_COMMAS} values. Send it in several requests."
        )
    try:
        # RFC 8259 section 8.1 lets a parser ignore a byte order mark.
        document = orjson.loads(body[len(_MARK) :] if body[:3] == _MARK else body)
    except orjson.JSONDecodeError as error:
        raise errors.invalid_syntax(f"The body is not JSON: {error.msg}.") from None
    check_depth(openings, document, depth)
    return document


async def _read_body(request: Request, tenant: Tenant) -> bytes:
    limit = tenant.limits.body_bytes
    too_large = errors.too_large(
        f"The body is larger than {limit} bytes; send it in several requests."
    )
    length = header(request.scope, b"content-length")
    if length is not None and int(length) > limit:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large
        if size > INLINE:
            context = context_of(request)
            tenant.body_memory.take(size - context.held)
            context.held = size
        chunks.append(chunk)
    return b"".join(chunks)


def check_depth(openings: int, document: Any, limit: int) -> None:
    """Refuse a document that is nested deeper than any SCIM message is.

    Parameters
    ----------
    openings
        How many objects and lists it has, at least.

    Raises
    ------
    ScimError
        invalidSyntax.
    """
    # Fewer brackets than levels allowed is the common case, and is quickly seen.
    if openings <= limit:
        return
    level = [document]
    for _ in range(limit):
        level = [
            child
            for value in level
            if isinstance(value, (dict, list))
            for child in (value.values() if isinstance(value, dict) else value)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise errors.invalid_syntax(f"The body is nested more than {limit} levels deep.")


def etag(version: str) -> str:
    """Return the entity tag of a version."""
    return f'W/"{version}"'


def expected_version(text: str | None) -> Precondition:
    """Return the versions that an ``If-Match`` allows; None is no such header.

    What follows the number is about other resources, which a write does not change.
    """
    tags = None if text is None else parse_etags(text)
    if tags is None:
        return Precondition(None)
    versions = (tag.partition("-")[0] for tag in tags)
    return Precondition(
        frozenset(
            int(each) for each in versions if each.isascii() and each.isdecimal() and len(each) < 19
        )
    )


def parse_etags(text: str) -> frozenset[str] | None:
    """Return what is between the quotes of a list of entity tags, None for ``*``."""
    if text.strip() == "*":
        return None
    return frozenset(tag.strip().removeprefix("W/").strip('"') for tag in text.split(","))
