"""The blue book proves itself: what is tampered with is found, what is handed on is whole and has no secrets."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import db
from engine.errors import Invalid, NotFound
from engine.services import audit, invariants, lifecycle, loading, process, tasks
from engine.services.casefile import snapshot
from tests.support.world import PERSON, world


async def unguarded(sql: str, *values: Any) -> None:
    """What someone with the database's password could do: the blue book changed past its triggers."""
    if db.is_postgres():
        await db.run("ALTER TABLE audit_events DISABLE TRIGGER USER")
    else:
        await db.run("DROP TRIGGER IF EXISTS audit_events_no_update")
        await db.run("DROP TRIGGER IF EXISTS audit_events_no_delete")
    await db.run(sql, *values)


async def test_every_kind_of_tampering_is_found_and_an_untouched_book_has_no_problems(
    database: str, tmp_path: Path
) -> None:
    async with world(tmp_path) as w:
        ids = await w.pull(8)
        await process.process(ids, PERSON, undo_seconds=0)
        await tasks.drain(lambda: w.all_are("completed"), timeout=60)

    seen: list[tuple[int, int]] = []
    clean = await audit.verify(progress=lambda done, total: seen.append((done, total)))
    assert clean.problems == []
    assert (clean.orders, clean.events) == (8, await db.value("SELECT COUNT(*) FROM audit_events"))
    assert seen[-1] == (8, 8)
    assert await invariants.check() == []
    for case in await loading.load(ids):
        assert audit.replay(await audit.show(case.order.number)) == snapshot(case)

    last = {r[0]: r[1] for r in await db.rows("SELECT order_id, MAX(seq) FROM audit_events GROUP BY order_id")}
    numbers = {r[0]: r[1] for r in await db.rows("SELECT id, number FROM orders")}
    await unguarded("UPDATE audit_events SET actor = 'nobody' WHERE order_id = ? AND seq = 2", ids[0])
    await unguarded("DELETE FROM audit_events WHERE order_id = ? AND seq = ?", ids[1], last[ids[1]])
    await unguarded("DELETE FROM audit_events WHERE order_id = ? AND seq = 3", ids[2])
    await unguarded("DELETE FROM audit_events WHERE order_id = ?", ids[3])
    await unguarded("UPDATE audit_events SET message = 'x' WHERE order_id = 0 AND seq = 4")
    await unguarded("UPDATE audit_events SET order_id = 4711 WHERE order_id = ?", ids[4])
    await db.run("UPDATE orders SET email = 'mallory@example.com' WHERE id = ?", ids[5])
    found = (await audit.verify()).problems
    by_order = {number: [p for p in found if p.order == number] for number in {p.order for p in found}}
    assert set(by_order) == {"settings", "id 4711", *(numbers[i] for i in ids[:6])}
    assert [(p.seq, p.what) for p in by_order[numbers[ids[0]]]] == [(2, "it was changed after it was written")]
    assert any("last" in p.what for p in by_order[numbers[ids[1]]])
    assert (4, "event 3 before it missing") in [(p.seq, p.what) for p in by_order[numbers[ids[2]]]]
    assert any("trail ends at 0" in p.what for p in by_order[numbers[ids[3]]])
    assert [(p.seq, p.what) for p in by_order["settings"]] == [(4, "it was changed after it was written")]
    assert [p.what.split(" is ")[0] for p in by_order[numbers[ids[5]]]] == ["email"]
    assert (await audit.verify(ids[6])).problems == []
    assert (await audit.verify(ids[0])).problems == by_order[numbers[ids[0]]]
    assert {p.order for p in (await audit.verify(limit=3)).problems} == {"settings", "id 4711", numbers[ids[5]]}


