"""Target attributes of a mapping, such as `emails[type eq "work"].value`.

Entra names the attributes of the application in this form, both in the mapping and as the path of
a PATCH operation: an optional schema URN, an attribute, an optional filter on one sub-attribute,
an optional sub-attribute. Names are compared without regard to case (RFC 7643 section 2.1).
"""

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

Resource = dict[str, Any]

_TARGET = re.compile(
    r"(?:(?P<schema>urn:[^\[\]]+):)?(?P<attribute>[A-Za-z$][\w$-]*)"
    r'(?:\[(?P<key>\w+) eq "(?P<match>[^"]*)"\])?(?:\.(?P<sub>\w+))?'
)


@dataclass(frozen=True, slots=True)
class Target:
    """One target attribute, parsed."""

    text: str
    schema: str | None
    attribute: str
    key: str | None
    match: str | None
    sub: str | None

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> Self:
        """Take a target attribute as an administrator types it."""
        found = _TARGET.fullmatch(text)
        if found is None:
            raise ValueError(f"not a target attribute: {text!r}")
        return cls(text, **found.groupdict())

    def read(self, resource: Mapping[str, Any]) -> Any:
        """Return the value in a resource, None if it has none."""
        holder: Any = resource if self.schema is None else lookup(resource, self.schema)
        value = lookup(holder, self.attribute)
        if self.key is not None:
            value = self._element(value)
        if self.sub is not None:
            return lookup(value, self.sub)
        if isinstance(value, Mapping):
            return lookup(value, "value")
        return value

    def write(self, resource: Resource, value: Any) -> None:
        """Put a value into the body of a new resource."""
        holder = resource if self.schema is None else resource.setdefault(self.schema, {})
        if self.key is not None:
            elements = holder.setdefault(self.attribute, [])
            element = self._element(elements)
            if element is None:
                element = {self.key: self.match}
                elements.append(element)
            element[self.sub or "value"] = value
        elif self.sub is not None:
            holder.setdefault(self.attribute, {})[self.sub] = value
        else:
            holder[self.attribute] = value

    def _element(self, elements: Any) -> MutableMapping[str, Any] | None:
        if not isinstance(elements, list) or self.key is None or self.match is None:
            return None
        for element in elements:
            found = lookup(element, self.key)
            if found is not None and str(found).lower() == self.match.lower():
                return element  # type: ignore[no-any-return]
        return None


def lookup(holder: Any, name: str) -> Any:
    """Return the value of an attribute, its name compared without regard to case."""
    if not isinstance(holder, Mapping):
        return None
    if name in holder:
        return holder[name]
    folded = name.lower()
    return next((value for key, value in holder.items() if key.lower() == folded), None)
