"""A command in a container, through the API server, as kubectl exec runs one.

The protocol is ``v5.channel.k8s.io`` (Kubernetes 1.30 and later): the first byte of a message is
its channel. Unlike the versions before, it can say that standard input has ended.
"""

from __future__ import annotations

import json
import select
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlencode

import websocket

from scim_operator.cli.cluster.server import ApiServer
from scim_operator.cli.errors import ClusterError

PROTOCOL = "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, OUTCOME, CLOSE = 0, 1, 2, 3, 255
_PIECE = 32_768
_PING_S = 15.0
_MOST_STDERR = 65_536
SILENCE_S = 600.0
"""How long a command may say nothing before it is given up: a large copy is checked silently."""


class Readable(Protocol):
    """Gives bytes; none at the end."""

    def read(self, count: int, /) -> bytes: ...


class Writable(Protocol):
    """Takes bytes."""

    def write(self, piece: bytes, /) -> int: ...


@dataclass(frozen=True, slots=True)
class Target:
    """A container of a pod."""

    namespace: str
    pod: str
    container: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; `stderr` is the end of what it wrote there."""

    code: int
    stderr: str


def execute(
    server: ApiServer,
    target: Target,
    command: Sequence[str],
    *,
    stdin: Readable | None = None,
    stdout: Writable | None = None,
) -> Ended:
    """Run a command until it ends.

    Parameters
    ----------
    stdin, stdout
        What it reads, and what takes its output.

    Raises
    ------
    websocket.WebSocketBadStatusException
        The API server, or the node of the pod, refuses.
    ClusterError
        There is no answer, or the connection was lost before the end.
    OSError
        The input cannot be read, or the output not be written.
    """
    query = [("container", target.container), ("stdout", "true"), ("stderr", "true")]
    query += [("stdin", "true")] if stdin else []
    query += [("command", word) for word in command]
    path = f"/api/v1/namespaces/{quote(target.namespace)}/pods/{quote(target.pod)}/exec"
    stream = server.stream(f"{path}?{urlencode(query)}", PROTOCOL)
    stream.settimeout(SILENCE_S)
    try:
        return _Conversation(stream, stdin, stdout).hold()
    finally:
        stream.close(timeout=1)


class _Conversation:
    """What goes to and fro while a command runs."""

    def __init__(
        self, stream: websocket.WebSocket, stdin: Readable | None, stdout: Writable | None
    ) -> None:
        self._stream = stream
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = b""
        self._code: int | None = None

    def hold(self) -> Ended:
        while self._code is None:
            if self._stdin is not None and not self._has_news():
                self._send()
            else:
                self._receive()
        return Ended(self._code, self._stderr.decode(errors="replace"))

    def _has_news(self, seconds: float = 0) -> bool:
        way = self._stream.sock
        assert way is not None
        if isinstance(way, ssl.SSLSocket) and way.pending():
            return True
        return bool(select.select([way], [], [], seconds)[0])

    def _send(self) -> None:
        assert self._stdin
        piece = self._stdin.read(_PIECE)
        try:
            self._stream.send_binary(bytes([STDIN]) + piece if piece else bytes([CLOSE, STDIN]))
        except (OSError, websocket.WebSocketException):
            # The command has ended: why is still to be read.
            piece = b""
        if not piece:
            self._stdin = None

    def _receive(self) -> None:
        try:
            self._wait()
            code, message = self._stream.recv_data(control_frame=True)
        except (OSError, websocket.WebSocketException) as error:
            raise ClusterError(
                f"the connection to the pod was lost ({error or type(error).__name__}): try again"
            ) from error
        if code == websocket.ABNF.OPCODE_CLOSE:
            raise ClusterError("the connection to the pod ended before the command did: try again")
        if code != websocket.ABNF.OPCODE_BINARY or not message:
            return
        channel, piece = message[0], message[1:]
        if channel == STDOUT and self._stdout:
            self._stdout.write(piece)
        elif channel == STDERR:
            self._stderr = (self._stderr + piece)[-_MOST_STDERR:]
        elif channel == OUTCOME and piece:
            self._code = _exit_code(piece)

    def _wait(self) -> None:
        """Wait for a message, and show whatever is between that the connection is in use."""
        for _ in range(int(SILENCE_S / _PING_S)):
            if self._has_news(_PING_S):
                return
            self._stream.ping()
        raise TimeoutError(f"nothing was heard for {SILENCE_S:.0f} s")


def _exit_code(message: bytes) -> int:
    """Read the Status that says how a command ended.

    Raises
    ------
    ClusterError
        It did not run at all.
    """
    status = json.loads(message)
    if status.get("status") == "Success":
        return 0
    for cause in (status.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise ClusterError(f"the command did not run in the pod: {status.get('message', 'no reason')}")
