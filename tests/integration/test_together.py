"""Statements done together: in their order, before anything is read, and all of them or none."""

from __future__ import annotations

import pytest
from tortoise.exceptions import IntegrityError

from engine import clock, db
from engine.errors import StaleState
from engine.ports import Raw
from engine.services import inbox, writing
from engine.services.casefile import IssueRecord

COLUMNS = ("source", "source_id", "external_id", "content_type", "body", "digest", "received_at", "state", "reason",
           "field", "attempts", "order_id")  # fmt: skip


def payload(number: int, body: bytes = b"{}", order_id: int | None = None) -> list[object]:
    return ["channel", 1, f"{number}", "text/plain", body, f"d{number}", clock.micros(clock.now()), "stored", "", "", 0,
            order_id]  # fmt: skip


async def digests() -> list[str]:
    return [r[0] for r in await db.rows("SELECT digest FROM inbound_messages ORDER BY id")]


async def test_what_is_read_within_has_seen_what_came_before(database: str) -> None:
    async with db.transaction(), db.together():
        await db.insert("inbound_messages", COLUMNS, [payload(1), payload(2)])
        await db.many("UPDATE inbound_messages SET digest = ? WHERE digest = ?", [("d3", "d1"), ("d4", "d3")])
        assert await digests() == ["d4", "d2"]
        assert await db.run("DELETE FROM inbound_messages WHERE digest = ?", "d2") == 1
        await db.insert("inbound_messages", COLUMNS, [payload(5)])
    assert await digests() == ["d4", "d5"]


async def test_one_that_fails_undoes_all(database: str) -> None:
    async def write() -> None:
        async with db.transaction(), db.together():
            await db.insert("inbound_messages", COLUMNS, [payload(1), payload(2)])
            await db.many("UPDATE inbound_messages SET digest = ? WHERE digest = ?", [("d2", "d1")])

    with pytest.raises(IntegrityError):
        await write()
    assert await digests() == []
    await db.insert("inbound_messages", COLUMNS, [payload(7)])
    assert await digests() == ["d7"]


@pytest.mark.parametrize("whole", [True, False])
async def test_many_rows_keep_what_is_in_them(database: str, whole: bool) -> None:
    bodies = [b"", b"\x00\xff'\"", '{"a, b": "ü {}"}'.encode(), b"NULL"]
    rows = [payload(n, body, n or None) for n, body in enumerate(bodies)]
    rows[1][3] = 'text, with "quotes", {braces}, a \\ and NULL'
    async with db.transaction():
        await db.insert("inbound_messages", COLUMNS, rows, "" if whole else "ON CONFLICT DO NOTHING")
    found = await db.rows("SELECT body, order_id, content_type FROM inbound_messages ORDER BY id")
    assert [(bytes(r[0]), r[1], r[2]) for r in found] == [(row[4], row[11], row[3]) for row in rows]


async def test_rows_that_are_there_already_are_refused(database: str) -> None:
    async def write() -> None:
        async with db.transaction():
            await db.insert("inbound_messages", COLUMNS, [payload(1), payload(2), payload(2)])

    with pytest.raises(IntegrityError):
        await write()
    assert await digests() == []


async def test_rows_that_are_there_are_left_out(database: str) -> None:
    conflict = "ON CONFLICT (source, source_id, digest) DO NOTHING"
    await db.insert("inbound_messages", COLUMNS, [payload(1)])
    await db.insert("inbound_messages", COLUMNS, [payload(1), payload(2), payload(2)], conflict)
    assert await digests() == ["d1", "d2"]


async def test_records_that_are_gone_are_missed(database: str) -> None:
    def issue(number: int) -> IssueRecord:
        return IssueRecord(id=number, order_id=1, code="unpaid", message="m", field="", cause="c", line_id=None,
                           purchase_order_id=None, opened_at=1, dirty={"message"})  # fmt: skip

    async def write() -> None:
        async with db.transaction(), db.together():
            await writing.write([issue(1), issue(2)])

    with pytest.raises(StaleState, match=r"issue\.unpaid"):
        await write()


async def test_what_was_set_going_and_fails_undoes_all_that_was_told_before_and_after(database: str) -> None:
    async def write(*, broken: bool) -> None:
        async with db.transaction(), db.together():
            await db.insert("inbound_messages", COLUMNS, [payload(n) for n in range(5)])
            db.set_going()
            await db.insert("inbound_messages", COLUMNS, [payload(8), payload(1 if broken else 7)])
            db.set_going()
            await db.insert("inbound_messages", COLUMNS, [payload(9)])

    with pytest.raises(IntegrityError):
        await write(broken=True)
    assert await digests() == []
    await write(broken=False)
    assert await digests() == ["d0", "d1", "d2", "d3", "d4", "d8", "d7", "d9"]


