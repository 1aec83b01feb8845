"""Damaged AS2 messages and MDNs: read, or refused in our own words, and quickly. No foreign error, no hang.

In the suite some thousands; ``python -m tests.connectors.as2.test_fuzz 200000`` does as many as one likes, with how long it
took and the most memory it held.
"""

from __future__ import annotations

import base64
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import BluebookError, NotFound, Refused, Unreadable
from engine.transports.as2 import cms, mdn, message, mime
from engine.transports.as2.certificates import Credential, Trusted
from engine.transports.as2.message import Security
from engine.transports.as2.mime import Entity
from tests.support.pki import Pair, make

DOCUMENT = b"ISA*00*          *00*          *ZZ*US~\r\nGS*PO*US*THEM~\r\nIEA*1*000000001~\r\n"
OURS = (NotFound, Refused, Unreadable)
Seed = tuple[str, bytes]


def seeds(ours: Pair, theirs: Pair) -> list[Seed]:
    """Right messages and MDNs of every kind: content type and body. RSA is what takes time, so some are of the parts alone."""
    found = []
    for security in (
        Security(), Security(compress=True), Security("sha1", "3des"), Security("none", "aes128"), Security("sha256", "none"),
        Security("none", "none", True), Security("none", "none"),
    ):  # fmt: skip
        built = message.build(
            DOCUMENT,
            filename="a.edi",
            content_type="application/edi-x12",
            security=security,
            signer=theirs.own,
            to=ours.public,
        )
        found.append((built.content_type, built.body))
    for signer in (None, theirs.own):
        for disposition in ("processed", "processed/error: decryption-failed", "failed/failure: unsupported"):
            receipt = mdn.build(
                recipient="THEM", original_message_id="<1@x>", disposition=disposition, words="said so", signer=signer,
                mic=mdn.mic("sha256", DOCUMENT), spelling="sha-256", digest="sha256",
            )  # fmt: skip
            found.append((receipt.headers["content-type"], receipt.body))
    plain = [body for kind, body in found if kind.startswith("multipart/report")]
    found += [("multipart/report; boundary=" + body[2:38].decode(), body) for body in plain]
    nested = b"Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\n--x--\r\n"
    found.append(("application/pkcs7-mime", cms.compress(nested)))
    found.append(("application/pkcs7-mime", base64.encodebytes(cms.compress(nested))))
    return found


def damaged(rng: random.Random, seed: Seed, others: list[Seed]) -> Seed:
    """The message with a few bytes changed, cut, doubled, swapped or taken from another; sometimes its content type too."""
    kind, body = bytearray(seed[0].encode()), bytearray(seed[1])
    if rng.random() < 0.15:
        _step(rng, kind, others[rng.randrange(len(others))][0].encode())
    for _ in range(rng.randint(1, 4)):
        _step(rng, body, others[rng.randrange(len(others))][1])
    return kind.decode("latin-1").replace("\0", ""), bytes(body)


def _step(rng: random.Random, body: bytearray, other: bytes) -> None:
    at = rng.randrange(len(body) + 1)
    match rng.randrange(6):
        case 0:
            body[at : at + rng.randint(1, 8)] = bytes(rng.randrange(256) for _ in range(rng.randint(0, 4)))
        case 1:
            del body[at:]
        case 2:
            body[at:at] = body[at : at + rng.randint(1, 200)]
        case 3:
            del body[at : at + rng.randint(1, 60)]
        case 4:
            start = rng.randrange(len(other))
            body[at:at] = other[start : start + rng.randint(1, 200)]
        case 5:
            if at < len(body):  # where lengths and tags are, one bit changes everything
                body[at] ^= 1 << rng.randrange(8)


def read(kind: str, body: bytes, ours: Credential, theirs: Trusted) -> str:
    """What became of it: what it was read as, or our error."""
    try:
        headers = {"Content-Type": kind, "AS2-From": "THEM", "AS2-To": "US", "Message-ID": "<1@x>"}
        message.envelope(headers)
        opened = message.unpack(mime.of_http(headers, body), (ours,), (theirs,))
        if opened.leaf.content_type in mdn.REPORTS:
            report = mdn.read(opened.leaf)
            return mdn.judge(report, mdn.mics(DOCUMENT), mic_needed=True).state
        message.document(opened)
    except OURS as error:
        return type(error).__name__ if error.message else "speechless"
    return "read"


