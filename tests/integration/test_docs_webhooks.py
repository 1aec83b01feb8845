"""docs/webhooks.md is so: its commands work in their order against a server that hears them, and its numbers are the code's."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from datetime import timedelta
from pathlib import Path

from engine import db
from engine.services import outbox, tasks, webhook_lines, webhook_secrets, webhooks
from tests.integration.test_webhooks import MUG, collected, shop
from tests.integration.test_webhooks_many import messages
from tests.support.desk import PERSON, Desk
from tests.support.office import Run
from tests.support.receiver import Ear, Receiver

__all__ = ["shop"]

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text("utf-8")
PROSE = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
STARTS_SOMETHING = {"bluebook worker"}
ASKS = "bluebook webhooks rm"


def test_its_commands_work_one_after_the_other(run: Run, receiver_beside: Receiver) -> None:
    commands = [found for found in re.findall(r"`(bluebook [^`]+)`", PROSE) if found not in STARTS_SOMETHING]
    verbs = {"add", "test", "ls", "pause", "resume", "replay", "rm", "set", "rotate"}
    assert {words.split()[2] for words in commands} == verbs
    for name in ("hook", "new"):
        receiver_beside.ear(name)
    # What a person says yes to needs nobody here; it comes last, as the others need what it takes away.
    for command in sorted(commands, key=lambda words: words.startswith(ASKS)):
        words = shlex.split(re.sub(r"https://\w+\.example", receiver_beside.url, command))[1:]
        run(*words, *(["--yes"] if command.startswith(ASKS) else []))


def test_the_list_says_what_the_last_answer_was(run: Run, receiver_beside: Receiver) -> None:
    run("webhooks", "add", "Good", receiver_beside.ear("good").url)
    run("webhooks", "add", "Bad", receiver_beside.ear("bad", status=500).url)
    asyncio.run(told_something())
    bad_row, good_row = run("webhooks", "ls").stdout.splitlines()[-2:]
    assert "never" not in good_row
    assert good_row.endswith(" ok")
    assert bad_row.endswith("failing: the webhook Bad answered 500")
    run("webhooks", "pause", "Good")
    assert run("webhooks", "ls").stdout.splitlines()[-1].endswith(" paused")


async def told_something() -> None:
    """Each webhook was sent a message, once."""
    async with db.database():
        await outbox.put([job for view in await webhooks.webhooks() for job in messages(view.id, 1)])
        jobs = await outbox.claim(limit=100, token="t", tasks=["webhooks.send"])
        await tasks.run(jobs)


def test_its_times_are_those_that_are_kept(run: Run) -> None:
    unit = {"seconds": 1, "minutes": 60, "hours": 3_600}
    [told] = re.findall(r"tried again after (.+?), three days in all", " ".join(PROSE.split()))
    waits: list[int] = []
    pending: list[int] = []
    for word in re.findall(r"\d+|seconds|minutes|hours", told):
        if word.isdigit():
            pending.append(int(word))
        else:
            waits += [number * unit[word] for number in pending]
            pending = []
    assert tuple(waits) == webhooks.AGAIN
    assert timedelta(seconds=sum(waits)).days == 3
    assert "three days" in " ".join(run("webhooks", "add", "--help").stdout.split())
    assert f"within {webhook_lines.TIMEOUT:.0f} seconds" in PROSE
    assert f"for {webhook_secrets.HOURS} hours" in PROSE
    assert f"Default: {webhook_secrets.HOURS}." in run("webhooks", "rotate", "--help").stdout
    assert f"At most {webhook_lines.AT_ONCE} calls at once" in PROSE


async def test_its_example_has_the_shape_of_what_is_sent(shop: Desk, ear: Ear) -> None:
    [block] = re.findall(r"```http\n.*?\n\n(.*?)```", PAGE, re.DOTALL)
    example = json.loads(block)
    ear.secret = await webhooks.add("ERP", ear.url, [], PERSON)
    await shop.told(shop.order("1", (MUG, 1)))
    await collected()
    await tasks.drain()
    assert ear.heard
    for _, said in ear.heard:
        assert list(said) == list(example)
        assert list(said["data"]) == list(example["data"])
