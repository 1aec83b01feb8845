"""``bluebook channels``: where it is sold."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from tui.cli import connection, letting_in
from tui.cli.command import Noun, by
from tui.cli.output import Column, Paper, Shown, listing, said
from tui.plain import many, words

noun = Noun("channels", "Where orders come from and tracking goes back to.")
PORT = 8723
"""Where a browser is sent back to, if nothing else is said; it has to be registered at the channel."""
Name = Annotated[str, typer.Argument(help="Its name, or the beginning of it.")]


@noun.command("ls", "bluebook channels ls", "bluebook channels ls --json", reads=True)
async def ls() -> Shown:
    """List the channels with their state and how many orders wait in each."""
    from engine.services import listings

    rows = await listings.channels()
    columns = [
        Column("CHANNEL", lambda c: c.name, give=True),
        Column("CONNECTOR", lambda c: c.connector),
        Column("READY", lambda c: c.orders.get("ready", 0), right=True),
        Column("RESOLVE", _resolve, right=True),
        Column("AUTO", lambda c: "on" if c.auto_process else "off"),
        Column("ACCESS", connection.access_ends),
        Column("PULLED", lambda c: connection.last_heard(c.pulled_at), right=True),
        Column("STATE", connection.condition, give=True),
    ]
    return listing("channels", rows, columns, empty="no channels yet; `bluebook channels add` adds one")


def _resolve(channel: Any) -> int:
    return sum(channel.orders.get(status, 0) for status in ("unresolved", "failed", "on_hold"))


@noun.command("show", 'bluebook channels show "Demo store"', reads=True)
async def show(channel: Name) -> Shown:
    """Show a channel with its settings; secrets are masked."""
    from engine.services import listings

    view = await listings.channel(channel)

    def draw(paper: Paper) -> None:
        paper.line(view.name, "bold")
        connection.about(view, paper)
        paper.title("Orders")
        paper.pairs(
            [
                ("last pull", connection.long_ago(view.pulled_at)),
                ("newest change", connection.long_ago(view.cursor_at)),
                ("prefix", view.prefix), ("stale after", f"{view.stale_days} days"),
                ("margin floor", f"{view.margin_floor}%" if view.margin_floor is not None else ""),
                *[(words(status), count) for status, count in sorted(view.orders.items())],
            ]
        )  # fmt: skip
        paper.title("Auto Order Processing")
        paper.pairs(_auto(view))

    return Shown(view, draw)


def _auto(view: Any) -> list[tuple[str, object]]:
    from engine.domain import money

    limit = money.show(view.auto_limit, view.auto_currency or "USD") if view.auto_limit is not None else "none"
    return [
        ("state", "on" if view.auto_process else "off"), ("value limit", limit), ("condition", view.auto_condition),
        ("alerts to", ", ".join(view.alert_addresses)),
    ]  # fmt: skip


@noun.command(
    "add",
    "bluebook channels add Shop --connector woocommerce \\",
    "    --set url=https://shop.example --set consumer_key=ck_1 \\",
    "    --secret-from-env consumer_secret=WOO_SECRET",
    "bluebook channels add Ebay --connector ebay --set client_id=… --set ru_name=…",
)
async def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    connector: Annotated[str, typer.Option(help="Which connector: shopify, amazon, woocommerce, file …")],
    set: connection.Set = None,
    secret_from_env: connection.Secret = None,
    option: connection.Option = None,
    same_account: connection.SameAccount = False,
    authorise: Annotated[
        bool | None, typer.Option("--authorise/--no-authorise", help="Ask its owner in a browser, or do not.")
    ] = None,
    no_browser: letting_in.NoBrowser = False,
    paste: letting_in.Paste = False,
    port: letting_in.Port = PORT,
    redirect_uri: letting_in.RedirectUri = "",
    wait: letting_in.Wait = 300,
) -> Shown:
    """Add a channel: its settings are checked, its secrets sealed, and it is polled from now on.

    What is needed and was not given is asked for, secrets without echo. Channels whose owner lets Bluebook in in a browser
    (OAuth) are asked there, where there is no other way in or with --authorise: register the redirect address that is shown,
    open the page, say yes. Where that must be an address of your own, give it by --redirect-uri and paste what comes back.
    """
    from engine.connectors import registry
    from engine.errors import BluebookError
    from engine.services import authorise as authorising
    from engine.services import setup

    kind: Any = registry.channel_type(connector)
    values, options = connection.values(kind, set, secret_from_env), connection.options("channels", option)
    if authorising.must_ask(kind, values) or authorise or sys.stdin.isatty():  # else there is nothing to lose
        await authorising.check(kind, values, name)
    by_owner, more = await letting_in.way_in(kind, values, authorise)
    if by_owner:
        way = letting_in.Way(no_browser=no_browser, paste=paste, port=port, redirect_uri=redirect_uri, wait=wait)
        values |= await letting_in.let_in(kind, values, way)
        row = await setup.add_channel(name, connector, values, by(), same_account=same_account, **options)
        try:
            answer = await setup.test_connection("channels", row.id)
        except BluebookError as error:
            more = f"{name} is added, but its test failed: {error.message}"
            return said(more, code=error.exit_code, id=row.id, name=name)
        return said(
            f"{name} is added: {answer}; pull with `bluebook sync {name!r}`", id=row.id, name=name, answer=answer
        )
    await connection.ask_missing(kind, values, more)
    row = await setup.add_channel(name, connector, values, by(), same_account=same_account, **options)
    return said(
        f"{name} is added; test it with `bluebook channels test {name!r}`, then pull with `bluebook sync {name!r}`",
        id=row.id, name=name,
    )  # fmt: skip


@noun.command(
    "set",
    "bluebook channels set Shop --option poll_seconds=30",
    "bluebook channels set Shop --set timeout=60",
    'bluebook channels set Shop --name "Shop DE"',
)
async def set_(
    channel: Name,
    set: connection.Set = None,
    secret_from_env: connection.Secret = None,
    option: connection.Option = None,
    name: connection.NewName = None,
    same_account: connection.SameAccount = False,
) -> Shown:
    """Change a channel: what is given is changed, the rest stays.

    Options of ours: poll_seconds, rescan_seconds, overlap_seconds, listings_seconds (0: only when asked), prefix, enabled,
    stale_days (0: never), margin_floor (percent), and those that `bluebook channels auto` sets.
    """
    return await change("channels", channel, set, secret_from_env, option, name, same_account)


async def change(
    table: connection.Table,
    which: str,
    given: Any,
    secrets: Any,
    options: Any,
    name: str | None,
    same_account: bool = False,
) -> Shown:
    """The settings and options given are changed; what changed."""
    from engine.connectors import registry
    from engine.errors import Invalid
    from engine.services import listings, setup

    view: Any = await (listings.channel(which) if table == "channels" else listings.supplier(which))
    kind: Any = (registry.channel_type if table == "channels" else registry.supplier_type)(view.connector)
    values = connection.values(kind, given, secrets)
    changed = connection.options(table, options) | ({"name": name} if name is not None else {})
    if not values and not changed:
        raise Invalid("say what to change: --set, --secret-from-env, --option or --name")
    await setup.update(table, view.id, by(), values=values, same_account=same_account, **changed)
    names = sorted([*values, *changed])
    called = view.name if name is None else name.strip()
    return said(f"{view.name}: changed {', '.join(names)}", name=called, changed=names)


@noun.command("authorise", "bluebook channels authorise Shop", "bluebook channels authorise Shop --no-browser --paste")
async def authorise(
    channel: Name,
    set: connection.Set = None,
    secret_from_env: connection.Secret = None,
    no_browser: letting_in.NoBrowser = False,
    paste: letting_in.Paste = False,
    port: letting_in.Port = PORT,
    redirect_uri: letting_in.RedirectUri = "",
    wait: letting_in.Wait = 300,
) -> Shown:
    """Ask a channel's owner in a browser to let Bluebook in anew, and use the channel again if it was paused.

    Nothing stops before the answer is there: what was granted before goes on until then.
    """
    from engine.connectors import registry
    from engine.services import authorise as service
    from engine.services import listings, setup

    view = await listings.channel(channel)
    kind: Any = registry.channel_type(view.connector)
    given = connection.values(kind, set, secret_from_env)
    await service.check(kind, given)
    values = {**await setup.present_of("channels", view.id), **given}
    way = letting_in.Way(no_browser=no_browser, paste=paste, port=port, redirect_uri=redirect_uri, wait=wait)
    before = dict(values)
    gained = await letting_in.let_in(kind, values, way)
    typed = {name: value for name, value in values.items() if before.get(name) != value}
    answer, freed = await service.renew(view.id, given | typed | gained, by())
    more = f"; {many(freed, 'waiting order')} go on" if freed else ""
    return said(f"{view.name}: {answer}{more}", name=view.name, answer=answer, orders=freed)


@noun.command("test", "bluebook channels test Shop")
async def test(channel: Name) -> Shown:
    """Ask the channel whether the connection works, and as whom."""
    from engine.services import listings

    return await connection.test("channels", await listings.channel(channel))


@noun.command("pause", 'bluebook channels pause Shop --reason "moving servers"')
async def pause(channel: Name, reason: Annotated[str, typer.Option(help="Why, for the others.")] = "") -> Shown:
    """Stop using a channel until it is resumed: nothing is pulled, nothing pushed."""
    from engine.services import listings

    return await connection.pause("channels", await listings.channel(channel), reason, by())


@noun.command("resume", "bluebook channels resume Shop")
async def resume(channel: Name) -> Shown:
    """Use a paused channel again."""
    from engine.services import listings

    return await connection.resume("channels", await listings.channel(channel), by())


@noun.command("remove", "bluebook channels remove Shop", "bluebook channels remove Shop --yes")
async def remove(channel: Name, yes: connection.Yes = False) -> Shown:
    """Use a channel no more, delete its credentials, and take it off every list; its orders and their blue books stay.

    Refused while orders of it are not over. Its shipping mappings and listings go with it, and its name is free again.
    """
    from engine.services import listings

    return await connection.remove("channels", await listings.channel(channel), yes, by())


@noun.command("sync", "bluebook channels sync Shop")
async def sync(channel: Name) -> Shown:
    """Pull a channel's orders now; the same as `bluebook sync`."""
    from tui.cli.system import pull

    return await pull([channel])


