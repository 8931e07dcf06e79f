"""Check that the service can use a tenant's schema extensions.

The service exits at its start if it cannot (RFC 7643 section 7), and a condition explains more than
a pod that restarts repeatedly. The CRD rejects most such extensions, but not in tenants that were
stored before its rules.
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
    """Return the field of the first problem and the broken rule; None if there is no problem."""
    return next(_find_problems(extensions), None)


def _find_problems(extensions: Sequence[SchemaExtension]) -> Iterator[str]:
    urns = {urn.lower() for urn in CORE_SCHEMAS}
    for index, extension in enumerate(extensions):
        field = f"spec.provisioning.schemaExtensions[{index}]"
        if not re.fullmatch(EXTENSION_URN, extension.id):
            yield f"{field}.id {extension.id} is not a URN such as urn:example:contoso:2.0:User"
        if extension.id.lower() in urns:
            yield f"{field}.id {extension.id} is the URN of another schema (case is ignored)"
        urns.add(extension.id.lower())
        field += f" ({extension.id})"
        yield from _find_name_problems(extension.attributes, field)
        for attribute in extension.attributes:
            subject = f"{field}, attribute {attribute.name},"
            yield from _find_sub_attribute_problems(attribute, subject)


def _find_sub_attribute_problems(attribute: Attribute, subject: str) -> Iterator[str]:
    if attribute.type != "complex":
        if attribute.sub_attributes:
            yield f"{subject} has subAttributes, but only an attribute of type complex can have any"
        return
    if not attribute.sub_attributes:
        yield f"{subject} has type complex but no subAttributes"
    yield from _find_name_problems(attribute.sub_attributes, subject)


def _find_name_problems(
    attributes: Sequence[SubAttribute | Attribute], subject: str
) -> Iterator[str]:
    names: set[str] = set()
    for attribute in attributes:
        name = attribute.name
        if not _NAME.fullmatch(name):
            yield (
                f"{subject} has the name {name}: a name consists of letters, digits, - and _ and "
                "starts with a letter"
            )
        if name.lower() in names:
            yield f"{subject} has the name {name} twice (case is ignored)"
        names.add(name.lower())
