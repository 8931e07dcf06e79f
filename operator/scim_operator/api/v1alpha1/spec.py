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
    "labels under app.kubernetes.io/ and scim-operator.io/tenant are reserved for the "
    "operator: choose others",
)

_RESERVED_ANNOTATIONS = cel_rule(
    "!self.exists(key, key.startsWith('scim-operator.io/'))",
    "annotations under scim-operator.io/ are reserved for the operator: choose others",
)

_AS_IN_A_POD: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}


class Spec(ApiModel):
    """The desired state of a tenant."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "self.replicas <= 1 || has(self.database.postgres)",
                "only one pod can write a SQLite file: keep replicas at 1, or use "
                "database.postgres",
            ),
        )
    )

    display_name: Annotated[
        str | None,
        Field(max_length=256, description="Display name; the tenant's name if omitted."),
    ] = None
    suspended: Annotated[
        bool, Field(description="Whether to stop the pods; data, token and Tenant URL are kept.")
    ] = False
    replicas: Annotated[
        int,
        Field(ge=1, le=20, description="Number of pods; more than one requires database.postgres."),
    ] = 1
    database: Annotated[Database, Field(description="Database of users and groups.")] = Database(
        sqlite=Sqlite()
    )
    exposure: Annotated[
        Exposure,
        Field(description="Public exposure of the tenant, from which the Tenant URL is derived."),
    ] = Exposure()
    token: Annotated[Token, Field(description="The Secret Token that Entra sends.")] = Token()
    provisioning: Annotated[
        Provisioning, Field(description="Rules and limits for requests from Entra.")
    ] = Provisioning()
    deletion_policy: Annotated[
        Literal["Retain", "Delete"],
        Field(
            description="Policy for the volume and the token Secrets when the tenant is "
            "deleted: Retain keeps them for a new tenant of the same name, Delete "
            "removes them."
        ),
    ] = "Retain"
    resources: Annotated[
        Resources | None,
        Field(description="Compute resources of the pod; the operator's defaults if omitted."),
    ] = None
    node_selector: Annotated[StringMap, Field(description="Node labels that the pod requires.")] = (
        Field(default_factory=dict)
    )
    tolerations: Annotated[
        tuple[Toleration, ...], Field(max_length=32, description="Tolerations of the pod.")
    ] = ()
    affinity: Annotated[
        dict[str, Any] | None,
        Field(description="Affinity, as in a pod.", json_schema_extra=_AS_IN_A_POD),
    ] = None
    topology_spread_constraints: Annotated[
        tuple[Annotated[dict[str, Any], Field(json_schema_extra=_AS_IN_A_POD)], ...],
        Field(
            max_length=8,
            description="Topology spread constraints, as in a pod. If omitted, several "
            "replicas are spread over nodes.",
        ),
    ] = ()
    image_pull_secrets: Annotated[
        tuple[LocalReference, ...],
        Field(max_length=8, description="Image pull secrets, in addition to the operator's."),
    ] = ()
    priority_class_name: Annotated[
        ObjectName | None, Field(description="PriorityClass of the pod.")
    ] = None
    security_context: Annotated[
        PodSecurity, Field(description="User and group ids of the pod.")
    ] = PodSecurity()
    env: Annotated[
        tuple[EnvironmentVariable, ...],
        Field(
            max_length=32,
            description="Environment variables, for example of a proxy.",
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
