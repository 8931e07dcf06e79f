"""One tenant that cannot be read, or one namespace that is missing, stops no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from scim_operator.api import names

from tests.cluster import ControlPlane
from tests.operator.definition import lax
from tests.operator.install import Installation
from tests.operator.test_plugin import Plugin
from tests.operator.world import Namespace, Object, Operator, eventually
from tests.service.program import free_port

UNKNOWN: Object = {"provisioning": {"profile": "okta"}}
SENTENCE = "spec.provisioning.profile is \"okta\" (input should be 'entra' or 'strict')"


def unreadable(namespace: Namespace, tenant: str) -> Object:
    """Wait until a tenant says that it cannot be read; return its condition Ready."""

    def look() -> Object:
        found = namespace.condition(tenant, "Ready")
        return found if found.get("reason") == "Unreadable" else {}

    return eventually(look)


@pytest.fixture
def stored(fragile: ControlPlane, unserved: Namespace) -> Namespace:
    """A namespace with a tenant of another version's definition."""
    with lax(fragile, "provisioning", ("enum",)):
        eventually(lambda: unserved.refusal("contoso", UNKNOWN) == "")
        unserved.apply("contoso", UNKNOWN)
    eventually(lambda: unserved.refusal("other", UNKNOWN))
    return unserved


def test_unknown_value(
    installation: Installation, fragile: ControlPlane, stored: Namespace
) -> None:
    """It says which field, the others are served, also after a restart, and it recovers."""
    with installation.operator("unreadable", watch_namespaces=stored.name) as (operator, proxy):
        stored.apply("fabrikam")
        stored.settled("fabrikam")
        found = unreadable(stored, "contoso")
        assert SENTENCE in found["message"]
        for kind, status in (("Ready", "False"), ("Stalled", "True"), ("Reconciling", "False")):
            assert stored.condition("contoso", kind)["status"] == status
        assert operator.stop() == 0
        operator.start()
        stored.apply("adatum")
        stored.settled("adatum")
        written = [call for call in proxy.writes() if "/scimtenants/contoso/" in call.path]
        assert len(written) == 1
        listed = Plugin(fragile, stored.name).run("status", "-A", code=1).stdout
        assert all(name in listed for name in ("contoso", "fabrikam", "adatum"))
        assert "Unreadable" in Plugin(fragile, stored.name).run("status", "contoso", code=1).stdout
        examined = Plugin(fragile, stored.name).run("doctor", "contoso", code=1).stdout
        assert SENTENCE.split(" (")[0] in " ".join(examined.split())
        stored.apply("contoso", {"provisioning": {"profile": "entra"}})
        assert stored.settled("contoso")
        assert stored.condition("contoso", "Ready")["reason"] != "Unreadable"
        assert operator.stop() == 0


def test_served_before(
    installation: Installation, fragile: ControlPlane, unserved: Namespace
) -> None:
    """What is known of a tenant stays in its status, and what it has stays as it is."""
    unserved.apply("contoso")
    with installation.operator("before", watch_namespaces=unserved.name) as (operator, _):
        token = unserved.settled("contoso")
        tokens = unserved.get("scimtenant", "contoso")["status"]["tokens"]
        with lax(fragile, "provisioning", ("enum",)):
            eventually(lambda: unserved.refusal("contoso", UNKNOWN) == "")
            unserved.apply("contoso", UNKNOWN)
        unreadable(unserved, "contoso")
        status = unserved.get("scimtenant", "contoso")["status"]
        assert status["tokens"] == tokens
        assert status["observedGeneration"] == 2
        assert unserved.token("contoso") == token
        assert operator.stop() == 0


def test_status_of_another_version(
    installation: Installation, fragile: ControlPlane, unserved: Namespace
) -> None:
    """A record of a rollout that is not known here is made anew, and holds nobody up."""
    unserved.apply_all(["contoso", "fabrikam"])
    settings = {"watch_namespaces": unserved.name}
    with installation.operator("status", **settings) as (operator, _):
        token = unserved.settled("contoso")
        unserved.settled("fabrikam")
        assert operator.stop() == 0
        patch = json.dumps({"status": {"rollout": {"state": "paused"}}})
        with lax(fragile, "rollout", ("enum",), part="status"):
            how = ("--subresource=status", "--type=merge", "--patch", patch)
            eventually(lambda: _is_done(unserved, "patch", "scimtenant", "contoso", *how))
        operator.start()
        eventually(
            lambda: unserved.get("scimtenant", "contoso")["status"]["rollout"]["state"] == "current"
        )
        unserved.repair("fabrikam")
        assert unserved.token("contoso") == token
        assert operator.stop() == 0


def _is_done(namespace: Namespace, *arguments: str) -> bool:
    try:
        namespace.kubectl(*arguments)
    except Exception:
        return False
    return True


