"""The builders of a tenant's objects, in the order in which their names are listed.

To add an object, write its file, which ends with its `BUILDER`, and

- add that to `BUILDERS`;
- add its kind to `kube.kinds.WATCHED`, and the operator's rights on it to `rbac.RIGHTS`, which
  ``make generate`` compares with the chart;
- add what the API server fills in to `desired.drift.differences`, or additions to it are no drift.

A test fails for each of these that is missing.
"""

from __future__ import annotations

from scim_operator.desired.objects import (
    config_map,
    deployment,
    http_route,
    ingress,
    network_policy,
    pod_disruption_budget,
    service,
    volume_claim,
)

BUILDERS = (
    config_map.BUILDER,
    volume_claim.BUILDER,
    service.BUILDER,
    network_policy.BUILDER,
    pod_disruption_budget.BUILDER,
    ingress.BUILDER,
    http_route.BUILDER,
    # Last: its pod waits for what it mounts, and the kubelet retries only slowly.
    deployment.BUILDER,
)
"""Builders of every object except the Secrets, which `desired.tokens` decides about."""
