"""Runs a command in a container through the API server, as kubectl exec does.

The protocol is ``v5.channel.k8s.io`` (Kubernetes 1.30 and later): the first byte of a message is
its channel. Unlike earlier versions it can signal the end of standard input.
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

from scim_operator.cli.cluster.api_server import ApiServer
from scim_operator.cli.errors import ClusterError

PROTOCOL = "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255
_PIECE_SIZE = 32_768
_PING_SECONDS = 15.0
_STDERR_LIMIT = 65_536
SILENCE_SECONDS = 600.0
"""Time without a message after which a command is given up: a large copy is checked silently."""


class Readable(Protocol):
    """A source of bytes; it returns none at its end."""

    def read(self, count: int, /) -> bytes: ...


class Writable(Protocol):
    """A target of bytes."""

    def write(self, piece: bytes, /) -> int: ...


@dataclass(frozen=True, slots=True)
class Target:
    """A container of a pod."""

    namespace: str
    pod: str
    container: str


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The exit status of a command, and the end of its standard error."""

    code: int
    stderr: str


def run_command(
    server: ApiServer,
    target: Target,
    command: Sequence[str],
    *,
    stdin: Readable | None = None,
    stdout: Writable | None = None,
) -> CommandResult:
    """Run a command and wait for its end.

    Parameters
    ----------
    stdin, stdout
        The source of its input and the target of its output.

    Raises
    ------
    websocket.WebSocketBadStatusException
        The API server, or the node of the pod, refuses.
    ClusterError
        There is no answer, or the connection is lost before the end.
    OSError
        The input cannot be read, or the output cannot be written.
    """
    query = [("container", target.container), ("stdout", "true"), ("stderr", "true")]
    query += [("stdin", "true")] if stdin else []
    query += [("command", word) for word in command]
    path = f"/api/v1/namespaces/{quote(target.namespace)}/pods/{quote(target.pod)}/exec"
    stream = server.stream(f"{path}?{urlencode(query)}", PROTOCOL)
    stream.settimeout(SILENCE_SECONDS)
    try:
        return _Exchange(stream, stdin, stdout).run()
    finally:
        stream.close(timeout=1)


class _Exchange:
    """The messages in both directions while a command runs."""

    def __init__(
        self, stream: websocket.WebSocket, stdin: Readable | None, stdout: Writable | None
    ) -> None:
        self._stream = stream
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = b""
        self._code: int | None = None

    def run(self) -> CommandResult:
        while self._code is None:
            if self._stdin is not None and not self._is_readable():
                self._send()
            else:
                self._receive()
        return CommandResult(self._code, self._stderr.decode(errors="replace"))

    def _is_readable(self, seconds: float = 0) -> bool:
        connection = self._stream.sock
        assert connection is not None
        if isinstance(connection, ssl.SSLSocket) and connection.pending():
            return True
        return bool(select.select([connection], [], [], seconds)[0])

    def _send(self) -> None:
        assert self._stdin
        piece = self._stdin.read(_PIECE_SIZE)
        try:
            self._stream.send_binary(bytes([STDIN]) + piece if piece else bytes([CLOSE, STDIN]))
        except (OSError, websocket.WebSocketException):
            # The command has ended; its exit status is still to be read.
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
            self._stderr = (self._stderr + piece)[-_STDERR_LIMIT:]
        elif channel == STATUS and piece:
            self._code = _read_exit_code(piece)

    def _wait(self) -> None:
        """Wait for a message; pings keep proxies from closing the idle connection."""
        for _ in range(int(SILENCE_SECONDS / _PING_SECONDS)):
            if self._is_readable(_PING_SECONDS):
                return
            self._stream.ping()
        raise TimeoutError(f"no message arrived for {SILENCE_SECONDS:.0f} s")


def _read_exit_code(message: bytes) -> int:
    """Read the exit status from the Status object at the end of a command.

    Raises
    ------
    ClusterError
        The command did not run.
    """
    status = json.loads(message)
    if status.get("status") == "Success":
        return 0
    for cause in (status.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise ClusterError(f"the command did not run in the pod: {status.get('message', 'no reason')}")
