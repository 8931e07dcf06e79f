"""The result of a check: its outcome, what to do about it, and who can do it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


class By(StrEnum):
    """Who can fix a problem."""

    SRE = "SRE"
    ENTRA = "Entra administrator"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes
    ----------
    message
        What the check found.
    remedy, by
        What to do, and who can do it; empty and None if there is nothing to do.
    """

    name: str
    outcome: Outcome
    message: str
    remedy: str = ""
    by: By | None = None


def ok(name: str, message: str) -> Check:
    """Return the result that nothing is wrong."""
    return Check(name, Outcome.OK, message)


def unknown(name: str, why: str) -> Check:
    """Return the result that the check could not be made."""
    return Check(name, Outcome.UNKNOWN, why)


def warning(name: str, message: str, remedy: str, by: By) -> Check:
    """Return the result that provisioning works, or may work, but needs a change."""
    return Check(name, Outcome.WARNING, message, remedy, by)


def problem(name: str, message: str, remedy: str, by: By) -> Check:
    """Return the result that provisioning does not work, or will soon stop."""
    return Check(name, Outcome.PROBLEM, message, remedy, by)
