"""A date without a time where an attribute is a dateTime."""

from typing import Any

import pytest
from scim_service.scim.messages import URN_PATCH_OP, URN_USER

from tests.service.served import Serve

URN = "urn:example:dates:2.0:User"
ATTRIBUTES = [
    {"name": "hired", "type": "dateTime"},
    {"name": "days", "type": "dateTime", "multiValued": True},
    {"name": "desk", "type": "complex", "subAttributes": [{"name": "since", "type": "dateTime"}]},
]
DATE, MOMENT = "2026-01-31", "2026-01-31T00:00:00Z"
SENT = {"hired": DATE, "days": [DATE, "2026-02-01T09:00:00+01:00"], "desk": {"since": DATE}}
STORED = {"hired": MOMENT, "days": [MOMENT, "2026-02-01T09:00:00+01:00"], "desk": {"since": MOMENT}}
WAYS: dict[str, list[dict[str, Any]]] = {
    "paths": [
        {"op": "Replace", "path": f"{URN}:{name}", "value": value} for name, value in SENT.items()
    ],
    "path of a part": [
        *(
            {"op": "Add", "path": f"{URN}:{name}", "value": SENT[name]}
            for name in ("hired", "days")
        ),
        {"op": "Add", "path": f"{URN}:desk.since", "value": DATE},
    ],
    "no path": [{"op": "replace", "value": {f"{URN}:{name}": SENT[name] for name in SENT}}],
    "extension": [{"op": "add", "value": {URN: SENT}}],
}


def configuration(profile: str) -> dict[str, Any]:
    """Return a tenant with the extension."""
    extensions = [{"id": URN, "name": "Dates", "attributes": ATTRIBUTES}]
    return {"provisioning": {"profile": profile, "schemaExtensions": extensions}}


async def test_a_date_is_its_first_moment(serve: Serve) -> None:
    """In Entra's profile a date means midnight in UTC, in POST, PUT, PATCH and filters."""
    scim = (await serve(configuration("entra"))).http
    body = {"schemas": [URN_USER, URN], "userName": "ann"}
    made = (await scim.post("/Users", json={**body, URN: SENT})).json()
    assert made[URN] == STORED
    path = f"/Users/{made['id']}"
    for operations in WAYS.values():
        await scim.put(path, json=body)
        patch = {"schemas": [URN_PATCH_OP], "Operations": operations}
        answer = await scim.patch(path, json=patch)
        assert answer.json().get(URN) == STORED, (operations, answer.text)
    for text, total in (
        (f'{URN}:hired eq "{DATE}"', 1),
        (f"{URN}:hired ge {DATE}", 1),
        (f'{URN}:hired gt "{DATE}"', 0),
        (f'{URN}:hired lt "2026-02-01"', 1),
        (f'{URN}:days eq "{DATE}"', 1),
        (f'{URN}:desk[since eq "{DATE}"]', 1),
    ):
        found = await scim.get("/Users", params={"filter": text})
        assert found.json()["totalResults"] == total, (text, found.text)


@pytest.mark.parametrize("value", ["2026-02-30", "31.01.2026", "2026-1-31", "2026-01-31Z", "today"])
async def test_an_invalid_date_is_refused(serve: Serve, value: str) -> None:
    """The error shows the required form of a date and time."""
    scim = (await serve(configuration("entra"))).http
    body = {"schemas": [URN_USER, URN], "userName": "ann", URN: {"hired": value}}
    answer = await scim.post("/Users", json=body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert "2026-01-31T09:00:00Z" in answer.json()["detail"]


async def test_the_standard_has_no_date_without_a_time(serve: Serve) -> None:
    """The strict profile refuses it in values and filters (RFC 7643 section 2.3.5)."""
    scim = (await serve(configuration("strict"))).http
    body = {"schemas": [URN_USER, URN], "userName": "ann", URN: {"hired": DATE}}
    assert (await scim.post("/Users", json=body)).json()["scimType"] == "invalidValue"
    answer = await scim.get("/Users", params={"filter": f'{URN}:hired eq "{DATE}"'})
    assert answer.json()["scimType"] == "invalidFilter"
