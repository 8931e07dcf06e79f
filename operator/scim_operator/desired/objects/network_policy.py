"""The NetworkPolicy of a tenant's pods."""

from __future__ import annotations

from typing import Any

from scim_operator.api import names
from scim_operator.desired.objects.context import Builder, ObjectContext, build_head
from scim_operator.kube.kinds import NETWORK_POLICY, Object


def build(context: ObjectContext) -> Object | None:
    """Build the policy.

    It admits SCIM clients and, to the management port, the operator; it lets the pod reach only
    the servers that it uses. Policies do not apply to the kubelet's probes.
    """
    settings = context.settings
    if not settings.network_policies:
        return None
    operator = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": settings.namespace}}
    }
    dns = ((protocol, port) for port in settings.dns_ports for protocol in ("UDP", "TCP"))
    egress = [_build_rule("to", [], *dns), *settings.egress_rules]
    if context.tenant.spec.database.postgres:
        ports = (("TCP", port) for port in settings.database_ports)
        egress.append(_build_rule("to", settings.database_peers, *ports))
    tenant = context.tenant.key.name
    return {
        **build_head(NETWORK_POLICY),
        "metadata": context.build_metadata(names.workload(tenant)),
        "spec": {
            "podSelector": {"matchLabels": names.selector(tenant)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                _build_rule("from", settings.scim_peers, ("TCP", names.SCIM_PORT)),
                _build_rule(
                    "from",
                    [operator, *settings.management_peers],
                    ("TCP", names.MANAGEMENT_PORT),
                ),
            ],
            "egress": egress,
        },
    }


def _build_rule(side: str, peers: list[dict[str, Any]], *ports: tuple[str, int]) -> Object:
    rule: Object = {"ports": [{"protocol": protocol, "port": port} for protocol, port in ports]}
    # Without the field the rule applies to all peers.
    return rule | {side: peers} if peers else rule


BUILDER = Builder(NETWORK_POLICY, names.workload, build)
