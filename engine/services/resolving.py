"""An Issue being resolved: what is shown of it, how it is closed in one change of its order, and what came of that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from engine import db
from engine.domain.issues import ISSUES, IssueCode, Resolution, kind_of, rank
from engine.errors import Invalid, NotFound, Refused
from engine.services import check, lifecycle, loading
from engine.services.casefile import Case, EventRecord, IssueRecord, PurchaseRecord
from engine.services.check import Freed
from engine.services.lifecycle import Actor, Work
from engine.services.unmap import SavedMapping


class OpenIssue(msgspec.Struct, frozen=True):
    """An Issue that is open, with the ways to close it."""

    id: int
    code: str
    title: str
    todo: str
    message: str
    field: str
    cause: str
    line: int
    po_number: str
    resolutions: tuple[Resolution, ...]


class Resolved(msgspec.Struct, frozen=True):
    """The order after it; ``became_ready`` counts the other orders that the same answer made ready or sent on.

    ``ready`` are the ids of those of them that wait to be processed; ``saved`` is the mapping that is remembered.
    """

    order_id: int
    number: str
    status: str
    message: str
    became_ready: int
    remaining: list[OpenIssue]
    ready: tuple[int, ...] = ()
    saved: SavedMapping | None = None


class Scene(msgspec.Struct):
    """An Issue being resolved: ``event`` is the person's, ``message`` what it and the person are told."""

    work: Work
    case: Case
    issue: IssueRecord
    event: EventRecord
    message: str = ""
    checked: bool = False
    after_check: Callable[[], None] | None = None

    def purchase(self) -> PurchaseRecord:
        """The purchase order it is about."""
        if self.issue.purchase is None:
            raise Refused(f"the Issue of order {self.case.order.number} is about no purchase order")
        return self.issue.purchase


async def order_issues(order_id: int) -> list[OpenIssue]:
    """The order's open Issues, those that keep it from being sent first. Raises NotFound."""
    cases = await loading.load([order_id])
    if not cases:
        raise NotFound(f"there is no order {order_id}")
    return shown(cases[0])


def shown(case: Case) -> list[OpenIssue]:
    """The open Issues of a loaded order, those that keep it from being sent first, and before them its customer's wish."""
    found = []
    for issue in sorted(case.issues, key=lambda i: (rank(i.code), i.id)):
        kind = kind_of(issue.code, issue.field)
        found.append(
            OpenIssue(
                issue.id, issue.code, kind.title, kind.todo, issue.message, issue.field, issue.cause,
                issue.line.position if issue.line else 0, issue.purchase.po_number if issue.purchase else "",
                kind.resolutions,
            )
        )  # fmt: skip
    return found


async def offered(issue_id: int, resolution: str) -> tuple[int, IssueCode]:
    """The order and code of an open Issue that can be resolved so. Raises NotFound, Refused, Invalid."""
    row = await db.row(
        "SELECT order_id, code, closed_at, closed_by, resolution, field FROM issues WHERE id = ?", issue_id
    )  # fmt: skip
    if row is None:
        raise NotFound(f"there is no Issue {issue_id}")
    kind = kind_of(row[1], row[5])
    if row[2] is not None:
        raise Refused(f"“{kind.title}” was closed by {row[3]} meanwhile ({row[4]}): nothing is left to resolve")
    if resolution not in list(kind.resolutions):
        ways = ", ".join(kind.resolutions)
        raise Invalid(f"“{kind.title}” is not resolved by {resolution}, but by {ways}", "resolution")
    return int(row[0]), kind.code


@asynccontextmanager
async def resolving(issue_id: int, how: Resolution, by: Actor) -> AsyncIterator[Scene]:
    """The Issue is closed this way by what is done within, and its order checked after it: all of it or nothing."""
    order_id, code = await offered(issue_id, how)
    async with lifecycle.change([order_id], by=by) as work:
        case = work.cases[0]
        issue = next((i for i in case.issues if i.id == issue_id), None)
        if issue is None:
            raise Refused(f"“{ISSUES[code].title}” of order {case.order.number} was closed meanwhile")
        data = {"issue": code.value, "resolution": how.value, "said": issue.message}
        event = work.event(case, "order:resolve", "", record=issue.line or issue.purchase, data=data)
        work.close_issue(case, issue, how.value)
        scene = Scene(work, case, issue, event)
        yield scene
        if not scene.checked:
            await check.check(work, [case])
        if scene.after_check is not None:
            scene.after_check()
        event.message = f"{ISSUES[code].title}: {scene.message}"


def resolved(scene: Scene, freed: Freed | None = None, saved: SavedMapping | None = None) -> Resolved:
    """What came of it, for who resolved it."""
    order, freed = scene.case.order, freed or Freed()
    return Resolved(
        order.id, order.number, order.status, scene.message, freed.count, shown(scene.case), freed.ready, saved
    )  # fmt: skip


async def look(issue_id: int, how: Resolution) -> tuple[Case, IssueRecord]:
    """The order as it stands, unlocked, and the Issue in it."""
    order_id, code = await offered(issue_id, how)
    case = (await loading.load([order_id]))[0]
    issue = next((i for i in case.issues if i.id == issue_id), None)
    if issue is None:
        raise Refused(f"“{ISSUES[code].title}” of order {case.order.number} was closed meanwhile")
    return case, issue
