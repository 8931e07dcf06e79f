"""The tenant's activity: the log of refused requests, the times of the last events, and counters.

The repository logs a write that succeeds, in the transaction of the write. All else is kept in
memory here and written every few seconds, since no answer depends on it.
"""

import logging
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scim_service.scim.skipped import Skipped
from scim_service.store.activity.activity_store import HOUR
from scim_service.store.activity.audit_context import AuditContext
from scim_service.store.clock import format_time
from scim_service.store.copies.backup import BACKUP
from scim_service.store.database.errors import DatabaseError
from scim_service.store.database.statements import Step
from scim_service.store.repository import Repository
from scim_service.tenant.limits import Limits

FLUSH_SECONDS = 5.0
"""The interval between two writes of the activity; the contract allows a minute."""

PRUNE_SECONDS = 3600.0
"""The interval between two removals of old lines."""

REFUSALS = 1000
"""The most refused requests that are logged between two writes; all of them are counted."""

_DAY = 24 * HOUR
_REQUEST = "request"
_PROBED = "probed"
_PROVISIONED = "provisioned"
_TOKEN = "token:"  # noqa: S105
_UNAUTHENTICATED = "unauthenticated"
_REFUSED = "refused:"
_WRITES_ACCEPTED = "writesAccepted"
_WRITES_REFUSED = "writesRefused"
_SKIPPED = "skipped:"
_OTHERS = "*"
_DROPPED = "membersDropped"

SKIPPED_AN_HOUR = 50
"""The most skipped attributes with a counter of their own in an hour: clients choose the names."""

