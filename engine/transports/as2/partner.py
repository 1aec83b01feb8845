"""One AS2 partner: documents posted to it, each delivered when its MDN says so, and what it posts to us.

The Message-ID is made of the document and kept in the ledger, so that one document has one Message-ID on every attempt until
the partner refuses it: a partner that has it already answers "duplicate", and nothing happens twice there. It is never posted
again by itself: only after it surely did not leave, or once a person has decided.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from collections.abc import Mapping
from email.utils import format_datetime
from urllib.parse import urlsplit

import msgspec

from engine import clock
from engine.errors import Misconfigured, NotAuthorised, NotFound, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import Accepted, Raw
from engine.transports.as2 import cms, mdn, message, mime
from engine.transports.as2.certificates import Credential, Succession, Trusted
from engine.transports.as2.message import Envelope, Opened, Security
from engine.transports.http import Answer, HttpClient
from engine.transports.messages import Expiry, Judged, Ledger, Posted, Receipt, Taken

VERSION = "1.2"
LOOK_SECONDS = 0.25
_UNHEARD = "no MDN came, so it is not known whether they have it. Ask them for Message-ID {id}"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed with a partner. ``answer_url``: where it posts MDNs of its own accord; "": on the same connection.

    ``receipt_hosts`` are those it may want our MDNs posted to, besides the host of ``url``. ``wait`` and ``timeout`` in seconds.
    """

    url: str
    ours: str
    theirs: str
    security: Security = Security()
    signed_mdn: bool = True
    answer_url: str = ""
    receipt_hosts: tuple[str, ...] = ()
    wait: float = 30.0
    timeout: float = 60.0
    tls: ssl.SSLContext | None = None


