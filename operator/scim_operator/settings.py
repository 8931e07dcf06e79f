"""The operator's settings: flags of ``python -m scim_operator run``, or environment variables.

Each field is the flag ``--field-name`` and the variable ``SCIM_OPERATOR_FIELD_NAME``; the flag
takes precedence. Lists of names, numbers and networks are separated by commas, objects are JSON.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Json,
    StringConstraints,
    ValidationError,
    model_validator,
)

from scim_operator import __version__
from scim_operator.api.v1alpha1.formats import Duration
from scim_operator.setting_types import (
    SPLIT_COMMAS,
    Allow,
    DefaultResources,
    ExposureRule,
    HostTemplate,
    Name,
    NamespaceName,
    Networks,
    OptionalName,
    PathTemplate,
    Peers,
)

PREFIX = "SCIM_OPERATOR_"


class Settings(BaseModel):
    """Settings of the whole operator; the chart sets them from its values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Scope
    watch_namespaces: Annotated[
        tuple[NamespaceName, ...],
        SPLIT_COMMAS,
        Field(description="Namespaces to watch, separated by commas; empty: all namespaces."),
    ] = ()
    namespace: Annotated[
        NamespaceName,
        Field(
            description="The operator's own namespace, with its Lease, key Secret and URL claims."
        ),
    ] = "scim-system"
    kubeconfig: Annotated[
        str,
        Field(
            description="Path of a kubeconfig; empty: the pod's service account, else "
            "KUBECONFIG or ~/.kube/config."
        ),
    ] = ""

    # The tenants' service
    service_image: Annotated[
        str,
        StringConstraints(pattern=r"^[^\s]+$"),
        Field(description="Image of the service."),
    ] = f"scim-service:{__version__}"
    service_image_pull_policy: Annotated[
        Literal["Always", "IfNotPresent", "Never"],
        Field(description="Pull policy of the service's image."),
    ] = "IfNotPresent"
    service_image_pull_secrets: Annotated[
        tuple[Name, ...],
        SPLIT_COMMAS,
        Field(description="Image pull secrets of every tenant's pod, separated by commas."),
    ] = ()
    service_resources: Annotated[
        Json[DefaultResources],
        Field(description="Requests and limits of pods whose tenant sets none, as JSON."),
    ] = {
        "requests": {"cpu": "25m", "memory": "96Mi", "ephemeral-storage": "64Mi"},
        "limits": {"cpu": "1", "memory": "256Mi", "ephemeral-storage": "512Mi"},
    }
    assigns_ids: Annotated[
        bool,
        Field(description="Whether the platform assigns user and group ids to pods (OpenShift)."),
    ] = False
    dns_ports: Annotated[
        tuple[int, ...],
        SPLIT_COMMAS,
        Field(description="Ports of the cluster's DNS, separated by commas."),
    ] = (53,)
    egress_rules: Annotated[
        Json[tuple[dict[str, Any], ...]],
        Field(description="Additional egress rules of the tenants' NetworkPolicies, as JSON."),
    ] = ()
    allow: Annotated[
        Json[Allow],
        Field(
            description="Parts of a spec that tenants may pass on to their pods and "
            "Ingresses, as JSON."
        ),
    ] = Allow()
    storage_class: Annotated[
        OptionalName,
        Field(
            description="StorageClass of volumes whose tenant sets none; empty: the "
            "cluster's default."
        ),
    ] = ""
    trusted_proxies: Annotated[
        Networks,
        SPLIT_COMMAS,
        Field(
            description="Networks (CIDR) of the proxies whose X-Forwarded-For header the "
            "service trusts, separated by commas."
        ),
    ] = ()
    rollout_limit: Annotated[
        int, Field(ge=1, description="Maximum number of tenants whose pods are replaced at a time.")
    ] = 20
    rollout_timeout: Annotated[
        float,
        Field(
            gt=0,
            description="Seconds after which a rollout has failed if the tenant's new "
            "pods are not available.",
        ),
    ] = 600
    rollout_patience: Annotated[
        float,
        Field(
            ge=0,
            description="Maximum seconds that a rollout waits for a minute without "
            "requests to a tenant on SQLite; 0: no wait.",
        ),
    ] = 900

    # Exposure
    default_host: Annotated[
        HostTemplate,
        Field(
            description="Host of exposed tenants that set none; {namespace} and {name} are "
            "replaced."
        ),
    ] = ""
    default_path: Annotated[
        PathTemplate,
        Field(description="Path of tenants that set none; {namespace} and {name} are replaced."),
    ] = "/{namespace}/{name}/scim"
    tenants_may_name: Annotated[
        bool, Field(description="Whether a tenant may set a host or path other than the defaults.")
    ] = True
    exposure_rules: Annotated[
        Json[tuple[ExposureRule, ...]],
        Field(
            description="Hosts, paths and Gateways that tenants of each namespace may use, "
            "as JSON; empty: any."
        ),
    ] = ()
    reserve_urls_for: Annotated[
        Duration,
        Field(
            description="Time for which the URL of a deleted or moved tenant stays reserved "
            "for its namespace."
        ),
    ] = "24h"
    cluster_domain: Annotated[Name, Field(description="DNS domain of the cluster.")] = (
        "cluster.local"
    )
    ingress_class: Annotated[
        OptionalName,
        Field(
            description="IngressClass of tenants that set none; empty: the cluster's default class."
        ),
    ] = ""
    ingress_addresses: Annotated[
        bool,
        Field(
            description="Whether an Ingress without an address in its status counts as "
            "unreachable; set false for an ingress controller that writes no "
            "address."
        ),
    ] = True
    ingress_tls_secret: Annotated[
        OptionalName,
        Field(
            description="TLS Secret, in the tenant's namespace, of Ingresses whose tenant "
            "sets none."
        ),
    ] = ""

    # Network policy
    network_policies: Annotated[
        bool, Field(description="Whether to create a NetworkPolicy for each tenant.")
    ] = True
    scim_peers: Annotated[
        Json[Peers],
        Field(
            description="NetworkPolicy peers that may connect to the SCIM port, as JSON; "
            "empty: any source."
        ),
    ] = []
    management_peers: Annotated[
        Json[Peers],
        Field(
            description="NetworkPolicy peers that may connect to the management port in "
            "addition to the operator's namespace, for example the monitoring "
            "namespace, as JSON."
        ),
    ] = []
    database_peers: Annotated[
        Json[Peers],
        Field(
            description="NetworkPolicy peers of the PostgreSQL servers, as JSON; empty: any "
            "destination."
        ),
    ] = []
    database_ports: Annotated[
        tuple[Annotated[int, Field(ge=1, le=65535)], ...],
        SPLIT_COMMAS,
        Field(description="Ports of the PostgreSQL servers, separated by commas."),
    ] = (5432,)

    # High availability
    leader_elect: Annotated[
        bool, Field(description="Whether to acquire the Lease before reconciling tenants.")
    ] = False
    key_secret: Annotated[
        Name,
        Field(
            description="Secret in the operator's own namespace with the key of its seals; "
            "created if it does not exist."
        ),
    ] = "scim-operator-key"  # noqa: S105 (the name of a Secret)
    lease_name: Annotated[Name, Field(description="Name of the Lease.")] = "scim-operator"
    identity: Annotated[
        str,
        Field(
            description="Identity of this process in the Lease; empty: its host name, "
            "which in a pod is the pod's name."
        ),
    ] = ""
    lease_duration: Annotated[
        float,
        Field(
            ge=1,
            description="Seconds without a renewal after which another "
            "operator may acquire the Lease.",
        ),
    ] = 15
    renew_deadline: Annotated[
        float, Field(ge=0.5, description="Seconds without a renewal after which the leader stops.")
    ] = 10
    retry_period: Annotated[
        float,
        Field(
            ge=0.1,
            description="Seconds between attempts to acquire or renew the Lease.",
        ),
    ] = 2

    # Work
    workers: Annotated[
        int, Field(ge=1, description="Maximum number of tenants reconciled at a time.")
    ] = 16
    max_in_flight: Annotated[
        int, Field(ge=1, description="Maximum number of concurrent requests to the API server.")
    ] = 32
    request_timeout: Annotated[
        float, Field(gt=0, description="Seconds after which a request to the API server times out.")
    ] = 15
    watch_timeout: Annotated[
        float, Field(gt=0, description="Seconds without data after which a watch is reopened.")
    ] = 70
    resync_interval: Annotated[
        float, Field(gt=0, description="Seconds over which a resync reconciles every tenant once.")
    ] = 600
    poll_interval: Annotated[
        float, Field(gt=0, description="Seconds between two readings of a tenant's service status.")
    ] = 15
    poll_rate: Annotated[
        float,
        Field(
            gt=0,
            description="Maximum readings per second over all tenants; it lengthens "
            "poll_interval for many tenants.",
        ),
    ] = 100
    poll_in_flight: Annotated[
        int, Field(ge=1, description="Maximum number of concurrent readings.")
    ] = 32

    # Observability
    bind_address: Annotated[
        str,
        Field(
            description="Listen address of /healthz, /readyz and /metrics; empty: all IPv4 "
            "and IPv6 addresses."
        ),
    ] = ""
    port: Annotated[
        int,
        Field(
            ge=0,
            le=65535,
            description="Listen port of /healthz, /readyz and /metrics; 0: any free port.",
        ),
    ] = 8080
    log_format: Annotated[Literal["json", "text"], Field(description="Format of the log.")] = "json"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="Minimum level of logged records."),
    ] = "info"

    @model_validator(mode="after")
    def _check_lease_times(self) -> Self:
        if not self.retry_period < self.renew_deadline < self.lease_duration:
            raise ValueError(
                "retry_period must be shorter than renew_deadline, and renew_deadline shorter "
                "than lease_duration: otherwise two operators could work at the same time"
            )
        return self

    @property
    def holder(self) -> str:
        """The identity of this process in the Lease."""
        return self.identity or socket.gethostname()


def from_environment(environ: Mapping[str, str] = os.environ, **flags: str | None) -> Settings:
    """Read the settings; a given flag takes precedence over its variable.

    Raises
    ------
    pydantic.ValidationError
        A value is invalid; the message names the field.
    """
    values = {
        name: environ[PREFIX + name.upper()]
        for name in Settings.model_fields
        if PREFIX + name.upper() in environ
    }
    values.update({name: value for name, value in flags.items() if value is not None})
    return Settings.model_validate(values)


def explain(error: ValidationError) -> list[str]:
    """Return one line for each invalid setting; the line begins with the variable."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        setting, *rest = map(str, problem["loc"]) if problem["loc"] else ("",)
        where = ".".join([f"{PREFIX}{setting.upper()}", *rest]) if setting else "settings"
        lines.append(f"{where}: {problem['msg'].removeprefix('Value error, ')}")
    return lines
