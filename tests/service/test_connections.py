"""What a client without a token can do to a port, byte by byte, against the running program."""

import contextlib
import resource
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from scim_service.server.http_connection import PIPELINED

from tests.service.program import TOKEN, client, free_port, program

AUTH = f"Authorization: Bearer {TOKEN}\r\n"
GET = "GET /scim/Users?count=0 HTTP/1.1\r\n"
POST = "POST /scim/Users HTTP/1.1\r\n"
HOST = "Host: scim.example\r\n"


class Service:
    """The program, and its two ports."""

    def __init__(self, process: subprocess.Popen[str], url: str, management: int) -> None:
        self.process = process
        self.url = url
        self.scim = httpx.URL(url).port or 0
        self.management = management

    def memory(self) -> int:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) // 1024

    def is_well(self) -> bool:
        """Whether the health check and a request from Entra are answered."""
        health = httpx.get(f"http://127.0.0.1:{self.management}/-/healthz", timeout=5)
        with client(self.url) as scim:
            return (health.status_code, scim.get("/Users").status_code) == (200, 200)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Service]:
    """Run the program with both ports."""
    management = free_port()
    options = ("--management-port", str(management))
    with program(f"sqlite:///{folder}/scim.db", *options) as (process, url):
        yield Service(process, url, management)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests here that do not exhaust it."""
    with running(tmp_path_factory.mktemp("service")) as found:
        yield found


def exchange(port: int, text: str | bytes, *, seconds: float = 5) -> bytes:
    """Send bytes, and return everything that comes until the server closes or is silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(text.encode("latin-1") if isinstance(text, str) else text)
        return everything(connection)


def everything(connection: socket.socket) -> bytes:
    """Read until the end, or until the server is silent."""
    answer = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        while data := connection.recv(65536):
            answer += data
            connection.settimeout(0.4)
    return answer


