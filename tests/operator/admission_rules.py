"""Admission rules of the cluster that write the operator's objects otherwise than it asks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.cluster import ClusterError, ControlPlane
from tests.operator.world import Namespace, Object, eventually

MIRROR = "mirror.example.com"

_POD = "object.spec.template.spec"
_SCIM = "/spec/template/spec/containers/0"

Rule = tuple[str, str, str]
"""API group and resource, when the rule applies, and its JSON patch; both in CEL."""

MIRRORED: Rule = (
    "apps/deployments",
    f"!{_POD}.containers[0].image.startsWith('{MIRROR}/')",
    (
        f"[JSONPatch{{op: 'replace', path: '{_SCIM}/image', "
        f"value: '{MIRROR}/' + {_POD}.containers[0].image}}]"
    ),
)
ON_DEPLOYMENTS: dict[str, Rule] = {
    "image": MIRRORED,
    "resources": (
        "apps/deployments",
        "true",
        (
            f"[JSONPatch{{op: 'add', path: '{_SCIM}/resources/limits/memory', value: '300Mi'}},"
            f"JSONPatch{{op: 'add', path: '{_SCIM}/resources/requests/cpu', value: '40m'}}]"
        ),
    ),
    "tolerations": (
        "apps/deployments",
        "true",
        (
            "[JSONPatch{op: 'add', path: '/spec/template/spec/tolerations', value: "
            "[{'key': 'team', 'operator': 'Exists', 'effect': 'NoSchedule'}]}]"
        ),
    ),
    "environment": (
        "apps/deployments",
        f"!{_POD}.containers[0].env.exists(each, each.name == 'HTTPS_PROXY')",
        (
            f"[JSONPatch{{op: 'add', path: '{_SCIM}/env/-', "
            "value: {'name': 'HTTPS_PROXY', 'value': 'http://proxy.example.com'}}]"
        ),
    ),
    "sidecar": (
        "apps/deployments",
        f"!{_POD}.containers.exists(each, each.name == 'mesh')",
        (
            "[JSONPatch{op: 'add', path: '/spec/template/spec/containers/-', "
            "value: {'name': 'mesh', 'image': 'mesh:1'}}]"
        ),
    ),
}
ON_OTHERS: dict[str, Rule] = {
    "service": (
        "services",
        "true",
        "[JSONPatch{op: 'add', path: '/spec/trafficDistribution', value: 'PreferClose'}]",
    ),
    "policy": (
        "networking.k8s.io/networkpolicies",
        "object.spec.egress.size() < 2",
        (
            "[JSONPatch{op: 'add', path: '/spec/egress/-', "
            "value: {'to': [{'ipBlock': {'cidr': '192.0.2.0/24'}}]}}]"
        ),
    ),
    "claim": (
        "persistentvolumeclaims",
        "true",
        (
            "[JSONPatch{op: 'add', path: '/metadata/labels/app.kubernetes.io~1managed-by', "
            "value: 'storage'}]"
        ),
    ),
    "files": (
        "configmaps",
        "object.metadata.name != 'kube-root-ca.crt'",
        "[JSONPatch{op: 'add', path: '/data/added', value: 'x'}]",
    ),
}


@contextmanager
def admission_rules(
    cluster: ControlPlane, namespace: Namespace, rules: Mapping[str, Rule]
) -> Iterator[None]:
    """Have rules in force for what is written in a namespace."""
    items = [body for name, rule in rules.items() for body in _bodies(namespace.name, name, rule)]
    items += _bodies(
        namespace.name, "probe", ("services", "object.metadata.name == 'probe'", _SEEN)
    )
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    cluster.kubectl("apply", "-f", "-", stdin=listed)

    def is_in_force() -> bool:
        try:
            tried = namespace.kubectl(
                *("create", "service", "clusterip", "probe", "--tcp=80"),
                *("--dry-run=server", "-o", "json"),
            )
        except ClusterError:
            return False
        return "example.com/seen" in json.loads(tried)["metadata"].get("annotations", {})

    try:
        eventually(is_in_force, 30)
        # The rules are taken up one after the other.
        time.sleep(2)
        yield
    finally:
        cluster.kubectl("delete", "-f", "-", stdin=listed)


_SEEN = "[JSONPatch{op: 'add', path: '/metadata/annotations', value: {'example.com/seen': 'true'}}]"


def _bodies(namespace: str, name: str, rule: Rule) -> list[Object]:
    where, when, patch = rule
    group, _, resource = where.rpartition("/")
    name = f"{namespace}-{name}"
    kind = "MutatingAdmissionPolicy"
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    return [
        head
        | {
            "kind": kind,
            "spec": {
                "matchConstraints": {
                    "namespaceSelector": {
                        "matchLabels": {"kubernetes.io/metadata.name": namespace}
                    },
                    "resourceRules": [
                        {
                            "apiGroups": [group],
                            "apiVersions": ["v1"],
                            "resources": [resource],
                            "operations": ["CREATE", "UPDATE"],
                        }
                    ],
                },
                "matchConditions": [{"name": "when", "expression": when}],
                "failurePolicy": "Fail",
                "reinvocationPolicy": "Never",
                "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
            },
        },
        head | {"kind": f"{kind}Binding", "spec": {"policyName": name}},
    ]
