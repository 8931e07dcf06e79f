"""Kubernetes quantities: amounts of storage, memory and CPU."""

from __future__ import annotations

import re
from decimal import Decimal

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40}))"
    r"(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?[0-9]{1,2}))?"
)
PATTERN = (
    r"^\+?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})"
    r"(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]{1,2})?$"
)
"""Pattern of a non-negative quantity, for schemas."""

_FACTORS = {
    unit: Decimal(1000) ** power for power, unit in enumerate(("n", "u", "m", "", *"kMGTPE"), -3)
} | {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)}


def parse(text: str) -> Decimal | None:
    """Parse a quantity (``500Mi``, ``100m``, ``1e3``); None if the text is not a quantity.

    The grammar is that of ``k8s.io/apimachinery/pkg/api/resource.Quantity``.
    """
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    return Decimal(f"{found[1]}e{found[3] or 0}") * _FACTORS[found[2] or ""]
