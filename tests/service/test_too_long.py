"""Errors for too long values name the attribute."""

from typing import Any

import pytest

from tests.service.served import Serve

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"emails": [{"value": "x" * 601}]}, "emails.value"),
        ({"emails": [{"value": "x", "type": "y" * 601}]}, "emails.type"),
        ({"displayName": "x" * 601}, "displayName"),
        ({ENTERPRISE: {"employeeNumber": "x" * 601}}, f"{ENTERPRISE}:employeeNumber"),
    ],
)
async def test_an_error_names_the_too_long_attribute(
    serve: Serve, values: dict[str, Any], named: str
) -> None:
    """The error has the path of the attribute, so that an administrator finds its mapping."""
    served = await serve()
    answer = await served.http.post("/Users", json={"schemas": [USER], "userName": "u", **values})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"{named} has 601 characters")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"title": "x" * 200_000, "nickName": "x" * 100_000}, "title"),
        ({ENTERPRISE: {"department": "x" * 200_000, "division": "x" * 100_000}}, "department"),
    ],
)
@pytest.mark.parametrize("how", ["post", "patch"])
async def test_a_user_that_is_too_long_names_its_longest_attribute(
    serve: Serve, values: dict[str, Any], named: str, how: str
) -> None:
    """The error names the longest attribute, so that an administrator finds its mapping."""
    served = await serve()
    body = {"schemas": [USER], "userName": "u"}
    if how == "post":
        answer = await served.http.post("/Users", json={**body, **values})
    else:
        user = (await served.http.post("/Users", json=body)).json()
        operations = [{"op": "replace", "value": values}]
        answer = await served.http.patch(f"/Users/{user['id']}", json={"Operations": operations})
    assert answer.status_code == 413
    assert answer.json()["detail"].removesuffix(".").endswith(named)
