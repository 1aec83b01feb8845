"""Orders that went wrong in a known way, for tests of several doors."""

from __future__ import annotations

from engine import db
from engine.demo.supplier_desk import Behaviour
from engine.demo.supplier_faults import Fault
from engine.services import setup
from tests.support.scene import DANA, Scene

TOLD = Behaviour(ship_after=None, auto_ack=False)


async def number_of(order_id: int) -> str:
    """The order's number."""
    return str(await db.value("SELECT number FROM orders WHERE id = ?", order_id))


async def half_refused(scene: Scene) -> int:
    """An order of two suppliers, sent: NOVA has its part, ACME refused its own."""
    scene.acme.behaviour = Behaviour(ship_after=None, auto_ack=False, unknown_skus=frozenset({"AC-2001"}))
    try:
        order_id = await scene.order(("BB-MUG-01", 2), ("BB-TEA-01", 1))
        await scene.send(order_id)
    finally:
        scene.acme.behaviour = TOLD
    assert sorted(await scene.states(order_id)) == ["failed", "submitted"]
    return order_id


async def unanswered(scene: Scene) -> tuple[int, str]:
    """An order whose purchase order got no answer, at a supplier that cannot be asked by machine meanwhile."""
    acme = scene.shop.suppliers["ACME"]
    await setup.update("suppliers", acme, DANA, values={"can_find": False})
    scene.fault(Fault.DROP_AFTER)
    order_id = await scene.order(("BB-MUG-01", 1))
    try:
        po = await scene.send(order_id)
    finally:
        await setup.update("suppliers", acme, DANA, values={"can_find": True})
    assert po.state == "outcome_unknown"
    return order_id, po.po_number


async def unguarded(sql: str, *values: object) -> None:
    """What someone with the database's password could do: the blue book changed past its triggers."""
    if db.is_postgres():
        await db.run("ALTER TABLE audit_events DISABLE TRIGGER USER")
    else:
        await db.run("DROP TRIGGER IF EXISTS audit_events_no_update")
        await db.run("DROP TRIGGER IF EXISTS audit_events_no_delete")
    await db.run(sql, *values)
