"""What waits for a channel is said with its reason, and is due once a person pulls from it and it works again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine import clock, db
from engine.demo.store_faults import StoreFault, StoreRoute
from engine.errors import BluebookError, NotAuthorised, TryLater
from engine.services import connections, listings, outbox, setup, sync, tasks
from engine.services.job_subjects import subjects
from engine.services.outbox import NewJob
from tests.support.desk import PERSON, desk
from tests.support.scene import Scene

LAMP, NUMBER = "BB-LAMP-01", "1ZB000010300000296"


async def test_what_waits_for_a_channel_is_told_and_due_once_the_channel_works(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await outbox.again() == outbox.Again()
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", (LAMP, 1)))
        await at.send("1001")
        at.channel.trouble = TryLater("the shop is closed today", retry_after=9_000.0)
        await at.ships("1001-1", NUMBER)
        await tasks.drain()
        found = await outbox.again()
        assert found.count == 1
        assert found.oldest is not None
        assert (found.oldest.task, found.oldest.error) == ("tracking.push", "the shop is closed today")
        about = (await subjects([found.oldest]))[found.oldest.id]
        assert about.said == f"1001: {NUMBER}"
        listed = [job.id for job in await outbox.list_jobs("ready", again=True)]
        assert listed == [found.oldest.id]
        assert found.oldest.id not in [job.id for job in await outbox.list_jobs("ready", again=False)]

        channel = int(await at.value("SELECT channel_id FROM orders WHERE number = '1001'"))
        order = int(await at.value("SELECT id FROM orders WHERE number = '1001'"))
        far = clock.now() + timedelta(hours=9)
        wanted = [
            NewJob("t:own", "channels.rescan", channel, far), NewJob("t:told", "channels.acknowledge", order, far),
            NewJob("t:other", "channels.rescan", channel + 1, far), NewJob("t:po", "purchases.submit", order, far),
            NewJob("t:fresh", "channels.refresh", channel, far),
        ]  # fmt: skip
        await outbox.put(wanted)
        await db.run("UPDATE outbox SET error = 'it is down' WHERE key LIKE 't:%' AND key <> 't:fresh'")
        at.channel.trouble = None
        pulled, hastened = await sync.channel(channel, PERSON)
        assert (pulled.new, hastened) == (0, 3)
        late = {
            job.key for job in await outbox.list_jobs("ready", 500) if job.run_at > clock.now() + timedelta(hours=2)
        }
        assert {key for key in late if key.startswith("t:")} == {"t:other", "t:po", "t:fresh"}
        await db.run("DELETE FROM outbox WHERE key LIKE 't:%'")
        await tasks.drain()
        assert [parcel.tracking_number for parcel in at.channel.parcels] == [NUMBER]
        assert await outbox.again() == outbox.Again()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_pull_that_failed_is_seen_at_the_channel_and_one_that_is_not_let_in_pauses_it(scene: Scene) -> None:
    async def state() -> str:
        return (await listings.channel("Outlet")).state

    scene.outlet.faults.script(StoreRoute.LIST, StoreFault.TRUNCATE)
    with pytest.raises(BluebookError) as half:
        await sync.channel(scene.outlet_id, PERSON)
    assert (await listings.channel("Outlet")).last_error == half.value.message
    assert await state() == "failing"
    await sync.channel(scene.outlet_id, PERSON)
    assert await state() == "ok"

    await setup.update("channels", scene.outlet_id, PERSON, values={"consumer_secret": "cs_revoked"})
    with pytest.raises(NotAuthorised):
        await sync.channel(scene.outlet_id, PERSON)
    assert await state() == "paused"
    await setup.update("channels", scene.outlet_id, PERSON, values={"consumer_secret": scene.store.secret})
    await connections.resume("channels", scene.outlet_id, PERSON)
