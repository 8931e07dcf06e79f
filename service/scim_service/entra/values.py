"""Gives values the shape and the type of their attributes.

One rule holds wherever a value can be (a path, a member of a body, a value path, the list of a
remove): wrapped values are unwrapped, bare values are wrapped, and texts are converted to their
attribute's type. Other values stay as they are, and the protocol core refuses them.

    ==================== ========================== =============================================
    attribute            standard form              other accepted forms
    ==================== ========================== =============================================
    simple               ``x``                      ``[x]``, ``{"value": x}``, ``[{"value": x}]``
    simple, multi-valued ``[x, y]``                 ``x``, ``{"value": x}``, ``[{"value": x}]``
    complex              ``{...}``                  ``[{...}]``, ``"x"`` for ``{"value": "x"}``
    complex, multi-val.  ``[{...}]``                ``{...}``, ``"x"``, ``["x"]``
    ==================== ========================== =============================================
"""

import re
from collections.abc import Callable
from typing import Any

from scim_service.scim.resource.canonical import LABELS, says_empty
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.values import complete_date

_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_BESIDE_VALUE = LABELS | {"value", "$ref"}
"""The members that an object around a simple value may have."""


def standardise_value(attribute: Attribute, value: Any, *, clear: bool = True) -> Any:
    """Return the value of an attribute in standard form.

    Parameters
    ----------
    clear
        Read an empty text as "no value". A remove must not, as an empty list of values to remove
        would come to mean all values.
    """
    if clear and (value is None or value == ""):
        # Gallery tests, SCIM_Null_Update and SCIM_Update_Manager: a replace with "" clears the
        # attribute, just as one with null does.
        return None
    if not attribute.multi_valued:
        if isinstance(value, str) and attribute.type == "string":
            return value  # nearly all values are of this form
        return standardise_element(attribute, value, clear=clear)
    given = wrap_in_list(value)
    elements = [standardise_element(attribute, each, clear=clear) for each in given]
    if not clear:
        return elements
    kept = [each for each in elements if each is not None and not has_only_labels(each)]
    if not kept and not _says_empty(attribute, given, elements):
        # No value is left, but the list did not mean that: the protocol core refuses it.
        return elements
    return keep_first_primary(kept) if len(kept) > 1 and "primary" in attribute.by_name else kept


def standardise_element(attribute: Attribute, value: Any, *, clear: bool = True) -> Any:
    """Return one value of an attribute in standard form."""
    if isinstance(value, list):
        value = unwrap_list(value)
    if attribute.type == "complex":
        value = wrap_in_object(attribute, value)
        return (
            _standardise_members(attribute, value, clear=clear)
            if isinstance(value, dict)
            else value
        )
    if isinstance(value, dict):
        value = unwrap_object(value)
    if clear and value == "":
        return None
    typed = _TYPED.get(attribute.type)
    return typed(value) if typed is not None and isinstance(value, str) else value


def _standardise_members(
    attribute: Attribute, value: dict[str, Any], *, clear: bool = True
) -> dict[str, Any]:
    """Return the sub-attributes of a value in standard form."""
    if attribute.name == "members":
        value = rename_display_name_of_member(value)
    result: dict[str, Any] = {}
    for name, each in value.items():
        sub = attribute.sub_attribute(name)
        result[name] = each if sub is None else standardise_value(sub, each, clear=clear)
    return result


def _says_empty(attribute: Attribute, given: list[Any], elements: list[Any]) -> bool:
    """Whether a list without values means so: by a known sub-attribute or by an empty text."""
    if attribute.type == "complex":
        return says_empty(attribute, elements)
    return any(each is not None for each in given) and not any(
        each is not None for each in elements
    )


def unwrap_list(value: list[Any]) -> Any:
    """Return the only value of a list; any other list is returned as it is.

    Tutorial, example of updating the manager: ``"value": [{"$ref": "...", "value": "..."}]``;
    sent for single texts too (stackoverflow.com/questions/52840348). ``[null]`` has no meaning.
    """
    if not value:
        return None
    return value[0] if len(value) == 1 and value[0] is not None else value


