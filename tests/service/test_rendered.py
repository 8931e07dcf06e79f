"""Filters on derived attributes: correct results or an error, never a wrong list with 200."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_GROUP, URN_SEARCH_REQUEST, URN_USER

from tests.service.served import Serve

Json = dict[str, Any]
STORED = {"schemas", "userName", "displayName", "active", URN_ENTERPRISE_USER}
EXAMPLES = {"User": {"schemas": [URN_USER]}, "Group": {"schemas": [URN_GROUP]}}


async def fill(scim: httpx.AsyncClient) -> dict[str, list[Json]]:
    """Create three users and two groups with members; return them as answered."""
    users = [
        (await scim.post("/Users", json={**EXAMPLES["User"], "userName": name})).json()
        for name in ("ann", "bob", "cyd")
    ]
    for name, members in (("Red", users[:2]), ("Blue", users[:1])):
        values = [{"value": each["id"], "display": each["userName"]} for each in members]
        body = {**EXAMPLES["Group"], "displayName": name, "members": values}
        assert (await scim.post("/Groups", json=body)).status_code == 201
    return {
        endpoint: (await scim.get(f"/{endpoint}")).json()["Resources"]
        for endpoint in ("Users", "Groups")
    }


def rendered(resource: Json) -> Iterator[tuple[str, Any]]:
    """Return the paths of the derived attributes in an answer, with a value of each."""
    for name, value in resource.items():
        if name in STORED:
            continue
        elements = value if isinstance(value, list) else [value]
        for each in elements:
            if isinstance(each, dict):
                yield from ((f"{name}.{sub}", part) for sub, part in each.items())
            else:
                yield name, each


def values_at(resource: Json, path: str) -> list[Any]:
    """Return the values that a resource has at a path."""
    name, _, sub = path.partition(".")
    value = resource.get(name, [])
    elements = value if isinstance(value, list) else [value]
    return [each[sub] for each in elements if sub in each] if sub else elements


async def found(scim: httpx.AsyncClient, endpoint: str, text: str) -> list[str] | None:
    """Return the ids that a filter selects, by GET and by POST; None if it is refused."""
    got = await scim.get(endpoint, params={"filter": text})
    by_body = await scim.post(
        f"{endpoint.rstrip('/')}/.search", json={"schemas": [URN_SEARCH_REQUEST], "filter": text}
    )
    assert by_body.status_code == got.status_code, text
    if got.status_code == 400:
        assert got.json()["scimType"] == "invalidFilter", text
        return None
    assert got.status_code == 200, (text, got.text)
    assert by_body.json() == got.json(), text
    return sorted(each["id"] for each in got.json()["Resources"])


@pytest.mark.parametrize("profile", ["entra", "strict"])
async def test_derived_values_are_found(serve: Serve, profile: str) -> None:
    """eq, ne, not, pr and value paths find each derived value as it is answered."""
    scim = (await serve({"provisioning": {"profile": profile}})).http
    found_parts = set()
    for endpoint, resources in (await fill(scim)).items():
        for path, value in {item for each in resources for item in rendered(each)}:
            wanted = json.dumps(value)
            having = [each["id"] for each in resources if value in values_at(each, path)]
            other = [
                each["id"]
                for each in resources
                if not (values := values_at(each, path)) or any(one != value for one in values)
            ]
            lacking = [each["id"] for each in resources if each["id"] not in having]
            known = [each["id"] for each in resources if values_at(each, path)]
            for text, expected in (
                (f"{path} eq {wanted}", having),
                (f"{path} ne {wanted}", other),
                (f"not ({path} eq {wanted})", lacking),
                (f"{path} pr", known),
                (f"not ({path} pr)", [each["id"] for each in resources if each["id"] not in known]),
            ):
                got = await found(scim, f"/{endpoint}", text)
                assert got in (None, sorted(expected)), (endpoint, text)
                if got is not None:
                    found_parts.add((endpoint, path, text.split()[-2 if " pr" not in text else -1]))
    answered = {(endpoint, path) for endpoint, path, _ in found_parts}
    assert answered >= {
        (endpoint, f"meta.{part}")
        for endpoint in ("Users", "Groups")
        for part in ("resourceType", "created", "lastModified", "location", "version")
    }
    assert answered >= {
        ("Users", f"groups.{part}") for part in ("value", "display", "$ref", "type")
    }
    assert answered >= {("Groups", f"members.{part}") for part in ("value", "$ref", "type")}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('meta.resourceType eq "User"', "ann bob cyd"),
        ('meta.resourceType eq "Group"', "Blue Red"),
        ('meta.resourceType ne "Group"', "ann bob cyd"),
        ('not (meta.resourceType eq "User")', "Blue Red"),
        ("meta pr", "Blue Red ann bob cyd"),
        ('not (userName eq "ann")', "Blue Red bob cyd"),
        ('userName ne "ann"', "Blue Red bob cyd"),
        ('userName eq "ann" or displayName eq "red"', "Red ann"),
        ('meta.resourceType eq "Group" and not (userName pr)', "Blue Red"),
        ('(meta.resourceType eq "User" and userName sw "b") or members pr', "Blue Red bob"),
        ("userName eq null", "Blue Red"),
        ("members ne null and userName eq null", "Blue Red"),
        ('not (emails[type eq "work"])', "Blue Red ann bob cyd"),
    ],
)
async def test_the_root_finds_users_and_groups(serve: Serve, text: str, names: str) -> None:
    """An attribute that a type does not have is without value there (RFC 7644 section 3.4.2.1)."""
    scim = (await serve()).http
    resources = [each for some in (await fill(scim)).values() for each in some]
    wanted = set(names.split())
    expected = [
        each["id"] for each in resources if {each.get("userName"), each.get("displayName")} & wanted
    ]
    assert await found(scim, "/", text) == sorted(expected)


@pytest.mark.parametrize(
    "text", ['members.display eq "x"', 'nothing eq "x"', 'not (members.display eq "x")']
)
async def test_the_root_refuses_filters_that_one_type_refuses(serve: Serve, text: str) -> None:
    """A filter that one of the types cannot answer is refused for both."""
    scim = (await serve()).http
    await fill(scim)
    assert await found(scim, "/", text) is None


@pytest.mark.parametrize("path", ["meta.location", "meta.lastModified", "meta.resourceType", "id"])
async def test_resources_are_sorted_by_derived_values(serve: Serve, path: str) -> None:
    """Sorting by a derived attribute works, also over pages by cursor."""
    scim = (await serve()).http
    users = (await fill(scim))["Users"]
    for order, reverse in (("ascending", False), ("descending", True)):
        query = {"sortBy": path, "sortOrder": order, "count": "1"}
        ids: list[str] = []
        cursor = ""
        while cursor is not None:
            page = (await scim.get("/Users", params={**query, "cursor": cursor})).json()
            ids += [each["id"] for each in page["Resources"]]
            cursor = page.get("nextCursor")
        keys = sorted({values_at(each, path)[0] for each in users}, reverse=reverse)
        ranks = [keys.index(values_at(by_id(users, one), path)[0]) for one in ids]
        assert ranks == sorted(ranks)
        assert len(ids) == len(users)


def by_id(resources: list[Json], resource_id: str) -> Json:
    """Return the resource with an id."""
    return next(each for each in resources if each["id"] == resource_id)


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [("Users", "groups"), ("Users", "groups.display"), ("Users", "meta.version"),
     ("Groups", "members"), ("Groups", "members.value")],
)  # fmt: skip
async def test_an_attribute_without_an_order_is_refused(
    serve: Serve, endpoint: str, path: str
) -> None:
    """sortBy on an attribute without an order is refused with its name."""
    scim = (await serve()).http
    answer = await scim.get(f"/{endpoint}", params={"sortBy": path})
    assert answer.status_code == 400
    assert answer.json()["scimType"] == "invalidPath"
    assert path in answer.json()["detail"]


@pytest.mark.parametrize("path", ["meta.resourceType", "meta.location", "groups.$ref", "id"])
async def test_a_projection_includes_and_excludes_derived_values(serve: Serve, path: str) -> None:
    """A projection includes and excludes derived attributes."""
    scim = (await serve()).http
    ann = next(u for u in (await fill(scim))["Users"] if u["userName"] == "ann")
    shown = (await scim.get(f"/Users/{ann['id']}", params={"attributes": path})).json()
    assert values_at(shown, path) == values_at(ann, path)
    assert "userName" not in shown or path == "userName"
