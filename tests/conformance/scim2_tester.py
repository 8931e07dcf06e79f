"""scim2-tester (PyPI), through its Python interface."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import CheckResult, Status, check_server

from .outcome import Check
from .target import Target

NAME = "scim2-tester"

SEED = 1

_WRONG = (Status.ERROR, Status.CRITICAL, Status.DEVIATION)


def run(target: Target) -> list[Check]:
    """Run every check; it makes what it needs and removes it again."""
    # Its values are drawn at random. A user drawn disabled stays so when `active` is removed, which
    # it takes for a fault (docs/decisions/0018-nothing-enables-by-omission.md).
    random.seed(SEED)
    headers = {"Authorization": f"Bearer {target.token}"}
    with Client(base_url=target.url, headers=headers, timeout=60) as http:
        return list(_checks(check_server(SyncSCIMClient(http))))


def _checks(results: Iterable[CheckResult]) -> Iterator[Check]:
    seen: Counter[str] = Counter()
    for result in results:
        if result.status is Status.SKIPPED:
            continue
        name = " ".join(part for part in (result.resource_type, result.title) if part)
        seen[name] += 1
        if seen[name] > 1:
            name += f" #{seen[name]}"
        wrong = result.status in _WRONG
        yield Check(name, f"{result.status.name}: {result.reason}" if wrong else None)
