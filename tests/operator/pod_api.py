"""An API server with one tenant and its pod; it runs commands on this machine instead of a node.

It speaks ``v5.channel.k8s.io`` for them and ``v4.channel.k8s.io`` for ports, as the real one does,
which the end-to-end tests have.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web
from scim_operator.api import names

Object = dict[str, Any]
STDIN, STDOUT, STDERR, OUTCOME, CLOSE = 0, 1, 2, 3, 255
GROUP = "/apis/scim-operator.io/v1alpha1/namespaces/team/scimtenants/contoso"


@dataclass
class PodApi:
    """The state of the API server, and its faults.

    Attributes
    ----------
    spec, status
        Of the tenant.
    environ
        Of the commands.
    forbidden
        Whether commands are refused.
    damage
        Whether one byte of what they write is changed.
    drop_after
        After how many bytes of their output the connection is lost; None: never.
    ready
        Whether the pod is.
    ports
        Which ports here stand for the pod's.
    secrets
        Values of Secrets, by their names.
    commands
        What was run.
    """

    environ: Mapping[str, str]
    spec: Object = field(default_factory=dict)
    status: Object = field(default_factory=dict)
    forbidden: bool = False
    damage: bool = False
    drop_after: int | None = None
    ready: bool = True
    ports: dict[int, int] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    commands: list[list[str]] = field(default_factory=list)

    def application(self) -> web.Application:
        """Return the web application."""
        made = web.Application()
        made.router.add_get(GROUP, self._tenant)
        made.router.add_get("/api/v1/namespaces/team/pods", self._pods)
        for plural in ("replicasets", "deployments"):
            made.router.add_get(f"/apis/apps/v1/namespaces/team/{plural}/{{name}}", self._owner)
        made.router.add_get("/api/v1/namespaces/team/secrets/{name}", self._secret)
        made.router.add_get("/api/v1/namespaces/team/pods/contoso-1/exec", self._exec)
        made.router.add_get("/api/v1/namespaces/team/pods/contoso-1/portforward", self._forward)
        return made

    async def _tenant(self, _: web.Request) -> web.Response:
        metadata = {
            "name": "contoso",
            "namespace": "team",
            "uid": "tenant-uid",
            "creationTimestamp": "2026-11-25T09:00:00Z",
        }
        return web.json_response(
            {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "metadata": metadata,
                "spec": self.spec,
                "status": self.status,
            }
        )

    async def _pods(self, _: web.Request) -> web.Response:
        pod = {
            "metadata": {"name": "contoso-1", "ownerReferences": [_owned("ReplicaSet", "rs")]},
            "status": {"conditions": [{"type": "Ready", "status": str(self.ready)}]},
        }
        return web.json_response({"items": [pod]})

    async def _owner(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        above = {"rs": _owned("Deployment", "dp"), "dp": _owned(names.KIND, "tenant")}[name]
        return web.json_response(
            {"metadata": {"name": name, "uid": f"{name}-uid", "ownerReferences": [above]}}
        )

    async def _secret(self, request: web.Request) -> web.Response:
        values = self.secrets.get(request.match_info["name"])
        if values is None:
            return web.json_response({"message": "not found"}, status=404)
        data = {key: base64.b64encode(text.encode()).decode() for key, text in values.items()}
        return web.json_response({"metadata": {}, "data": data})

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        port = int(request.query["ports"])
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[port])
        socket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await socket.prepare(request)
        for channel in (0, 1):
            await socket.send_bytes(bytes([channel]) + port.to_bytes(2, "little"))

        async def answer() -> None:
            while piece := await reader.read(8192):
                await socket.send_bytes(b"\x00" + piece)
            await socket.close()

        answering = asyncio.create_task(answer())
        async for message in socket:
            if message.type is WSMsgType.BINARY and message.data[0] == 0:
                writer.write(message.data[1:])
                await writer.drain()
        writer.close()
        await answering
        return socket

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        if self.forbidden:
            status = {"message": 'pods "contoso-1" is forbidden: User cannot create pods/exec'}
            return web.json_response(status, status=403)
        command = request.query.getall("command")
        self.commands.append(command)
        socket = web.WebSocketResponse(protocols=["v5.channel.k8s.io"])
        await socket.prepare(request)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable if word == "python3" else word for word in command),
            env=dict(self.environ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin
        assert process.stdout
        assert process.stderr
        outputs = asyncio.gather(
            self._send(socket, STDOUT, process.stdout), self._send(socket, STDERR, process.stderr)
        )
        inputs = asyncio.create_task(_feed(socket, process.stdin))
        await outputs
        code = await process.wait()
        if not socket.closed:
            await socket.send_bytes(bytes([OUTCOME]) + _status(code))
        inputs.cancel()
        await socket.close()
        return socket

    async def _send(
        self, socket: web.WebSocketResponse, channel: int, output: asyncio.StreamReader
    ) -> None:
        sent = 0
        while piece := await output.read(8192):
            if channel == STDOUT and self.damage and not sent:
                piece = piece[:-1] + bytes([piece[-1] ^ 1])
            sent += len(piece)
            if channel == STDOUT and self.drop_after is not None and sent > self.drop_after:
                await socket.close()
            if not socket.closed:
                await socket.send_bytes(bytes([channel]) + piece)


async def _feed(socket: web.WebSocketResponse, stdin: asyncio.StreamWriter) -> None:
    async for message in socket:
        if message.type is not WSMsgType.BINARY:
            return
        if message.data[0] == CLOSE:
            stdin.close()
        elif message.data[0] == STDIN:
            stdin.write(message.data[1:])
            try:
                await stdin.drain()
            except ConnectionError:
                return


def _owned(kind: str, name: str) -> Object:
    return {"kind": kind, "name": name, "uid": f"{name}-uid", "controller": True}


def _status(code: int) -> bytes:
    if not code:
        return b'{"metadata": {}, "status": "Success"}'
    causes = [{"reason": "ExitCode", "message": str(code)}]
    failure = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
    return json.dumps(failure).encode()


@contextmanager
def serving(api: PodApi, folder: Path) -> Iterator[Path]:
    """Serve on loopback in a thread; yield a kubeconfig for it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = web.AppRunner(api.application())

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port: int = runner.addresses[0][1]
        return port

    port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    kubeconfig = folder / "kubeconfig"
    config = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "namespace": "team"}}],
    }
    kubeconfig.write_text(json.dumps(config))
    try:
        yield kubeconfig
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
