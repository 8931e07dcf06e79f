"""Read a tenant back, page by page, and compare it with the directory attribute by attribute."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from . import answers
from .attributes import Resource, Target, lookup
from .directory import Directory, Group, User
from .ledger import GROUPS, USERS
from .mapping import Mapping, Values, active_only
from .state import JobState
from .transport import Connection


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the tenant and the directory."""

    kind: str
    name: str
    attribute: str
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class Tenant:
    """All resources of a tenant, by id."""

    users: dict[str, Resource]
    groups: dict[str, Resource]


class PagingError(Exception):
    """The pages of a list do not fit together."""


async def read_tenant(connection: Connection, page_size: int = 100) -> Tenant:
    """Read all users and groups."""
    return Tenant(
        await _read_all(connection, USERS, page_size),
        await _read_all(connection, GROUPS, page_size),
    )


async def _read_all(connection: Connection, collection: str, count: int) -> dict[str, Resource]:
    found: dict[str, Resource] = {}
    while True:
        start = len(found) + 1
        answer = await connection.send("GET", collection, {"startIndex": start, "count": count})
        page = answers.listed(answer)
        body = answer.body()
        if page and body.get("startIndex") != start:
            raise PagingError(f"{answer.url}: startIndex is {body.get('startIndex')}")
        fresh = {resource["id"]: resource for resource in page}
        if len(fresh) != len(page) or fresh.keys() & found.keys():
            raise PagingError(f"{answer.url}: a resource comes twice")
        found |= fresh
        if len(found) >= body["totalResults"]:
            return found
        if not page:
            raise PagingError(f"{answer.url}: {len(found)} of {body['totalResults']} resources")


def compare(
    tenant: Tenant,
    directory: Directory,
    mapping: Mapping,
    state: JobState,
    in_scope: Callable[[User], bool],
    exclusive: bool,
) -> list[Difference]:
    """List every difference; without a job's state objects are found by their matching value."""
    users = _Pairing(tenant.users, mapping.user_match)
    for user in directory.users.values():
        values = mapping.user_values(user, in_scope=in_scope(user))
        known = state.users.get(user.object_id)
        users.pair(user.object_id, known.anchor if known else None, values)
    groups = _Pairing(tenant.groups, mapping.group_match)
    for group in directory.groups.values():
        known = state.groups.get(group.object_id)
        groups.pair(group.object_id, known.anchor if known else None, mapping.group_values(group))
    differences = [
        difference
        for user in directory.users.values()
        for difference in _user_differences(user, users, mapping, in_scope(user))
    ]
    wanted = {key for key, user in directory.users.items() if in_scope(user)}
    for group in directory.groups.values():
        differences += _group_differences(group, groups, users, mapping, wanted)
    if exclusive:
        differences += users.unexpected("User") + groups.unexpected("Group")
    return differences


class _Pairing:
    """Which resource of the tenant belongs to which object of the directory."""

    def __init__(self, resources: dict[str, Resource], match: str) -> None:
        self._resources = resources
        self._match = match
        self._by_value = {
            str(lookup(resource, match)).lower(): anchor for anchor, resource in resources.items()
        }
        self.anchors: dict[str, str] = {}

    def pair(self, object_id: str, anchor: str | None, values: Values) -> None:
        if anchor is None:
            anchor = self._by_value.get(str(values.get(self._match)).lower())
        if anchor is not None:
            self.anchors[object_id] = anchor

    def resource(self, object_id: str) -> Resource | None:
        return self._resources.get(self.anchors.get(object_id, ""))

    def unexpected(self, kind: str) -> list[Difference]:
        accounted = set(self.anchors.values())
        return [
            Difference(kind, str(lookup(resource, self._match)), "", None, anchor)
            for anchor, resource in self._resources.items()
            if anchor not in accounted
        ]


def _user_differences(
    user: User, users: _Pairing, mapping: Mapping, in_scope: bool
) -> Iterator[Difference]:
    resource = users.resource(user.object_id)
    provisioned = in_scope and not user.soft_deleted
    if resource is None:
        if provisioned:
            yield Difference("User", user.name, "", "a user", None)
        return
    values = mapping.user_values(user, in_scope=in_scope)
    yield from _value_differences(
        "User", user.name, values if provisioned else active_only(values), resource
    )
    if mapping.manager is not None and provisioned:
        expected = users.anchors.get(user.manager) if user.manager else None
        found = mapping.manager.read(resource)
        unresolved = user.manager is not None and expected is None
        if not unresolved and (found or None) != expected:
            yield Difference("User", user.name, mapping.manager.text, expected, found)


def _group_differences(
    group: Group, groups: _Pairing, users: _Pairing, mapping: Mapping, wanted: set[str]
) -> Iterator[Difference]:
    resource = groups.resource(group.object_id)
    if resource is None:
        yield Difference("Group", group.name, "", "a group", None)
        return
    yield from _value_differences("Group", group.name, mapping.group_values(group), resource)
    if mapping.members is None:
        return
    expected = {
        users.anchors[key] for key in group.members if key in wanted and key in users.anchors
    }
    listed = [lookup(member, "value") for member in mapping.members.read(resource) or ()]
    if len(listed) != len(set(listed)) or set(listed) != expected:
        yield Difference("Group", group.name, "members", sorted(expected), sorted(listed))


def _value_differences(
    kind: str, name: str, values: Values, resource: Resource
) -> Iterable[Difference]:
    for target, expected in values.items():
        found = Target.parse(target).read(resource)
        if found != expected or type(found) is not type(expected):
            yield Difference(kind, name, target, expected, found)