@contextmanager
def scoped(
    cluster: ControlPlane, folder: Path, namespaces: list[str]
) -> Iterator[tuple[Installation, Operator, str]]:
    """An operator with a Role in each of some namespaces, and the address of its metrics."""
    installation = Installation(cluster, folder, "scoped", namespaces)
    port = free_port()
    settings = {
        "watch_namespaces": ",".join(namespaces),
        "watch_timeout": "2",
        "resync_interval": "3",
        "port": str(port),
        "bind_address": "127.0.0.1",
    }
    with installation.operator("scoped", **settings) as (operator, _):
        yield installation, operator, f"http://127.0.0.1:{port}"


def served(address: str, namespace: Namespace) -> bool:
    """Whether the metrics say that a namespace is served."""
    text = httpx.get(f"{address}/metrics", trust_env=False).text
    name = "scim_operator_watched_namespace_served"
    found = re.search(rf'^{name}{{namespace="{namespace.name}"}} (\S+)$', text, re.MULTILINE)
    return found is not None and float(found[1]) == 1


def test_missing_namespace(fragile: ControlPlane, unserved: Namespace, tmp_path: Path) -> None:
    """A deleted namespace is told, the others are served, and it is when it returns."""
    # Named first: what is asked about first must not stand for all.
    gone = Namespace(fragile, f"{unserved.name}-gone")
    with scoped(fragile, tmp_path, [gone.name, unserved.name]) as (installation, operator, address):
        gone.apply("contoso")
        gone.settled("contoso")
        gone.kubectl("delete", "namespace", gone.name, "--timeout=30s")
        eventually(lambda: not served(address, gone), 30)
        assert (
            f"namespace {gone.name}, which watch_namespaces of the settings names" in operator.log()
        )
        unserved.apply("fabrikam")
        unserved.settled("fabrikam")
        assert operator.stop() == 0
        operator.start()
        unserved.apply("adatum")
        unserved.settled("adatum")
        assert httpx.get(f"{address}/readyz", trust_env=False).text == "leading"
        assert served(address, unserved)
        assert not served(address, gone)
        gone.kubectl("create", "namespace", gone.name)
        installation.grant()
        gone.apply("contoso")
        gone.settle(["contoso"], 60)
        eventually(lambda: served(address, gone))
        unserved.repair("fabrikam")
        assert operator.stop() == 0


def test_every_namespace_refuses(
    fragile: ControlPlane, unserved: Namespace, tmp_path: Path
) -> None:
    """An operator that may do nothing anywhere is not ready, and says what it lacks."""
    installation = Installation(fragile, tmp_path, "rightless", [unserved.name])
    fragile.kubectl("-n", unserved.name, "delete", "rolebinding", "rightless")
    port = free_port()
    settings = {"watch_namespaces": unserved.name, "port": str(port), "bind_address": "127.0.0.1"}
    with installation.operator("rightless", **settings) as (operator, _):
        eventually(
            lambda: (
                f"namespace {unserved.name}, which watch_namespaces of the settings names"
                in operator.log()
            )
        )
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
        assert answer.status_code == 503
        installation.grant()
        unserved.apply("contoso")
        unserved.settle(["contoso"], 60)
        assert operator.stop() == 0


def test_kind_that_cannot_be_listed(
    fragile: ControlPlane, unserved: Namespace, tmp_path: Path
) -> None:
    """A right that is missing in one namespace is told by its tenants alone, none loses a token."""
    lacking = Namespace(fragile, f"{unserved.name}-lacking")
    with scoped(fragile, tmp_path, [lacking.name, unserved.name]) as (installation, operator, _):
        lacking.apply("contoso")
        token = lacking.settled("contoso")
        assert operator.stop() == 0
        role = json.loads(lacking.kubectl("get", "role", "scoped", "-o", "json"))
        for rule in role["rules"]:
            rule["resources"] = [each for each in rule["resources"] if each != "secrets"]
        role["rules"] = [rule for rule in role["rules"] if rule["resources"]]
        lacking.kubectl("replace", "-f", "-", stdin=json.dumps(role))
        operator.start()
        unserved.apply("fabrikam")
        unserved.settled("fabrikam")

        def told() -> str:
            found = lacking.condition("contoso", "Stalled")
            return found["message"] if found.get("reason") == "Forbidden" else ""

        assert "may not list and watch secrets" in eventually(told)
        assert lacking.token("contoso") == token
        installation.grant()
        eventually(lambda: lacking.condition("contoso", "Stalled").get("reason") != "Forbidden", 60)
        assert lacking.token("contoso") == token
        assert names.token_secret("contoso") in lacking.secrets()
        assert operator.stop() == 0
