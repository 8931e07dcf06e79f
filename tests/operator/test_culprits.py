"""Who refuses what the operator or a controller writes is named, with the object and a remedy."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from scim_operator.api import names

from tests.cluster import ClusterError, ControlPlane
from tests.operator.install import Installation
from tests.operator.proxy import Answer, Call, Proxy
from tests.operator.world import Namespace, Object, Operator, eventually

HANGS_S = 4
POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "probe"},
    "spec": {"podSelector": {}},
}


@pytest.fixture(scope="module")
def served(installation: Installation) -> Iterator[tuple[Operator, Proxy]]:
    """One operator for all of these tests."""
    settings = {"request_timeout": str(HANGS_S)}
    with installation.operator("culprits", **settings) as (operator, proxy):
        yield operator, proxy
        assert operator.stop() == 0


@pytest.fixture
def proxy(served: tuple[Operator, Proxy]) -> Iterator[Proxy]:
    """What is between it and the API server."""
    yield served[1]
    served[1].fault = lambda _: None


@contextmanager
def webhook(
    cluster: ControlPlane,
    namespace: Namespace,
    group: str,
    resource: str,
    port: int = 1,
    seconds: int = 10,
) -> Iterator[str]:
    """Have a webhook asked about writes of a resource in a namespace; by default none listens."""
    name = f"guard.{namespace.name}.example.com"
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": name,
                "clientConfig": {"url": f"https://127.0.0.1:{port}/"},
                "rules": [
                    {
                        "apiGroups": [group],
                        "apiVersions": ["*"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": [resource],
                    }
                ],
                "namespaceSelector": {
                    "matchLabels": {"kubernetes.io/metadata.name": namespace.name}
                },
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": seconds,
            }
        ],
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(configuration))
    try:
        yield name
    finally:
        cluster.kubectl("delete", "validatingwebhookconfiguration", name)


def told(namespace: Namespace, reason: str) -> list[Object]:
    """The operator's events with a reason."""
    listed = json.loads(namespace.kubectl("get", "events", "-o", "json"))["items"]
    return [
        event
        for event in listed
        if (event["reason"], event["reportingComponent"]) == (reason, names.MANAGER)
    ]


@pytest.mark.usefixtures("served")
def test_webhook_is_down(fragile: ControlPlane, unserved: Namespace) -> None:
    """Nothing listens: the tenant names the webhook and the object, and goes on when it is gone."""
    with webhook(fragile, unserved, "apps", "deployments") as name:
        # Configurations reach the API server's memory a moment after they are stored.
        eventually(lambda: refused(unserved, "deployment", "probe", "--image=example.com/none"))
        unserved.apply("contoso")
        message = unserved.stalled("WebhookUnavailable")
        assert message.startswith(
            f"the admission webhook {name} does not answer (nothing listens there), and the API "
            "server refuses the Deployment contoso-scim"
        )
        assert len(told(unserved, "WebhookUnavailable")) == 1
    unserved.settle(["contoso"], 40)


