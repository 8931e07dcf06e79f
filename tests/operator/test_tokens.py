"""Tokens over time, with the real service in the pod's place and requests that go on."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from scim_operator.api import names

from tests.cluster import ControlPlane
from tests.operator.install import NAMESPACE, Installation
from tests.operator.pod import Pod, Traffic
from tests.operator.proxy import Proxy
from tests.operator.world import Namespace, Object, eventually

OVERLAP = timedelta(minutes=40)
EVERY = timedelta(hours=2)
SPEC: Object = {"token": {"overlap": "40m", "rotateEvery": "2h"}}

SETTINGS = {
    # Soon after a jump the time is heard anew, every tenant looked at, and every pod read.
    "watch_timeout": "2",
    "resync_interval": "1",
    "poll_interval": "0.5",
}


@pytest.fixture
def proxy(installation: Installation, unserved: Namespace) -> Iterator[Proxy]:
    """What is between the API server and an operator that serves one namespace."""
    settings = SETTINGS | {"watch_namespaces": unserved.name}
    with installation.operator(unserved.name, **settings) as (operator, proxy):
        yield proxy
        assert operator.stop() == 0


def sha256(token: str) -> str:
    """The digest that the service compares."""
    return hashlib.sha256(token.encode()).hexdigest()


def accepted(namespace: Namespace) -> list[str]:
    """The accepted digests."""
    return list(namespace.digests("contoso"))


def another(namespace: Namespace, token: str) -> str:
    """Wait until there is another token, and the digests of both are accepted."""
    new = eventually(lambda: found if (found := namespace.token("contoso")) != token else "", 20)
    eventually(lambda: accepted(namespace) == [sha256(token), sha256(new)])
    return new


def look(namespace: Namespace) -> None:
    """Have the tenant looked at with the time as it is now: the first pass may only hear it."""
    namespace.repair("contoso")
    namespace.repair("contoso")


def test_rotation_under_traffic(proxy: Proxy, unserved: Namespace, tmp_path: Path) -> None:
    """No request fails; the old token ends after the new one's use and the overlap, not before."""
    unserved.apply("contoso", {"token": {"overlap": "40m"}})
    old = unserved.settled("contoso")
    pod = Pod(unserved, "contoso", tmp_path)
    with pod.running(), Traffic(pod, old) as entra:
        unserved.kubectl("annotate", "scimtenant", "contoso", "scim-operator.io/rotate-token=1")
        new = another(unserved, old)
        pod.mount()
        eventually(lambda: pod.accepts(new))
        proxy.ahead = 10 * OVERLAP
        look(unserved)
        assert unserved.digests("contoso")[sha256(old)]["notAfter"] is None
        assert unserved.condition("contoso", "TokenReady")["reason"] == "WaitingForUse"

        proxy.ahead = timedelta()
        look(unserved)
        entra.token = new
        eventually(lambda: unserved.digests("contoso")[sha256(old)]["notAfter"])
        look(unserved)
        assert accepted(unserved) == [sha256(old), sha256(new)]
        pod.mount()
        assert pod.accepts(old)

        proxy.ahead = OVERLAP
        eventually(lambda: accepted(unserved) == [sha256(new)])
        pod.mount()
        eventually(lambda: not pod.accepts(old))
    assert set(entra.answers) == {200}


def test_schedule(proxy: Proxy, unserved: Namespace, tmp_path: Path) -> None:
    """A token is replaced at its age, once, and the next time only after the new one was used."""
    unserved.apply("contoso", SPEC)
    old = unserved.settled("contoso")
    pod = Pod(unserved, "contoso", tmp_path)
    with pod.running(), Traffic(pod, old) as entra:
        proxy.ahead = EVERY
        new = another(unserved, old)
        pod.mount()
        for ahead in (3 * EVERY, timedelta(), 9 * EVERY):
            proxy.ahead = ahead
            look(unserved)
            assert unserved.token("contoso") == new
            assert accepted(unserved) == [sha256(old), sha256(new)]

        eventually(lambda: pod.accepts(new))
        entra.token = new
        assert eventually(lambda: found if (found := unserved.token("contoso")) != new else "", 20)
        pod.mount()
    assert set(entra.answers) == {200}


def test_own_clock(
    fragile: ControlPlane,
    installation: Installation,
    unserved: Namespace,
    faketime: Path,
    tmp_path: Path,
) -> None:
    """An operator whose machine's clock jumps by months rotates and retires nothing for it."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    environ = {
        "LD_PRELOAD": str(faketime),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    settings = {"watch_namespaces": unserved.name, "lease_name": unserved.name}
    settings |= {"leader_elect": "true", "retry_period": "0.5"}

    def is_ahead(by: timedelta) -> bool:
        """Whether the operator's clock is ahead by so much; the Lease shows it."""
        renewed = fragile.kubectl(
            *("-n", NAMESPACE, "get", "lease", unserved.name, "-o", "jsonpath={.spec.renewTime}")
        )
        return abs(datetime.fromisoformat(renewed) - datetime.now(UTC) - by) < OVERLAP

    with installation.operator(unserved.name, environ, **settings) as (operator, _):
        unserved.apply("contoso", SPEC)
        unserved.settled("contoso")
        before = unserved.token("contoso"), unserved.digests("contoso")
        for days in (100, -100, 0):
            clock.write_text(f"{days:+}d")
            eventually(partial(is_ahead, timedelta(days=days)))
            look(unserved)
            assert (unserved.token("contoso"), unserved.digests("contoso")) == before
        assert operator.stop() == 0


