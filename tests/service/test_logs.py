"""The access log, the program's log and the provisioning log of a request."""

import json
import logging
from typing import Any

import pytest
from scim_service.logs import JsonFormatter

from tests.service.served import Serve, Served

Line = dict[str, Any]

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


async def activity(served: Served, **query: Any) -> list[Line]:
    """Return the provisioning log."""
    answer = await served.management.get("/-/activity", params=query)
    assert answer.status_code == 200, answer.text
    found: list[Line] = answer.json()["activity"]
    return found


async def test_a_line_has_level_tenant_and_reason(serve: Serve) -> None:
    """Each line has the tenant and a level; the line of a refusal has the reason."""
    served = await serve({"tenant": "team-a/contoso", "provisioning": {"maxUsers": 1}})
    await served.http.post("/Users", json={"userName": "ada"})
    await served.http.post("/Users", json={"userName": "bob"})
    await served.http.get("/Users", headers={"Authorization": "Bearer wrong"})
    lines = served.access_log
    assert {line["tenant"] for line in lines} == {"team-a/contoso"}
    assert [line["level"] for line in lines] == ["info", "warning", "warning"]
    assert "reason" not in lines[0]
    assert lines[1]["scimType"] == "invalidValue"
    assert lines[1]["reason"].startswith("The tenant may have 1 active users and has 1.")
    assert lines[2]["reason"].startswith("The bearer token is missing or not accepted.")
    refused = (await activity(served, refused=True))[0]
    assert refused["reason"] == lines[1]["reason"]
    assert len(refused["reason"]) == 200


PEOPLES_VALUES: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "userName": ("POST", "/Users", {"userName": "ada@private.example"}),
    "displayName": ("POST", "/Groups", {"displayName": "ada@private.example"}),
    "filter": ("GET", '/Users?filter=foo eq "ada@private.example"', None),
    "broken filter": ("GET", "/Users?filter=userName eq ada@private.example x", None),
    "sortBy": ("GET", "/Users?sortBy=ada@private.example", None),
    "attribute": ("PATCH", "/Users/{id}", {"path": 'x[value eq "ada@private.example"]'}),
    "member": ("POST", "/Groups", {"displayName": "g", "members": [{"value": "ada@private"}]}),
    "type": ("POST", "/Users", {"userName": "u", "emails": "ada@private.example"}),
}


@pytest.mark.parametrize("profile", ["entra", "strict"])
@pytest.mark.parametrize("kind", PEOPLES_VALUES)
async def test_a_reason_has_no_value_of_a_person(kind: str, profile: str, serve: Serve) -> None:
    """Values that an error shows to the client are not in the logs."""
    served = await serve({"provisioning": {"profile": profile}})
    schema = "urn:ietf:params:scim:schemas:core:2.0:"
    first = {"schemas": [f"{schema}User"], "userName": "ada@private.example"}
    user = (await served.http.post("/Users", json=first)).json()["id"]
    group = {"schemas": [f"{schema}Group"], "displayName": "ada@private.example"}
    await served.http.post("/Groups", json=group)
    method, path, body = PEOPLES_VALUES[kind]
    if method == "PATCH" and body is not None:
        urn = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
        body = {"schemas": [urn], "Operations": [{"op": "replace", "value": "v", **body}]}
    elif body is not None:
        body = {"schemas": [f"{schema}{'User' if path == '/Users' else 'Group'}"], **body}
    answer = await served.http.request(method, path.format(id=user), json=body)
    if kind == "displayName" and profile == "strict":
        assert answer.status_code == 201
        return
    if profile == "entra" and kind in {"attribute", "type"}:
        assert answer.status_code < 500
    else:
        assert answer.status_code in {400, 409}, answer.text
        assert served.access_log[-1]["reason"]
    logged = json.dumps([served.access_log, await activity(served)])
    assert "private" not in logged


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"X-Request-Id": "edge-7"}, "edge-7"),
        ({"traceparent": TRACEPARENT}, TRACE),
        ({"X-Request-Id": "edge-7", "traceparent": TRACEPARENT}, "edge-7"),
        ({"X-Request-Id": "x" * 5000}, "x" * 128),
        ({"X-Request-Id": b"a\xff\x01\x1b[31m"}, "a???[31m"),
        ({"traceparent": "00-zz"}, None),
        ({"X-Request-Id": ""}, None),
        ({}, None),
    ],
)
async def test_the_edges_id_is_kept_beside_ours(
    headers: dict[str, str], kept: str | None, serve: Serve
) -> None:
    """It is in every log, bounded and printable, beside the service's own id."""
    served = await serve()
    answer = await served.http.post("/Users", json={"userName": "ada"}, headers=headers)
    line, write = served.access_log[-1], (await activity(served))[0]
    assert line["edgeRequest"] == write["edgeRequestId"] == kept
    assert line["request"] == write["requestId"] == answer.headers["X-Request-Id"]
    assert line["request"] != kept


async def test_activity_of_one_request(serve: Serve) -> None:
    """A request is found by its own id or the proxy's id, also a refused one."""
    served = await serve()
    for name in ("ada", "ada", "bob"):
        await served.http.post(
            "/Users", json={"userName": name}, headers={"X-Request-Id": f"edge-{name}"}
        )
    ours = [line["request"] for line in served.access_log]
    for each, status in zip(ours, (201, 409, 201), strict=True):
        assert [line["status"] for line in await activity(served, request=each)] == [status]
    by_edge = await activity(served, request="edge-ada")
    assert [line["status"] for line in by_edge] == [409, 201]
    assert len(await activity(served, request="edge-ada", limit=1)) == 1
    assert len(await activity(served, request="edge-ada", refused=True)) == 1
    for other in ("nobody", "%", ""):
        answer = await served.management.get("/-/activity", params={"request": other})
        assert (answer.status_code, answer.json()["activity"]) == (200, [])
    for no_id in ("x" * 201, "\x00", "é"):
        answer = await served.management.get("/-/activity", params={"request": no_id})
        assert answer.status_code == 422


async def test_entras_requests_and_an_engineers(serve: Serve) -> None:
    """With the same token, source and User-Agent distinguish them, and probes are marked."""
    served = await serve()
    del served.http.headers["User-Agent"]
    await served.http.post("/Users", json={"userName": "by Entra"})
    curl = {"User-Agent": "curl/8.5.0\x1b" + "x" * 500}
    await served.http.post("/Users", json={"userName": "by an engineer"}, headers=curl)
    await served.http.get("/Users", headers={"User-Agent": "kubectl-scim/1.0", "Scim-Probe": "1"})
    entra, engineer, probe = served.access_log
    assert [line["probe"] for line in served.access_log] == [False, False, True]
    assert entra["agent"] is None
    assert engineer["agent"].startswith("curl/8.5.0?x")
    assert len(engineer["agent"]) == 128
    assert probe["agent"] == "kubectl-scim/1.0"
    lines = await activity(served)
    assert {line["source"] for line in lines} == {"127.0.0.1"}
    assert [line["agent"] for line in lines] == [engineer["agent"], None]


def test_the_programs_own_lines_name_the_tenant() -> None:
    """A line of the program has the level and the tenant."""
    record = logging.LogRecord("scim_service", logging.WARNING, "", 1, "no %s", ("room",), None)
    line = json.loads(JsonFormatter("team-a/contoso").format(record))
    assert (line["level"], line["tenant"]) == ("warning", "team-a/contoso")
    assert line["message"] == "no room"
