"""Which filters an index serves, and which ones are refused."""

import pytest
from scim_service.scim.errors import ScimError
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.resolver import resolve_filter
from scim_service.scim.filter.shape import split_literals
from scim_service.scim.filter.tree import Filter
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.database.statements import Backend, compile_statement
from scim_service.store.resources.user_statements import user_source
from scim_service.store.search.sql_filter import ConditionBuilder, is_selective

BACKENDS: list[Backend] = ["sqlite", "postgresql"]


def resolve(text: str, user: ResourceType) -> Filter:
    """Return a resolved filter over users."""
    return resolve_filter(parse_filter(text), user)


@pytest.mark.parametrize(
    ("text", "selective"),
    [
        ('userName eq "ada"', True),
        ('emails.value eq "ada@x"', True),
        ('emails[type eq "work" and value eq "ada@x"]', True),
        ('userName eq "ada" and title co "x"', True),
        ('userName eq "ada" or externalId eq "1"', True),
        ('userName eq "ada" or title eq "x"', False),
        ('not (userName eq "ada")', False),
        ('userName sw "a"', False),
        ('title eq "x"', False),
        ('emails[type eq "work"]', False),
        ('meta.resourceType eq "User"', False),
    ],
)
def test_which_filters_an_index_serves(text: str, selective: bool, user: ResourceType) -> None:
    """A filter is selective if an index leads to all resources that it can select."""
    assert is_selective(resolve(text, user), user_source(user, "sqlite")) is selective


@pytest.mark.parametrize("backend", BACKENDS)
def test_literals_are_parameters_in_their_search_form(backend: Backend, user: ResourceType) -> None:
    """No literal is in the SQL; each parameter has the form of the column."""
    builder = ConditionBuilder(user_source(user, backend), backend)
    found = resolve('userName eq "ADA" and meta.created gt "1970-01-01T00:00:01Z"', user)
    compiled = compile_statement(builder.condition(found), backend)
    assert "ada" not in compiled.sql.lower()
    _, literals = split_literals(found)
    assert builder.parameters(literals) == {"f0": "ada", "f1": 1_000_000}


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_filter_on_a_value_without_a_column_is_refused(
    backend: Backend, user: ResourceType
) -> None:
    """It is an error, and never selects all users or none; whether there is a value is known."""
    builder = ConditionBuilder(user_source(user, backend), backend)
    with pytest.raises(ScimError, match=r"can only ask for meta\.version pr"):
        builder.condition(resolve('meta.version eq "1"', user))
    builder.condition(resolve("meta.version pr", user))
