"""What a check has found: how bad it is, what to do about it, and who can."""

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
    """Who can do something about a finding."""

    SRE = "SRE"
    ENTRA = "Entra administrator"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    message
        What was found.
    remedy, by
        What to do, and who can do it; empty and None where nothing is to be done.
    """

    name: str
    outcome: Outcome
    message: str
    remedy: str = ""
    by: By | None = None


def ok(name: str, message: str) -> Check:
    """Nothing is wrong."""
    return Check(name, Outcome.OK, message)


def unknown(name: str, why: str) -> Check:
    """It could not be looked at."""
    return Check(name, Outcome.UNKNOWN, why)


def warning(name: str, message: str, remedy: str, by: By) -> Check:
    """It works, or may work, but should not stay so."""
    return Check(name, Outcome.WARNING, message, remedy, by)


def problem(name: str, message: str, remedy: str, by: By) -> Check:
    """Provisioning does not work, or will soon stop."""
    return Check(name, Outcome.PROBLEM, message, remedy, by)
