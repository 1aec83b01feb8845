"""Messages and MDNs themselves: what openssl signs, encrypts and reads, and what peers are known to differ about."""

from __future__ import annotations

import base64
import re
import ssl
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from engine.errors import Refused, TryLater, Unreadable
from engine.transports.as2 import cms, mdn, message, mime
from engine.transports.as2.message import Opened, Security
from engine.transports.as2.mime import Entity
from engine.transports.as2.partner import Partner, Terms
from engine.transports.messages import Posted, State
from tests.support.pki import Pair, openssl

DOCUMENT = b"ISA*00*          *00*          *ZZ*US~\r\nGS*PO*US*THEM~\r\nIEA*1*000000001~\r\n"
BARE = DOCUMENT.replace(b"\r\n", b"\n")


def read(entity: Entity, pairs: dict[str, Pair]) -> Opened:
    """The message as we read it, as the partner of ``theirs``."""
    return message.unpack(entity, (pairs["ours"].own,), (pairs["theirs"].public,))


def built(security: Security, pairs: dict[str, Pair], document: bytes = DOCUMENT) -> message.Outgoing:
    return message.build(
        document, filename="1001-1.edi", content_type="application/edi-x12", security=security, signer=pairs["ours"].own,
        to=pairs["theirs"].public,
    )  # fmt: skip


@pytest.mark.parametrize("document", [DOCUMENT, BARE, b"ISA*\r~\xff\x00"], ids=["crlf", "lf", "bytes"])
@pytest.mark.parametrize(
    "security",
    [Security(), Security(compress=True), Security("sha1", "3des"), Security("none", "aes128"), Security("sha512", "none"),
     Security("none", "none", compress=True), Security("none", "none"), Security(compress=True, text=True)],
    ids=str,
)  # fmt: skip
def test_what_we_build_is_read_whole_and_has_the_mic_we_expect(
    pairs: dict[str, Pair], security: Security, document: bytes
) -> None:
    made = built(security, pairs, document)
    headers = {"Content-Type": made.content_type, **({"Content-Transfer-Encoding": "base64"} if security.text else {})}
    opened = message.unpack(mime.of_http(headers, made.body), (pairs["theirs"].own,), (pairs["ours"].public,))
    assert message.document(opened) == document
    assert (opened.signed, opened.encrypted) == (security.sign != "none", security.encrypt != "none")
    assert {mdn.mic(digest, opened.content) for digest in cms.DIGESTS} <= set(made.mics)
    again = built(security, pairs, document)
    assert again.mics == made.mics
    assert (again.body == made.body) == (security.encrypt == "none")  # a key is never used twice


@pytest.mark.parametrize("security", [Security(), Security("sha1", "3des"), Security(compress=True)], ids=str)
def test_openssl_reads_what_we_build(pairs: dict[str, Pair], security: Security) -> None:
    made = built(security, pairs)
    theirs = pairs["theirs"]
    signed = openssl(
        "cms", "-decrypt", "-inform", "DER", "-binary", "-recip", theirs.certificate_file, "-inkey", theirs.key_file,
        body=made.body,
    )  # fmt: skip
    plain = openssl("cms", "-verify", "-CAfile", pairs["ours"].certificate_file, "-purpose", "any", body=signed)
    if security.compress:
        assert b"smime-type=compressed-data" in plain
    else:
        assert plain.endswith(b"\r\n\r\n" + DOCUMENT)
        assert mdn.mic("sha256", plain) in made.mics
    changed = signed.replace(b"GS*PO", b"GS*XX") if not security.compress else signed.replace(b"MII", b"MIJ", 1)
    assert changed != signed
    openssl("cms", "-verify", "-CAfile", pairs["ours"].certificate_file, "-purpose", "any", body=changed, fails=True)


@pytest.mark.parametrize("encrypt", ["-aes128", "-aes256", "-aes192", "-des3"])
@pytest.mark.parametrize(
    "sign", [[], ["-stream"], ["-nodetach"], ["-binary"], ["-noattr"], ["-md", "sha1"]], ids=" ".join
)
def test_what_openssl_makes_is_read(pairs: dict[str, Pair], sign: list[str], encrypt: str) -> None:
    whole = b"Content-Type: application/edi-x12\r\n\r\n" + DOCUMENT
    ours, theirs = pairs["ours"], pairs["theirs"]
    signed = openssl("cms", "-sign", "-signer", theirs.certificate_file, "-inkey", theirs.key_file, *sign, body=whole)
    opened = read(mime.parse(signed), pairs)
    assert (message.document(opened), opened.content) == (DOCUMENT, whole)
    stream = ["-stream"] if "-stream" in sign else []  # of indefinite length, which is BER and no DER
    sealed = openssl("cms", "-encrypt", encrypt, *stream, ours.certificate_file, body=signed)
    opened = read(mime.parse(sealed), pairs)
    assert (message.document(opened).strip(), opened.encrypted) == (DOCUMENT.strip(), True)


