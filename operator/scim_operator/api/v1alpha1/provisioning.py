"""``spec.provisioning``: profile, limits, required attributes and schema extensions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from scim_operator.api.user_schema import COMMON, ENTERPRISE, READ_ONLY, USER
from scim_operator.api.v1alpha1.formats import ApiModel, cel_rule, cel_rules

_ATTRIBUTE = r"^[A-Za-z$][A-Za-z0-9_$:.-]*$"

EXTENSION_URN = r"^urn:[A-Za-z0-9][A-Za-z0-9-]*(:[A-Za-z0-9._-]+)+$"

CORE_SCHEMAS = (
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:Group",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:Schema",
    "urn:ietf:params:scim:schemas:core:2.0:ResourceType",
    "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig",
)
"""Schemas that every tenant has (RFC 7643 section 10.3.1)."""


class _Attribute(ApiModel):
    """A SCIM attribute, as RFC 7643 section 7 describes it."""

    name: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z$][A-Za-z0-9_$-]*$", max_length=128),
        # The operator must go on reading what an earlier CRD has admitted; see `extensions`.
        Field(
            description="Name of the attribute.",
            json_schema_extra={"pattern": r"^[A-Za-z$][A-Za-z0-9_-]*$"},
        ),
    ]
    description: Annotated[str, Field(max_length=1024, description="What it holds.")] = ""
    multi_valued: Annotated[bool, Field(description="Whether it holds a list.")] = False
    required: Annotated[bool, Field(description="Whether every user must have it.")] = False
    canonical_values: Annotated[
        tuple[str, ...], Field(max_length=64, description="Suggested values.")
    ] = ()
    case_exact: Annotated[bool, Field(description="Whether case matters in filters.")] = False
    mutability: Annotated[
        Literal["readOnly", "readWrite", "immutable", "writeOnly"],
        Field(description="Who may change it, and when."),
    ] = "readWrite"
    returned: Annotated[
        Literal["always", "never", "default", "request"],
        Field(description="When it is part of an answer."),
    ] = "default"
    uniqueness: Annotated[
        Literal["none", "server", "global"], Field(description="Where its value is unique.")
    ] = "none"


class SubAttribute(_Attribute):
    """A part of a complex attribute."""

    type: Annotated[
        Literal["string", "boolean", "decimal", "integer", "dateTime", "reference", "binary"],
        Field(description="Type of its value."),
    ] = "string"


class Attribute(_Attribute):
    """An attribute that users of this tenant have beside the standard ones."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "(self.type == 'complex') == "
                "(has(self.subAttributes) && size(self.subAttributes) > 0)",
                "an attribute of type complex has subAttributes, and no other has: give it some, "
                "or another type",
            ),
        )
    )

    type: Annotated[
        Literal[
            "string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"
        ],
        Field(description="Type of its value."),
    ] = "string"
    sub_attributes: Annotated[
        tuple[SubAttribute, ...], Field(max_length=64, description="Parts of a complex value.")
    ] = ()


class SchemaExtension(ApiModel):
    """A SCIM schema that is added to User."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                f"!(self.id.lowerAscii() in {[urn.lower() for urn in CORE_SCHEMAS]})",
                "id is the URN of a schema that every tenant has: give the extension its own",
            ),
            # A list of one list, so that the names are folded once: a rule's estimated cost is
            # limited. It is too high for subAttributes, of which only the operator tells.
            cel_rule(
                "[self.attributes.map(one, one.name.lowerAscii())].all(names, "
                "names.all(one, names.exists_one(other, other == one)))",
                "two attributes have the same name, and case does not count: give each its own",
            ),
        )
    )

    id: Annotated[
        str,
        StringConstraints(pattern=r"^urn:[A-Za-z0-9:._-]+$", max_length=255),
        Field(
            description="The schema's URN, as used in Entra's attribute mapping.",
            json_schema_extra={"pattern": EXTENSION_URN},
        ),
    ]
    name: Annotated[str, Field(min_length=1, max_length=128, description="Its short name.")]
    description: Annotated[str, Field(max_length=1024, description="What it is for.")] = ""
    attributes: Annotated[
        tuple[Attribute, ...], Field(min_length=1, max_length=128, description="Its attributes.")
    ]


_USER_ATTRIBUTES = sorted(
    name.lower() for name in (COMMON | USER | ENTERPRISE) if name not in READ_ONLY
)


class Provisioning(ApiModel):
    """What the service accepts from Entra."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "!has(self.schemaExtensions) || self.schemaExtensions.all(one, "
                "self.schemaExtensions.exists_one(other, "
                "other.id.lowerAscii() == one.id.lowerAscii()))",
                "two schemaExtensions have the same id, and case does not count: give each its own",
            ),
            # Those of extensions would cost more than a rule may: the operator looks at them.
            cel_rule(
                "(has(self.schemaExtensions) && size(self.schemaExtensions) > 0) || "
                "!has(self.requiredAttributes) || self.requiredAttributes.all(one, "
                f"one.contains(':') || one.lowerAscii().split('.')[0] in {_USER_ATTRIBUTES})",
                "requiredAttributes names what is no attribute of a user: did you mean emails, "
                "phoneNumbers, addresses, name.familyName, displayName or department? An attribute "
                "of your own needs a schema in schemaExtensions",
            ),
        )
    )

    profile: Annotated[
        Literal["entra", "strict"],
        Field(description="entra admits Entra's dialect; strict admits only what the RFCs do."),
    ] = "entra"
    required_attributes: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=_ATTRIBUTE, max_length=128)], ...],
        Field(
            max_length=32,
            description="Attributes that a user must have a value for. A user without one is "
            "refused, and the error names the attribute mapping to add in Entra.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = ()
    max_users: Annotated[
        int | None,
        Field(ge=1, le=10_000_000, description="Most active users, such as your licences cover."),
    ] = None
    rate_limit: Annotated[
        int | None,
        Field(
            ge=25,
            le=10_000,
            description="Most requests a second, for each pod; no limit if omitted. Entra must be "
            "granted at least 25. More are answered 429 with Retry-After.",
        ),
    ] = None
    schema_extensions: Annotated[
        tuple[SchemaExtension, ...],
        Field(
            max_length=8,
            description="Custom attributes of users.",
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["id"],
            },
        ),
    ] = ()
