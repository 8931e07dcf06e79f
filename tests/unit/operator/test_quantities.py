"""Quantities are parsed as by the API server."""

from __future__ import annotations

from decimal import Decimal

import pytest
from scim_operator import quantities


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", "0"),
        ("128974848", "128974848"),
        ("1e9", "1000000000"),
        ("1E9", "1000000000"),
        ("2e+9", "2000000000"),
        ("129e6", "129000000"),
        ("5e-1", "0.5"),
        ("1E", "1000000000000000000"),
        ("1Ei", "1152921504606846976"),
        ("129M", "129000000"),
        ("123Mi", "128974848"),
        ("1.5Gi", "1610612736"),
        (".5", "0.5"),
        ("2.", "2"),
        ("+1k", "1000"),
        ("-1", "-1"),
        ("100m", "0.1"),
        ("250u", "0.00025"),
        ("3n", "0.000000003"),
    ],
)
def test_number(text: str, number: str) -> None:
    """Decimal and binary suffixes and exponents are supported."""
    assert quantities.parse(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "lots", "1 Gi", "1gi", "1K", "1mi", "e9", "1e", "1.2.3", "."])
def test_no_quantity(text: str) -> None:
    """A text that the API server rejects is not a quantity."""
    assert quantities.parse(text) is None
