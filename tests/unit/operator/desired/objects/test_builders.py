"""Every builder's object is watched, permitted and compared."""

from __future__ import annotations

import pytest
from scim_operator.desired.drift import differences
from scim_operator.desired.objects.builders import BUILDERS
from scim_operator.desired.objects.context import Builder
from scim_operator.kube.kinds import DEPLOYMENT, POD, SECRET, VOLUME_CLAIM, WATCHED
from scim_operator.rbac import RIGHTS


def test_watched_kinds() -> None:
    """The operator watches the kinds of its objects, and pods, and nothing else."""
    assert set(WATCHED) == {builder.kind for builder in BUILDERS} | {SECRET, POD}


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.kind.name)
def test_rights(builder: Builder) -> None:
    """The operator may read, watch, write and delete each of its objects."""
    group = builder.kind.api_version.rpartition("/")[0]
    verbs = {
        verb
        for right in RIGHTS
        if right.group == group and builder.kind.plural in right.resources
        for verb in right.verbs
    }
    assert verbs >= {"get", "list", "watch", "create", "patch", "delete"}


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.kind.name)
def test_additions_are_drift(builder: Builder) -> None:
    """The operator notices additions to each object, except to a claim, which nobody can change."""
    can_restore = differences.can_restore({"kind": builder.kind.name})
    assert can_restore is (builder.kind is not VOLUME_CLAIM)


def test_the_deployment_is_last() -> None:
    """The Deployment follows what its pods mount."""
    assert BUILDERS[-1].kind is DEPLOYMENT