def as_before(namespace: Namespace, token: str) -> str:
    """Leave a tenant's Secrets and status as a version before random ids did; return the id."""
    digest = sha256(token)
    (known,) = namespace.digests("contoso").values()
    entry = known | {"id": digest[:8], "sha256": digest}
    file = base64.b64encode(json.dumps({"tokens": [entry]}).encode()).decode()

    change = json.dumps([{"op": "replace", "path": "/data", "value": {"tokens.json": file}}])
    secret = names.digest_secret("contoso")
    namespace.kubectl("patch", "secret", secret, "--type=json", f"--patch={change}")
    namespace.kubectl("delete", "secret", names.access_secret("contoso"))
    marks = (f"{names.SEAL_ANNOTATION}-", f"{names.APPLIED_ANNOTATION}-")
    namespace.kubectl("annotate", "secret", "--selector", f"{names.TENANT_LABEL}=contoso", *marks)
    tenant = namespace.get("scimtenant", "contoso")
    status = {key: tenant["status"][key] for key in ("conditions", "observedGeneration")}
    shown = [{key: entry[key] for key in ("id", "createdAt")}]
    body = {
        **{key: tenant[key] for key in ("apiVersion", "kind")},
        "metadata": {"name": "contoso"},
        "status": status | {"tokens": shown},
    }
    # As the operator, which otherwise would not own what it is to replace.
    namespace.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--subresource=status"),
        *(f"--field-manager={names.MANAGER}", "-f", "-"),
        stdin=json.dumps(body),
    )
    return digest[:8]


@pytest.mark.finding(24, 25)
def test_upgrade(installation: Installation, unserved: Namespace) -> None:
    """Tokens live on over an upgrade, a weak one too; an id that fits guesses is replaced."""
    settings = SETTINGS | {"watch_namespaces": unserved.name}
    weak = "Contoso-Summer-2026!"
    with installation.operator(unserved.name, **settings) as (operator, _):
        unserved.apply("contoso")
        issued = unserved.settled("contoso")
        operator.stop()
        old_id = as_before(unserved, issued)
        operator.start()
        eventually(lambda: unserved.digests("contoso", "access.json"))
        (entry,) = unserved.digests("contoso").values()
        assert (entry["sha256"], entry["id"]) == (sha256(issued), old_id)
        assert unserved.token("contoso") == issued
        assert list(unserved.digests("contoso", "access.json")) == [
            sha256(unserved.access("contoso"))
        ]

        unserved.kubectl(
            "create", "secret", "generic", "mine", f"--from-literal=secretToken={issued}"
        )
        unserved.apply("contoso", {"token": {"existingSecret": "mine"}})
        eventually(lambda: unserved.get("sct", "contoso")["status"]["tokenSecretName"] == "mine")
        operator.stop()
        change = json.dumps({"stringData": {"secretToken": weak}})
        unserved.kubectl("patch", "secret", "mine", f"--patch={change}")
        old_id = as_before(unserved, weak)
        operator.start()
        eventually(lambda: unserved.condition("contoso", "TokenReady")["reason"] == "WeakToken")
        events = unserved.kubectl("get", "events", "--field-selector", "reason=WeakToken")
        assert "at least 32 random characters" in events
        assert weak not in events
        (entry,) = unserved.digests("contoso").values()
        assert entry["sha256"] == sha256(weak)
        assert not sha256(weak).startswith(entry["id"])
        assert old_id not in json.dumps(unserved.get("sct", "contoso"))
        assert operator.stop() == 0


@pytest.mark.finding("S6")
def test_credential_of_the_management_port(proxy: Proxy, unserved: Namespace) -> None:
    """It is rotated at its age, revoked with the tokens or by its deletion, and else left alone."""
    unserved.apply("contoso")
    unserved.settled("contoso")

    def is_new(old: str) -> bool:
        new = unserved.access("contoso")
        known = unserved.digests("contoso", "access.json")
        return new not in ("", old) and sha256(new) in known

    first = unserved.access("contoso")
    proxy.ahead = timedelta(days=24)
    look(unserved)
    assert unserved.access("contoso") == first
    proxy.ahead = timedelta(days=36)
    eventually(lambda: is_new(first), 20)
    second = unserved.access("contoso")
    eventually(lambda: unserved.digests("contoso", "access.json")[sha256(first)]["notAfter"])
    proxy.ahead += timedelta(hours=2)
    eventually(lambda: list(unserved.digests("contoso", "access.json")) == [sha256(second)])

    unserved.kubectl("delete", "secret", names.access_secret("contoso"))
    eventually(lambda: is_new(second))
    third = unserved.access("contoso")
    assert list(unserved.digests("contoso", "access.json")) == [sha256(third)]
    unserved.kubectl("annotate", "scimtenant", "contoso", "scim-operator.io/revoke-tokens=1")
    eventually(lambda: is_new(third))
    assert list(unserved.digests("contoso", "access.json")) == [sha256(unserved.access("contoso"))]
    assert len(accepted(unserved)) == 1
