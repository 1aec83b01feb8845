"""What a Walmart order says, in the engine's words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from engine.connectors.channels.walmart.payload import (
    CANCELED,
    REFUND,
    SHIPPED,
    Charge,
    Line,
    Order,
    count,
    moment,
    order_of,
)
from engine.domain.money import minor
from engine.errors import Unreadable
from engine.ports import Address, CancelWish, ChannelLine, ChannelOrder, ChannelState, Payment, Raw

# Walmart writes ISO 3166-1 alpha-3; its US site also ships to these.
_COUNTRIES = {
    "USA": "US", "PRI": "PR", "GUM": "GU", "VIR": "VI", "ASM": "AS", "MNP": "MP", "UMI": "UM", "CAN": "CA", "MEX": "MX",
}  # fmt: skip


def read(raw: Raw) -> ChannelOrder:
    """The order in the payload. Raises Unreadable with the path of the field that is wrong."""
    subject = f"Walmart order {raw.external_id}"
    order = order_of(raw.body, subject)
    try:
        return _read(order)
    except Unreadable as error:
        raise Unreadable(f"{subject}: {error.message}", field=error.field) from error


def _read(order: Order) -> ChannelOrder:
    placed = moment(order.order_date, "orderDate")
    sums = _Sums(order)
    programs = dict.fromkeys(line.fulfillment.shipping_program_type or "" for line in order.lines if line.fulfillment)
    state = _state(order.lines)
    return ChannelOrder(
        external_id=order.purchase_order_id,
        number=order.customer_order_id,
        state=state,
        payment=_payment(state, sums),
        placed_at=placed,
        updated_at=max([placed, *(moment(line.status_date, "orderLines.statusDate") for line in order.lines)]),
        currency=sums.currency,
        total=sums.total,
        lines=tuple(_line(line, sums) for line in order.lines),
        ship_to=_address(order),
        email=order.customer_email_id or "",
        shipping_rate=" ".join([order.shipping_info.method_code, *filter(None, programs)]),
        shipping_total=sums.of("SHIPPING"),
        tax_total=sums.tax,
        discount_total=sums.discount,
        cancel_wish=_wish(order) if state not in (ChannelState.SHIPPED, ChannelState.CANCELED) else None,
    )


def _wish(order: Order) -> CancelWish | None:
    """The lines its customer has asked Walmart to cancel. Walmart does not tell why."""
    asked = tuple(line.line_number for line in order.lines if line.asked_to_cancel)
    return CancelWish(lines=() if len(asked) == len(order.lines) else asked) if asked else None


def _state(lines: Sequence[Line]) -> ChannelState:
    if any(line.open for line in lines):
        some = any(line.pieces(*SHIPPED, REFUND) for line in lines)
        return ChannelState.PARTIALLY_SHIPPED if some else ChannelState.OPEN
    gone = all(line.pieces(CANCELED) == count(line.order_line_quantity, line.line_number) for line in lines)
    return ChannelState.CANCELED if gone else ChannelState.SHIPPED


def _payment(state: ChannelState, sums: _Sums) -> Payment:
    # Walmart releases an order once it answers for the money, takes it as things ship, and pays sellers itself.
    if state is ChannelState.CANCELED:
        return Payment.REFUNDED
    if not sums.refunded:
        return Payment.PAID
    return Payment.REFUNDED if sums.refunded >= sums.total else Payment.PARTIALLY_REFUNDED


class _Sums:
    """The money of an order, in minor units.

    Walmart does not say whether the charges of a line of several pieces are for one of them or for all. Where the order's
    own total is there it decides; without one they are taken to be for all.
    """

    def __init__(self, order: Order) -> None:
        charges = [charge for line in order.lines for charge in line.charges.charge]
        found = dict.fromkeys(charge.charge_amount.currency for charge in charges)
        if len(found) != 1:
            said = ", ".join(found) or "none"
            raise Unreadable(f"its charges should be in one currency, and are in: {said}", field="orderLines.charges")
        (self.currency,) = found
        self._lines = order.lines
        self._each = ""
        self.total = self._whole()
        given = order.order_summary.total_amount if order.order_summary else None
        if given is not None:
            total = self._minor(given.currency_amount, "orderSummary.totalAmount")
            for self._each in ("", "PRODUCT", "PRODUCT SHIPPING"):
                if self._whole() == total:
                    break
            else:
                self._each = ""
            self.total = total
        self.tax = sum(self._times(line, charge) * self._tax(charge) for line, charge in self._charges())
        self.discount = sum(
            self._times(line, charge) * abs(self._amount(charge))
            for line, charge in self._charges()
            if _is_discount(charge)
        )
        refunds = [
            refund.charge for line in order.lines if line.refund for refund in line.refund.refund_charges.refund_charge
        ]
        # Refunds are written with a minus or without one.
        self.refunded = sum(abs(self._amount(charge)) + abs(self._tax(charge)) for charge in refunds)

    def _charges(self) -> Iterable[tuple[Line, Charge]]:
        return ((line, charge) for line in self._lines for charge in line.charges.charge)

    def _times(self, line: Line, charge: Charge) -> int:
        each = charge.charge_type in self._each.split()
        return count(line.order_line_quantity, line.line_number) if each else 1

    def _minor(self, amount: Decimal, field: str) -> int:
        try:
            return minor(amount, self.currency)
        except Unreadable as error:
            raise Unreadable(f"{field}: {error.message}", field=field) from error

    def _amount(self, charge: Charge) -> int:
        return self._minor(charge.charge_amount.amount, f"charge {charge.charge_name}")

    def _tax(self, charge: Charge) -> int:
        return self._minor(charge.tax.tax_amount.amount, f"tax on {charge.charge_name}") if charge.tax else 0

    def _whole(self) -> int:
        return sum(
            self._times(line, charge) * (self._amount(charge) + self._tax(charge)) for line, charge in self._charges()
        )

    def of(self, kind: str) -> int:
        """What is charged of this type, before taxes."""
        return sum(
            self._times(line, charge) * self._amount(charge)
            for line, charge in self._charges()
            if charge.charge_type == kind
        )

    def piece(self, line: Line) -> int:
        """The price of one piece before discounts, rounded half up where the line's does not divide."""
        price = sum(
            self._amount(charge)
            for charge in line.charges.charge
            if charge.charge_type == "PRODUCT" and not _is_discount(charge)
        )
        pieces = 1 if self._each else count(line.order_line_quantity, line.line_number)
        return (2 * price + pieces) // (2 * pieces)