def statuses(answer: bytes) -> list[int]:
    """Return the status of each received answer."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.finding(5)
@pytest.mark.parametrize("port", ["scim", "management"])
@pytest.mark.parametrize(
    ("begin", "again"),
    [
        ("GET / HTTP/1.1\r\n", "a:1\r\n"),
        ("GET / HTTP/1.1\r\n", "X00001: b\r\n" * 10),
        ("GET / HTTP/1.1\r\na: ", "b" * 4096),
        ("GET / HTTP/1.1\r\n", "b" * 4096),
        ("GET /", "b" * 4096),
        ("", "G" * 4096),
        ("GET / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n0\r\n", "a: 1\r\n"),
        ("GET / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n0\r\na: ", "b" * 4096),
        ("GET / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n1;", "x" * 4096),
    ],
    ids=["lines", "fields", "value", "name", "url", "method", "trailers", "trailer", "extension"],
)
def test_endless_parts_are_closed(service: Service, port: str, begin: str, again: str) -> None:
    """An endless head, trailer or chunk head is answered and closed before 4 MB are sent."""
    before, sent, answer = service.memory(), 0, b""
    with socket.create_connection(("127.0.0.1", getattr(service, port)), timeout=5) as connection:
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.sendall(begin.encode())
            block = again.encode() * (4096 // len(again))
            while sent < 4_000_000:
                connection.sendall(block)
                sent += len(block)
        with contextlib.suppress(ConnectionError):
            answer = everything(connection)
    assert sent < 4_000_000 or answer
    assert service.memory() - before < 16
    assert all(status in (400, 401, 404, 414, 431) for status in statuses(answer))


@pytest.mark.finding(5)
def test_limits_of_a_head(service: Service) -> None:
    """A hundred fields and 64 KiB pass; one more is 431, and a longer URL is 414."""
    fields = "".join(f"X-{number}: 1\r\n" for number in range(98))
    assert statuses(exchange(service.scim, GET + HOST + AUTH + fields + "\r\n")) == [200]
    fields += "X: 1\r\n"
    assert statuses(exchange(service.scim, GET + HOST + AUTH + fields + "\r\n")) == [431]
    large = "X: " + "x" * 60_000 + "\r\n"
    assert statuses(exchange(service.scim, GET + HOST + AUTH + large + "\r\n")) == [200]
    assert statuses(exchange(service.scim, GET + HOST + AUTH + large + large + "\r\n")) == [431]
    url = f"GET /scim/Users?count=0&x={'x' * 16_384} HTTP/1.1\r\n"
    assert statuses(exchange(service.scim, url + HOST + AUTH + "\r\n")) == [414]


@pytest.mark.finding(30)
@pytest.mark.parametrize("port", ["scim", "management"])
@pytest.mark.parametrize("hosts", [0, 2, 3])
def test_host(service: Service, port: str, hosts: int) -> None:
    """Without Host, and with more than one, a request is 400 (RFC 9112 section 3.2)."""
    answer = exchange(getattr(service, port), "GET /-/healthz HTTP/1.1\r\n" + HOST * hosts + "\r\n")
    assert statuses(answer) == [400]
    assert b"Host header" in answer


CHUNKED = (
    POST + HOST + AUTH + "Content-Type: application/scim+json\r\nTransfer-Encoding: chunked\r\n"
)
SIZED = POST + HOST + AUTH + "Content-Type: application/scim+json\r\nContent-Length: {}\r\n"
BODY = '{"userName": "a"}'


@pytest.mark.finding(29)
@pytest.mark.parametrize(
    "text",
    [
        SIZED.format(100) + "\r\n" + BODY,
        SIZED.format(100) + "\r\n",
        CHUNKED + "\r\nzz\r\n" + BODY,
        CHUNKED + f"\r\n{len(BODY):x}\r\n{BODY}X\r\n",
        CHUNKED + "\r\n5\r\n{",
        CHUNKED + "\r\n-5\r\n{",
        CHUNKED + "\r\nffffffffffffffffff\r\n{",
    ],
    ids=["cut", "no body", "no size", "too long", "cut chunk", "negative", "overflow"],
)
def test_broken_bodies(tmp_path: Path, text: str) -> None:
    """An incomplete body is the client's error: no traceback, no 5xx, and no failure is counted."""
    with running(tmp_path) as service:
        with socket.create_connection(("127.0.0.1", service.scim), timeout=5) as connection:
            connection.sendall(text.encode())
            connection.shutdown(socket.SHUT_WR)
            answer = everything(connection)
        assert all(400 <= status < 500 for status in statuses(answer))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        base = f"http://127.0.0.1:{service.management}"
        assert httpx.get(f"{base}/-/status", headers=headers).json()["failures"] == {}
        service.process.terminate()
        assert service.process.stderr is not None
        assert "Traceback" not in service.process.stderr.read()


