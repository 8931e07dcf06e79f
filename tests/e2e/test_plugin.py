"""`kubectl scim` beside running pods, which it reaches through the API server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.e2e.conftest import POLL_S
from tests.e2e.platform import Tenant, wait_until
from tests.entra import Directory, Provisioning

USERS = 230


def plugin(tenant: Tenant, *arguments: str, code: int | None = 0) -> Any:
    """Run a command on a tenant for its JSON; its exit status must be as expected, if given."""
    command, *options = arguments
    done = subprocess.run(
        [
            *(sys.executable, "-m", "scim_operator.cli", command, tenant.name),
            *("-n", tenant.namespace, "-o", "json", *options),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert code in (None, done.returncode), done.stdout + done.stderr
    return json.loads(done.stdout)


def checks(tenant: Tenant, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run a command that makes checks; return their outcomes by name."""
    found = plugin(tenant, *arguments, code=code)["checks"]
    return {check["name"]: check["outcome"] for check in found}


async def provision(tenant: Tenant, directory: Directory) -> None:
    """Do what Entra does in its first cycle."""
    _, token = tenant.credentials()
    with tenant.reach() as url:
        async with Provisioning(url, token) as job:
            assert (await job.initial_cycle(directory)).clean


def test_looking_is_no_traffic(empty_tenant: Tenant) -> None:
    """A look at a tenant, however close, does not pass for Entra's first request."""
    assert checks(empty_tenant, "test") == {
        "connection": "warning",
        "user query": "ok",
        "group query": "ok",
    }
    assert plugin(empty_tenant, "users") == []
    assert plugin(empty_tenant, "activity") == []
    assert checks(empty_tenant, "doctor", code=1)["traffic"] == "problem"
    assert checks(empty_tenant, "doctor", code=1)["traffic"] == "problem"


async def test_what_entra_has_provisioned(empty_tenant: Tenant) -> None:
    """Users, groups and writes are all there, and the doctor finds what is to be found."""
    directory = Directory.generate(seed=5, users=USERS, groups=4)
    await provision(empty_tenant, directory)
    users = plugin(empty_tenant, "users", "--limit", "0")
    assert len({user["id"] for user in users}) == len(users) == USERS
    assert len(plugin(empty_tenant, "groups")) == 4
    lines = plugin(empty_tenant, "activity", "--limit", "1000")
    created = [line for line in lines if line["operation"] == "create"]
    assert len(created) == USERS + 4
    assert plugin(empty_tenant, "activity", "--failures") == []

    active = next(user for user in users if user["active"])
    found = checks(empty_tenant, "doctor", "--user", active["userName"].upper())
    assert found.pop("connection") == "warning"
    assert set(found.values()) <= {"ok", "warning"}
    assert found[f"user {active['userName'].upper()}"] == "ok"
    found = checks(empty_tenant, "doctor", "--user", "nobody@contoso.example", code=1)
    assert found["user nobody@contoso.example"] == "problem"


async def test_backup_and_restore(empty_tenant: Tenant, tmp_path: Path) -> None:
    """A copy is made and put back while the tenant is served, and the status tells when."""
    directory = Directory.generate(seed=6, users=USERS, groups=4)
    await provision(empty_tenant, directory)
    file = tmp_path / "contoso.db"
    copied = plugin(empty_tenant, "backup", str(file))
    assert (copied["users"], copied["groups"]) == (USERS, 4)
    assert file.stat().st_size == copied["size"]
    for pod in empty_tenant.pods():
        assert all(each["restartCount"] == 0 for each in pod["status"]["containerStatuses"])

    before = {user["id"] for user in plugin(empty_tenant, "users", "--limit", "0")}
    directory = Directory.generate(seed=7, users=3, groups=0)
    await provision(empty_tenant, directory)
    restored = plugin(empty_tenant, "restore", str(file), "--yes")
    assert (restored["users"], restored["groups"]) == (USERS, 4)
    assert {user["id"] for user in plugin(empty_tenant, "users", "--limit", "0")} == before
    for pod in empty_tenant.pods():
        assert all(each["restartCount"] == 0 for each in pod["status"]["containerStatuses"])
    wait_until(
        "the last backup is in the status",
        lambda: "lastBackup" in plugin(empty_tenant, "status"),
        seconds=3 * POLL_S,
    )


def test_a_new_token(empty_tenant: Tenant) -> None:
    """After a rotation the pod takes the new token, and the look at it does not retire the old."""
    new = plugin(empty_tenant, "rotate")["token"]
    shown = plugin(empty_tenant, "connect", "--show-token")
    assert (shown["tenantURL"], shown["secretToken"]) == empty_tenant.credentials()

    def taken() -> bool:
        found = plugin(empty_tenant, "test", code=None)["checks"]
        return all(check["outcome"] != "problem" for check in found)

    wait_until("the new token is accepted", taken, seconds=150)
    time.sleep(3 * POLL_S)
    by_id = {token["id"]: token for token in plugin(empty_tenant, "status")["tokens"]}
    assert len(by_id) == 2
    assert "lastUsed" not in by_id[new]
    assert not any("notAfter" in token for token in by_id.values())