def refused(namespace: Namespace, *probe: str, stdin: str | None = None) -> bool:
    """Whether the API server already refuses to create something, or does not come to it."""
    options = ("--dry-run=server", "--request-timeout=3s")
    try:
        namespace.kubectl("create", *probe, *options, stdin=stdin)
    except ClusterError:
        return True
    return False


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("seconds", "reason", "part"),
    [
        (1, "WebhookUnavailable", "does not answer (no answer in time)"),
        (30, "APIServerSilent", "does not complete PATCH of networkpolicies/contoso-scim"),
    ],
)
def test_webhook_hangs(
    fragile: ControlPlane, unserved: Namespace, seconds: int, reason: str, part: str
) -> None:
    """One that never answers is named, or the write if it may take longer than the operator."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        resource = ("networking.k8s.io", "networkpolicies")
        with webhook(fragile, unserved, *resource, port, seconds):
            eventually(lambda: refused(unserved, "-f", "-", stdin=json.dumps(POLICY)))
            unserved.apply("contoso")
            message = unserved.stalled(reason, 60)
            assert part in message
            assert "contoso-scim" in message


@pytest.mark.usefixtures("served")
def test_status_is_refused(fragile: ControlPlane, unserved: Namespace) -> None:
    """Where no condition can be written, an event says why, once."""
    unserved.apply("contoso")
    unserved.settled("contoso")
    with webhook(fragile, unserved, names.GROUP, "scimtenants/status") as name:
        unserved.kubectl("annotate", "scimtenant", "contoso", f"{names.ROTATE_ANNOTATION}=1")
        (event,) = eventually(lambda: told(unserved, "WebhookUnavailable"), 60)
        assert f"webhook {name} does not answer" in event["message"]
        assert "scimtenants/contoso/status" in event["message"]
    eventually(lambda: len(unserved.get("scimtenant", "contoso")["status"]["tokens"]) == 2, 70)
    assert len(told(unserved, "WebhookUnavailable")) == 1


@pytest.mark.usefixtures("served")
def test_policy(fragile: ControlPlane, unserved: Namespace) -> None:
    """A ValidatingAdmissionPolicy is named with its binding and what it says."""
    policy = f"no-services-{unserved.name}"
    documents: list[Object] = [
        {
            "kind": "ValidatingAdmissionPolicy",
            "spec": {
                "matchConstraints": {
                    "resourceRules": [
                        {
                            "apiGroups": [""],
                            "apiVersions": ["v1"],
                            "operations": ["CREATE", "UPDATE"],
                            "resources": ["services"],
                        }
                    ],
                    "namespaceSelector": {
                        "matchLabels": {"kubernetes.io/metadata.name": unserved.name}
                    },
                },
                "validations": [{"expression": "false", "message": "ask the network team"}],
            },
        },
        {
            "kind": "ValidatingAdmissionPolicyBinding",
            "spec": {"policyName": policy, "validationActions": ["Deny"]},
        },
    ]
    for body in documents:
        body |= {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "metadata": {"name": policy},
        }
    listed = {"apiVersion": "v1", "kind": "List", "items": documents}
    fragile.kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    eventually(lambda: refused(unserved, "service", "clusterip", "probe", "--tcp=80"), 20)
    unserved.apply("contoso")
    message = unserved.stalled("AdmissionDenied")
    assert f"ValidatingAdmissionPolicy {policy} (binding {policy}) refuses" in message
    assert "the Service contoso-scim (ask the network team)" in message
    fragile.kubectl("delete", "-f", "-", stdin=json.dumps(listed))


@pytest.mark.usefixtures("served")
def test_pod_is_out_of_range(unserved: Namespace) -> None:
    """What refuses the pod, below the ReplicaSet, is named as well, in words that stand still."""
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "small"},
        "spec": {
            "limits": [
                {"type": "Container", "max": {"memory": "100Mi"}},
                {"type": "PersistentVolumeClaim", "min": {"storage": "1Mi"}},
            ]
        },
    }
    unserved.kubectl("apply", "-f", "-", stdin=json.dumps(limits))
    unserved.apply("contoso")
    message = unserved.stalled("LimitRangeViolated")
    assert message.startswith(
        f"a LimitRange of namespace {unserved.name} refuses the pod of the Deployment contoso-scim "
        "(maximum memory usage per Container is 100Mi"
    )


@pytest.mark.usefixtures("served")
def test_claim_is_out_of_range(unserved: Namespace) -> None:
    """So is what refuses the volume claim."""
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "large"},
        "spec": {"limits": [{"type": "PersistentVolumeClaim", "min": {"storage": "5Gi"}}]},
    }
    unserved.kubectl("apply", "-f", "-", stdin=json.dumps(limits))
    unserved.apply("contoso")
    message = unserved.stalled("LimitRangeViolated")
    assert "refuses the PersistentVolumeClaim contoso-scim-data" in message
    assert "spec.database.sqlite.size" in message


@pytest.mark.parametrize(("code", "reason"), [(500, "APIServerRefuses"), (418, "APIServerRefuses")])
def test_whatever_fails(proxy: Proxy, unserved: Namespace, code: int, reason: str) -> None:
    """A pass that keeps failing is told whatever the cause, with the new generation, and heals."""
    unserved.apply("contoso")
    unserved.settled("contoso")

    def fault(call: Call) -> Answer | None:
        is_it = call.method == "PATCH" and f"/{unserved.name}/configmaps/" in call.path
        return Answer(code, "the test says no") if is_it else None

    proxy.fault = fault
    unserved.apply("contoso", {"provisioning": {"maxUsers": 7}})
    message = unserved.stalled(reason, 40)
    assert f"PATCH of configmaps/contoso-scim-config in namespace {unserved.name}" in message
    status = unserved.get("scimtenant", "contoso")["status"]
    assert status["observedGeneration"] == 2
    assert status["tokens"]
    assert len(told(unserved, reason)) == 1
    proxy.fault = lambda _: None
    eventually(lambda: unserved.condition("contoso", "Stalled")["reason"] != reason, 70)
