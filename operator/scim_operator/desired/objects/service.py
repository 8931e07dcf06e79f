"""The Service in front of a tenant's pods, without the management port."""

from __future__ import annotations

from scim_operator.api import names
from scim_operator.desired.objects.context import Builder, ObjectContext, build_head
from scim_operator.kube.kinds import SERVICE, Object

PORT = 80
PORT_NAME = "scim"


def build(context: ObjectContext) -> Object:
    """Build the Service."""
    tenant = context.tenant.key.name
    return {
        **build_head(SERVICE),
        "metadata": context.build_metadata(names.workload(tenant)),
        "spec": {
            "type": "ClusterIP",
            "selector": names.selector(tenant),
            "ports": [
                {
                    "name": PORT_NAME,
                    "port": PORT,
                    "targetPort": PORT_NAME,
                    "protocol": "TCP",
                }
            ],
        },
    }


BUILDER = Builder(SERVICE, names.workload, build)
