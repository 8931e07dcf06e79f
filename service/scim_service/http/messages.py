"""Bodies, headers and entity tags of requests, and responses in SCIM's media type."""

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


CLIENT_GONE = 499
"""The status, in logs only, of a request whose client has closed the connection."""

_JSON_TYPES = {CONTENT_TYPE, "application/json"}
_CONTENT_TYPE = (b"content-type", CONTENT_TYPE.encode())
_OPENING_BRACKETS = (b"{", b"[")

MAX_OPENINGS = 25_000
"""The most objects and lists in a body, such as the members of a group."""

MAX_COMMAS = 100_000
"""The most commas in a body, a bound of its values: 25,000 members may have four parts each."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

TOO_BUSY = errors.ScimError(
    429,
    "Too many large requests of this tenant are waiting, so this one was not begun; send fewer of"
    " them at the same time, and repeat this one later.",
)


class ScimResponse(Response):
    """A response whose body is JSON text."""

    def __init__(
        self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        # The framework's constructor adds missing headers; here none is missing.
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [_CONTENT_TYPE, (b"content-length", b"%d" % len(body))]
        for name, value in (headers or {}).items():
            self.raw_headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))


def get_context(request: Request) -> RequestContext:
    """Return the context that the middleware has created for a request."""
    context: RequestContext = request.scope[STATE]
    return context


def build_error_response(
    error: errors.ScimError, headers: Mapping[str, str] | None = None
) -> ScimResponse:
    """Return the response to a refused request."""
    return ScimResponse(orjson.dumps(error.body()), error.status, headers)


def find_header(scope: Scope, name: bytes) -> str | None:
    """Return a header by its name in lower case; a mapping of all headers is not needed."""
    for key, value in scope["headers"]:
        if key == name:
            found: str = value.decode("latin-1")
            return found
    return None


async def read_json(request: Request, tenant: Tenant) -> Any:
    """Return the body of a request, and note its size in the request's context.

    Raises
    ------
    ScimError
        413 for a body that is too large, 415 for another media type or a compressed body,
        invalidSyntax for a body that is not JSON.
    BusyError
        Other large bodies have the tenant's memory for them.
    """
    content_type = find_header(request.scope, b"content-type")
    if content_type is not None:
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in _JSON_TYPES:
            raise errors.ScimError(
                415, f"The body must be {CONTENT_TYPE}; the Content-Type says something else."
            )
    coding = find_header(request.scope, b"content-encoding")
    if coding is not None and coding.strip().lower() not in {"", "identity"}:
        raise errors.ScimError(
            415,
            f"The body is compressed (Content-Encoding: {shorten(coding, 40)}). Compressed bodies"
            " are not accepted, since a short one may become a very long one; send it as it is.",
        )
    body = await _read_body(request, tenant)
    get_context(request).size = len(body)
    return await tenant.worker.run(len(body), partial(_parse, body, tenant.limits.body_depth))


def _parse(body: bytes, depth: int) -> Any:
    # Parsing, and garbage collection after it, costs most for objects and lists.
    openings = sum(map(body.count, _OPENING_BRACKETS))
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
        document = orjson.loads(body.removeprefix(_BYTE_ORDER_MARK))
    except orjson.JSONDecodeError as error:
        raise errors.invalid_syntax(f"The body is not JSON: {error.msg}.") from None
    check_depth(openings, document, depth)
    return document


async def _read_body(request: Request, tenant: Tenant) -> bytes:
    limit = tenant.limits.body_bytes
    too_large = errors.too_large(
        f"The body is larger than {limit} bytes; send it in several requests."
    )
    length = find_header(request.scope, b"content-length")
    if length is not None and int(length) > limit:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large
        if size > INLINE:
            context = get_context(request)
            tenant.body_memory.take(size - context.held)
            context.held = size
        chunks.append(chunk)
    return b"".join(chunks)


def check_depth(openings: int, document: Any, limit: int) -> None:
    """Check that a document is nested no deeper than `limit` levels; no SCIM message is.

    Parameters
    ----------
    openings
        The number of opening brackets; the document has at most so many objects and lists.

    Raises
    ------
    ScimError
        invalidSyntax.
    """
    # Most bodies have fewer brackets than levels are allowed.
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


def format_etag(version: str) -> str:
    """Return a version as an entity tag."""
    return f'W/"{version}"'


def parse_if_match(text: str | None) -> Precondition:
    """Return the versions that an ``If-Match`` allows; None is no such header.

    A version of a user can have a part about the user's groups behind its number. That part is
    left out, since a write does not change the groups.
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
    """Return the texts between the quotes of a list of entity tags, None for ``*``."""
    if text.strip() == "*":
        return None
    return frozenset(tag.strip().removeprefix("W/").strip('"') for tag in text.split(","))
