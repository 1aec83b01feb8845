"""A supplier with a JSON API: purchase orders out, updates in by poll or signed callback."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from engine import clock
from engine.connectors.suppliers.rest.client import Declined, SupplierClient
from engine.connectors.suppliers.rest.mapping import Asked, Config, SupplierMapping, text
from engine.connectors.suppliers.rest.samples import KINDS, tried
from engine.errors import Misconfigured, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import Accepted, CancelAnswer, Hook, Page, Purchase, Raw, Rejected, SupplierUpdate, Tried
from engine.transports.http import Answer

_NOBODYS = "bluebook-test-0"  # purchase orders are never called so
_NOWHERE = "/no-such-address/{po_number}"
_AT_ONCE = 4  # questions about orders that are under way together
STATUS = "application/json; asked="  # and the time of the answer, in unix seconds
CALLBACK_MAX_AGE = 300  # seconds, to either side of our clock


class Connector:
    """``engine.ports.Supplier`` for JSON over HTTP. ``can_find`` and ``can_cancel`` can be narrowed by the config."""

    slug: ClassVar[str] = "rest"
    name: ClassVar[str] = "REST/JSON"
    docs_url: ClassVar[str] = "https://jmespath.org/specification.html"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"api_key", "password", "client_secret", "callback_secret"})
    can_find: ClassVar[bool] = True
    can_cancel: ClassVar[bool] = True
    stages: ClassVar[bool] = False
    template_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = KINDS

    def __init__(self, config: Config) -> None:
        self._config = config
        self._mapping = SupplierMapping(config)
        self._client = SupplierClient(config, self._mapping)
        # The port says what the class can do; this supplier may do less, and mypy forbids the plain assignment.
        vars(self)["can_find"] = config.can_find
        vars(self)["can_cancel"] = config.can_cancel
        self.ask_every = config.status_seconds if config.status_path else 0.0
        self.ask_most = config.status_most

    def render(self, purchase: Purchase) -> bytes:
        """The JSON that goes out, built by the ``request`` expression, keys sorted. Raises Misconfigured."""
        return self._mapping.render(purchase)

    async def stage(self, po_number: str, body: bytes) -> None:
        """Nothing to prepare: HTTP has no way to hand over without being acted on."""

    async def submit(self, po_number: str, body: bytes) -> Accepted:
        """The supplier has the purchase order; errors as in ``Supplier.submit``."""
        if not po_number.isprintable():
            raise Refused(f"purchase order {po_number!r}: its number has characters that a header cannot carry")
        try:
            answer = await self._client.tell(
                self._config.method, self._config.submit_path, po_number, body, key=po_number, effect=True
            )
        except Declined as no:
            if no.code == "409":
                return await self._after_conflict(po_number, no)
            raise
        return self._accepted(po_number, answer)

    def _accepted(self, po_number: str, answer: Answer) -> Accepted:
        try:
            decoded = answer.json()
            named = self._mapping.answered(decoded)
            reference = text(self._mapping.answer_reference.of(decoded), "answer_reference")
        except Unreadable as error:
            # It said yes; only the details are lost. Treating this as a failure would send the goods twice.
            return Accepted("", f"accepted with {answer.status}, but the answer cannot be read: {error.message}")
        if named and named != po_number:
            raise OutcomeUnknown(f"{self._client.peer} said yes to {po_number}, but its answer is about {named}")
        return Accepted(reference, f"accepted with {answer.status}")

    async def _after_conflict(self, po_number: str, no: Declined) -> Accepted:
        """A duplicate is a yes given earlier, when it is about this very purchase order."""
        try:
            if no.answer is not None and self._mapping.answered(no.answer) == po_number:
                reference = text(self._mapping.answer_reference.of(no.answer), "answer_reference")
                return Accepted(reference, "the supplier already had it")
        except Unreadable:
            pass  # the look-up below decides
        if not self.can_find:
            raise OutcomeUnknown(f"{no.message} (409), and it has no look-up: ask whether it has {po_number}") from no
        try:
            found = await self.find(po_number)
        except TryLater as error:
            raise OutcomeUnknown(f"{no.message} (409), and the look-up gave no answer: {error.message}") from error
        if found is None:
            raise no
        return found

    async def find(self, po_number: str) -> Accepted | None:
        """What the supplier has under this number; None only for its 404. Everything unclear raises TryLater."""
        try:
            answer = await self._client.ask(self._config.find_path, po_number)
            decoded = answer.json()
            named = self._mapping.answered(decoded)
            reference = text(self._mapping.answer_reference.of(decoded), "answer_reference")
        except Refused as no:
            if no.code == "404":
                return None
            raise TryLater(f"the look-up of {po_number} was not answered: {no.message}") from no
        except Unreadable as error:
            raise TryLater(f"the look-up of {po_number} cannot be read: {error.message}") from error
        if named != po_number:
            raise TryLater(f"{self._client.peer} was asked for {po_number} and answered about {named or 'nothing'}")
        return Accepted(reference, "found at the supplier")

    async def poll(self, cursor: str | None) -> Page:
        """One page of updates after ``cursor``, which is the supplier's own and passed back untouched; none where it is asked
        order by order."""
        if self.ask_every:
            return Page((), cursor)
        params = {"limit": str(self._config.page_size)} | ({"cursor": cursor} if cursor else {})
        decoded = (await self._client.ask(self._config.updates_path, params=params)).json()
        items = self._mapping.updates_items.of(decoded)
        if not isinstance(items, list):
            raise Unreadable(f"{self._client.peer}: updates should be a list and are {items!r:.100}", "updates_items")
        following = text(self._mapping.updates_next.of(decoded), "updates_next")
        if items and not following:
            # Keeping the old cursor would read this page for ever.
            raise Unreadable(f"{self._client.peer}: a page of updates came without its next cursor", "updates_next")
        return Page(tuple(self._mapping.separate(item) for item in items), following or cursor)

    async def ask(self, po_numbers: Sequence[str]) -> Page:
        """What ``status_path`` says of each; one it does not know, or refuses to speak of, is parked with its words.

        What got no answer is left out. Raises NotAuthorised, and TryLater where nothing got an answer.
        """
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one(po_number: str) -> Raw | Rejected | TryLater:
            async with turn:
                return await self._status_of(po_number)

        said = await asyncio.gather(*map(one, po_numbers), return_exceptions=True)
        if broken := [item for item in said if isinstance(item, BaseException) and not isinstance(item, TryLater)]:
            raise broken[0]
        silent = [item for item in said if isinstance(item, TryLater)]
        if silent and len(silent) == len(said):
            raise silent[0]
        return Page(
            tuple(item for item in said if isinstance(item, Raw)),
            rejected=tuple(item for item in said if isinstance(item, Rejected)),
        )

    async def _status_of(self, po_number: str) -> Raw | Rejected:
        kind = f"{STATUS}{int(clock.now().timestamp())}"
        try:
            answer = await self._client.ask(self._config.status_path, po_number)
        except Refused as no:
            said = msgspec.json.encode({"po_number": po_number, "answered": no.code, "message": no.message})
            return Rejected(
                Raw(po_number, said, document=f"status {po_number}"), f"asked about {po_number}: {no.message}"
            )
        raw = Raw(po_number, answer.body, kind, document=f"status {po_number}")
        try:
            body = msgspec.json.encode(answer.json(), order="deterministic")
        except Unreadable as error:
            return Rejected(raw, f"{self._client.peer}'s answer about {po_number}: {error.message}")
        return msgspec.structs.replace(raw, body=body)

    def read(self, raw: Raw) -> tuple[SupplierUpdate, ...]:
        """What a payload says that was polled, asked for or called back; a status not in ``status_map`` is Unreadable."""
        if raw.content_type.startswith(STATUS):
            at = datetime.fromtimestamp(int(raw.content_type.removeprefix(STATUS)), UTC)
            return self._mapping.read_status(raw.body, Asked(raw.external_id, at))
        return self._mapping.read(raw.body)

    def try_file(self, kind: str, name: str, body: bytes) -> Tried:
        """What a sample of this kind says, place by place, with all that is wrong with it. Raises Invalid for the kind."""
        return tried(self._mapping, kind, name, body)

    def verify_callback(self, headers: Mapping[str, str], body: bytes) -> Raw:
        """The payload of a genuine callback, ready to be stored; its delivery id is that of the same update polled.

        The signature is hex HMAC-SHA256 of ``<unix seconds>.<body>``; it may carry the prefix ``sha256=``. Raises
        Refused (answer 401) for a wrong signature or one more than five minutes off, which is what stops replays;
        inside those minutes the delivery id makes a repeat harmless. Raises Unreadable when the body is no JSON.
        """
        if not self._config.callback_secret:
            raise Misconfigured(f"{self._client.peer}: callback_secret is not set, so callbacks cannot be trusted")
        lowered = {name.lower(): value.strip() for name, value in headers.items()}
        stamp = lowered.get(self._config.callback_timestamp_header.lower(), "")
        given = lowered.get(self._config.callback_signature_header.lower(), "").removeprefix("sha256=")
        signed = stamp.encode() + b"." + body
        wanted = hmac.new(self._config.callback_secret.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Refused(f"{self._client.peer}: the callback's signature is wrong; nothing was taken from it", "401")
        if not (stamp.isascii() and stamp.isdigit()) or abs(clock.now().timestamp() - int(stamp)) > CALLBACK_MAX_AGE:
            raise Refused(f"{self._client.peer}: the callback is not from these five minutes; check both clocks", "401")
        try:
            return self._mapping.separate(msgspec.json.decode(body))
        except msgspec.DecodeError as error:
            raise Unreadable(f"{self._client.peer}: the callback is not JSON: {error}") from error

    def verify_hook(self, headers: Mapping[str, str], body: bytes) -> Hook:
        """The callback's payload, to be stored and read; errors as in ``verify_callback``."""
        raw = self.verify_callback(headers, body)
        return Hook(raw, delivery_id=raw.delivery_id or "")

    async def finish(self, done: Sequence[str]) -> None:
        """Nothing to move: the supplier keeps its updates and the cursor is ours."""

    async def request_cancel(self, po_number: str) -> CancelAnswer:
        """The supplier was asked to cancel. Asking again is harmless, so a lost answer is TryLater."""
        if not self.can_cancel:
            raise Refused(f"{self._client.peer} takes no cancel requests: call them about {po_number}")
        try:
            # Its own key: under the po_number alone a supplier might replay its answer to the submit.
            key = f"{po_number}:cancel"
            answer = await self._client.tell("POST", self._config.cancel_path, po_number, b"{}", key=key, effect=False)
            decoded: Any = answer.json()
        except Declined as no:
            if no.answer is None or self._cancel_status(no.answer) not in self._config.cancel_map:
                raise
            decoded = no.answer  # some say "refused" with a 409 or 422
        status = self._cancel_status(decoded)
        if status not in self._config.cancel_map:
            raise Unreadable(
                f"{self._client.peer} was asked to cancel {po_number} and said {status!r}; add it to cancel_map",
                field="cancel_status",
            )
        return CancelAnswer(self._config.cancel_map[status])

    def _cancel_status(self, decoded: Any) -> str:
        return text(self._mapping.cancel_status.of(decoded), "cancel_status")

    async def check(self) -> str:
        """The key works, updates can be read, and the look-up finds what it should; says which supplier at which address.

        Raises Misconfigured where ``find_path`` does not know a purchase order the supplier's own updates speak of: every
        404 of a mistyped address would be taken for a definite no, and what was sent would be sent again.
        """
        if self.ask_every:
            path = self._config.status_path
            code, _ = await self._answer_to(path)
            answers = (
                f"{self._client.peer} at {self._config.base_url} accepts the key; asked about nobody's order at {path} "
            )
            answers += f"it answers {code}"
            return f"{answers}; {await self._check_find([])}" if self.can_find else answers
        decoded = (await self._client.ask(self._config.updates_path, params={"limit": "50"})).json()
        items = self._mapping.updates_items.of(decoded)
        if not isinstance(items, list):
            raise Unreadable(f"{self._client.peer}: updates_items finds no list in its answer", "updates_items")
        answers = f"{self._client.peer} at {self._config.base_url} answers and accepts the key"
        if not self.can_find:
            return f"{answers}; it cannot be asked for a purchase order, so a person does where an answer is lost"
        return f"{answers}; {await self._check_find(items)}"

    async def _check_find(self, items: list[Any]) -> str:
        path = self._config.find_path
        known = self._spoken_of(items)
        if known:
            try:
                found = await self.find(known)
            except TryLater as error:
                raise Misconfigured(
                    f"{self._client.peer}: find_path {path} gives no usable answer: {error.message}"
                ) from error
            if found is None:
                raise Misconfigured(
                    f"{self._client.peer}: find_path {path} says that it does not have {known}, of which its own updates "
                    "speak: correct find_path, or set can_find=false"
                )
            return f"its look-up knows {known}"
        code, said = await self._answer_to(path)
        if code == "200":
            raise Misconfigured(
                f"{self._client.peer}: find_path {path} finds even the purchase order {_NOBODYS}, which nobody sent: correct "
                "find_path, or set can_find=false"
            )
        if code != "404" or (code, said) == await self._answer_to(_NOWHERE):
            return (
                f"whether find_path {path} is right cannot be seen yet, for it answers to an unknown purchase order "
                f"with {code} as it might to a wrong address: test again when its updates speak of an order"
            )
        return f"its look-up at {path} answers, and knows no purchase order yet"

    def _spoken_of(self, items: list[Any]) -> str:
        """The number of a purchase order the supplier's updates speak of, "" where they speak of none."""
        for item in items:
            try:
                numbers = [update.po_number for update in self.read(self._mapping.separate(item)) if update.po_number]
            except Unreadable:
                continue  # what cannot be read is parked when it is polled
            if numbers:
                return numbers[0]
        return ""

    async def _answer_to(self, path: str) -> tuple[str, bytes]:
        """The status when this address is asked for nobody's purchase order, and the body without the address in it."""
        try:
            await self._client.ask(path, _NOBODYS)
        except Declined as no:
            said = no.message if no.answer is None else msgspec.json.encode(no.answer).decode()
            return no.code or "", said.replace(
                path.replace("{po_number}", self._mapping.number_out(_NOBODYS)), ""
            ).encode()
        return "200", b""

    async def close(self) -> None:
        """Connections are closed."""
        await self._client.close()
