"""Parts of the spec that configure the pod."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from scim_operator.api.v1alpha1.formats import ApiModel, ObjectName, Quantities, cel_rule, cel_rules


class Resources(ApiModel):
    """Compute resources of the pod."""

    requests: Annotated[Quantities | None, Field(description="What the pod is guaranteed.")] = None
    limits: Annotated[Quantities | None, Field(description="What the pod may use at most.")] = None


class Toleration(ApiModel):
    """A taint that the pod tolerates."""

    key: Annotated[str | None, Field(max_length=316, description="Key of the taint.")] = None
    operator: Annotated[
        Literal["Exists", "Equal"] | None, Field(description="How value is compared.")
    ] = None
    value: Annotated[str | None, Field(max_length=63, description="Value of the taint.")] = None
    effect: Annotated[
        Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None,
        Field(description="Effect of the taint; every one if omitted."),
    ] = None
    toleration_seconds: Annotated[
        int | None, Field(description="How long a NoExecute taint is tolerated.")
    ] = None


class LocalReference(ApiModel):
    """An object in the tenant's namespace."""

    name: Annotated[ObjectName, Field(description="Its name.")]


class EnvironmentVariable(ApiModel):
    """An environment variable of the service's container, with a plain value."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "!self.name.startsWith('SCIM_')",
                "variables that begin with SCIM_ are the operator's: choose another name",
            )
        )
    )

    name: Annotated[
        str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128, description="Name.")
    ]
    value: Annotated[str, Field(max_length=4096, description="Value; a Secret goes by volumes.")]


class MountedVolume(ApiModel):
    """A ConfigMap or Secret of the tenant's namespace, mounted read-only."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "has(self.configMap) != has(self.secret)",
                "give exactly one of configMap and secret",
            )
        )
    )

    name: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            max_length=50,
            description="Its files are in /mnt/NAME.",
        ),
    ]
    config_map: Annotated[ObjectName | None, Field(description="Name of a ConfigMap.")] = None
    secret: Annotated[ObjectName | None, Field(description="Name of a Secret.")] = None


class PodSecurity(ApiModel):
    """Ids that the pod runs with; the rest of its security context is the operator's."""

    run_as_user: Annotated[int | None, Field(ge=1, description="User, which is not root.")] = None
    run_as_group: Annotated[int | None, Field(ge=0, description="Primary group.")] = None
    fs_group: Annotated[int | None, Field(ge=0, description="Group of the volumes.")] = None
    supplemental_groups: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=16, description="More groups.")
    ] = ()