async def test_one_who_gives_up_leaves_nothing_of_what_was_set_going(database: str) -> None:
    async def write() -> None:
        async with db.transaction(), db.together():
            await db.insert("inbound_messages", COLUMNS, [payload(n) for n in range(5)])
            db.set_going()
            raise KeyError("something else went wrong")

    with pytest.raises(KeyError):
        await write()
    assert await digests() == []
    await db.insert("inbound_messages", COLUMNS, [payload(7)])
    assert await digests() == ["d7"]


async def test_rows_are_found_by_their_keys_whatever_their_number(database: str) -> None:
    await db.insert("inbound_messages", COLUMNS, [payload(n) for n in range(20)])
    sql = "SELECT digest FROM inbound_messages WHERE source = ? AND digest"
    assert await db.rows_among(sql, [], "channel") == []
    assert {r[0] for r in await db.rows_among(sql, ["d1", "d7", "nobody"], "channel")} == {"d1", "d7"}
    keys = [f"d{n}" for n in range(700)]
    assert len(await db.rows_among(sql, keys, "channel")) == 20
    assert await db.rows_among(sql, keys, "supplier") == []


ROWS = [
    ("d0", "plain"), ("d1", "quotes \" and ' and \\"), ("d2", "lines\nand\ttabs"), ("d3", "ünïcödé 🚚 \u200f"),
    ("d4", '{"like": ["json"]}'), ("d5", ""),
]  # fmt: skip


async def test_lists_are_the_rows_in_their_order_whatever_is_in_them(database: str) -> None:
    await db.insert("inbound_messages", COLUMNS, [payload(n) for n in range(len(ROWS))])
    for digest, reason in ROWS:
        await db.run("UPDATE inbound_messages SET reason = ?, order_id = ? WHERE digest = ?", reason, 2**62, digest)
    await db.run("UPDATE inbound_messages SET order_id = NULL WHERE digest = 'd3'")
    sql = "SELECT digest, reason, order_id FROM inbound_messages WHERE source = ? ORDER BY digest DESC"
    rows = [tuple(r) for r in await db.rows(sql, "channel")]
    assert rows == [(d, reason, None if d == "d3" else 2**62) for d, reason in reversed(ROWS)]
    assert [tuple(r) for r in await db.lists(3, sql, "channel")] == rows
    async with db.transaction():
        await db.run("UPDATE inbound_messages SET reason = 'other' WHERE digest = 'd0'")
        assert [r[1] for r in await db.lists(3, f"{sql} LIMIT 1 OFFSET 5", "channel")] == ["other"]
    assert not await db.lists(3, sql, "supplier")


async def test_each_row_of_the_table_has_what_is_said_of_it(database: str) -> None:
    await db.insert("inbound_messages", COLUMNS, [payload(n) for n in range(10)])
    counts: list[int] = []
    said = [("done", f"r{n}", f"d{n}") for n in (1, 3, 5, 77)]
    async with db.transaction(), db.together():
        await db.update(
            "inbound_messages", ("state", "reason", "digest"), "state = v.state, reason = v.reason",
            "inbound_messages.digest = v.digest AND inbound_messages.state = 'stored'", said, counts.append,
        )  # fmt: skip
        await db.update(
            "inbound_messages", ("state", "digest"), "state = v.state", "inbound_messages.digest = v.digest", []
        )
    assert counts == [3]
    found = {r[0]: (r[1], r[2]) for r in await db.rows("SELECT digest, state, reason FROM inbound_messages")}
    assert found == {f"d{n}": ("done", f"r{n}") if n in (1, 3, 5) else ("stored", "") for n in range(10)}


async def test_a_payload_another_worker_stored_a_moment_before_is_known_and_the_others_are_new(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, mine = {"one": Raw("1", b"{}")}, {key: Raw(key, b"{}") for key in ("one", "two")}
    known = inbox._known

    async def late(kind: inbox.Kind, source_id: int, keys: list[str]) -> dict[str, tuple[int, str]]:
        monkeypatch.setattr(inbox, "_known", known)  # it looks, and only then the other one stores
        found = await known(kind, source_id, keys)
        await inbox.store_unread("channel", 1, theirs, "theirs")
        return found

    monkeypatch.setattr(inbox, "_known", late)
    assert await inbox.store_unread("channel", 1, mine, "mine") == {"two"}
    rows = await db.rows("SELECT reason FROM inbound_messages ORDER BY id")
    assert [r[0] for r in rows] == ["theirs", "mine"]
