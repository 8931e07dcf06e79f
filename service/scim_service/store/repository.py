"""Everything that is stored of one tenant."""

from dataclasses import dataclass

from scim_service.scim.schemas.registry import Registry
from scim_service.store.activity.activity_store import ActivityStore
from scim_service.store.clock import Clock, now_microseconds
from scim_service.store.counters import Counters
from scim_service.store.database.database import Database
from scim_service.store.page_starts import PageStarts, open_page_starts
from scim_service.store.resources.group_store import GROUPS, GroupStore
from scim_service.store.resources.user_store import ACTIVE, INACTIVE, UserStore
from scim_service.store.shared_secrets import SharedSecrets
from scim_service.worker import Worker


@dataclass(frozen=True, slots=True)
class ResourceCounts:
    """The numbers of users and groups."""

    users: int
    active_users: int
    groups: int


@dataclass(frozen=True, slots=True)
class Repository:
    """The stores of one tenant, in one database."""

    database: Database
    users: UserStore
    groups: GroupStore
    counters: Counters
    activity: ActivityStore
    page_starts: PageStarts
    secrets: SharedSecrets
    clock: Clock

    @classmethod
    def over(
        cls,
        database: Database,
        registry: Registry,
        *,
        worker: Worker,
        unique_group_names: bool,
        max_users: int | None,
        clock: Clock = now_microseconds,
    ) -> "Repository":
        """Return the repository of a database.

        Parameters
        ----------
        unique_group_names
            Whether each displayName belongs to one group only.
        max_users
            The maximum of active users, None for no limit.
        """
        activity = ActivityStore.over(database, clock)
        counters = Counters(database)
        return cls(
            database=database,
            users=UserStore(
                database,
                activity.log,
                counters,
                clock,
                worker=worker,
                resource_type=registry.user,
                maximum=max_users,
            ),
            groups=GroupStore(
                database,
                activity.log,
                counters,
                clock,
                worker=worker,
                resource_type=registry.group,
                unique_names=unique_group_names,
            ),
            counters=counters,
            activity=activity,
            page_starts=open_page_starts(database, clock),
            secrets=SharedSecrets(database),
            clock=clock,
        )

    async def count_resources(self) -> ResourceCounts:
        """Return the numbers of users and groups; the cost does not depend on them."""
        amounts = await self.counters.read_all()
        active = amounts.get(ACTIVE, 0)
        return ResourceCounts(active + amounts.get(INACTIVE, 0), active, amounts.get(GROUPS, 0))
