"""Deviations: listed ones are expected, unlisted ones fail, outlived ones fail too."""

from pathlib import Path

import pytest

from tests.conformance import outcome
from tests.conformance.outcome import Check, judge

_LIST = """
some:
  - reason: Microsoft says otherwise.
    checks: [a, b]
"""


@pytest.fixture(autouse=True)
def _deviations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deviations.yaml"
    path.write_text(_LIST, "utf-8")
    monkeypatch.setattr(outcome, "_DEVIATIONS", path)


def test_listed_deviation_is_expected() -> None:
    """With its reason."""
    found = judge("some", [Check("a", "no"), Check("b", "no"), Check("c")])
    assert found.ok
    assert [reason for _, reason in found.expected] == ["Microsoft says otherwise."] * 2


def test_unlisted_deviation_fails() -> None:
    """And is named."""
    found = judge("some", [Check("a", "no"), Check("b", "no"), Check("c"), Check("d", "bad")])
    assert not found.ok
    assert "d: bad" in found.explain()


@pytest.mark.parametrize("check", [[Check("b")], []])
def test_deviation_that_no_longer_occurs_fails(check: list[Check]) -> None:
    """Whether the check passes now, or is gone."""
    found = judge("some", [Check("a", "no"), Check("c"), *check])
    assert not found.ok
    assert found.outlived == ["b"]


def test_suite_that_checks_nothing_fails() -> None:
    """A server that is not there has no deviations."""
    assert not judge("other", []).ok