class Partner:
    """See the module. ``own`` and ``their`` certificates are needed for what ``terms`` ask for."""

    def __init__(
        self,
        terms: Terms,
        own: Succession[Credential] | None,
        their: Succession[Trusted] | None,
        *,
        domain: str = "bluebook",
    ) -> None:
        secure = terms.security
        if own is None and (secure.sign != "none" or secure.encrypt != "none"):
            raise Misconfigured(
                "a certificate and private key of our own are needed to sign and to open what is encrypted"
            )
        if their is None and (secure.sign != "none" or secure.encrypt != "none" or terms.signed_mdn):
            raise Misconfigured("the partner's certificate is needed to encrypt and to check its signatures and MDNs")
        self._terms, self._own, self._their, self._domain = terms, own, their, domain
        self._http = HttpClient(terms.theirs, timeout=terms.timeout, ssl=terms.tls)
        self.ledger: Ledger | None = None

    @property
    def peer(self) -> str:
        """Who and where, for people."""
        return f"{self._terms.theirs} at {self._terms.url}"

    def _kept(self) -> Ledger:
        if self.ledger is None:
            raise Misconfigured("AS2 needs a ledger to note what was posted; this connection was made without one")
        return self.ledger

    # --- out ----------------------------------------------------------------------------------------------------------

    async def deliver(self, kind: str, subject: str, document: bytes, filename: str) -> Accepted:
        """The partner has it: its MDN says so, now or when it was sent before.

        Raises TryLater and NotAuthorised where nothing left, Refused with the MDN's words, OutcomeUnknown without a right MDN.
        """
        ledger = self._kept()
        posted = await self._entry(kind, subject, document)
        if posted.state == "delivered":
            return Accepted(detail=f"delivered before as {posted.message_id}: {posted.words}")
        now = clock.now()
        secure = self._terms.security
        built = message.build(
            document, filename=filename, content_type="application/edi-x12", security=secure,
            signer=self._own.at(now) if self._own and secure.sign != "none" else None,
            to=self._their.at(now) if self._their and secure.encrypt != "none" else None,
        )  # fmt: skip
        await ledger.begin(msgspec.structs.replace(posted, mics=built.mics))
        try:
            answer = await self._http.call(
                "POST", self._terms.url, effect=True, headers=self._headers(posted, built.content_type), body=built.body
            )
        except (TryLater, NotAuthorised) as error:
            await ledger.settle(posted.message_id, "unsent", error.message)
            raise
        except Refused as error:
            await ledger.settle(posted.message_id, "refused", error.message)
            raise
        if self._terms.answer_url and not answer.headers.get("Content-Type", "").lower().startswith("multipart/"):
            return await self._wait(posted.message_id)
        judged = self._judge(msgspec.structs.replace(posted, mics=built.mics), answer)
        await ledger.settle(posted.message_id, judged.state, judged.words)
        return self._outcome(judged)

    async def _entry(self, kind: str, subject: str, document: bytes) -> Posted:
        """The message for this document: as it was posted before, or a new one. A refused one is never used again."""
        digest = hashlib.sha256(document).hexdigest()
        last = await self._kept().latest(kind, subject)
        if last is not None and last.digest == digest and last.state != "refused":
            return last
        seed = f"{last.message_id if last else ''}\0{kind}\0{subject}\0{digest}"
        unique = hashlib.sha256(seed.encode()).hexdigest()[:32]
        return Posted(message_id=f"<{kind}.{unique}@{self._domain}>", kind=kind, subject=subject, digest=digest)

    def _headers(self, posted: Posted, content_type: str) -> dict[str, str]:
        terms = self._terms
        headers = {
            "AS2-Version": VERSION, "AS2-From": message.quoted(terms.ours), "AS2-To": message.quoted(terms.theirs),
            "Message-ID": posted.message_id, "Subject": mime.clean(f"{posted.kind} {posted.subject}"),
            "Date": format_datetime(clock.now(), usegmt=True), "MIME-Version": "1.0", "Content-Type": content_type,
            "Disposition-Notification-To": f"{self._domain}@{self._domain}.invalid",
        }  # fmt: skip
        if terms.security.sign != "none" or terms.signed_mdn:
            digest = terms.security.sign if terms.security.sign != "none" else "sha256"
            must = "required" if terms.signed_mdn else "optional"
            headers["Disposition-Notification-Options"] = (
                f"signed-receipt-protocol={must}, pkcs7-signature; signed-receipt-micalg={must}, {mdn.spelled(digest)}"
                if terms.signed_mdn
                else f"signed-receipt-micalg={must}, {mdn.spelled(digest)}"
            )
        if terms.answer_url:
            headers["Receipt-Delivery-Option"] = terms.answer_url
        if content_type.startswith("application/pkcs7-mime"):
            headers["Content-Transfer-Encoding"] = "base64" if terms.security.text else "binary"
            # Some take what is no attachment for text.
            headers["Content-Disposition"] = 'attachment; filename="smime.p7m"'
        return headers

    def _judge(self, posted: Posted, answer: Answer) -> Judged:
        """What the answer on the same connection says; one that is no MDN, or not theirs, proves nothing."""
        try:
            found = message.unpack(mime.of_http(answer.headers, answer.body), (), self._known())
            report = mdn.read(found.leaf)
        except (Unreadable, Refused) as error:
            what = f"they answered {answer.status} with no MDN we can trust: {error.message}"
            return Judged(posted, "doubtful", what if answer.body else _UNHEARD.format(id=posted.message_id))
        return self._weighed(posted, report, found)

    def _weighed(self, posted: Posted, report: mdn.Report, found: Opened) -> Judged:
        if report.original_message_id and report.original_message_id != posted.message_id:
            words = f"their MDN is about {report.original_message_id[:120]}, not about {posted.message_id}"
            return Judged(posted, "doubtful", words)
        needed = self._terms.security.sign != "none" or self._terms.signed_mdn
        verdict = mdn.judge(report, posted.mics, mic_needed=needed)
        if self._terms.signed_mdn and not found.signed and verdict.state == "delivered":
            return Judged(posted, "doubtful", f"{verdict.words}, but it is not signed, as we agreed")
        return Judged(posted, verdict.state, verdict.words)

    def _outcome(self, judged: Judged | Posted) -> Accepted:
        if judged.state == "delivered":
            return Accepted(detail=f"delivered by AS2: {judged.words}")
        if judged.state == "refused":
            raise Refused(judged.words)
        raise OutcomeUnknown(judged.words)

    async def _wait(self, message_id: str) -> Accepted:
        """The MDN comes by itself, to whichever process listens; it is seen in the ledger. Raises OutcomeUnknown in time."""
        ledger = self._kept()
        until = clock.now().timestamp() + self._terms.wait
        while clock.now().timestamp() < until:
            found = await ledger.get(message_id)
            if found is not None and found.state != "sent":
                return self._outcome(found)
            await asyncio.sleep(LOOK_SECONDS)
        raise OutcomeUnknown(
            f"{_UNHEARD.format(id=message_id)}; their MDN was awaited for {self._terms.wait:g} s, and one that comes later counts"
        )

    async def found(self, kind: str, subject: str) -> Accepted | None:
        """Do they have it, by what the ledger says? None where it never left or was refused; OutcomeUnknown without an MDN."""
        posted = await self._kept().latest(kind, subject)
        if posted is None or posted.state in ("unsent", "refused"):
            return None
        if posted.state == "sent":
            raise OutcomeUnknown(_UNHEARD.format(id=posted.message_id))
        return self._outcome(posted)

    # --- in -----------------------------------------------------------------------------------------------------------

    def _known(self) -> tuple[Trusted, ...]:
        return self._their.valid(clock.now()) if self._their else ()

    async def take(self, headers: Mapping[str, str], body: bytes) -> Taken | Judged:
        """What was posted to us, opened. A message that is not accepted is ``Taken`` without ``raw``; its receipt says why.

        Raises Unreadable for what is no AS2 message, Refused for an MDN that is not theirs, NotFound for one about nothing.
        """
        about = message.envelope(headers)
        entity = mime.of_http(headers, body)
        terms = self._terms
        opened: Opened | None = None
        try:
            self._is_between_us(about)
            opened = message.unpack(entity, self._own.all() if self._own else (), self._known())
            if opened.leaf.content_type in mdn.REPORTS:
                return await self._receipt_of_ours(opened)
            message.demand(opened, terms.security)
            document = message.document(opened)
            self._may_answer(about)
        except (Refused, Unreadable) as error:
            if opened is not None and opened.leaf.content_type in mdn.REPORTS:
                raise
            code = getattr(error, "code", None) or "unexpected-processing-error"
            # An unknown address is not one to call back.
            receipt = self._receipt(about, opened, f"processed/error: {code}", error.message, away=False)
            return Taken(about.message_id, None, receipt, error.message)
        stamp = int(clock.now().timestamp())
        name = f"as2/{about.message_id}"[:300]
        raw = Raw(name, document, f"application/edi-x12; modified={stamp}", about.message_id)
        return Taken(about.message_id, raw, self._receipt(about, opened, mdn.PROCESSED, _THANKS, away=True))

    def _is_between_us(self, about: Envelope) -> None:
        ours, theirs = self._terms.ours, self._terms.theirs
        if (about.sender, about.receiver) != (theirs, ours):
            raise Refused(
                f"it is from {about.sender!r} to {about.receiver!r}; this address is for messages from {theirs!r} to {ours!r}",
                "unknown-trading-relationship",
            )

    async def _receipt_of_ours(self, opened: Opened) -> Judged:
        report = mdn.read(opened.leaf)
        posted = await self._kept().get(report.original_message_id) if report.original_message_id else None
        if posted is None:
            raise NotFound(
                f"the MDN is about {report.original_message_id[:120] or 'nothing'}, which was not sent from here"
            )
        if not opened.signed and (self._terms.signed_mdn or not self._terms.answer_url):
            # Anybody could have posted it.
            raise Refused("the MDN is not signed, and none was to be posted unsigned", "authentication-failed")
        return self._weighed(posted, report, opened)

    def _may_answer(self, about: Envelope) -> None:
        """Raises Refused where the receipt is wanted at an address the settings do not know: we post to nobody else."""
        if not about.receipt_url:
            return
        try:
            parts = urlsplit(about.receipt_url)
            host = (parts.hostname or "").lower()
        except ValueError:
            host = ""
        allowed = {(urlsplit(self._terms.url).hostname or "").lower(), *self._terms.receipt_hosts}
        if not host or host not in allowed or parts.scheme not in ("http", "https"):
            raise Refused(
                f"it wants its MDN at {about.receipt_url[:200]}, a host the settings do not name (as2_receipt_hosts)",
                "unexpected-processing-error",
            )

    def _receipt(
        self, about: Envelope, opened: Opened | None, disposition: str, words: str, *, away: bool
    ) -> Receipt | None:
        if not about.wants_receipt:
            return None
        spelling = next((each for each in about.mic_names if mdn.algorithm(each)), "")
        # A signed message is hashed as its signature was, unless another is asked for.
        digest = mdn.algorithm(spelling) or (opened.digest if opened else "") or "sha256"
        mic = mdn.mic(digest, opened.content) if opened is not None else ""
        signer = self._signer() if about.wants_signed else None
        built = mdn.build(
            recipient=self._terms.ours, original_message_id=about.message_id, disposition=disposition, words=words, mic=mic,
            spelling=spelling or mdn.spelled(digest), signer=signer, digest=msgspec.convert(digest, cms.Digest),
        )  # fmt: skip
        unique = hashlib.sha256(built.body).hexdigest()[:32]
        headers = {
            "AS2-Version": VERSION, "AS2-From": message.quoted(about.receiver), "AS2-To": message.quoted(about.sender),
            "Message-ID": f"<mdn.{unique}@{self._domain}>", "MIME-Version": "1.0",
            "Content-Type": built.headers["content-type"],
        }  # fmt: skip
        return Receipt(headers, built.body, about.receipt_url if away else "")

    def _signer(self) -> Credential | None:
        try:
            return self._own.at(clock.now()) if self._own else None
        except NotAuthorised as error:
            # Kept without a receipt it would be sent again and again: it is not kept, and they are told to come back.
            raise TryLater(error.message) from error

    async def post_receipt(self, receipt: Receipt) -> None:
        """They have the receipt. Raises TryLater, Refused."""
        try:
            await self._http.call("POST", receipt.url, effect=False, headers=receipt.headers, body=receipt.body)
        except NotAuthorised as error:
            raise Refused(error.message) from error

    # --- both ---------------------------------------------------------------------------------------------------------

    def expiries(self) -> tuple[Expiry, ...]:
        """When our certificates and theirs end, soonest first; one with its successor counts to the end of that."""
        found = []
        for mine, line in ((True, self._own), (False, self._their)):
            if line is not None:
                last = max(line.all(), key=lambda one: one.ends)
                found.append(Expiry(last.name, last.ends, mine))
        return tuple(sorted(found, key=lambda one: one.ends))

    async def check(self) -> str:
        """Something listens at the partner's address, and the certificates are valid; who and how, for people.

        Nothing is posted: AS2 knows no question that has no effect.
        """
        now, terms = clock.now(), self._terms
        ends = [
            f"{whose} certificate ends {line.at(now).ends:%Y-%m-%d}"
            for whose, line in (("our", self._own), ("their", self._their)) if line is not None
        ]  # fmt: skip
        parts = urlsplit(terms.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        secure = (terms.tls or ssl.create_default_context()) if parts.scheme == "https" else None
        try:
            async with asyncio.timeout(min(terms.timeout, 15)):
                _, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure)
        except (OSError, TimeoutError, ssl.SSLError) as error:
            raise TryLater(f"{self.peer} cannot be reached: {str(error) or 'no answer in time'}") from error
        writer.close()
        how = ", ".join(
            word for word, on in (
                (f"signed by {terms.security.sign}", terms.security.sign != "none"),
                (f"encrypted by {terms.security.encrypt}", terms.security.encrypt != "none"),
                ("compressed", terms.security.compress),
            ) if on
        ) or "neither signed nor encrypted"  # fmt: skip
        return "; ".join([f"{self.peer} listens", f"we are {terms.ours}", how, *ends])

    async def close(self) -> None:
        """Connections are closed."""
        await self._http.close()


_THANKS = "The message was received and stored. Whether it can be read, its functional acknowledgement says."


def host_list(text: str) -> tuple[str, ...]:
    """Hosts written with commas or blanks between them."""
    return tuple(each.lower() for each in re.split(r"[,\s]+", text) if each)
