"""The key that the operator seals with, and an operator that has none."""

from __future__ import annotations

from tests.cluster import ControlPlane
from tests.operator.install import NAMESPACE, Installation
from tests.operator.world import Namespace, eventually


def test_operator_without_its_key(
    installation: Installation, fragile: ControlPlane, unserved: Namespace
) -> None:
    """An operator that cannot begin says why to those who wait for it, and not to the others."""
    unserved.apply("fabrikam")
    settings = {"watch_namespaces": unserved.name}
    with installation.operator("with-key", **settings) as (operator, _):
        unserved.settled("fabrikam")
        eventually(lambda: unserved.condition("fabrikam", "Ready").get("reason") != "Starting", 20)
        assert operator.stop() == 0
    before = unserved.condition("fabrikam", "Ready")
    unserved.apply("contoso")
    name = f"key-{unserved.name}"
    fragile.kubectl(
        "-n", NAMESPACE, "create", "secret", "generic", name, "--from-literal=key=short"
    )
    # Any name can be made; only its own may be read by the operator's account.
    with installation.operator("keyless", **settings, key_secret=name) as (operator, _):
        message = unserved.stalled("OperatorKeyMissing", 40)
        assert f"the Secret {NAMESPACE}/{name}" in message
        assert unserved.condition("fabrikam", "Ready") == before
        assert operator.stop() == 0
    with installation.operator("with-key", **settings) as (operator, _):
        unserved.settle(["contoso"])
        assert operator.stop() == 0
