"""The ScimTenant resource: its spec and status as models, and the CRD generated from them.

The models are the single source: the operator reads and writes tenants through them, and
``python -m scim_operator crd`` prints the CustomResourceDefinition kept in ``crds/``. A rule that
needs more than one field is a CEL rule whose message says why it exists and what to do.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, NamedTuple, get_args

import yaml
from pydantic import (
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

from scim_operator import quantities
from scim_operator.api import names
from scim_operator.api.user_schema import COMMON, ENTERPRISE, READ_ONLY, USER

DURATION = r"^([0-9]{1,5}d|([0-9]{1,6}(h|m|s))+)$"
"""Days stand alone: CEL's durations have none, and a rule that takes one apart costs too much."""

_OBJECT_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
HOST = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
PATH = r"^(/[A-Za-z0-9._~-]+)+$"
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

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def duration(text: str) -> timedelta:
    """Read a duration as the CRD admits it: ``72h``, ``1h30m``, ``3d``."""
    parts = re.findall(r"([0-9]+)([dhms])", text)
    return timedelta(seconds=sum(int(number) * _SECONDS[unit] for number, unit in parts))


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


def _rule(rule: str, message: str) -> dict[str, str]:
    """Return a CEL rule with the sentence that a refused user reads."""
    return {"message": message, "rule": rule}


def _seconds(field: str) -> str:
    """Return the seconds of the duration in a field as CEL."""
    days = f"int({field}.replace('d', '')) * {_SECONDS['d']}"
    return f"({field}.endsWith('d') ? {days} : duration({field}).getSeconds())"


def _rules(*rules: dict[str, str]) -> dict[str, Any]:
    """Return the part of a schema that holds its CEL rules."""
    return {"x-kubernetes-validations": list(rules)}


def _name_rules(rules: tuple[NameRule, ...]) -> dict[str, Any]:
    """Return name rules as CEL; a stored name that is not changed passes them."""
    return _rules(
        *(
            _rule(f"{'' if rule.fits else '!'}self.matches('{rule.pattern}')", rule.message)
            for rule in rules
        )
    )


class _Part(BaseModel):
    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel), populate_by_name=True, frozen=True
    )


ObjectName = Annotated[str, StringConstraints(pattern=_OBJECT_NAME, max_length=253)]
Duration = Annotated[str, StringConstraints(pattern=DURATION, max_length=32)]
Quantity = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int) else value),
    # The operator must go on reading what an earlier CRD has admitted; see `unusable`.
    WithJsonSchema(
        {
            "type": "string",
            "x-kubernetes-int-or-string": True,
            "maxLength": 32,
            "pattern": quantities.AMOUNT,
        }
    ),
]
Quantities = Annotated[dict[str, Quantity], Field(max_length=16)]
StringMap = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=4096)]], Field(max_length=64)
]


class Sqlite(_Part):
    """A database file on a volume of the tenant's own."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            _rule(
                "isQuantity(self.size) && quantity(self.size).isGreaterThan(quantity('0'))",
                "size is how much storage the volume asks for: write it like 1Gi or 500Mi",
            ),
            _rule(
                "!isQuantity(self.size) || !isQuantity(oldSelf.size) || "
                "quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
                "a volume can grow but not shrink: keep the size or choose a larger one",
            ),
            _rule(
                "has(self.storageClassName) == has(oldSelf.storageClassName) && "
                "(!has(self.storageClassName) || "
                "self.storageClassName == oldSelf.storageClassName)",
                "storageClassName cannot change while the volume exists: create another tenant "
                "with the new class and let Entra provision into it",
            ),
        )
    )

    size: Annotated[
        str,
        Field(max_length=32, description="Storage that the volume asks for. It can only grow."),
    ] = "1Gi"
    storage_class_name: Annotated[
        ObjectName | None,
        Field(description="StorageClass of the volume; the operator's or cluster's by default."),
    ] = None


class SecretKey(_Part):
    """One key of a Secret in the tenant's namespace."""

    name: Annotated[ObjectName, Field(description="Name of the Secret.")]
    key: Annotated[str, Field(min_length=1, max_length=253, description="Key in the Secret.")]


class Postgres(_Part):
    """A PostgreSQL database that somebody else runs."""

    url_from: Annotated[
        SecretKey,
        Field(
            description="Where the URL is kept: postgresql://user:password@host/database. It is "
            "mounted as a file, with the key ca.crt of the same Secret, if there is one, as "
            "/etc/scim/database/ca.crt for sslrootcert."
        ),
    ]


