"""The dialects that a tenant can speak: one record of all that its ``profile`` decides."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from scim_service.entra.bodies import normalise_resource
from scim_service.entra.leniencies import ENTRA_LENIENCIES
from scim_service.entra.patches import normalise_patch
from scim_service.entra.urls import correct_endpoint
from scim_service.scim.budget import Budget
from scim_service.scim.leniencies import NO_LENIENCIES, Leniencies
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.skipped import Skipped

Profile: TypeAlias = Literal["entra", "strict"]


class NormaliseResource(Protocol):
    """Puts the body of a POST or PUT into standard form."""

    def __call__(
        self, resource_type: ResourceType, body: object, /, *, budget: Budget | None = None
    ) -> Any:
        """Return the body in standard form; `body` itself is not changed."""


class NormalisePatch(Protocol):
    """Puts the body of a PATCH into standard form."""

    def __call__(
        self,
        resource_type: ResourceType,
        body: object,
        /,
        *,
        budget: Budget | None = None,
        skipped: Skipped | None = None,
    ) -> Any:
        """Return the body in standard form; `body` itself is not changed."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a profile decides, with one member for each place where it matters.

    Parameters
    ----------
    leniencies
        What the protocol core overlooks.
    normalise_resource, normalise_patch
        Put a body into standard form before the protocol core reads it.
    correct_endpoint
        Corrects the path of a request before it is routed.
    has_unique_group_names
        Whether a group's displayName must be unique.
    """

    leniencies: Leniencies
    normalise_resource: NormaliseResource
    normalise_patch: NormalisePatch
    correct_endpoint: Callable[[str], str]
    has_unique_group_names: bool


def _keep_resource(_: ResourceType, body: object, *, budget: Budget | None = None) -> Any:
    return body


def _keep_patch(
    _: ResourceType,
    body: object,
    *,
    budget: Budget | None = None,
    skipped: Skipped | None = None,
) -> Any:
    return body


DIALECTS: dict[Profile, Dialect] = {
    "entra": Dialect(
        leniencies=ENTRA_LENIENCIES,
        normalise_resource=normalise_resource,
        normalise_patch=normalise_patch,
        correct_endpoint=correct_endpoint,
        # Tutorial: Entra finds a group by its displayName, the default matching attribute.
        has_unique_group_names=True,
    ),
    "strict": Dialect(
        leniencies=NO_LENIENCIES,
        normalise_resource=_keep_resource,
        normalise_patch=_keep_patch,
        correct_endpoint=str,
        has_unique_group_names=False,
    ),
}
