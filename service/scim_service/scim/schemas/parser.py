"""Reads schema documents, and says what is wrong with an unusable one."""

import re
from collections.abc import Mapping
from typing import Any

from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.schema import Schema

TYPES = ("string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex")
MUTABILITIES = ("readOnly", "readWrite", "immutable", "writeOnly")
RETURNED = ("always", "never", "default", "request")
UNIQUENESS = ("none", "server", "global")
_NAME = re.compile(r"[A-Za-z$][A-Za-z0-9_-]*")
_URN = re.compile(r"urn:[A-Za-z0-9][A-Za-z0-9-]*(:[A-Za-z0-9_.$-]+)+", re.IGNORECASE)


class SchemaError(ValueError):
    """A schema document is not usable; the message names it, the place in it and the reason."""


def parse_schema(document: object, where: str, *, levels: int = 2) -> Schema:
    """Return the schema that a document describes.

    Parameters
    ----------
    where
        The name of the document in error messages.
    levels
        How deep attributes may be nested; the schema of schemas alone needs more than two.

    Raises
    ------
    SchemaError
        The document is not a usable schema.
    """
    members = _read_object(document, where)
    urn = members.get("id")
    if not isinstance(urn, str) or not _URN.fullmatch(urn):
        raise SchemaError(f"{where}.id must be a URN such as urn:example:contoso:2.0:User.")
    return Schema(
        id=urn,
        name=_read_text(members, "name", where) or urn.rpartition(":")[2],
        description=_read_text(members, "description", where),
        attributes=_parse_attributes(members, "attributes", where, levels),
    )


def _parse_attributes(
    members: Mapping[str, Any], key: str, where: str, levels: int
) -> tuple[Attribute, ...]:
    documents = members.get(key)
    if not isinstance(documents, list) or not documents:
        raise SchemaError(f"{where}.{key} must be a list of at least one attribute.")
    attributes = [
        _parse_attribute(document, f"{where}.{key}[{index}]", levels)
        for index, document in enumerate(documents)
    ]
    seen: set[str] = set()
    for index, attribute in enumerate(attributes):
        if attribute.name.lower() in seen:
            raise SchemaError(
                f"{where}.{key}[{index}].name: {attribute.name} exists already; "
                "the case of a name does not count."
            )
        seen.add(attribute.name.lower())
    return tuple(attributes)


def _parse_attribute(document: object, where: str, levels: int) -> Attribute:
    members = _read_object(document, where)
    name = members.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SchemaError(
            f"{where}.name must be a name of letters, digits, - and _ that starts with a letter."
        )
    kind = _read_choice(members, "type", TYPES, "string", where)
    if kind == "complex" and levels == 1:
        raise SchemaError(f"{where}.type: a sub-attribute cannot be complex.")
    if kind != "complex" and members.get("subAttributes"):
        raise SchemaError(f"{where}.subAttributes: only a complex attribute has them.")
    return Attribute(
        name=name,
        type=kind,
        multi_valued=_read_flag(members, "multiValued", where),
        required=_read_flag(members, "required", where),
        case_exact=_read_flag(members, "caseExact", where),
        mutability=_read_choice(members, "mutability", MUTABILITIES, "readWrite", where),
        returned=_read_choice(members, "returned", RETURNED, "default", where),
        uniqueness=_read_choice(members, "uniqueness", UNIQUENESS, "none", where),
        canonical_values=_read_texts(members, "canonicalValues", where),
        reference_types=_read_texts(members, "referenceTypes", where),
        sub_attributes=(
            _parse_attributes(members, "subAttributes", where, levels - 1)
            if kind == "complex"
            else ()
        ),
        description=_read_text(members, "description", where),
    )


def _read_object(document: object, where: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise SchemaError(f"{where} must be an object.")
    return document


def _read_text(members: Mapping[str, Any], key: str, where: str) -> str:
    value = members.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise SchemaError(f"{where}.{key} must be a text.")
    return value


def _read_texts(members: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = members.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise SchemaError(f"{where}.{key} must be a list of texts.")
    return tuple(value)


def _read_flag(members: Mapping[str, Any], key: str, where: str) -> bool:
    value = members.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise SchemaError(f"{where}.{key} must be true or false.")
    return value


def _read_choice(
    members: Mapping[str, Any], key: str, choices: tuple[str, ...], default: str, where: str
) -> str:
    value = members.get(key)
    if value is None:
        return default
    if value not in choices:
        raise SchemaError(f"{where}.{key} must be one of {', '.join(choices)}.")
    return str(value)