class Database(_Part):
    """Where users and groups are stored: exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            _rule(
                "has(self.sqlite) != has(self.postgres)",
                "a tenant has one database: give exactly one of sqlite and postgres",
            ),
            _rule(
                "has(self.sqlite) == has(oldSelf.sqlite)",
                "the kind of database cannot change, because the data would stay behind: create "
                "another tenant and let Entra provision into it",
            ),
        )
    )

    sqlite: Annotated[Sqlite | None, Field(description="A database file on a volume.")] = None
    postgres: Annotated[Postgres | None, Field(description="A PostgreSQL database.")] = None


class Ingress(_Part):
    """An Ingress for the tenant."""

    class_name: Annotated[
        ObjectName | None, Field(description="IngressClass; the operator's default if omitted.")
    ] = None
    annotations: Annotated[
        StringMap, Field(description="Annotations for the ingress controller.")
    ] = {}
    tls_secret_name: Annotated[
        ObjectName | None,
        Field(
            description="TLS Secret of the host. Entra accepts TLS 1.2 or later with a "
            "certificate of a public authority only."
        ),
    ] = None


class ParentRef(_Part):
    """A Gateway, or one listener of it."""

    name: Annotated[ObjectName, Field(description="Name of the Gateway.")]
    namespace: Annotated[
        ObjectName | None, Field(description="Its namespace; the tenant's if omitted.")
    ] = None
    section_name: Annotated[
        ObjectName | None, Field(description="The listener; every fitting one if omitted.")
    ] = None


class Gateway(_Part):
    """An HTTPRoute for the tenant."""

    parent_refs: Annotated[
        tuple[ParentRef, ...],
        Field(min_length=1, max_length=8, description="Gateways that the route attaches to."),
    ]


class Exposure(_Part):
    """How Entra reaches the tenant. The Tenant URL is derived from it."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            _rule(
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
            json_schema_extra=_name_rules(HOST_RULES),
        ),
    ] = None
    path: Annotated[
        Annotated[str, StringConstraints(pattern=PATH, max_length=200)] | None,
        Field(
            description="Path of the Tenant URL, without a slash at its end; the operator's "
            "default if omitted, which has the tenant's namespace in it: a tenant that is made "
            "again in another namespace has another URL, which Entra must be told.",
            json_schema_extra=_name_rules(PATH_RULES),
        ),
    ] = None
    ingress: Annotated[Ingress | None, Field(description="Expose by an Ingress.")] = None
    gateway: Annotated[Gateway | None, Field(description="Expose by an HTTPRoute.")] = None


