"""Pods as other platforms demand them, against a real API server."""

from __future__ import annotations

import json

import yaml

from tests.cluster import ClusterError
from tests.operator.install import Installation
from tests.operator.world import Namespace, Object, eventually

# The constraints of restricted-v2 on the pod of a Deployment, in a namespace that OpenShift gave
# the range 1000650000/10000: MustRunAsRange for the user, MustRunAs for fsGroup.
SCC = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAMESPACE}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
    resourceRules:
      - apiGroups: [apps]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [deployments]
  variables:
    - name: pod
      expression: object.spec.template.spec
    - name: containers
      expression: variables.pod.containers + variables.pod.?initContainers.orValue([])
    - name: users
      expression: >-
        [variables.pod.?securityContext.?runAsUser.orValue(1000650000)]
        + variables.containers.map(each, each.?securityContext.?runAsUser.orValue(1000650000))
  validations:
    - expression: variables.users.all(id, id >= 1000650000 && id < 1000660000)
      message: "runAsUser: Invalid value: must be in the ranges: [1000650000, 1000659999]"
    - expression: variables.pod.?securityContext.?fsGroup.orValue(1000650000) == 1000650000
      message: "fsGroup: Invalid value: 1000650000 is the only allowed group"
    - expression: >-
        variables.containers.all(each, !each.?securityContext.?privileged.orValue(false)
        && !each.securityContext.allowPrivilegeEscalation
        && 'ALL' in each.securityContext.capabilities.drop)
      message: capabilities must be dropped, and privileges may not escalate
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAMESPACE}
spec: {policyName: NAMESPACE, validationActions: [Deny]}
"""


def pod_of(namespace: Namespace) -> Object:
    """The pod that a tenant's Deployment wants."""
    found: Object = namespace.get("deployment", "contoso-scim")["spec"]["template"]["spec"]
    return found


def test_openshift(installation: Installation, unserved: Namespace) -> None:
    """restricted-v2 refuses a pod with our ids; told of the platform, the operator gives none."""
    policy = SCC.replace("NAMESPACE", unserved.name)
    unserved.kubectl("apply", "-f", "-", stdin=policy)

    def is_enforced() -> bool:
        probe = yaml.safe_dump(_deployment({"runAsUser": 65532}))
        try:
            unserved.kubectl("apply", "--dry-run=server", "-f", "-", stdin=probe)
        except ClusterError as error:
            return "must be in the ranges" in str(error)
        return False

    try:
        eventually(is_enforced)
        with installation.operator("fixed", watch_namespaces=unserved.name):
            unserved.apply("contoso", {})
            eventually(
                lambda: "must be in the ranges" in json.dumps(unserved.get("scimtenant", "contoso"))
            )
        with installation.operator("openshift", watch_namespaces=unserved.name, assigns_ids="true"):
            unserved.settled("contoso")
        assert pod_of(unserved)["securityContext"].keys() == {
            "runAsNonRoot",
            "fsGroupChangePolicy",
            "seccompProfile",
        }
    finally:
        unserved.kubectl("delete", "-f", "-", stdin=policy)


def _deployment(security: Object) -> Object:
    labels = {"app": "probe"}
    container = {
        "name": "probe",
        "image": "probe",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "probe"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"securityContext": security, "containers": [container]},
            },
        },
    }


def test_freedoms(installation: Installation, unserved: Namespace) -> None:
    """A tenant has the priority, ids, variables and volumes that the administrator admits."""
    allow = {
        "priorityClasses": ["system-*"],
        "securityContext": ["runAsUser", "fsGroup"],
        "env": ["HTTPS_PROXY"],
        "volumes": ["configMap/ca-*"],
    }
    spec: Object = {
        "priorityClassName": "system-cluster-critical",
        "securityContext": {"runAsUser": 1000, "fsGroup": 2000, "runAsGroup": 0},
        "env": [
            {"name": "HTTPS_PROXY", "value": "http://proxy:3128"},
            {"name": "LD_PRELOAD", "value": "/mnt/x/evil.so"},
        ],
        "volumes": [
            {"name": "authorities", "configMap": "ca-company"},
            {"name": "others", "secret": "other-scim-token"},
        ],
    }
    settings = {"watch_namespaces": unserved.name, "allow": json.dumps(allow)}
    with installation.operator("freedoms", **settings):
        unserved.apply("contoso", spec)
        unserved.settled("contoso")
        said = eventually(lambda: unserved.condition("contoso", "Restricted"))["message"]
    pod = pod_of(unserved)
    (container,) = pod["containers"]
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert pod["securityContext"]["runAsUser"] == 1000
    assert pod["securityContext"]["fsGroup"] == 2000
    assert pod["securityContext"]["runAsGroup"] == 65532
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert {"name": "HTTPS_PROXY", "value": "http://proxy:3128"} in container["env"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts["/mnt/authorities"]["readOnly"]
    for left_out in (
        "spec.securityContext[runAsGroup]",
        "spec.env[LD_PRELOAD]",
        "spec.volumes[secret/other-scim-token]",
    ):
        assert left_out in said
    assert "LD_PRELOAD" not in json.dumps(pod)
    assert "other-scim-token" not in json.dumps(pod)
