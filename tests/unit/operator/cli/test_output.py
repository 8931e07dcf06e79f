"""Tests of tables, text and JSON."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from scim_operator.cli import output

from tests.unit.operator.sample import NOW


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (True, "yes"),
        (NOW, "2026-11-25 09:00:00Z"),
        (datetime.fromisoformat("2026-11-25T10:00:00+01:00"), "2026-11-25 09:00:00Z"),
        ("Zoë 鈴木", "Zoë 鈴木"),
        ("\x1b[31mred\n\u202e", "\ufffd[31mred\ufffd\ufffd"),
    ],
)
def test_text(value: object, shown: str) -> None:
    """Each type of value has one format, and a directory's values cannot control the terminal."""
    assert output.create_text(value).plain == shown


def test_lines_are_not_folded(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal lines are not folded, for grep, and [brackets] are no markup."""
    long = 'emails[type eq "work"].value ' * 20
    output.show("table", {}, output.create_table(("MESSAGE",), [(long,)]))
    assert long.strip() in capsys.readouterr().out


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Times in JSON have the format of the rest of the project."""
    output.show("json", {"at": NOW})
    assert json.loads(capsys.readouterr().out) == {"at": "2026-11-25T09:00:00Z"}
