"""The chart's alerts and dashboard name reasons of conditions; each must exist in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import scim_operator
from scim_operator.api import conditions
from scim_operator.status.conditions.provisioning import Reason

FILES = [Path("charts/scim-operator/files", name) for name in ("alerts.yaml", "dashboard.json")]
_MATCHER = re.compile(r'(?P<label>type|reason)(?:=|!=|=~|!~)\\?"(?P<values>[A-Za-z|]+)\\?"')


def matched(path: Path, label: str) -> set[str]:
    """The values that the expressions of a file compare a label of a condition with."""
    found = _MATCHER.finditer(path.read_text())
    return {
        value for each in found if each["label"] == label for value in each["values"].split("|")
    }


@pytest.fixture(scope="module")
def literals() -> set[str]:
    """The texts in the operator's code, without docstrings."""
    (root,) = scim_operator.__path__
    trees = [ast.parse(path.read_text()) for path in Path(root).rglob("*.py")]
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_reasons_exist(path: Path, literals: set[str]) -> None:
    """An alert on a reason that the operator never gives would never fire."""
    found = matched(path, "reason")
    assert found
    assert found <= literals


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_types_exist(path: Path) -> None:
    """The same holds for the types of conditions."""
    known = {value for value in vars(conditions).values() if isinstance(value, str)}
    assert {"Ready", "Provisioning"} <= matched(path, "type") <= known


def test_reasons_of_provisioning_without_an_alert() -> None:
    """A new reason of Provisioning needs a decision: an alert, or a place in this list.

    A tenant that waits for Entra's first request alarms no one, and the alert on the user limit
    compares two metrics instead.
    """
    assert set(Reason) - matched(FILES[0], "reason") == {
        Reason.SERVICE_PROBLEM,
        Reason.WAITING_FOR_ENTRA,
        Reason.USER_LIMIT_REACHED,
        Reason.PARTLY_REFUSED,
        Reason.ACTIVE,
    }
