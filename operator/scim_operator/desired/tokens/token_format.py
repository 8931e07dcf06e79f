"""What a token looks like, when one can be guessed, and what is derived from one.

A token is ``scim_``, 43 base62 digits of 256 random bits and 6 base62 digits of the CRC-32 of
those 43 characters: ``scim_[0-9A-Za-z]{49}``. A secret scanner finds a leaked one by that pattern,
and the checksum tells it from a chance match without a request. The credential of the management
port has the same form with the prefix ``scima_``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import string
import zlib
from itertools import pairwise

PREFIX = "scim_"


ACCESS_PREFIX = "scima_"


_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


_RANDOM_DIGITS = 43


_CHECKSUM_DIGITS = 6


_MIN_CHARACTERS = 32


_MIN_DISTINCT = 10


_MIN_PAIRS = 24


_MIN_STEPS = 10
"""The minimum for an owner's token (``existingSecret``): characters, different characters,
different pairs of neighbours (fewer are a repetition) and different distances of neighbours (fewer
are a sequence such as ``abcdef``). Of random tokens of 32 hexadecimal digits one in 2,000 has less,
of longer ones none in 100,000."""


_PROOF_PREFIX = b"scim-operator.io/token-used:"


def generate(prefix: str = PREFIX) -> str:
    """Generate a new token."""
    digits = _encode_base62(secrets.randbits(256), _RANDOM_DIGITS)
    return prefix + digits + _compute_checksum(digits)


def is_well_formed(token: str) -> bool:
    """Tell whether a string can be a token of `generate`."""
    body = token.removeprefix(PREFIX)
    digits = body[:_RANDOM_DIGITS]
    return (
        token.startswith(PREFIX)
        and len(body) == _RANDOM_DIGITS + _CHECKSUM_DIGITS
        and _compute_checksum(digits) == body[_RANDOM_DIGITS:]
    )


def _compute_checksum(digits: str) -> str:
    return _encode_base62(zlib.crc32(digits.encode()), _CHECKSUM_DIGITS)


def _encode_base62(number: int, width: int) -> str:
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        text = _ALPHABET[digit] + text
    return text


def find_weakness(token: str) -> str | None:
    """Say why an owner's token can be guessed; None if it is strong enough.

    An attacker can test guesses against a leaked digest unnoticed, so a token needs about 128
    random bits, which can only be judged by its characters.
    """
    pairs = set(pairwise(token))
    steps = {ord(right) - ord(left) for left, right in pairs}
    if len(token) < _MIN_CHARACTERS:
        return f"has fewer than {_MIN_CHARACTERS} characters"
    if len(set(token)) < _MIN_DISTINCT or len(pairs) < _MIN_PAIRS or len(steps) < _MIN_STEPS:
        return "has too little variety: it repeats few characters or follows a pattern"
    return None


def generate_id() -> str:
    """Generate the id of a token: random, so that its readers cannot test guesses of the token."""
    return base64.b32encode(secrets.token_bytes(5)).decode().lower()


def compute_proof(token: str, token_id: str) -> str:
    """Return the proof that the service gives after a request with the token.

    HMAC-SHA256 in hexadecimal (``docs/contract.md`` section 3).
    """
    return hmac.new(token.encode(), _PROOF_PREFIX + token_id.encode(), "sha256").hexdigest()


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal; it needs no salt, having 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()
