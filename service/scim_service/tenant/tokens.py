"""The accepted bearer tokens, known by their SHA-256 digests (``docs/contract.md`` section 2)."""

import hashlib
import hmac
import json
import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

RELOAD_SECONDS = 1.0
"""The shortest interval between two checks of the tokens file."""

GRACE_SECONDS = 60.0
"""The time for which the last tokens stay accepted after their file has become unusable."""

_ID = re.compile(r"[ -~]{1,64}")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_USED = b"scim-operator.io/token-used:"

_logger = logging.getLogger(__name__)


class TokensError(Exception):
    """The tokens file cannot be used. The message has the reason, and nothing of the content."""


@dataclass(frozen=True, slots=True)
class Token:
    """An accepted token; `not_after` is in seconds since 1970, None for no end."""

    id: str
    digest: bytes
    not_after: float | None = None


def token_from(secret: str, *, token_id: str) -> Token:
    """Return the token with the digest of a secret."""
    return Token(token_id, hashlib.sha256(secret.encode()).digest())


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Return the tokens in a file.

    Raises
    ------
    TokensError
        The file cannot be read, or one of its entries is no token.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TokensError(f"cannot read {path}: {error.strerror}") from None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise TokensError(f"{path} is not JSON") from None
    entries = document.get("tokens") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise TokensError(f'{path} has no list "tokens"')
    return tuple(_parse_token(entry, f"{path}: tokens[{n}]") for n, entry in enumerate(entries))


def _parse_token(entry: object, where: str) -> Token:
    if not isinstance(entry, dict):
        raise TokensError(f"{where} is not an object")
    token_id, digest, not_after = (entry.get(name) for name in ("id", "sha256", "notAfter"))
    if not isinstance(token_id, str) or not _ID.fullmatch(token_id):
        raise TokensError(f"{where}.id is not a text of 1 to 64 printable ASCII characters")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise TokensError(f"{where}.sha256 is not 64 hex digits")
    end = None if not_after is None else _parse_time(not_after)
    if not_after is not None and end is None:
        raise TokensError(
            f"{where}.notAfter is not a time with its zone, such as 2026-11-25T09:00:00Z"
        )
    return Token(token_id, bytes.fromhex(digest), end)


def _parse_time(value: object) -> float | None:
    """Return a time in seconds since 1970, None for one without a time zone."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if parsed is None or parsed.tzinfo is None:
        return None
    return parsed.timestamp()


def _parse_bearer(authorization: str) -> bytes | None:
    """Return the bearer token in a header (its bytes as latin-1), None for another scheme."""
    scheme, _, secret = authorization.partition(" ")
    return secret.strip(" \t").encode("latin-1") if scheme.lower() == "bearer" else None


class Tokens:
    """The tokens that are accepted now.

    When the file becomes unusable, the tokens that were read last are accepted for
    `GRACE_SECONDS`, since the file may be in the middle of a change. After that none of them is
    accepted, since any of them may have been revoked.

    Parameters
    ----------
    path
        The tokens file; it is read again when it changes.
    fixed
        Tokens that are accepted as well.

    Attributes
    ----------
    problem
        The problem of the file, None where it can be used.
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
        self._read: tuple[Token, ...] | None = None
        self._seen: tuple[int, int, int] | None = None
        self._looked = float("-inf")
        self._unusable_since: float | None = None
        self._proofs: dict[tuple[str, bytes], str] = {}
        self.problem: str | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the file is unusable and none of its tokens is accepted any more."""
        return self.problem is not None and self._read is None

    def current(self) -> tuple[Token, ...]:
        """Return the fixed tokens and those of the file, as of at most `RELOAD_SECONDS` ago."""
        if self._path is None:
            return self._fixed
        now = self._monotonic()
        if now - self._looked >= RELOAD_SECONDS:
            self._looked = now
            self._reload(self._path, now)
        return self._fixed + (self._read or ())

    def _reload(self, path: Path, now: float) -> None:
        try:
            status = path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                self._read = read_tokens(path)
                self._seen = seen
                known = {(token.id, token.digest) for token in self._read + self._fixed}
                self._proofs = {key: proof for key, proof in self._proofs.items() if key in known}
        except OSError as error:
            self._fail(f"cannot read {path}: {error.strerror}", now)
        except TokensError as error:
            self._fail(str(error), now)
        else:
            if self.problem is not None:
                _logger.info("%s can be used again", path)
            self.problem = self._unusable_since = None

    def _fail(self, problem: str, now: float) -> None:
        self.problem = problem
        if self._unusable_since is None:
            self._unusable_since = now
            grace = GRACE_SECONDS if self._read is not None else 0
            _logger.error(
                "%s; the tokens that were read before are accepted for %d s more: correct the"
                " Secret that is mounted there",
                problem,
                grace,
            )
        elif self._read is not None and now - self._unusable_since >= GRACE_SECONDS:
            # So that the same file is read again once it is back.
            self._read = self._seen = None
            _logger.error("%s; none of its tokens is accepted any more", problem)

    def authenticate(self, authorization: str | None) -> Token | None:
        """Return the token in an Authorization header, None if it is not accepted."""
        secret = None if authorization is None else _parse_bearer(authorization)
        if secret is None:
            return None
        digest = hashlib.sha256(secret).digest()
        now = self._wall()
        found: Token | None = None
        for token in self.current():
            # Each token is compared, in constant time, so that the duration reveals nothing.
            if hmac.compare_digest(digest, token.digest) and (
                token.not_after is None or token.not_after > now
            ):
                found = token
        return found

    def prove(self, token: Token, authorization: str) -> None:
        """Note that a client has sent this token: `proof` then needs the token, not its digest.

        Parameters
        ----------
        authorization
            The header for which `authenticate` returned this token.
        """
        key = (token.id, token.digest)
        if key not in self._proofs:
            secret = _parse_bearer(authorization)
            assert secret is not None
            self._proofs[key] = hmac.new(secret, _USED + token.id.encode(), "sha256").hexdigest()

    def proof(self, token: Token) -> str | None:
        """Return the proof that this process has received a token, None if it has not."""
        return self._proofs.get((token.id, token.digest))
