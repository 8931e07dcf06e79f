"""Cycles against a tenant in memory: what is sent, and what is made of bad answers."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.entra import Dialect, Directory, Flag, JobState, Provisioning, Quirk, Scope, Thresholds
from tests.unit.tools.entra.tenant import Misbehaviour, Tenant, reply

_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


@pytest.fixture
def tenant() -> Tenant:
    return Tenant()


@pytest.fixture
async def url(tenant: Tenant) -> AsyncIterator[str]:
    async with TestServer(tenant.app) as server:
        yield str(server.make_url("/scim"))


@pytest.fixture
def directory() -> Directory:
    return Directory.generate(3, users=40, groups=5)


def _answering(
    method: str, status: int, text: str = "", media_type: str = "application/scim+json"
) -> Misbehaviour:
    def misbehave(request: web.Request) -> web.Response | None:
        if request.method != method:
            return None
        return web.Response(status=status, text=text, content_type=media_type)

    return misbehave


@pytest.mark.parametrize("flag", list(Flag))
@pytest.mark.parametrize("quirks", [frozenset(), frozenset({Quirk.EXPLICIT_NULLS})])
@pytest.mark.parametrize("scope", list(Scope))
async def test_cycles_end_equal(
    url: str, directory: Directory, flag: Flag, quirks: frozenset[Quirk], scope: Scope
) -> None:
    """After each cycle the tenant equals the directory, in either dialect."""
    async with Provisioning(url, "t", dialect=Dialect(flag, quirks), scope=scope) as job:
        assert (await job.test_connection()).clean
        assert (await job.initial_cycle(directory)).clean
        assert await job.verify(directory) == []
        for step in range(4):
            directory = directory.change(step, share=0.1)
            cycle = await job.incremental_cycle(directory)
            assert cycle.failures == []
            assert await job.verify(directory) == []
        assert await job.lost_writes() == []


async def test_nothing_is_written_twice(url: str, tenant: Tenant, directory: Directory) -> None:
    """A repeated cycle sends nothing for what is unchanged; a repeated initial one only reads."""
    async with Provisioning(url, "t") as job:
        await job.initial_cycle(directory)
        tenant.requests.clear()
        await job.incremental_cycle(directory)
        assert tenant.requests == []
        cycle = await job.initial_cycle(directory)
        assert not [one for one in tenant.requests if one.startswith(("POST", "PATCH /scim/Users"))]
        assert cycle.done["users unchanged"] == 40


async def test_new_objects_are_referred_to_at_once(url: str, directory: Directory) -> None:
    """A new user becomes a manager and a member in the cycle that creates it."""
    (boss,) = Directory.generate(99, users=1, groups=0).users.values()
    async with Provisioning(url, "t") as job:
        await job.initial_cycle(directory)
        key = boss.object_id
        users = {name: replace(user, manager=key) for name, user in directory.users.items()}
        groups = {
            name: replace(group, members=(*group.members, key))
            for name, group in directory.groups.items()
        }
        after = Directory({**users, key: boss}, groups)
        assert (await job.incremental_cycle(after)).done["members added"] == len(groups)
        assert await job.verify(after) == []
        assert (await job.incremental_cycle(after)).done == {}


async def test_user_restored_to_a_disabled_state(url: str) -> None:
    """What changed while it was deleted is provisioned, though it stays inactive."""
    directory = Directory.generate(1, users=2, groups=0)
    first, second = directory.users.values()

    def having(**changes: Any) -> Directory:
        user = replace(second, enabled=False, **changes)
        return Directory({first.object_id: first, user.object_id: user})

    async with Provisioning(url, "t") as job:
        await job.initial_cycle(having(manager=first.object_id))
        await job.incremental_cycle(having(manager=first.object_id, soft_deleted=True))
        await job.incremental_cycle(having(manager=None, soft_deleted=True))
        await job.incremental_cycle(having(manager=None))
        assert await job.verify(having(manager=None)) == []


async def test_a_query_precedes_each_write(url: str, tenant: Tenant) -> None:
    """One user: matched by userName, created, then nothing."""
    directory = Directory.generate(1, users=1, groups=0)
    (user,) = directory.users.values()
    async with Provisioning(url, "t") as job:
        await job.initial_cycle(directory)
    name = user.name.replace("@", "%40")
    assert tenant.requests == [
        f"GET /scim/Users?filter=userName+eq+%22{name}%22",
        "POST /scim/Users",
    ]


async def test_known_objects_are_read_by_anchor(url: str, tenant: Tenant) -> None:
    """Incremental: GET by id, for groups without members, then the difference."""
    directory = Directory.generate(1, users=4, groups=1)
    async with Provisioning(url, "t") as job:
        await job.initial_cycle(directory)
        tenant.requests.clear()
        await job.incremental_cycle(directory.change(1))
    reads = [one for one in tenant.requests if one.startswith("GET")]
    assert any(one.startswith("GET /scim/Users/") for one in reads)
    groups = [one for one in reads if one.startswith("GET /scim/Groups")]
    assert groups
    assert all("excludedAttributes=members" in one for one in groups)


async def test_existing_users_are_matched(url: str, tenant: Tenant) -> None:
    """A user who is there already is taken over, whatever the case of its userName."""
    directory = Directory.generate(1, users=1, groups=0)
    (user,) = directory.users.values()
    tenant.held["Users"]["u1"] = {"id": "u1", "userName": user.name.upper()}
    async with Provisioning(url, "t") as job:
        cycle = await job.initial_cycle(directory)
        assert cycle.done == {"users updated": 1} or cycle.done == {"users restored": 1}
        assert await job.verify(directory) == []


@pytest.mark.parametrize(
    ("misbehave", "code"),
    [
        (_answering("POST", 409), "EntryConflict"),
        (_answering("POST", 400), "BadRequest"),
        (_answering("POST", 403), "InsufficientRights"),
        (_answering("POST", 422), "UnprocessableEntity"),
        (_answering("POST", 429), "TooManyRequests"),
        (_answering("POST", 500), "InternalServerError"),
        (_answering("POST", 507), "InternalServerError"),
        (_answering("POST", 405), "MethodNotAllowed"),
        (_answering("POST", 501), "NotImplemented"),
        (_answering("POST", 200, '{"id": "1"}'), "ServiceIncompatible"),
        (_answering("POST", 201, '{"id": "1"}', "text/html"), "ServiceIncompatible"),
        (_answering("POST", 201, "{}"), "ServiceIncompatible"),
        (_answering("POST", 201, "{"), "ServiceIncompatible"),
        (_answering("GET", 200, "[]"), "ServiceIncompatible"),
        (_answering("GET", 200, '{"totalResults": 0}'), "ServiceIncompatible"),
        (
            _answering("GET", 200, json.dumps({"schemas": [_LIST], "totalResults": 3})),
            "ServiceIncompatible",
        ),
        (_answering("GET", 500), "InternalServerError"),
        (_answering("GET", 400), "BadRequest"),
    ],
)
async def test_error_codes(url: str, tenant: Tenant, misbehave: Misbehaviour, code: str) -> None:
    """Each bad answer by the name that the provisioning log has for it."""
    tenant.misbehave = misbehave
    async with Provisioning(url, "t") as job:
        cycle = await job.initial_cycle(Directory.generate(1, users=1, groups=0))
    (failure,) = cycle.failures
    assert failure.code.removeprefix("SystemForCrossDomainIdentityManagement") == code
    assert cycle.quarantine is None


@pytest.mark.parametrize(
    ("misbehave", "reason"),
    [
        (_answering("GET", 404), "SCIM Compliance issue"),
        (_answering("GET", 401), "invalid credentials"),
        (_answering("GET", 403), "no right to read"),
        (_answering("POST", 401), "invalid credentials"),
    ],
)
async def test_quarantine_at_once(
    url: str, tenant: Tenant, misbehave: Misbehaviour, reason: str
) -> None:
    """404 on a filter and refused credentials stop the job, whatever the counts."""
    tenant.misbehave = misbehave
    async with Provisioning(url, "t", parallel=2) as job:
        cycle = await job.initial_cycle(Directory.generate(1, users=50, groups=0))
    assert cycle.quarantine is not None
    assert reason in cycle.quarantine
    assert len(tenant.requests) < 10


async def test_quarantine_by_count(url: str, tenant: Tenant, directory: Directory) -> None:
    """With low thresholds the share of failures is what stops the job."""
    tenant.misbehave = _answering("POST", 400)
    async with Provisioning(url, "t", thresholds=Thresholds(evaluated_from=10)) as job:
        cycle = await job.initial_cycle(directory)
    assert cycle.quarantine == "EncounteredEscrowProportionThreshold"


async def test_test_connection_wants_an_empty_list(url: str, tenant: Tenant) -> None:
    """Whatever is found for a random name is wrong."""
    found = {"schemas": [_LIST], "totalResults": 1, "Resources": [{"id": "1"}]}
    tenant.misbehave = lambda _: reply(found)
    async with Provisioning(url, "t") as job:
        assert not (await job.test_connection()).clean


async def test_two_matches(url: str, tenant: Tenant) -> None:
    """Two users with one userName cannot be told apart."""
    directory = Directory.generate(1, users=1, groups=0)
    (user,) = directory.users.values()
    for anchor in ("1", "2"):
        tenant.held["Users"][anchor] = {"id": anchor, "userName": user.name}
    async with Provisioning(url, "t") as job:
        cycle = await job.initial_cycle(directory)
    assert [one.code for one in cycle.failures] == ["DuplicateTargetEntries"]


async def test_members_that_were_to_be_left_out(
    url: str, tenant: Tenant, directory: Directory
) -> None:
    """A group read with its members is what Entra calls several entries."""
    async with Provisioning(url, "t") as job:
        await job.initial_cycle(directory)

        def misbehave(request: web.Request) -> web.Response | None:
            anchor = request.match_info.get("id", "")
            group = tenant.held["Groups"].get(anchor)
            return reply(group) if group and request.method == "GET" else None

        tenant.misbehave = misbehave
        cycle = await job.incremental_cycle(directory.change(1))
    codes = {one.code for one in cycle.failures}
    assert codes == {"SystemForCrossDomainIdentityManagementMultipleEntriesInResponse"}


async def test_anchor_that_is_gone(url: str, tenant: Tenant) -> None:
    """A known user who was deleted behind Entra's back fails until the job is restarted."""
    directory = Directory.generate(1, users=3, groups=1)
    async with Provisioning(url, "t") as job:
        await job.initial_cycle(directory)
        tenant.held["Users"].clear()
        cycle = await job.incremental_cycle(directory.change(1))
        assert "InvalidAnchor" in {one.code for one in cycle.failures}
        job.state.restart()
        directory = directory.change(1)
        assert (await job.initial_cycle(directory)).clean


