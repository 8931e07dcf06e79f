"""Records the attributes of a request that the service skips, so that it can report them."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

Reason: TypeAlias = Literal["unknown", "readOnly"]

MOST_NAMES = 20
"""The number of names that are recorded of one request."""

NAME_CHARACTERS = 120

_SELECTION = re.compile(r"\[.*\]|\[.*", re.DOTALL)


class Name(NamedTuple):
    """The name of an attribute, and why it is skipped."""

    reason: Reason
    name: str


class Skipped:
    """The names of one request, each once.

    A client may send anything as a name. The record has printable ASCII only, is bounded, and omits
    the value filters and indexes of paths, as these could contain personal data.
    """

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[Name, None] = {}

    def add(self, reason: Reason, name: str) -> None:
        """Record an attribute under the client's name for it."""
        if len(self._names) >= MOST_NAMES:
            return
        text = _SELECTION.sub("", name[: 8 * NAME_CHARACTERS]) if "[" in name else name
        text = "".join(each if "!" <= each <= "~" else "?" for each in text[:NAME_CHARACTERS])
        self._names[Name(reason, text)] = None

    def update(self, other: "Skipped") -> None:
        """Record the names that another request, or a part of this one, has skipped."""
        for each in other:
            if len(self._names) < MOST_NAMES:
                self._names[each] = None

    def __iter__(self) -> Iterator[Name]:
        return iter(self._names)

    def __bool__(self) -> bool:
        return bool(self._names)
