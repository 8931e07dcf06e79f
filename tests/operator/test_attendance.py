"""A tenant whose namespace its operator no longer watches, as its owner sees it."""

from __future__ import annotations

from tests.cluster import ControlPlane
from tests.operator.install import Installation
from tests.operator.test_plugin import Plugin
from tests.operator.world import Namespace, eventually


def test_a_namespace_that_falls_out(
    installation: Installation, fragile: ControlPlane, unserved: Namespace
) -> None:
    """The last status stays Ready for ever, and the plugin says that it is out of date."""
    elected = {"leader_elect": "true", "lease_name": f"lease-{unserved.name}"}
    plugin = Plugin(fragile, unserved.name)
    with installation.operator("watching", watch_namespaces=unserved.name, **elected):
        unserved.apply("contoso")
        unserved.settled("contoso")
        assert plugin.run("status", "-o", "json", code=1).stdout.count('"unattended": null') == 1
    with installation.operator("elsewhere", watch_namespaces="default", **elected):
        expected = f"does not watch namespace {unserved.name}"
        eventually(lambda: expected in plugin.run("status", code=1).stdout, 40)
        assert expected in plugin.run("status", "contoso", code=1).stdout
        assert expected in plugin.run("doctor", "contoso", code=1).stdout
