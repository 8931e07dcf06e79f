"""The client of the local cluster's API server, when that puts requests off."""

import io
import urllib.error
from email.message import Message
from typing import Any

import pytest

from tests.cluster.api import Api
from tests.cluster.errors import ClusterError


class Opener:
    """Answers 429 some times, and then with an object."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    def open(self, request: Any, timeout: float) -> io.BytesIO:
        """Answer a request."""
        if self.refusals:
            self.refusals -= 1
            headers = Message()
            headers["Retry-After"] = "0"
            raise urllib.error.HTTPError(request.full_url, 429, "", headers, None)
        return io.BytesIO(b'{"kind": "Secret"}')


def client(refusals: int) -> Api:
    """Return a client of an API server that puts off so many requests."""
    api = Api.__new__(Api)
    api._url = "https://127.0.0.1:6443"
    api._opener = Opener(refusals)  # type: ignore[assignment]
    return api


def test_a_request_that_is_put_off_is_sent_again() -> None:
    """An API server that fills its caches answers 429 for a moment, and then the object."""
    assert client(2).get("/api/v1/secrets/a") == {"kind": "Secret"}


def test_a_server_that_only_puts_off() -> None:
    """The client gives up after as many attempts as kubectl, and says so."""
    with pytest.raises(ClusterError, match="429"):
        client(100).get("/api/v1/secrets/a")
