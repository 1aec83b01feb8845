"""The demo store's Admin API: documents are executed on a schema, and cost points.

Costs follow Shopify's rules: an object is a point, a connection two and as many nodes as were asked for, a mutation ten.
https://shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
    get_named_type,
    is_leaf_type,
    parse,
    validate,
    value_from_ast_untyped,
)

from engine.demo.channels.shopify_book import HOLDS, LOCATIONS, Book, Line, Order, Part, Sent, Wrong
from engine.domain.money import major

DEAREST = 1000
_MOST = 250
_Tree = dict[str, Any]
_Place = tuple[datetime | int, int]
_T = TypeVar("_T")


class Cost(msgspec.Struct):
    """What an answer says of its cost."""

    requested: float
    actual: float | None
    available: float
    maximum: float
    restore: float

    def extensions(self) -> _Tree:
        """As Shopify writes it."""
        status = {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": int(self.available),
            "restoreRate": self.restore,
        }
        return {
            "cost": {
                "requestedQueryCost": int(self.requested),
                "actualQueryCost": None if self.actual is None else int(self.actual),
                "throttleStatus": status,
            }
        }


class Points:
    """The bucket: ``restore`` points come back a second, by the store's clock, up to ``maximum``."""

    def __init__(self, maximum: float, restore: float, moment: Callable[[], datetime]) -> None:
        self.maximum, self.restore, self._moment = maximum, restore, moment
        self._left, self._at = maximum, moment()

    @property
    def left(self) -> float:
        """How many there are now."""
        now = self._moment()
        self._left = min(self.maximum, self._left + max(0.0, (now - self._at).total_seconds()) * self.restore)
        self._at = now
        return self._left

    def take(self, points: float) -> None:
        """So many are gone."""
        self._left = max(0.0, self.left - points)

    def cost(self, requested: float, actual: float | None) -> Cost:
        """What to say of them."""
        return Cost(requested, actual, self.left, self.maximum, self.restore)


