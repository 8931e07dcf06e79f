"""`make demo`: from a fresh checkout to a customer's users on the platform, leaving it all running.

With KUBECONFIG set that cluster is used, and nothing is built: OPERATOR_IMAGE and SERVICE_IMAGE
name the images that were loaded into it (the README says how).
"""

import asyncio
import json
import os
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

from tests.cluster.progress import step
from tests.e2e import node
from tests.e2e.platform import ROOT, CommandError, Tenant, install, run, wait_until
from tests.entra import Cycle, Directory, Provisioning
from tests.entra import Tenant as Contents

EXAMPLE = ROOT / "examples" / "contoso.yaml"
TENANT = Tenant("contoso", "contoso")
# How often the made-up directory has changed, kept beside the tenant, so that another run of the
# demo goes on where this one ends, as Entra would.
CHANGES = "demo.scim-operator.io/directory-changes"
STARTED = "SCIM_OPERATOR_DEMO_STARTED"
USERS, GROUPS, SHOWN = 40, 6, 12


def main() -> int:
    """Go through the steps; the first that fails says why and ends it with 1."""
    os.environ.setdefault(STARTED, str(time.time()))
    try:
        if node.INSIDE in os.environ:
            return demonstrate(node.given_images())
        if "KUBECONFIG" in os.environ:
            return demonstrate(
                {
                    "operator": os.environ.get("OPERATOR_IMAGE", "scim-operator:dev"),
                    "service": os.environ.get("SERVICE_IMAGE", "scim-service:dev"),
                }
            )
        if why := node.obstacle():
            print(f"error: {why}; set KUBECONFIG to use a cluster of yours", file=sys.stderr)
            return 1
        node.start()
        node.enter(node.build_images(), "-m", "tests.e2e.demo")
    except subprocess.CalledProcessError as error:
        return error.returncode
    except (CommandError, TimeoutError, LookupError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def demonstrate(images: dict[str, str]) -> int:
    """Install, apply the example, provision twice, and show what is there."""
    with step("install the chart (helm upgrade --install)"):
        install(images)
    with step(f"apply {EXAMPLE.relative_to(ROOT)} and wait until it is Ready"):
        run("kubectl apply -f -", stdin=EXAMPLE.read_text(encoding="utf-8"))
        TENANT.wait_ready()
    url, token = TENANT.credentials()
    changes = int(TENANT.resource()["metadata"].get("annotations", {}).get(CHANGES, "0"))
    # Before the cycle: where the demo is interrupted, the next run must not go back in time.
    run(f"kubectl annotate scimtenant contoso -n contoso --overwrite {CHANGES}={changes + 1}")
    with TENANT.reach() as reachable:
        cycles, contents = asyncio.run(provision(reachable, token, changes))
    problems = [cycle for cycle in cycles if not cycle.clean]
    for cycle in problems:
        print(json.dumps(cycle.as_json(), indent=2), file=sys.stderr)
    show(contents)
    with step("the counts reach the ScimTenant's status"):
        wait_until(
            "users in the status",
            lambda: TENANT.resource()["status"].get("users") == len(contents.users),
        )
    print(run("kubectl get scimtenants --all-namespaces").rstrip())
    look_further(url)
    print(f"The demo took {time.time() - float(os.environ[STARTED]):.0f} s.")
    return 1 if problems else 0


async def provision(url: str, token: str, changes: int) -> tuple[list[Cycle], Contents]:
    """Do what Entra does after the administrator has pressed Start provisioning."""
    directory = Directory.generate(seed=1, users=USERS, groups=GROUPS)
    for number in range(changes):
        directory = directory.change(seed=1 + number)
    async with Provisioning(url, token) as job:
        with step("Entra: Test Connection"):
            cycles = [await job.test_connection()]
        with step(f"Entra: initial cycle of {USERS} users and {GROUPS} groups"):
            cycles.append(await job.initial_cycle(directory))
        with step("Entra: incremental cycle, after the directory changed"):
            cycles.append(await job.incremental_cycle(directory.change(seed=1 + changes)))
        return cycles, await job.tenant()


def show(contents: Contents) -> None:
    """Print what is on the platform now."""
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    users = Table(
        title=f"{len(contents.users)} users on the platform (the first {SHOWN})",
        title_justify="left",
    )
    for column in ("userName", "displayName", "mail", "active", "groups"):
        users.add_column(column, overflow="fold")
    for user in sorted(contents.users.values(), key=lambda each: each["userName"])[:SHOWN]:
        users.add_row(
            user["userName"],
            user.get("displayName", ""),
            next((mail["value"] for mail in user.get("emails", []) if "value" in mail), ""),
            "yes" if user.get("active", True) else "no",
            ", ".join(sorted(group.get("display", "") for group in user.get("groups", []))),
        )
    console.print(users)
    groups = Table(title=f"{len(contents.groups)} groups", title_justify="left")
    groups.add_column("displayName")
    groups.add_column("members", justify="right")
    for group in sorted(contents.groups.values(), key=lambda each: each["displayName"]):
        groups.add_row(group["displayName"], str(len(group.get("members", []))))
    console.print(groups)


def look_further(url: str) -> None:
    """Say what an administrator would paste, and which commands show more."""
    local = node.INSIDE in os.environ
    secret = "kubectl get secret contoso-scim-token -n contoso -o jsonpath={.data.secretToken}"
    commands = [
        "kubectl get scimtenants -A",
        "kubectl describe scimtenant contoso -n contoso",
        "kubectl logs -n contoso deployment/contoso-scim",
        f"{secret} | base64 -d",
        # `make exec` has the plugin; another cluster's user installs it (docs/kubectl-scim.md).
        *(["kubectl scim doctor contoso -n contoso"] if local else []),
    ]
    print(f"\nTenant URL: {url}\n\nLook further:")
    for command in commands:
        print(f"  make exec CMD='{command}'" if local else f"  {command}")
    if local:
        print("\nThe cluster goes on running; `make down` stops it and removes every trace.")


if __name__ == "__main__":
    sys.exit(main())
