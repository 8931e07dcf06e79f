"""The bodies are those of Microsoft's pages, operation by operation.

UTG: "Develop and plan provisioning for a SCIM endpoint". COMPAT: "Known issues and resolutions
with SCIM 2.0 protocol compliance".
"""

import pytest

from tests.entra import Change, Dialect, Flag, Quirk

_PATCH = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
_CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_NUMBER = f"{_ENTERPRISE}:employeeNumber"
DEFAULT, FLAGGED = Dialect(), Dialect(Flag.AAD_OPT_SCIM)
_COMPAT_CHANGES = [
    Change("displayName", "Pvlo"),
    Change('emails[type eq "work"].value', "TestBcwqnm@test.microsoft.com"),
    Change("name.givenName", "Gtfd"),
    Change("name.familyName", "Pkqf"),
    Change(_NUMBER, "Eqpj"),
]


def test_update_several_attributes_by_default() -> None:
    """COMPAT, "Requests to replace multiple attributes", without the flag."""
    assert DEFAULT.update(_COMPAT_CHANGES) == {
        "schemas": _PATCH,
        "Operations": [
            {"op": "Replace", "path": "displayName", "value": "Pvlo"},
            {
                "op": "Replace",
                "path": 'emails[type eq "work"].value',
                "value": "TestBcwqnm@test.microsoft.com",
            },
            {"op": "Replace", "path": "name.givenName", "value": "Gtfd"},
            {"op": "Replace", "path": "name.familyName", "value": "Pkqf"},
            {"op": "Replace", "path": _NUMBER, "value": "Eqpj"},
        ],
    }


def test_update_several_attributes_with_the_flag() -> None:
    """COMPAT, "Requests to replace multiple attributes", with the flag."""
    assert FLAGGED.update(_COMPAT_CHANGES) == {
        "schemas": _PATCH,
        "Operations": [
            {
                "op": "replace",
                "path": 'emails[type eq "work"].value',
                "value": "TestBcwqnm@test.microsoft.com",
            },
            {
                "op": "replace",
                "value": {
                    "displayName": "Pvlo",
                    "name.givenName": "Gtfd",
                    "name.familyName": "Pkqf",
                    _NUMBER: "Eqpj",
                },
            },
        ],
    }


@pytest.mark.parametrize(
    ("dialect", "operation"),
    [
        (DEFAULT, {"op": "Replace", "path": "active", "value": "False"}),
        (FLAGGED, {"op": "replace", "path": "active", "value": False}),
    ],
)
def test_disable(dialect: Dialect, operation: object) -> None:
    """COMPAT, "Requests made to disable users"."""
    body = dialect.update([Change("active", False)])
    assert body == {"schemas": _PATCH, "Operations": [operation]}


@pytest.mark.parametrize(
    ("dialect", "operation"),
    [
        (DEFAULT, {"op": "Add", "path": "nickName", "value": "Babs"}),
        (FLAGGED, {"op": "add", "path": "nickName", "value": "Babs"}),
    ],
)
def test_add_a_single_value(dialect: Dialect, operation: object) -> None:
    """COMPAT, "Requests made to add a single-value string attribute"."""
    body = dialect.update([Change("nickName", "Babs", present=False)])
    assert body == {"schemas": _PATCH, "Operations": [operation]}


def test_add_a_member() -> None:
    """UTG, "Update Group [Add Members]"."""
    assert DEFAULT.add_members(["f648"]) == {
        "schemas": _PATCH,
        "Operations": [
            {"op": "Add", "path": "members", "value": [{"$ref": None, "value": "f648"}]}
        ],
    }


@pytest.mark.parametrize(
    ("dialect", "operation"),
    [
        (DEFAULT, {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "7f4b"}]}),
        (FLAGGED, {"op": "remove", "path": 'members[value eq "7f4b"]'}),
    ],
)
def test_remove_a_member(dialect: Dialect, operation: object) -> None:
    """COMPAT, "Requests made to remove a group member"; UTG for the `$ref`."""
    body = dialect.remove_members(["7f4b"])
    assert body == {"schemas": _PATCH, "Operations": [operation]}


