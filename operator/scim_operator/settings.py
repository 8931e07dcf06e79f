"""The operator's settings: flags of ``python -m scim_operator run``, or environment variables.

Each field is the flag ``--field-name`` and the variable ``SCIM_OPERATOR_FIELD_NAME``; the flag
wins. Values that are lists or objects are written as JSON.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from scim_operator import __version__, quantities
from scim_operator.api.v1alpha1.exposure import HOST, PATH
from scim_operator.api.v1alpha1.formats import Duration

PREFIX = "SCIM_OPERATOR_"


def _amount(text: str) -> str:
    """Refuse what the API server would refuse in every object that it is written into."""
    if re.search(quantities.PATTERN, text) is None:
        raise ValueError(f"{text!r} is no quantity: write it like 500Mi, 1.5Gi, 100m or 1e9")
    return text


def _peers(peers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for peer in peers:
        if not peer or not peer.keys() <= {"podSelector", "namespaceSelector", "ipBlock"}:
            raise ValueError(
                "a peer has podSelector, namespaceSelector or ipBlock, as in a NetworkPolicy, "
                "and nothing else"
            )
    return peers


Wildcards = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
"""Texts in which ``*`` stands for any characters and ``{namespace}`` for the tenant's namespace."""


class ExposureRule(BaseModel):
    """What tenants of some namespaces may name; what is omitted is not limited by this rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespaces: Annotated[Wildcards, Field(description="Namespaces that the rule is for.")]
    hosts: Annotated[Wildcards | None, Field(description="Hosts that they may name.")] = None
    paths: Annotated[
        Wildcards | None,
        Field(description="Paths under these hosts; with them, namespaces may share a host."),
    ] = None
    gateways: Annotated[
        Wildcards | None,
        Field(description="Gateways of other namespaces that they may use: namespace/name."),
    ] = None


Patterns = tuple[Annotated[str, StringConstraints(pattern=r"^[^*]*\*?$", min_length=1)], ...]
"""Keys; one that ends in ``*`` stands for all that begin so."""

Amount = Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(_amount)]
"""A quantity as Kubernetes reads it, such as ``500Mi``."""

_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
Name = Annotated[str, StringConstraints(pattern=f"^{_NAME}$", max_length=253)]
OptionalName = Annotated[str, StringConstraints(pattern=f"^({_NAME})?$", max_length=253)]
NamespaceName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)
]
Peers = Annotated[list[dict[str, Any]], AfterValidator(_peers)]
"""NetworkPolicy peers."""


class Allow(BaseModel):
    """What tenants may pass on to their pods and Ingresses; the rest is left out, and told."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )

    ingress_annotations: Patterns = ("cert-manager.io/*",)
    pod_annotations: Patterns = ()
    pod_labels: Patterns = ()
    tolerations: Patterns = ()
    priority_classes: Patterns = ()
    security_context: Patterns = ()
    env: Patterns = ()
    volumes: Patterns = ()
    cross_namespace_affinity: bool = False
    resources: dict[str, Amount] = {"cpu": "4", "memory": "4Gi", "ephemeral-storage": "4Gi"}
    volume_size: Amount = "100Gi"


