"""Resources in canonical form: the only form that is stored.

Canonical means: attribute names in the spelling of their schema, extension attributes under the
URN of their schema, no null, no empty list and no empty object, ``schemas`` derived from the
attributes. Values are never changed: a telephone number is returned as it was sent.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from scim_service.scim import errors
from scim_service.scim.errors import shorten
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.skipped import Skipped
from scim_service.scim.values import check_simple, name_json_type, wrong_type_error

MAX_VALUES = 1000

LABELS = frozenset({"type", "primary", "display"})
"""The labels of an element; without a value they have no meaning: ``{"type": "work"}``."""


def validate(
    resource_type: ResourceType,
    body: object,
    *,
    skipped: Skipped | None = None,
) -> dict[str, Any]:
    """Return the resource that a body describes, in canonical form.

    Read-only attributes (``id``, ``meta``) are ignored, so the result has none of them. Required
    sub-attributes are not checked: `find_missing_parts` finds those that are missing.

    Parameters
    ----------
    skipped
        Records the names of the unknown attributes that are skipped.

    Raises
    ------
    ScimError
        invalidSyntax or invalidValue; the detail names the attribute.
    """
    if not isinstance(body, dict):
        raise errors.invalid_syntax(
            f"The body must be a JSON object that describes a {resource_type.name}, "
            f"not {name_json_type(body)}."
        )
    leniencies = resource_type.leniencies
    if not leniencies.ignores_missing_schemas:
        _check_schemas(resource_type, body)
    if not leniencies.skips_unknown_attributes:
        skipped = None
    elif skipped is None:
        skipped = Skipped()
    attributes = canonicalise_object(resource_type, body, "", skipped=skipped)
    resource = set_schemas(resource_type, attributes)
    check_required(resource_type, resource)
    return resource


def canonicalise_object(
    holder: ResourceType | Attribute,
    body: Mapping[str, Any],
    where: str,
    *,
    skipped: Skipped | None = None,
    keep_null: bool = False,
) -> dict[str, Any]:
    """Return the attributes of a resource, or the sub-attributes of a value, in canonical form.

    Parameters
    ----------
    where
        The path of the object: empty for a resource.
    skipped
        Skip unknown attributes instead of refusing them, and record their names here.
    keep_null
        Keep unassigned attributes as None; a PATCH needs them.

    Raises
    ------
    ScimError
        invalidSyntax or invalidValue; the detail names the attribute.
    """
    find = holder.attribute if isinstance(holder, ResourceType) else holder.sub_attribute
    result: dict[str, Any] = {}
    for name, value in body.items():
        attribute = find(name)
        if attribute is None:
            # A schema's own object may name the schema, as a resource does (RFC 7643 section 3).
            if name.lower() == "schemas" and ":" in holder.name:
                continue
            if skipped is not None:
                skipped.add("unknown", join_path(holder, where, name))
                continue
            raise errors.invalid_syntax(
                f'{holder.name} has no attribute "{shorten(name)}"; remove it or correct its name '
                "(/Schemas lists the attributes)."
            )
        if attribute.mutability == "readOnly":
            continue
        path = join_path(holder, where, attribute.name)
        if attribute.name in result:
            raise errors.invalid_syntax(
                f"{path} is given twice; the case of a name does not count."
            )
        canonical = canonicalise_value(attribute, value, path, skipped=skipped, keep_null=keep_null)
        if canonical is not None or keep_null:
            result[attribute.name] = canonical
    return result


def canonicalise_value(
    attribute: Attribute,
    value: Any,
    where: str,
    *,
    skipped: Skipped | None = None,
    keep_null: bool = False,
) -> Any:
    """Return the value of an attribute in canonical form, None for unassigned.

    Raises
    ------
    ScimError
        invalidSyntax or invalidValue; the detail names the attribute.
    """
    if value is None:
        return None
    if not attribute.multi_valued:
        return canonicalise_element(attribute, value, where, skipped=skipped, keep_null=keep_null)
    if not isinstance(value, list):
        raise errors.invalid_value(f"{where} must be a list, not {name_json_type(value)}.")
    check_number_of_values(attribute, value)
    elements = [
        canonicalise_element(attribute, each, f"{where}[{index}]", skipped=skipped)
        for index, each in enumerate(value)
        if each is not None
    ]
    values = [each for each in elements if each is not None]
    if value and not values and not says_empty(attribute, value):
        raise errors.invalid_value(
            f"{where} has a list without a valid value; {_describe_expected(attribute)}."
            " Only an empty list, null or a remove removes all values."
        )
    if attribute.type == "complex" and sum(each.get("primary") is True for each in values) > 1:
        raise errors.invalid_value(
            f"{where} has more than one value that is primary; set primary to true on one only."
        )
    return values or None


def canonicalise_element(
    attribute: Attribute,
    value: Any,
    where: str,
    *,
    skipped: Skipped | None = None,
    keep_null: bool = False,
) -> Any:
    """Return one value of an attribute in canonical form, None for an empty object.

    With `keep_null`, an empty object stays, because it assigns nothing and so removes nothing.

    Raises
    ------
    ScimError
        invalidSyntax or invalidValue, also for an object without a known part if to drop it
        would remove something; the detail names the attribute.
    """
    if attribute.type != "complex":
        check_simple(attribute, value, where)
        return value
    if not isinstance(value, dict):
        raise wrong_type_error(attribute, value, where)
    canonical = canonicalise_object(attribute, value, where, skipped=skipped, keep_null=keep_null)
    dropped = not canonical or len(canonical) < len(value)
    if dropped and _loses_content(attribute, value, keep_null=keep_null):
        raise errors.invalid_value(
            f"{where} has no value of a known sub-attribute; {_describe_expected(attribute)}."
        )
    return canonical if canonical or keep_null else None


def says_empty(attribute: Attribute, values: Iterable[Any]) -> bool:
    """Whether a list whose elements have no values names a known sub-attribute.

    Entra sends ``{"type": "work", "value": null}`` for an attribute without a value; a member
    without id is no member.
    """
    return attribute.name != "members" and any(
        isinstance(each, dict) and any(map(attribute.sub_attribute, each)) for each in values
    )


def _loses_content(attribute: Attribute, value: Mapping[str, Any], *, keep_null: bool) -> bool:
    """Whether a value has no meaning once its unknown parts are dropped.

    An empty object in a list has no meaning either, and unknown attributes of an extension are
    skipped.
    """
    if ":" in attribute.name:
        return False
    known = {sub.name for name in value if (sub := attribute.sub_attribute(name)) is not None}
    if not attribute.multi_valued:
        return keep_null and bool(value) and not known
    if not known:
        return keep_null or bool(value)
    return known <= LABELS and any(
        each is not None and attribute.sub_attribute(name) is None for name, each in value.items()
    )


def _describe_expected(attribute: Attribute) -> str:
    """Return the part of a message that says which values the attribute can have."""
    if attribute.type != "complex":
        return f"expected values of the type {attribute.type}"
    known = (each.name for each in attribute.sub_attributes if each.mutability != "readOnly")
    return f"expected an object with {', '.join(known)}"


def check_number_of_values(attribute: Attribute, values: list[Any]) -> None:
    """Refuse more values than one attribute may have.

    The members of a group are rows and not part of the resource, so only the size of the body
    limits them.
    """
    if len(values) > MAX_VALUES and attribute.name != "members":
        raise errors.invalid_value(
            f"{attribute.name} has {len(values)} values; at most {MAX_VALUES} are accepted."
        )


def set_schemas(resource_type: ResourceType, resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resource with ``schemas`` set to the schemas of its attributes."""
    schemas = [resource_type.schema.id]
    schemas += [each.id for each in resource_type.extensions if each.id in resource]
    result: dict[str, Any] = {"schemas": schemas}
    result.update(resource)
    result["schemas"] = schemas
    return result


def check_required(resource_type: ResourceType, resource: Mapping[str, Any]) -> None:
    """Refuse a resource that lacks an attribute that its schema requires.

    Raises
    ------
    ScimError
        invalidValue; the detail names the attribute.
    """
    for attribute in resource_type.required:
        if resource.get(attribute.name) in (None, ""):
            raise errors.invalid_value(
                f"{attribute.name} is required and has no value; give it one."
            )


def _check_schemas(resource_type: ResourceType, body: Mapping[str, Any]) -> None:
    schemas = next((value for name, value in body.items() if name.lower() == "schemas"), None)
    if not isinstance(schemas, list) or resource_type.schema.id not in schemas:
        raise errors.invalid_syntax(
            f'"schemas" of the body must be a list that contains "{resource_type.schema.id}".'
        )


def join_path(holder: ResourceType | Attribute, where: str, name: str) -> str:
    """Return the path of an attribute within the object at `where`."""
    if not where:
        return name
    return f"{where}:{name}" if ":" in holder.name else f"{where}.{name}"
