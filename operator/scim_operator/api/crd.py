"""The CustomResourceDefinition, generated from the models of v1alpha1."""

from __future__ import annotations

from typing import Annotated, Any

import yaml
from pydantic import ConfigDict, Field

from scim_operator.api import names
from scim_operator.api.v1alpha1.formats import ApiModel, cel_rule, cel_rules
from scim_operator.api.v1alpha1.spec import Spec
from scim_operator.api.v1alpha1.status import UNSEEN, Status


class ScimTenant(ApiModel):
    """A SCIM service that Microsoft Entra ID provisions users and groups into."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel_rule(
                f"size(self.metadata.name) <= {names.MAX_TENANT_NAME} && "
                "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                f"the tenant's name is part of its Service's name: use at most "
                f"{names.MAX_TENANT_NAME} lower-case letters, digits and hyphens, beginning "
                "with a letter",
            ),
        )
    )

    spec: Annotated[Spec, Field(description="The desired state of the tenant.")]
    status: Annotated[Status, Field(description="The observed state of the tenant.")] = UNSEEN


_BLANKS: tuple[Any, ...] = (None, "", [], {})


def _to_structural(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Convert pydantic's JSON schema to a structural one: no references, unions or nulls."""
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[1]]
        schema = target | {key: value for key, value in schema.items() if key != "$ref"}
    if "anyOf" in schema:
        (only,) = (option for option in schema["anyOf"] if option != {"type": "null"})
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return _to_structural(only | rest, definitions)
    schema = {key: value for key, value in schema.items() if key not in ("title", "$defs")}
    # An empty default would only be stored in every object.
    default = _strip_blanks(schema.pop("default", None))
    if default not in _BLANKS:
        schema["default"] = default
    if "x-kubernetes-int-or-string" in schema:
        del schema["type"], schema["maxLength"]
    if "x-kubernetes-preserve-unknown-fields" in schema:
        del schema["additionalProperties"]
    properties = schema.get("properties", {})
    if properties:
        schema["properties"] = {
            name: _to_structural(part, definitions) for name, part in properties.items()
        }
    for key in schema.keys() & {"items", "additionalProperties"}:
        schema[key] = _to_structural(schema[key], definitions)
    return schema


def _strip_blanks(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _strip_blanks(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in _BLANKS}
    if isinstance(value, list):
        return [_strip_blanks(item) for item in value]
    return value


def _printer_columns() -> list[dict[str, Any]]:
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


def build_definition() -> dict[str, Any]:
    """Return the CustomResourceDefinition."""
    root = ScimTenant.model_json_schema(by_alias=True, mode="validation")
    schema = _to_structural(root, root["$defs"])
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
                    "additionalPrinterColumns": _printer_columns(),
                }
            ],
        },
    }


def render_manifest() -> str:
    """Render the CustomResourceDefinition as YAML, as in ``crds/``."""
    head = "# Generated by `python -m scim_operator crd`; do not edit.\n"
    return head + yaml.safe_dump(build_definition(), sort_keys=False, width=100)
