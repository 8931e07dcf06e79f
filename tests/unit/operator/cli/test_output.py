"""What is printed."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from scim_operator.api.v1alpha1.provisioning import Provisioning
from scim_operator.cli import output
from scim_operator.cli.doctor.portal import steps

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
    """Values read the same everywhere, and none of a directory's can steer the terminal."""
    assert output.text(value).plain == shown


def test_lines_are_not_folded(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal a line stays one, for grep, and [brackets] stay as they are."""
    long = 'emails[type eq "work"].value ' * 20
    output.show("table", {}, output.table(("MESSAGE",), [(long,)]))
    assert long.strip() in capsys.readouterr().out


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Machines get moments as the rest of the project writes them."""
    output.show("json", {"at": NOW})
    assert json.loads(capsys.readouterr().out) == {"at": "2026-11-25T09:00:00Z"}


def test_steps() -> None:
    """The steps name what this tenant asks for."""
    text = "\n".join(steps(Provisioning(required_attributes=("emails", "title"), max_users=9)))
    assert "refuses users without a value for emails, title" in text
    assert "at most 9 of them can be active" in text
    plain = "\n".join(steps(Provisioning()))
    assert "refuses" not in plain
    assert "at most" not in plain
