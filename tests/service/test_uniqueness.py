"""``uniqueness`` of a tenant's extension attributes: no second user gets the same value."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from scim_service.scim.messages import URN_PATCH_OP, URN_USER
from scim_service.store.copies.backup import backup
from scim_service.store.copies.restore import restore
from scim_service.store.database.statements import Statement
from scim_service.store.migrations.upgrade import open_database

from tests.service.served import Serve, Served, serving

URN = "urn:example:unique:2.0:User"
PARTS = [{"name": "id", "uniqueness": "server"}, {"name": "note"}]
ATTRIBUTES: list[dict[str, Any]] = [
    {"name": "badge"},
    {"name": "exact", "caseExact": True},
    {"name": "number", "type": "integer"},
    {"name": "share", "type": "decimal"},
    {"name": "since", "type": "dateTime"},
    {"name": "tags", "multiValued": True},
    {"name": "desk", "type": "complex", "subAttributes": PARTS},
    {"name": "keys", "type": "complex", "multiValued": True, "subAttributes": PARTS},
]
# For each attribute a value, an equal spelling of it, and another value.
VALUES: dict[str, tuple[Any, Any, Any]] = {
    "badge": ("Straße 1", "STRASSE 1", "Straße 2"),
    "exact": ("a", "a", "A"),
    "number": (7, 7, 8),
    "share": (1, 1.0, 1.5),
    "since": ("2026-01-31T09:00:00Z", "2026-01-31T10:00:00+01:00", "2026-01-31T09:00:01Z"),
    "tags": (["x", "y"], ["Y"], ["z"]),
    "desk": ({"id": "d1", "note": "n"}, {"id": "D1"}, {"id": "d2", "note": "n"}),
    "keys": ([{"id": "k1"}, {"id": "k2"}], [{"id": "K2"}], [{"id": "k3", "note": "n"}]),
}
LONG = "x" * 5000


def configuration(*, unique: bool = True, **provisioning: Any) -> dict[str, Any]:
    """Return a tenant with the extension, with unique attributes or not."""
    rule = {"uniqueness": "server"} if unique else {}
    attributes = [
        {**each, **({} if each.get("type") == "complex" else rule)} for each in ATTRIBUTES
    ]
    if not unique:
        attributes = [
            {**each, "subAttributes": [{"name": "id"}, {"name": "note"}]}
            if "subAttributes" in each
            else each
            for each in attributes
        ]
    return {
        "provisioning": {
            "schemaExtensions": [{"id": URN, "attributes": attributes}],
            **provisioning,
        }
    }


def user(name: str, **values: Any) -> dict[str, Any]:
    """Return a user with values of the extension."""
    return {"schemas": [URN_USER, URN], "userName": name, URN: values}


async def serve_replicas(serve: Serve, tenant: dict[str, Any]) -> list[Served]:
    """Serve a tenant by two replicas; on SQLite, which has one writer, by the same one."""
    first = await serve(tenant)
    is_shared = first.tenant.repository.database.backend == "postgresql"
    return [first, await serve(tenant) if is_shared else first]


async def post(scim: httpx.AsyncClient, name: str, **values: Any) -> httpx.Response:
    """Create a user."""
    return await scim.post("/Users", json=user(name, **values))


async def patch(scim: httpx.AsyncClient, user_id: str, path: str, value: Any) -> httpx.Response:
    """Replace a value of a user."""
    operation = {"op": "replace", "path": path, "value": value}
    body = {"schemas": [URN_PATCH_OP], "Operations": [operation]}
    return await scim.patch(f"/Users/{user_id}", json=body)


def refused(answer: httpx.Response, holder: str) -> bool:
    """Whether an answer is the refusal of a value that another user has."""
    document = answer.json()
    return (
        (answer.status_code, document.get("scimType")) == (409, "uniqueness")
        and holder in document["detail"]
        and URN in document["detail"]
    )


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("profile", ["entra", "strict"])
async def test_a_value_has_one_user(serve: Serve, profile: str, name: str) -> None:
    """POST, PUT and PATCH refuse the value of another user, and accept the user's own value."""
    scim = (await serve(configuration(profile=profile))).http
    value, same, other = VALUES[name]
    holder = (await post(scim, "ann", **{name: value})).json()["id"]
    assert refused(await post(scim, "bob", **{name: same}), holder)
    second = (await post(scim, "bob", **{name: other})).json()["id"]
    assert refused(await patch(scim, second, f"{URN}:{name}", same), holder)
    assert refused(await scim.put(f"/Users/{second}", json=user("bob", **{name: same})), holder)
    shown = (await scim.get(f"/Users/{second}")).json()
    assert shown[URN][name] == other
    assert (await patch(scim, holder, f"{URN}:{name}", same)).status_code == 200
    again = await scim.put(f"/Users/{holder}", json=user("ann", **{name: value}))
    assert again.status_code == 200


