"""``spec``: the desired state of a tenant."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from scim_operator.api.v1alpha1.database import Database, Sqlite
from scim_operator.api.v1alpha1.exposure import Exposure
from scim_operator.api.v1alpha1.formats import ApiModel, ObjectName, StringMap, cel_rule, cel_rules
from scim_operator.api.v1alpha1.pod import (
    EnvironmentVariable,
    LocalReference,
    MountedVolume,
    PodSecurity,
    Resources,
    Toleration,
)
from scim_operator.api.v1alpha1.provisioning import Provisioning
from scim_operator.api.v1alpha1.token import Token

_BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}

_RESERVED_LABELS = cel_rule(
    "!self.exists(key, key == 'scim-operator.io/tenant' || key.startsWith('app.kubernetes.io/'))",
    "labels under app.kubernetes.io/ and scim-operator.io/tenant are the operator's: choose others",
)

_RESERVED_ANNOTATIONS = cel_rule(
    "!self.exists(key, key.startsWith('scim-operator.io/'))",
    "annotations under scim-operator.io/ are the operator's: choose others",
)

_AS_IN_A_POD: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}


class Spec(ApiModel):
    """What a tenant's owner wants."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "self.replicas <= 1 || has(self.database.postgres)",
                "SQLite is a file that one pod writes: keep replicas at 1, or use "
                "database.postgres",
            ),
        )
    )

    display_name: Annotated[
        str | None,
        Field(max_length=256, description="Name for people; the tenant's name if omitted."),
    ] = None
    suspended: Annotated[
        bool, Field(description="Run no pod; data, token and Tenant URL are kept.")
    ] = False
    replicas: Annotated[
        int, Field(ge=1, le=20, description="Pods; more than one only with postgres.")
    ] = 1
    database: Annotated[Database, Field(description="Where users and groups are stored.")] = (
        Database(sqlite=Sqlite())
    )
    exposure: Annotated[Exposure, Field(description="How Entra reaches the tenant.")] = Exposure()
    token: Annotated[Token, Field(description="The Secret Token that Entra sends.")] = Token()
    provisioning: Annotated[
        Provisioning, Field(description="What the service accepts from Entra.")
    ] = Provisioning()
    deletion_policy: Annotated[
        Literal["Retain", "Delete"],
        Field(
            description="What happens to the volume and the token Secrets when the tenant is "
            "deleted: Retain keeps them for a tenant of the same name, Delete removes them."
        ),
    ] = "Retain"
    resources: Annotated[
        Resources | None,
        Field(description="Compute resources of the pod; the operator's defaults if omitted."),
    ] = None
    node_selector: Annotated[StringMap, Field(description="Labels of the nodes to run on.")] = (
        Field(default_factory=dict)
    )
    tolerations: Annotated[
        tuple[Toleration, ...], Field(max_length=32, description="Taints that are tolerated.")
    ] = ()
    affinity: Annotated[
        dict[str, Any] | None,
        Field(description="As in a pod.", json_schema_extra=_AS_IN_A_POD),
    ] = None
    topology_spread_constraints: Annotated[
        tuple[Annotated[dict[str, Any], Field(json_schema_extra=_AS_IN_A_POD)], ...],
        Field(
            max_length=8,
            description="As in a pod. If omitted, more than one replica is spread over nodes.",
        ),
    ] = ()
    image_pull_secrets: Annotated[
        tuple[LocalReference, ...],
        Field(max_length=8, description="Pull secrets beside the operator's."),
    ] = ()
    priority_class_name: Annotated[
        ObjectName | None, Field(description="PriorityClass of the pod.")
    ] = None
    security_context: Annotated[PodSecurity, Field(description="Ids that the pod runs with.")] = (
        PodSecurity()
    )
    env: Annotated[
        tuple[EnvironmentVariable, ...],
        Field(
            max_length=32,
            description="Environment variables, of a proxy for example.",
            json_schema_extra=_BY_NAME,
        ),
    ] = ()
    volumes: Annotated[
        tuple[MountedVolume, ...],
        Field(
            max_length=8,
            description="ConfigMaps and Secrets mounted below /mnt.",
            json_schema_extra=_BY_NAME,
        ),
    ] = ()
    pod_labels: Annotated[
        StringMap,
        Field(description="Labels of the pod.", json_schema_extra=cel_rules(_RESERVED_LABELS)),
    ] = Field(default_factory=dict)
    pod_annotations: Annotated[
        StringMap,
        Field(
            description="Annotations of the pod.",
            json_schema_extra=cel_rules(_RESERVED_ANNOTATIONS),
        ),
    ] = Field(default_factory=dict)
