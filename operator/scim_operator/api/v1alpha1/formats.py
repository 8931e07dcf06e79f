"""Base model, text formats and CEL helpers that the models of v1alpha1 share."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import (
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from scim_operator import quantities

DURATION = r"^([0-9]{1,5}d|([0-9]{1,6}(h|m|s))+)$"
"""Days cannot be combined with other units: CEL's durations have no days, and a rule that splits
the text exceeds the cost limit."""

_OBJECT_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

SECONDS_PER_UNIT = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def parse_duration(text: str) -> timedelta:
    """Parse a duration in the CRD's format: ``72h``, ``1h30m``, ``3d``."""
    parts = re.findall(r"([0-9]+)([dhms])", text)
    return timedelta(seconds=sum(int(number) * SECONDS_PER_UNIT[unit] for number, unit in parts))


def cel_rule(rule: str, message: str) -> dict[str, str]:
    """Return a CEL rule and the message that the API server sends when it rejects an object."""
    return {"message": message, "rule": rule}


def cel_seconds(field: str) -> str:
    """Return a CEL expression for the seconds of a duration field."""
    days = f"int({field}.replace('d', '')) * {SECONDS_PER_UNIT['d']}"
    return f"({field}.endsWith('d') ? {days} : duration({field}).getSeconds())"


def cel_rules(*rules: dict[str, str]) -> dict[str, Any]:
    """Return the schema fragment that holds CEL rules."""
    return {"x-kubernetes-validations": list(rules)}


class ApiModel(BaseModel):
    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel), populate_by_name=True, frozen=True
    )


ObjectName = Annotated[str, StringConstraints(pattern=_OBJECT_NAME, max_length=253)]

Duration = Annotated[str, StringConstraints(pattern=DURATION, max_length=32)]

Quantity = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int) else value),
    # The operator must still read what an earlier CRD admitted; `usable` reports it.
    WithJsonSchema(
        {
            "type": "string",
            "x-kubernetes-int-or-string": True,
            "maxLength": 32,
            "pattern": quantities.PATTERN,
        }
    ),
]

Quantities = Annotated[dict[str, Quantity], Field(max_length=16)]

StringMap = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=4096)]], Field(max_length=64)
]
