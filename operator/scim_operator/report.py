"""What a tenant's service says about itself on its management port (``/-/status``). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.replace(microsecond=0))]
"""In whole seconds, as everything in the Kubernetes API."""


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class TokenUse(_Part):
    """When a token was last accepted."""

    id: str
    last_used: Moment | None = None


class Report(_Part):
    """One reading; fields that are not known here are ignored.

    Attributes
    ----------
    last_request, last_provisioned
        The last authenticated request and the last write that succeeded.
    failures
        Refused requests of the last 24 hours by SCIM error type or HTTP status.
    """

    users: int
    active_users: int
    groups: int
    last_request: Moment | None = None
    last_provisioned: Moment | None = None
    tokens: tuple[TokenUse, ...] = ()
    failures: Mapping[str, int] = {}

    @property
    def last_used(self) -> dict[str, datetime]:
        """When each token was last used, by id; tokens that never were are left out."""
        return {use.id: use.last_used for use in self.tokens if use.last_used is not None}
