"""The part of Shopify's Admin API that the demo store plays, as a schema of our own.

A test holds it against Shopify's own description: every field, argument and value here is there, of the same type.
https://shopify.dev/docs/api/admin-graphql/2026-10
"""

from __future__ import annotations

from functools import lru_cache

from graphql import GraphQLSchema, build_schema

_PAGED = "first: Int, after: String, last: Int, before: String, reverse: Boolean = false"

_ROOTS = f"""
schema {{ query: QueryRoot mutation: Mutation }}

scalar DateTime
scalar Decimal
scalar URL

interface Node {{ id: ID! }}

type QueryRoot {{
  node(id: ID!): Node
  nodes(ids: [ID!]!): [Node]!
  orders({_PAGED}, query: String, sortKey: OrderSortKeys = PROCESSED_AT): OrderConnection!
  productVariants({_PAGED}, query: String, sortKey: ProductVariantSortKeys = ID): ProductVariantConnection!
  shop: Shop!
  currentAppInstallation: AppInstallation!
}}

type Mutation {{
  fulfillmentCreate(fulfillment: FulfillmentInput!, message: String): FulfillmentCreatePayload
  orderCancel(
    orderId: ID!, reason: OrderCancelReason!, restock: Boolean!, refund: Boolean, notifyCustomer: Boolean = false,
    refundMethod: OrderCancelRefundMethodInput, staffNote: String = null
  ): OrderCancelPayload
}}

enum OrderSortKeys {{ CREATED_AT ID ORDER_NUMBER PROCESSED_AT UPDATED_AT }}
enum ProductVariantSortKeys {{ ID SKU TITLE }}

type PageInfo {{ hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }}
type Count {{ count: Int! }}
type MoneyV2 {{ amount: Decimal! currencyCode: CurrencyCode! }}
type MoneyBag {{ shopMoney: MoneyV2! presentmentMoney: MoneyV2! }}
enum CurrencyCode {{
  AED AUD BHD BRL CAD CHF CLP CNY CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW KWD MXN MYR NOK NZD PHP PLN RON SEK SGD THB
  TND TRY TWD USD VND ZAR
}}
enum CountryCode {{
  AE AR AT AU BE BG BR CA CH CL CN CO CY CZ DE DK EE EG ES FI FR GB GR HK HR HU ID IE IL IN IS IT JP KE KR KW LI LT LU LV
  MA MC MT MX MY NG NL NO NZ PE PH PL PT QA RO RS SA SE SG SI SK TH TR TW UA US UY VN ZA
}}

type UserError {{ field: [String!] message: String! }}
"""

_ORDERS = f"""
type OrderConnection {{ nodes: [Order!]! pageInfo: PageInfo! }}

type Order implements Node {{
  id: ID!
  name: String!
  createdAt: DateTime!
  processedAt: DateTime!
  updatedAt: DateTime!
  cancelledAt: DateTime
  cancelReason: OrderCancelReason
  currencyCode: CurrencyCode!
  email: String
  phone: String
  note: String
  sourceName: String
  tags: [String!]!
  taxesIncluded: Boolean!
  displayFinancialStatus: OrderDisplayFinancialStatus
  displayFulfillmentStatus: OrderDisplayFulfillmentStatus!
  risk: OrderRiskSummary!
  shippingAddress: MailingAddress
  billingAddress: MailingAddress
  shippingLines({_PAGED}, includeRemovals: Boolean = false): ShippingLineConnection!
  totalPriceSet: MoneyBag!
  totalShippingPriceSet: MoneyBag!
  totalTaxSet: MoneyBag
  totalDiscountsSet: MoneyBag
  fulfillmentsCount: Count
  lineItems({_PAGED}): LineItemConnection!
  fulfillmentOrders({_PAGED}, displayable: Boolean = false, query: String): FulfillmentOrderConnection!
  fulfillments(first: Int, query: String): [Fulfillment!]!
}}

enum OrderDisplayFinancialStatus {{
  AUTHORIZED EXPIRED PAID PARTIALLY_PAID PARTIALLY_REFUNDED PENDING REFUNDED VOIDED
}}
enum OrderDisplayFulfillmentStatus {{ FULFILLED ON_HOLD PARTIALLY_FULFILLED SCHEDULED UNFULFILLED }}
type OrderRiskSummary {{ recommendation: OrderRiskRecommendationResult! assessments: [OrderRiskAssessment!]! }}
type OrderRiskAssessment {{ riskLevel: RiskAssessmentResult! }}
enum OrderRiskRecommendationResult {{ ACCEPT CANCEL INVESTIGATE NONE }}
enum RiskAssessmentResult {{ HIGH MEDIUM LOW NONE PENDING }}

type MailingAddress {{
  name: String company: String address1: String address2: String city: String province: String provinceCode: String
  zip: String countryCodeV2: CountryCode phone: String
}}

type ShippingLineConnection {{ nodes: [ShippingLine!]! pageInfo: PageInfo! }}
type ShippingLine {{ title: String! originalPriceSet: MoneyBag! }}

type LineItemConnection {{ nodes: [LineItem!]! pageInfo: PageInfo! }}
type LineItem implements Node {{
  id: ID! name: String! title: String! sku: String quantity: Int! currentQuantity: Int! unfulfilledQuantity: Int!
  requiresShipping: Boolean! originalUnitPriceSet: MoneyBag!
}}
"""