class Graph:
    """Executes what is asked of a book. ``scopes`` are what the app was allowed. ``quick`` is for many thousand orders."""

    def __init__(self, book: Book, schema: GraphQLSchema, points: Points, shop: str) -> None:
        self.quick = False
        self.book, self.schema, self.points, self.shop = book, schema, points, shop
        self.scopes: set[str] = set()
        self.listings: dict[str, tuple[str, str]] = {}
        self.check = lru_cache(maxsize=64)(self._check)

    def answer(self, text: str, variables: Mapping[str, Any], operation: str | None) -> _Tree:
        """The body of an answer with status 200."""
        document, errors = self.check(text)
        if errors:
            return {"errors": errors}
        requested = self._requested(document, variables)
        if requested > DEAREST:
            said = f"Query cost is {int(requested)}, which exceeds the single query max cost limit ({DEAREST})."
            return {"errors": [_error(said, "MAX_COST_EXCEEDED", cost=int(requested), maxCost=DEAREST)]}
        if requested > self.points.left:
            return self.throttled(requested)
        body = (self._quickly if self.quick else self._whole)(document, variables, operation)
        actual = 10.0 if "mutation" in text[:20] else max(1.0, _weight(list((body["data"] or {}).values())))
        self.points.take(actual)
        return {**body, "extensions": self.points.cost(requested, actual).extensions()}

    def _whole(self, document: DocumentNode, variables: Mapping[str, Any], operation: str | None) -> _Tree:
        """Every value is completed as the schema says."""
        result = execute_sync(
            self.schema, document, self._roots(), variable_values=dict(variables), operation_name=operation
        )
        body: _Tree = {"data": result.data}
        if result.errors:
            body["errors"] = [error.formatted for error in result.errors]
        return body

    def _quickly(self, document: DocumentNode, variables: Mapping[str, Any], operation: str | None) -> _Tree:
        """The same for documents of one operation, without a look at the types of what is answered."""
        (node,) = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        try:
            return {"data": _picked(self._roots(), node.selection_set, dict(variables))}
        except GraphQLError as error:
            return {"data": None, "errors": [dict(error.formatted)]}

    def throttled(self, requested: float, left: float | None = None) -> _Tree:
        """What is said where the points do not suffice."""
        cost = self.points.cost(requested, None)
        if left is not None:
            cost.available = left
        return {"errors": [_error("Throttled", "THROTTLED")], "extensions": cost.extensions()}

    def _check(self, text: str) -> tuple[DocumentNode, list[_Tree]]:
        document = parse(text)
        return document, [dict(error.formatted) for error in validate(self.schema, document)]

    # --- cost

    def _requested(self, document: DocumentNode, variables: Mapping[str, Any]) -> float:
        total = 0.0
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                root = self.schema.get_root_type(node.operation)
                total += 10.0 if node.operation.value == "mutation" else 0.0
                total += self._fields(node.selection_set, root, variables)
        return total

    def _fields(self, selections: SelectionSetNode | None, parent: Any, variables: Mapping[str, Any]) -> float:
        total = 0.0
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                total += self._field(node, parent, variables)
            elif not isinstance(node, FragmentSpreadNode):
                kind = getattr(node, "type_condition", None)
                inner = self.schema.type_map[kind.name.value] if kind else parent
                total += self._fields(node.selection_set, inner, variables)  # type: ignore[attr-defined]
        return total

    def _field(self, node: FieldNode, parent: Any, variables: Mapping[str, Any]) -> float:
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) or node.name.value not in parent.fields:
            return 0.0
        kind = get_named_type(parent.fields[node.name.value].type)
        if is_leaf_type(kind) or node.name.value == "pageInfo":
            return 0.0
        given = {arg.name.value: value_from_ast_untyped(arg.value, dict(variables)) for arg in node.arguments}
        inside = self._fields(node.selection_set, kind, variables)
        if str(kind).endswith("Connection"):  # its nodes are in ``inside``, counted once
            return 2.0 + float(given.get("first") or given.get("last") or 1) * inside
        times = given.get("first") or (len(given["ids"]) if "ids" in given else 1)
        return float(times) * (1.0 + inside)

    # --- answers

    def _roots(self) -> _Tree:
        return {
            "node": lambda info, **given: self._node(info, given["id"]),
            "nodes": lambda info, ids: [self._node(info, one) for one in ids],
            "orders": self._orders,
            "productVariants": self._variants,
            "shop": lambda info: {
                "id": gid("Shop", 1), "name": "Blue Door Living (demo)", "myshopifyDomain": self.shop, "currencyCode": "USD",
            },
            "currentAppInstallation": lambda info: {
                "id": gid("AppInstallation", 1),
                "accessScopes": [{"handle": one, "description": one} for one in sorted(self.scopes)],
            },
            "fulfillmentCreate": self._fulfill,
            "orderCancel": self._cancel,
        }  # fmt: skip

    def _need(self, info: GraphQLResolveInfo, scope: str) -> None:
        if scope in self.scopes or scope.replace("read_", "write_", 1) in self.scopes:
            return
        needed = f"`{scope}` access scope."
        raise GraphQLError(
            f"Access denied for {info.field_name} field. Required access: {needed}",
            extensions={"code": "ACCESS_DENIED", "requiredAccess": needed},
        )

    def _node(self, info: GraphQLResolveInfo, wanted: str) -> _Tree | None:
        kind, _, number = wanted.removeprefix("gid://shopify/").partition("/")
        if not wanted.startswith("gid://shopify/") or not number.isdecimal():
            raise GraphQLError(f"Invalid global id '{wanted}'", extensions={"code": "argumentLiteralsIncompatible"})
        self._need(info, "read_orders")
        if kind == "OrderCancelJobResult":
            job = self.book.jobs.get(int(number))
            return _job(job) if job else None
        key = int(number)
        if kind == "Order":
            return _order(self.book.orders[key]) if key in self.book.orders else None
        if kind == "FulfillmentOrder":
            return _part(self.book.parts[key][1]) if key in self.book.parts else None
        if kind == "Fulfillment":
            return _sent(self.book.sent[key]) if key in self.book.sent else None
        return None

    def _orders(self, info: GraphQLResolveInfo, **given: Any) -> _Tree:
        self._need(info, "read_orders")
        matches = _matcher(given.get("query") or "")
        by_change = given.get("sortKey") == "UPDATED_AT"
        # The cursor is a place in the order, as Shopify's is: what changes moves behind it.
        found = [
            ((one.updated if by_change else one.created, one.id), one)
            for one in filter(matches, self.book.orders.values())
        ]
        return _connection(sorted(found, key=lambda item: item[0]), _order, given)

    def _variants(self, info: GraphQLResolveInfo, **given: Any) -> _Tree:
        self._need(info, "read_products")
        found: list[tuple[_Place, _Tree]] = []
        for at, (sku, (title, barcode)) in enumerate(self.listings.items(), 9001):
            product = {"id": gid("Product", at), "title": title, "status": "ACTIVE"}
            variant = {
                "id": gid("ProductVariant", at), "sku": sku, "title": "Default Title", "displayName": title,
                "barcode": barcode or None, "product": product,
            }  # fmt: skip
            found.append(((at, 0), variant))
        return _connection(found, _same, given)

    def _fulfill(self, info: GraphQLResolveInfo, fulfillment: _Tree, message: str | None = None) -> _Tree:
        self._need(info, "write_merchant_managed_fulfillment_orders")
        try:
            return {"fulfillment": _sent(self.book.fulfill(fulfillment)), "userErrors": []}
        except Wrong as error:
            return {"fulfillment": None, "userErrors": [{"field": error.path, "message": error.message}]}

    def _cancel(self, info: GraphQLResolveInfo, **given: Any) -> _Tree:
        self._need(info, "write_orders")
        order = self.book.orders.get(int(given["orderId"].rpartition("/")[2]))
        method = given.get("refundMethod") or {}
        if order is None:
            said = {"code": "NOT_FOUND", "field": ["orderId"], "message": "Order does not exist."}
            return {"jobResult": None, "orderCancelUserErrors": [said]}
        try:
            job = self.book.ask_cancel(order, refund=bool(method.get("originalPaymentMethodsRefund")))
            return {"jobResult": _job(job), "orderCancelUserErrors": []}
        except Wrong as error:
            said = {"code": "INVALID", "field": error.path, "message": error.message}
            return {"jobResult": None, "orderCancelUserErrors": [said]}