async def test_refused_objects_wait_longer_each_time(url: str, tenant: Tenant) -> None:
    """A refused object is tried after 1, 2, 4 cycles; one that has changed at once."""
    directory = Directory.generate(1, users=1, groups=0)
    tenant.misbehave = _answering("POST", 400)
    tried = []
    async with Provisioning(url, "t") as job:
        await job.initial_cycle(directory)
        for _ in range(7):
            cycle = await job.incremental_cycle(directory)
            tried.append(len(cycle.attempted))
        (key, user), *_ = directory.users.items()
        changed = Directory({key: user.having(jobTitle="new")})
        cycle = await job.incremental_cycle(changed)
        tried.append(len(cycle.attempted))
    assert tried == [1, 0, 1, 0, 0, 0, 1, 1]


async def test_timed_out_create_is_sent_again(url: str, tenant: Tenant) -> None:
    """The first POST was stored though its answer came too late, so the second conflicts."""
    directory = Directory.generate(1, users=1, groups=0)
    tenant.delay = 0.5
    async with Provisioning(url, "t", timeout=0.2) as job:
        cycle = await job.initial_cycle(directory)
        assert [one.code for one in cycle.failures] == ["EntryConflict"]
        assert (await job.incremental_cycle(directory)).clean
        assert await job.verify(directory) == []


