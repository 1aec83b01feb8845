"""Tortoise models by noun: the schema. No behaviour; services have that."""

from engine.models.book import AuditEvent, Heartbeat, InboundMessage, OrderCount, OutboxMessage, Schedule
from engine.models.catalog import (
    Channel,
    Listing,
    ListingComponent,
    Product,
    Rule,
    ShippingMapping,
    ShippingMethod,
    Supplier,
    SupplierProduct,
)
from engine.models.orders import Hold, Issue, Order, OrderLine
from engine.models.people import ApiToken, Invitation, LoginAttempt, SavedView, Session, User
from engine.models.purchases import (
    Acknowledgement,
    Backorder,
    PurchaseOrder,
    PurchaseOrderLine,
    Shipment,
    ShipmentLine,
    Submission,
    TrackingPush,
)

__all__ = [
    "Acknowledgement",
    "ApiToken",
    "AuditEvent",
    "Backorder",
    "Channel",
    "Heartbeat",
    "Hold",
    "InboundMessage",
    "Invitation",
    "Issue",
    "Listing",
    "ListingComponent",
    "LoginAttempt",
    "Order",
    "OrderCount",
    "OrderLine",
    "OutboxMessage",
    "Product",
    "PurchaseOrder",
    "PurchaseOrderLine",
    "Rule",
    "SavedView",
    "Schedule",
    "Session",
    "Shipment",
    "ShipmentLine",
    "ShippingMapping",
    "ShippingMethod",
    "Submission",
    "Supplier",
    "SupplierProduct",
    "TrackingPush",
    "User",
]