def test_create_user() -> None:
    """UTG, "Create User"."""
    values = {
        "externalId": "0a21f0f2",
        "userName": "Test_User_00aa00aa",
        "active": True,
        'emails[type eq "work"].value': "Test_User_11bb11bb@testuser.com",
        "name.formatted": "givenName familyName",
        "name.familyName": "familyName",
        "name.givenName": "givenName",
    }
    assert DEFAULT.create_user(values) == {
        "schemas": [_CORE, _ENTERPRISE],
        "externalId": "0a21f0f2",
        "userName": "Test_User_00aa00aa",
        "active": True,
        "emails": [{"primary": True, "type": "work", "value": "Test_User_11bb11bb@testuser.com"}],
        "meta": {"resourceType": "User"},
        "name": {
            "formatted": "givenName familyName",
            "familyName": "familyName",
            "givenName": "givenName",
        },
        "roles": [],
    }


def test_create_user_with_nulls() -> None:
    """UTG, Example 2: nulls, core-level department and manager, a misspelled URN."""
    dialect = Dialect(quirks=frozenset({Quirk.EXPLICIT_NULLS}))
    body = dialect.create_user({"userName": "jyoung@testuser.com", "displayName": "Joy Young"})
    assert body == {
        "schemas": [_CORE, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
        "userName": "jyoung@testuser.com",
        "displayName": "Joy Young",
        "addresses": None,
        "meta": {"resourceType": "User"},
        "phoneNumbers": None,
        "preferredLanguage": None,
        "roles": [],
        "title": None,
        "department": None,
        "manager": None,
    }


def test_create_group() -> None:
    """UTG, "Create Group": the ADSCIM schema, no members."""
    assert DEFAULT.create_group({"externalId": "8aa1a0c0", "displayName": "displayName"}) == {
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:Group",
            "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
        ],
        "externalId": "8aa1a0c0",
        "displayName": "displayName",
        "meta": {"resourceType": "Group"},
    }


def test_manager_is_a_bare_id() -> None:
    """The shape of the gallery's Logic App and of traffic in the field."""
    target = f"{_ENTERPRISE}:manager"
    body = DEFAULT.set_manager(target, "00aa", present=False, url="http://h/scim/Users/00aa")
    assert body["Operations"] == [{"op": "Add", "path": target, "value": "00aa"}]


def test_manager_is_an_array() -> None:
    """UTG, Example 5."""
    dialect = Dialect(quirks=frozenset({Quirk.MANAGER_ARRAY}))
    url = "http://h/scim/Users/00aa"
    body = dialect.set_manager(f"{_ENTERPRISE}:manager", "00aa", present=False, url=url)
    assert body["Operations"] == [
        {"op": "Add", "path": "manager", "value": [{"$ref": url, "value": "00aa"}]}
    ]


def test_manager_is_cleared_with_an_empty_string() -> None:
    """The gallery's SCIM_Update_Manager test."""
    assert FLAGGED.clear("manager")["Operations"] == [
        {"op": "replace", "path": "manager", "value": ""}
    ]


def test_filters() -> None:
    """UTG, "Get User by query", and Example 1 with its unquoted literal."""
    unquoted = Dialect(quirks=frozenset({Quirk.UNQUOTED_FILTER}))
    assert DEFAULT.filter("userName", 'a"b\\c') == r'userName eq "a\"b\\c"'
    assert unquoted.filter("externalId", "jyoung") == "externalId eq jyoung"
    assert unquoted.filter("userName", "a b") == 'userName eq "a b"'


@pytest.mark.parametrize(
    ("url", "flag"),
    [
        ("https://h/scim", Flag.DEFAULT),
        ("https://h/scim/?aadOptscim062020", Flag.AAD_OPT_SCIM),
        ("https://h/scim?x=y&AadOptScim062020", Flag.AAD_OPT_SCIM),
    ],
)
def test_the_flag_stands_in_the_tenant_url(url: str, flag: Flag) -> None:
    """COMPAT, "Flags to alter the SCIM behavior"."""
    assert Dialect.of(url).flag is flag