class _Info(msgspec.Struct, frozen=True):
    field_name: str


def _picked(source: _Tree, selections: SelectionSetNode, variables: _Tree) -> _Tree:
    found: _Tree = {}
    for node in selections.selections:
        if isinstance(node, FieldNode):
            value = source[node.name.value]
            if callable(value):
                given = {arg.name.value: value_from_ast_untyped(arg.value, variables) for arg in node.arguments}
                value = value(_Info(node.name.value), **given)
            found[(node.alias or node.name).value] = _within(value, node.selection_set, variables)
        elif isinstance(node, InlineFragmentNode) and source["__typename"] == node.type_condition.name.value:
            found |= _picked(source, node.selection_set, variables)
    return found


def _within(value: Any, selections: SelectionSetNode | None, variables: _Tree) -> Any:
    if selections is None or value is None:
        return value
    if isinstance(value, list | tuple):
        return [_within(one, selections, variables) for one in value]
    return _picked(value, selections, variables)


def gid(kind: str, number: int) -> str:
    """The global id of a thing."""
    return f"gid://shopify/{kind}/{number}"


def moment(at: datetime) -> str:
    """A time as Shopify writes it, in whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _error(message: str, code: str, **more: Any) -> _Tree:
    return {"message": message, "extensions": {"code": code, **more}}


def _weight(data: Any) -> float:
    if isinstance(data, list):
        return sum(map(_weight, data))
    if not isinstance(data, dict):
        return 0.0
    return (2.0 if "pageInfo" in data else 1.0) + sum(
        _weight(value) for key, value in data.items() if key != "pageInfo"
    )


def _money(order: Order, amount: int) -> _Tree:
    whole, _, rest = f"{major(amount, order.sale.currency):f}".partition(".")
    said = {"amount": f"{whole}.{rest.rstrip('0') or '0'}", "currencyCode": order.sale.currency}
    return {"shopMoney": said, "presentmentMoney": said}


def _connection(
    items: Sequence[tuple[_Place, _T]], make: Callable[[_T], _Tree], given: Mapping[str, Any]
) -> _Tree:  # fmt: skip
    """``items`` are things with their places, in the order of these."""
    first, after = given.get("first"), given.get("after")
    if first is None or given.get("last") is not None or given.get("before") is not None:
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
    if not 0 < first <= _MOST:
        raise GraphQLError(f"first cannot exceed {_MOST}", extensions={"code": "BAD_REQUEST"})
    if after is not None:
        items = items[bisect_right(items, _read(after), key=lambda item: item[0]) :]
    page = items[:first]
    info = {
        "hasNextPage": len(items) > first, "hasPreviousPage": after is not None,
        "startCursor": _cursor(page[0][0]) if page else None, "endCursor": _cursor(page[-1][0]) if page else None,
    }  # fmt: skip
    return {"nodes": [make(one) for _, one in page], "pageInfo": info}


def _cursor(place: _Place) -> str:
    value, number = place
    said = value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value
    return base64.b64encode(msgspec.json.encode([said, number])).decode()


def _read(cursor: str) -> _Place:
    try:
        value, number = msgspec.json.decode(base64.b64decode(cursor), type=tuple[datetime | int, int])
    except ValueError as error:
        raise GraphQLError("Invalid cursor for current pagination sort.", extensions={"code": "BAD_REQUEST"}) from error
    return value, number


def _matcher(query: str) -> Callable[[Order], bool]:
    """Terms that all have to match: the little of Shopify's search that is asked here."""
    terms = re.findall(r"(-?)(\w+):(>=)?'?([^\s')]+)'?", query)
    if unknown := {field for _, field, _, _ in terms} - {"updated_at", "source_name"}:
        raise GraphQLError(f"the demo store cannot search for {unknown}", extensions={"code": "BAD_REQUEST"})

    def matches(order: Order) -> bool:
        for minus, field, _, value in terms:
            if field == "updated_at" and order.updated.replace(microsecond=0) < datetime.fromisoformat(value):
                return False
            if field == "source_name" and (order.source == value) == bool(minus):
                return False
        return True

    return matches


