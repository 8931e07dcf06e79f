"""``spec.exposure``: host, path, and the Ingress or HTTPRoute of the Tenant URL."""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field, StringConstraints

from scim_operator.api.v1alpha1.formats import ApiModel, ObjectName, StringMap, cel_rule, cel_rules

HOST = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

PATH = r"^(/[A-Za-z0-9._~-]+)+$"


class NameRule(NamedTuple):
    """What a host or path must be like, for the API server and for what was stored before.

    Attributes
    ----------
    pattern
        A regular expression in the syntax that RE2 and Python share; it may match any part.
    fits
        Whether the name must match it, or must not.
    message
        The sentence that a refused user reads.
    """

    pattern: str
    fits: bool
    message: str

    def admits(self, name: str) -> bool:
        """Tell whether a name is as it must be."""
        return (re.search(self.pattern, name) is not None) == self.fits


HOST_RULES = (
    NameRule(
        "^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])+[a-z]([-a-z0-9]{0,61}[a-z0-9])?$",
        True,
        "host is a DNS name with a dot in it, such as scim.example.com: addresses, names of one "
        "part and parts of more than 63 characters are refused",
    ),
    NameRule(
        "(^|[.])(localhost|svc|cluster[.]local)$|[.]svc[.]",
        False,
        "host is a name of the cluster or of a machine itself, which no request from Entra is "
        "meant for: give the public name",
    ),
)

PATH_RULES = (
    NameRule(
        "/[.]",
        False,
        "no part of path may begin with a dot: /./, /../ and /.well-known/ belong to the whole "
        "host",
    ),
)


def _cel_name_rules(rules: tuple[NameRule, ...]) -> dict[str, Any]:
    """Return name rules as CEL; a stored name that is not changed passes them."""
    return cel_rules(
        *(
            cel_rule(f"{'' if rule.fits else '!'}self.matches('{rule.pattern}')", rule.message)
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
            description="TLS Secret of the host. Entra accepts TLS 1.2 or later with a "
            "certificate of a public authority only."
        ),
    ] = None


class ParentRef(ApiModel):
    """A Gateway, or one listener of it."""

    name: Annotated[ObjectName, Field(description="Name of the Gateway.")]
    namespace: Annotated[
        ObjectName | None, Field(description="Its namespace; the tenant's if omitted.")
    ] = None
    section_name: Annotated[
        ObjectName | None, Field(description="The listener; every fitting one if omitted.")
    ] = None


class Gateway(ApiModel):
    """An HTTPRoute for the tenant."""

    parent_refs: Annotated[
        tuple[ParentRef, ...],
        Field(min_length=1, max_length=8, description="Gateways that the route attaches to."),
    ]


class Exposure(ApiModel):
    """How Entra reaches the tenant. The Tenant URL is derived from it."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "!(has(self.ingress) && has(self.gateway))",
                "a tenant is exposed in one way: give ingress or gateway, not both",
            ),
        )
    )

    host: Annotated[
        Annotated[str, StringConstraints(pattern=HOST, max_length=253)] | None,
        Field(
            description="Host of the Tenant URL; the operator's default if omitted. With a host "
            "and neither ingress nor gateway, the route to the Service is made by you.",
            json_schema_extra=_cel_name_rules(HOST_RULES),
        ),
    ] = None
    path: Annotated[
        Annotated[str, StringConstraints(pattern=PATH, max_length=200)] | None,
        Field(
            description="Path of the Tenant URL, without a slash at its end; the operator's "
            "default if omitted, which has the tenant's namespace in it: a tenant that is made "
            "again in another namespace has another URL, which Entra must be told.",
            json_schema_extra=_cel_name_rules(PATH_RULES),
        ),
    ] = None
    ingress: Annotated[Ingress | None, Field(description="Expose by an Ingress.")] = None
    gateway: Annotated[Gateway | None, Field(description="Expose by an HTTPRoute.")] = None
