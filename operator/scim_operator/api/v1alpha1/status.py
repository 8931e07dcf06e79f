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

    type: Annotated[str, Field(max_length=316, description="Which aspect.")]
    status: Annotated[Literal["True", "False", "Unknown"], Field(description="How it stands.")]
    reason: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", max_length=1024),
        Field(description="Why, for programs."),
    ]
    message: Annotated[
        str, Field(max_length=32768, description="Why, and what to do about it, for people.")
    ]
    last_transition_time: Annotated[datetime, Field(description="When status changed last.")]
    observed_generation: Annotated[
        int | None, Field(description="Generation of the spec that this speaks about.")
    ] = None


class TokenStatus(ApiModel):
    """A token that the service accepts."""

    id: Annotated[str, Field(description="As in the service's logs and metrics.")]
    created_at: Annotated[datetime, Field(description="When it was first accepted.")]
    not_after: Annotated[
        datetime | None, Field(description="When it is retired; not set while it is wanted.")
    ] = None
    last_used: Annotated[
        datetime | None, Field(description="When a request last carried it, as the service says.")
    ] = None
    confirmed_at: Annotated[
        datetime | None,
        Field(
            description="When the service first proved that a request had carried it; older "
            "tokens are retired only then."
        ),
    ] = None
    seal: Annotated[
        str | None, Field(description="Shows, to the operator alone, that the token is accepted.")
    ] = None


class CertificateStatus(ApiModel):
    """The certificate in a TLS Secret."""

    secret_name: Annotated[str, Field(description="Name of the Secret.")]
    not_after: Annotated[datetime, Field(description="When the certificate expires.")]


def _if_known(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Read what another version of the operator has written; None if it means nothing here."""
    try:
        return read(value)
    except ValidationError:
        return None


RolloutState = Literal["current", "moving", "waiting", "failed"]

ROLLOUT_STATES: tuple[RolloutState, ...] = get_args(RolloutState)


class RolloutStatus(ApiModel):
    """How the pods came to be as they are: the operator's own record."""

    state: Annotated[
        RolloutState,
        Field(
            description="Whether the pods are of the current version, are being replaced, wait "
            "for their place, or did not become available after they were replaced."
        ),
    ] = "current"
    template: Annotated[str, Field(description="Digest of the pod template that was applied.")]
    spec_generation: Annotated[int, Field(description="Generation of the spec that it was for.")]
    deployment_generation: Annotated[
        int,
        Field(
            description="Generation of the Deployment afterwards; at any other, others have "
            "changed it."
        ),
    ]
    moved_at: Annotated[
        datetime | None,
        Field(description="When the rollout of a new version replaced the pods."),
    ] = None


class VolumeStatus(ApiModel):
    """The volume with the tenant's data: the operator's own record."""

    name: Annotated[
        str, Field(description="Name of the PersistentVolume; empty while it is not bound.")
    ]
    claim: Annotated[str, Field(description="Uid of the PersistentVolumeClaim.")]


class Status(ApiModel):
    """What the operator has seen.

    Attributes
    ----------
    is_unseen
        Whether no operator has written one yet.
    """

    observed_generation: Annotated[
        int | None, Field(description="Generation of the spec that was reconciled last.")
    ] = None
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            description="Ready, Reconciling, Stalled, TokenReady, Available, Exposed, "
            "Provisioning; Restricted while a part of the spec is not passed on, FieldConflict "
            "while others set a field of the tenant's objects again and again, UnknownAnnotation "
            "while it has an annotation of ours that means nothing.",
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
            description="Entra's field Tenant URL; not set while the tenant does not hold it.",
        ),
    ] = None
    token_secret_name: Annotated[
        str | None, Field(description="Secret with tenantUrl and secretToken for Entra.")
    ] = None
    replicas: Annotated[int | None, Field(description="Pods that exist.")] = None
    selector: Annotated[str | None, Field(description="Label selector of the pods.")] = None
    users: Annotated[int | None, Field(description="Users in the tenant.")] = None
    active_users: Annotated[int | None, Field(description="Users that are active.")] = None
    groups: Annotated[int | None, Field(description="Groups in the tenant.")] = None
    certificate: Annotated[
        CertificateStatus | None,
        WrapValidator(_if_known),
        Field(description="What the Ingress serves TLS with."),
    ] = None
    last_provisioned: Annotated[
        datetime | None, Field(description="When Entra last changed a user or group.")
    ] = None
    refused: Annotated[
        int | None,
        Field(
            description="How many of Entra's requests were refused within a day; from ten on only "
            "the first digit counts (387 is 300), so that it seldom changes."
        ),
    ] = None
    version: Annotated[
        str | None, Field(description="Version of the service that was read last.")
    ] = None
    last_backup: Annotated[
        datetime | None,
        Field(description="When kubectl scim backup last copied the database, of a SQLite tenant."),
    ] = None
    objects: Annotated[
        dict[str, str],
        Field(
            description="Uids of the objects that are the tenant's, by kind and name.",
            json_schema_extra={"x-kubernetes-map-type": "atomic"},
        ),
    ] = Field(default_factory=dict)
    operator: Annotated[
        str | None,
        Field(
            description="Namespace and name of the Lease of the operator that looks after the "
            "tenant: if it is not renewed, the status is of the past."
        ),
    ] = None
    sealed_by: Annotated[
        str | None,
        Field(description="Id of the operator's key that the tenant's objects are sealed with."),
    ] = None
    tokens: Annotated[
        tuple[TokenStatus, ...],
        Field(
            description="The tokens that the service accepts, newest last.",
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["id"],
            },
        ),
    ] = ()

    admitted: Annotated[
        dict[str, str] | None,
        Field(
            description="Fields of the tenant's objects that admission rules of the cluster set "
            "otherwise than the operator, by kind and name, each with a seal.",
            json_schema_extra={"x-kubernetes-map-type": "atomic"},
        ),
    ] = None
    rollout: Annotated[
        RolloutStatus | None,
        WrapValidator(_if_known),
        Field(description="How far the current version of the service has come."),
    ] = None
    volume: Annotated[
        VolumeStatus | None,
        Field(description="The volume that has the tenant's data; no pod starts on another one."),
    ] = None

    @property
    def is_unseen(self) -> bool:
        return (self.observed_generation or -1) < 0

    def condition(self, kind: str) -> Condition | None:
        """Return one condition; None if it has not been written."""
        return next((known for known in self.conditions if known.type == kind), None)

    def is_true(self, kind: str) -> bool:
        """Tell whether a condition is there and true."""
        found = self.condition(kind)
        return found is not None and found.status == "True"


UNSEEN = Status(
    observed_generation=-1,
    conditions=(
        Condition(
            type="Ready",
            status="Unknown",
            reason="Pending",
            message="no operator has worked on it yet: if it stays so, see that one runs and "
            "watches this namespace, and that the tenant is not paused",
            last_transition_time=datetime.fromtimestamp(0, UTC),
        ),
    ),
)
"""Filled in by the API server, so that nobody who waits for a tenant ever finds nothing."""