def run(count: int, seed: int, ours: Pair, theirs: Pair, note: Callable[[int], None] = lambda _: None) -> Counter[str]:
    """So many damaged inputs; what became of them. Raises what is not ours, and AssertionError for one that hung."""
    rng = random.Random(seed)
    given = seeds(ours, theirs)
    own, public = ours.own, theirs.public
    # RSA takes a millisecond and more; most inputs reach what reads, and fail before it.
    cheap = [one for one in given if "enveloped-data" not in one[0]]
    ended: Counter[str] = Counter()
    slowest = 0.0
    for number in range(count):
        kind, body = damaged(rng, rng.choice(given if number % 5 == 0 else cheap), given)
        began = time.process_time()
        ended[read(kind, body, own, public)] += 1
        slowest = max(slowest, time.process_time() - began)
        note(number)
    # Only what hangs takes a minute of the processor's own time: a busy machine has been seen to take a quarter of a second.
    assert slowest < 60, slowest
    return ended


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_messages_and_mdns_are_read_or_refused(pairs: dict[str, Pair], seed: int) -> None:
    ended = run(1_500, seed, pairs["ours"], pairs["theirs"])
    assert ended["Unreadable"] > 100
    assert ended["Refused"] > 100
    assert ended["read"] + ended["delivered"] > 20  # some damage is harmless


def test_an_undamaged_one_of_each_is_read(pairs: dict[str, Pair]) -> None:
    ends = [
        read(kind, body, pairs["ours"].own, pairs["theirs"].public)
        for kind, body in seeds(pairs["ours"], pairs["theirs"])
    ]
    assert ends[:7] == ["read"] * 7
    assert ends[7:13] == ["delivered", "refused", "refused"] * 2


@pytest.mark.parametrize(
    "body",
    [
        b"--x\r\n" * 100_000,
        b"--x" * 1_000_000,
        b"\x30\x80" * 100_000,
        b"A: b\n" * 500_000,
        b"\r" * 3_000_000,
        b"--x\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: " + b"; " * 500_000 + b"\r\n--x--",
        b"--x\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: x"
        + b"\n x" * 1_000_000
        + b"\r\n--x--",
    ],
    ids=["boundaries", "marks", "nested", "headers", "returns", "disposition", "folded"],
)
@pytest.mark.parametrize(
    "kind", ["multipart/signed; boundary=x", "multipart/report; boundary=x", "application/pkcs7-mime"]
)
def test_much_of_the_same_takes_no_longer_than_its_length(pairs: dict[str, Pair], kind: str, body: bytes) -> None:
    # It takes under a second; what is quadratic takes hours, and runs into the suite's limit.
    assert read(kind, body, pairs["ours"].own, pairs["theirs"].public) in ("Unreadable", "Refused", "doubtful")


def test_a_small_message_that_decompresses_into_a_large_one_is_refused() -> None:
    bomb = cms.compress(b"\0" * (cms.MAX_CONTENT + 1))
    assert len(bomb) < 100_000
    with pytest.raises(Refused, match="it is larger than") as caught:
        cms.decompress(bomb)
    assert caught.value.code == "decompression-failed"
    assert isinstance(caught.value, BluebookError)
    assert Entity({}, b"").filename == ""


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        mine, his = make(Path(folder), "ours"), make(Path(folder), "theirs")
        started = time.monotonic()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        def told(number: int) -> None:
            if number % 20_000 == 0:
                print(f"{number:,} after {time.monotonic() - started:.0f} s", flush=True)

        print(dict(run(wanted, 2026, mine, his, told)))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"{wanted:,} in {time.monotonic() - started:.0f} s; most memory {before // 1024} -> {after // 1024} MB")
