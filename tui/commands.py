"""What can be said after ``:`` or found in the palette: the actions that hold, and a few words that take something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from engine.errors import BluebookError
from engine.services import listings, search, standing
from tui import views
from tui.actions import ACTIONS, Action
from tui.keys import shown
from tui.screens.book import AuditScreen
from tui.screens.order import OrderScreen
from tui.screens.orders import OrdersScreen
from tui.widgets.command import Entry

if TYPE_CHECKING:
    from tui.app import BluebookApp

HELD = "is:undoable"
Run = Callable[[str], Awaitable[Any]]


def entries(app: BluebookApp, *, all_actions: bool) -> list[Entry]:
    """Everything that can be said on the screen in front; the palette also offers actions that have no word of their own."""
    found = []
    for action in app.keymap.holding((*app.page.scopes, "app")):
        if action.id in ("palette", "command") or not (action.command or (all_actions and action.group != "move")):
            continue
        found.append(_of_action(app, action))
    found += [
        Entry("order", "open an order by its number", _telling(app, lambda text: _order(app, text)), takes="NUMBER"),
        Entry("filter", "narrow the list", _telling(app, lambda text: _filter(app, text)), takes="WORDS"),
        Entry("save", "save this list as a view", _telling(app, lambda text: _save(app, text)), takes="NAME"),
        Entry("view", "show a saved view", _telling(app, lambda text: show_view(app, text)), takes="NAME"),
        Entry("unsave", "forget a saved view", _telling(app, lambda text: _unsave(app, text)), takes="NAME"),
        Entry("theme", "another theme", _telling(app, lambda text: _theme(app, text)), takes="NAME"),
        Entry("audit settings", "the settings' blue book", _telling(app, lambda _: _settings_book(app))),
        Entry("messages", "what was said in this session", _telling(app, lambda _: app.act_messages())),
        Entry("q", "quit; what is held stays held", _telling(app, lambda _: app.act_quit())),
    ]
    try:
        remembered = views.load()
    except BluebookError:
        return found
    for view in remembered.views:
        about = f"saved view: {view.filter or 'no filter'}"
        found.append(Entry(f"view {view.name.casefold()}", about, _telling(app, lambda _, v=view: _show(app, v))))
    for name in sorted(app.available_themes) if all_actions else ():
        found.append(Entry(f"theme {name}", "", _telling(app, lambda _, n=name: _theme(app, n))))
    return found


def _of_action(app: BluebookApp, action: Action) -> Entry:
    keys = app.keymap.keys(action.id)
    about, _, _ = action.help.partition(":")
    return Entry(
        action.command or about.casefold(), about, lambda _: app.perform(ACTIONS[action.id]),
        key=shown(keys[0]) if keys else "", why_not=app.why_not(action),
    )  # fmt: skip


def _telling(app: BluebookApp, run: Callable[[str], Awaitable[Any]]) -> Run:
    """The same; what goes wrong is said."""

    async def told(text: str) -> None:
        try:
            await run(text)
        except Exception as error:
            app.fail(error, "the command")

    return told


async def _order(app: BluebookApp, number: str) -> None:
    [order_id] = await listings.order_ids([number])
    await app.push_screen(OrderScreen(order_id, number))


async def order_if_there(app: BluebookApp, number: str) -> bool:
    """The order of this number, here or in its store, is open, several are listed; False where there is none."""
    meant = await search.numbers_meant(number)
    if len(meant) == 1:
        await _order(app, meant[0])
    elif meant:
        await app.go("history")
        await _filter(app, number)
    return bool(meant)


def _list(app: BluebookApp) -> OrdersScreen | None:
    page = app.page
    if isinstance(page, OrdersScreen):
        return page
    app.say("that is for a list of orders: g q goes to the queue, g h to Order History")
    return None


async def _filter(app: BluebookApp, text: str) -> None:
    page = _list(app)
    if page is not None:
        await page.narrow(text)


async def _save(app: BluebookApp, name: str) -> None:
    page = _list(app)
    if page is not None:
        views.save(page.as_view(name))
        page.view = name
        page.show_narrowed()
        app.say(f"saved as {name}: `:view {name}` shows it again", "good")


async def show_view(app: BluebookApp, name: str) -> None:
    """The saved view of this name is shown, or the names there are."""
    found = views.load().view(name)
    if found is None:
        names = ", ".join(view.name for view in views.load().views) or "none yet: `:save NAME` makes one"
        app.say(f"there is no view {name}; there are {names}", "warn")
        return
    await _show(app, found)


async def show_held(app: BluebookApp) -> None:
    """Order History lists what is held before it is sent; where nothing is, that is said."""
    if not await standing.holds():
        app.say("nothing is held: g h shows what was processed")
        return
    await app.go("history")
    page = _list(app)
    if page is not None:
        page.tab = 0
        await page.narrow(HELD)


async def _show(app: BluebookApp, view: views.View) -> None:
    await app.go(view.screen)
    page = _list(app)
    if page is not None:
        await page.show_view(view)


async def _unsave(app: BluebookApp, name: str) -> None:
    app.say(f"{name} is forgotten" if views.forget(name) else f"there is no view {name}")


async def _theme(app: BluebookApp, name: str) -> None:
    if name not in app.available_themes:
        app.say(f"there is no theme {name}; there are {', '.join(sorted(app.available_themes))}", "warn")
        return
    app.theme = name
    views.keep(msgspec.structs.replace(views.load(), theme=name))
    app.say(f"theme {name}, remembered")


async def _settings_book(app: BluebookApp) -> None:
    await app.push_screen(AuditScreen(0, "settings"))
