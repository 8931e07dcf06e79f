"""The most expensive requests with a body of 4 MiB."""

import json
from collections.abc import Mapping
from typing import Any

from scim_service.scim.messages import (
    URN_BULK_REQUEST,
    URN_GROUP,
    URN_PATCH_OP,
    URN_SEARCH_REQUEST,
    URN_USER,
)

from tests.service.served import Served

VALUES = 1000
MEMBERS = 18_000
_BRACKETS = 120_000
_CONDITIONS = " or ".join(f'value eq "{index}"' for index in range(121))


class Prepared:
    """A user with many values, and a group with many members."""

    def __init__(self, user: str, group: str, members: list[str]) -> None:
        self.user = user
        self.group = group
        self.members = members


async def prepare(served: Served, *, members: int = MEMBERS) -> Prepared:
    """Create the user and the group; the members are stored without requests, to save time."""
    scim = served.http
    answer = await scim.post("/Users", json=user("many", emails=emails(VALUES)))
    group = await scim.post("/Groups", json={"schemas": [URN_GROUP], "displayName": "many"})
    users = served.tenant.repository.users
    ids: list[str] = []
    async with users._database.transaction() as transaction:
        for number in range(members):
            name = f"member-{number}"
            record = users._new_record({"schemas": [URN_USER], "userName": name})
            await transaction.execute(
                users._rows.insert, users._columns_of(record, {"userName": name})
            )
            ids.append(record.id)
    prepared = Prepared(answer.json()["id"], group.json()["id"], ids)
    await scim.patch(f"/Groups/{prepared.group}", content=members_patch(prepared, "add"))
    return prepared


def user(name: str, **attributes: Any) -> dict[str, Any]:
    """Return a user."""
    return {"schemas": [URN_USER], "userName": name, **attributes}


def emails(number: int) -> list[dict[str, Any]]:
    """Return e-mail addresses that are all different."""
    return [{"value": f"e{index}@x", "type": f"t{index}"} for index in range(number)]


def patch(*operations: Mapping[str, Any]) -> bytes:
    """Return a PatchOp message."""
    return json.dumps({"schemas": [URN_PATCH_OP], "Operations": operations}).encode()


def members_patch(prepared: Prepared, op: str) -> bytes:
    """Return a PatchOp message about all members."""
    return patch({"op": op, "path": "members", "value": _values(prepared)})


def _values(prepared: Prepared) -> list[dict[str, str]]:
    return [{"value": member} for member in prepared.members]


def _named(prepared: Prepared) -> list[dict[str, str]]:
    return [
        {**each, "$ref": f"https://scim.example/Users/{each['value']}", "display": f"Name {number}"}
        for number, each in enumerate(_values(prepared))
    ]


def multiplied(conditions: int = 121, operations: int = 400) -> bytes:
    """Return a PATCH whose operations each test many conditions on all e-mail addresses."""
    each = " or ".join(f'value eq "{index}"' for index in range(conditions))
    operation = {"op": "replace", "path": f"emails[{each}].display", "value": "x"}
    return patch(*[operation] * operations)


def _bulk(*operations: Mapping[str, Any]) -> bytes:
    return json.dumps({"schemas": [URN_BULK_REQUEST], "Operations": operations}).encode()


def _create(number: int, data: Mapping[str, Any], path: str = "/Users") -> dict[str, Any]:
    return {"method": "POST", "path": path, "bulkId": f"b{number}", "data": data}


def _search(**members: Any) -> bytes:
    return json.dumps({"schemas": [URN_SEARCH_REQUEST], **members}).encode()


def _conditions(condition: str, number: int) -> str:
    return " or ".join(condition % index for index in range(number))


