"""Whether the service can use a tenant's schema extensions. Pure.

The service ends at its start if it cannot (RFC 7643 section 7), and a pod that ends again and
again says less than a condition. The CRD refuses most of it, but not in tenants that were stored
before it did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scim_operator.api.v1alpha1.provisioning import (
    CORE_SCHEMAS,
    EXTENSION_URN,
    Attribute,
    SchemaExtension,
    SubAttribute,
)

_NAME = re.compile(r"[A-Za-z$][A-Za-z0-9_-]*")


def find_problem(extensions: Sequence[SchemaExtension]) -> str | None:
    """Return where the first problem is and which rule it breaks; None if there is none."""
    return next(_problems(extensions), None)


def _problems(extensions: Sequence[SchemaExtension]) -> Iterator[str]:
    taken = {urn.lower() for urn in CORE_SCHEMAS}
    for index, extension in enumerate(extensions):
        where = f"spec.provisioning.schemaExtensions[{index}]"
        if not re.fullmatch(EXTENSION_URN, extension.id):
            yield f"{where}.id {extension.id} is no URN such as urn:example:contoso:2.0:User"
        if extension.id.lower() in taken:
            yield f"{where}.id {extension.id} is the URN of another schema (case does not count)"
        taken.add(extension.id.lower())
        where += f" ({extension.id})"
        yield from _name_problems(extension.attributes, where)
        for attribute in extension.attributes:
            yield from _part_problems(attribute, f"{where}, attribute {attribute.name},")


def _part_problems(attribute: Attribute, where: str) -> Iterator[str]:
    if attribute.type != "complex":
        if attribute.sub_attributes:
            yield f"{where} has subAttributes, which only an attribute of type complex has"
        return
    if not attribute.sub_attributes:
        yield f"{where} has type complex and no subAttributes"
    yield from _name_problems(attribute.sub_attributes, where)


def _name_problems(attributes: Sequence[SubAttribute | Attribute], where: str) -> Iterator[str]:
    seen: set[str] = set()
    for attribute in attributes:
        name = attribute.name
        if not _NAME.fullmatch(name):
            yield (
                f"{where} has the name {name}: a name has letters, digits, - and _ and starts "
                "with a letter"
            )
        if name.lower() in seen:
            yield f"{where} has the name {name} twice (case does not count)"
        seen.add(name.lower())
