"""An AS2 partner whose cryptography is openssl's command line and nothing else, so that it shares no code with ours.

It takes what we post, answers with MDNs as it is told, and posts documents to us. What it makes of the EDI inside is
mock-edi's business.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from mockedi.testing import Mock

from engine.api import app
from engine.services import catalog, setup
from tests.connectors.x12.partner import SETTINGS, THEM, US, Trade, connected
from tests.support.desk import PERSON
from tests.support.pki import Pair, openssl

DIGESTS = {"sha256": "sha-256", "sha512": "sha-512", "sha1": "sha1"}


@dataclass
class Received:
    """A message as it came: its headers, the document in it, and the MIME part that was signed."""

    headers: dict[str, str]
    document: bytes
    part: bytes


@dataclass
class Answer:
    """What we answered: the status, and of the MDN its machine-readable lines and the whole of it."""

    status: int
    mdn: str
    raw: bytes


@dataclass
class OpensslPartner:
    """See the module. What is set here changes how the next message is answered."""

    ours: Pair  # Bluebook's
    theirs: Pair  # its own
    disposition: str = "processed"
    words: str = "Thanks"
    mic: str = ""  # instead of the right one
    signer: Pair | None = None  # instead of its own
    silent: bool = False  # 200 and nothing
    status: int = 200
    unsigned: bool = False
    late: bool = False  # asynchronous, kept back until ``answer_late``
    received: list[Received] = field(default_factory=list)
    url: str = ""
    post_to: str = ""
    waiting: list[tuple[str, bytes, str]] = field(default_factory=list)
    serial: Any = field(default_factory=lambda: count(1))

    # --- it receives --------------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.status != 200:
            return web.Response(status=self.status, text="it is broken here")
        part = self.open(request.headers["Content-Type"], body)
        head, _, document = part.partition(b"\r\n\r\n")
        if b"base64" in head:
            document = base64.b64decode(document)
        self.received.append(Received(dict(request.headers), document, part))
        if self.silent:
            return web.Response(status=200)
        kind, mdn = self.answer(request.headers["Message-ID"], part, request.headers)
        url = request.headers.get("Receipt-Delivery-Option", "")
        if url and self.late:
            self.waiting.append((kind, mdn, url))
            return web.Response(status=202)
        if url:
            await self.deliver(kind, mdn, url)
            return web.Response(status=202)
        return web.Response(body=mdn, headers={"Content-Type": kind, "AS2-From": THEM, "AS2-To": US})

    def open(self, content_type: str, body: bytes) -> bytes:
        """The MIME part inside, decrypted and verified by openssl; it fails where openssl does."""
        if "enveloped-data" in content_type:
            inner = openssl(
                "cms", "-decrypt", "-inform", "DER", "-binary", "-recip", self.theirs.certificate_file,
                "-inkey", self.theirs.key_file, body=body,
            )  # fmt: skip
        else:
            inner = f"Content-Type: {content_type}\r\n\r\n".encode() + body
        if b"multipart/signed" in inner[:200]:
            inner = openssl("cms", "-verify", "-CAfile", self.ours.certificate_file, "-purpose", "any", body=inner)
        return inner

    def answer(self, message_id: str, part: bytes, headers: Any) -> tuple[str, bytes]:
        """An MDN: its content type and its body."""
        wanted = headers.get("Disposition-Notification-Options", "")
        digest = next((name for name, spelled in DIGESTS.items() if spelled in wanted), "sha256")
        mic = self.mic or base64.b64encode(hashlib.new(digest, part).digest()).decode()
        report = (
            'Content-Type: multipart/report; report-type=disposition-notification; boundary="r"\r\n\r\n'
            f"--r\r\nContent-Type: text/plain\r\n\r\n{self.words}\r\n"
            "--r\r\nContent-Type: message/disposition-notification\r\n\r\nReporting-UA: openssl\r\n"
            f"Original-Message-ID: {message_id}\r\nReceived-Content-MIC: {mic}, {DIGESTS[digest]}\r\n"
            f"Disposition: automatic-action/MDN-sent-automatically; {self.disposition}\r\n\r\n--r--\r\n"
        ).encode()
        signed = report if self.unsigned else self.sign(report, self.signer or self.theirs)
        return split(signed)

    async def answer_late(self) -> None:
        """The MDNs kept back are posted now."""
        while self.waiting:
            await self.deliver(*self.waiting.pop(0))

    async def deliver(self, kind: str, mdn: bytes, url: str) -> int:
        headers = {
            "Content-Type": kind, "AS2-From": THEM, "AS2-To": US, "AS2-Version": "1.1",
            "Message-ID": f"<mdn{next(self.serial)}@openssl>",
        }  # fmt: skip
        async with aiohttp.ClientSession() as session, session.post(url, data=mdn, headers=headers) as answer:
            await answer.read()
            return answer.status

    # --- it sends -----------------------------------------------------------------------------------------------------

    def sign(self, part: bytes, by: Pair, digest: str = "sha256") -> bytes:
        return openssl("cms", "-sign", "-md", digest, "-signer", by.certificate_file, "-inkey", by.key_file, body=part)

    def wrap(
        self,
        document: bytes,
        *,
        sign: str = "sha256",
        by: Pair | None = None,
        encrypt: str = "-aes256",
        to: Pair | None = None,
    ) -> tuple[str, bytes]:
        """A message with the document: its content type and its body. ``sign`` and ``encrypt`` "" leave it out."""
        whole = b"Content-Type: application/edi-x12\r\n\r\n" + document
        if sign:
            whole = self.sign(whole, by or self.theirs, sign)
        if not encrypt:
            return split(whole)
        der = openssl("cms", "-encrypt", encrypt, "-outform", "DER", (to or self.ours).certificate_file, body=whole)
        return "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", der

    async def post(
        self, kind: str, body: bytes, *, message_id: str = "", sender: str = THEM, receipt: str = "", wants: bool = True
    ) -> Answer:
        """The message is posted to us; what we answered, whose signature openssl found right."""
        headers = {
            "Content-Type": kind, "AS2-From": sender, "AS2-To": US, "AS2-Version": "1.1",
            "Message-ID": message_id or f"<{next(self.serial)}@openssl>",
        }  # fmt: skip
        if wants:
            headers["Disposition-Notification-To"] = "edi@openssl.example"
            headers["Disposition-Notification-Options"] = (
                "signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, sha256, sha1"
            )
        if receipt:
            headers["Receipt-Delivery-Option"] = receipt
        async with aiohttp.ClientSession() as session, session.post(self.post_to, data=body, headers=headers) as answer:
            raw = await answer.read()
            kind = answer.headers.get("Content-Type", "")
            mdn = self.verified(kind, raw) if kind.startswith("multipart/") else raw.decode()
            return Answer(answer.status, mdn, raw)

    def verified(self, kind: str, raw: bytes) -> str:
        whole = f"Content-Type: {kind}\r\n\r\n".encode() + raw
        return openssl("cms", "-verify", "-CAfile", self.ours.certificate_file, "-purpose", "any", body=whole).decode()


def split(whole: bytes) -> tuple[str, bytes]:
    """The content type of a MIME message on one line, and its body."""
    head, _, body = re.split(rb"(\r?\n\r?\n)", whole, maxsplit=1)
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", head).decode()
    found = re.search(r"^Content-Type: (.*?)\r?$", unfolded, re.MULTILINE)
    assert found is not None
    return found[1].strip(), body


def mic_of(document: bytes, digest: str = "sha256") -> str:
    """The MIC of a document as ``wrap`` sends it."""
    part = b"Content-Type: application/edi-x12\r\n\r\n" + document
    return base64.b64encode(hashlib.new(digest, part).digest()).decode()


def as2_settings(ours: Pair, theirs: Pair, **more: Any) -> dict[str, Any]:
    """Settings of an X12 supplier over AS2."""
    return {
        **SETTINGS, "transport": "as2", "as2_from": US, "as2_to": THEM, "as2_certificate": ours.certificate,
        "as2_private_key": ours.key, "as2_partner_certificate": theirs.certificate, **more,
    }  # fmt: skip


@dataclass
class Exchange:
    """The partner, and the engine opposite."""

    partner: OpensslPartner
    trade: Trade

    async def change(self, **values: Any) -> None:
        """The supplier's settings are changed."""
        await setup.update("suppliers", self.trade.supplier_id, PERSON, values=values)
        catalog.forget("suppliers", self.trade.supplier_id)

    def answers(self, order: bytes) -> list[bytes]:
        """What mock-edi says to the 850, in lines that end in CRLF, as openssl makes them of a text it signs."""
        self.trade.mock.send(order.decode())
        self.trade.mock.advance(everything=True)
        waiting = self.trade.mock.mailbox(US, leave=False)
        return [re.sub(r"\r?\n", "\r\n", item["payload"]).encode("ascii") for item in waiting]


@asynccontextmanager
async def exchange(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ours: Pair, theirs: Pair, **settings: Any
) -> AsyncIterator[Exchange]:
    """Both sides listen on loopback. Needs an open database."""
    partner = OpensslPartner(ours, theirs)
    server = web.Application(client_max_size=2**26)
    server.router.add_post("/as2", partner.handle)
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    partner.url = f"http://127.0.0.1:{runner.addresses[0][1]}/as2"
    ours_listens = await app.start(port=0)
    with Mock.start() as mock:
        mock.behaviour(US, "strict")
        address = f"{app.address(ours_listens)}/as2/"
        given = {"as2_answer_url": f"{address}1", **settings}
        trade = await connected(monkeypatch, mock, tmp_path, as2_settings(ours, theirs, as2_url=partner.url, **given))
        assert trade.supplier_id == 1
        partner.post_to = f"{address}{trade.supplier_id}"
        try:
            yield Exchange(partner, trade)
        finally:
            await catalog.close_connectors()
            await ours_listens.cleanup()
            await runner.cleanup()
