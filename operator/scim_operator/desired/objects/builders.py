"""The builder of each kind of a tenant's objects.

A builder returns None when the tenant wants no such object; one that is there is then removed.
To add an object: write its file, name its kind in `scim_operator.kube.kinds.WATCHED`, its rights in
`scim_operator.rbac.RIGHTS`, and its builder here.
"""

from __future__ import annotations

from collections.abc import Callable

from scim_operator.api.names import config as config_name
from scim_operator.api.names import volume_claim as volume_claim_name
from scim_operator.api.names import workload
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
from scim_operator.desired.objects.context import ObjectContext
from scim_operator.kube.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    HTTP_ROUTE,
    INGRESS,
    NETWORK_POLICY,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    VOLUME_CLAIM,
    Kind,
    Object,
)

BUILDERS: tuple[
    tuple[Kind, Callable[[str], str], Callable[[ObjectContext], Object | None]], ...
] = (
    (CONFIG_MAP, config_name, config_map.build),
    (VOLUME_CLAIM, volume_claim_name, volume_claim.build),
    (SERVICE, workload, service.build),
    (NETWORK_POLICY, workload, network_policy.build),
    (POD_DISRUPTION_BUDGET, workload, pod_disruption_budget.build),
    (INGRESS, workload, ingress.build),
    (HTTP_ROUTE, workload, http_route.build),
    # Last: its pod would wait for what it mounts, and the kubelet tries again only slowly.
    (DEPLOYMENT, workload, deployment.build),
)
"""Kind, name by the tenant's name, and builder of every object except the token Secrets."""
