"""A ScimTenant as the API server has it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ValidationError

from scim_operator.api import names
from scim_operator.api.v1alpha1.spec import Spec
from scim_operator.api.v1alpha1.status import UNSEEN, Status
from scim_operator.timestamps import parse_timestamp

Model = TypeVar("Model", bound=BaseModel)

_NAMED = 3
"""How many fields that cannot be read a message names."""

_SHOWN = 60
"""How many characters of a value it shows."""


class UnreadableTenantError(ValueError):
    """A stored ScimTenant has what this version does not know; the message names its fields."""


class Key(NamedTuple):
    """Which tenant."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Tenant:
    """One ScimTenant.

    Attributes
    ----------
    is_deleting
        Whether it waits for something before it goes, and must not be added to.
    unreadable
        What of it this version does not know, and `parse_readable` has left out; empty if nothing.
    """

    key: Key
    uid: str
    generation: int
    created: datetime
    is_deleting: bool
    annotations: Mapping[str, str]
    spec: Spec
    status: Status
    unreadable: str = ""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read a ScimTenant as the API server returns it.

        Raises
        ------
        UnreadableTenantError
            The stored object is not as the CRD has it: it is from a CRD of another version.
        """
        spec = _validate(Spec, "spec", body.get("spec") or {})
        status = body.get("status")
        return cls._from_body(body, spec, _validate(Status, "status", status) if status else UNSEEN)

    @classmethod
    def parse_readable(cls, body: Mapping[str, Any]) -> Self:
        """Read what can be read of a ScimTenant, to show it; nothing may be decided by the rest."""
        try:
            return cls.parse(body)
        except UnreadableTenantError as error:
            unreadable = str(error)
        spec = _validate_readable(Spec, body.get("spec") or {})
        status = _validate_readable(Status, body.get("status") or {})
        return replace(cls._from_body(body, spec, status), unreadable=unreadable)

    @classmethod
    def _from_body(cls, body: Mapping[str, Any], spec: Spec, status: Status) -> Self:
        metadata = body["metadata"]
        return cls(
            key=Key(metadata["namespace"], metadata["name"]),
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            created=parse_timestamp(metadata["creationTimestamp"]),
            is_deleting="deletionTimestamp" in metadata,
            annotations=metadata.get("annotations") or {},
            spec=spec,
            status=status,
        )

    @property
    def is_paused(self) -> bool:
        """Whether the annotation `PAUSED_ANNOTATION` stops reconciliation."""
        return self.annotations.get(names.PAUSED_ANNOTATION, "false") != "false"

    @cached_property
    def owner_reference(self) -> dict[str, Any]:
        """The reference that lets an object go with the tenant."""
        return {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "name": self.key.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


def _validate(model: type[Model], field: str, body: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problems = _innermost(error.errors(include_url=False))
        sentences = [_sentence(field, problem) for problem in problems[:_NAMED]]
        if len(problems) > _NAMED:
            sentences.append(f"and {len(problems) - _NAMED} more")
        raise UnreadableTenantError("; ".join(sentences)) from None


def _innermost(problems: Sequence[Any]) -> list[Any]:
    """Leave out that a list has too few items because one of them cannot be read."""
    paths = [problem["loc"] for problem in problems]
    return [
        problem
        for problem in problems
        if not any(
            len(path) > len(problem["loc"]) and path[: len(problem["loc"])] == problem["loc"]
            for path in paths
        )
    ]


def _sentence(field: str, problem: Mapping[str, Any]) -> str:
    """Say in the words of the field what is wrong: its value is no secret."""
    path = field + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]
    )
    value = problem["input"]
    shown = json.dumps(value, ensure_ascii=False, default=str)[:_SHOWN]
    found = f"{path} is {shown}" if not isinstance(value, dict | list) else path
    return f"{found} ({problem['msg'][:1].lower()}{problem['msg'][1:]})"


def _validate_readable(model: type[Model], body: Mapping[str, Any]) -> Model:
    """Read a part of a tenant without the fields that cannot be read."""
    while True:
        try:
            return model.model_validate(body)
        except ValidationError as error:
            bad = {problem["loc"][0] for problem in error.errors() if problem["loc"]}
            rest = {key: value for key, value in body.items() if key not in bad}
            # Where a whole part is of another type, nothing of it is left.
            body = rest if len(rest) < len(body) else {}
