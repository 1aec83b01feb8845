"""Why an order needs a person: every Issue code, with what it concerns and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class IssueCode(StrEnum):
    """The reasons; the design fixes them."""

    MISSING_SHIPPING_MAPPING = "missing_shipping_mapping"
    MISSING_FIELD = "missing_field"
    INVALID_ADDRESS = "invalid_address"
    UNMAPPED_SKU = "unmapped_sku"
    NO_SUPPLIER_STOCK = "no_supplier_stock"
    SUPPLIER_DISABLED = "supplier_disabled"
    POSSIBLE_DUPLICATE = "possible_duplicate"
    STALE_ORDER = "stale_order"
    ALREADY_FULFILLED = "already_fulfilled"
    FRAUD_RISK = "fraud_risk"
    CANCEL_WISHED = "cancel_wished"
    UNPAID = "unpaid"
    COST_CHANGED = "cost_changed"
    MARGIN_BELOW_FLOOR = "margin_below_floor"
    SUPPLIER_FAILED = "supplier_failed"
    SUPPLIER_REJECTED = "supplier_rejected"
    SUPPLIER_BACKORDERED = "supplier_backordered"
    SUBMISSION_UNKNOWN = "submission_unknown"
    NO_ACK_IN_TIME = "no_ack_in_time"
    NO_TRACKING_IN_TIME = "no_tracking_in_time"
    TRACKING_REJECTED = "tracking_rejected"
    CANCEL_REFUSED = "cancel_refused"
    SHIPPED_AFTER_CANCEL = "shipped_after_cancel"
    INVOICE_DIFFERS = "invoice_differs"
    CONNECTION_AUTH = "connection_auth"
    CHANNEL_ORDER_CHANGED = "channel_order_changed"


LATE = (IssueCode.NO_ACK_IN_TIME, IssueCode.NO_TRACKING_IN_TIME)
"""A supplier owes something that is overdue."""


class Resolution(StrEnum):
    """The ways an Issue can be closed by a person."""

    MAP_SHIPPING = "map_shipping"  # choose the method this supplier offers
    MAP_SKU = "map_sku"  # say which product (or kit) the channel's SKU is
    FIX_ADDRESS = "fix_address"  # correct fields of the address, the phone among them
    CHOOSE_SUPPLIER = "choose_supplier"
    DROP_LINE = "drop_line"
    WAIVE = "waive"  # looked at and fine as it is
    RETRY = "retry"  # another attempt: to send, to push
    ASK_SUPPLIER = "ask_supplier"  # find(po_number)
    MARK_ACCEPTED = "mark_accepted"  # the person asked: the supplier has it
    MARK_REFUSED = "mark_refused"  # the person asked: the supplier does not have it
    CANCEL = "cancel"
    ACKNOWLEDGE = "acknowledge"  # read; nothing to be done here


@dataclass(frozen=True, slots=True)
class IssueKind:
    """``checked``: found by the checks of the unsent part and closed by them when gone; it keeps the order from being sent.
    A customer's wish to cancel is found in what was sent as well, as long as it has not shipped.

    ``short`` is the word in the queue's last column.
    """

    code: IssueCode
    title: str
    short: str
    todo: str
    checked: bool
    resolutions: tuple[Resolution, ...]


R = Resolution
C = IssueCode


def _kind(code: C, title: str, short: str, todo: str, checked: bool, *resolutions: R) -> IssueKind:
    return IssueKind(code, title, short, todo, checked, resolutions)


_ALL = (
    _kind(C.MISSING_SHIPPING_MAPPING, "Shipping not mapped", "SHIP?", "Choose the method this supplier ships it by.",
          True, R.MAP_SHIPPING, R.CHOOSE_SUPPLIER),
    _kind(C.MISSING_FIELD, "Something is missing", "ADDR?", "Fill in the field, or cancel the order.", True, R.FIX_ADDRESS,
          R.CANCEL),
    _kind(C.INVALID_ADDRESS, "Address cannot be right", "ADDR?", "Correct the address, or say that it is fine.", True,
          R.FIX_ADDRESS, R.WAIVE),
    _kind(C.UNMAPPED_SKU, "SKU not mapped", "SKU?", "Say which product it is, or drop the line.", True,
          R.MAP_SKU, R.DROP_LINE),
    _kind(C.NO_SUPPLIER_STOCK, "No supplier has it", "STOCK?", "Choose a supplier, or drop the line.", True,
          R.CHOOSE_SUPPLIER, R.DROP_LINE),
    _kind(C.SUPPLIER_DISABLED, "Supplier is disabled", "SUPP?", "Choose another supplier, or enable this one.", True,
          R.CHOOSE_SUPPLIER, R.DROP_LINE),
    _kind(C.POSSIBLE_DUPLICATE, "May be a duplicate", "DUP?", "Compare the two: say it is fine, or cancel one.", True,
          R.WAIVE, R.CANCEL),
    _kind(C.STALE_ORDER, "Old order", "OLD?", "Placed long ago: say that it is still wanted, or cancel it.", True,
          R.WAIVE, R.CANCEL),
    _kind(C.ALREADY_FULFILLED, "Already shipped at the channel", "DONE?",
          "The channel says it is shipped: say that it must be sent all the same, or cancel it here.", True,
          R.WAIVE, R.CANCEL),
    _kind(C.FRAUD_RISK, "Risk of fraud", "FRAUD?", "The channel warns: look at the order, then say it is fine or cancel.",
          True, R.WAIVE, R.CANCEL),
    _kind(C.CANCEL_WISHED, "Customer asks to cancel", "WISH?",
          "Cancel it here, which tells the channel where it can; or say that it is sent all the same.", True,
          R.CANCEL, R.WAIVE),
    _kind(C.UNPAID, "Not paid", "UNPAID", "Wait for the payment, or say that it ships unpaid.", True, R.WAIVE, R.CANCEL),
    _kind(C.COST_CHANGED, "Cost has changed", "COST?", "The supplier's cost is not what it was: say that it is fine.", True,
          R.WAIVE, R.CHOOSE_SUPPLIER),
    _kind(C.MARGIN_BELOW_FLOOR, "Margin too low", "MARGIN?", "Say that it is fine, or choose another supplier.",
          True, R.WAIVE, R.CHOOSE_SUPPLIER),
    _kind(C.SUPPLIER_FAILED, "Supplier refused it", "FAILED", "Read the supplier's message, correct, and retry.", False,
          R.RETRY, R.CHOOSE_SUPPLIER, R.CANCEL),
    _kind(C.SUPPLIER_REJECTED, "Supplier will not ship", "REJECTED", "Choose another supplier, or cancel the lines.", False,
          R.CHOOSE_SUPPLIER, R.CANCEL),
    _kind(C.SUPPLIER_BACKORDERED, "Backordered", "BACKORD", "Wait, or request cancellation.", False,
          R.ACKNOWLEDGE, R.CANCEL),
    _kind(C.SUBMISSION_UNKNOWN, "Did it arrive?", "ASK", "Ask the supplier; it is never sent again unasked.", False,
          R.ASK_SUPPLIER, R.MARK_ACCEPTED, R.MARK_REFUSED),
    _kind(C.NO_ACK_IN_TIME, "No acknowledgement in time", "LATE", "Ask the supplier.", False, R.ACKNOWLEDGE, R.CANCEL),
    _kind(C.NO_TRACKING_IN_TIME, "No tracking in time", "LATE", "Ask the supplier where it is.", False,
          R.ACKNOWLEDGE, R.CANCEL),
    _kind(C.TRACKING_REJECTED, "Channel refused the tracking", "TRACK?", "Read the channel's message, then retry.", False,
          R.RETRY, R.ACKNOWLEDGE),
    _kind(C.CANCEL_REFUSED, "Will not be canceled", "CANCEL?",
          "A supplier that refused ships it: tell the customer. At a channel that refused, see to it by hand.", False,
          R.ACKNOWLEDGE),
    _kind(C.SHIPPED_AFTER_CANCEL, "Shipped after cancellation", "CANCEL?", "It is on its way: tell the customer.", False,
          R.ACKNOWLEDGE),
    _kind(C.INVOICE_DIFFERS, "Invoice does not fit", "INVOICE", "Compare it with what was ordered and shipped; accept it, or ask "
          "the supplier for another.", False, R.ACKNOWLEDGE),
    _kind(C.CONNECTION_AUTH, "Credentials not accepted", "AUTH", "Give new credentials, then resume the connection.", False,
          R.RETRY, R.ACKNOWLEDGE),
    _kind(C.CHANNEL_ORDER_CHANGED, "Changed at the channel", "CHANGED", "It changed after it was sent: compare and act.",
          False, R.ACKNOWLEDGE, R.CANCEL),
)  # fmt: skip
ISSUES: Mapping[IssueCode, IssueKind] = MappingProxyType({kind.code: kind for kind in _ALL})
NO_LINES = "lines"
"""The field of the Issue of an order that came without any lines: nothing that could be typed here puts it right."""
_EMPTY = _kind(C.MISSING_FIELD, "It has no lines", "ADDR?", "Correct it in the store and read it again, or cancel it here.",
               True, R.RETRY, R.CANCEL)  # fmt: skip
NOT_COVERED = "paid"
"""The field of the Issue of an order that costs more than was paid for it, or sends more than was ordered."""
_NOT_COVERED = _kind(C.MARGIN_BELOW_FLOOR, "More than was paid for", "MARGIN?",
                     "Say that it is fine, choose another supplier, or edit the order.", True, R.WAIVE,
                     R.CHOOSE_SUPPLIER)  # fmt: skip


def kind_of(code: str, field: str = "") -> IssueKind:
    """What an Issue of this code about this field is, with the ways to close it, the likeliest first."""
    if code == C.MISSING_FIELD and field == NO_LINES:
        return _EMPTY
    if code == C.MARGIN_BELOW_FLOOR and field == NOT_COVERED:
        return _NOT_COVERED
    return ISSUES[C(code)]


def rank(code: str) -> int:
    """Which Issues of an order are shown first: who does not want it needs no product and no method, then what stops it."""
    return 0 if code == C.CANCEL_WISHED else 1 if ISSUES[C(code)].checked else 2


def remembers(code: str, resolution: str, cause: str = "") -> bool:
    """Can the answer be kept for next time? A line without SKU has nothing by which it would be known again."""
    if resolution == R.WAIVE:
        return code == C.COST_CHANGED
    if resolution == R.MAP_SKU:
        return not cause.startswith("line:")
    return resolution == R.MAP_SHIPPING
