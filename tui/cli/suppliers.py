"""``bluebook suppliers``: who ships."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tui.cli import connection
from tui.cli.channels import change
from tui.cli.command import Noun, by
from tui.cli.output import Column, Paper, Shown, listing, said

noun = Noun("suppliers", "Who ships, and by which methods.")
Name = Annotated[str, typer.Argument(help="Its code or name, or the beginning of one.")]


@noun.command("ls", "bluebook suppliers ls", "bluebook suppliers ls --json", reads=True)
async def ls() -> Shown:
    """List the suppliers with their state and what they offer."""
    from engine.services import listings

    rows = await listings.suppliers()
    columns = [
        Column("CODE", lambda s: s.code),
        Column("SUPPLIER", lambda s: s.name, give=True),
        Column("CONNECTOR", lambda s: s.connector),
        Column("PRIORITY", lambda s: s.priority, right=True),
        Column("OFFERS", lambda s: f"{s.offers:,}", right=True),
        Column("METHODS", lambda s: s.methods, right=True),
        Column("HEARD", lambda s: connection.last_heard(s.polled_at), right=True),
        Column("STATE", connection.condition, give=True),
    ]
    return listing("suppliers", rows, columns, empty="no suppliers yet; `bluebook suppliers add` adds one")


@noun.command("show", "bluebook suppliers show ACME", reads=True)
async def show(supplier: Name) -> Shown:
    """Show a supplier with its settings and methods; secrets are masked."""
    from engine.services import listings

    view = await listings.supplier(supplier)
    offered = await listings.methods(view.id)

    def draw(paper: Paper) -> None:
        paper.line(f"{view.code}  {view.name}", "bold")
        connection.about(view, paper)
        paper.title("Purchase orders")
        paper.pairs(
            [
                ("currency", view.currency), ("priority", f"{view.priority} (the lowest comes first)"),
                ("acknowledges within", f"{view.ack_hours} h"), ("ships within", f"{view.tracking_hours} h"),
                ("works", _works(view)),
                ("stock heard", connection.long_ago(view.stock_heard_at)),
                ("stock believed for", f"{view.stock_hours} h" if view.stock_hours else "any age"),
                ("cost may differ by", f"{view.cost_tolerance} %"),
                ("to post boxes", "yes" if view.po_box_allowed else "no"), ("warehouse", _warehouse(view)),
                ("at once", f"{view.concurrency} requests"), ("last heard", connection.long_ago(view.polled_at)),
                *([("takes messages at", f"/as2/{view.id} of `bluebook api`")] if _by_as2(view) else []),
            ]
        )  # fmt: skip
        paper.title("Methods")
        paper.table(METHODS, offered)

    return Shown({"supplier": view, "methods": offered}, draw)


def _by_as2(view: Any) -> bool:
    return bool(view.settings.get("transport") == "as2")


def _warehouse(view: Any) -> str:
    places = (view.warehouse_postal_code, view.warehouse_region, view.warehouse_country)
    return " ".join(place for place in places if place) or "not told (`--option warehouse_country=US`)"


def _works(view: Any) -> str:
    if not view.work_hours:
        return "around the clock (`--option work_hours='Mon-Fri 09:00-17:00'`)"
    off = f", not on {view.holidays}" if view.holidays else ""
    return f"{view.work_hours} {view.work_timezone or 'UTC'}{off}"


METHODS = [
    Column("CODE", lambda m: m.code),
    Column("METHOD", lambda m: m.name, give=True),
    Column("CARRIER", lambda m: m.carrier),
    Column("POST BOXES", lambda m: "yes" if m.po_box_allowed else "no"),
    Column("STATE", lambda m: "ok" if m.enabled else "disabled"),
]


@noun.command(
    "add",
    "bluebook suppliers add Acme --code ACME --connector rest \\",
    "    --set base_url=https://api.acme.example --secret-from-env api_key=ACME_KEY",
)
async def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    code: Annotated[str, typer.Option(help="Its short code, as lists show it.")],
    connector: Annotated[str, typer.Option(help="Which connector: rest, files, x12 …")],
    set: connection.Set = None,
    secret_from_env: connection.Secret = None,
    option: connection.Option = None,
) -> Shown:
    """Add a supplier: its settings are checked, its secrets sealed, and it is listened to from now on.

    What is needed and was not given is asked for, secrets without echo.
    """
    from engine.connectors import registry
    from engine.services import setup

    kind = registry.supplier_type(connector)
    values = connection.values(kind, set, secret_from_env)
    await connection.ask_missing(kind, values)
    row = await setup.add_supplier(name, code, connector, values, by(), **connection.options("suppliers", option))
    return said(
        f"{code} is added; test it with `bluebook suppliers test {code}`, then say how it ships with "
        f"`bluebook suppliers methods {code} --add CODE=NAME`",
        id=row.id, supplier=code,
    )  # fmt: skip


@noun.command(
    "set",
    "bluebook suppliers set ACME --option priority=1 --option ack_hours=12",
    'bluebook suppliers set ACME --name "Acme Trading"',
)
async def set_(
    supplier: Name, set: connection.Set = None, secret_from_env: connection.Secret = None,
    option: connection.Option = None, name: connection.NewName = None,
) -> Shown:  # fmt: skip
    """Change a supplier: what is given is changed, the rest stays.

    Options of ours: code, poll_seconds, priority, currency, concurrency, ack_hours, tracking_hours, stock_hours,
    cost_tolerance (percent), po_box_allowed, enabled;
    when those hours run: work_hours='Mon-Fri 09:00-17:00', work_timezone and holidays='12-25, 2026-07-27..2026-08-07';
    and for the policy "nearest" warehouse_country, warehouse_postal_code and warehouse_region …
    """
    return await change("suppliers", supplier, set, secret_from_env, option, name)


@noun.command("methods", "bluebook suppliers methods ACME", reads=True)
async def methods(
    supplier: Name,
    add: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE=NAME", help="A method it offers, with its own code; again for more."),
    ] = None,
    carrier: Annotated[str, typer.Option(help="The carrier of the methods added.")] = "",
    no_po_box: Annotated[bool, typer.Option("--no-po-box", help="The methods added do not go to post boxes.")] = False,
    disable: Annotated[list[str] | None, typer.Option(metavar="CODE", help="A method no longer offered.")] = None,
) -> Shown:
    """List a supplier's shipping methods; with --add, say which it offers."""
    from engine.errors import NotFound
    from engine.services import listings, setup

    view = await listings.supplier(supplier)
    for code, name in connection.pairs(add, "--add").items():
        options = {"enabled": True, "po_box_allowed": not no_po_box} | ({"carrier": carrier} if carrier else {})
        await setup.add_method(view.id, code, name, by(), **options)
    known = {method.code: method for method in await listings.methods(view.id)}
    for code in disable or ():
        if code not in known:
            raise NotFound(f"{view.code} has no method {code!r}; it has {', '.join(known) or 'none yet'}")
        await setup.add_method(view.id, code, known[code].name, by(), enabled=False)
    rows = await listings.methods(view.id)
    empty = f"{view.code} has no methods yet; add one with `bluebook suppliers methods {view.code} --add CODE=NAME`"
    return listing("methods", rows, METHODS, empty=empty)


