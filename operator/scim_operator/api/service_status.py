"""The service status: a tenant's service returns it on its management port (``/-/status``).

An attacker may control a pod, so every field is bounded in number, length and range: a service
status has a few kilobytes at most and cannot break a ScimTenant's status, a metric or a date.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel

MAX_BYTES = 65_536
"""The maximum size of a service status in bytes."""

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _check_range(time: datetime) -> datetime:
    if not _FIRST <= time < _LAST:
        raise ValueError("is not between the years 2000 and 2200")
    return time.replace(microsecond=0)


Timestamp = Annotated[AwareDatetime, AfterValidator(_check_range)]
"""A time in whole seconds, as in the Kubernetes API."""

Count = Annotated[int, Field(ge=0, le=2**53)]
"""A number that a JSON number and a metric's sample can represent exactly."""

_Proof = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
_Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+-]{1,64}$")]
_AttributeName = Annotated[str, StringConstraints(pattern=r"^[!-~]{0,120}$")]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class TokenUse(_Model):
    """The last use of a token.

    Attributes
    ----------
    proof
        Proof that a request carried the token (`desired.tokens.token_format.compute_proof`). A
        reader of the proof can test guesses of the token, so ``repr`` leaves it out.
    """

    id: _Identifier
    last_used: Timestamp | None = None
    proof: Annotated[_Proof | None, Field(repr=False)] = None


class Writes(_Model):
    """Counts of accepted and rejected writes in the last 24 hours."""

    accepted: Count = 0
    refused: Count = 0


class SkippedAttribute(_Model):
    """An attribute in requests that the service ignored.

    Attributes
    ----------
    attribute
        Spelling of the client; ``*`` stands for all attributes beyond the service's limit.
    reason
        ``unknown`` or ``readOnly``.
    requests
        Number of requests with the attribute in the last 24 hours.
    """

    resource_type: _Identifier
    attribute: _AttributeName
    reason: _Identifier
    requests: Count


class ServiceStatus(_Model):
    """One reading of the service status; unknown fields are ignored.

    Attributes
    ----------
    version
        Version of the service.
    last_request, last_provisioned
        Times of the last authenticated request and of the last successful write.
    last_backup
        Time of the last complete copy of the database; None on PostgreSQL, whose backups are not
        the service's.
    failures
        Rejected requests of the last 24 hours by SCIM error type or HTTP status; older services
        count requests without an accepted token here, as ``401``.
    writes
        None for older services.
    unauthenticated
        Number of requests without an accepted token in the last 24 hours.
    skipped_attributes
        Ignored attributes of the last 24 hours, most frequent first.
    members_dropped
        Number of memberships that ended in the last 24 hours because a request that replaced all
        members did not contain them.
    problems
        Problems that keep the service from working as configured, as printable text.
    """

    version: _Version | None = None
    users: Count
    active_users: Count
    groups: Count
    last_request: Timestamp | None = None
    last_provisioned: Timestamp | None = None
    last_backup: Timestamp | None = None
    tokens: Annotated[tuple[TokenUse, ...], Field(max_length=256)] = ()
    failures: Annotated[Mapping[_Identifier, Count], Field(max_length=64)] = {}
    writes: Writes | None = None
    unauthenticated: Count = 0
    skipped_attributes: Annotated[tuple[SkippedAttribute, ...], Field(max_length=64)] = ()
    members_dropped: Count = 0
    problems: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[ -~]{1,300}$")], ...],
        Field(max_length=8),
    ] = ()

    @property
    def refused(self) -> int:
        """Number of rejected authenticated requests in the last 24 hours."""
        return sum(count for kind, count in self.failures.items() if kind != "401")

    @property
    def latest(self) -> datetime:
        """The latest time in the service status."""
        times = (
            *(self.last_request, self.last_provisioned, self.last_backup),
            *self.last_used.values(),
        )
        return max((time for time in times if time), default=_FIRST)

    @property
    def last_used(self) -> dict[str, datetime]:
        """Times of the last use of each used token, by token id."""
        return {use.id: use.last_used for use in self.tokens if use.last_used is not None}

    @property
    def proofs(self) -> dict[str, str]:
        """Proofs of use, by token id."""
        return {use.id: use.proof for use in self.tokens if use.proof is not None}


class Problem(NamedTuple):
    """A problem that keeps the operator from reading the service status.

    Attributes
    ----------
    reason
        Reason of the condition Provisioning.
    message
        Description of the problem and the remedy.
    """

    reason: str
    message: str


class UnreadableStatusError(Exception):
    """The service status cannot be read; the only argument is the `Problem`."""

    @property
    def problem(self) -> Problem:
        """The problem that keeps the service status from being read."""
        problem: Problem = self.args[0]
        return problem


def parse_service_status(text: bytes) -> ServiceStatus:
    """Parse a service status.

    Raises
    ------
    UnreadableStatusError
        The text is no service status or exceeds a bound; the message names the first invalid
        field, and no value.
    """
    try:
        return ServiceStatus.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        # A key of a mapping comes from the pod and can be any text; show field names only.
        field = first["loc"][0] if first["loc"] else "the document"
        raise UnreadableStatusError(
            Problem(
                "ReportInvalid",
                f"the service's response at /-/status is invalid (at {field}): check that the pod "
                "runs the image in the tenant's Deployment; the operator still repairs the "
                "tenant and rotates its tokens",
            )
        ) from None
