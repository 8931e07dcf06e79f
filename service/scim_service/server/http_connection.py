"""One HTTP connection, with limits on heads, waiting requests and unsent answers.

uvicorn limits neither the size of a head nor the time that it takes, and answers a request without
Host. The rules of RFC 9112 section 3.2 (Host) and RFC 6585 section 5 (431) are applied here, before
the application sees a request.
"""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Any

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from scim_service.scim.errors import ScimError
from scim_service.scim.messages import CONTENT_TYPE
from scim_service.server.connections import Connection, Connections

HEAD_BYTES = 65_536
HEAD_FIELDS = 100
URL_BYTES = 16_384
HEAD_SECONDS = 10.0
"""The time from the first byte of a head, or from the connection's beginning, to the head's end."""
IDLE_SECONDS = 75
DISCARD_SECONDS = 2.0
"""The time for which the rest of a body is read after an answer that did not wait for it.

To close at once would reset the connection, and the client could lose the answer.
"""
PIPELINED = 16
"""The most requests that wait on a connection behind the one in flight; others are not read.

One read of a socket may return ten thousand requests, and each of them takes some kilobytes.
"""
_SENT_BYTES = 4 << 20
"""The part of an answer that the kernel may have; it is kept until the last byte is sent."""
UNSENT_SECONDS = 30.0
"""The time after which a connection is ended whose client has taken nothing of its answer."""
_OVERHEAD_BYTES = 65_536
_OVERHEAD_RATIO = 8
"""The most bytes of chunk heads and trailers for each byte of a body; one-byte chunks have five."""

_TOO_LONG = ScimError(414, f"The URL is longer than {URL_BYTES} bytes; shorten the query.")
_TOO_LARGE = ScimError(
    431, f"The head has more than {HEAD_BYTES} bytes or {HEAD_FIELDS} fields; send fewer headers."
)
_NO_HOST = ScimError(400, "The request must have exactly one Host header (RFC 9112 section 3.2).")
_MALFORMED = ScimError(400, "This is not a valid HTTP request.")
_TOO_SLOW = ScimError(408, f"The head was not complete within {HEAD_SECONDS:g} seconds.")
_CROWDED = ScimError(503, "Too many connections are open; try again later.")


class _RefusedError(Exception):
    """Stops the parser; the connection has the answer."""


