"""Which desired object was written last, whatever others do to its annotation."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from scim_operator.api import names
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.drift.last_written import LastWritten
from scim_operator.desired.objects import applied_digest
from scim_operator.kube.kinds import SERVICE

from tests.unit.operator.sample import Object, make, objects, observed


@pytest.mark.parametrize("annotation", [None, "other"])
def test_a_removed_annotation_is_no_new_object(annotation: str | None) -> None:
    """An object whose digest annotation another client removes or changes counts as unchanged."""
    found = objects(make(observed()))
    body: Object = next(body for (kind, _), body in found.items() if kind == "Service")
    desired = applied_digest.add_digest(body)
    live = copy.deepcopy(desired)
    live["metadata"] |= {"uid": "1", "resourceVersion": "7"}
    seen = DesiredObject(SERVICE, desired, live)
    last_written = LastWritten()
    assert not last_written.is_new(seen)
    assert last_written.note(seen, live)
    del live["metadata"]["annotations"][names.APPLIED_ANNOTATION]
    if annotation:
        live["metadata"]["annotations"][names.APPLIED_ANNOTATION] = annotation
    assert last_written.note(seen, live)
    other = replace(seen, object=applied_digest.add_digest(body | {"spec": {}}))
    assert last_written.is_new(other)
    assert not last_written.note(other, live)
