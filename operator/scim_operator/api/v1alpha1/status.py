"""``status``: the observed state of a tenant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from scim_operator.api.v1alpha1.formats import ApiModel


class Condition(ApiModel):
    """One aspect of a tenant's state."""

    type: Annotated[
        str, Field(max_length=316, description="Aspect of the tenant that the condition describes.")
    ]
    status: Annotated[
        Literal["True", "False", "Unknown"], Field(description="Status of the condition.")
    ]
    reason: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", max_length=1024),
        Field(description="Reason of the status, for programs."),
    ]
    message: Annotated[
        str,
        Field(
            max_length=32768, description="Explanation of the status and, if needed, the remedy."
        ),
    ]
    last_transition_time: Annotated[datetime, Field(description="When status last changed.")]
    observed_generation: Annotated[
        int | None, Field(description="Generation of the spec that the condition describes.")
    ] = None


class TokenStatus(ApiModel):
    """A token that the service accepts."""

    id: Annotated[str, Field(description="Id of the token, as in the service's logs and metrics.")]
    created_at: Annotated[datetime, Field(description="When the token was first accepted.")]
    not_after: Annotated[
        datetime | None,
        Field(
            description="When the service stops accepting the token; "
            "absent while no retirement is scheduled."
        ),
    ] = None
    last_used: Annotated[
        datetime | None,
        Field(description="When the service last received a request with the token."),
    ] = None
    confirmed_at: Annotated[
        datetime | None,
        Field(
            description="When the service first proved that it received a request with the "
            "token. Older tokens are retired only after that."
        ),
    ] = None
    seal: Annotated[
        str | None,
        Field(description="Seal by which the operator verifies that it accepted the token."),
    ] = None


class CertificateStatus(ApiModel):
    """The certificate in a TLS Secret."""

    secret_name: Annotated[str, Field(description="Name of the Secret.")]
    not_after: Annotated[datetime, Field(description="When the certificate expires.")]


def _if_known(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Validate a value that another version of the operator may have written; None if invalid."""
    try:
        return read(value)
    except ValidationError:
        return None


RolloutState = Literal["current", "moving", "waiting", "failed"]

ROLLOUT_STATES: tuple[RolloutState, ...] = get_args(RolloutState)


class RolloutStatus(ApiModel):
    """The operator's record of the last rollout to the pods."""

    state: Annotated[
        RolloutState,
        Field(
            description="current: the pods have the current version; moving: they are being "
            "replaced; waiting: they wait for a rollout slot; failed: they did "
            "not become available after they were replaced."
        ),
    ] = "current"
    template: Annotated[str, Field(description="Digest of the applied pod template.")]
    spec_generation: Annotated[
        int, Field(description="Generation of the spec that the template was built from.")
    ]
    deployment_generation: Annotated[
        int,
        Field(
            description="Generation of the Deployment after it was applied; a different one "
            "shows that another client changed it."
        ),
    ]
    moved_at: Annotated[
        datetime | None,
        Field(description="When a rollout last started to replace the pods."),
    ] = None


class VolumeStatus(ApiModel):
    """The operator's record of the volume that holds the tenant's data."""

    name: Annotated[
        str, Field(description="Name of the PersistentVolume; empty while it is not bound.")
    ]
    claim: Annotated[str, Field(description="UID of the PersistentVolumeClaim.")]


class Status(ApiModel):
    """The observed state of a tenant.

    Attributes
    ----------
    is_unseen
        Whether no operator has reconciled the tenant yet.
    """

    observed_generation: Annotated[
        int | None, Field(description="Generation of the spec that the operator last reconciled.")
    ] = None
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            description="Always: Ready, Reconciling, Stalled, TokenReady, Available, Exposed, "
            "Provisioning. Temporarily: Restricted, while the administrator's "
            "settings do not allow a part of the spec; FieldConflict, while "
            "another client repeatedly sets a field of the tenant's objects; "
            "UnknownAnnotation, while the tenant has an unknown annotation under "
            "scim-operator.io/.",
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        ),
    ] = ()
    tenant_url: Annotated[
        str | None,
        Field(
            alias="tenantURL",
            description="Value for Entra's field Tenant URL; absent while the tenant does not "
            "hold the URL.",
        ),
    ] = None
    token_secret_name: Annotated[
        str | None, Field(description="Secret with tenantUrl and secretToken for Entra.")
    ] = None
    replicas: Annotated[int | None, Field(description="Number of pods.")] = None
    selector: Annotated[str | None, Field(description="Label selector of the pods.")] = None
    users: Annotated[int | None, Field(description="Number of users.")] = None
    active_users: Annotated[int | None, Field(description="Number of active users.")] = None
    groups: Annotated[int | None, Field(description="Number of groups.")] = None
    certificate: Annotated[
        CertificateStatus | None,
        WrapValidator(_if_known),
        Field(description="Certificate that the Ingress serves."),
    ] = None
    last_provisioned: Annotated[
        datetime | None, Field(description="When Entra last changed a user or group.")
    ] = None
    refused: Annotated[
        int | None,
        Field(
            description="Entra's requests that the service rejected within 24 hours. From ten "
            "on, the number is rounded down to its first digit (387 is 300), so "
            "that it seldom changes."
        ),
    ] = None
    version: Annotated[str | None, Field(description="Version that the service last reported.")] = (
        None
    )
    last_backup: Annotated[
        datetime | None,
        Field(description="When kubectl scim backup last copied the SQLite database."),
    ] = None
    objects: Annotated[
        dict[str, str],
        Field(
            description="UIDs of the tenant's objects, by kind and name.",
            json_schema_extra={"x-kubernetes-map-type": "atomic"},
        ),
    ] = Field(default_factory=dict)
    operator: Annotated[
        str | None,
        Field(
            description="Namespace and name of the Lease of the operator that reconciles the "
            "tenant. If the Lease is not renewed, the status is outdated."
        ),
    ] = None
    sealed_by: Annotated[
        str | None,
        Field(description="Id of the operator's key for the seals of the tenant's objects."),
    ] = None
    tokens: Annotated[
        tuple[TokenStatus, ...],
        Field(
            description="Tokens that the service accepts, newest last.",
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["id"],
            },
        ),
    ] = ()

    admitted: Annotated[
        dict[str, str] | None,
        Field(
            description="Fields of the tenant's objects that admission control of the cluster "
            "changes, by kind and name, each with a seal.",
            json_schema_extra={"x-kubernetes-map-type": "atomic"},
        ),
    ] = None
    rollout: Annotated[
        RolloutStatus | None,
        WrapValidator(_if_known),
        Field(description="Progress of the current version of the service."),
    ] = None
    volume: Annotated[
        VolumeStatus | None,
        Field(description="Volume that holds the tenant's data; no pod starts on a different one."),
    ] = None

    @property
    def is_unseen(self) -> bool:
        return (self.observed_generation or -1) < 0

    def condition(self, kind: str) -> Condition | None:
        """Return one condition; None if it is absent."""
        return next((known for known in self.conditions if known.type == kind), None)

    def is_true(self, kind: str) -> bool:
        """Tell whether a condition exists and is True."""
        found = self.condition(kind)
        return found is not None and found.status == "True"


UNSEEN = Status(
    observed_generation=-1,
    conditions=(
        Condition(
            type="Ready",
            status="Unknown",
            reason="Pending",
            message="not reconciled yet: if this persists, check that the operator runs and "
            "watches this namespace, and that the tenant is not paused",
            last_transition_time=datetime.fromtimestamp(0, UTC),
        ),
    ),
)
"""The default status, set by the API server: a client that waits for a new tenant finds a Ready
condition at once."""