@pytest.mark.finding(5, 29, 30)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GET + HOST + AUTH + "\r\n", [200]),
        ((GET + HOST + AUTH + "\r\n") * 3, [200, 200, 200]),
        (
            GET + HOST + AUTH + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            [400],
        ),
        (GET + HOST + AUTH + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", [400]),
        (GET + HOST + AUTH + "Content-Length: +1\r\n\r\nx", [400]),
        (GET + HOST + AUTH + "Content-Length: 1, 1\r\n\r\nx", [400]),
        (GET + HOST + AUTH + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", [200]),
        (GET + HOST + AUTH + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", [400]),
        (GET + HOST + AUTH + "X: a\r\n b\r\n\r\n", [400]),
        (GET + HOST + AUTH + "X : a\r\n\r\n", [400]),
        (GET + HOST + AUTH + "X: a\x00b\r\n\r\n", [400]),
        ("GET  HTTP/1.1\r\n" + HOST + "\r\n", [400]),
        ("GET / HTTP/9.9\r\n" + HOST + "\r\n", [400]),
        ("\x16\x03\x01\x02\x00", [400]),
        (GET + HOST + AUTH + "\r\n" + "broken\r\n\r\n", [200]),
        ((GET + HOST + AUTH + "\r\n") * 2 + "broken\r\n\r\n", [200, 200]),
        ((GET + HOST + AUTH + "\r\n") * 50, [200] * (1 + PIPELINED)),
    ],
)
def test_malformed_requests(service: Service, text: str, expected: list[int]) -> None:
    """Two lengths, invalid lengths, folds and garbage are 400; no request can be smuggled."""
    assert statuses(exchange(service.scim, text)) == expected
    assert service.is_well()


@pytest.mark.finding(5, 19)
def test_slow_heads(service: Service) -> None:
    """A head that is not complete in ten seconds is 408, and a silent connection is closed."""
    with (
        socket.create_connection(("127.0.0.1", service.scim), timeout=14) as slow,
        socket.create_connection(("127.0.0.1", service.scim), timeout=14) as behind,
        socket.create_connection(("127.0.0.1", service.management), timeout=14) as silent,
    ):
        begun = time.monotonic()
        slow.sendall(b"GET /scim/Users HTT")
        behind.sendall((GET + HOST + AUTH + "\r\nGET /scim/Users HTT").encode())
        assert statuses(slow.recv(65536)) == [408]
        assert statuses(everything(behind)) == [200, 408]
        assert silent.recv(65536) == b""
        assert time.monotonic() - begun < 14


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process open as many files as the tests need."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.finding(19)
@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("half", ["", "GET / HTTP/1.1\r\n"], ids=["silent", "half a head"])
def test_more_connections_than_files(tmp_path: Path, half: str) -> None:
    """With 300 files and 400 connections to each port, both ports still answer."""
    management = free_port()
    options = ("--management-port", str(management))
    with (
        program(f"sqlite:///{tmp_path}/scim.db", *options, files=300) as (process, url),
        contextlib.ExitStack() as stack,
    ):
        service = Service(process, url, management)
        for port in (service.scim, service.management):
            for _ in range(400):
                with contextlib.suppress(ConnectionError):
                    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
                    stack.enter_context(connection)
                    connection.sendall(half.encode())
        assert service.is_well()
        files = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
        assert files < 300


@pytest.mark.finding(19)
@pytest.mark.usefixtures("many_files")
def test_three_thousand_connections(tmp_path: Path) -> None:
    """Of 3,000 connections of one source a bounded number stays open, and memory does not grow."""
    with running(tmp_path) as service, contextlib.ExitStack() as stack:
        memory = service.memory()
        for number in range(3000):
            connection = socket.create_connection(("127.0.0.1", service.scim), timeout=5)
            stack.enter_context(connection)
            if number % 3 == 0:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(b"GET / HTTP/1.1\r\n")
        assert service.is_well()
        assert len(list(Path(f"/proc/{service.process.pid}/fd").iterdir())) < 400
        assert service.memory() - memory < 24


@pytest.mark.finding(19)
def test_pipelines_fill_no_memory(tmp_path: Path) -> None:
    """Ten thousand requests in one write, on 40 connections without a token, are not buffered."""
    request = b"GET / HTTP/1.1\r\nHost:a\r\n\r\n"
    with running(tmp_path) as service, contextlib.ExitStack() as stack:
        memory = service.memory()
        for _ in range(40):
            connection = socket.create_connection(("127.0.0.1", service.scim), timeout=5)
            stack.enter_context(connection)
            connection.setblocking(False)
            with contextlib.suppress(ConnectionError, BlockingIOError):
                connection.send(request * 10_000)
        assert service.is_well()
        assert service.memory() - memory < 24


@pytest.mark.finding(19, 22)
def test_answers_that_clients_do_not_read(tmp_path: Path) -> None:
    """Of a hundred clients that do not read their page, the longest waiting are disconnected."""
    with running(tmp_path) as service, contextlib.ExitStack() as stack:
        roles = [{"value": "x" * 900 + str(number)} for number in range(200)]
        with client(service.url) as scim:
            for number in range(25):
                body = {"userName": f"user{number}", "roles": roles}
                assert scim.post("/Users", json=body).status_code == 201
        memory = service.memory()
        for _ in range(100):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", service.scim))
            connection.sendall(
                (GET.replace("count=0", "count=1000") + HOST + AUTH + "\r\n").encode()
            )
            assert connection.recv(1)
        assert service.is_well()
        assert service.memory() - memory < 220
