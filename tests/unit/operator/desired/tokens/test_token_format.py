"""The format of a token, and which owner's tokens are weak."""

from __future__ import annotations

import re

import pytest
from scim_operator.desired.tokens.token_format import find_weakness, generate, is_well_formed


def test_format() -> None:
    """A token matches the pattern of secret scanners and has a valid checksum."""
    token = generate()
    assert re.fullmatch(r"scim_[0-9A-Za-z]{49}", token)
    assert is_well_formed(token)
    assert generate() != token
    changed = "a" if token[10] != "a" else "b"
    assert not is_well_formed(token[:10] + changed + token[11:])


@pytest.mark.parametrize("other", ["", "scim_", "Bearer x", "x" * 54, f"scim_{'0' * 50}"])
def test_other_strings_are_no_tokens(other: str) -> None:
    """A string that the operator cannot have generated is recognized."""
    assert not is_well_formed(other)


@pytest.mark.finding(24)
@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "fewer than 32"),
        ("Contoso-Summer-2026!", "fewer than 32"),
        ("3kf8Qm2Lx9Zr7Tb1Vn5Wc0Yd4Hg6Jp", "fewer than 32"),
        ("a" * 64, "variety"),
        ("ab" * 32, "variety"),
        ("0123456789" * 4, "variety"),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "variety"),
        ("Contoso-Summer-2026!Contoso-Summer-2026!", "variety"),
        ("9f86d081884c7d659a2feaa0c55ad015", None),
        ("f81d4fae-7dec-41d0-a765-00a0c91e6bf6", None),
        ("q0lXw4b8VnqhQ5b1O2f9Rz7u_3yTgkMs-aEcJdWxYpI", None),
    ],
)
def test_weak_tokens(token: str, words: str | None) -> None:
    """Short, repeated and ordered tokens are weak; random ones of 128 bits are not."""
    found = find_weakness(token)
    assert found is None if words is None else words in str(found)


def test_issued_tokens_are_strong() -> None:
    """A generated token is strong."""
    assert not any(find_weakness(generate(prefix)) for prefix in ("scim_", "scima_") * 50)
