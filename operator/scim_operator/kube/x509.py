"""The expiry time of an X.509 certificate.

The standard library parses certificates of TLS peers only, and one date is not worth a dependency.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

_PEM = re.compile(
    rb"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]{1,65536}?)\s+-----END CERTIFICATE-----"
)
_SEQUENCE, _VERSION = 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_CENTURY_BREAK = 50


def read_not_after(pem: bytes) -> datetime:
    """Return the expiry time of the first certificate in a PEM file (RFC 5280 section 4.1.2.5).

    Raises
    ------
    ValueError
        The file contains no readable certificate.
    """
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("there is no certificate in it")
    try:
        der = base64.b64decode(found[1])
        certificate, _ = _read_element(der, _SEQUENCE)
        rest, _ = _read_element(certificate, _SEQUENCE)
        if rest[:1] == bytes([_VERSION]):
            _, rest = _read_element(rest, _VERSION)
        # serialNumber, signature, issuer
        for _ in range(3):
            _, rest = _read_element(rest)
        validity, _ = _read_element(rest, _SEQUENCE)
        _, end = _read_element(validity)
        text, _ = _read_element(end)
        return _parse_time(end[0], text.decode("ascii"))
    except (IndexError, UnicodeDecodeError, binascii.Error) as error:
        raise ValueError("the certificate in it cannot be read") from error


def _read_element(data: bytes, tag: int | None = None) -> tuple[bytes, bytes]:
    """Return the contents of the first element of a DER encoding, and the rest after it."""
    if tag is not None and data[0] != tag:
        raise ValueError("the certificate in it cannot be read")
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        raise ValueError("the certificate in it is cut off")
    return data[start : start + length], data[start + length :]


def _parse_time(tag: int, text: str) -> datetime:
    if tag == _UTC_TIME:
        century = "19" if int(text[:2]) >= _CENTURY_BREAK else "20"
        text = century + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("the certificate in it cannot be read")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