class Token(_Part):
    """The Secret Token that Entra sends."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            _rule(
                f"{_seconds('self.overlap')} >= {40 * _SECONDS['m']}",
                "overlap must be at least 40m, one provisioning cycle of Entra: a shorter one "
                "can end before Entra has sent a request with the new token",
            ),
            _rule(
                f"!has(self.rotateEvery) || {_seconds('self.rotateEvery')} > "
                f"{_seconds('self.overlap')}",
                "rotateEvery must be longer than overlap, or a token would be replaced before "
                "the one before it is retired",
            ),
            _rule(
                "!(has(self.rotateEvery) && has(self.existingSecret))",
                "a token from existingSecret is rotated by whoever writes that Secret: omit "
                "rotateEvery",
            ),
        )
    )

    rotate_every: Annotated[
        Duration | None,
        Field(description="Age at which a token is replaced, such as 90d; never if omitted."),
    ] = None
    overlap: Annotated[
        Duration,
        Field(
            description="Time that the old token lives on after a rotation, such as 72h or 3d, at "
            "least: it is retired only when the new one has been used as well."
        ),
    ] = "72h"
    existing_secret: Annotated[
        ObjectName | None,
        Field(
            description="A Secret of yours with the token under the key secretToken: at least 32 "
            "random characters. The "
            f"operator only reads it; with the label {names.TENANT_LABEL}: <tenant> it notices "
            "changes at once."
        ),
    ] = None


class _Attribute(_Part):
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
        json_schema_extra=_rules(
            _rule(
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


class SchemaExtension(_Part):
    """A SCIM schema that is added to User."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            _rule(
                f"!(self.id.lowerAscii() in {[urn.lower() for urn in CORE_SCHEMAS]})",
                "id is the URN of a schema that every tenant has: give the extension its own",
            ),
            # A list of one list, so that the names are folded once: a rule's estimated cost is
            # limited. It is too high for subAttributes, of which only the operator tells.
            _rule(
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


class Provisioning(_Part):
    """What the service accepts from Entra."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            _rule(
                "!has(self.schemaExtensions) || self.schemaExtensions.all(one, "
                "self.schemaExtensions.exists_one(other, "
                "other.id.lowerAscii() == one.id.lowerAscii()))",
                "two schemaExtensions have the same id, and case does not count: give each its own",
            ),
            # Those of extensions would cost more than a rule may: the operator looks at them.
            _rule(
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


class Resources(_Part):
    """Compute resources of the pod."""

    requests: Annotated[Quantities | None, Field(description="What the pod is guaranteed.")] = None
    limits: Annotated[Quantities | None, Field(description="What the pod may use at most.")] = None


class Toleration(_Part):
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


class LocalReference(_Part):
    """An object in the tenant's namespace."""

    name: Annotated[ObjectName, Field(description="Its name.")]


class EnvironmentVariable(_Part):
    """An environment variable of the service's container, with a plain value."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            _rule(
                "!self.name.startsWith('SCIM_')",
                "variables that begin with SCIM_ are the operator's: choose another name",
            )
        )
    )

    name: Annotated[
        str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128, description="Name.")
    ]
    value: Annotated[str, Field(max_length=4096, description="Value; a Secret goes by volumes.")]


class MountedVolume(_Part):
    """A ConfigMap or Secret of the tenant's namespace, mounted read-only."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            _rule(
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


class PodSecurity(_Part):
    """Ids that the pod runs with; the rest of its security context is the operator's."""

    run_as_user: Annotated[int | None, Field(ge=1, description="User, which is not root.")] = None
    run_as_group: Annotated[int | None, Field(ge=0, description="Primary group.")] = None
    fs_group: Annotated[int | None, Field(ge=0, description="Group of the volumes.")] = None
    supplemental_groups: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=16, description="More groups.")
    ] = ()


_BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}

_RESERVED_LABELS = _rule(
    "!self.exists(key, key == 'scim-operator.io/tenant' || key.startsWith('app.kubernetes.io/'))",
    "labels under app.kubernetes.io/ and scim-operator.io/tenant are the operator's: choose others",
)
_RESERVED_ANNOTATIONS = _rule(
    "!self.exists(key, key.startsWith('scim-operator.io/'))",
    "annotations under scim-operator.io/ are the operator's: choose others",
)
_AS_IN_A_POD: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}


class Spec(_Part):
    """What a tenant's owner wants."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            _rule(
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
    node_selector: Annotated[StringMap, Field(description="Labels of the nodes to run on.")] = {}
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
        Field(description="Labels of the pod.", json_schema_extra=_rules(_RESERVED_LABELS)),
    ] = {}
    pod_annotations: Annotated[
        StringMap,
        Field(
            description="Annotations of the pod.", json_schema_extra=_rules(_RESERVED_ANNOTATIONS)
        ),
    ] = {}


class Condition(_Part):
    """One aspect of a tenant's state."""

    type: Annotated[str, Field(max_length=316, description="Which aspect.")]
    status: Annotated[Literal["True", "False", "Unknown"], Field(description="How it stands.")]
    reason: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", max_length=1024),
        Field(description="Why, for programs."),
    ]
    message: Annotated[
        str, Field(max_length=32768, description="Why, and what to do about it, for people.")
    ]
    last_transition_time: Annotated[datetime, Field(description="When status changed last.")]
    observed_generation: Annotated[
        int | None, Field(description="Generation of the spec that this speaks about.")
    ] = None


class TokenStatus(_Part):
    """A token that the service accepts."""

    id: Annotated[str, Field(description="As in the service's logs and metrics.")]
    created_at: Annotated[datetime, Field(description="When it was first accepted.")]
    not_after: Annotated[
        datetime | None, Field(description="When it is retired; not set while it is wanted.")
    ] = None
    last_used: Annotated[
        datetime | None, Field(description="When a request last carried it, as the service says.")
    ] = None
    confirmed_at: Annotated[
        datetime | None,
        Field(
            description="When the service first proved that a request had carried it; older "
            "tokens are retired only then."
        ),
    ] = None
    seal: Annotated[
        str | None, Field(description="Shows, to the operator alone, that the token is accepted.")
    ] = None


class CertificateStatus(_Part):
    """The certificate in a TLS Secret."""

    secret_name: Annotated[str, Field(description="Name of the Secret.")]
    not_after: Annotated[datetime, Field(description="When the certificate expires.")]