def _same(node: _Tree) -> _Tree:
    return node


def _paged(nodes: Sequence[_Tree]) -> Callable[..., _Tree]:
    items: list[tuple[_Place, _Tree]] = [((at, 0), node) for at, node in enumerate(nodes)]

    def page(info: GraphQLResolveInfo, **given: Any) -> _Tree:
        return _connection(items, _same, given)

    return page


def _location(name: str) -> _Tree:
    return {"id": gid("Location", 101 + LOCATIONS.index(name)), "name": name}


def _line(order: Order, line: Line) -> _Tree:
    return {
        "__typename": "LineItem", "id": gid("LineItem", line.id), "name": line.title, "title": line.title,
        "sku": line.sku or None, "quantity": line.quantity, "currentQuantity": line.quantity - line.removed - line.returned,
        "unfulfilledQuantity": line.quantity - line.removed - order.shipped()[line.id],
        "requiresShipping": line.requires_shipping, "originalUnitPriceSet": _money(order, line.unit_price),
    }  # fmt: skip


def _part(part: Part) -> _Tree:
    holds = [
        {"id": gid("FulfillmentHold", part.id), "reason": reason, "displayReason": HOLDS[reason], "reasonNotes": notes or None}
        for reason, notes in part.holds
    ]  # fmt: skip
    lines = [
        {
            "id": gid("FulfillmentOrderLineItem", one.id), "totalQuantity": one.total, "remainingQuantity": one.remaining,
            "lineItem": {"id": gid("LineItem", one.line.id)},
        }
        for one in part.lines
    ]  # fmt: skip
    return {
        "__typename": "FulfillmentOrder", "id": gid("FulfillmentOrder", part.id), "status": part.standing,
        "fulfillAt": moment(part.fulfill_at) if part.fulfill_at else None, "fulfillmentHolds": holds,
        "assignedLocation": {"name": part.location, "location": _location(part.location)}, "lineItems": _paged(lines),
    }  # fmt: skip