SKIPPED_SHOWN = 20
"""The most skipped attributes in the service status, the most frequent ones."""

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Activity:
    """What happened in a tenant; it is in memory until it is flushed."""

    repository: Repository
    limits: Limits
    _times: dict[str, int] = field(default_factory=dict)
    _unsaved: dict[str, int] = field(default_factory=dict)
    _hours: Counter[tuple[str, int]] = field(default_factory=Counter)
    _skipped: tuple[int, set[str]] = field(default_factory=lambda: (0, set()))
    _refusals: deque[Step] = field(default_factory=lambda: deque(maxlen=REFUSALS))

    async def load(self) -> None:
        """Read the times that an earlier run, or another replica, has written."""
        for name, at in (await self.repository.activity.last_times.read()).items():
            self._times[name] = max(at, self._times.get(name, 0))

    def note_request(self, token_id: str) -> None:
        """Note an authenticated request."""
        now = self.repository.clock()
        for name in (_REQUEST, _TOKEN + token_id):
            self._times[name] = self._unsaved[name] = now

    def note_probe(self) -> None:
        """Note an authenticated read that has the header Scim-Probe."""
        self._times[_PROBED] = self._unsaved[_PROBED] = self.repository.clock()

    def note_write(self) -> None:
        """Note a write that succeeded."""
        self._count(_WRITES_ACCEPTED)
        self._times[_PROVISIONED] = self._unsaved[_PROVISIONED] = self.repository.clock()

    def count_unauthenticated(self) -> None:
        """Count a request without an accepted token; with lines strangers could fill the log."""
        self._count(_UNAUTHENTICATED)

    def note_refusal(
        self,
        audit_context: AuditContext,
        *,
        resource_type: str | None,
        resource_id: str | None,
        status: int,
        scim_type: str | None,
        is_write: bool,
        reason: str | None = None,
    ) -> None:
        """Note an authenticated request that was refused."""
        self._count(_REFUSED + (scim_type or str(status)))
        if is_write:
            self._count(_WRITES_REFUSED)
        self._refusals.append(
            self.repository.activity.log.line(
                audit_context,
                resource_type=resource_type,
                resource_id=resource_id,
                status=status,
                scim_type=scim_type,
                reason=reason,
            )
        )

    def count_skipped(self, resource_type: str, names: Skipped) -> None:
        """Count the attributes that a request named and the service skipped."""
        hour = self.repository.clock() // HOUR
        if self._skipped[0] != hour:
            self._skipped = hour, set()
        known = self._skipped[1]
        for reason, name in names:
            prefix = f"{_SKIPPED}{resource_type}:{reason}:"
            if len(known) < SKIPPED_AN_HOUR:
                known.add(prefix + name)
            self._count(prefix + name if prefix + name in known else prefix + _OTHERS)

    def count_dropped(self, members: int) -> None:
        """Count memberships that ended because a request for all members did not name them."""
        self._count(_DROPPED, members)

    def _count(self, name: str, amount: int = 1) -> None:
        self._hours[name, self.repository.clock() // HOUR] += amount

    async def flush(self) -> None:
        """Write what happened since the last write; if that fails, keep it for the next one."""
        if not self._refusals and not self._unsaved and not self._hours:
            return
        lines, times, hours = list(self._refusals), dict(self._unsaved), self._hours
        self._refusals.clear()
        self._unsaved.clear()
        self._hours = Counter()
        try:
            await self.repository.activity.save(lines, times, hours)
        except DatabaseError as error:
            _logger.warning("the activity could not be written: %s", error)
            self._refusals.extendleft(reversed(lines))
            self._unsaved = {**times, **self._unsaved}
            self._hours.update(hours)

    async def prune(self) -> None:
        """Remove old lines of the log."""
        limits = self.limits
        await self.repository.activity.prune(
            before=self.repository.clock() - int(limits.activity_days * _DAY),
            writes=limits.activity_rows,
            refusals=limits.refusal_rows,
        )

    async def read_status(self) -> dict[str, Any]:
        """Return the activity's part of the service status (``docs/contract.md`` section 3)."""
        await self.flush()
        await self.load()
        counts = await self.repository.count_resources()
        amounts = await self.repository.activity.hourly.sum_since(
            (self.repository.clock() - _DAY) // HOUR
        )
        return {
            "users": counts.users,
            "activeUsers": counts.active_users,
            "groups": counts.groups,
            "lastRequest": self._format_time(_REQUEST),
            "lastProbed": self._format_time(_PROBED),
            "lastProvisioned": self._format_time(_PROVISIONED),
            "lastBackup": self._format_time(BACKUP),
            "failures": {
                name.removeprefix(_REFUSED): amount
                for name, amount in amounts.items()
                if name.startswith(_REFUSED)
            },
            "writes": {
                "accepted": amounts.get(_WRITES_ACCEPTED, 0),
                "refused": amounts.get(_WRITES_REFUSED, 0),
            },
            "unauthenticated": amounts.get(_UNAUTHENTICATED, 0),
            "skippedAttributes": _list_skipped(amounts),
            "membersDropped": amounts.get(_DROPPED, 0),
        }

    async def read_last_backup(self) -> float:
        """Return the time of the last backup, in seconds since 1970; 0 for never."""
        await self.load()
        return self._times.get(BACKUP, 0) / 1_000_000

    def last_use(self, token_id: str) -> str | None:
        """Return the time at which a token was last accepted."""
        return self._format_time(_TOKEN + token_id)

    async def read_recent(
        self, *, limit: int, refused: bool, request: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the newest lines of the log as ``docs/contract.md`` section 3 describes them."""
        await self.flush()
        lines = await self.repository.activity.log.read_recent(
            limit=limit, refused=refused, request=request
        )
        return [
            {
                "at": format_time(line["at"]),
                "operation": line["operation"],
                "resourceType": line["resource_type"],
                "resourceId": line["resource_id"],
                "attributes": line["attributes"].split(",") if line["attributes"] else [],
                "status": line["status"],
                "scimType": line["scim_type"],
                "durationMs": line["duration_us"] / 1000,
                "requestId": line["request_id"],
                "edgeRequestId": line["edge_id"],
                "tokenId": line["token_id"],
                "source": line["source"],
                "agent": line["agent"],
                "reason": line["reason"],
            }
            for line in lines
        ]

    def _format_time(self, name: str) -> str | None:
        at = self._times.get(name)
        return None if at is None else format_time(at)


def _list_skipped(amounts: Mapping[str, int]) -> list[dict[str, Any]]:
    found = Counter({name: each for name, each in amounts.items() if name.startswith(_SKIPPED)})
    shown: list[dict[str, Any]] = []
    for name, amount in found.most_common(SKIPPED_SHOWN):
        _, resource_type, reason, attribute = name.split(":", 3)
        shown.append(
            {
                "resourceType": resource_type,
                "attribute": attribute,
                "reason": reason,
                "requests": amount,
            }
        )
    return shown
