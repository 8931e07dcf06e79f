"""The PodDisruptionBudget of a tenant with more than one replica."""

from __future__ import annotations

from scim_operator.api import names
from scim_operator.desired.objects.context import Builder, ObjectContext, build_head
from scim_operator.kube.kinds import POD_DISRUPTION_BUDGET, Object


def build(context: ObjectContext) -> Object | None:
    """Build the budget; with a single replica it would only block draining a node."""
    if context.tenant.spec.replicas == 1 or context.tenant.spec.suspended:
        return None
    tenant = context.tenant.key.name
    return {
        **build_head(POD_DISRUPTION_BUDGET),
        "metadata": context.build_metadata(names.workload(tenant)),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.selector(tenant)},
            # An unhealthy pod must not block draining its node.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


BUILDER = Builder(POD_DISRUPTION_BUDGET, names.workload, build)
