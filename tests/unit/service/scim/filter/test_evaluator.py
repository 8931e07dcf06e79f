"""Filters on one resource."""

import pytest
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_USER
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.conftest import CUSTOM_URN
from tests.unit.service.scim.filter.sample_filters import holds


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "jyoung@TESTUSER.com"',
        'username sw "jy"',
        'userName ew ".COM"',
        'externalId eq "jyoung"',
        'externalId ne "JYoung"',
        'emails eq "joy@example.com"',
        'emails[type eq "work"].value eq "JOY@example.com"',
        'emails[type eq "work" and value co "@example"]',
        'not (emails[type eq "home" and value co "@example.com"])',
        'emails.type eq "home"',
        'emails.type ne "home"',
        'emails[not (type eq "work")]',
        'emails[primary eq true].value eq "joy@example.com"',
        "roles[primary eq true] and active eq true",
        "title eq null and userName ne null",
        'title ne "x"',
        "not (title pr) and emails pr and name pr",
        'meta.created eq "2026-01-31T10:00:00.500+01:00"',
        'meta.created gt "2026-01-31T09:00:00Z"',
        'name.familyName lt "f" and name.familyName ge "EMPLOYEE"',
        'name[familyName eq "employee" and givenName eq "joy"]',
        f'{URN_ENTERPRISE_USER}:manager eq "2819c223"',
        f'{URN_ENTERPRISE_USER}:manager.value eq "2819c223"',
        f"{URN_ENTERPRISE_USER} pr",
        f"{CUSTOM_URN}:badge ge 7 and {CUSTOM_URN}:badge lt 8",
        f"{CUSTOM_URN}:height gt 1.7 and {CUSTOM_URN}:height le 2",
        f'{CUSTOM_URN}:hired eq "2025-05-31T22:00:00Z"',
        f'{CUSTOM_URN}:tags eq "red" and {CUSTOM_URN}:tags.value eq "BLUE"',
        f'{CUSTOM_URN}:tags[value sw "bl"]',
        f'schemas eq "{URN_USER}"',
    ],
)
def test_matching(user: ResourceType, text: str) -> None:
    """Each of these is true of the resource."""
    assert holds(text, user)


@pytest.mark.parametrize(
    "text",
    [
        'externalId eq "JYoung"',
        'id eq "54d382a4"',
        'emails[type eq "home" and primary eq true]',
        'emails[type eq "work"].value eq "joy@home.example"',
        'title eq "x"',
        "title pr",
        "photos pr",
        "active eq false",
        'meta.created lt "2026-01-31T09:00:00Z"',
        f'{CUSTOM_URN}:tags eq "green"',
        f'{CUSTOM_URN}:code eq "x"',
    ],
)
def test_not_matching(user: ResourceType, text: str) -> None:
    """Each of these is false of the resource."""
    assert not holds(text, user)