@noun.command("test", "bluebook suppliers test ACME")
async def test(supplier: Name) -> Shown:
    """Ask the supplier whether the connection works, and as whom."""
    from engine.services import listings

    return await connection.test("suppliers", await listings.supplier(supplier))


@noun.command("pause", 'bluebook suppliers pause ACME --reason "stock-taking"')
async def pause(supplier: Name, reason: Annotated[str, typer.Option(help="Why, for the others.")] = "") -> Shown:
    """Stop using a supplier until it is resumed: nothing is sent, nothing is heard."""
    from engine.services import listings

    return await connection.pause("suppliers", await listings.supplier(supplier), reason, by())


@noun.command("remove", "bluebook suppliers remove ACME", "bluebook suppliers remove ACME --yes")
async def remove(supplier: Name, yes: connection.Yes = False) -> Shown:
    """Use a supplier no more, delete its credentials, and take it off every list; its orders and their blue books stay.

    Refused while purchase orders to it are under way. Its offers, rules and mappings go with it, and its code and name are free.
    """
    from engine.services import listings

    return await connection.remove("suppliers", await listings.supplier(supplier), yes, by())


@noun.command("resume", "bluebook suppliers resume ACME")
async def resume(supplier: Name) -> Shown:
    """Use a paused supplier again; purchase orders that waited are sent."""
    from engine.services import listings

    return await connection.resume("suppliers", await listings.supplier(supplier), by())


@noun.command("sync", "bluebook suppliers sync ACME")
async def sync(supplier: Name) -> Shown:
    """Listen to a supplier now: acknowledgements, shipments, stock."""
    from engine.errors import NotAuthorised
    from engine.services import listings, receive

    view = await listings.supplier(supplier)
    try:
        heard = await receive.now(view.id, by())
    except NotAuthorised as error:
        more = f"{view.code} is paused from now on. Once that is put right: `bluebook suppliers resume {view.code}`"
        raise NotAuthorised(f"{error.message}. {more}") from error
    return said(
        f"{view.code}: {heard.applied} new, {heard.known} heard before, {heard.parked} parked",
        remarks=["parked payloads: `bluebook inbox ls`"] if heard.parked else [],
        name=view.name, applied=heard.applied, known=heard.known, parked=heard.parked,
    )  # fmt: skip
