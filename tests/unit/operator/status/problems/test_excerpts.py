"""Quotes in conditions: short, on one line, and without possible secrets."""

from __future__ import annotations

import json

import pytest
from scim_operator.status.problems import excerpts

TOKEN = "scim_" + "a1B2" * 12


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("", ""),
        ("\n \n", ""),
        ("first\nerror: no such file\n\n", "error: no such file"),
        (json.dumps({"time": "2026-11-25T09:00:00Z", "message": "no database"}), "no database"),
        (json.dumps({"level": "error", "msg": "refused"}), "refused"),
        ("[1, 2]", "[1, 2]"),
        ("2026-11-25T09:00:00.123Z fatal: no", "fatal: no"),
        ("2026-11-25 09:00:00,123 fatal: no", "fatal: no"),
        ("09:00:01 fatal: no", "fatal: no"),
        ("tab\tand \x1b[31mred\x00 é", "tab and ?[31mred? ?"),
    ],
)
def test_the_last_line(output: str, line: str) -> None:
    """The last line with content is quoted: the message of a JSON line, and never a time."""
    assert excerpts.quote_output(output) == line


@pytest.mark.parametrize(
    "output",
    [
        "cannot connect to postgresql://scim:hunter2@db/scim",
        "PASSWORD=hunter2 is refused",
        "the password: 'hunter2' is refused",
        json.dumps({"message": "client_secret=hunter2"}),
        '{"apiKey": "hunter2"}',
        "Authorization: Bearer hunter2",
    ],
)
def test_assigned_secrets_are_hidden(output: str) -> None:
    """No credential in a container's last output reaches a condition."""
    assert "hunter2" not in excerpts.quote_output(output)
    assert excerpts.HIDDEN in excerpts.quote_output(output)


@pytest.mark.parametrize("secret", [TOKEN, "0123456789abcdef" * 4, "eyJhbGciOi-_" * 4])
def test_long_runs_are_hidden(secret: str) -> None:
    """A token is hidden whatever text precedes it."""
    assert secret not in excerpts.quote_output(f"refused {secret}")


def test_bounds() -> None:
    """A megabyte on one line is shortened, and so is a long text of a cluster component."""
    assert len(excerpts.quote_output("a b " * 250_000)) == excerpts.OUTPUT_CHARACTERS
    assert len(excerpts.quote_text("a b " * 250_000)) == excerpts.TEXT_CHARACTERS


def test_names_in_texts_stay() -> None:
    """A node's text keeps volume names, although they are as long as tokens, but no credentials."""
    volume = "pvc-8c0f3b0e-6f0a-4b57-9a53-1d1c5a5cf6a1"
    assert volume in excerpts.quote_text(f"cannot attach {volume}:\n timed out")
    assert "pw" not in excerpts.quote_text("mount of https://me:pw@nas/share failed")
