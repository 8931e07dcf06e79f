"""HTTP requests like those of Entra's provisioning service, with measurements.

Every request is counted by method and status and timed; the token is in no record.
"""

import asyncio
import json
import time
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote_plus, urlsplit

import aiohttp
from yarl import URL

MEDIA_TYPE = "application/scim+json"
ENTRA_TIMEOUT = 60.0
"""An answer that takes longer counts as failed (Microsoft Q&A 1151866)."""

NO_ANSWER, TIMED_OUT = "no answer", "timed out"


@dataclass(frozen=True, slots=True)
class Answer:
    """A request and its answer; `status` is None without an answer."""

    method: str
    url: str
    request: Any
    status: int | None
    media_type: str = ""
    text: str = ""
    problem: str = ""

    def body(self) -> Any:
        """Return the parsed body, or raise ValueError."""
        return json.loads(self.text)

    def shown(self) -> Any:
        """Return the body as a report shows it: parsed where it can be, and not too long."""
        try:
            return self.body()
        except ValueError:
            return self.text[:2000] or self.problem


@dataclass(slots=True)
class Statistics:
    """The requests sent and the duration of the answers."""

    started: float = field(default_factory=time.perf_counter)
    ended: float = 0.0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    latencies: "array[float]" = field(default_factory=lambda: array("d"))

    def record(self, method: str, outcome: str, began: float) -> None:
        """Count one request that began at a time of `perf_counter`."""
        self.ended = time.perf_counter()
        self.counts[method, outcome] += 1
        self.latencies.append(self.ended - began)

    def as_json(self) -> dict[str, Any]:
        """Return counts, rate, and the latencies' percentiles in milliseconds."""
        ordered = sorted(self.latencies)
        seconds = max(self.ended - self.started, 1e-9)
        return {
            "count": len(ordered),
            "seconds": round(seconds, 3),
            "perSecond": round(len(ordered) / seconds, 1),
            "latencyMs": {
                "p50": _percentile(ordered, 0.50),
                "p95": _percentile(ordered, 0.95),
                "p99": _percentile(ordered, 0.99),
                "max": _percentile(ordered, 1.0),
            },
            "byMethodAndStatus": {
                f"{method} {outcome}": number
                for (method, outcome), number in sorted(self.counts.items())
            },
        }


def _percentile(ordered: list[float], share: float) -> float:
    if not ordered:
        return 0.0
    return round(ordered[max(0, ceil(share * len(ordered)) - 1)] * 1000, 2)


class Connection:
    """Connections to one tenant, a bounded number of them in parallel."""

    def __init__(
        self, tenant_url: str, token: str, *, parallel: int = 8, timeout: float = ENTRA_TIMEOUT
    ) -> None:
        parts = urlsplit(tenant_url)
        self.base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        # A flag stays where the administrator typed it, so the server sees it with each request.
        self._flags = parts.query
        self.parallel = parallel
        self.statistics = Statistics()
        self._token = token
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.parallel),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            headers={"Authorization": f"Bearer {self._token}", "Accept": MEDIA_TYPE},
            # Entra sends no User-Agent.
            skip_auto_headers=["User-Agent"],
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def measure(self) -> Statistics:
        """Start new statistics, and return them."""
        self.statistics = Statistics()
        return self.statistics

    async def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None = None,
        body: Any = None,
    ) -> Answer:
        """Send one request; a server that does not answer is an answer too."""
        if self._session is None:
            raise RuntimeError("the connection is not open")
        url = self._url(path, query or {})
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": f"{MEDIA_TYPE}; charset=utf-8"} if data else {}
        began = time.perf_counter()
        try:
            async with self._session.request(
                method, URL(url, encoded=True), data=data, headers=headers, allow_redirects=False
            ) as response:
                text = await response.text("utf-8", "replace")
        except TimeoutError:
            self.statistics.record(method, TIMED_OUT, began)
            return Answer(method, url, body, None, problem=TIMED_OUT)
        except (aiohttp.ClientError, OSError) as error:
            self.statistics.record(method, NO_ANSWER, began)
            # A server that is being restarted refuses at once: do not spin through the directory.
            await asyncio.sleep(0.01)
            return Answer(method, url, body, None, problem=f"{NO_ANSWER}: {error!r}")
        self.statistics.record(method, str(response.status), began)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Answer(method, url, body, response.status, media_type, text)

    def _url(self, path: str, query: Mapping[str, str | int]) -> str:
        pairs = [f"{name}={quote_plus(str(value))}" for name, value in query.items()]
        text = "&".join([*pairs, self._flags] if self._flags else pairs)
        return f"{self.base}/{path}?{text}" if text else f"{self.base}/{path}"
