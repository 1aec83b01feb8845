"""A purchase order as the document the supplier wants, the same bytes every time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jmespath
import msgspec
from babel.numbers import get_currency_precision

from engine.connectors.suppliers.files.config import Config
from engine.connectors.tables import Layout, guard, write_csv, write_fixed
from engine.domain.sandbox import Template, fitted
from engine.errors import Invalid, Misconfigured
from engine.ports import Purchase

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_PURCHASE = ("po_number", "order_number", "currency", "method_code", "method_name", "placed_at", "note")
_LINE = ("line", "supplier_sku", "sku", "title", "quantity", "unit_cost")
_ADDRESS = ("name", "company", "line1", "line2", "city", "region", "postal_code", "country", "phone", "email")
COLUMNS: tuple[tuple[str, str], ...] = (
    *((name, f"purchase.{name}") for name in _PURCHASE),
    *((name, f"line.{name}") for name in _LINE),
    *((f"ship_to_{name}", f"purchase.ship_to.{name}") for name in _ADDRESS),
)
_XML = """<?xml version="1.0" encoding="UTF-8"?>
<purchase_order>
{%- for name in purchase_fields %}
  <{{ name }}>{{ purchase[name] }}</{{ name }}>
{%- endfor %}
  <ship_to>
{%- for name in address_fields %}
    <{{ name }}>{{ purchase.ship_to[name] }}</{{ name }}>
{%- endfor %}
  </ship_to>
  <lines>
{%- for line in purchase.lines %}
    <item>
{%- for name in line_fields %}
      <{{ name }}>{{ line[name] }}</{{ name }}>
{%- endfor %}
    </item>
{%- endfor %}
  </lines>
</purchase_order>
"""


def context(purchase: Purchase) -> dict[str, Any]:
    """The purchase order as plain data: costs as decimal text in its currency, times as ISO 8601, no field missing."""
    plain: dict[str, Any] = msgspec.to_builtins(purchase)
    plain["ship_to"] = {name: getattr(purchase.ship_to, name) for name in _ADDRESS}
    places = get_currency_precision(purchase.currency)
    for line in plain["lines"]:
        line["unit_cost"] = money(line["unit_cost"], places)
    return plain


def money(minor: int, places: int) -> str:
    """Minor units as decimal text: 1234 with two places is ``12.34``."""
    digits = f"{abs(minor):0{places + 1}d}"
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if minor < 0 else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _cleaned(value: Any) -> Any:
    """Without the characters XML 1.0 cannot carry at all (https://www.w3.org/TR/xml/#charsets)."""
    if isinstance(value, str):
        return _NOT_XML.sub("\ufffd", value)
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    return [_cleaned(item) for item in value] if isinstance(value, (list, tuple)) else value


def _csv_field(value: Any) -> str:
    """For templates: one CSV field, guarded and quoted."""
    return '"' + guard(_text(value)).replace('"', '""') + '"'


def _fixed(value: Any, width: int, align: str = "left", fill: str = " ", cut: bool = False) -> str:
    """For templates: the value in exactly so many characters."""
    return fitted(_text(value), width, align, fill, cut=cut)


def renderer(config: Config) -> Callable[[Purchase], bytes]:
    """How this supplier's documents are made; raises Misconfigured for a template or column that cannot be compiled."""
    layout = config.layout("orders")
    try:
        write = _templated(layout) if layout.template or layout.format == "xml" else _untemplated(layout)
    except Misconfigured as error:
        raise Misconfigured(f"orders: {error.message}") from error

    def render(purchase: Purchase) -> bytes:
        text = write(purchase)
        try:
            return text.encode(layout.charset)
        except UnicodeEncodeError as error:
            raise Invalid(
                f"{purchase.po_number} cannot be written in {layout.charset}: it has no {error.object[error.start]!r}. "
                "Correct the order, or choose utf-8 in the template if the supplier reads it"
            ) from error

    return render


def _untemplated(layout: Layout) -> Callable[[Purchase], str]:
    if layout.format == "json":
        return lambda purchase: msgspec.json.format(msgspec.json.encode(context(purchase)), indent=2).decode() + "\n"
    return _tabular(layout)


def _tabular(layout: Layout) -> Callable[[Purchase], str]:
    columns = [(column.header, column.value) for column in layout.columns] or list(COLUMNS)
    if layout.format == "fixed":
        if not layout.columns:
            raise Misconfigured("fixed width needs columns with their widths, or a template")
        write_fixed(layout.columns, ())
    compiled = []
    for header, path in columns:
        try:
            compiled.append(jmespath.compile(path))
        except jmespath.exceptions.JMESPathError as error:
            raise Misconfigured(f"column {header!r}: {path!r} is not JMESPath: {error}") from error

    def render(purchase: Purchase) -> str:
        plain = context(purchase)
        try:
            rows = [
                [_text(path.search({"purchase": plain, "line": line})) for path in compiled] for line in plain["lines"]
            ]
            if layout.format == "fixed":
                return write_fixed(layout.columns, rows)
        except (jmespath.exceptions.JMESPathError, ValueError) as error:
            raise Invalid(f"{purchase.po_number} does not fit the supplier's template: {error}") from error
        header = [header for header, _ in columns] if layout.header else []
        return write_csv(header, rows, layout.delimiter or ",").decode()

    return render


def _templated(layout: Layout) -> Callable[[Purchase], str]:
    xml = layout.format == "xml"
    template = Template(layout.template or _XML, autoescape=xml, filters={"csv": _csv_field, "fixed": _fixed})
    names = {"purchase_fields": _PURCHASE, "address_fields": _ADDRESS, "line_fields": _LINE}

    def render(purchase: Purchase) -> str:
        plain = context(purchase)
        return template.fill({"purchase": _cleaned(plain) if xml else plain, **names}, purchase.po_number)

    return render
