"""Everything that is stored of one tenant."""

from dataclasses import dataclass

from scim_service.scim.schemas.registry import Registry
from scim_service.store.activity.activity_log import ActivityLog
from scim_service.store.clock import Clock, now_microseconds
from scim_service.store.database.database import Database
from scim_service.store.page_starts import PageStarts, page_starts
from scim_service.store.resources.group_store import GROUPS, GroupStore
from scim_service.store.resources.user_store import ACTIVE, INACTIVE, UserStore


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is."""

    users: int
    active_users: int
    groups: int


@dataclass(frozen=True, slots=True)
class Repository:
    """The users, the groups and the log of a tenant."""

    database: Database
    users: UserStore
    groups: GroupStore
    log: ActivityLog
    page_starts: PageStarts
    clock: Clock

    @classmethod
    def over(
        cls,
        database: Database,
        registry: Registry,
        *,
        unique_groups: bool,
        max_users: int | None,
        clock: Clock = now_microseconds,
    ) -> "Repository":
        """Return the repository of a database.

        Parameters
        ----------
        unique_groups
            Whether a group's displayName must be unique.
        max_users
            The most active users, None for no limit.
        """
        log = ActivityLog(database, clock)
        return cls(
            database=database,
            users=UserStore(database, log, clock, resource_type=registry.user, maximum=max_users),
            groups=GroupStore(
                database, log, clock, resource_type=registry.group, unique=unique_groups
            ),
            log=log,
            page_starts=page_starts(database, clock),
            clock=clock,
        )

    async def counts(self) -> Counts:
        """Return how many users and groups there are; the cost does not depend on it."""
        amounts = await self.log.amounts()
        active = amounts.get(ACTIVE, 0)
        return Counts(active + amounts.get(INACTIVE, 0), active, amounts.get(GROUPS, 0))
