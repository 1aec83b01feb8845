"""Raw payloads are shown without secrets, cut where they are long, and never stop the loop for long."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import clock, db
from engine.errors import NotFound
from engine.services import audit, payloads
from engine.services.payloads import masked
from tests.support.world import PERSON, world

COLUMNS = ("source", "source_id", "external_id", "content_type", "body", "digest", "received_at", "state", "reason",
           "field", "attempts")  # fmt: skip


async def stored(body: bytes, content_type: str = "application/json") -> int:
    at = clock.micros(clock.now())
    await db.insert(
        "inbound_messages", COLUMNS,
        [["channel", 1, "x1", content_type, body, str(hash(body)), at, "done", "", "", 0]],
    )  # fmt: skip
    return int(await db.value("SELECT MAX(id) FROM inbound_messages"))


async def test_a_payload_is_indented_masked_and_says_what_it_is(database: str) -> None:
    body = b'{"id": 7, "total": 10.50, "customer_token": "abc", "lines": [{"sku": "A"}]}'
    shown = await payloads.shown(await stored(body))
    assert shown.text.splitlines()[1:4] == ['  "id": 7,', '  "total": 10.50,', '  "customer_token": "***",']
    assert (shown.kind, shown.size, shown.cut, shown.masked) == ("json", len(body), False, True)
    assert (shown.content_type, shown.source, shown.external_id) == ("application/json", "channel", "x1")
    plain = await payloads.shown(await stored(b"<o><sku>A</sku></o>", "application/xml"))
    assert (plain.kind, plain.text, plain.masked) == ("text", "<o><sku>A</sku></o>", False)
    assert (await payloads.shown(await stored(b'{"a": 1}'))).masked is False
    binary = await payloads.shown(await stored(b"PK\x03\x04\0\0\xff\xfe", "application/zip"))
    assert (binary.kind, binary.text) == ("binary", "50 4b 03 04 00 00 ff fe")
    with pytest.raises(NotFound, match="no payload 4711"):
        await payloads.shown(4711)


@pytest.mark.parametrize("body", [
    msgspec.json.encode({"orders": [{"n": n, "note": "x" * 40, "api_key": "hide-me"} for n in range(62_000)]}),
    b"a" * 5_000_000,
    b"password=hide-me;" * 300_000,
    b"[" * 5_000_000,
    b'{"key": "' + b"tokentoken" * 500_000 + b'"}',
], ids=["json", "one word", "pairs", "nested", "words"])  # fmt: skip
async def test_five_megabytes_are_cut_beside_the_loop_in_time_that_grows_as_they_do(
    sqlite_database: str, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, threads, plain = await stored(body), [threading.get_ident()], payloads._for_people

    def noted(*args: Any) -> Any:
        threads.append(threading.get_ident())
        return plain(*args)

    monkeypatch.setattr(payloads, "_for_people", noted)
    # What tries a long text again from each of its characters on takes hours, and runs into the suite's limit.
    shown = await payloads.shown(number, at_most=10_000)
    assert len(set(threads)) == len(threads) == 2
    assert shown.cut
    assert len(shown.text) == 10_000
    assert shown.size == len(body)
    assert "hide-me" not in shown.text


def test_secrets_are_masked_wherever_they_stand() -> None:
    assert masked(b"Authorization: Bearer abc.def-1\nX: y") == "Authorization: Bearer ***\nX: y"
    assert masked(b'{"raw": "user=dana&password=hunter2"}') == '{"raw":"user=dana&password=***"}'
    assert masked(b'{"note": "it is k\\"1234", "k\\"1234": 1}', ['k"1234']) == '{"note":"it is ***","***":1}'
    assert masked(b"GET /x?access_key=s3cr3t&a=1") == "GET /x?access_key=***&a=1"


async def test_a_trail_streams_in_pieces_that_make_one_document(database: str, tmp_path: Path) -> None:
    from engine.services import process

    async with world(tmp_path) as w:
        (one,) = await w.pull(1)
        await process.process([one], PERSON, undo_seconds=3_600)
        for kind in audit.FORMATS:
            pieces = [p async for p in await audit.stream(one, kind, payloads=True)]  # type: ignore[arg-type]
            assert len(pieces) > 3
            assert w.store.secret.encode() not in b"".join(pieces)
        events = await audit.show(one)
        whole = b"".join([p async for p in await audit.stream(one, "json", payloads=True)])
        read = msgspec.json.decode(whole)
        assert [e["seq"] for e in read["events"]] == [e.seq for e in events]
        assert {p["id"] for p in read["payloads"]} == {e.inbound_id for e in events if e.inbound_id}
    with pytest.raises(NotFound):
        await audit.stream("no such order")