@pytest.mark.parametrize("how", [["-keyopt", "rsa_padding_mode:oaep"], ["-keyid"]], ids=" ".join)
def test_other_ways_to_name_and_hand_over_a_key_are_read(pairs: dict[str, Pair], how: list[str]) -> None:
    which = ["-recip", pairs["ours"].certificate_file]
    arguments = [*which, *how] if how[0] == "-keyopt" else [*how, *which]
    sealed = openssl("cms", "-encrypt", "-aes256", *arguments, body=b"Content-Type: a/b\r\n\r\nx")
    assert read(mime.parse(sealed), pairs).leaf.body == b"x"


@pytest.mark.parametrize(
    ("signed", "sent"),
    [
        (lambda part: part, lambda part: part),
        (lambda part: part + b"\r\n", lambda part: part),  # signed with the line end before the boundary
        (lambda part: part.removesuffix(b"\r\n"), lambda part: part),  # signed without its own last line end
        (lambda part: part, lambda part: part.replace(b"\r\n", b"\n")),  # sent through something that likes Unix
    ],
    ids=["as sent", "with crlf", "without crlf", "unix"],
)
def test_peers_may_differ_about_the_line_end_before_a_boundary(pairs: dict[str, Pair], signed, sent) -> None:  # type: ignore[no-untyped-def]
    part = b"Content-Type: application/edi-x12\r\n\r\n" + DOCUMENT
    signature = base64.encodebytes(cms.sign(signed(part), pairs["theirs"].own, "sha256"))
    head = b"Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    body = mime.multipart("for people", "b", sent(part), head + signature)
    entity = Entity({"content-type": "multipart/signed; boundary=b"}, body)
    opened = read(entity, pairs)
    assert opened.content == signed(part)  # and so the MIC is over what they signed
    assert message.document(opened).split() == DOCUMENT.split()
    with pytest.raises(Refused, match="changed after it was signed"):
        read(Entity(entity.headers, body.replace(b"GS*PO", b"GS*XX")), pairs)


def test_a_signature_is_only_believed_from_who_is_pinned(pairs: dict[str, Pair]) -> None:
    entity = mdn.signed(b"Content-Type: a/b\r\n\r\nx", pairs["stranger"].own, "sha256")
    with pytest.raises(Refused) as caught:
        read(entity, pairs)
    assert caught.value.code == "authentication-failed"
    # The certificate it brings along is somebody's who may well have signed it: that is not the question.
    assert "It came with the certificate of stranger, serial " in caught.value.message


# --- MDNs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("disposition", "mic", "state", "words"),
    [
        ("processed", "right", "delivered", "their MDN says processed"),
        ("Processed", "right", "delivered", "their MDN says processed"),
        ("processed/Warning: duplicate-document", "", "delivered", "they had it already (warning: duplicate-document)"),
        ("processed/warning: slow", "right", "delivered", "processed, with a warning: slow"),
        ("processed", "wrong", "doubtful", "MIC mismatch"),
        ("processed", "", "doubtful", "no MIC"),
        ("processed", "bWlj", "doubtful", "MIC mismatch"),
        ("processed/error: decryption-failed", "", "refused", "processed/error: decryption-failed (It was so.)"),
        ("processed/error", "right", "refused", "processed/error (It was so.)"),
        ("failed/failure: unsupported format", "", "refused", "failed/failure: unsupported format"),
        ("failed", "", "refused", "failed"),
        ("dispatched", "right", "doubtful", "settles nothing"),
        ("processed/odd: thing", "right", "doubtful", "settles nothing"),
    ],
)
def test_what_an_mdn_means(disposition: str, mic: str, state: State, words: str) -> None:
    value = {"right": mdn.mic("sha256", DOCUMENT), "wrong": mdn.mic("sha256", b"other"), "bWlj": "md5:bWlj"}.get(
        mic, ""
    )
    entity = mdn.build(
        recipient="THEM", original_message_id="<1@x>", disposition=disposition, words="It was so.", mic=value,
        spelling="md5" if mic == "bWlj" else "SHA256", signer=None, digest="sha256",
    )  # fmt: skip
    report = mdn.read(entity)
    assert (report.original_message_id, report.words) == ("<1@x>", "It was so.")
    verdict = mdn.judge(report, mdn.mics(DOCUMENT), mic_needed=True)
    assert (verdict.state, words in verdict.words) == (state, True), verdict.words