async def test_server_that_dies_in_the_middle(directory: Directory) -> None:
    """Every acknowledged write is there afterwards, and the repeated cycles end clean."""
    tenant = Tenant()
    server = TestServer(tenant.app)
    await server.start_server()
    port = server.port

    def misbehave(request: web.Request) -> web.Response | None:
        if len(tenant.requests) > 60 and request.transport is not None:
            request.transport.abort()
        return None

    tenant.misbehave = misbehave
    async with Provisioning(f"http://127.0.0.1:{port}/scim", "t") as job:
        cycle = await job.initial_cycle(directory)
        assert {one.code for one in cycle.failures} == {"WebExceptionProtocolError"}
        tenant.misbehave = None
        assert await job.lost_writes() == []
        assert (await job.initial_cycle(directory)).clean
        tenant.requests.clear()
        directory = directory.change(1, share=0.3)
        tenant.misbehave = misbehave
        assert not (await job.incremental_cycle(directory)).clean
        tenant.misbehave = None
        assert (await job.incremental_cycle(directory)).clean
        assert await job.verify(directory) == []
        assert await job.lost_writes() == []
    await server.close()


async def test_state_survives_in_a_file(url: str, directory: Directory, tmp_path: Path) -> None:
    """Another process goes on where the first one stopped."""
    async with Provisioning(url, "t") as job:
        await job.initial_cycle(directory)
    job.state.save(tmp_path / "state.json")
    state = JobState.load(tmp_path / "state.json")
    async with Provisioning(url, "t", state=state) as job:
        directory = directory.change(1)
        assert (await job.incremental_cycle(directory)).clean
        assert await job.verify(directory) == []
        assert await job.lost_writes() == []


