"""Which settings replace which pods: the plugin's table agrees with the builders."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.desired import plan
from scim_operator.desired.objects import applied_digest
from scim_operator.desired.observed import Observed
from scim_operator.desired.restarts import EFFECTS
from scim_operator.settings import Settings

from tests.unit.operator.sample import NOW, SEALS, Object, body

TENANTS: dict[str, Object] = {
    "inside": {},
    "postgres": {"database": {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}},
    "exposed": {"exposure": {"ingress": {}}},
    "named": {"exposure": {"host": "scim.example.com", "path": "/scim", "ingress": {}}},
    "external": {"exposure": {"host": "scim.example.com"}},
    "resources": {"resources": {"limits": {"memory": "512Mi"}}},
    "labelled": {"podLabels": {"team": "a"}, "podAnnotations": {"team": "a"}},
    "variables": {"env": [{"name": "HTTPS_PROXY", "value": "http://proxy.example.com"}]},
    "important": {"priorityClassName": "high"},
    "tolerant": {"tolerations": [{"key": "team", "operator": "Exists"}]},
}
LIMITED = ("podLabels", "podAnnotations", "tolerations", "env", "priorityClasses")
LIMITS = {key: ["*"] for key in LIMITED}
BEFORE: dict[str, Any] = {
    "default_host": "scim.example.org",
    "allow": json.dumps(LIMITS | {"crossNamespaceAffinity": True}),
}
OTHER: dict[str, Any] = {
    "watch_namespaces": ("team-a",),
    "namespace": "elsewhere",
    "kubeconfig": "config",
    "service_image": "scim-service:other",
    "service_image_pull_policy": "Always",
    "service_image_pull_secrets": ("registry",),
    "service_resources": json.dumps({"limits": {"memory": "1Gi"}}),
    "allow": json.dumps({"resources": {"memory": "256Mi"}}),
    "assigns_ids": True,
    "dns_ports": (5353,),
    "egress_rules": json.dumps([{}]),
    "storage_class": "fast",
    "trusted_proxies": ("10.0.0.0/8",),
    "rollout_limit": 3,
    "rollout_timeout": 60,
    "rollout_patience": 0,
    "default_host": "{namespace}.example.net",
    "default_path": "/other/{namespace}/{name}",
    "tenants_may_name": False,
    "exposure_rules": json.dumps([{"namespaces": ["*"], "hosts": ["*"]}]),
    "reserve_urls_for": "1h",
    "cluster_domain": "example.internal",
    "ingress_class": "nginx",
    "ingress_addresses": False,
    "ingress_tls_secret": "tls",
    "network_policies": False,
    "scim_peers": json.dumps([{"namespaceSelector": {}}]),
    "management_peers": json.dumps([{"namespaceSelector": {}}]),
    "database_peers": json.dumps([{"namespaceSelector": {}}]),
    "database_ports": (6432,),
    "leader_elect": True,
    "key_secret": "other",
    "lease_name": "other",
    "identity": "other",
    "lease_duration": 30,
    "renew_deadline": 12,
    "retry_period": 4,
    "workers": 1,
    "max_in_flight": 1,
    "request_timeout": 1,
    "watch_timeout": 1,
    "resync_interval": 1,
    "poll_interval": 1,
    "poll_rate": 1,
    "poll_in_flight": 1,
    "bind_address": "127.0.0.1",
    "port": 1,
    "log_format": "text",
    "log_level": "debug",
}
"""Another value of each setting."""


def _tenant(name: str) -> Tenant:
    return Tenant.parse(body(name, spec=TENANTS[name]))


def _template(name: str, **settings: Any) -> str:
    seen = Observed(tenant=_tenant(name), seals=SEALS, children={})
    deployment = plan.build(seen, Settings.model_validate(BEFORE | settings), NOW).deployment
    assert deployment is not None
    return applied_digest.compute_digest(deployment.object["spec"]["template"])


@pytest.mark.parametrize("setting", Settings.model_fields)
def test_effects(setting: str) -> None:
    """For each setting the table names exactly the tenants whose pod template changes."""
    assert setting in OTHER, f"write another value of {setting} here, and its entry in EFFECTS"
    restarted = {
        name for name in TENANTS if _template(name) != _template(name, **{setting: OTHER[setting]})
    }
    effect = EFFECTS.get(setting)
    said = {name for name in TENANTS if effect and effect.replaces(_tenant(name))}
    assert said == restarted


def test_all_are_settings() -> None:
    """Each entry is for an existing setting."""
    assert EFFECTS.keys() <= Settings.model_fields.keys()