@noun.command(
    "auto",
    'bluebook channels auto Shop --on --limit "500 USD" --alert ops@example.com',
    "bluebook channels auto Shop --on --condition 'order.country == \"US\"'",
    "bluebook channels auto Shop --off",
)
async def auto(
    channel: Name,
    on: Annotated[
        bool | None, typer.Option("--on/--off", help="Process ready orders without a person; those there are, at once.")
    ] = None,
    limit: Annotated[
        str | None, typer.Option(help='A person processes what is above, as in "500 USD"; none lifts it.')
    ] = None,
    condition: Annotated[
        str | None, typer.Option(help="Only orders for which this holds (CEL); empty for all.")
    ] = None,
    alert: Annotated[list[str] | None, typer.Option(help="Who is mailed about orders that need a person.")] = None,
) -> Shown:
    """Set Auto Order Processing; without options, show how it is set.

    --on is for the orders that are ready now too: workers send them at once, within the limit and the condition, and
    without the undo window. Set --limit and --condition first, or together with --on; `bluebook orders ls st:ready` shows
    which those are. Orders that need a person still stop in Resolve, and the people given by --alert get an e-mail.
    """
    from engine.services import listings, setup

    view = await listings.channel(channel)
    changed: dict[str, Any] = {}
    if on is not None:
        changed["auto_process"] = on
    if limit is not None:
        from tui import options

        changed |= options.limit(limit)
    if condition is not None:
        changed["auto_condition"] = condition.strip()
    if alert is not None:
        changed["alert_addresses"] = [address for address in alert if address.strip()]
    if changed:
        await setup.update("channels", view.id, by(), **changed)
        view = await listings.channel(view.name)
    data = {name: getattr(view, name) for name in ("auto_process", "auto_limit", "auto_currency", "auto_condition")}
    ready = view.orders.get("ready", 0) if on else 0
    remarks = [f"{many(ready, 'ready order')} wait, and a worker sends at once which of them may go"] if ready else []
    data["alert_addresses"] = view.alert_addresses
    return Shown({"name": view.name, **data}, lambda paper: paper.pairs(_auto(view)), remarks=remarks)
