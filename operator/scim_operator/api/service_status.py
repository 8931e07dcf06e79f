"""What a tenant's service says about itself on its management port (``/-/status``). Pure.

A pod may have been taken over, so every field is bounded in number, length and range: a report
costs a few kilobytes at most, and nothing in it can break a status, a metric or a date.
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

MOST_BYTES = 65_536
"""The most that a report may have, in bytes."""

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _in_range(moment: datetime) -> datetime:
    if not _FIRST <= moment < _LAST:
        raise ValueError("is not between the years 2000 and 2200")
    return moment.replace(microsecond=0)


Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
"""In whole seconds, as everything in the Kubernetes API."""

Count = Annotated[int, Field(ge=0, le=2**53)]
"""At most what a JSON number and a metric's sample hold exactly."""

_Proof = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
_Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+-]{1,64}$")]
_AttributeName = Annotated[str, StringConstraints(pattern=r"^[!-~]{0,120}$")]


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class TokenUse(_Part):
    """When a token was last accepted.

    Attributes
    ----------
    proof
        `desired.tokens.token_format.compute_proof` once a request has brought the token. Whoever
        sees it can test guesses of the token, so it is in no representation.
    """

    id: _Word
    last_used: Moment | None = None
    proof: Annotated[_Proof | None, Field(repr=False)] = None


class Writes(_Part):
    """How many writes of the last 24 hours were accepted, and how many refused."""

    accepted: Count = 0
    refused: Count = 0


class SkippedAttribute(_Part):
    """An attribute that requests named and the service left out.

    Attributes
    ----------
    attribute
        As the client spells it; ``*`` for those beyond the most that are told apart.
    reason
        ``unknown`` or ``readOnly``.
    requests
        How many requests of the last 24 hours named it.
    """

    resource_type: _Word
    attribute: _AttributeName
    reason: _Word
    requests: Count


class ServiceStatus(_Part):
    """One reading; fields that are not known here are ignored.

    Attributes
    ----------
    version
        Of the service.
    last_request, last_provisioned
        The last authenticated request and the last write that succeeded.
    last_backup
        The last complete copy of the database; None where others make them, as on PostgreSQL.
    failures
        Refused requests of the last 24 hours by SCIM error type or HTTP status; an older service
        counts requests without an accepted token here, as ``401``.
    writes
        None of an older service.
    unauthenticated
        Requests of the last 24 hours that carried no accepted token.
    skipped_attributes
        What requests of the last 24 hours named and the service left out, most frequent first.
    members_dropped
        Memberships that ended within 24 hours as a request for all members did not name them.
    problems
        What keeps the service from working as configured, as printable text.
    """

    version: _Version | None = None
    users: Count
    active_users: Count
    groups: Count
    last_request: Moment | None = None
    last_provisioned: Moment | None = None
    last_backup: Moment | None = None
    tokens: Annotated[tuple[TokenUse, ...], Field(max_length=256)] = ()
    failures: Annotated[Mapping[_Word, Count], Field(max_length=64)] = {}
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
        """How many authenticated requests were refused within a day."""
        return sum(count for kind, count in self.failures.items() if kind != "401")

    @property
    def latest(self) -> datetime:
        """The latest of all times in it."""
        times = (
            *(self.last_request, self.last_provisioned, self.last_backup),
            *self.last_used.values(),
        )
        return max((moment for moment in times if moment), default=_FIRST)

    @property
    def last_used(self) -> dict[str, datetime]:
        """When each token was last used, by id; tokens that never were are left out."""
        return {use.id: use.last_used for use in self.tokens if use.last_used is not None}

    @property
    def proofs(self) -> dict[str, str]:
        """The proofs of use by the tokens' ids."""
        return {use.id: use.proof for use in self.tokens if use.proof is not None}


class Problem(NamedTuple):
    """Why a service that runs cannot be read.

    Attributes
    ----------
    reason
        Reason of the condition Provisioning.
    message
        What is wrong and what to do.
    """

    reason: str
    message: str


class UnreadableError(Exception):
    """A reading that gave no report; the only argument is the `Problem`."""

    @property
    def problem(self) -> Problem:
        """Why."""
        problem: Problem = self.args[0]
        return problem


def read(text: bytes) -> ServiceStatus:
    """Read a report.

    Raises
    ------
    UnreadableError
        It is none, or breaks a bound; the message names the first field that does, and no value.
    """
    try:
        return ServiceStatus.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        # A key of a mapping comes from the pod and may be anything; only names of ours are shown.
        field = first["loc"][0] if first["loc"] else "the document"
        raise UnreadableError(
            Problem(
                "ReportInvalid",
                f"the service's answer at /-/status makes no sense (at {field}): check that the "
                "pod runs the image that the tenant's Deployment names; the tenant is repaired "
                "and its tokens are rotated all the same",
            )
        ) from None
