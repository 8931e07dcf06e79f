"""The ids of resources."""

from uuid import UUID

import pytest
from scim_service.store.resources.ids import is_id, new_id

ID = "01977446-2d80-7ab3-8c4e-0123456789ab"


def test_ids_are_uuids_of_version_7_in_the_order_of_creation() -> None:
    """Ids sort by their time of creation, within the resolution of the clock."""
    ids = [new_id() for _ in range(1000)]
    assert {UUID(text).version for text in ids} == {7}
    assert len(set(ids)) == len(ids)
    assert [text[:18] for text in ids] == sorted(text[:18] for text in ids)
    assert all(map(is_id, [*ids, ID]))


@pytest.mark.parametrize(
    "text", ["", "ada", ID.upper(), f"{{{ID}}}", f"{ID} ", ID[:-1], ID.replace("-", "")]
)
def test_other_texts_are_not_ids(text: str) -> None:
    """Only the form that `new_id` returns is an id: lower case, with hyphens, without braces."""
    assert not is_id(text)
