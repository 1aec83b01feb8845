"""A purchase order as the document the supplier wants, the same bytes every time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jinja2
import jmespath
import msgspec
from babel.numbers import get_currency_precision
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.connectors.suppliers.sftp.config import Config
from engine.connectors.tables import guard, write_csv
from engine.errors import Misconfigured
from engine.ports import Purchase

MAX_TEMPLATE = 64 * 1024
MAX_DOCUMENT = 8 * 1024 * 1024
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


def renderer(config: Config) -> Callable[[Purchase], bytes]:
    """How this supplier's documents are made; raises Misconfigured for a template or column that cannot be compiled."""
    if config.template or config.format == "xml":
        return _templated(config)
    if config.format == "json":
        return lambda purchase: msgspec.json.format(msgspec.json.encode(context(purchase)), indent=2) + b"\n"
    return _tabular(config)


def _tabular(config: Config) -> Callable[[Purchase], bytes]:
    columns = [(column.header, column.value) for column in config.columns] or list(COLUMNS)
    compiled = []
    for header, path in columns:
        try:
            compiled.append(jmespath.compile(path))
        except jmespath.exceptions.JMESPathError as error:
            raise Misconfigured(f"column {header!r}: {path!r} is not JMESPath: {error}") from error

    def render(purchase: Purchase) -> bytes:
        plain = context(purchase)
        rows = [[_text(path.search({"purchase": plain, "line": line})) for path in compiled] for line in plain["lines"]]
        return write_csv([header for header, _ in columns], rows)

    return render


def _templated(config: Config) -> Callable[[Purchase], bytes]:
    source = config.template or _XML
    if len(source) > MAX_TEMPLATE:
        raise Misconfigured(f"the template is longer than {MAX_TEMPLATE} characters")
    sandbox = ImmutableSandboxedEnvironment(
        autoescape=config.format == "xml", undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    sandbox.filters["csv"] = _csv_field
    try:
        template = sandbox.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise Misconfigured(f"the template, line {error.lineno}: {error.message}") from error
    names = {"purchase_fields": _PURCHASE, "address_fields": _ADDRESS, "line_fields": _LINE}

    def render(purchase: Purchase) -> bytes:
        plain = context(purchase)
        parts, size = [], 0
        try:
            for part in template.generate(purchase=_cleaned(plain) if config.format == "xml" else plain, **names):
                size += len(part)
                if size > MAX_DOCUMENT:
                    raise Misconfigured(f"the document of {purchase.po_number} is over {MAX_DOCUMENT} characters long")
                parts.append(part)
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise Misconfigured(f"the template cannot be filled in for {purchase.po_number}: {error}") from error
        return "".join(parts).encode()

    return render