async def test_verify_without_state(url: str, tenant: Tenant, directory: Directory) -> None:
    """A job that knows no anchors finds objects by their matching value."""
    async with Provisioning(url, "t") as job:
        await job.initial_cycle(directory)
    async with Provisioning(url, "t") as job:
        assert await job.verify(directory) == []
        user = next(iter(tenant.held["Users"].values()))
        user["displayName"] = "changed by hand"
        assert [one.attribute for one in await job.verify(directory)] == ["displayName"]


async def test_on_demand(url: str, tenant: Tenant, directory: Directory) -> None:
    """One user, or one group with at most five members."""
    group = next(iter(directory.groups.values()))
    async with Provisioning(url, "t") as job:
        for member in group.members[:5]:
            assert (await job.provision_on_demand(directory, member)).clean
        cycle = await job.provision_on_demand(directory, group.object_id, group.members[:5])
        assert cycle.clean
        with pytest.raises(ValueError, match="at most 5"):
            await job.provision_on_demand(directory, group.object_id, group.members[:6])
    (held,) = tenant.held["Groups"].values()
    assert len(held["members"]) == 5


async def test_token_is_in_no_report(url: str, tenant: Tenant) -> None:
    """Failures show request and answer, never the token."""
    tenant.misbehave = _answering("POST", 400)
    async with Provisioning(url, "s3cret-token") as job:
        cycle = await job.initial_cycle(Directory.generate(1, users=2, groups=0))
    assert "s3cret" not in json.dumps(cycle.as_json())
