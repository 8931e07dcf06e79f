"""The HTTPRoute of a tenant with ``spec.exposure.gateway``."""

from __future__ import annotations

from scim_operator.api import names
from scim_operator.desired.objects.context import Builder, ObjectContext, build_head
from scim_operator.desired.objects.service import PORT
from scim_operator.kube.kinds import HTTP_ROUTE, Object


def build(context: ObjectContext) -> Object | None:
    """Build the HTTPRoute."""
    desired = context.tenant.spec.exposure.gateway
    if desired is None or not context.is_routed:
        return None
    name = names.workload(context.tenant.key.name)
    parents = [
        parent.model_dump(mode="json", by_alias=True, exclude_none=True)
        for parent in desired.parent_refs
    ]
    match = {"path": {"type": "PathPrefix", "value": context.address.path}}
    return {
        **build_head(HTTP_ROUTE),
        "metadata": context.build_metadata(name),
        "spec": {
            "parentRefs": parents,
            "hostnames": [context.address.host],
            "rules": [{"matches": [match], "backendRefs": [{"name": name, "port": PORT}]}],
        },
    }


BUILDER = Builder(HTTP_ROUTE, names.workload, build)
