"""Values in quotes other than double quotes, as in ``userName eq 'ann'``.

RFC 7644 (figure 1) takes values from JSON, whose strings have double quotes. Without a rule,
another quote would be a part of an unquoted value: the filter would find no user, and the client
would create a second one.
"""

import re

# Single quotes, primes, back ticks and accents close each other, and so do double ones, since
# languages and keyboards open and close with different ones.
_SINGLE = "'‘’‚‛‹›′`´\uff07"
_DOUBLE = "“”„‟«»″\uff02"
_OPENING = frozenset(_SINGLE + _DOUBLE)
_CLOSED = {
    kind: re.compile(rf"[{kind}](?=\s*(?:\Z|[)\]]|\s(?:and|or)[\s(]))", re.IGNORECASE)
    for kind in (_SINGLE, _DOUBLE)
}
_ESCAPED = re.compile(rf"\\([\\{_SINGLE}{_DOUBLE}])")


def opens_quote(word: str) -> bool:
    """Whether a word begins with such a quote."""
    return word[:1] in _OPENING


def ends_in_quote(word: str) -> bool:
    """Whether a word ends in such a quote that is no apostrophe, as in ``ann”``."""
    return word[-1:] in _OPENING - {"'", "’"}


def find_closing_quote(text: str, start: int) -> int | None:
    """Return the end of the value whose quote is at `start`, None without a closing quote.

    A quote closes only where the filter can continue, so ``'O'Neil'`` is one value.
    """
    kind = _SINGLE if text[start] in _SINGLE else _DOUBLE
    found = _CLOSED[kind].search(text, start + 1)
    return None if found is None else found.end()


def remove_quotes(value: str) -> str:
    """Return the text between the quotes; a backslash before a quote or a backslash is removed."""
    return _ESCAPED.sub(r"\1", value[1:-1])
