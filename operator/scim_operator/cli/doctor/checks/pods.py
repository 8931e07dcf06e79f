"""The check of the tenant's pods."""

from __future__ import annotations

from scim_operator.api import conditions, names
from scim_operator.cli.doctor.check import By, Check, ok, problem, unknown
from scim_operator.cli.doctor.facts import Facts, Unknown
from scim_operator.kube import pod_owners
from scim_operator.status.problems import pods


def check_pods(facts: Facts) -> Check:
    """Check that the pods run."""
    name = "pods"
    key = facts.tenant.key
    if isinstance(facts.pods, Unknown):
        if facts.tenant.status.is_true(conditions.AVAILABLE):
            return ok(name, "enough pods are ready, according to the tenant's status")
        return unknown(name, facts.pods)
    if facts.tenant.spec.suspended:
        return ok(name, "no pods, because spec.suspended is true")
    ready = sum(map(pod_owners.is_ready, facts.pods))
    restarts = sum(
        container["restartCount"]
        for pod in facts.pods
        for container in pod.get("status", {}).get("containerStatuses", ())
    )
    found = f"{ready} of {facts.tenant.spec.replicas} ready, {restarts} restarts"
    if failure := pods.find_problem(key, facts.pods, (), facts.now):
        return problem(name, f"{found}: {failure.reason}", failure.message, By.SRE)
    if not ready:
        describe = f"kubectl describe deployment -n {key.namespace} {names.workload(key.name)}"
        return problem(name, found, f"see {describe}", By.SRE)
    return ok(name, found)
