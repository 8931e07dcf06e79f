"""The methods of the endpoints, and the answers to others."""

from pathlib import Path

import pytest

from tests.service.program import client, program
from tests.service.served import Serve


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/Users", "GET, HEAD, POST"),
        ("POST", "/Groups/1", "DELETE, GET, HEAD, PATCH, PUT"),
        ("DELETE", "/Schemas", "GET, HEAD"),
        ("GET", "/Bulk", "POST"),
        ("GET", "/Users/.search/x", None),
    ],
)
async def test_the_methods_of_an_endpoint_are_named(
    serve: Serve, method: str, path: str, allowed: str | None
) -> None:
    """405 lists the methods of the path (RFC 9110 section 10.2.1); 404 lists none."""
    answer = await (await serve()).http.request(method, path)
    assert answer.status_code == (404 if allowed is None else 405)
    assert answer.headers.get("Allow") == allowed
    assert answer.json()["status"] == str(answer.status_code)


def test_head_is_get_without_the_body(tmp_path: Path) -> None:
    """It has GET's status and headers (RFC 9110 section 9.3.2)."""
    with program(f"sqlite:///{tmp_path / 'scim.db'}") as (_, url), client(url) as scim:
        for path in ("/Users", "/ServiceProviderConfig", "/Users/nobody"):
            got, asked = scim.get(path), scim.head(path)
            assert asked.status_code == got.status_code
            assert asked.content == b""
            assert asked.headers["Content-Length"] == got.headers["Content-Length"]
