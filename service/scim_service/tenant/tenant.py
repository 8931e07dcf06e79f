"""One tenant's service: everything that its requests need, put together once."""

import re
import secrets
from dataclasses import dataclass

from scim_service import __version__
from scim_service.http.client_address import Sources
from scim_service.scim.schema import Registry
from scim_service.store.clock import Clock, now_microseconds
from scim_service.store.database.database import Database, DatabaseError
from scim_service.store.repository import Repository
from scim_service.tenant.activity import Activity
from scim_service.tenant.config import Tenant
from scim_service.tenant.context import OPERATIONS, RequestContext
from scim_service.tenant.limits import Limits
from scim_service.tenant.metrics import Metrics
from scim_service.tenant.operations import GroupOperations, Rules, UserOperations
from scim_service.tenant.tokens import Tokens
from scim_service.tenant.walks import Walks

WRITES = frozenset(OPERATIONS.values())
"""What changes a resource; the operations of a bulk are noted one by one."""

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
            " stop the service and delete that row, then the next start makes a new key"
        )
    return bytes.fromhex(text)


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a running tenant.

    `access` are the tokens of the management port.
    """

    tenant: Tenant
    rules: Rules
    registry: Registry
    repository: Repository
    tokens: Tokens
    access: Tokens
    activity: Activity
    metrics: Metrics
    users: UserOperations
    groups: GroupOperations
    walks: Walks
    sources: Sources

    @property
    def limits(self) -> Limits:
        """What requests may cost."""
        return self.rules.limits

    def note(self, call: RequestContext, status: int) -> None:
        """Note how a request with an accepted token, or one operation of a bulk, has ended."""
        if status >= 400:
            if not call.probe:
                self.activity.refused(
                    call.origin(call.operation),
                    resource_type=call.resource_type,
                    resource_id=call.resource_id,
                    status=status,
                    scim_type=call.scim_type,
                    is_write=call.operation in WRITES,
                    reason=call.reason,
                )
        elif call.operation in WRITES:
            self.activity.provisioned()
            self._note_losses(call)

    def _note_losses(self, call: RequestContext) -> None:
        """Note what a write that succeeded left out, and what it took away without naming it."""
        if call.skipped:
            resource_type = call.resource_type or "none"
            self.activity.skipped(resource_type, call.skipped)
            self.metrics.skipped(resource_type, call.skipped)
        if call.dropped:
            self.activity.dropped(call.dropped)
            self.metrics.dropped(call.dropped)

    @classmethod
    async def over(
        cls,
        database: Database,
        *,
        tenant: Tenant,
        registry: Registry,
        tokens: Tokens,
        access: Tokens | None = None,
        limits: Limits,
        sources: Sources | None = None,
        clock: Clock = now_microseconds,
    ) -> "Service":
        """Return the service of a tenant whose data is in `database`.

        Without `access` the management port takes the tokens of SCIM.
        """
        repository = Repository.over(
            database,
            registry,
            unique_groups=tenant.provisioning.lenient,
            max_users=tenant.provisioning.max_users,
            clock=clock,
        )
        await repository.users.prepare()
        activity = Activity(repository, limits)
        await activity.load()
        key = await repository.log.secret("cursor", secrets.token_hex(_KEY_BYTES))
        rules = Rules(tenant, limits, _cursor_key(key))
        walks = Walks(repository.page_starts)
        return cls(
            tenant=tenant,
            rules=rules,
            registry=registry,
            repository=repository,
            tokens=tokens,
            access=access or tokens,
            activity=activity,
            metrics=Metrics(tenant.tenant, __version__),
            users=UserOperations(rules, repository.users, walks),
            groups=GroupOperations(rules, repository.groups, walks),
            walks=walks,
            sources=sources or Sources(),
        )
