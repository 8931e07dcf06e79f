"""Everything that is stored of a tenant's activity, saved and pruned together."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scim_service.store.activity.activity_log import ActivityLog
from scim_service.store.activity.last_times import LastTimes
from scim_service.store.clock import Clock
from scim_service.store.counters import HourlyCounters
from scim_service.store.database.database import Database
from scim_service.store.database.errors import DatabaseError
from scim_service.store.database.statements import Step, Values

HOUR = 3600 * 1_000_000
"""An hour in microseconds."""

TEXT_CHARACTERS = 200
"""The longest text in a cleaned line; no text of a valid line is longer."""

Hours: TypeAlias = Mapping[tuple[str, int], int]
"""How often an event happened, by its name and the hour since 1970."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ActivityStore:
    """The log, the last times and the hourly counters of one tenant."""

    database: Database
    log: ActivityLog
    last_times: LastTimes
    hourly: HourlyCounters

    @classmethod
    def over(cls, database: Database, clock: Clock) -> "ActivityStore":
        """Return the activity that a database stores."""
        return cls(
            database, ActivityLog(database, clock), LastTimes(database), HourlyCounters(database)
        )

    async def save(self, lines: Sequence[Step], times: Mapping[str, int], hours: Hours) -> None:
        """Write what was collected in memory, in one transaction.

        A line that the database does not accept is written in a cleaned form.

        Raises
        ------
        DatabaseError
            Nothing was written.
        """
        try:
            await self._write(lines, times, hours)
        except DatabaseError:
            raise
        except Exception as error:
            # One line that the database does not accept would keep back all the others.
            _logger.warning("a line of the log is stored in a cleaned form: %s", type(error))
            cleaned = [(insertion, _clean_line(values)) for insertion, values in lines]
            await self._write(cleaned, times, hours)

    async def _write(self, lines: Iterable[Step], times: Mapping[str, int], hours: Hours) -> None:
        # Sorted, so that two replicas lock the same rows in the same order.
        steps = [
            *lines,
            *(self.last_times.note(name, at) for name, at in sorted(times.items())),
            *(self.hourly.add(*key, amount) for key, amount in sorted(hours.items())),
        ]
        async with self.database.transaction() as transaction:
            for statement, values in steps:
                await transaction.execute(statement, values)

    async def prune(self, *, before: int, writes: int, refusals: int) -> None:
        """Remove what happened before a time, and all but the newest lines of each kind."""
        await self.log.prune(before=before, writes=writes, refusals=refusals)
        await self.hourly.prune(before=before // HOUR)


def _clean_line(line: Values) -> Values:
    """Return a line that every database can store: short texts of printable ASCII."""
    return {
        name: _clean_text(value) if isinstance(value, str) else value
        for name, value in line.items()
    }


def _clean_text(text: str) -> str:
    return "".join(each if " " <= each <= "~" else "?" for each in text[:TEXT_CHARACTERS])
