"""Each rule of ``tests.lint`` catches a bad sample and leaves good ones alone."""

from __future__ import annotations

import pytest

from tests.lint.__main__ import allowed, lint
from tests.lint.rules import MAX_FILE, MAX_FUNCTION, findings

HERE = "engine/services/sample.py"


def rules(source: str, path: str = HERE) -> list[str]:
    return [found.rule for found in findings(path, f'"""A sample."""\n{source}\n')]


@pytest.mark.parametrize(
    "source",
    [
        'po.state = "queued"',
        "case.order.status = OrderStatus.READY",
        'shipment.push, shipment.transit = "pending", "announced"',
        'po.state: str = "queued"',
        'setattr(po, "state", "queued")',
        'object.__setattr__(po, "state", "queued")',
        'work.put(case, po, state="queued")',
        'work.put(case, po, **{"state": "queued"})',
        'work.move(case, shipment, "void", push="suppressed")',
        'PurchaseOrder.filter(id=1).update(state="queued")',
        'row.update_from_dict({"status": "ready"})',
        'msgspec.structs.replace(po, state="queued")',
        'PurchaseRecord(id=0, state="queued")',
        'PurchaseOrder.create(id=0, state="queued")',
        "db.run(\"UPDATE purchase_orders SET version = 1, state = 'queued' WHERE id = ?\", 1)",
        "db.run(f\"UPDATE shipments AS s SET lease_until = {x}, push = ? \" \"WHERE id = ?\", 1)",
        'db.run("update orders set status = ?", 1)',
        'db.run("INSERT INTO orders (id) VALUES (?)", 1)',
        'db.insert("purchase_orders", columns, rows)',
    ],
)  # fmt: skip
def test_a_state_written_past_the_lifecycle_is_found(source: str) -> None:
    assert set(rules(source)) == {"state_write"}
    assert set(rules(source, "tui/screens/sample.py")) == {"state_write"}


@pytest.mark.parametrize(
    "source",
    [
        "def f(self):\n    'Is.'\n    self.status = 1",
        'ShipmentRecord(id=0, transit="", push="")',
        'work.put(case, po, message="x")',
        "work.job(case, 'tracking.push', shipment)",
        "db.run(\"UPDATE purchase_orders SET lease_until = ? WHERE state = 'queued' RETURNING id\", 1)",
        "db.run(\"UPDATE outbox SET state = 'done' WHERE id = ?\", 1)",
        "db.run(\"UPDATE inbound_messages SET state = ? WHERE id = ?\", 1)",
        'web.Response(status=200)',
        'state = po.state',
        'if po.state == "queued":\n    pass',
    ],
)  # fmt: skip
def test_reading_a_state_and_writing_other_tables_is_fine(source: str) -> None:
    assert rules(source) == []


def test_long_files_and_long_functions_are_found_everywhere() -> None:
    long_file = "x = 1\n" * (MAX_FILE + 1)
    long_function = "def f() -> None:\n    'Is.'\n" + "    x = 1\n" * MAX_FUNCTION
    assert rules(long_file) == ["long_file"]
    assert rules(long_function) == ["long_function"]
    assert rules(long_function, "tests/unit/test_x.py") == ["long_function"]
    assert rules("x = 1\n" * (MAX_FILE - 2)) == []


def test_a_service_without_docstrings_is_found() -> None:
    bare = "async def verb() -> None:\n    pass\n\n\nclass Noun:\n    pass\n\n\ndef _own() -> None:\n    pass\n"
    assert [f.rule for f in findings(HERE, bare)] == ["docstring"] * 3
    assert [f.line for f in findings(HERE, bare)] == [1, 1, 5]
    assert list(findings("engine/services/__init__.py", "")) == []
    assert list(findings("tests/unit/test_x.py", bare)) == []


def test_what_is_allowed_is_left_out_until_it_is_no_longer_needed() -> None:
    may = allowed(f'[[state_write]]\npath = "{HERE}"\nreason = "it is the sample"\n')
    bad = (HERE, '"""A sample."""\npo.state = 1\n')
    assert lint([bad], may) == []
    assert [f.rule for f in lint([bad], {})] == ["state_write"]
    (stale,) = lint([(HERE, '"""A sample."""\n')], may)
    assert (stale.path, stale.todo) == ("tests/lint/allowed.toml", "remove the entry")
    with pytest.raises(ValueError, match="no reason"):
        allowed('[[long_file]]\npath = "x.py"\n')


def test_a_finding_says_where_what_and_what_to_do() -> None:
    (found,) = findings(HERE, '"""A sample."""\npo.state = 1\n')
    assert str(found) == f"{HERE}:2: .state is assigned — call lifecycle.Work.move, the only writer of a state"
