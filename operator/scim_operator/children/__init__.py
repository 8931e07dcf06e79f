"""The objects of a tenant, one file each. Pure functions from a `Subject` to the object wanted.

A builder returns None when the tenant wants no such object; one that is there is then removed.
To add an object: write its file, name its kind in `scim_operator.kinds.WATCHED`, its rights in
`scim_operator.rbac.RIGHTS`, and its builder here.
"""

from __future__ import annotations

from collections.abc import Callable

from scim_operator.children import (
    budget,
    claim,
    config,
    deployment,
    ingress,
    policy,
    route,
    service,
)
from scim_operator.children.subject import Subject
from scim_operator.kinds import (
    BUDGET,
    CLAIM,
    CONFIG_MAP,
    DEPLOYMENT,
    INGRESS,
    POLICY,
    ROUTE,
    SERVICE,
    Kind,
    Object,
)
from scim_operator.names import config as config_name
from scim_operator.names import volume_claim, workload

BUILDERS: tuple[tuple[Kind, Callable[[str], str], Callable[[Subject], Object | None]], ...] = (
    (CONFIG_MAP, config_name, config.build),
    (CLAIM, volume_claim, claim.build),
    (SERVICE, workload, service.build),
    (POLICY, workload, policy.build),
    (BUDGET, workload, budget.build),
    (INGRESS, workload, ingress.build),
    (ROUTE, workload, route.build),
    # Last: its pod would wait for what it mounts, and the kubelet tries again only slowly.
    (DEPLOYMENT, workload, deployment.build),
)
"""Kind, name by the tenant's name, and builder of every object except the token Secrets."""