class HttpConnection(HttpToolsProtocol):
    """One connection of a port."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        connections_of_port: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._port = connections_of_port
        self._source = ""
        self._idle_of_source: dict[Connection, None] = {}
        self._counted = False
        self._in_head = True
        self._begun = False
        self._discards = False
        self._head_bytes = 0
        self._body_bytes = 0
        self._overhead_bytes = 0
        self._refusal = _MALFORMED
        self._timer: asyncio.TimerHandle | None = None
        self._earlier: list[RequestResponseCycle] = []
        self.kept = 0
        self._unsent = 0
        self._unsent_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, or refuse it."""
        super().connection_made(transport)
        self._source = self.client[0] if self.client else ""
        self._counted = self._port.add(self, self._source)
        if self._counted:
            self._idle_of_source = self._port.idle_of(self._source)
        else:
            self._discards = True
            transport.write(_build_answer(_CROWDED))
            transport.close()
            return
        self._arm(HEAD_SECONDS, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._disarm()
        if self._unsent_timer is not None:
            self._unsent_timer.cancel()
        # uvicorn informs only the newest request, and an earlier one would write to nowhere.
        for cycle in self._earlier:
            cycle.disconnected = True
            cycle.message_event.set()
        self._port.remove_slow(self)
        self._uncount()
        super().connection_lost(exc)

    def leave(self) -> None:
        """Close the connection, which has no request in flight, and count it no longer."""
        self._uncount()
        # To close would wait for the client to take the rest of an answer.
        if self.unsent:
            self.transport.abort()
        else:
            self.transport.close()

    @property
    def unsent(self) -> int:
        """The bytes that the client has not taken yet."""
        size: int = self.transport.get_write_buffer_size()
        return size

    def pause_writing(self) -> None:
        """Start to watch a client that is behind with its answer."""
        super().pause_writing()
        self.kept = self.unsent + _SENT_BYTES
        self._port.add_slow(self)
        self._watch_unsent()

    def resume_writing(self) -> None:
        """Go on, since the client has caught up."""
        super().resume_writing()
        self._port.remove_slow(self)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for too long."""
        super().timeout_keep_alive_handler()
        self._watch_unsent()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes within the limits."""
        if self._discards:
            return
        in_body, before = not self._in_head, self._body_bytes
        if not in_body:
            self._begun = True
            self._head_bytes += len(data)
        super().data_received(data)
        if self._discards or self.transport.is_closing():
            return
        # The beginning of another head may have come with the end of a request.
        if self._in_head and (self._begun or self.scope is not self.cycle.scope):
            self._begun = True
            if self._head_bytes > HEAD_BYTES:
                self._answer(_TOO_LARGE)
            elif self._timer is None:
                self._arm(HEAD_SECONDS, self._head_is_late)
        elif in_body and not self._in_head:
            self._overhead_bytes += len(data) - (self._body_bytes - before)
            if self._overhead_bytes > _OVERHEAD_BYTES + _OVERHEAD_RATIO * self._body_bytes:
                self._answer(_MALFORMED)

    def on_headers_complete(self) -> None:
        """End the head; the request begins."""
        fields = self.headers
        if len(self.url) > URL_BYTES:
            self._refuse(_TOO_LONG)
        if len(fields) > HEAD_FIELDS or (
            self._head_bytes > HEAD_BYTES
            and len(self.url) + sum(len(name) + len(value) for name, value in fields) > HEAD_BYTES
        ):
            self._refuse(_TOO_LARGE)
        if len(self.pipeline) >= PIPELINED:
            raise _RefusedError
        hosts = [name for name, _ in fields].count(b"host")
        if hosts != 1 and (hosts or self.parser.get_http_version() == "1.1"):
            self._refuse(_NO_HOST)
        self._in_head = self._begun = False
        self._head_bytes = self._body_bytes = self._overhead_bytes = 0
        if self._timer is not None:
            self._disarm()
        self._idle_of_source.pop(self, None)
        previous = self.cycle
        super().on_headers_complete()
        if self.pipeline:
            self._earlier = [each for each in self._earlier if not each.response_complete]
            self._earlier.append(previous)
        # The fields of a trailer are ignored (RFC 9110 section 6.5.1).
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Count a part of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request; another head may follow."""
        self._in_head = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """End the answer; if the rest of the body was not waited for, read it for a while."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_unsent()
            return
        # Otherwise a waiting request has begun.
        if self.cycle.response_complete:
            if self._in_head:
                self._idle_of_source[self] = None
            else:
                self._discard()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that the parser rejects."""
        self._answer(self._refusal)

    def _refuse(self, error: ScimError) -> None:
        self._refusal = error
        raise _RefusedError

    def _answer(self, error: ScimError) -> None:
        """Answer and close; if another answer is still under way, only close."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:
                cycle.keep_alive = False
                self._discards = True
                return
            if self.pipeline or cycle.response_started:
                self.transport.close()
                return
            # The application stops waiting for the rest of the body.
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(_build_answer(error))
        self._discard()

    def _discard(self) -> None:
        """Read for `DISCARD_SECONDS` longer, then close."""
        self._discards = True
        self._unset_keepalive_if_required()
        self._disarm()
        if self._counted:
            self._idle_of_source[self] = None
        self._arm(DISCARD_SECONDS, self.timeout_keep_alive_handler)

    def _head_is_late(self) -> None:
        self._timer = None
        if self._begun:
            self._answer(_TOO_SLOW)
        else:
            self.transport.close()

    def _watch_unsent(self) -> None:
        if self._unsent_timer is None and self.unsent:
            self._unsent = self.unsent
            self._unsent_timer = self.loop.call_later(UNSENT_SECONDS, self._end_unsent)

    def _end_unsent(self) -> None:
        self._unsent_timer = None
        if 0 < self._unsent <= self.unsent:
            self.transport.abort()
        else:
            self._watch_unsent()

    def _uncount(self) -> None:
        if self._counted:
            self._counted = False
            self._port.remove(self, self._source)

    def _arm(self, seconds: float, then: Any) -> None:
        self._timer = self.loop.call_later(seconds, then)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _build_answer(error: ScimError) -> bytes:
    body = orjson.dumps(error.body())
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
        f"content-type: {CONTENT_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


def connection_factory(connections: Connections) -> type[asyncio.Protocol]:
    """Return the class that uvicorn creates an instance of for each connection of a port."""
    factory: Any = partial(HttpConnection, connections_of_port=connections)
    return factory  # type: ignore[no-any-return]