def wrap_in_list(value: Any) -> list[Any]:
    """Return a list for a single value of a multi-valued attribute.

    Collection: a member is added with ``"value": "string id 1"``.
    """
    return value if isinstance(value, list) else [value]


def wrap_in_object(attribute: Attribute, value: Any) -> Any:
    """Return ``{"value": id}`` for a bare id if the attribute is complex.

    Gallery tests, SCIM_Update_Manager: the manager is a bare id; collection: a member is added
    with ``"value": "string id 1"``.
    """
    wraps = isinstance(value, str) and attribute.sub_attribute("value") is not None
    return {"value": value} if wraps else value


def unwrap_object(value: dict[str, Any]) -> Any:
    """Return the simple value that an object wraps.

    Entra sends ``[{"value": "x"}]`` for a custom multi-valued text
    (learn.microsoft.com/answers/questions/1693075), and ``[{"$ref": null, "value": "x"}]`` for a
    single one (stackoverflow.com/questions/52840348).
    """
    members = {name.lower(): each for name, each in value.items()}
    if "value" not in members or not members.keys() <= _BESIDE_VALUE:
        return value
    inner = members["value"]
    return unwrap_list(inner) if isinstance(inner, list) else inner


def read_boolean(value: str) -> bool | str:
    """Return the boolean for ``"True"`` or ``"False"`` in any case.

    Compatibility: ``{"op": "Replace", "path": "active", "value": "False"}`` without the flag;
    collection: a user is created with ``"active": "True"``; the gallery tests send
    ``"primary": "True"`` in roles.
    """
    return _BOOLEANS.get(value.strip().lower(), value)


def read_integer(value: str) -> int | str:
    """Return the integer for a text such as ``"42"``.

    Entra's source attributes are texts (elimity-com/scim#165).
    """
    text = value.strip()
    return int(text) if _INTEGER.fullmatch(text) else value


def read_decimal(value: str) -> float | str:
    """Return the number for a text such as ``"0.5"`` (elimity-com/scim#165)."""
    text = value.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text) if _DECIMAL.fullmatch(text) else float("inf")
    return value if number in {float("inf"), float("-inf")} else number


def read_date(value: str) -> str:
    """Return the start of the day in UTC for a date such as ``"2026-01-31"``.

    Directories keep some dates as text, such as the hire date from a personnel system.
    """
    return complete_date(value.strip())


_TYPED: dict[str, Callable[[str], Any]] = {
    "boolean": read_boolean,
    "integer": read_integer,
    "decimal": read_decimal,
    "dateTime": read_date,
}
"""The types whose values Entra writes in another form than the RFCs."""


def has_only_labels(element: Any) -> bool:
    """Whether the value of a list element is null, and only its labels are left.

    Tutorial, example of creating a user: attributes without a value in Entra are sent as null.
    """
    if not isinstance(element, dict) or None not in element.values():
        return False
    given = {name.lower() for name, value in element.items() if value is not None}
    return given <= LABELS


def keep_first_primary(elements: list[Any]) -> list[Any]:
    """Keep only the first of several primary elements as the primary one.

    PingOne sends the work and the home mail as primary
    (docs/decisions/0027-understood-skipped-and-told.md).
    """
    primaries = [index for index, each in enumerate(elements) if _is_primary(each)]
    for index in primaries[1:]:
        elements[index] = {
            name: False if name.lower() == "primary" else each
            for name, each in elements[index].items()
        }
    return elements


def _is_primary(element: Any) -> bool:
    return isinstance(element, dict) and any(
        value is True and name.lower() == "primary" for name, value in element.items()
    )


def rename_display_name_of_member(value: dict[str, Any]) -> dict[str, Any]:
    """Rename ``displayName`` of a member to ``display``.

    Collection: a member is added with ``"displayName": "new User"``, and expected back.
    """
    return {
        "display" if name.lower() == "displayname" else name: each for name, each in value.items()
    }