async def test_an_event_that_contradicts_the_ones_before_it_is_named(database: str, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        (one,) = await w.pull(1)
    events = await audit.show(one)
    with pytest.raises(audit.Contradiction, match=r"event 2 .*status"):
        audit.replay([events[0], msgspec.structs.replace(events[1], before={"status": "completed"})])


async def test_an_order_that_is_not_there_is_not_found_and_close_numbers_are_named(
    database: str, tmp_path: Path
) -> None:
    async with world(tmp_path) as w:
        (one,) = await w.pull(1)
        number = str(await db.value("SELECT number FROM orders WHERE id = ?", one))
    with pytest.raises(NotFound, match=number):
        await audit.show(number + "9")
    with pytest.raises(NotFound):
        await audit.verify(one + 1)
    with pytest.raises(Invalid, match="xml"):
        await audit.export(one, "xml", io.StringIO())  # type: ignore[arg-type]


async def test_what_is_handed_on_is_the_same_in_every_format_without_formulas_and_secrets(
    sqlite_database: str, tmp_path: Path
) -> None:
    async with world(tmp_path) as w:
        (one,) = await w.pull(1)
        await process.process([one], lifecycle.Actor('=HYPERLINK("http://x")', "person"), undo_seconds=3_600)
        inbound = await db.value("SELECT inbound_id FROM orders WHERE id = ?", one)
        body = bytes(await db.value("SELECT body FROM inbound_messages WHERE id = ?", inbound))
        hidden = msgspec.json.decode(body) | {"order_key": "wc_abc", "note": f"do not show {w.store.secret}"}
        await db.run("UPDATE inbound_messages SET body = ? WHERE id = ?", msgspec.json.encode(hidden), inbound)
        found: dict[str, str] = {}
        counts = set()
        for kind in audit.FORMATS:
            out = io.StringIO()
            counts.add(await audit.export(one, kind, out, payloads=True))  # type: ignore[arg-type]
            found[kind] = out.getvalue()
    events = await audit.show(one)
    assert counts == {len(events)}
    for text in found.values():
        assert "wc_abc" not in text
        assert w.store.secret not in text
        assert "do not show ***" in text
    whole = msgspec.json.decode(found["json"])
    lines = [msgspec.json.decode(line) for line in found["jsonl"].splitlines()]
    assert [line["event"] for line in lines if "event" in line] == whole["events"]
    assert [line["payload"] for line in lines if "payload" in line] == whole["payloads"]
    assert [e["at"] for e in whole["events"]] == [e.at.isoformat() for e in events]
    assert whole["events"][0]["at"].endswith("+00:00")
    rows = list(csv.DictReader(io.StringIO(found["csv"])))
    assert [row["hash"] for row in rows] == [e.hash for e in events]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_secrets_are_hidden_in_payloads_that_are_not_json() -> None:
    text = b"<order><api_key>k-123</api_key></order>\npassword=hunter2; user=dana\nx-token: abc def"
    assert audit.masked(text) == "<order><api_key>***</api_key></order>\npassword=***; user=dana\nx-token: *** def"
    assert audit.masked(b'{"meta_data": [{"key": "_api_key", "value": "k"}, {"key": "gift", "value": "yes"}]}') == (
        '{"meta_data":[{"key":"_api_key","value":"***"},{"key":"gift","value":"yes"}]}'
    )


async def test_each_broken_invariant_is_named(database: str, tmp_path: Path) -> None:
    async with world(tmp_path, ship_after=None) as w:
        ids = await w.pull(6)
        await process.process(ids, PERSON, undo_seconds=0)
        await tasks.drain(lambda: w.none_in("queued", "submitting"))
        later = invariants.timedelta(seconds=-5)
        assert await invariants.check(grace=later) == []
        pos = [tuple(r) for r in await db.rows("SELECT id, po_number FROM purchase_orders ORDER BY id")]
        await db.run("UPDATE purchase_orders SET state = 'queued' WHERE id = ?", pos[0][0])
        await db.run("DELETE FROM outbox WHERE subject_id = ? AND task = 'purchases.submit'", pos[0][0])
        await db.run("DELETE FROM submissions WHERE purchase_order_id = ?", pos[1][0])
        await db.run(
            "INSERT INTO submissions (purchase_order_id, attempt, started_at, outcome, message) "
            "VALUES (?, 9, 0, 'accepted', '')",
            pos[2][0],
        )
        await db.run("UPDATE purchase_orders SET lease_until = 5 WHERE id = ?", pos[3][0])
        await db.run("DELETE FROM outbox WHERE subject_id = ? AND task = 'purchases.submit'", pos[3][0])
        await db.run("UPDATE order_counts SET n = n + 1 WHERE id = (SELECT MIN(id) FROM order_counts)")
        await db.run("UPDATE orders SET status = 'completed' WHERE id = ?", ids[4])
        await db.run("UPDATE order_lines SET submitted = 0 WHERE order_id = ?", ids[5])
        await db.run("UPDATE inbound_messages SET state = 'stored' WHERE order_id = ?", ids[0])
        found = await invariants.check(grace=later)
    assert {v.rule for v in found} == {
        "jobs", "submissions", "leases", "counters", "status", "quantity", "inbox", "audit",
    }  # fmt: skip
    assert {v.subject for v in found if v.rule == "jobs"} == {pos[0][1]}
    assert sorted(v.subject for v in found if v.rule == "submissions") == sorted([pos[1][1], pos[2][1]])
    assert {v.subject for v in found if v.rule == "leases"} == {pos[3][1]}