@pytest.mark.parametrize("name", VALUES)
async def test_a_released_value_can_be_used_again(serve: Serve, name: str) -> None:
    """After a change or the deletion of its user, another user can get the value."""
    scim = (await serve(configuration())).http
    value, same, other = VALUES[name]
    first = (await post(scim, "ann", **{name: value})).json()["id"]
    assert (await patch(scim, first, f"{URN}:{name}", other)).status_code == 200
    second = (await post(scim, "bob", **{name: same})).json()["id"]
    assert refused(await post(scim, "cyd", **{name: other}), first)
    assert (await scim.delete(f"/Users/{first}")).status_code == 204
    assert (await post(scim, "cyd", **{name: other})).status_code == 201
    assert refused(await post(scim, "dan", **{name: value}), second)


async def test_texts_of_any_length_are_compared(serve: Serve) -> None:
    """Long values are unique like short ones; an empty text is no value."""
    scim = (await serve(configuration())).http
    holder = (await post(scim, "ann", badge=LONG)).json()["id"]
    assert refused(await post(scim, "bob", badge=LONG.upper()), holder)
    assert (await post(scim, "bob", badge=LONG + "y")).status_code == 201
    for name in ("cyd", "dan"):
        assert (await post(scim, name, exact="", tags=[""])).status_code == 201


@pytest.mark.parametrize("name", VALUES)
async def test_of_writers_at_once_one_gets_the_value(serve: Serve, name: str) -> None:
    """Of simultaneous writes by two replicas, one gets the value, and none fails."""
    replicas = await serve_replicas(serve, configuration())
    value, same, other = VALUES[name]
    created = await asyncio.gather(
        *(
            post(replicas[number % 2].http, f"u{number}", **{name: (value, same)[number % 2]})
            for number in range(8)
        )
    )
    assert sorted(each.status_code for each in created) == [201] + [409] * 7
    scim = replicas[0].http
    await scim.delete(f"/Users/{next(c.json()['id'] for c in created if c.status_code == 201)}")
    ids = [(await post(scim, f"p{number}")).json()["id"] for number in range(6)]
    changed = await asyncio.gather(
        *(
            patch(replicas[number % 2].http, user_id, f"{URN}:{name}", value)
            for number, user_id in enumerate(ids)
        )
    )
    assert sorted(each.status_code for each in changed) == [200] + [409] * 5
    assert (await post(scim, "last", **{name: other})).status_code == 201


async def test_several_values_at_once_and_a_licence_limit(serve: Serve) -> None:
    """Writers of several unique values in different orders do not deadlock."""
    replicas = await serve_replicas(serve, configuration(maxUsers=50))
    made = await asyncio.gather(
        *(
            post(replicas[n % 2].http, f"u{n}", **({"badge": "a", "exact": "b"} if n % 2 else
                 {"exact": "b", "badge": "a"}), number=n)
            for n in range(12)
        )
    )  # fmt: skip
    assert sorted(each.status_code for each in made) == [201] + [409] * 11


