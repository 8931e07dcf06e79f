"""The bodies and filters that Entra sends, in both of its dialects.

Sources: Microsoft, "Develop and plan provisioning for a SCIM endpoint" (requests), and "Known
issues and resolutions with SCIM 2.0 protocol compliance" (the flag `aadOptscim062020`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlsplit

from .attributes import Resource, Target
from .mapping import ENTERPRISE, Values

_CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
_ADSCIM = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
_NULLABLE = (
    "addresses",
    "displayName",
    "phoneNumbers",
    "preferredLanguage",
    "title",
    "department",
    "manager",
)


class Flag(StrEnum):
    """The dialects, by the flag in the Tenant URL that turns them on."""

    DEFAULT = "default"
    AAD_OPT_SCIM = "aadOptscim062020"


class Quirk(StrEnum):
    """Older or rarer shapes that are documented, or that implementers report."""

    EXPLICIT_NULLS = "explicit-nulls"
    """A create carries nulls, core-level enterprise attributes and a misspelled URN."""
    MANAGER_ARRAY = "manager-array"
    """The manager is an array of one reference, at the short path."""
    UNQUOTED_FILTER = "unquoted-filter"
    """A filter's literal stands without quotation marks."""


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute to update; `present` if the application has a value of it."""

    target: str
    value: Any
    present: bool = True


@dataclass(frozen=True, slots=True)
class Dialect:
    """Builds requests; a dialect knows no HTTP and no state."""

    flag: Flag = Flag.DEFAULT
    quirks: frozenset[Quirk] = frozenset()

    @classmethod
    def of(cls, tenant_url: str, quirks: Iterable[Quirk] = ()) -> Self:
        """Return the dialect that the flag in a Tenant URL asks for."""
        asked = Flag.AAD_OPT_SCIM.lower() in urlsplit(tenant_url).query.lower()
        return cls(Flag.AAD_OPT_SCIM if asked else Flag.DEFAULT, frozenset(quirks))

    def filter(self, attribute: str, value: str) -> str:
        """Return the filter that an object is matched with."""
        if Quirk.UNQUOTED_FILTER in self.quirks and value.replace(".", "").isalnum():
            return f"{attribute} eq {value}"
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{attribute} eq "{escaped}"'

    def create_user(self, values: Values) -> Resource:
        """Return the body of POST /Users."""
        nulls = Quirk.EXPLICIT_NULLS in self.quirks
        extension = ENTERPRISE.replace(":User", "User") if nulls else ENTERPRISE
        body: Resource = {"schemas": [_CORE, extension]}
        for target, value in values.items():
            Target.parse(target).write(body, value)
        for email in body.get("emails", ()):
            if email["type"] == "work":
                email["primary"] = True
        body["meta"] = {"resourceType": "User"}
        body.setdefault("roles", [])
        if nulls:
            body |= {name: None for name in _NULLABLE if name not in body}
        return body

    def create_group(self, values: Values) -> Resource:
        """Return the body of POST /Groups: a group begins without members."""
        body: Resource = {"schemas": [_GROUP, _ADSCIM]}
        for target, value in values.items():
            Target.parse(target).write(body, value)
        body["meta"] = {"resourceType": "Group"}
        return body

    def update(self, changes: Sequence[Change]) -> Resource:
        """Return the PATCH that brings attributes up to date."""
        if self.flag is Flag.DEFAULT:
            return _patch(
                self._operation(_verb(change), change.target, _text(change.value))
                for change in changes
            )
        plain = [change for change in changes if change.present and _is_plain(change.target)]
        apart = [change for change in changes if len(plain) < 2 or change not in plain]
        operations = [
            self._operation(_verb(change), change.target, change.value) for change in apart
        ]
        if len(plain) > 1:
            merged = {change.target: change.value for change in plain}
            operations.append({"op": "replace", "value": merged})
        return _patch(operations)

    def set_manager(self, target: str, anchor: str, *, present: bool, url: str) -> Resource:
        """Return the PATCH that names a manager by the id the application gave."""
        verb = "Replace" if present else "Add"
        if Quirk.MANAGER_ARRAY in self.quirks:
            return _patch([self._operation(verb, "manager", [{"$ref": url, "value": anchor}])])
        return _patch([self._operation(verb, target, anchor)])

    def clear(self, target: str) -> Resource:
        """Return the PATCH that removes a single value: a replace with null."""
        return _patch([self._operation("Replace", target, "")])

    def add_members(self, anchors: Sequence[str]) -> Resource:
        """Return the PATCH that adds members to a group."""
        return _patch([self._operation("Add", "members", _references(anchors))])

    def remove_members(self, anchors: Sequence[str]) -> Resource:
        """Return the PATCH that removes members; by default not what RFC 7644 3.5.2.2 says."""
        if self.flag is Flag.DEFAULT:
            return _patch([self._operation("Remove", "members", _references(anchors))])
        return _patch(
            {"op": "remove", "path": f'members[value eq "{anchor}"]'} for anchor in anchors
        )

    def _operation(self, verb: str, path: str, value: Any) -> dict[str, Any]:
        op = verb if self.flag is Flag.DEFAULT else verb.lower()
        return {"op": op, "path": path, "value": value}


def _patch(operations: Iterable[dict[str, Any]]) -> Resource:
    return {"schemas": [_PATCH], "Operations": list(operations)}


def _verb(change: Change) -> str:
    return "Replace" if change.present else "Add"


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, bool) else value


def _is_plain(target: str) -> bool:
    return "[" not in target and target != "active"


def _references(anchors: Sequence[str]) -> list[dict[str, Any]]:
    return [{"$ref": None, "value": anchor} for anchor in anchors]
