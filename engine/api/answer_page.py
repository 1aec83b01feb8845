"""The page a supplier's people come to by a link in a mail: HTML that needs no script, no cookie and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import jinja2

from engine.services import answers
from engine.services.answers import Asked, Kind, Taken

_STYLE = """
:root { --bg: #f6f7f9; --card: #fff; --ink: #16202e; --soft: #4b5768; --edge: #727e8f; --blue: #1d4ed8; --on: #fff;
  --bad: #a3161b; --bad-bg: #fde4e4; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --bg: #10151d; --card: #18202b; --ink: #e8edf4; --soft: #aeb9c8;
  --edge: #8492a4; --blue: #8fb4ff; --on: #0b1424; --bad: #ffb0ae; --bad-bg: #45191b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 100%/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.15rem; }
table { width: 100%; border-collapse: collapse; background: var(--card); }
caption { text-align: left; font-weight: 600; padding: .4rem 0; }
th, td { text-align: left; padding: .4rem .5rem; border: 1px solid var(--edge); vertical-align: top; }
td.number, th.number { text-align: right; }
form, .note { background: var(--card); border: 1px solid var(--edge); border-radius: .45rem; padding: 1rem; margin: 1rem 0; }
.problem { background: var(--bad-bg); color: var(--bad); border: 2px solid currentColor; border-radius: .45rem;
  padding: .6rem 1rem; }
.problem a { color: inherit; }
.field { margin: 0 0 1rem; }
label { display: block; font-weight: 600; }
.hint { color: var(--soft); }
input, textarea { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--edge); border-radius: .35rem;
  padding: .4rem .5rem; width: 100%; min-height: 2.6rem; }
td input { width: 6rem; }
[aria-invalid="true"] { border: 2px solid var(--bad); }
button, a.button { display: inline-block; font: inherit; font-weight: 600; color: var(--on); background: var(--blue); border: 0;
  border-radius: .35rem; padding: .6rem 1.2rem; min-height: 2.75rem; cursor: pointer; text-decoration: none; }
:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; }
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # the address is the key
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Sent with every page."""

_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>{{ style|safe }}</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
{% block content %}{% endblock %}
</main>
</body>
</html>
"""
_ASKED = """{% extends "frame" %}{% block content %}
{% if asked.closed %}<p class="note">{{ asked.closed }}</p>{% else %}
{% if problem %}<p class="problem" role="alert" id="problem">{{ problem }}
{% if field %}<a href="#{{ field }}">Correct it</a>{% endif %}</p>{% endif %}
{% if asked.cancel_requested %}<p class="note"><strong>We have asked you to cancel this order.</strong>
{% if asked.kind == "track" %}If it has shipped all the same, tell us here.{% else %}If you can, choose
“We cannot fulfil it” in the mail.{% endif %}</p>{% endif %}
<p>For {{ asked.supplier }}. This link works once, until {{ asked.until.strftime("%d %B %Y") }}.</p>
{% if asked.kind != "track" %}{{ lines() }}{% endif %}
<form method="post">
{% if asked.kind == "confirm" %}
{{ entry("reference", "Your order number", "Optional: by what you know the order.") }}
{{ entry("message", "Anything we should know", "Optional: such as when it will ship.") }}
<button>We will ship it</button>
{% elif asked.kind == "decline" %}
{{ entry("message", "Why you cannot fulfil it", "Such as: sold out. This declines all that has not shipped.", true) }}
<button>We cannot fulfil it</button>
{% else %}
{{ entry("carrier", "Carrier", "UPS, FedEx, DHL …", true, "carriers") }}
<datalist id="carriers">{% for name in carriers %}<option value="{{ name }}"></option>{% endfor %}</datalist>
{{ entry("tracking_number", "Tracking number", "As it stands on the label.", true) }}
<table><caption>What is in the parcel</caption>
<thead><tr><th scope="col">Your SKU</th><th scope="col">Item</th><th scope="col" class="number">Open</th>
<th scope="col" class="number">In this parcel</th></tr></thead><tbody>
{% for line in asked.lines if line.open %}<tr><td>{{ line.supplier_sku }}</td><td>{{ line.title }}</td>
<td class="number">{{ line.open }}</td><td class="number">
<input type="number" inputmode="numeric" id="line{{ line.line }}" name="line{{ line.line }}" min="0" max="{{ line.open }}"
 value="{{ given.get("line%d" % line.line, line.open) }}" aria-label="Pieces of {{ line.supplier_sku }} in this parcel"
 {% if field == "line%d" % line.line %}aria-invalid="true" aria-describedby="problem"{% endif %}></td></tr>
{% endfor %}</tbody></table>
<p class="field"></p>
<button>Add the parcel</button>
{% endif %}
</form>
{% endif %}{% endblock %}
{% macro entry(name, label, hint, required=false, list="") %}
<div class="field"><label for="{{ name }}">{{ label }}</label>
<span class="hint" id="{{ name }}-hint">{{ hint }}</span>
<input id="{{ name }}" name="{{ name }}" value="{{ given.get(name, "") }}" maxlength="{{ most[name] }}" autocomplete="off"
{% if required %}required {% endif %}{% if list %}list="{{ list }}" {% endif %}{% if field == name %}aria-invalid="true"
 aria-describedby="{{ name }}-hint problem"{% else %}aria-describedby="{{ name }}-hint"{% endif %}></div>
{% endmacro %}
{% macro lines() %}
<table><caption>The order</caption><thead><tr><th scope="col">Your SKU</th><th scope="col">Item</th>
<th scope="col" class="number">Pieces</th></tr></thead><tbody>
{% for line in asked.lines %}<tr><td>{{ line.supplier_sku }}</td><td>{{ line.title }}</td>
<td class="number">{{ line.quantity }}</td></tr>{% endfor %}</tbody></table>
{% endmacro %}
"""
_TAKEN = """{% extends "frame" %}{% block content %}
<div class="note" role="status"><p><strong>Thank you.</strong> We have noted: {{ taken.said }}.</p></div>
{% if taken.another %}<h2>Is there another parcel?</h2>
<p>Not all of the order is in this one. Keep this link for the rest:</p>
<p><a class="button" href="{{ taken.another }}">Add another parcel</a></p>{% else %}<p>You can close this page.</p>{% endif %}
{% endblock %}
"""
_SENTENCE = """{% extends "frame" %}{% block content %}<p class="note">{{ sentence }}</p>{% endblock %}"""
_pages = jinja2.Environment(
    loader=jinja2.DictLoader({"frame": _FRAME, "asked": _ASKED, "taken": _TAKEN, "sentence": _SENTENCE}), autoescape=True,
    undefined=jinja2.StrictUndefined,
)  # fmt: skip
# The style is not escaped: the browser compares it byte by byte with the digest in the policy.
_pages.globals.update(style=_STYLE, most=answers.LONGEST)
_TITLES = {
    Kind.CONFIRM: "Confirm purchase order",
    Kind.DECLINE: "Decline purchase order",
    Kind.TRACK: "Add tracking to purchase order",
}


def show(asked: Asked, given: Mapping[str, str] | None = None, problem: str = "", field: str = "") -> str:
    """The page with what the link asks; with ``given`` as it was filled in, and what is wrong with it."""
    return _pages.get_template("asked").render(
        title=f"{_TITLES[asked.kind]} {asked.po_number}", asked=asked, given=given or {}, problem=problem, field=field,
        carriers=answers.carrier_names() if asked.kind is Kind.TRACK else (),
    )  # fmt: skip


def thanks(taken: Taken, po_number: str) -> str:
    """The page after an answer was taken. ``taken.another`` is a token; the link to it is relative, whatever stands in front."""
    return _pages.get_template("taken").render(title=f"Purchase order {po_number}", taken=taken)


def sentence(title: str, text: str) -> str:
    """A page that says one thing."""
    return _pages.get_template("sentence").render(title=title, sentence=text)
