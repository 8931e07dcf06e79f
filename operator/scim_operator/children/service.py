"""The Service in front of a tenant's pods. The management port is not part of it."""

from __future__ import annotations

from scim_operator import names
from scim_operator.children.subject import Subject, head
from scim_operator.kinds import SERVICE, Object

PORT = 80
PORT_NAME = "scim"


def build(subject: Subject) -> Object:
    """Build the Service."""
    tenant = subject.tenant.key.name
    return {
        **head(SERVICE),
        "metadata": subject.metadata(names.workload(tenant)),
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
