"""Who may call: bearer tokens, known by their SHA-256 digests (``docs/contract.md`` section 2)."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

RELOAD_SECONDS = 1.0
"""How often, at most, the tokens file is looked at."""

_DIGEST_BYTES = 32


class TokensError(Exception):
    """The tokens file cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """An accepted token; `not_after` is in seconds since 1970, None for no end."""

    id: str
    digest: bytes
    not_after: float | None = None


def token_from(secret: str, *, token_id: str) -> Token:
    """Return the token that a secret stands for."""
    return Token(token_id, hashlib.sha256(secret.encode()).digest())


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Return the tokens in a file.

    Raises
    ------
    TokensError
        It cannot be read or is not a list of digests.
    """
    try:
        document = json.loads(path.read_bytes())
        return tuple(_token(entry) for entry in document["tokens"])
    except OSError as error:
        raise TokensError(f"cannot read the tokens {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise TokensError(f"the tokens file {path} is not usable: {error!r}") from error


def _token(entry: dict[str, Any]) -> Token:
    digest = bytes.fromhex(entry["sha256"])
    if len(digest) != _DIGEST_BYTES:
        raise ValueError("sha256 is not 64 hex digits")
    not_after = entry.get("notAfter")
    return Token(
        str(entry["id"]),
        digest,
        None if not_after is None else datetime.fromisoformat(not_after).timestamp(),
    )


class Tokens:
    """The tokens that are accepted now.

    A file that has become unusable changes nothing: the tokens that were read last stay.

    Parameters
    ----------
    path
        The file that is read again when it changes.
    fixed
        Tokens that are accepted besides.
    """

    def __init__(
        self,
        path: Path | None = None,
        fixed: Iterable[Token] = (),
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._fixed = tuple(fixed)
        self._monotonic = monotonic
        self._wall = wall
        self._read: tuple[Token, ...] = ()
        self._seen: tuple[int, int, int] | None = None
        self._looked = float("-inf")
        self.problem: str | None = None

    def current(self) -> tuple[Token, ...]:
        """Return the tokens of the file as it is, at most `RELOAD_SECONDS` old, and the fixed."""
        if self._path is not None:
            now = self._monotonic()
            if now - self._looked >= RELOAD_SECONDS:
                self._looked = now
                self._reload(self._path)
        return self._fixed + self._read

    def _reload(self, path: Path) -> None:
        try:
            status = path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                self._read = read_tokens(path)
                self._seen = seen
            self.problem = None
        except OSError as error:
            self.problem = f"cannot read the tokens {path}: {error.strerror}"
        except TokensError as error:
            self.problem = str(error)

    def authenticate(self, authorization: str | None) -> str | None:
        """Return the id of the token in an Authorization header, None for one not accepted."""
        if authorization is None:
            return None
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest = hashlib.sha256(secret.strip().encode()).digest()
        found: Token | None = None
        for token in self.current():
            # Every token is compared, in constant time, so that time tells nothing.
            if hmac.compare_digest(digest, token.digest):
                found = token
        if found is None or (found.not_after is not None and found.not_after <= self._wall()):
            return None
        return found.id
