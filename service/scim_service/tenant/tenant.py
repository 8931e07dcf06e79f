"""A running tenant: all parts that its requests need."""

import re
import secrets
from dataclasses import dataclass

from scim_service import __version__
from scim_service.scim.schemas.registry import Registry
from scim_service.store.clock import Clock, now_microseconds
from scim_service.store.database.database import Database
from scim_service.store.database.errors import DatabaseError
from scim_service.store.repository import Repository
from scim_service.tenant.activity import Activity
from scim_service.tenant.config import TenantConfig
from scim_service.tenant.context import WRITES, RequestContext
from scim_service.tenant.limits import Limits
from scim_service.tenant.metrics import Metrics
from scim_service.tenant.operations.group_operations import GroupOperations
from scim_service.tenant.operations.index_paging import IndexPaging
from scim_service.tenant.operations.search_all import SearchAll
from scim_service.tenant.operations.user_operations import UserOperations
from scim_service.tenant.rules import Rules
from scim_service.tenant.tokens import Tokens
from scim_service.worker import LARGE_BODY_BYTES, MemoryLimit, Worker, work_thread

_KEY_BYTES = 32


def _cursor_key(text: str) -> bytes:
    """Return the key that cursors are signed with.

    Raises
    ------
    DatabaseError
        The text is no key.
    """
    if re.fullmatch(rf"[0-9a-f]{{{2 * _KEY_BYTES}}}", text) is None:
        raise DatabaseError(
            "the database is damaged: its table 'secret' has no usable key in the row 'cursor';"
            " stop the service and delete that row, then the next start creates a new key"
        )
    return bytes.fromhex(text)


@dataclass(frozen=True, slots=True)
class Tenant:
    """The parts of a running tenant. A process can have several.

    Parameters
    ----------
    access
        The tokens of the management port.
    worker, body_memory
        The tenant's share of what its process has.
    """

    config: TenantConfig
    rules: Rules
    registry: Registry
    repository: Repository
    tokens: Tokens
    access: Tokens
    activity: Activity
    metrics: Metrics
    users: UserOperations
    groups: GroupOperations
    search_all: SearchAll
    worker: Worker
    body_memory: MemoryLimit

    @property
    def limits(self) -> Limits:
        """The limits of one request, and of all requests together."""
        return self.rules.limits

    def note_outcome(self, context: RequestContext, status: int) -> None:
        """Note the outcome of a request with an accepted token, or of an operation of a Bulk."""
        if status >= 400:
            if not context.probe:
                self.activity.note_refusal(
                    context.audit_context(context.operation),
                    resource_type=context.resource_type,
                    resource_id=context.resource_id,
                    status=status,
                    scim_type=context.scim_type,
                    is_write=context.operation in WRITES,
                    reason=context.reason,
                )
        elif context.operation in WRITES:
            self.activity.note_write()
            self._note_losses(context)

    def _note_losses(self, context: RequestContext) -> None:
        """Note the attributes that a write left out, and the memberships that it ended unnamed."""
        if context.skipped:
            resource_type = context.resource_type or "none"
            self.activity.count_skipped(resource_type, context.skipped)
            self.metrics.count_skipped(resource_type, context.skipped)
        if context.dropped:
            self.activity.count_dropped(context.dropped)
            self.metrics.count_dropped(context.dropped)

    @classmethod
    async def open(
        cls,
        database: Database,
        *,
        config: TenantConfig,
        registry: Registry,
        tokens: Tokens,
        access: Tokens | None = None,
        limits: Limits,
        worker: Worker | None = None,
        body_memory: MemoryLimit | None = None,
        clock: Clock = now_microseconds,
    ) -> "Tenant":
        """Return a tenant whose data is in `database`.

        Without `access` the management port takes the tokens of SCIM. Without `worker` and
        `body_memory` the tenant has all of the process for itself.
        """
        worker = worker or Worker(work_thread())
        repository = Repository.over(
            database,
            registry,
            worker=worker,
            unique_group_names=config.provisioning.dialect.has_unique_group_names,
            max_users=config.provisioning.max_users,
            clock=clock,
        )
        await repository.users.prepare()
        activity = Activity(repository, limits)
        await activity.load()
        key = await repository.secrets.get_or_store("cursor", secrets.token_hex(_KEY_BYTES))
        rules = Rules(config, limits, _cursor_key(key))
        paging = IndexPaging(repository.page_starts)
        users = UserOperations(rules, repository.users, paging, worker)
        groups = GroupOperations(rules, repository.groups, paging, worker)
        return cls(
            config=config,
            rules=rules,
            registry=registry,
            repository=repository,
            tokens=tokens,
            access=access or tokens,
            activity=activity,
            metrics=Metrics(config.name, __version__),
            users=users,
            groups=groups,
            search_all=SearchAll([users.search, groups.search], limits, paging),
            worker=worker,
            body_memory=body_memory or MemoryLimit(LARGE_BODY_BYTES),
        )
