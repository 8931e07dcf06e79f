"""The attribute ``meta``."""

import json

import pytest
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.database.statements import Backend
from scim_service.store.record import Record
from scim_service.store.resources.derived import meta_columns, meta_text
from scim_service.store.tables import User, table


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_answers_and_filters_know_the_same_parts(backend: Backend, user: ResourceType) -> None:
    """Every part of ``meta`` in an answer can be named by a filter, except the version."""
    record = Record("1", "{}", 3, 0, 1_000_000)
    meta = json.loads(meta_text("User", record, "https://scim.example/scim/Users/1", "3"))
    assert meta == {
        "resourceType": "User",
        "created": "1970-01-01T00:00:00.000000Z",
        "lastModified": "1970-01-01T00:00:01.000000Z",
        "location": "https://scim.example/scim/Users/1",
        "version": 'W/"3"',
    }
    columns = meta_columns(table(User), user, backend)
    assert {sub for _, _, sub in columns} == meta.keys() - {"version"}
