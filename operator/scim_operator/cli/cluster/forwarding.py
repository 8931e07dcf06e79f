"""A connection to a port of a pod through the API server, as kubectl port-forward makes it.

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

from scim_operator.cli.cluster.server import ApiServer

PROTOCOL = "v4.channel.k8s.io"
_DATA = 0
_HEAD = 2
_PIECE = 65_536


def forward(server: ApiServer, namespace: str, pod: str, port: int) -> socket.socket:
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
    Thread(target=_carry, args=(stream, far), daemon=True).start()
    return near


def _carry(stream: websocket.WebSocket, far: socket.socket) -> None:
    """Carry bytes both ways until one side ends.

    In one thread: two may not use a TLS connection at once.
    """
    begun: set[int] = set()
    way = stream.sock
    assert way is not None
    try:
        while True:
            # What TLS has decrypted already is not seen by select.
            pending = isinstance(way, ssl.SSLSocket) and way.pending()
            ready = [] if pending else select.select([way, far], [], [])[0]
            if far in ready:
                piece = far.recv(_PIECE)
                if not piece:
                    return
                stream.send_binary(bytes([_DATA]) + piece)
            if pending or way in ready:
                answer = _message(stream, begun)
                if answer is None:
                    return
                far.sendall(answer)
    except (OSError, websocket.WebSocketException):
        return
    finally:
        far.close()
        stream.close(timeout=1)


def _message(stream: websocket.WebSocket, begun: set[int]) -> bytes | None:
    """Receive data; None at the end, or after an error of the pod's side."""
    code, message = stream.recv_data()
    if code == websocket.ABNF.OPCODE_CLOSE:
        return None
    if not message:
        return b""
    channel, piece = message[0], message[1:]
    if channel not in begun:
        begun.add(channel)
        piece = piece[_HEAD:]
    if channel != _DATA:
        return None if piece else b""
    return bytes(piece)