class Settings(BaseModel):
    """Everything that an administrator can set for the whole operator."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Scope
    watch_namespaces: Annotated[
        tuple[NamespaceName, ...],
        Field(description="Namespaces to serve, separated by commas; empty: all of them."),
    ] = ()
    namespace: Annotated[
        NamespaceName,
        Field(description="The operator's own namespace: its Lease, NetworkPolicy peers."),
    ] = "scim-system"
    kubeconfig: Annotated[
        str,
        Field(description="Path of a kubeconfig; empty: the pod's account, else ~/.kube/config."),
    ] = ""

    # The tenants' service
    service_image: Annotated[
        str,
        StringConstraints(pattern=r"^[^\s]+$"),
        Field(description="Image of the tenants' service."),
    ] = f"scim-service:{__version__}"
    service_image_pull_policy: Annotated[
        Literal["Always", "IfNotPresent", "Never"], Field(description="Pull policy of that image.")
    ] = "IfNotPresent"
    service_image_pull_secrets: Annotated[
        tuple[Name, ...],
        Field(description="Pull secrets of every tenant's pod, separated by commas."),
    ] = ()
    service_resources: Annotated[
        Json[dict[Literal["requests", "limits"], dict[str, Amount]]],
        Field(description="Requests and limits of a tenant's pod, where the tenant gives none."),
    ] = {
        "requests": {"cpu": "25m", "memory": "96Mi", "ephemeral-storage": "64Mi"},
        "limits": {"cpu": "1", "memory": "256Mi", "ephemeral-storage": "512Mi"},
    }
    assigns_ids: Annotated[
        bool,
        Field(description="Whether the platform gives pods their user and groups (OpenShift)."),
    ] = False
    dns_ports: Annotated[
        tuple[int, ...], Field(description="Ports of the cluster's DNS, separated by commas.")
    ] = (53,)
    egress_rules: Annotated[
        Json[tuple[dict[str, Any], ...]],
        Field(description="More egress of the tenants' NetworkPolicies, as in one, as JSON."),
    ] = ()
    allow: Annotated[
        Json[Allow],
        Field(description="What tenants may pass on to their pods and Ingresses, as JSON."),
    ] = Allow()
    storage_class: Annotated[
        OptionalName,
        Field(description="StorageClass of the volumes; empty: the cluster's default."),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Field(
            description="Networks (CIDR) of the proxies whose X-Forwarded-For names the source of "
            "a tenant's requests, separated by commas."
        ),
    ] = ()
    rollout_limit: Annotated[
        int, Field(ge=1, description="Tenants whose pods may be replaced at a time.")
    ] = 20
    rollout_timeout: Annotated[
        float,
        Field(gt=0, description="Seconds after which a tenant that does not serve has failed."),
    ] = 600
    rollout_patience: Annotated[
        float,
        Field(ge=0, description="Seconds that a tenant on SQLite waits for silence; 0: none."),
    ] = 900

    # Exposure
    default_host: Annotated[
        str,
        Field(
            description="Host of exposed tenants that name none; {namespace}, {name} are filled."
        ),
    ] = ""
    default_path: Annotated[
        str, Field(description="Path of tenants that name none; {namespace}, {name} are filled.")
    ] = "/{namespace}/{name}/scim"
    tenants_may_name: Annotated[
        bool, Field(description="Whether a tenant may name a host or path beside the defaults.")
    ] = True
    exposure_rules: Annotated[
        Json[tuple[ExposureRule, ...]],
        Field(description="Which namespaces may name which hosts, paths and Gateways; empty: any."),
    ] = ()
    reserve_urls_for: Annotated[
        Duration,
        Field(description="How long a URL that a tenant has left waits for its namespace."),
    ] = "24h"
    cluster_domain: Annotated[Name, Field(description="DNS domain of the cluster.")] = (
        "cluster.local"
    )
    ingress_class: Annotated[
        OptionalName,
        Field(description="IngressClass of tenants that name none; empty: the default class."),
    ] = ""
    ingress_addresses: Annotated[
        bool,
        Field(
            description="Whether an Ingress without an address in its status counts as not "
            "reached; off for a controller that writes none."
        ),
    ] = True
    ingress_tls_secret: Annotated[
        OptionalName,
        Field(description="TLS Secret of ingresses that name none, in the tenant's namespace."),
    ] = ""

    # Network policy
    network_policies: Annotated[
        bool, Field(description="Whether each tenant gets a NetworkPolicy.")
    ] = True
    scim_peers: Annotated[
        Json[Peers],
        Field(description="NetworkPolicy peers that may reach the SCIM port; empty: anywhere."),
    ] = []
    management_peers: Annotated[
        Json[Peers],
        Field(
            description="NetworkPolicy peers that may reach the management port, beside the "
            "operator's own namespace; for example the monitoring namespace."
        ),
    ] = []
    database_peers: Annotated[
        Json[Peers],
        Field(description="NetworkPolicy peers that PostgreSQL is reached at; empty: anywhere."),
    ] = []
    database_ports: Annotated[
        tuple[Annotated[int, Field(ge=1, le=65535)], ...],
        Field(description="Ports that PostgreSQL is reached at."),
    ] = (5432,)

    # High availability
    leader_elect: Annotated[
        bool, Field(description="Whether to take the Lease before doing anything.")
    ] = False
    key_secret: Annotated[
        Name,
        Field(
            description="Secret in the operator's own namespace with the key of its seals; made "
            "when it is not there."
        ),
    ] = "scim-operator-key"  # noqa: S105 (the name of a Secret)
    lease_name: Annotated[Name, Field(description="Name of the Lease.")] = "scim-operator"
    identity: Annotated[
        str, Field(description="This process in the Lease; the pod's name where there is one.")
    ] = ""
    lease_duration: Annotated[
        float, Field(ge=1, description="Seconds after which a silent leader is replaced.")
    ] = 15
    renew_deadline: Annotated[
        float, Field(ge=0.5, description="Seconds after which a leader that cannot renew stops.")
    ] = 10
    retry_period: Annotated[
        float,
        Field(
            ge=0.1,
            description="Seconds between two renewals; those who stand by look twice as often.",
        ),
    ] = 2

    # Work
    workers: Annotated[int, Field(ge=1, description="Tenants reconciled at a time.")] = 16
    max_in_flight: Annotated[
        int, Field(ge=1, description="Requests to the API server in flight at a time.")
    ] = 32
    request_timeout: Annotated[
        float, Field(gt=0, description="Seconds until a request to the API server is given up.")
    ] = 15
    watch_timeout: Annotated[
        float, Field(gt=0, description="Seconds of silence after which a watch is opened anew.")
    ] = 70
    resync_interval: Annotated[
        float, Field(gt=0, description="Seconds in which every tenant is looked at once.")
    ] = 600
    poll_interval: Annotated[
        float, Field(gt=0, description="Seconds between two readings of a tenant's counts.")
    ] = 15
    poll_rate: Annotated[
        float,
        Field(gt=0, description="Readings a second over all tenants; many tenants wait longer."),
    ] = 100
    poll_in_flight: Annotated[int, Field(ge=1, description="Readings in flight at a time.")] = 32

    # Observability
    bind_address: Annotated[
        str,
        Field(
            description="Address of /healthz, /readyz and /metrics; empty: all of IPv4 and IPv6."
        ),
    ] = ""
    port: Annotated[
        int, Field(ge=0, le=65535, description="Port of /healthz, /readyz and /metrics; 0: any.")
    ] = 8080
    log_format: Annotated[Literal["json", "text"], Field(description="Form of the log.")] = "json"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="Least level logged.")
    ] = "info"

    @field_validator("default_host")
    @classmethod
    def _host(cls, value: str) -> str:
        return _template(value.lower(), HOST, "a host name in which") if value else value

    @field_validator("default_path")
    @classmethod
    def _path(cls, value: str) -> str:
        return _template(value, PATH, "a path without a slash at its end in which")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(network, strict=False)) for network in value)

    @field_validator(
        "watch_namespaces",
        "service_image_pull_secrets",
        "trusted_proxies",
        "database_ports",
        "dns_ports",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("service_resources")
    @classmethod
    def _requests_fit(cls, value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        limits = value.get("limits", {})
        for name, asked in value.get("requests", {}).items():
            request, limit = quantities.parse(asked), quantities.parse(limits.get(name, asked))
            if request is not None and limit is not None and request > limit:
                raise ValueError(f"requests.{name} is more than limits.{name}")
        return value

    @model_validator(mode="after")
    def _lease_times(self) -> Self:
        if not self.retry_period < self.renew_deadline < self.lease_duration:
            raise ValueError(
                "retry_period must be shorter than renew_deadline, and that shorter than "
                "lease_duration: or two operators would work at the same time"
            )
        return self

    @property
    def holder(self) -> str:
        """Who this process is in the Lease."""
        return self.identity or socket.gethostname()


def _template(value: str, pattern: str, what: str) -> str:
    """Refuse what cannot be filled in, or is no name then."""
    if re.search(pattern, value.replace("{namespace}", "a").replace("{name}", "a")) is None:
        raise ValueError(f"give {what} only {{namespace}} and {{name}} are filled in")
    return value


def from_environment(environ: Mapping[str, str] = os.environ, **flags: str | None) -> Settings:
    """Read the settings; a flag that was given wins over its variable.

    Raises
    ------
    pydantic.ValidationError
        A value has the wrong form; the message names the field.
    """
    values = {
        name: environ[PREFIX + name.upper()]
        for name in Settings.model_fields
        if PREFIX + name.upper() in environ
    }
    values.update({name: value for name, value in flags.items() if value is not None})
    return Settings.model_validate(values)


def explain(error: ValidationError) -> list[str]:
    """Return a line for each setting that cannot be used, beginning with its variable."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        setting, *rest = map(str, problem["loc"]) if problem["loc"] else ("",)
        where = ".".join([f"{PREFIX}{setting.upper()}", *rest]) if setting else "settings"
        lines.append(f"{where}: {problem['msg'].removeprefix('Value error, ')}")
    return lines