def _sent(sent: Sent) -> _Tree:
    tracking = [
        {"company": sent.company, "number": number, "url": url or None}
        for number, url in zip(sent.numbers, [*sent.urls, *[""] * len(sent.numbers)], strict=False)
    ]
    lines = [
        {"id": gid("FulfillmentLineItem", key), "quantity": pieces, "lineItem": {"id": gid("LineItem", line.id)}}
        for key, line, pieces in sent.lines
    ]
    return {
        "__typename": "Fulfillment", "id": gid("Fulfillment", sent.id), "status": sent.standing,
        "createdAt": moment(sent.created), "trackingInfo": lambda info, first=None: tracking[:first],
        "location": _location(sent.location), "fulfillmentLineItems": _paged(lines),
    }  # fmt: skip


def _job(job: Any) -> _Tree:
    errors = [{"code": "INVALID", "field": ["orderId"], "message": job.error}] if job.error else []
    return {
        "__typename": "OrderCancelJobResult", "id": gid("OrderCancelJobResult", job.id), "done": job.done, "errors": errors,
        "status": "FAILED" if job.error else "SUCCEEDED" if job.done else "STARTED",
    }  # fmt: skip


def _address(order: Order) -> _Tree:
    address = order.sale.ship_to
    return {
        "name": address.name, "company": address.company or None, "address1": address.line1,
        "address2": address.line2 or None, "city": address.city, "province": address.region or None,
        "provinceCode": address.region or None, "zip": address.postal_code, "countryCodeV2": address.country or None,
        "phone": address.phone or None,
    }  # fmt: skip


_STATES = {
    "pending": "ON_HOLD", "open": "UNFULFILLED", "partially_shipped": "PARTIALLY_FULFILLED", "shipped": "FULFILLED",
    "canceled": "UNFULFILLED",
}  # fmt: skip


def _order(order: Order) -> _Tree:
    sale = order.sale
    return {
        "__typename": "Order", "id": gid("Order", order.id), "name": f"#{order.number}", "createdAt": moment(order.created),
        "processedAt": moment(order.created), "updatedAt": moment(order.updated),
        "cancelledAt": moment(order.cancelled) if order.cancelled else None,
        "cancelReason": "OTHER" if order.cancelled else None, "currencyCode": sale.currency, "email": sale.email or None,
        "phone": None, "note": order.note or None, "sourceName": order.source, "tags": [], "taxesIncluded": False,
        "displayFinancialStatus": order.financial, "displayFulfillmentStatus": _STATES[order.state()],
        "risk": {"recommendation": order.recommendation, "assessments": [{"riskLevel": order.level}]},
        "shippingAddress": _address(order), "billingAddress": _address(order),
        "shippingLines": _paged([{"title": sale.rate, "originalPriceSet": _money(order, sale.shipping)}] if sale.rate else []),
        "totalPriceSet": _money(order, order.total), "totalShippingPriceSet": _money(order, sale.shipping),
        "totalTaxSet": _money(order, 0), "totalDiscountsSet": _money(order, 0),
        "fulfillmentsCount": {"count": len(order.sent)},
        "lineItems": _paged([_line(order, line) for line in order.lines]),
        "fulfillmentOrders": _paged([_part(part) for part in order.parts]),
        "fulfillments": lambda info, first=None, query=None: [_sent(one) for one in order.sent][:first],
    }  # fmt: skip