def _if_known(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Read what another version of the operator has written; None if it means nothing here."""
    try:
        return read(value)
    except ValidationError:
        return None


RolloutState = Literal["current", "moving", "waiting", "failed"]
ROLLOUT_STATES: tuple[RolloutState, ...] = get_args(RolloutState)


class Rollout(_Part):
    """How the pods came to be as they are: the operator's own record."""

    state: Annotated[
        RolloutState,
        Field(
            description="Whether the pods are of the current version, are being replaced, wait "
            "for their place, or did not become available after they were replaced."
        ),
    ] = "current"
    template: Annotated[str, Field(description="Digest of the pod template that was applied.")]
    spec_generation: Annotated[int, Field(description="Generation of the spec that it was for.")]
    deployment_generation: Annotated[
        int,
        Field(
            description="Generation of the Deployment afterwards; at any other, others have "
            "changed it."
        ),
    ]
    moved_at: Annotated[
        datetime | None,
        Field(description="When the rollout of a new version replaced the pods."),
    ] = None


class Volume(_Part):
    """The volume with the tenant's data: the operator's own record."""

    name: Annotated[
        str, Field(description="Name of the PersistentVolume; empty while it is not bound.")
    ]
    claim: Annotated[str, Field(description="Uid of the PersistentVolumeClaim.")]


class Status(_Part):
    """What the operator has seen.

    Attributes
    ----------
    is_unseen
        Whether no operator has written one yet.
    """

    observed_generation: Annotated[
        int | None, Field(description="Generation of the spec that was reconciled last.")
    ] = None
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            description="Ready, Reconciling, Stalled, TokenReady, Available, Exposed, "
            "Provisioning; Restricted while a part of the spec is not passed on, FieldConflict "
            "while others set a field of the tenant's objects again and again, UnknownAnnotation "
            "while it has an annotation of ours that means nothing.",
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        ),
    ] = ()
    tenant_url: Annotated[
        str | None,
        Field(
            alias="tenantURL",
            description="Entra's field Tenant URL; not set while the tenant does not hold it.",
        ),
    ] = None
    token_secret_name: Annotated[
        str | None, Field(description="Secret with tenantUrl and secretToken for Entra.")
    ] = None
    replicas: Annotated[int | None, Field(description="Pods that exist.")] = None
    selector: Annotated[str | None, Field(description="Label selector of the pods.")] = None
    users: Annotated[int | None, Field(description="Users in the tenant.")] = None
    active_users: Annotated[int | None, Field(description="Users that are active.")] = None
    groups: Annotated[int | None, Field(description="Groups in the tenant.")] = None
    certificate: Annotated[
        CertificateStatus | None,
        WrapValidator(_if_known),
        Field(description="What the Ingress serves TLS with."),
    ] = None
    last_provisioned: Annotated[
        datetime | None, Field(description="When Entra last changed a user or group.")
    ] = None
    refused: Annotated[
        int | None,
        Field(
            description="How many of Entra's requests were refused within a day; from ten on only "
            "the first digit counts (387 is 300), so that it seldom changes."
        ),
    ] = None
    version: Annotated[
        str | None, Field(description="Version of the service that was read last.")
    ] = None
    last_backup: Annotated[
        datetime | None,
        Field(description="When kubectl scim backup last copied the database, of a SQLite tenant."),
    ] = None
    objects: Annotated[
        dict[str, str],
        Field(
            description="Uids of the objects that are the tenant's, by kind and name.",
            json_schema_extra={"x-kubernetes-map-type": "atomic"},
        ),
    ] = {}
    operator: Annotated[
        str | None,
        Field(
            description="Namespace and name of the Lease of the operator that looks after the "
            "tenant: if it is not renewed, the status is of the past."
        ),
    ] = None
    sealed_by: Annotated[
        str | None,
        Field(description="Id of the operator's key that the tenant's objects are sealed with."),
    ] = None
    tokens: Annotated[
        tuple[TokenStatus, ...],
        Field(
            description="The tokens that the service accepts, newest last.",
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["id"],
            },
        ),
    ] = ()

    admitted: Annotated[
        dict[str, str] | None,
        Field(
            description="Fields of the tenant's objects that admission rules of the cluster set "
            "otherwise than the operator, by kind and name, each with a seal.",
            json_schema_extra={"x-kubernetes-map-type": "atomic"},
        ),
    ] = None
    rollout: Annotated[
        Rollout | None,
        WrapValidator(_if_known),
        Field(description="How far the current version of the service has come."),
    ] = None
    volume: Annotated[
        Volume | None,
        Field(description="The volume that has the tenant's data; no pod starts on another one."),
    ] = None

    @property
    def is_unseen(self) -> bool:
        return (self.observed_generation or -1) < 0

    def condition(self, kind: str) -> Condition | None:
        """Return one condition; None if it has not been written."""
        return next((known for known in self.conditions if known.type == kind), None)

    def is_true(self, kind: str) -> bool:
        """Tell whether a condition is there and true."""
        found = self.condition(kind)
        return found is not None and found.status == "True"


