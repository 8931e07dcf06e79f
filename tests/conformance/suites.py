"""The suites by name, and how one is run."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from . import postman, scim2_tester, scim_sanity
from .outcome import Check, Outcome, judge
from .target import Service, Target

SUITES: dict[str, Callable[[Target], list[Check]]] = {
    postman.NAME: postman.run,
    scim2_tester.NAME: scim2_tester.run,
    scim_sanity.NAME: scim_sanity.run,
}


def run_suite(name: str, target: Target | None = None) -> Outcome:
    """Run a suite against a tenant, by default against one started for it alone."""
    if target is not None:
        return judge(name, SUITES[name](target))
    with TemporaryDirectory(prefix="scim-conformance-") as folder, Service(Path(folder)) as own:
        return judge(name, SUITES[name](own.target))


def in_ci() -> bool:
    """Tell whether a suite that cannot run is a failure."""
    return os.environ.get("CI") == "true"
