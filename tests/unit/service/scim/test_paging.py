"""Pages by index and by cursor."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_service.scim import errors, paging

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("start", "count", "page"),
    [
        (None, None, (1, 100)),
        ("1", "2", (1, 2)),
        (6, 5, (6, 5)),
        ("0", "0", (1, 0)),
        ("-7", "-1", (1, 0)),
        (" 3 ", "+4", (3, 4)),
        ("1", "5000", (1, 1000)),
    ],
)
def test_page(start: Any, count: Any, page: tuple[int, int]) -> None:
    """A number out of range is moved into the range (RFC 7644 table 6)."""
    parsed = paging.parse_page(start, count, default=100, maximum=1000)
    assert (parsed.start_index, parsed.count) == page
    assert parsed.offset == page[0] - 1


@pytest.mark.parametrize("text", ["", "x", "1.5", "--1", "9" * 5000, 10**30])
def test_bad_page(text: Any) -> None:
    """The error names the parameter that is no number."""
    with pytest.raises(errors.ScimError, match="count must be an integer"):
        paging.parse_page(1, text, default=100, maximum=1000)
    with pytest.raises(errors.ScimError, match="startIndex must be an integer"):
        paging.parse_page(text, 1, default=100, maximum=1000)


def test_count_with_cursor() -> None:
    """A page by cursor has at least one resource (RFC 9865 section 2.1)."""
    assert paging.parse_cursor_count(None, default=100, maximum=1000) == 100
    assert paging.parse_cursor_count("5000", default=100, maximum=1000) == 1000
    for count in ("0", "-1", "x"):
        with pytest.raises(errors.ScimError) as caught:
            paging.parse_cursor_count(count, default=100, maximum=1000)
        assert caught.value.scim_type == "invalidCount"


def encoded(**change: Any) -> str:
    arguments = {"query": "q", "key": b"k", "now": NOW, **change}
    return paging.encode_cursor(("joy", 7, None), **arguments)


def decoded(cursor: str, now: datetime = NOW) -> tuple[Any, ...]:
    return paging.decode_cursor(cursor, query="q", key=b"k", now=now, timeout=HOUR)


def test_cursor() -> None:
    """A cursor returns its position until it expires."""
    assert decoded(encoded(), NOW + HOUR) == ("joy", 7, None)
    with pytest.raises(errors.ScimError) as caught:
        decoded(encoded(), NOW + 2 * HOUR)
    assert caught.value.scim_type == "expiredCursor"


def test_foreign_cursor() -> None:
    """A cursor of another query or another tenant is refused."""
    for cursor in (encoded(query="other"), encoded(key=b"other")):
        with pytest.raises(errors.ScimError) as caught:
            decoded(cursor)
        assert caught.value.scim_type == "invalidCursor"


@given(st.text() | st.binary().map(lambda raw: raw.hex()))
def test_made_up_cursor(cursor: str) -> None:
    """Only an issued text is a cursor."""
    with pytest.raises(errors.ScimError) as caught:
        decoded(cursor)
    assert caught.value.scim_type == "invalidCursor"


@given(st.data())
def test_altered_cursor(data: st.DataObject) -> None:
    """A cursor with one character changed is refused."""
    cursor = encoded()
    index = data.draw(st.integers(0, len(cursor) - 2))
    letter = data.draw(st.sampled_from("ABCxyz019-_"))
    altered = cursor[:index] + letter + cursor[index + 1 :]
    if altered != cursor:
        with pytest.raises(errors.ScimError):
            decoded(altered)