async def test_values_from_before_the_rule_stay(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Users that share a value can be read and changed and are logged by id; no third one joins."""
    before = await serve(configuration(unique=False))
    ids = {
        name: [
            (await post(before.http, f"{name}{n}", **{name: each})).json()["id"]
            for n, each in enumerate(VALUES[name][:2])
        ]
        for name in VALUES
    }
    with caplog.at_level(logging.WARNING, logger="scim_service"):
        after = await serve(configuration())
    warnings = [record.getMessage() for record in caplog.records]
    for name, pair in ids.items():
        told = [text for text in warnings if f"{URN}:{name}" in text]
        assert len(told) == 1
        assert all(user_id in told[0] for user_id in pair)
        assert "Straße" not in told[0]
        assert refused(
            await post(after.http, f"third-{name}", **{name: VALUES[name][1]}), pair[0]
        ) or (refused(await post(after.http, f"third-{name}", **{name: VALUES[name][1]}), pair[1]))
        for user_id in pair:
            assert (await patch(after.http, user_id, "title", "Boss")).status_code == 200
            assert (await patch(after.http, user_id, "active", False)).status_code == 200
        # A user that has changed a shared value does not get it back.
        assert (
            await patch(after.http, pair[0], f"{URN}:{name}", VALUES[name][2])
        ).status_code == 200
        assert refused(await patch(after.http, pair[0], f"{URN}:{name}", VALUES[name][0]), pair[1])


async def indexes(served: Served) -> set[str]:
    """Return the names of the indexes of the rules."""
    database = served.tenant.repository.database
    sql = {
        "sqlite": "select name from sqlite_schema where name like 'own_unique_%'",
        "postgresql": "select indexname from pg_indexes where indexname like 'own_unique_%'",
    }
    return {row[0] for row in await database.fetch(Statement(sql[database.backend], (), {}), {})}


async def test_a_value_is_found_by_an_index(serve: Serve) -> None:
    """The plan of a check's statement uses the index of the attribute."""
    served = await serve(configuration())
    database = served.tenant.repository.database
    uniqueness = served.tenant.repository.users._uniqueness
    for rule in uniqueness._rules:
        if rule.index is None:
            continue
        explain = "explain query plan" if database.backend == "sqlite" else "explain"
        find = rule.find_holder
        plan = Statement(f"{explain} {find.sql}", find.names, find.constants)
        value = {"string": "x", "integer": 1, "decimal": 1.0, "dateTime": 1}[rule.path.leaf.type]
        async with database.transaction() as transaction:
            if database.backend == "postgresql":
                await transaction.fetch(Statement("set local enable_seqscan = off", (), {}), {})
            rows = await transaction.fetch(plan, {"value": value, "id": ""})
        assert rule.index in str([tuple(row) for row in rows]), rule.path


async def test_indexes_follow_the_rules(serve: Serve) -> None:
    """Without the rules, the indexes are dropped and no user is refused."""
    first = await serve(configuration())
    single = [each for each in VALUES if each not in {"tags", "keys"}]
    assert len(await indexes(first)) == len(single)
    again = await serve(configuration())
    assert await indexes(again) == await indexes(first)
    without = await serve(configuration(unique=False))
    assert await indexes(without) == set()
    for name in ("ann", "bob"):
        assert (await post(without.http, name, badge="1")).status_code == 201


async def test_a_backup_is_restored_under_other_rules(tmp_path: Path) -> None:
    """A tenant with other rules can restore a copy, also one that was copied as a file."""
    url = f"sqlite:///{tmp_path}/scim.db"
    async with serving(url) as serve:
        served = await serve(configuration())
        assert (await post(served.http, "ann", badge="1")).status_code == 201
        with (tmp_path / "nowhere").open("wb") as output:
            backup(url, tmp_path / "copy.db", output)
    for number, source in enumerate((tmp_path / "copy.db", tmp_path / "scim.db")):
        other = f"sqlite:///{tmp_path}/other{number}.db"
        await (await open_database(other)).close()
        with (tmp_path / "nothing").open("w+b") as stream:
            restore(other, source, stream)
        async with serving(other) as serve:
            served = await serve(configuration())
            assert (await post(served.http, "bob", badge="1")).status_code == 409
