"""A ScimTenant as the API server has it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, Self

from scim_operator import names
from scim_operator.crd import UNSEEN, Spec, Status
from scim_operator.moments import parse


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
    deleting
        Whether it waits for something before it goes, and must not be added to.
    """

    key: Key
    uid: str
    generation: int
    created: datetime
    deleting: bool
    annotations: Mapping[str, str]
    spec: Spec
    status: Status

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Read a ScimTenant as the API server returns it.

        Raises
        ------
        pydantic.ValidationError
            The stored object is not as the CRD has it: the installed CRD is of another version.
        """
        metadata = body["metadata"]
        return cls(
            key=Key(metadata["namespace"], metadata["name"]),
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            created=parse(metadata["creationTimestamp"]),
            deleting="deletionTimestamp" in metadata,
            annotations=metadata.get("annotations") or {},
            spec=Spec.model_validate(body.get("spec") or {}),
            status=Status.model_validate(body["status"]) if body.get("status") else UNSEEN,
        )

    @property
    def paused(self) -> bool:
        """Whether the operator must keep its hands off."""
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
