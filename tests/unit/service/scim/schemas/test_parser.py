"""Schema documents that are not usable."""

from typing import Any

import pytest
from scim_service.scim.messages import URN_ENTERPRISE_USER
from scim_service.scim.schemas.parser import SchemaError
from scim_service.scim.schemas.registry import Registry

from tests.unit.service.conftest import CUSTOM_SCHEMA


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "contoso"}, "id must be a URN"),
        ({"id": URN_ENTERPRISE_USER}, "exists already"),
        ({"name": 1}, "name must be a text"),
        ({"attributes": []}, "attributes must be a list"),
        ({"attributes": ["badge"]}, r"attributes\[0\] must be an object"),
        ({"attributes": [{"name": "a b"}]}, r"attributes\[0\]\.name must be a name"),
        ({"attributes": [{"name": "a"}, {"name": "A"}]}, r"attributes\[1\]\.name: A exists"),
        ({"attributes": [{"name": "a", "type": "date"}]}, "type must be one of string, boolean"),
        ({"attributes": [{"name": "a", "multiValued": "no"}]}, "multiValued must be true or false"),
        ({"attributes": [{"name": "a", "canonicalValues": "x"}]}, "must be a list of texts"),
        ({"attributes": [{"name": "a", "type": "complex"}]}, "subAttributes must be a list"),
        ({"attributes": [{"name": "a", "subAttributes": [{"name": "b"}]}]}, "only a complex"),
        (
            {
                "attributes": [
                    {
                        "name": "a",
                        "type": "complex",
                        "subAttributes": [
                            {"name": "b", "type": "complex", "subAttributes": [{"name": "c"}]}
                        ],
                    }
                ]
            },
            "a sub-attribute cannot be complex",
        ),
    ],
)
def test_bad_extension_is_refused(change: dict[str, Any], message: str) -> None:
    """An unusable extension is refused with the place and the reason."""
    with pytest.raises(SchemaError, match=rf"schemaExtensions\[0\].*{message}"):
        Registry.load([CUSTOM_SCHEMA | change])


def test_extension_that_is_no_object_is_refused() -> None:
    """A schema must be an object."""
    with pytest.raises(SchemaError, match="must be an object"):
        Registry.load(["urn:example:contoso"])
