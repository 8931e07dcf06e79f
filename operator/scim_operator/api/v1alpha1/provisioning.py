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
"""URNs of the standard schemas (RFC 7643 section 10.3.1)."""


class _Attribute(ApiModel):
    """A SCIM attribute (RFC 7643 section 7)."""

    name: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z$][A-Za-z0-9_$-]*$", max_length=128),
        # The operator must still read what an earlier CRD admitted; `schema_extensions` reports it.
        Field(
            description="Name of the attribute.",
            json_schema_extra={"pattern": r"^[A-Za-z$][A-Za-z0-9_-]*$"},
        ),
    ]
    description: Annotated[
        str, Field(max_length=1024, description="Description of the attribute.")
    ] = ""
    multi_valued: Annotated[bool, Field(description="Whether the attribute is a list.")] = False
    required: Annotated[bool, Field(description="Whether every user must have the attribute.")] = (
        False
    )
    canonical_values: Annotated[
        tuple[str, ...], Field(max_length=64, description="Suggested values.")
    ] = ()
    case_exact: Annotated[
        bool, Field(description="Whether filters compare values case-sensitively.")
    ] = False
    mutability: Annotated[
        Literal["readOnly", "readWrite", "immutable", "writeOnly"],
        Field(description="Whether and when clients may write the attribute."),
    ] = "readWrite"
    returned: Annotated[
        Literal["always", "never", "default", "request"],
        Field(description="When responses contain the attribute."),
    ] = "default"
    uniqueness: Annotated[
        Literal["none", "server", "global"],
        Field(description="Scope in which the value must be unique."),
    ] = "none"


class SubAttribute(_Attribute):
    """A sub-attribute of a complex attribute."""

    type: Annotated[
        Literal["string", "boolean", "decimal", "integer", "dateTime", "reference", "binary"],
        Field(description="Data type of the value."),
    ] = "string"


class Attribute(_Attribute):
    """A custom attribute of the tenant's users."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "(self.type == 'complex') == "
                "(has(self.subAttributes) && size(self.subAttributes) > 0)",
                "an attribute of type complex must have subAttributes, and other types must "
                "not: add subAttributes, or change the type",
            ),
        )
    )

    type: Annotated[
        Literal[
            "string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"
        ],
        Field(description="Data type of the value."),
    ] = "string"
    sub_attributes: Annotated[
        tuple[SubAttribute, ...],
        Field(max_length=64, description="Sub-attributes of a complex attribute."),
    ] = ()


class SchemaExtension(ApiModel):
    """A SCIM schema that extends User."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                f"!(self.id.lowerAscii() in {[urn.lower() for urn in CORE_SCHEMAS]})",
                "id is the URN of a standard schema: choose a different URN for the extension",
            ),
            # The list of one list lower-cases the names once: the estimated cost of a rule is
            # limited. A rule for subAttributes would exceed the limit; the operator checks them.
            cel_rule(
                "[self.attributes.map(one, one.name.lowerAscii())].all(names, "
                "names.all(one, names.exists_one(other, other == one)))",
                "two attributes have the same name (case is ignored): rename one of them",
            ),
        )
    )

    id: Annotated[
        str,
        StringConstraints(pattern=r"^urn:[A-Za-z0-9:._-]+$", max_length=255),
        Field(
            description="URN of the schema, as used in Entra's attribute mapping.",
            json_schema_extra={"pattern": EXTENSION_URN},
        ),
    ]
    name: Annotated[
        str, Field(min_length=1, max_length=128, description="Short name of the schema.")
    ]
    description: Annotated[str, Field(max_length=1024, description="Purpose of the schema.")] = ""
    attributes: Annotated[
        tuple[Attribute, ...],
        Field(min_length=1, max_length=128, description="Attributes of the schema."),
    ]


_USER_ATTRIBUTES = sorted(
    name.lower() for name in (COMMON | USER | ENTERPRISE) if name not in READ_ONLY
)


class Provisioning(ApiModel):
    """Rules and limits for requests from Entra."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                "!has(self.schemaExtensions) || self.schemaExtensions.all(one, "
                "self.schemaExtensions.exists_one(other, "
                "other.id.lowerAscii() == one.id.lowerAscii()))",
                "two schemaExtensions have the same id (case is ignored): change one of them",
            ),
            # A rule for the extensions' attributes would exceed the cost limit; the operator
            # checks them.
            cel_rule(
                "(has(self.schemaExtensions) && size(self.schemaExtensions) > 0) || "
                "!has(self.requiredAttributes) || self.requiredAttributes.all(one, "
                f"one.contains(':') || one.lowerAscii().split('.')[0] in {_USER_ATTRIBUTES})",
                "requiredAttributes has a name that is no attribute of a user: did you mean "
                "emails, phoneNumbers, addresses, name.familyName, displayName or department? "
                "A custom attribute needs a schema in schemaExtensions",
            ),
        )
    )

    profile: Annotated[
        Literal["entra", "strict"],
        Field(
            description="entra accepts Entra's deviations from the RFCs; strict accepts "
            "only requests that conform to the RFCs."
        ),
    ] = "entra"
    required_attributes: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=_ATTRIBUTE, max_length=128)], ...],
        Field(
            max_length=32,
            description="Attributes that every user must have a value for. The service "
            "rejects a user without one, and the error names the attribute "
            "mapping to add in Entra.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = ()
    max_users: Annotated[
        int | None,
        Field(
            ge=1,
            le=10_000_000,
            description="Maximum number of active users, for example the number of your licences.",
        ),
    ] = None
    rate_limit: Annotated[
        int | None,
        Field(
            ge=25,
            le=10_000,
            description="Maximum requests per second and pod; unlimited if omitted. Entra "
            "requires at least 25. The service answers requests above the limit "
            "with 429 and Retry-After.",
        ),
    ] = None
    schema_extensions: Annotated[
        tuple[SchemaExtension, ...],
        Field(
            max_length=8,
            description="Schemas of custom user attributes.",
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["id"],
            },
        ),
    ] = ()
