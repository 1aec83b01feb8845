"""``python -m scripts.keys`` writes docs/terminal.md from the terminal app's one table of actions."""

from __future__ import annotations

from pathlib import Path

from engine.services.filter_line import KEYS
from tui.actions import ACTIONS, GROUPS
from tui.keys import shown

PAGE = Path(__file__).parents[1] / "docs" / "terminal.md"
TEN = ("process", "undo", "resolve", "edit", "mark_all", "process_marked", "book", "filter", "open", "help")
"""The keys that matter most; the README has the same ten."""
TITLES = {
    "move": "Move", "act": "Act", "mark": "Mark", "look": "Look", "app": "The app", "answer": "Answer a question",
    "pane": "In what opens below the list",
}  # fmt: skip
HEAD = """# The terminal app

`bluebook tui` is where orders are processed by keyboard. It needs a worker somewhere (`bluebook worker`) to send what is
processed; the line at the foot says when none runs, and which supplier cannot be reached ("ACME failing 2m, 3 wait"): what
waits for it is tried again by itself, and the order says why and when. `make run` ends in it, on orders that wait for you.

This page is made by `python -m scripts.keys` from the table of actions that the app itself reads; `?` shows it there.

## Ten keys

"""
TAIL = """
`p` pressed twice within 70 ms, in a paste, or just as the window gets the focus is ignored, and says so. A question is
answered by `y`, never by Enter. Processing never sends at once: it holds, and `u` takes it back, even after a crash.

`u` takes back the held order you went to, else what you did last, else what you hold from another session. Where none of these
is, a sent order can be asked back, and what somebody else holds is taken back once you say `y` to a question that names them.
What waits because its supplier cannot be reached comes back by `u` too, unless it may have arrived: then you are told so.

## Filters

`/` narrows the list as you type; Tab completes, Enter keeps it, Esc puts back what was there. Words search names, e-mail,
numbers, SKUs, tracking and purchase orders.

"""
REST = """
## Resolve

`r` opens what keeps the order here, with what most likely helps first. A digit takes a choice at once, Enter the one under
the cursor (`>`). The answer is remembered (`m` turns that off), and every waiting order with the same cause is looked at again;
`P` has those that become ready processed too, `x` drops the line.

Where there is something to search or to write, every letter is text, and these switches are `Ctrl+r`, `Ctrl+o` and `Ctrl+x`.
Only a digit still takes a choice as long as nothing is written: `/` first writes one too, and what a barcode scanner sends is
looked for. Enter takes nothing that was not on the screen when you pressed it: behind a paste, or where the machine did not keep
up, it asks you to look at the list that belongs to what you wrote.

## Edit

`e` opens what can be changed before it is sent; what would follow is shown as you type. A quantity or SKU is replaced by what you
type, an address or note goes on where it ends (Ctrl+U empties the field). Enter saves all of it, and leaves where nothing was
changed; quantity 0 asks before it drops the line. `u` takes the edit back, and an answer in Resolve that was for this order only,
for two minutes and until it is sent.

More than the channel ordered, or an order that costs more than its customer paid, waits in Resolve until a person says that it is
fine: it was paid for what the channel told, whatever is typed here.

## Many at once

`*` marks all that match, `P` says what would happen within your limits (settings `bulk_orders` and `bulk_value`), `y` does it.
An order counts with its total, or with what it costs where that is more. It goes on in the background when you
leave it; `P` shows it again, Space pauses it, `u` takes back what is still held. Marks outlive the filter they were made under:
the question says how many of them are not in the list.

## Views, themes, keys of your own

- `:save mornings` keeps the tab, filter and sort; `:view mornings` or `bluebook tui --view mornings` shows them again.
- `:theme bluebook-light` (or any that Textual brings) is remembered. Without colour (`NO_COLOR=1`) every state is still a word.
- `keys.toml` in Bluebook's home gives actions other keys, by the names of the last column below:

  ```toml
  [keys]
  process = ["p", "x"]
  ```

  What cannot be is told when the app starts, and the default holds.
- `bluebook tui --readonly` looks and changes nothing.
- `bluebook tui --serve` shows the same app in a browser tab on this machine. Its address has a secret in it: whoever opens it
  acts as you. It fetches nothing from outside.
- Copying (`y o`, `y t`, `y a`) uses OSC 52, which works over ssh and in tmux (`set -g set-clipboard on`); what is copied is
  shown too, for terminals that do not take it.

## All keys
"""


def page() -> str:
    """The whole page."""
    ten = _table(("key", "does"), [(_keys(name), ACTIONS[name].help) for name in TEN])
    filters = _table(("write", "asks for"), [(f"`{key.example}`", key.about) for key in KEYS.values()])
    parts = [HEAD, ten, TAIL, filters, "\n`!` before a word or a key leaves those orders out.\n", REST]
    for group in GROUPS:
        rows = [
            (_keys(a.id), a.help, f"`:{a.command}`" if a.command else "", f"`{a.id}`")
            for a in ACTIONS.values()
            if a.group == group
        ]
        parts.append(f"\n### {TITLES[group]}\n\n{_table(('key', 'does', 'command', 'name'), rows)}")
    return "".join(parts)


def ten_keys() -> str:
    """The table for the README."""
    return _table(("key", "does"), [(_keys(name), ACTIONS[name].help) for name in TEN])


def _keys(name: str) -> str:
    return " ".join(f"`{shown(key)}`" for key in ACTIONS[name].keys)


def _table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"wrote {PAGE.name}")