@pytest.mark.parametrize(
    "body",
    [
        b"Disposition: automatic-action/MDN-sent-automatically; processed\r\nOriginal-Message-ID: <1@x>\r\n\r\n",
        b"original-message-id:<1@x>\ndisposition:\n automatic-action/MDN-sent-automatically;processed\n",
        b"X: y\r\nDisposition: automatic-action/MDN-sent-automatically;\r\n\tprocessed\r\nOriginal-Message-Id: <1@x>",
    ],
)
def test_mdns_are_read_as_they_come(body: bytes) -> None:
    head = b"--r\r\nContent-Type: Message/Disposition-Notification\r\n\r\n"
    entity = Entity({"content-type": 'Multipart/Report; Boundary="r"'}, head + body + b"\r\n--r--")
    report = mdn.read(entity)
    assert (report.original_message_id, report.disposition) == ("<1@x>", "processed")


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("text/html", b"<html>Login</html>", "it is text/html"),
        ("multipart/report; boundary=r", b"--r\r\n\r\nx\r\n--r--", "it is multipart/report"),
        ("multipart/report", b"", "does not say its boundary"),
        ("message/disposition-notification", b"Disposition: yes\r\n\r\n", "has no Disposition"),
    ],
)
def test_what_is_no_mdn_says_so(kind: str, body: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(words)):
        mdn.read(Entity({"content-type": kind}, body))


@pytest.mark.parametrize(
    ("header", "name"),
    [("PLAIN", "PLAIN"), ('"Two words"', "Two words"), (r'"a \"quoted\" \\ name"', r'a "quoted" \ name'), (" X ", "X")],
)
def test_names_are_quoted_as_as2_wants_them(header: str, name: str) -> None:
    assert message.name(header) == name
    assert message.name(message.quoted(name)) == name


# --- the wire ---------------------------------------------------------------------------------------------------------


class Book:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, Posted] = {}

    async def latest(self, kind: str, subject: str) -> Posted | None:
        return next((p for p in reversed(self.rows.values()) if (p.kind, p.subject) == (kind, subject)), None)

    async def get(self, message_id: str) -> Posted | None:
        return self.rows.get(message_id)

    async def begin(self, posted: Posted) -> None:
        self.rows[posted.message_id] = posted

    async def settle(self, message_id: str, state: State, words: str) -> None:
        old = self.rows[message_id]
        self.rows[message_id] = Posted(
            message_id=message_id,
            kind=old.kind,
            subject=old.subject,
            digest=old.digest,
            mics=old.mics,
            state=state,
            words=words,
        )


async def test_a_partner_with_a_certificate_of_its_own_is_reached_by_https(
    pairs: dict[str, Pair], tmp_path: Path
) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=partner", "-addext",
        "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
    )  # fmt: skip
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.headers["AS2-To"])
        mic = mdn.mic("sha256", await request.read())
        made = mdn.build(
            recipient="THEM", original_message_id=request.headers["Message-ID"], disposition="processed", words="ok",
            mic=mic, spelling="sha-256", signer=None, digest="sha256",
        )  # fmt: skip
        return web.Response(body=made.body, headers={"Content-Type": made.headers["content-type"]})

    server = web.Application()
    server.router.add_post("/as2", handle)
    runner = web.AppRunner(server)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}/as2"
    plain = Terms(url=url, ours="US", theirs='A "B"', security=Security("none", "none"), signed_mdn=False)
    try:
        for tls, reached in ((None, False), (ssl.create_default_context(cadata=certificate.read_text()), True)):
            partner = Partner(msgspec.structs.replace(plain, tls=tls), None, None)
            partner.ledger = Book()
            if reached:
                assert "processed" in (await partner.deliver("850", "1-1", DOCUMENT, "1-1.edi")).detail
                assert "neither signed nor encrypted" in await partner.check()
            else:
                with pytest.raises(TryLater, match="cannot be reached"):
                    await partner.deliver("850", "1-1", DOCUMENT, "1-1.edi")
                with pytest.raises(TryLater, match="cannot be reached"):
                    await partner.check()
            await partner.close()
    finally:
        await runner.cleanup()
    assert seen == ['"A \\"B\\""']
