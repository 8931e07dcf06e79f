"""Attribute mappings: which attribute of the directory flows to which of the application.

The defaults are those of a non-gallery application (Microsoft, "Customize user provisioning
attribute-mappings" and "Develop and plan provisioning for a SCIM endpoint").
"""

from dataclasses import dataclass, replace
from typing import Any

from .attributes import Target
from .directory import Group, User

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
SOFT_DELETED = "isSoftDeleted"


@dataclass(frozen=True, slots=True)
class AttributeMap:
    """One row of the mapping page; several sources are joined with a blank."""

    sources: tuple[str, ...]
    target: Target


def _row(sources: str, target: str) -> AttributeMap:
    return AttributeMap(tuple(sources.split("+")), Target.parse(target))


_USERS = (
    _row("userPrincipalName", "userName"),
    _row(SOFT_DELETED, "active"),
    _row("mailNickname", "externalId"),
    _row("displayName", "displayName"),
    _row("jobTitle", "title"),
    _row("mail", 'emails[type eq "work"].value'),
    _row("proxyAddresses", 'emails[type eq "other"].Value'),
    _row("preferredLanguage", "preferredLanguage"),
    _row("givenName", "name.givenName"),
    _row("surname", "name.familyName"),
    _row("givenName+surname", "name.formatted"),
    _row("physicalDeliveryOfficeName", 'addresses[type eq "other"].Formatted'),
    _row("streetAddress", 'addresses[type eq "work"].streetAddress'),
    _row("city", 'addresses[type eq "work"].locality'),
    _row("state", 'addresses[type eq "work"].region'),
    _row("postalCode", 'addresses[type eq "work"].postalCode'),
    _row("country", 'addresses[type eq "work"].country'),
    _row("telephoneNumber", 'phoneNumbers[type eq "work"].value'),
    _row("mobile", 'phoneNumbers[type eq "mobile"].value'),
    _row("facsimileTelephoneNumber", 'phoneNumbers[type eq "fax"].value'),
    _row("employeeId", f"{ENTERPRISE}:employeeNumber"),
    _row("department", f"{ENTERPRISE}:department"),
    _row("manager", f"{ENTERPRISE}:manager"),
)
_GROUPS = (
    _row("displayName", "displayName"),
    _row("objectId", "externalId"),
    _row("members", "members"),
)
_REFERENCES = ("manager", "members")

Values = dict[str, Any]
"""What an object should hold in the application, by target attribute."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """The mappings of users and groups, and the attributes that objects are matched by."""

    users: tuple[AttributeMap, ...] = _USERS
    groups: tuple[AttributeMap, ...] = _GROUPS
    user_match: str = "userName"
    group_match: str = "displayName"

    def without(self, source: str) -> "Mapping":
        """Return the mapping without the rows that read one attribute of the directory."""
        return replace(
            self,
            users=tuple(row for row in self.users if source not in row.sources),
            groups=tuple(row for row in self.groups if source not in row.sources),
        )

    def with_user(self, source: str, target: str) -> "Mapping":
        """Return the mapping with one more row for users."""
        return replace(self, users=(*self.users, _row(source, target)))

    @property
    def manager(self) -> Target | None:
        """The target attribute of the manager, where it is mapped."""
        return next((row.target for row in self.users if row.sources == ("manager",)), None)

    @property
    def members(self) -> Target | None:
        """The target attribute of the members, where they are mapped."""
        return next((row.target for row in self.groups if row.sources == ("members",)), None)

    def user_values(self, user: User, *, in_scope: bool = True) -> Values:
        """Return what a user should hold; attributes without a value do not flow.

        `isSoftDeleted` is true for whoever is disabled, deleted or out of scope (Microsoft, "How
        Application Provisioning works in Microsoft Entra ID", section on deprovisioning).
        """
        values: Values = {}
        for row in self.users:
            if row.sources == (SOFT_DELETED,):
                values[row.target.text] = in_scope and user.enabled and not user.soft_deleted
            elif row.sources != ("manager",):
                found = [user.attributes[name] for name in row.sources if name in user.attributes]
                if found:
                    values[row.target.text] = " ".join(found)
        return values

    def group_values(self, group: Group) -> Values:
        """Return what a group should hold, members aside."""
        held = {"displayName": group.display_name, "objectId": group.object_id}
        return {
            row.target.text: held[row.sources[0]]
            for row in self.groups
            if row.sources[0] not in _REFERENCES
        }


def active_only(values: Values) -> Values:
    """Keep what is sent of an object that leaves the scope: whether it is active."""
    return {target: value for target, value in values.items() if target == "active"}
