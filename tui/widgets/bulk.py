"""Processing what is marked: first what would happen and within which limits, then y, then how it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.widgets import Static

from engine.services.preview import Limits, Preview
from tui import words
from tui.bulk import BulkRun
from tui.plain import many
from tui.widgets.pane import Pane

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

GOING = "progress"
"""The scope of its keys once the orders are being processed."""
LINES = 6
BAR = 40


class BulkPane(Pane):
    """Asks before, shows progress after, each with keys of its own. Leaving is safe: it goes on in the background."""

    scope = "bulk"

    def __init__(
        self,
        found: Preview,
        asked: str,
        begin: Callable[[list[int]], BulkRun],
        undo: Callable[[BulkRun], Awaitable[None]],
        run: BulkRun | None = None,
    ) -> None:
        super().__init__()
        self.found, self.asked, self.begin, self.undo = found, asked, begin, undo
        self.running = run
        self.failures = False
        if run is not None:
            self.scope = GOING

    def compose(self) -> ComposeResult:
        """One text, drawn anew as it goes on."""
        yield Static("", markup=False)

    async def opened(self) -> None:
        """What would happen is shown."""
        self.draw()

    def takes_text(self, token: str, event: events.Key) -> bool:
        """There is no field."""
        return False

    # --- keys ---------------------------------------------------------------------------------------------------------

    def act_yes(self) -> None:
        """They are held, one after the other."""
        if not self.found.ready:
            self.app.say("none of the marked orders can be processed: r resolves them", "warn")
            return
        self.running = self.begin(self.found.ready)
        self.scope = GOING
        self.page.refresh_keys()
        self.draw()

    async def act_no(self) -> None:
        """Nothing is changed; the marks stay."""
        await self.page.close_pane()
        self.app.say("nothing was processed")

    async def act_undo(self) -> None:
        """What is still held is taken back, and nothing further is held."""
        if self.running is not None:
            await self.undo(self.running)
        if self.is_attached:
            self.draw()

    def act_pause(self) -> None:
        """No further order is held until it goes on."""
        if self.running is None or self.running.over:
            self.app.say("nothing is going on that could be paused")
            return
        self.running.pause()
        self.draw()

    def act_failures(self) -> None:
        """Only what failed or was refused, or everything."""
        self.failures = not self.failures
        self.draw()

    async def act_back(self) -> None:
        """The list has the keys again; what was begun goes on."""
        await self.page.close_pane()
        if self.running is not None and not self.running.over:
            self.app.say("goes on in the background: P shows it again")

    # --- drawing ------------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """The pane tells the truth again."""
        text = self._progress(self.running) if self.running is not None else self._before()
        for shown in self.query(Static):  # none yet, or none any more, where the run moves on meanwhile
            shown.update(text)

    def _before(self) -> Text:
        found = self.found
        text = Text()
        text.append(f" {words.line(self.asked)}\n", "bold")
        left = ", ".join(f"{count} {short}" for short, count in found.reasons().items())
        text.append(f" {len(found.ready):,} will be held {words.undo_seconds():g} s, then sent")
        text.append(f"     {len(found.left_out):,} left out ({words.plain(left)})\n" if left else "\n")
        shares = [
            f"{words.plain(share.supplier)} {many(share.purchase_orders, 'PO')}, {words.amount(share.cost, share.currency)}"
            for share in found.suppliers
        ]
        if found.largest is not None:
            number, total, currency = found.largest
            shares.append(f"largest {words.plain(number)} {words.amount(total, currency)}")
        if found.oldest is not None:
            shares.append(f"oldest {words.age(found.oldest)}")
        for start in range(0, len(shares), 3):
            text.append(f" {'   '.join(shares[start : start + 3])}\n")
        text.append(f" {_limits(Limits.in_force())}", "dim")
        if found.beyond:
            text.append(f"   {many(len(found.beyond), 'order')} beyond it stay marked: P again", "bold")
        text.append("\n type ", "dim")
        text.append("y", "bold")
        text.append(" to go, Esc or n to leave it", "dim")
        return text

    def _progress(self, run: BulkRun) -> Text:
        text = Text()
        total, so_far = len(run.order_ids), len(run.outcomes)
        full = BAR * so_far // max(total, 1)
        text.append(f" {'█' * full}{'░' * (BAR - full)}  {so_far:,}/{total:,}", "bold")
        now = run.now
        text.append(
            f"   sent {len(now.sent):,}   held {len(now.held):,}   failed {len(now.failed):,}   "
            f"taken back {len(now.back):,}   refused {len(run.refused):,}"
        )
        if run.paused:
            text.append("   PAUSED (space goes on)", "bold reverse")
        elif run.stopped:
            text.append(f"   STOPPED: {words.plain(run.stopped)}", "bold")
        failed = set(now.failed)
        shown = [o for o in run.outcomes if not self.failures or not o.done or o.order_id in failed]
        for outcome in shown[-LINES:]:
            text.append(f"\n  {words.plain(outcome.number):<10} ")
            if not outcome.done:
                text.append(f"refused: {words.plain(outcome.message)}", "bold")
            elif outcome.order_id in failed:
                text.append(f"FAILED at a supplier: {' '.join(outcome.po_numbers)} (Enter opens it in Resolve)", "bold")
            else:
                text.append(f"ok  {' '.join(outcome.po_numbers)}", "dim")
        if self.failures and not shown:
            text.append("\n  nothing failed")
        text.append("\n Esc leaves it" if run.over else "\n Esc leaves it to go on by itself", "dim")
        return text


def _limits(limits: Limits) -> str:
    orders = many(limits.orders, "order") if limits.orders else ""
    value = f"{limits.value:,f} in each currency" if limits.value else ""
    both = " / ".join(part for part in (orders, value) if part)
    return f"your bulk limit: {both}" if both else "no bulk limit is set"