def _is_discount(charge: Charge) -> bool:
    return charge.charge_type == "PRODUCT" and charge.charge_name.lower().endswith("discount")


def _line(line: Line, sums: _Sums) -> ChannelLine:
    quantity = count(line.order_line_quantity, line.line_number)
    if quantity <= 0:
        raise Unreadable(f"line {line.line_number} is of no pieces", field="orderLines.orderLineQuantity")
    canceled = line.pieces(CANCELED)
    return ChannelLine(
        external_id=line.line_number,
        sku=line.item.sku,
        title=line.item.product_name,
        quantity=quantity,
        unit_price=sums.piece(line),
        canceled=canceled,
        shipped=quantity - canceled - line.open,
    )


def _address(order: Order) -> Address:
    given = order.shipping_info.postal_address
    country = _COUNTRIES.get(given.country.upper(), given.country if len(given.country) == 2 else "")
    if not country:
        raise Unreadable(
            f"{given.country!r} is no country Walmart is known to ship to; correct it here by hand",
            field="shippingInfo.postalAddress.country",
        )
    return Address(
        name=given.name, line1=given.address1, line2=given.address2 or "", city=given.city, region=given.state,
        postal_code=given.postal_code, country=country, phone=order.shipping_info.phone or "",
        email=order.customer_email_id or "",
    )  # fmt: skip
