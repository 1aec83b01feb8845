"""``bluebook webhooks``: whom we tell, outside, of what happens to orders."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from tui.cli.command import Noun, by, confirm
from tui.cli.connection import NewName
from tui.cli.output import Column, Shown, listing, said
from tui.plain import ago, local, many

noun = Noun("webhooks", "Whom we tell of what happens to orders.")
Name = Annotated[str, typer.Argument(help="Its name.")]
ADDRESS = "The address to call: https, or http on this machine."

WEBHOOKS = [
    Column("WEBHOOK", lambda w: w.name, give=True),
    Column("ADDRESS", lambda w: w.url, give=True),
    Column("EVENTS", lambda w: _events(w), give=True),
    Column("ANSWERED", lambda w: ago(w.answered_at) if w.answered_at else "never"),
    Column("WAIT", lambda w: w.waiting, right=True),
    Column("GIVEN UP", lambda w: w.given_up, right=True),
    Column("OLD SECRET ENDS", lambda w: ago(w.former_until) if w.former_until else "", right=True),
    Column("STATE", lambda w: _state(w), give=True),
]


def _events(view: Any) -> str:
    from engine.services.webhooks import EVENTS

    return "all" if len(view.events) == len(EVENTS) else ", ".join(view.events)


def _state(view: Any) -> str:
    """``failing`` where the last answer was none to like; ``ok`` says nothing else."""
    word = "paused" if not view.enabled else "failing" if view.last_error else "ok"
    return f"{word}: {view.last_error}" if view.last_error else word


@noun.command("ls", "bluebook webhooks ls", reads=True)
async def ls() -> Shown:
    """List the webhooks with how many messages wait for each."""
    from engine.services import webhooks

    return listing(
        "webhooks", await webhooks.webhooks(), WEBHOOKS, empty="no webhooks yet; `bluebook webhooks add` adds one"
    )


@noun.command(
    "add",
    "bluebook webhooks add ERP https://erp.example/bluebook",
    "bluebook webhooks add Desk https://desk.example/hook --event order.failed",
)
async def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    url: Annotated[str, typer.Argument(help=ADDRESS)],
    event: Annotated[list[str] | None, typer.Option("--event", help="Only this; again for more. Default: all.")] = None,
) -> Shown:
    """Tell an address of what happens to orders from now on; its secret is shown this once.

    Events: order.received, order.STATUS for each status an order comes into (order.shipped …), shipment.announced.
    Messages are signed by the Standard Webhooks scheme, tried again for three days, and may come twice or out of turn: the
    same webhook-id is the same message, and the greater sequence of an order is the later one.
    """
    from engine.services import webhooks

    secret = await webhooks.add(name, url, event or [], by())
    return said(
        f"{name} is told from now on. Its secret, which is not shown again: {secret}\n"
        f"`bluebook webhooks test {name}` sends a message that says nothing",
        name=name, secret=secret,
    )  # fmt: skip


@noun.command(
    "set",
    "bluebook webhooks set ERP --url https://erp.example/new",
    "bluebook webhooks set Desk --event order.failed --event order.canceled",
    "bluebook webhooks set Desk --event all",
)
async def set_(
    name: Name,
    url: Annotated[str | None, typer.Option("--url", help=ADDRESS)] = None,
    event: Annotated[
        list[str] | None, typer.Option("--event", help="Only this from now on; again for more; all: every one.")
    ] = None,
    called: NewName = None,
) -> Shown:
    """Change a webhook: what is given is changed, the rest stays, and nothing that was to be told is lost.

    What waits goes to a new address, at once; also what waits of events that are no longer wanted. Its secret stays.
    """
    from engine.errors import Invalid
    from engine.services import webhooks

    if url is None and not event and called is None:
        raise Invalid("say what to change: --url, --event or --name")
    changed = await webhooks.change(name, by(), url=url, events=event or None, called=called)
    view = await webhooks.webhook(called.strip() if called is not None else name)
    if not changed:
        return said(f"{view.name} is so already", name=view.name, changed=changed)
    more = ""
    if "url" in changed:
        when = "are told there now" if view.enabled else "are told there once it is resumed"
        more = f"; {many(view.waiting, 'message')} that wait {when}" if view.waiting else ""
        if view.given_up:
            more += (
                f"; {many(view.given_up, 'message')} that were given up: `bluebook webhooks replay` tells them again"
            )
    return said(f"{name}: changed {', '.join(changed)}{more}", name=view.name, changed=changed)


@noun.command(
    "rotate",
    "bluebook webhooks rotate ERP",
    "bluebook webhooks rotate ERP --hours 72",
    "bluebook webhooks rotate ERP --at-once",
)
async def rotate(
    name: Name,
    hours: Annotated[
        int | None, typer.Option("--hours", min=1, help="How long the former secret counts too. Default: 24.")
    ] = None,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="The former secret counts no more: it has leaked.")
    ] = False,
) -> Shown:
    """Sign its messages with a new secret, which is shown this once.

    Until the former one ends messages carry a signature by each, so whoever verifies them has time to take the new one over.
    With --at-once those that come before it has are refused there, and tried again as ever.
    """
    from engine.errors import Invalid
    from engine.services import webhook_secrets, webhooks

    if at_once and hours is not None:
        raise Invalid("--at-once ends the former secret now, --hours later: say one of them", "--hours")
    secret, until = await webhooks.rotate(
        name, by(), hours=0 if at_once else webhook_secrets.HOURS if hours is None else hours
    )
    former = f"The former one counts until {local(until)}" if until else "No former one counts any more"
    return said(
        f"{name} has a new secret, which is not shown again: {secret}\n{former}",
        name=name, secret=secret, former_until=until,
    )  # fmt: skip


@noun.command("rm", "bluebook webhooks rm ERP --yes")
async def rm(name: Name, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> Shown:
    """Tell it nothing more, also not what waits."""
    from engine.services import webhooks

    view = await webhooks.webhook(name)
    await confirm(f"Remove the webhook {view.name} ({view.url}) and {many(view.waiting, 'message')} that wait?", yes)
    await webhooks.remove(view.name, by())
    return said(f"{view.name} is told nothing more", name=view.name)


@noun.command("test", "bluebook webhooks test ERP")
async def test(name: Name) -> Shown:
    """Send a message that says nothing, now, and tell what was answered."""
    from engine.services import webhooks

    return said(await webhooks.test(name), name=name)


@noun.command("pause", "bluebook webhooks pause ERP")
async def pause(name: Name) -> Shown:
    """Tell it nothing until it is resumed; nothing is lost."""
    from engine.services import webhooks

    await webhooks.switch(name, False, by())
    return said(f"{name} is paused; `bluebook webhooks resume {name}` tells it all that happened meanwhile", name=name)


@noun.command("resume", "bluebook webhooks resume ERP")
async def resume(name: Name) -> Shown:
    """Tell it again, from where it was."""
    from engine.services import webhooks

    await webhooks.switch(name, True, by())
    return said(f"{name} is told again", name=name)


@noun.command("replay", "bluebook webhooks replay ERP --order 1001", "bluebook webhooks replay ERP --since 2026-11-01")
async def replay(
    name: Name,
    order: Annotated[str, typer.Option("--order", help="All that happened to this order.")] = "",
    since: Annotated[str, typer.Option("--since", help="All that happened since this day or time.")] = "",
) -> Shown:
    """Tell once more what was told, under the same ids, so that whoever keeps them takes nothing twice."""
    from engine.services import webhooks

    count = await webhooks.replay(name, by(), order=order, since=_moment(since) if since else None)
    return said(f"{name}: {many(count, 'message')} will be sent again", name=name, messages=count)


def _moment(text: str) -> datetime:
    """A day or a time as people here mean it."""
    from engine.errors import Invalid

    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise Invalid(
            f"{text!r} is no day and no time; write it as 2026-11-01 or 2026-11-01T14:30", "--since"
        ) from error