def requests(prepared: Prepared) -> dict[str, tuple[str, str, bytes | None]]:
    """Return the requests by name: method, path and body."""
    of_user, of_group = f"/Users/{prepared.user}", f"/Groups/{prepared.group}"
    group = {"schemas": [URN_GROUP], "displayName": "many"}
    whole = json.dumps({**group, "members": _values(prepared)}).encode()
    named = json.dumps({**group, "members": _named(prepared)}).encode()
    references = [{"value": f"bulkId:b{index}"} for index in range(100)]
    title = json.dumps(user("title", title="ß" * 2_000_000), ensure_ascii=False).encode()
    return {
        "PATCH, operations by conditions by values": ("PATCH", of_user, multiplied()),
        "PATCH, 1,000 values added one by one": (
            "PATCH",
            of_user,
            patch(*({"op": "add", "path": "emails", "value": [e]} for e in emails(VALUES))),
        ),
        "PATCH, lists of values removed": (
            "PATCH",
            of_user,
            patch(*[{"op": "remove", "path": "emails", "value": emails(900)}] * 20),
        ),
        "PATCH, 99,000 unknown attributes": (
            "PATCH",
            of_user,
            patch({"op": "add", "value": {f"k{index}": 1 for index in range(99_000)}}),
        ),
        "PATCH, 400 different paths": (
            "PATCH",
            of_user,
            patch(
                *(
                    {
                        "op": "add",
                        "path": f'roles[value eq "{n}" or {_CONDITIONS}].type',
                        "value": 1,
                    }
                    for n in range(400)
                )
            ),
        ),
        "POST, 4 MiB of one text": ("POST", "/Users", title),
        "POST, 99,000 unknown attributes": (
            "POST",
            "/Users",
            json.dumps(user("unknown", **{f"k{n}": 1 for n in range(99_000)})).encode(),
        ),
        "POST, deep lists": ("POST", "/Users", b"[" * _BRACKETS + b"]" * _BRACKETS),
        "POST, many objects": (
            "POST",
            "/Users",
            json.dumps(user("objects", x=[{}] * _BRACKETS)).encode(),
        ),
        "PUT, as many values as are stored": (
            "PUT",
            of_user,
            json.dumps(
                user("many", emails=emails(VALUES), roles=emails(VALUES), ims=emails(VALUES))
            ).encode(),
        ),
        "Bulk, 1,000 refusals": (
            "POST",
            "/Bulk",
            _bulk(*(_create(number, {"x": "y" * 700}) for number in range(1000))),
        ),
        "Bulk, references": (
            "POST",
            "/Bulk",
            _bulk(
                *(
                    _create(1000 + n, {"displayName": f"g{n}", "members": references}, "/Groups")
                    for n in range(100)
                ),
                *(_create(number, user(f"bulk-{number}")) for number in range(100)),
            ),
        ),
        "filter, 120 conditions": (
            "POST",
            "/Users/.search",
            _search(filter=_conditions('emails.display co "x%d"', 120)),
        ),
        "filter, 1 MB": ("POST", "/Users/.search", _search(filter="a" * 1_000_000)),
        "attributes, as long as they may be": (
            "POST",
            "/Users/.search",
            _search(attributes=["emails.value"] * 600, count=1000),
        ),
        "sortBy, 1 MB": ("POST", "/Users/.search", _search(sortBy="a" * 1_000_000)),
        "cursor, 1 MB": ("POST", "/Users/.search", _search(cursor="a" * 1_000_000)),
        "page of 1,000": ("GET", "/Users?count=1000", None),
        "page of 1,000, sorted": ("GET", "/Users?count=1000&sortBy=title", None),
        "group with all members": ("GET", of_group, None),
        "group with parts of its members": ("GET", f"{of_group}?attributes=members.value", None),
        "groups with all members": ("GET", "/Groups", None),
        "PUT of a group with all members": ("PUT", of_group, whole),
        "PUT of a group with all members and their names": ("PUT", of_group, named),
        "PATCH, all members removed": ("PATCH", of_group, members_patch(prepared, "remove")),
        "PATCH, all members added": ("PATCH", of_group, members_patch(prepared, "add")),
        "Schemas": ("GET", "/Schemas", None),
        "openapi": ("GET", "/openapi.json", None),
        "DELETE of a group with all members": ("DELETE", of_group, None),
    }
