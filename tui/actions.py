"""Everything a person can do in the terminal app, once: its id, keys, words and where it holds.

The key router, the footer, the help screen, the palette and the ``:`` commands all read this table; ``keys.toml`` may give
an action other keys. What an action does is the method ``act_<id>`` of the pane, screen or app it is done in, and
``why_not_<id>`` there may say why it cannot be done now. The same letter means the same on every screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

LISTS = ("queue", "history", "channels", "suppliers", "mappings", "jobs", "inbox")
ORDERS = ("queue", "history", "order")


@dataclass(frozen=True, slots=True)
class Action:
    """``keys`` are alternatives; one of several strokes has spaces ("g g"). ``where`` are the scopes in which it holds.

    ``label`` is the word in the footer, "" for none there. ``writes``: it changes an order or the settings, so that
    viewers may not, and stray keys must not. ``command`` is its word behind ``:``. ``answers``: it answers what a pane asks,
    so that no key that came with the question may be taken for it.
    """

    id: str
    keys: tuple[str, ...]
    group: str
    help: str
    where: tuple[str, ...]
    label: str = ""
    writes: bool = False
    command: str = ""
    answers: bool = False


def _a(
    name: str, keys: str, group: str, text: str, where: str | tuple[str, ...], label: str = "", *, writes: bool = False,
    command: str = "", answers: bool = False,
) -> Action:  # fmt: skip
    """Keys are parted by commas; the comma itself is no key of ours."""
    split = tuple(key.strip() for key in keys.split(",") if key.strip())
    return Action(
        name, split, group, text, (where,) if isinstance(where, str) else where, label, writes, command, answers
    )


_MOVE = (*LISTS, "book", "help")
_PICK = ("resolve", "edit", "pick", "form")
_TYPED = ("filter", "command")
_ENTERED = (*_PICK, *_TYPED, "owner")
_PANES = (*_ENTERED, "narrow", "event")
_ALL = (
    # --- move
    _a("down", "j, down", "move", "Next line", (*_MOVE, "order")),
    _a("up", "k, up", "move", "Previous line", (*_MOVE, "order")),
    _a("page_down", "ctrl+d, pagedown", "move", "Half a page down", (*_MOVE, "order")),
    _a("page_up", "ctrl+u, pageup", "move", "Half a page up", (*_MOVE, "order")),
    _a("first", "g g, home", "move", "To the first line", (*_MOVE, "order")),
    _a("last", "G, end", "move", "To the last line", (*_MOVE, "order")),
    _a("tab_1", "1", "move", "First tab: Ready", (*LISTS, "order")),
    _a("tab_2", "2", "move", "Second tab: Resolve", (*LISTS, "order")),
    _a("tab_3", "3", "move", "Third tab: All", (*LISTS, "order")),
    _a("tab_4", "4", "move", "Fourth tab", "jobs"),
    _a("tab_5", "5", "move", "Fifth tab", "jobs"),
    _a("tab_6", "6", "move", "Sixth tab", "jobs"),
    _a("next_problem", "n", "move", "Next order that needs you", ORDERS),
    _a("previous_problem", "N", "move", "Previous order that needs you", ORDERS),
    _a("open", "enter", "move", "Open what the cursor is on", (*LISTS, "book"), "open"),
    _a("back", "escape, q", "move", "Back, or leave what is open", (*LISTS, "order", "book", "help", "progress")),
    # --- act
    _a("process", "p", "act", "Process: hold the order, then send it", ORDERS, "process", writes=True, command="process"),
    _a("process_marked", "P", "act", "Process the marked orders", ("queue", "history"), "bulk", writes=True,
       command="process marked"),
    _a("resolve", "r", "act", "Resolve what keeps the order here", ORDERS, "resolve", writes=True, command="resolve"),
    _a("edit", "e", "act", "Edit the order: then q quantity, a address, s shipping, p supplier, n note", ORDERS, "edit",
       writes=True, command="edit"),
    _a("snooze", "z", "act", "Snooze the order until later, or wake it", ORDERS, "snooze", writes=True, command="snooze"),
    _a("cancel", "c", "act", "Cancel the order, or ask its suppliers to", ORDERS, writes=True, command="cancel"),
    _a("approve", "a", "act", "Approve an order that is on hold", ORDERS, writes=True, command="approve"),
    _a("sync", "S", "act", "Pull from the channel now", (*ORDERS, "channels", "suppliers"), writes=True, command="sync"),
    _a("resume", "w", "act", "Pause the connection, or use it again", ("channels", "suppliers"), "pause", writes=True,
       command="resume"),
    _a("try_it", "t", "act", "Try: the connection, the job, or the payload once more", ("channels", "suppliers", "jobs"),
       "try", writes=True, command="try"),
    _a("add", "A", "act", "Add a channel or a supplier", ("channels", "suppliers"), "add", writes=True, command="add"),
    _a("authorise", "O", "act", "Ask the channel's owner anew to let us in, in a browser", "channels", "owner", writes=True,
       command="authorise"),
    _a("import_", "I", "act", "Import from a CSV file", "mappings", "import", writes=True, command="import"),
    _a("undo", "u", "act", "Undo: take back what is held; later, request cancellation", (*ORDERS, "progress", "mappings"),
       "undo", writes=True, command="undo"),
    # --- mark
    _a("mark", "space", "mark", "Mark, and step down", ("queue", "history"), "mark"),
    _a("range", "v", "mark", "Mark from the last mark to here", ("queue", "history")),
    _a("mark_all", "*", "mark", "Mark all that match", ("queue", "history")),
    _a("clear_marks", "M", "mark", "Clear all marks", ("queue", "history")),
    # --- look
    _a("book", "b", "look", "The blue book: every step of the order", (*ORDERS, "jobs"), "audit", command="audit"),
    _a("open_link", "o", "look", "Open in the store, or the parcel's tracking page", ORDERS),
    _a("copy_order", "y o", "look", "Copy the order's number", ORDERS),
    _a("copy_tracking", "y t", "look", "Copy the tracking numbers", ORDERS),
    _a("copy_address", "y a", "look", "Copy the address", ORDERS),
    _a("copy_event", "y", "look", "Copy the event", "book", "copy"),
    _a("copy_url", "y", "look", "Copy the address at which a channel's owner is asked", "owner", "copy"),
    _a("open_url", "o", "look", "Open that address in a browser", "owner", "open"),
    _a("source", "f", "look", "Only people, workers, suppliers, channels, rules, then all", "book", "who"),
    _a("export", "E", "look", "Write it to a file", ("book", "mappings"), "export"),
    _a("export_list", "E", "look", "Write the list to a file, as it is narrowed", ("queue", "history"), command="export"),
    _a("filter", "/", "look", "Filter: sup: ch: err: total> age> sku: track:", (*LISTS, "book", "help"), "filter"),
    _a("held", "H", "look", "The held orders, which u takes back", (*LISTS, "order"), command="held"),
    _a("take_in", "R", "look", "Take in new rows", ("queue", "history"), command="reload"),
    _a("sort", "s", "look", "Sort by another column", ("queue", "history"), command="sort"),
    # --- app
    _a("command", ":", "app", "Give a command", (*LISTS, "order", "book"), "cmd"),
    _a("palette", "ctrl+p", "app", "Find any action or screen", "app"),
    _a("help", "?", "app", "The keys that hold here", (*LISTS, "order", "book", "bulk", "progress"), "help", command="help"),
    _a("go_queue", "g q", "app", "Go to the queue", (*LISTS, "order", "book"), command="queue"),
    _a("go_history", "g h", "app", "Go to Order History", (*LISTS, "order", "book"), command="history"),
    _a("go_jobs", "g j", "app", "Go to jobs and the inbox", (*LISTS, "order", "book"), command="jobs"),
    _a("go_channels", "g c", "app", "Go to channels", (*LISTS, "order", "book"), command="channels"),
    _a("go_suppliers", "g s", "app", "Go to suppliers", (*LISTS, "order", "book"), command="suppliers"),
    _a("go_mappings", "g m", "app", "Go to mappings", (*LISTS, "order", "book"), command="mappings"),
    _a("quit", "ctrl+q", "app", "Quit; workers go on, what is held stays held", "app", command="quit"),
    # --- answering a question: y, never enter, and never the key that asked
    _a("yes", "y", "answer", "Yes, do it", ("confirm", "bulk"), "yes", answers=True),
    _a("yes_both", "t", "answer", "Yes, and tell the channel too, where it can be told", "confirm", answers=True),
    _a("no", "escape, n, q", "answer", "No, leave it", ("confirm", "bulk"), "no"),
    _a("pause", "space", "answer", "Pause, or go on", "progress", "pause"),
    _a("failures", "f", "answer", "Only what failed", "progress", "failures"),
    # --- panes below the list
    _a("accept", "enter", "pane", "Take the choice under the cursor, or save", (*_ENTERED, "narrow", "event"), "accept",
       answers=True),
    _a("leave", "escape", "pane", "Leave it as it is, or to go on by itself", _PANES, "leave"),
    _a("choice_down", "down, ctrl+n", "pane", "Next choice or field", (*_PICK, *_TYPED, "event")),
    *(_a(f"pick_{n}", str(n), "pane", f"Take choice {n}", ("resolve", "edit", "pick"), answers=True) for n in range(1, 10)),
    _a("edit_quantity", "q", "pane", "The quantity of the line", "edit", "quantity"),
    _a("edit_address", "a", "pane", "The address, field by field", "edit", "address"),
    _a("edit_shipping", "s", "pane", "The shipping method", "edit", "shipping"),
    _a("edit_supplier", "p", "pane", "Who ships the line", "edit", "supplier"),
    _a("edit_note", "n", "pane", "The note", "edit"),
    _a("edit_product", "l", "pane", "Another product for the line", "edit"),
    _a("remember", "m, ctrl+r", "pane", "Remember it for next time, or not", "resolve"),
    _a("process_too", "P, ctrl+o", "pane", "Process the others that become ready by the answer too, or not", "resolve",
       writes=True),
    _a("drop_line", "x, ctrl+x", "pane", "Drop the line", "resolve", writes=True, answers=True),
    _a("drop", "x", "pane", "Drop the job, the payload, or the mapping", ("jobs", "mappings"), writes=True, answers=True),
    _a("find", "/", "pane", "Type anything, also what begins with a digit", "resolve"),
    _a("choice_up", "up, shift+tab", "pane", "Previous choice or field", (*_PICK, *_TYPED, "event")),
    _a("next_field", "tab", "pane", "Next choice or field", _PICK),
    _a("complete", "tab", "pane", "Complete the word", _TYPED, "complete"),
)  # fmt: skip
ACTIONS: Mapping[str, Action] = MappingProxyType({action.id: action for action in _ALL})
GROUPS = ("move", "act", "mark", "look", "app", "answer", "pane")
assert len(ACTIONS) == len(_ALL), "an action's id is given twice"
