"""HTTP out, with the one question that matters answered: did the request leave the house?

``HttpClient.call`` either returns an ``Answer`` with a 2xx status or raises what the caller must do:

- the connection was never made: ``TryLater``, whatever the method
- a request that changes something (``effect=True``) left and no whole answer came, or a 5xx: ``OutcomeUnknown``
- the same for a request that only reads, or JSON without its end (``CutShort``): ``TryLater``
- a redirect or a 408 to a request that changes something: ``OutcomeUnknown``
- 429: ``TryLater`` with the time the server asked for · 401, 403: ``NotAuthorised`` · any other: ``Refused``

Where the headers of a refusal matter (a rate limit, say), ``answer_to`` returns the answer whatever its status, and ``refusal``
says what ``call`` would have raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ssl import SSLContext
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from engine.errors import BluebookError, NotAuthorised, OutcomeUnknown, Refused, TryLater, Unreadable

MAX_BODY = 64 * 1024 * 1024


class CutShort(TryLater):
    """The answer's end is missing. Who wrote something that may be written twice can look whether it is there."""


class Answer(msgspec.Struct, frozen=True):
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def cut_short(self) -> bool:
        """Is it JSON whose end is missing? The connection broke before whoever passed the part on as if it were all."""
        if "json" not in self.headers.get("Content-Type", "") or not self.body.strip():
            return False
        try:
            msgspec.json.decode(self.body, type=msgspec.Raw)
        except msgspec.DecodeError as error:
            return "truncated" in str(error)
        return False

    def json(self) -> Any:
        """The body as JSON; raises Unreadable when it is not."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise Unreadable(f"the answer is not JSON: {error}") from error


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait as a ``Retry-After`` header asks (a number or an HTTP date), None without a usable one."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    # StreamReader.read(n) gives what has arrived so far, not n bytes: a long answer would be cut without a word.
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_BODY:
            raise aiohttp.ClientPayloadError(f"the answer is larger than {MAX_BODY} bytes")
        parts.append(part)
    return b"".join(parts)


class HttpClient:
    """One keep-alive session to one peer. ``peer`` is the name people know it by; it opens every message.

    ``ssl`` says whom to trust for https, instead of the system's authorities.
    """

    def __init__(
        self, peer: str, *, timeout: float = 30.0, connections: int = 64, headers: Mapping[str, str] | None = None,
        ssl: SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.peer = peer
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=min(timeout, 10.0))
        self._connections = connections
        self._ssl = ssl
        self._headers = dict(headers or {})
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                headers=self._headers,
                connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=30, ssl=self._ssl or True),
                auto_decompress=True,
            )
            # By itself aiohttp sends a GET, PUT or DELETE a second time when a kept connection breaks: the caller would
            # not know that the request left, and a signed one would be refused for its used nonce. No public switch.
            self._session._retry_connection = False
        return self._session

    async def call(
        self,
        method: str,
        url: str | URL,
        *,
        effect: bool,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        auth: aiohttp.BasicAuth | None = None,
    ) -> Answer:
        """Send and read to the end; see the module's docstring for what is raised. A ``URL`` goes out exactly as it is."""
        answer = await self.answer_to(method, url, effect=effect, params=params, headers=headers, body=body, auth=auth)
        if 200 <= answer.status < 300:
            return answer
        raise self.refusal(answer, effect)

    async def answer_to(
        self,
        method: str,
        url: str | URL,
        *,
        effect: bool,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        auth: aiohttp.BasicAuth | None = None,
    ) -> Answer:
        """The whole answer, whatever its status; raises where there was none."""
        try:
            async with self._open().request(
                method, url, params=params, headers=headers, data=body, auth=auth, allow_redirects=False
            ) as response:
                answer = Answer(response.status, response.headers.copy(), await _whole(response))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TryLater(f"{self.peer} cannot be reached: {error}") from error
        except aiohttp.InvalidURL as error:
            raise Refused(f"{self.peer}: {url} is not a usable address") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            what = "did not answer in time" if isinstance(error, TimeoutError) else f"broke off: {error}"
            raise self._lost(f"{self.peer} {what}", effect) from error
        if not effect and 200 <= answer.status < 300 and answer.cut_short:
            # Of a deed the status has been told, and it may be all there is to know: the caller reads what there is.
            raise CutShort(f"{self.peer} broke off in the middle of its answer: the end of its JSON is missing")
        return answer

    def _lost(self, message: str, effect: bool) -> TryLater | OutcomeUnknown:
        return OutcomeUnknown(message) if effect else TryLater(message)

    def refusal(self, answer: Answer, effect: bool) -> BluebookError:
        """What ``call`` raises for an answer that is no 2xx."""
        text = answer.body[:500].decode("utf-8", "replace").strip()
        message = f"{self.peer} answered {answer.status}" + (f": {text}" if text else "")
        if answer.status == 429:
            return TryLater(message, retry_after(answer.headers))
        if answer.status in (401, 403):
            return NotAuthorised(message)
        if answer.status >= 500:
            if effect:
                return OutcomeUnknown(message)
            return TryLater(message, retry_after(answer.headers))
        if effect and (answer.status < 400 or answer.status == 408):
            # A redirect may follow a deed (303), and a 408 does not tell how much was read: neither is a definite no.
            return OutcomeUnknown(message)
        return Refused(message, code=str(answer.status))

    async def close(self) -> None:
        """The session is closed; the next call opens a new one."""
        if self._session is not None:
            await self._session.close()
            self._session = None
