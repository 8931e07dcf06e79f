"""``spec.exposure``: host, path, and the Ingress or HTTPRoute of the Tenant URL."""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field, StringConstraints

from scim_operator.api.v1alpha1.formats import ApiModel, ObjectName, StringMap, cel_rule, cel_rules

HOST = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

PATH = r"^(/[A-Za-z0-9._~-]+)+$"


class NameRule(NamedTuple):
    """A rule for hosts or paths, for the API server and for values stored before the rule.

    Attributes
    ----------
    pattern
        A regular expression in the syntax common to RE2 and Python; searched anywhere in the name.
    must_match
        Whether a name must match the pattern; if False, it must not.
    message
        The message for a rejected name.
    """

    pattern: str
    must_match: bool
    message: str

    def admits(self, name: str) -> bool:
        """Tell whether the rule admits a name."""
        return (re.search(self.pattern, name) is not None) == self.must_match


HOST_RULES = (
    NameRule(
        "^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$",
        True,
        "host must be a DNS name with a dot, such as scim.example.com: IP addresses, names "
        "without a dot and labels of more than 63 characters are rejected",
    ),
    NameRule(
        "(^|[.])(localhost|svc|cluster[.]local)$|[.]svc[.]",
        False,
        "host is a name inside the cluster or of the local machine, which Entra cannot reach: "
        "set the public name",
    ),
)

PATH_RULES = (
    NameRule(
        "/[.]",
        False,
        "no segment of path may begin with a dot: /./, /../ and /.well-known/ belong to the "
        "whole host",
    ),
)


def _cel_name_rules(rules: tuple[NameRule, ...]) -> dict[str, Any]:
    """Return name rules as CEL; the API server does not apply them to an unchanged stored name."""
    return cel_rules(
        *(
            cel_rule(
                f"{'' if rule.must_match else '!'}self.matches('{rule.pattern}')", rule.message
            )
            for rule in rules
        )
    )


class Ingress(ApiModel):
    """An Ingress for the tenant."""

    class_name: Annotated[
        ObjectName | None, Field(description="IngressClass; the operator's default if omitted.")
    ] = None
    annotations: Annotated[
        StringMap, Field(description="Annotations for the ingress controller.")
    ] = Field(default_factory=dict)
    tls_secret_name: Annotated[
        ObjectName | None,
        Field(
            description="TLS Secret of the host. Entra requires TLS 1.2 or later and a "
            "certificate of a public certificate authority."
        ),
    ] = None


class ParentRef(ApiModel):
    """A Gateway, or one listener of it."""

    name: Annotated[ObjectName, Field(description="Name of the Gateway.")]
    namespace: Annotated[
        ObjectName | None, Field(description="Namespace of the Gateway; the tenant's if omitted.")
    ] = None
    section_name: Annotated[
        ObjectName | None,
        Field(description="Listener of the Gateway; every matching listener if omitted."),
    ] = None


class Gateway(ApiModel):
    """An HTTPRoute for the tenant."""

    parent_refs: Annotated[
        tuple[ParentRef, ...],
        Field(min_length=1, max_length=8, description="Gateways that the route attaches to."),
    ]


class Exposure(ApiModel):
    """Public exposure of the tenant, from which the Tenant URL is derived."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "!(has(self.ingress) && has(self.gateway))",
                "a tenant is exposed in one way: set ingress or gateway, not both",
            ),
        )
    )

    host: Annotated[
        Annotated[str, StringConstraints(pattern=HOST, max_length=253)] | None,
        Field(
            description="Host of the Tenant URL; the operator's default if omitted. With a "
            "host and neither ingress nor gateway, you create the route to the "
            "Service yourself.",
            json_schema_extra=_cel_name_rules(HOST_RULES),
        ),
    ] = None
    path: Annotated[
        Annotated[str, StringConstraints(pattern=PATH, max_length=200)] | None,
        Field(
            description="Path of the Tenant URL, without a slash at its end; the operator's "
            "default if omitted. The default contains the tenant's namespace: a "
            "tenant that is recreated in another namespace has a new URL, which "
            "you must enter in Entra.",
            json_schema_extra=_cel_name_rules(PATH_RULES),
        ),
    ] = None
    ingress: Annotated[Ingress | None, Field(description="Expose the tenant by an Ingress.")] = None
    gateway: Annotated[Gateway | None, Field(description="Expose the tenant by an HTTPRoute.")] = (
        None
    )
