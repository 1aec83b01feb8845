"""What was sent and came back: a definite no where it can only be that, and a question to a person where it may be more."""

from __future__ import annotations

from engine.domain.issues import IssueCode
from engine.domain.states import PurchaseState
from engine.errors import Unreadable
from engine.ports import SupplierUpdate
from engine.services import submissions, submit
from engine.services.casefile import Case, PurchaseRecord
from engine.services.lifecycle import Work

S = PurchaseState


def undelivered(work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, inbound_id: int) -> bool:
    """All of it came back. Sent once, it never arrived, and a person may send it again; sent more often, one may have arrived."""
    if po.attempt > 1 or po.state not in (S.SUBMITTED, S.OUTCOME_UNKNOWN):
        return doubtful(work, case, po, update, inbound_id)
    if po.state == S.OUTCOME_UNKNOWN:
        submissions.end(work, po, "refused", update.message)
        submit.failed(work, case, po, update.message, inbound_id=inbound_id)
    else:
        submit.failed(
            work, case, po, update.message, "bounce", inbound_id=inbound_id, sent_at=None, ack_due_at=None,
            tracking_due_at=None,
        )  # fmt: skip
    return False


def doubtful(work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, inbound_id: int) -> bool:
    """Part of it came back: whether the supplier has it a person asks. Once the supplier spoke of it, it is only noted."""
    if po.state == S.SUBMITTING:  # it came back before we noted that it left: read again, this will count
        raise Unreadable(f"{po.po_number} is just being sent, so it is not certain what came back: {update.message}")
    if po.state not in (S.SUBMITTED, S.OUTCOME_UNKNOWN):
        return noted(work, case, po, update, inbound_id)
    said = f"{po.po_number} may have reached the supplier or not: {update.message}"
    if po.state == S.SUBMITTED:
        work.move(
            case, po, "doubt", update.message, source="supplier", inbound_id=inbound_id, message=update.message,
            ack_due_at=None, tracking_due_at=None,
        )  # fmt: skip
    else:
        noted(work, case, po, update, inbound_id)
    for issue in [i for i in case.issues if i.purchase is po and i.code == IssueCode.SUBMISSION_UNKNOWN]:
        work.close_issue(case, issue, "more is known")
    cause = f"{submissions.CAME_BACK}{po.po_number}:{po.attempt}"
    work.open_issue(case, IssueCode.SUBMISSION_UNKNOWN, said, purchase=po, cause=cause)
    return False


def noted(work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, inbound_id: int) -> bool:
    """The blue book has it, and nothing changes."""
    work.event(case, "purchase:noted", update.message, record=po, source="supplier", inbound_id=inbound_id)
    return False