_FULFILLMENT = f"""
type FulfillmentOrderConnection {{ nodes: [FulfillmentOrder!]! pageInfo: PageInfo! }}
type FulfillmentOrder implements Node {{
  id: ID!
  status: FulfillmentOrderStatus!
  fulfillAt: DateTime
  fulfillmentHolds: [FulfillmentHold!]!
  assignedLocation: FulfillmentOrderAssignedLocation!
  lineItems({_PAGED}): FulfillmentOrderLineItemConnection!
}}
enum FulfillmentOrderStatus {{ CANCELLED CLOSED INCOMPLETE IN_PROGRESS ON_HOLD OPEN SCHEDULED }}
type FulfillmentHold implements Node {{
  id: ID! reason: FulfillmentHoldReason! displayReason: String! reasonNotes: String
}}
enum FulfillmentHoldReason {{
  AWAITING_PAYMENT AWAITING_RETURN_ITEMS HIGH_RISK_OF_FRAUD INCORRECT_ADDRESS INVENTORY_OUT_OF_STOCK
  ONLINE_STORE_POST_PURCHASE_CROSS_SELL OTHER UNKNOWN_DELIVERY_DATE
}}
type FulfillmentOrderAssignedLocation {{ name: String! location: Location }}
type Location implements Node {{ id: ID! name: String! }}
type FulfillmentOrderLineItemConnection {{ nodes: [FulfillmentOrderLineItem!]! pageInfo: PageInfo! }}
type FulfillmentOrderLineItem implements Node {{
  id: ID! totalQuantity: Int! remainingQuantity: Int! lineItem: LineItem!
}}

type Fulfillment implements Node {{
  id: ID!
  status: FulfillmentStatus!
  createdAt: DateTime!
  trackingInfo(first: Int): [FulfillmentTrackingInfo!]!
  location: Location
  fulfillmentLineItems({_PAGED}): FulfillmentLineItemConnection!
}}
enum FulfillmentStatus {{ CANCELLED ERROR FAILURE OPEN PENDING SUCCESS }}
type FulfillmentTrackingInfo {{ company: String number: String url: URL }}
type FulfillmentLineItemConnection {{ nodes: [FulfillmentLineItem!]! pageInfo: PageInfo! }}
type FulfillmentLineItem implements Node {{ id: ID! quantity: Int lineItem: LineItem! }}

input FulfillmentInput {{
  lineItemsByFulfillmentOrder: [FulfillmentOrderLineItemsInput!]!
  notifyCustomer: Boolean = false
  trackingInfo: FulfillmentTrackingInput
}}
input FulfillmentOrderLineItemsInput {{
  fulfillmentOrderId: ID!
  fulfillmentOrderLineItems: [FulfillmentOrderLineItemInput!]
}}
input FulfillmentOrderLineItemInput {{ id: ID! quantity: Int! }}
input FulfillmentTrackingInput {{ company: String number: String numbers: [String!] url: URL urls: [URL!] }}
type FulfillmentCreatePayload {{ fulfillment: Fulfillment userErrors: [UserError!]! }}
"""

_REST = """
enum OrderCancelReason { CUSTOMER DECLINED FRAUD INVENTORY OTHER STAFF }
input OrderCancelRefundMethodInput { originalPaymentMethodsRefund: Boolean }
type OrderCancelPayload { jobResult: OrderCancelJobResult orderCancelUserErrors: [OrderCancelUserError!]! }
type OrderCancelJobResult implements Node {
  id: ID! done: Boolean! status: OrderCancelStatus! errors: [OrderCancelUserError!]!
}
enum OrderCancelStatus { FAILED STARTED SUCCEEDED }
type OrderCancelUserError { code: OrderCancelUserErrorCode field: [String!] message: String! }
enum OrderCancelUserErrorCode { INTERNAL_ERROR INVALID NOT_FOUND NO_REFUND_PERMISSION }

type ProductVariantConnection { nodes: [ProductVariant!]! pageInfo: PageInfo! }
type ProductVariant implements Node {
  id: ID! sku: String title: String! displayName: String! barcode: String product: Product!
}
type Product implements Node { id: ID! title: String! status: ProductStatus! }
enum ProductStatus { ACTIVE ARCHIVED DRAFT UNLISTED }

type Shop implements Node { id: ID! name: String! myshopifyDomain: String! currencyCode: CurrencyCode! }
type AppInstallation implements Node { id: ID! accessScopes: [AccessScope!]! }
type AccessScope { handle: String! description: String! }
"""


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """The demo store's schema."""
    return build_schema("\n".join((_ROOTS, _ORDERS, _FULFILLMENT, _REST)))
