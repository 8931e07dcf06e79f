"""The tenant's activity: the provisioning log of refused requests, and when what last happened.

Writes that succeed are logged by the repository, in their own transaction. What is gathered here
is written every few seconds instead, since no answer depends on it.
"""

import logging
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from scim_service.settings import Limits
from scim_service.store.database import DatabaseError, Statement, Values
from scim_service.store.folding import moment_text
from scim_service.store.records import Origin
from scim_service.store.repository import Repository

FLUSH_SECONDS = 5.0
"""How often what was gathered is written; the contract allows a minute."""

PRUNE_SECONDS = 3600.0

REFUSALS = 1000
"""How many refused requests between two flushes are logged; a flood is not."""

_DAY = 24 * 3600 * 1_000_000
_REQUEST = "request"
_PROVISIONED = "provisioned"
_TOKEN = "token:"  # noqa: S105

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Activity:
    """What happened, in memory until it is flushed."""

    repository: Repository
    limits: Limits
    _moments: dict[str, int] = field(default_factory=dict)
    _unsaved: dict[str, int] = field(default_factory=dict)
    _refusals: deque[tuple[Statement, Values]] = field(
        default_factory=lambda: deque(maxlen=REFUSALS)
    )

    async def load(self) -> None:
        """Take up what an earlier run, or another replica, has written."""
        for name, at in (await self.repository.log.moments()).items():
            self._moments[name] = max(at, self._moments.get(name, 0))

    def requested(self, token_id: str) -> None:
        """Note an authenticated request."""
        now = self.repository.clock()
        for name in (_REQUEST, _TOKEN + token_id):
            self._moments[name] = self._unsaved[name] = now

    def provisioned(self) -> None:
        """Note a write that succeeded."""
        self._moments[_PROVISIONED] = self._unsaved[_PROVISIONED] = self.repository.clock()

    def refused(
        self,
        origin: Origin,
        *,
        resource_type: str | None,
        resource_id: str | None,
        status: int,
        scim_type: str | None,
    ) -> None:
        """Note a request that was refused."""
        self._refusals.append(
            self.repository.log.line(
                origin,
                resource_type=resource_type,
                resource_id=resource_id,
                status=status,
                scim_type=scim_type,
            )
        )

    async def flush(self) -> None:
        """Write what was gathered; what cannot be written now is kept for the next time."""
        if not self._refusals and not self._unsaved:
            return
        lines, moments = list(self._refusals), dict(self._unsaved)
        self._refusals.clear()
        self._unsaved.clear()
        try:
            await self.repository.log.save(lines, moments)
        except DatabaseError as error:
            _logger.warning("the activity could not be written: %s", error)
            self._refusals.extendleft(reversed(lines))
            self._unsaved = {**moments, **self._unsaved}

    async def prune(self) -> None:
        """Remove old lines of the log."""
        limits = self.limits
        before = self.repository.clock() - int(limits.activity_days * _DAY)
        await self.repository.log.prune(before=before, keep=limits.activity_rows)

    async def status(self, token_ids: list[str]) -> dict[str, Any]:
        """Return the tenant's status as ``docs/contract.md`` section 3 describes it."""
        await self.flush()
        await self.load()
        counts = await self.repository.counts()
        failures = await self.repository.log.failures(self.repository.clock() - _DAY)
        return {
            "users": counts.users,
            "activeUsers": counts.active_users,
            "groups": counts.groups,
            "lastRequest": self._moment(_REQUEST),
            "lastProvisioned": self._moment(_PROVISIONED),
            "tokens": [
                {"id": token_id, "lastUsed": self._moment(_TOKEN + token_id)}
                for token_id in token_ids
            ],
            "failures": failures,
        }

    async def recent(self, *, limit: int, refused: bool) -> list[dict[str, Any]]:
        """Return the newest lines of the log as ``docs/contract.md`` section 3 describes them."""
        await self.flush()
        lines = await self.repository.log.recent(limit=limit, least=400 if refused else 0)
        return [
            {
                "at": moment_text(line["at"]),
                "operation": line["operation"],
                "resourceType": line["resource_type"],
                "resourceId": line["resource_id"],
                "attributes": line["attributes"].split(",") if line["attributes"] else [],
                "status": line["status"],
                "scimType": line["scim_type"],
                "durationMs": line["duration_us"] / 1000,
                "requestId": line["request_id"],
                "tokenId": line["token_id"],
            }
            for line in lines
        ]

    def _moment(self, name: str) -> str | None:
        at = self._moments.get(name)
        return None if at is None else moment_text(at)
