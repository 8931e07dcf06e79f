"""The Deployment of a tenant."""

from __future__ import annotations

from typing import Any

from scim_operator.desired.objects.config_map import render_config
from scim_operator.kube.kinds import DEPLOYMENT

from tests.unit.operator.sample import make, objects, observed


def test_rate_limit() -> None:
    """A rate limit is one variable of the pod; without a limit the variable is absent."""
    without = make(observed())
    limited = make(observed({"provisioning": {"rateLimit": 50}}))
    assert render_config(without.context) == render_config(limited.context)

    def environment(planned: Any) -> dict[str, str]:
        deployment = objects(planned)[DEPLOYMENT.name, "contoso-scim"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        return {each["name"]: each.get("value") for each in container["env"]}

    assert environment(limited) == environment(without) | {"SCIM_RATE_LIMIT": "50"}
    assert "SCIM_RATE_LIMIT" not in environment(without)
