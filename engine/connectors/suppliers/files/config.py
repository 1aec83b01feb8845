"""What a person sets to connect a supplier by files: the way they travel, where they lie, and how they are laid out."""

from __future__ import annotations

import msgspec

from engine.connectors.tables import Column, Format, Layout
from engine.transports.ways import Files

INCOMING = ("acks", "shipments", "inventory", "invoices")
KINDS = ("orders", *INCOMING)


class Config(Files, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How files travel (``engine.transports.ways``), which directories are for what, and how the files look.

    An empty directory is not used. ``layouts`` has a saved template by kind: orders, acks, shipments, inventory, invoices.
    """

    orders_dir: str = "orders"
    cancels_dir: str = "cancels"
    acks_dir: str = ""
    shipments_dir: str = ""
    inventory_dir: str = ""
    invoices_dir: str = ""
    acks_pattern: str = "*"
    shipments_pattern: str = "*"
    inventory_pattern: str = "*"
    invoices_pattern: str = "*"

    format: Format = "csv"
    extension: str = ""  # empty: as the format
    columns: tuple[Column, ...] = ()  # empty: the built-in ones
    template: str = ""  # jinja2 over {purchase}; empty: the built-in document
    cancel_files: bool = True

    fields: dict[str, str] = msgspec.field(
        default_factory=dict
    )  # ours -> theirs, e.g. {"tracking_number": "Sendungsnummer"}
    status_map: dict[str, str] = msgspec.field(
        default_factory=dict
    )  # theirs -> ours, e.g. {"in stock": "acknowledged"}
    date_format: str = ""  # strptime; empty: ISO 8601
    timezone: str = "UTC"  # of times without an offset
    currency: str = "USD"  # of costs in files that name none
    layouts: dict[str, Layout] = msgspec.field(default_factory=dict)

    def layout(self, kind: str) -> Layout:
        """How files of this kind look, with the connection's settings where its template leaves them open."""
        mine = self.layouts.get(kind, Layout())
        if kind == "orders":
            if kind in self.layouts:
                return msgspec.structs.replace(mine, format=mine.format or self.format)
            return Layout(format=self.format, columns=self.columns, template=self.template)
        return msgspec.structs.replace(
            mine, fields={**self.fields, **mine.fields}, status_map={**self.status_map, **mine.status_map},
            date_format=mine.date_format or self.date_format,
        )  # fmt: skip
