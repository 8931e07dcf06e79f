"""The provisioning job: Test Connection, the initial and the incremental cycle, on demand.

Sources: Microsoft, "How Application Provisioning works in Microsoft Entra ID" (the order of a
cycle), "Develop and plan provisioning for a SCIM endpoint" (the requests), "Provision on demand".
A query or a read precedes each write; references, managers and members, follow once all objects
are there.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import StrEnum
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from . import answers
from .attributes import Resource, Target
from .cycle import Cycle
from .dialect import Change, Dialect
from .directory import PRODUCT, Directory, Group, User
from .errors import Code, QuarantineError, RefusedError
from .ledger import GROUPS, USERS, Lost, Write
from .mapping import Mapping, Values, active_only
from .quarantine import Thresholds
from .state import JobState, Known, Membership, digest
from .transport import ENTRA_TIMEOUT, TIMED_OUT, Answer, Connection
from .verification import Difference, Tenant, compare, read_tenant

_T = TypeVar("_T")
_WITHOUT_MEMBERS = {"excludedAttributes": "members"}
ON_DEMAND_MEMBERS = 5
"""The most members of a group that provisioning on demand takes."""


class Scope(StrEnum):
    """Which users are provisioned: the setting "Scope" of the job."""

    ALL = "all"
    ASSIGNED = "assigned"

    def holds(self, user: User) -> bool:
        """Tell whether a user is to be provisioned."""
        return self is Scope.ALL or PRODUCT in user.licences


class Provisioning:
    """A job that provisions a directory into one tenant; use it as an async context."""

    def __init__(
        self,
        tenant_url: str,
        token: str,
        *,
        mapping: Mapping | None = None,
        dialect: Dialect | None = None,
        scope: Scope = Scope.ALL,
        parallel: int = 8,
        members_per_patch: int = 1,
        timeout: float = ENTRA_TIMEOUT,
        thresholds: Thresholds | None = None,
        state: JobState | None = None,
    ) -> None:
        self.mapping = mapping or Mapping()
        self.dialect = dialect or Dialect.of(tenant_url)
        self.scope = scope
        self.state = state or JobState()
        self._thresholds = thresholds or Thresholds()
        self._members_per_patch = members_per_patch
        self._connection = Connection(tenant_url, token, parallel=parallel, timeout=timeout)

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connection.__aexit__(kind, error, traceback)

    # The four actions of an administrator.

    async def test_connection(self) -> Cycle:
        """Ask for a user and a group that do not exist: an empty list is the right answer.

        Without it the credentials cannot be saved, so anything else counts as quarantine.
        """
        cycle = Cycle("test connection", self._connection.measure())
        try:
            for collection, attribute, query in (
                (USERS, self.mapping.user_match, {}),
                (GROUPS, self.mapping.group_match, _WITHOUT_MEMBERS),
            ):
                condition = self.dialect.filter(attribute, str(uuid.uuid4()))
                answer = await self._send("GET", collection, {**query, "filter": condition})
                if answers.listed(answer):
                    raise RefusedError(Code.INCOMPATIBLE, "a random id was found", answer)
        except QuarantineError as error:
            cycle.stop(error)
        except RefusedError as error:
            cycle.stop(QuarantineError(error.code, error.detail, error.answer))
        return cycle

    async def initial_cycle(self, directory: Directory) -> Cycle:
        """Match or create everything in scope, then bring references up to date."""
        return await self._run("initial", directory, everything=True)

    async def incremental_cycle(self, directory: Directory) -> Cycle:
        """Provision what has changed since the last cycle, and retry what failed."""
        return await self._run("incremental", directory, everything=False)

    async def provision_on_demand(
        self, directory: Directory, object_id: str, members: Sequence[str] = ()
    ) -> Cycle:
        """Provision one user, or one group with at most five of its members, now."""
        if len(members) > ON_DEMAND_MEMBERS:
            raise ValueError(f"on demand takes at most {ON_DEMAND_MEMBERS} members")
        cycle = Cycle("on demand", self._connection.measure())
        self.state.cycle += 1
        if object_id in directory.users:
            user = directory.users[object_id]
            steps: list[Callable[[], Awaitable[None]]] = [
                lambda: self._provision_user(cycle, user, everything=True),
                lambda: self._provision_manager(cycle, user),
            ]
        else:
            group = directory.groups[object_id]
            anchors = sorted(self._anchors(directory, members))
            steps = [
                lambda: self._provision_group(cycle, group, everything=True),
                lambda: self._change_members(cycle, group, anchors, present=True),
            ]
        try:
            for step in steps:
                await step()
        except QuarantineError as error:
            cycle.stop(error)
        return cycle

    # The questions of a test afterwards.

    async def tenant(self, page_size: int = 100) -> Tenant:
        """Read all resources of the tenant."""
        return await read_tenant(self._connection, page_size)

    async def verify(self, directory: Directory, *, exclusive: bool = True) -> list[Difference]:
        """Compare all resources of the tenant with the directory.

        With `exclusive`, objects that the directory does not account for are differences too.
        """
        return compare(
            await self.tenant(), directory, self.mapping, self.state, self.scope.holds, exclusive
        )

    async def lost_writes(self) -> list[Lost]:
        """Return the acknowledged writes that the tenant does not have."""
        tenant = await self.tenant()
        return self.state.ledger.lost(tenant.users, tenant.groups)

    # One cycle.

    async def _run(self, name: str, directory: Directory, *, everything: bool) -> Cycle:
        cycle = Cycle(name, self._connection.measure())
        self.state.cycle += 1
        users: list[User] = []
        groups: list[Group] = []
        try:
            await self._delete_gone(cycle, directory)
            # Again for users whose manager is known only now.
            for _ in range(2):
                due = [
                    user
                    for user in directory.users.values()
                    if user.object_id not in cycle.attempted
                    and self._is_due(user, directory, everything)
                ]
                users += due
                await self._each(
                    due, lambda user: self._provision_user(cycle, user, everything=everything)
                )
            groups += [
                group
                for group in directory.groups.values()
                if self._is_due(group, directory, everything)
            ]
            await self._each(
                groups, lambda group: self._provision_group(cycle, group, everything=everything)
            )
            await self._each(users, lambda user: self._provision_manager(cycle, user))
            changes = [
                change
                for group in groups
                for change in self._member_changes(group, directory, everything)
            ]
            await self._each(
                changes,
                lambda change: self._change_members(cycle, change[0], change[1], present=change[2]),
            )
        except* QuarantineError as errors:
            first = errors.exceptions[0]
            if isinstance(first, QuarantineError):
                cycle.stop(first)
        self._settle(cycle, directory, [*users, *groups])
        return cycle

    def _is_due(self, item: User | Group, directory: Directory, everything: bool) -> bool:
        now = self._digest(item, directory)
        if self.state.waits(item.object_id, now):
            return False
        known = self._known(item).get(item.object_id)
        if isinstance(item, User) and known is None:
            # No user is created only to be disabled.
            return self.scope.holds(item) and not item.soft_deleted
        return everything or known is None or known.synced != now

    def _settle(self, cycle: Cycle, directory: Directory, items: Iterable[User | Group]) -> None:
        """Set the watermark, put failures into escrow, and judge the whole cycle."""
        for item in items:
            known = self._known(item).get(item.object_id)
            if item.object_id in cycle.failed:
                self.state.fail(
                    item.object_id,
                    cycle.failed[item.object_id],
                    self._digest(item, directory),
                )
            elif item.object_id in cycle.attempted:
                self.state.succeed(item.object_id)
                if known is not None and cycle.quarantine is None:
                    known.synced = self._digest(item, directory)
        if cycle.quarantine is None:
            waiting = len(self.state.escrow.keys() - cycle.failed.keys())
            cycle.quarantine = self._thresholds.reason(
                events=len(cycle.attempted) + waiting,
                failures=cycle.object_failures + waiting,
                reference_failures=cycle.reference_failures,
            )

    async def _delete_gone(self, cycle: Cycle, directory: Directory) -> None:
        for collection, known, present in (
            (USERS, self.state.users, directory.users),
            (GROUPS, self.state.groups, directory.groups),
        ):
            gone = [key for key in known if key not in present]
            await self._each(gone, partial(self._delete, cycle, collection))

    async def _delete(self, cycle: Cycle, collection: str, object_id: str) -> None:
        known = self.state.users if collection == USERS else self.state.groups
        anchor = known[object_id].anchor
        try:
            await self._write(
                Write.deletion(collection, anchor),
                "DELETE",
                f"{collection}/{anchor}",
                None,
                answers.deleted,
            )
        except RefusedError as error:
            gone: User | Group = (
                User(object_id, {"userPrincipalName": anchor})
                if collection == USERS
                else Group(object_id, anchor)
            )
            cycle.fail(gone, "delete", error)
            return
        del known[object_id]
        self.state.succeed(object_id)
        self.state.members.pop(object_id, None)
        for membership in self.state.members.values():
            membership.confirmed.discard(anchor)
            membership.uncertain.discard(anchor)
        cycle.done[f"{collection.lower()} deleted"] += 1

    # One object.

    async def _provision_user(self, cycle: Cycle, user: User, *, everything: bool) -> None:
        cycle.attempted.add(user.object_id)
        in_scope = self.scope.holds(user)
        values = self.mapping.user_values(user, in_scope=in_scope)
        if not in_scope or user.soft_deleted:
            values = active_only(values)
        try:
            resource = await self._find(
                USERS, user.object_id, self.mapping.user_match, values, everything=everything
            )
            if resource is None:
                resource = await self._create(
                    USERS, user.object_id, values, self.dialect.create_user(values)
                )
                cycle.done["users created"] += 1
            else:
                changed = await self._update(USERS, resource, values)
                cycle.done[f"users {_outcome(changed)}"] += 1
        except RefusedError as error:
            cycle.fail(user, "provision", error)
            return
        manager = self.mapping.manager
        cycle.note_manager(user, manager.read(resource) if manager else None)

    async def _provision_group(self, cycle: Cycle, group: Group, *, everything: bool) -> None:
        cycle.attempted.add(group.object_id)
        values = self.mapping.group_values(group)
        try:
            resource = await self._find(
                GROUPS, group.object_id, self.mapping.group_match, values, everything=everything
            )
            if resource is None:
                await self._create(
                    GROUPS, group.object_id, values, self.dialect.create_group(values)
                )
                self.state.members[group.object_id] = Membership()
                cycle.done["groups created"] += 1
            else:
                changed = await self._update(GROUPS, resource, values)
                cycle.done[f"groups {_outcome(changed)}"] += 1
        except RefusedError as error:
            cycle.fail(group, "provision", error)

    async def _provision_manager(self, cycle: Cycle, user: User) -> None:
        target = self.mapping.manager
        known = self.state.users.get(user.object_id)
        if target is None or known is None or user.object_id in cycle.failed:
            return
        if not self.scope.holds(user) or user.soft_deleted:
            return
        held = cycle.managers.get(user.object_id)
        manager = self.state.users.get(user.manager) if user.manager else None
        if manager is not None and manager.anchor != held:
            url = self._connection.base + f"/{USERS}/{manager.anchor}"
            body = self.dialect.set_manager(
                target.text, manager.anchor, present=bool(held), url=url
            )
            wanted: str | None = manager.anchor
        elif user.manager is None and held:
            body = self.dialect.clear(target.text)
            wanted = None
        else:
            return
        write = Write.values(USERS, known.anchor, {target.text: wanted})
        try:
            await self._write(write, "PATCH", f"{USERS}/{known.anchor}", body, answers.updated)
        except RefusedError as error:
            cycle.fail(user, "manager", error, reference=True)
            return
        cycle.done["managers set" if wanted else "managers cleared"] += 1

    def _member_changes(
        self, group: Group, directory: Directory, everything: bool
    ) -> list[tuple[Group, list[str], bool]]:
        """Return the members to add and to remove, in portions of one request each."""
        if self.mapping.members is None or group.object_id not in self.state.groups:
            return []
        held = self.state.members.setdefault(group.object_id, Membership())
        wanted = self._anchors(directory, group.members)
        present = {known.anchor for known in self.state.users.values()}
        added = sorted(wanted if everything else wanted - held.confirmed)
        removed = sorted(((held.confirmed | held.uncertain) - wanted) & present)
        return [
            (group, anchors[start : start + self._members_per_patch], adding)
            for anchors, adding in ((added, True), (removed, False))
            for start in range(0, len(anchors), self._members_per_patch)
        ]

    async def _change_members(
        self, cycle: Cycle, group: Group, anchors: Sequence[str], *, present: bool
    ) -> None:
        known = self.state.groups.get(group.object_id)
        if known is None or cycle.failed.get(group.object_id) == Code.INVALID_ANCHOR:
            return
        anchor = known.anchor
        held = self.state.members.setdefault(group.object_id, Membership())
        held.uncertain.update(anchors)
        held.confirmed.difference_update(anchors)
        body = (
            self.dialect.add_members(anchors) if present else self.dialect.remove_members(anchors)
        )
        write = Write.members(anchor, anchors, present=present)
        try:
            await self._write(write, "PATCH", f"{GROUPS}/{anchor}", body, answers.updated)
        except RefusedError as error:
            cycle.fail(group, "members", error, reference=True)
            return
        held.uncertain.difference_update(anchors)
        if present:
            held.confirmed.update(anchors)
        cycle.done["members added" if present else "members removed"] += len(anchors)

    # Requests.

    async def _find(
        self, collection: str, object_id: str, attribute: str, values: Values, *, everything: bool
    ) -> Resource | None:
        """Return the object as the application has it, None where it has none."""
        query = _WITHOUT_MEMBERS if collection == GROUPS else {}
        without = "members" if collection == GROUPS else None
        known = (self.state.users if collection == USERS else self.state.groups).get(object_id)
        if attribute in values and (everything or known is None):
            value = str(values[attribute])
            answer = await self._send(
                "GET", collection, {**query, "filter": self.dialect.filter(attribute, value)}
            )
            resource = answers.matched(answer, attribute, value)
            if resource is not None:
                self._remember(collection, object_id, resource["id"])
                return resource
        if known is None:
            return None
        answer = await self._send("GET", f"{collection}/{known.anchor}", query)
        if answer.status == 404 and everything and attribute in values:
            return None
        return answers.got(answer, known.anchor, without=without)

    async def _create(
        self, collection: str, object_id: str, values: Values, body: Resource
    ) -> Resource:
        answer = await self._send("POST", collection, body=body)
        resource = answers.created(answer)
        self._remember(collection, object_id, resource["id"])
        self.state.ledger.acknowledge(Write.values(collection, resource["id"], values))
        return resource

    async def _update(self, collection: str, resource: Resource, values: Values) -> Values:
        """Send the differences, and return them."""
        held = {target: Target.parse(target).read(resource) for target in values}
        changed = {target: value for target, value in values.items() if held[target] != value}
        if changed:
            changes = [
                Change(target, value, present=held[target] is not None)
                for target, value in changed.items()
            ]
            anchor = resource["id"]
            await self._write(
                Write.values(collection, anchor, changed),
                "PATCH",
                f"{collection}/{anchor}",
                self.dialect.update(changes),
                answers.updated,
            )
        return changed

    async def _write(
        self,
        write: Write,
        method: str,
        path: str,
        body: Any,
        check: Callable[[Answer], None],
    ) -> None:
        """Send a write and note its result in the ledger."""
        self.state.ledger.intend(write)
        answer = await self._send(method, path, body=body)
        try:
            check(answer)
        except RefusedError:
            if answer.status is not None and 400 <= answer.status < 500:
                self.state.ledger.withdraw(write)
            raise
        self.state.ledger.acknowledge(write)

    async def _send(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None
    ) -> Answer:
        answer = await self._connection.send(method, path, query, body)
        if answer.problem == TIMED_OUT:
            # Entra sends a request that timed out again (Microsoft Q&A 1151866).
            return await self._connection.send(method, path, query, body)
        return answer

    async def _each(self, items: Iterable[_T], action: Callable[[_T], Awaitable[None]]) -> None:
        """Act on every item, as many at a time as there are connections."""
        queue = iter(items)

        async def work() -> None:
            for item in queue:
                await action(item)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._connection.parallel):
                tasks.create_task(work())

    # The job's state.

    def _known(self, item: User | Group) -> dict[str, Known]:
        return self.state.users if isinstance(item, User) else self.state.groups

    def _remember(self, collection: str, object_id: str, anchor: str) -> None:
        known = self.state.users if collection == USERS else self.state.groups
        if object_id not in known or known[object_id].anchor != anchor:
            known[object_id] = Known(anchor)

    def _anchors(self, directory: Directory, members: Iterable[str]) -> set[str]:
        return {
            self.state.users[key].anchor
            for key in members
            if key in self.state.users and self.scope.holds(directory.users[key])
        }

    def _digest(self, item: User | Group, directory: Directory) -> str:
        if isinstance(item, Group):
            return digest(
                self.mapping.group_values(item),
                sorted(item.members),
                sorted(self._anchors(directory, item.members)),
            )
        in_scope = self.scope.holds(item)
        manager = self.state.users.get(item.manager) if item.manager else None
        return digest(
            self.mapping.user_values(item, in_scope=in_scope),
            in_scope and not item.soft_deleted,
            item.manager,
            manager.anchor if manager else None,
        )


def _outcome(changed: Values) -> str:
    if "active" in changed:
        return "restored" if changed["active"] else "disabled"
    return "updated" if changed else "unchanged"
