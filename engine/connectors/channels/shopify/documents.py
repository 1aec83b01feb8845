"""Every document this connector sends, for Admin GraphQL 2026-10.

What may be long is asked for in small first pages, since Shopify counts a page's size into the cost of a query before it
looks; what does not fit is fetched by the documents for the rest. https://shopify.dev/docs/api/admin-graphql/2026-10
"""

from __future__ import annotations

from typing import NamedTuple

VERSION = "2026-10"


class Document(NamedTuple):
    """``name`` is that of its one operation. ``cost``: points it is thought to take before the first answer tells."""

    name: str
    text: str
    cost: float
    effect: bool = False


_MONEY = "{ shopMoney { amount } }"
_ADDRESS = "{ name company address1 address2 city province provinceCode zip countryCodeV2 phone }"
_PAGE = "pageInfo { hasNextPage endCursor }"
_LINE = f"id sku name quantity currentQuantity requiresShipping originalUnitPriceSet {_MONEY}"
_FULFILLMENT_ORDER = "id status fulfillAt fulfillmentHolds { reason displayReason reasonNotes } assignedLocation"
_FULFILLMENT = "id status trackingInfo { number }"

HEADS = Document(
    "OrderHeads",
    f"""
query OrderHeads($query: String, $first: Int!, $after: String) {{
  orders(query: $query, sortKey: UPDATED_AT, first: $first, after: $after) {{
    nodes {{ id updatedAt }}
    {_PAGE}
  }}
}}
""",
    20,
)

ORDERS = Document(
    "Orders",
    f"""
query Orders($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on Order {{
      id name createdAt processedAt updatedAt cancelledAt cancelReason currencyCode email phone note taxesIncluded
      displayFinancialStatus
      risk {{ recommendation assessments {{ riskLevel }} }}
      shippingAddress {_ADDRESS}
      billingAddress {_ADDRESS}
      shippingLines(first: 5) {{ nodes {{ title }} }}
      totalPriceSet {_MONEY}
      totalShippingPriceSet {_MONEY}
      totalTaxSet {_MONEY}
      totalDiscountsSet {_MONEY}
      fulfillmentsCount {{ count }}
      lineItems(first: 20) {{ nodes {{ {_LINE} }} {_PAGE} }}
      fulfillmentOrders(first: 5) {{ nodes {{ {_FULFILLMENT_ORDER} {{ name }} }} {_PAGE} }}
    }}
  }}
}}
""",
    40,
)

MORE_LINES = Document(
    "MoreLines",
    f"""
query MoreLines($id: ID!, $after: String) {{
  node(id: $id) {{ ... on Order {{ page: lineItems(first: 100, after: $after) {{ nodes {{ {_LINE} }} {_PAGE} }} }} }}
}}
""",
    50,
)

MORE_FULFILLMENT_ORDERS = Document(
    "MoreFulfillmentOrders",
    f"""
query MoreFulfillmentOrders($id: ID!, $after: String) {{
  node(id: $id) {{
    ... on Order {{
      page: fulfillmentOrders(first: 50, after: $after) {{
        nodes {{ {_FULFILLMENT_ORDER} {{ name location {{ id }} }} }}
        {_PAGE}
      }}
    }}
  }}
}}
""",
    50,
)

FULFILLMENTS = Document(
    "Fulfillments",
    f"""
query Fulfillments($ids: [ID!]!) {{
  nodes(ids: $ids) {{ ... on Order {{ id fulfillmentsCount {{ count }} fulfillments(first: 8) {{ {_FULFILLMENT} }} }} }}
}}
""",
    20,
)

ALL_FULFILLMENTS = Document(
    "AllFulfillments",
    f"""
query AllFulfillments($ids: [ID!]!) {{
  nodes(ids: $ids) {{ ... on Order {{ id fulfillmentsCount {{ count }} fulfillments(first: 250) {{ {_FULFILLMENT} }} }} }}
}}
""",
    50,
)

FULFILLED_LINES = Document(
    "FulfilledLines",
    f"""
query FulfilledLines($id: ID!, $after: String) {{
  node(id: $id) {{
    ... on Fulfillment {{
      page: fulfillmentLineItems(first: 50, after: $after) {{ nodes {{ quantity lineItem {{ id }} }} {_PAGE} }}
    }}
  }}
}}
""",
    20,
)

OPEN_LINES = Document(
    "OpenLines",
    f"""
query OpenLines($id: ID!, $after: String) {{
  node(id: $id) {{
    ... on FulfillmentOrder {{
      page: lineItems(first: 50, after: $after) {{ nodes {{ id remainingQuantity lineItem {{ id }} }} {_PAGE} }}
    }}
  }}
}}
""",
    20,
)

STANDING = Document(
    "Standing",
    f"""
query Standing($id: ID!) {{
  node(id: $id) {{
    ... on Order {{
      id name cancelledAt
      fulfillmentsCount {{ count }}
      fulfillments(first: 8) {{ {_FULFILLMENT} }}
      fulfillmentOrders(first: 5) {{ nodes {{ {_FULFILLMENT_ORDER} {{ name location {{ id }} }} }} {_PAGE} }}
    }}
  }}
}}
""",
    30,
)

FULFILL = Document(
    "Fulfill",
    """
mutation Fulfill($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id status }
    userErrors { field message }
  }
}
""",
    12,
    effect=True,
)

CANCEL = Document(
    "Cancel",
    """
mutation Cancel(
  $id: ID!, $reason: OrderCancelReason!, $refund: OrderCancelRefundMethodInput, $restock: Boolean!, $notify: Boolean!,
  $note: String
) {
  orderCancel(
    orderId: $id, reason: $reason, refundMethod: $refund, restock: $restock, notifyCustomer: $notify, staffNote: $note
  ) {
    jobResult { id done status errors { code message } }
    orderCancelUserErrors { code field message }
  }
}
""",
    12,
    effect=True,
)

CANCELED = Document(
    "CancelJob",
    """
query CancelJob($id: ID!) {
  node(id: $id) { ... on OrderCancelJobResult { id done status errors { code message } } }
}
""",
    2,
)

VARIANTS = Document(
    "Variants",
    f"""
query Variants($first: Int!, $after: String) {{
  productVariants(first: $first, after: $after, sortKey: ID) {{
    nodes {{ id sku displayName barcode product {{ status }} }}
    {_PAGE}
  }}
}}
""",
    50,
)

CHECK = Document(
    "Check",
    """
query Check {
  shop { name myshopifyDomain currencyCode }
  currentAppInstallation { accessScopes { handle } }
}
""",
    5,
)

DOCUMENTS = (
    HEADS, ORDERS, MORE_LINES, MORE_FULFILLMENT_ORDERS, FULFILLMENTS, ALL_FULFILLMENTS, FULFILLED_LINES, OPEN_LINES, STANDING,
    FULFILL, CANCEL, CANCELED, VARIANTS, CHECK,
)  # fmt: skip
