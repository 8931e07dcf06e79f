"""A stored ScimTenant, parsed from the API server's object."""

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

_MAX_FIELDS = 3
"""Maximum number of unreadable fields that a message names."""

_MAX_CHARACTERS = 60
"""Maximum number of characters of a value that a message shows."""


class UnreadableTenantError(ValueError):
    """A stored ScimTenant has values unknown to this version; the message names their fields."""


class Key(NamedTuple):
    """Namespace and name of a tenant."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Tenant:
    """A ScimTenant.

    Attributes
    ----------
    is_deleting
        Whether its deletion has begun; the operator must not add objects to it.
    unreadable
        Description of the values that `parse_readable` left out; empty if none.
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
        """Parse a ScimTenant as the API server returns it.

        Raises
        ------
        UnreadableTenantError
            The stored object does not match the CRD: a CRD of another version admitted it.
        """
        spec = _validate(Spec, "spec", body.get("spec") or {})
        status = body.get("status")
        return cls._from_body(body, spec, _validate(Status, "status", status) if status else UNSEEN)

    @classmethod
    def parse_readable(cls, body: Mapping[str, Any]) -> Self:
        """Parse a ScimTenant without its unreadable values, for display only, not for decisions."""
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
        """The owner reference by which Kubernetes deletes an object together with the tenant."""
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
        problems = _drop_outer_problems(error.errors(include_url=False))
        descriptions = [_describe(field, problem) for problem in problems[:_MAX_FIELDS]]
        if len(problems) > _MAX_FIELDS:
            descriptions.append(f"and {len(problems) - _MAX_FIELDS} more")
        raise UnreadableTenantError("; ".join(descriptions)) from None


def _drop_outer_problems(problems: Sequence[Any]) -> list[Any]:
    """Drop problems of a container, such as too few items, if a problem lies inside of it."""
    paths = [problem["loc"] for problem in problems]
    return [
        problem
        for problem in problems
        if not any(
            len(path) > len(problem["loc"]) and path[: len(problem["loc"])] == problem["loc"]
            for path in paths
        )
    ]


def _describe(field: str, problem: Mapping[str, Any]) -> str:
    """Describe a problem with its field and value; no field of a ScimTenant is secret."""
    path = field + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]
    )
    value = problem["input"]
    excerpt = json.dumps(value, ensure_ascii=False, default=str)[:_MAX_CHARACTERS]
    found = f"{path} is {excerpt}" if not isinstance(value, dict | list) else path
    return f"{found} ({problem['msg'][:1].lower()}{problem['msg'][1:]})"


def _validate_readable(model: type[Model], body: Mapping[str, Any]) -> Model:
    """Validate a part of a tenant without its unreadable fields."""
    while True:
        try:
            return model.model_validate(body)
        except ValidationError as error:
            unreadable = {problem["loc"][0] for problem in error.errors() if problem["loc"]}
            rest = {key: value for key, value in body.items() if key not in unreadable}
            # If the part itself has another type, nothing of it is readable.
            body = rest if len(rest) < len(body) else {}