UNSEEN = Status(
    observed_generation=-1,
    conditions=(
        Condition(
            type="Ready",
            status="Unknown",
            reason="Pending",
            message="no operator has worked on it yet: if it stays so, see that one runs and "
            "watches this namespace, and that the tenant is not paused",
            last_transition_time=datetime.fromtimestamp(0, UTC),
        ),
    ),
)
"""Filled in by the API server, so that nobody who waits for a tenant ever finds nothing."""


class _Root(_Part):
    """One SCIM service that Microsoft Entra ID provisions users and groups into."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            _rule(
                f"size(self.metadata.name) <= {names.MAX_TENANT_NAME} && "
                "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                f"the tenant's name is part of its Service's name: use at most "
                f"{names.MAX_TENANT_NAME} lower-case letters, digits and hyphens, beginning "
                "with a letter",
            ),
        )
    )

    spec: Annotated[Spec, Field(description="What the tenant's owner wants.")]
    status: Annotated[Status, Field(description="What the operator has seen.")] = UNSEEN


_BLANKS: tuple[Any, ...] = (None, "", [], {})


def _structural(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Turn pydantic's JSON schema into a structural one: no references, unions or nulls."""
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[1]]
        schema = target | {key: value for key, value in schema.items() if key != "$ref"}
    if "anyOf" in schema:
        (only,) = (option for option in schema["anyOf"] if option != {"type": "null"})
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return _structural(only | rest, definitions)
    schema = {key: value for key, value in schema.items() if key not in ("title", "$defs")}
    # A default that says nothing would only be stored in every object.
    default = _without_blanks(schema.pop("default", None))
    if default not in _BLANKS:
        schema["default"] = default
    if "x-kubernetes-int-or-string" in schema:
        del schema["type"], schema["maxLength"]
    if "x-kubernetes-preserve-unknown-fields" in schema:
        del schema["additionalProperties"]
    properties = schema.get("properties", {})
    if properties:
        schema["properties"] = {
            name: _structural(part, definitions) for name, part in properties.items()
        }
    for key in schema.keys() & {"items", "additionalProperties"}:
        schema[key] = _structural(schema[key], definitions)
    return schema


def _without_blanks(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_blanks(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in _BLANKS}
    if isinstance(value, list):
        return [_without_blanks(item) for item in value]
    return value


def _columns() -> list[dict[str, Any]]:
    ready = '.status.conditions[?(@.type=="Ready")]'
    columns = (
        ("Tenant URL", "string", ".status.tenantURL", 0),
        ("Ready", "string", f"{ready}.status", 0),
        ("Exposed", "string", '.status.conditions[?(@.type=="Exposed")].reason', 0),
        ("Users", "integer", ".status.users", 0),
        ("Groups", "integer", ".status.groups", 0),
        ("Last Sync", "date", ".status.lastProvisioned", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("Reason", "string", f"{ready}.reason", 1),
        ("Message", "string", f"{ready}.message", 1),
        ("Rollout", "string", ".status.rollout.state", 1),
    )
    return [
        {"name": name, "type": kind, "jsonPath": path}
        | ({"priority": priority} if priority else {})
        for name, kind, path, priority in columns
    ]


def definition() -> dict[str, Any]:
    """Return the CustomResourceDefinition."""
    root = _Root.model_json_schema(by_alias=True, mode="validation")
    schema = _structural(root, root["$defs"])
    schema["properties"] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    } | schema["properties"]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.KIND.lower(),
                "shortNames": ["sct"],
                "categories": ["scim"],
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "additionalPrinterColumns": _columns(),
                }
            ],
        },
    }


def manifest() -> str:
    """Return the CustomResourceDefinition as it is kept in ``crds/``."""
    head = "# Generated by `python -m scim_operator crd`; do not edit.\n"
    return head + yaml.safe_dump(definition(), sort_keys=False, width=100)
