"""Opens a port of a pod through the API server, as kubectl port-forward does.

The protocol is ``v4.channel.k8s.io``: the first byte of a message is its channel, 0 for data and
1 for errors, and each channel begins with the port's number in two bytes.
"""

from __future__ import annotations

import select
import socket
import ssl
from threading import Thread
from urllib.parse import quote

import websocket

from scim_operator.cli.cluster.api_server import ApiServer

PROTOCOL = "v4.channel.k8s.io"
_DATA = 0
_PORT_SIZE = 2
_PIECE_SIZE = 65_536


def open_port(server: ApiServer, namespace: str, pod: str, port: int) -> socket.socket:
    """Open a connection to a port of a pod.

    Raises
    ------
    websocket.WebSocketBadStatusException
        The API server, or the node of the pod, refuses.
    ClusterError
        There is no answer.
    """
    path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/portforward?ports={port}"
    stream = server.stream(path, PROTOCOL)
    stream.settimeout(None)
    near, far = socket.socketpair()
    Thread(target=_relay, args=(stream, far), daemon=True).start()
    return near


def _relay(stream: websocket.WebSocket, far: socket.socket) -> None:
    """Copy bytes in both directions until one side ends."""
    known: set[int] = set()
    try:
        while _relay_once(stream, far, known):
            pass
    except (OSError, websocket.WebSocketException):
        return
    finally:
        far.close()
        stream.close(timeout=1)


def _relay_once(stream: websocket.WebSocket, far: socket.socket, known: set[int]) -> bool:
    """Wait for bytes of either side and copy them; return False at the end of a side.

    Both directions share a thread, because two threads may not use a TLS connection at once.
    """
    connection = stream.sock
    assert connection is not None
    # select does not see bytes that TLS has decrypted already.
    pending = isinstance(connection, ssl.SSLSocket) and connection.pending()
    readable = [] if pending else select.select([connection, far], [], [])[0]
    if far in readable:
        piece = far.recv(_PIECE_SIZE)
        if not piece:
            return False
        stream.send_binary(bytes([_DATA]) + piece)
    if pending or connection in readable:
        answer = _receive(stream, known)
        if answer is None:
            return False
        far.sendall(answer)
    return True


def _receive(stream: websocket.WebSocket, known: set[int]) -> bytes | None:
    """Receive data; None at the end, or after an error of the pod's side.

    Parameters
    ----------
    known
        The channels whose first message has been received.
    """
    code, message = stream.recv_data()
    if code == websocket.ABNF.OPCODE_CLOSE:
        return None
    if not message:
        return b""
    channel, piece = message[0], message[1:]
    if channel not in known:
        known.add(channel)
        piece = piece[_PORT_SIZE:]
    if channel != _DATA:
        return None if piece else b""
    return bytes(piece)
