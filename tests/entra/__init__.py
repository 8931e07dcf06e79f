"""A client that sends a SCIM server the requests of Microsoft Entra ID's provisioning service.

    async with Provisioning(tenant_url, token) as job:
        directory = Directory.generate(seed=1, users=50, groups=5)
        await job.test_connection()
        await job.initial_cycle(directory)
        await job.incremental_cycle(directory := directory.change(seed=1))
        differences = await job.verify(directory)

`python -m tests.entra --help` does the same from a shell.
"""

from .cycle import Cycle
from .dialect import Change, Dialect, Flag, Quirk
from .directory import Directory, Group, User
from .errors import Code, Failure
from .ledger import Ledger, Lost, Write
from .mapping import Mapping
from .provisioning import Provisioning, Scope
from .quarantine import Thresholds
from .state import JobState
from .verification import Difference, Tenant

__all__ = [
    "Change",
    "Code",
    "Cycle",
    "Dialect",
    "Difference",
    "Directory",
    "Failure",
    "Flag",
    "Group",
    "JobState",
    "Ledger",
    "Lost",
    "Mapping",
    "Provisioning",
    "Quirk",
    "Scope",
    "Tenant",
    "Thresholds",
    "User",
    "Write",
]
