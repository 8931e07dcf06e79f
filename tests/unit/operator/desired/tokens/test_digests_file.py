"""The file with the digests of accepted tokens."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from scim_operator.desired.tokens.digests_file import AcceptedToken, dump, load

from tests.unit.operator.sample import NOW

OVERLAP = timedelta(hours=72)


def test_file_round_trip() -> None:
    """tokens.json has the contract's form, and is read as it was written."""
    entries = (
        AcceptedToken("k3v9q2aa", "0" * 64, NOW, NOW + OVERLAP),
        AcceptedToken("other", "1" * 64, NOW),
    )
    assert json.loads(dump(entries))["tokens"][0] == {
        "id": "k3v9q2aa",
        "sha256": "0" * 64,
        "createdAt": "2026-11-25T09:00:00Z",
        "notAfter": "2026-11-28T09:00:00Z",
    }
    assert load(dump(entries)) == entries


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '{"tokens": [{"id": "a"}]}', "1"])
def test_unreadable_file(text: str) -> None:
    """A digests file that cannot be read counts as lost."""
    assert load(text) == ()
