"""The ids of resources."""

import os
import re
import time

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_id() -> str:
    """Return a UUID that sorts by its time: new rows lie together, in the order of creation.

    RFC 9562, version 7, with a quarter of a microsecond in the twelve bits after the millisecond
    (section 6.2, method 3), because many users are created within one millisecond.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    random = int.from_bytes(os.urandom(8))
    number = (
        (milliseconds & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76
        | (nanoseconds << 12) // 1_000_000 << 64
        | 0b10 << 62
        | (random & 0x3FFF_FFFF_FFFF_FFFF)
    )
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id(text: str) -> bool:
    """Whether a text has the form of the ids that `new_id` returns; no other text is an id."""
    return _ID.fullmatch(text) is not None
