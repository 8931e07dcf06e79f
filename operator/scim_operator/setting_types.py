"""Types of the operator's settings: texts with a format, and settings that are objects."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic.alias_generators import to_camel

from scim_operator import quantities
from scim_operator.api.v1alpha1.exposure import HOST, PATH


def _check_quantity(text: str) -> str:
    """Reject a text that the API server would reject in every object that contains it."""
    if re.search(quantities.PATTERN, text) is None:
        raise ValueError(f"{text!r} is not a quantity such as 500Mi, 1.5Gi, 100m or 1e9")
    return text


def _check_peers(peers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for peer in peers:
        if not peer or not peer.keys() <= {"podSelector", "namespaceSelector", "ipBlock"}:
            raise ValueError(
                "a peer must have podSelector, namespaceSelector or ipBlock, as in a "
                "NetworkPolicy, and no other field"
            )
    return peers


def _check_requests(resources: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    limits = resources.get("limits", {})
    for name, requested in resources.get("requests", {}).items():
        request = quantities.parse(requested)
        limit = quantities.parse(limits.get(name, requested))
        if request is not None and limit is not None and request > limit:
            raise ValueError(f"requests.{name} exceeds limits.{name}")
    return resources


def _check_template(template: str, pattern: str, kind: str) -> str:
    """Reject a template with unknown placeholders or without a valid result."""
    if re.search(pattern, template.replace("{namespace}", "a").replace("{name}", "a")) is None:
        raise ValueError(f"must be {kind}; the only placeholders are {{namespace}} and {{name}}")
    return template


def _check_host(template: str) -> str:
    return _check_template(template.lower(), HOST, "a host name") if template else template


def _check_path(template: str) -> str:
    return _check_template(template, PATH, "a path without a slash at its end")


def _normalize_networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(ip_network(network, strict=False)) for network in networks)


def _split_commas(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


SPLIT_COMMAS = BeforeValidator(_split_commas)
"""Accepts a list as one text that is separated by commas."""

HostTemplate = Annotated[str, AfterValidator(_check_host)]
PathTemplate = Annotated[str, AfterValidator(_check_path)]
Networks = Annotated[tuple[str, ...], AfterValidator(_normalize_networks)]
"""Networks in CIDR notation."""

_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
Name = Annotated[str, StringConstraints(pattern=f"^{_NAME}$", max_length=253)]
OptionalName = Annotated[str, StringConstraints(pattern=f"^({_NAME})?$", max_length=253)]
NamespaceName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)
]

Quantity = Annotated[str, Field(coerce_numbers_to_str=True), AfterValidator(_check_quantity)]
"""A quantity of Kubernetes, such as ``500Mi``; JSON numbers are accepted."""

DefaultResources = Annotated[
    dict[Literal["requests", "limits"], dict[str, Quantity]], AfterValidator(_check_requests)
]
"""Compute resources, as in a container."""

Peers = Annotated[list[dict[str, Any]], AfterValidator(_check_peers)]
"""NetworkPolicy peers."""

KeyPatterns = tuple[Annotated[str, StringConstraints(pattern=r"^[^*]*\*?$", min_length=1)], ...]
"""Keys; a final ``*`` matches any rest of a key."""

Wildcards = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
"""Patterns: ``*`` matches any characters, ``{namespace}`` the tenant's namespace."""


class ExposureRule(BaseModel):
    """Hosts, paths and Gateways that tenants of some namespaces may use.

    A rule does not restrict a field that it omits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespaces: Annotated[Wildcards, Field(description="Namespaces that the rule applies to.")]
    hosts: Annotated[Wildcards | None, Field(description="Hosts that tenants may use.")] = None
    paths: Annotated[
        Wildcards | None,
        Field(description="Paths under these hosts; with paths, namespaces may share a host."),
    ] = None
    gateways: Annotated[
        Wildcards | None,
        Field(description="Gateways of other namespaces that tenants may use: namespace/name."),
    ] = None


class Allow(BaseModel):
    """Parts of a spec that tenants may pass on to their pods and Ingresses.

    The operator leaves out every other part and names it in the condition Restricted.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )

    ingress_annotations: KeyPatterns = ("cert-manager.io/*",)
    pod_annotations: KeyPatterns = ()
    pod_labels: KeyPatterns = ()
    tolerations: KeyPatterns = ()
    priority_classes: KeyPatterns = ()
    security_context: KeyPatterns = ()
    env: KeyPatterns = ()
    volumes: KeyPatterns = ()
    cross_namespace_affinity: bool = False
    resources: dict[str, Quantity] = {"cpu": "4", "memory": "4Gi", "ephemeral-storage": "4Gi"}
    volume_size: Quantity = "100Gi"
