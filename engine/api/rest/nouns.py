"""All routes of the API, noun by noun."""

from __future__ import annotations

from engine.api.rest import about, changes, connections, issues, mappings, order_acts, orders, products, push
from engine.api.rest.table import Route, of

ROUTES: tuple[Route, ...] = of(
    (
        *orders.ROUTES,
        *changes.ROUTES,
        *order_acts.ROUTES,
        *push.ROUTES,
        *issues.ROUTES,
        *products.ROUTES,
        *mappings.ROUTES,
        *connections.ROUTES,
        *about.ROUTES,
    )
)
