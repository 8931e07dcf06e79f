"""Parts of the spec that configure the pod."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from scim_operator.api.v1alpha1.formats import ApiModel, ObjectName, Quantities, cel_rule, cel_rules


class Resources(ApiModel):
    """Compute resources of the pod."""

    requests: Annotated[
        Quantities | None, Field(description="Resources that the pod is guaranteed.")
    ] = None
    limits: Annotated[Quantities | None, Field(description="Maximum resources of the pod.")] = None


class Toleration(ApiModel):
    """A toleration of the pod."""

    key: Annotated[str | None, Field(max_length=316, description="Key of the taint.")] = None
    operator: Annotated[
        Literal["Exists", "Equal"] | None,
        Field(description="Comparison of the taint's value with value."),
    ] = None
    value: Annotated[str | None, Field(max_length=63, description="Value of the taint.")] = None
    effect: Annotated[
        Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None,
        Field(description="Effect of the taint; all effects if omitted."),
    ] = None
    toleration_seconds: Annotated[
        int | None, Field(description="How long a NoExecute taint is tolerated.")
    ] = None


class LocalReference(ApiModel):
    """An object in the tenant's namespace."""

    name: Annotated[ObjectName, Field(description="Name of the object.")]


class EnvironmentVariable(ApiModel):
    """An environment variable of the service's container, with a plain value."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "!self.name.startsWith('SCIM_')",
                "variables that begin with SCIM_ are reserved for the operator: choose "
                "another name",
            )
        )
    )

    name: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128, description="Name of the variable."
        ),
    ]
    value: Annotated[
        str, Field(max_length=4096, description="Value. For a secret value, use volumes.")
    ]


class MountedVolume(ApiModel):
    """A ConfigMap or Secret of the tenant's namespace, mounted read-only."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "has(self.configMap) != has(self.secret)",
                "set exactly one of configMap and secret",
            )
        )
    )

    name: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            max_length=50,
            description="Name of the volume, which is mounted at /mnt/NAME.",
        ),
    ]
    config_map: Annotated[ObjectName | None, Field(description="Name of a ConfigMap.")] = None
    secret: Annotated[ObjectName | None, Field(description="Name of a Secret.")] = None


class PodSecurity(ApiModel):
    """User and group ids of the pod; the operator sets the rest of its security context."""

    run_as_user: Annotated[int | None, Field(ge=1, description="User id; root is not allowed.")] = (
        None
    )
    run_as_group: Annotated[int | None, Field(ge=0, description="Id of the primary group.")] = None
    fs_group: Annotated[int | None, Field(ge=0, description="Group id of the volumes.")] = None
    supplemental_groups: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...],
        Field(max_length=16, description="Ids of supplemental groups."),
    ] = ()
