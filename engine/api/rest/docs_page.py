"""``/api/docs``: the description as a page that needs no script and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import jinja2
import msgspec

from engine.api.rest.problems import KINDS

_STYLE = """
:root { --bg: #f6f7f9; --card: #fff; --ink: #16202e; --soft: #4b5768; --edge: #727e8f; --blue: #1d4ed8;
  color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --bg: #10151d; --card: #18202b; --ink: #e8edf4; --soft: #aeb9c8;
  --edge: #8492a4; --blue: #8fb4ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 100%/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; text-transform: capitalize; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; }
a { color: var(--blue); }
details { background: var(--card); border: 1px solid var(--edge); border-radius: .45rem; margin: .4rem 0; }
summary { padding: .5rem .8rem; cursor: pointer; }
details > div { padding: 0 .8rem .8rem; }
code, pre { font: .92em/1.45 ui-monospace, "Cascadia Mono", Menlo, monospace; }
pre { white-space: pre-wrap; border: 1px solid var(--edge); border-radius: .35rem; padding: .6rem; }
.method { display: inline-block; min-width: 4.4rem; font-weight: 700; }
.about { color: var(--soft); }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; font-weight: 600; padding: .4rem 0; }
th, td { text-align: left; padding: .35rem .5rem; border: 1px solid var(--edge); vertical-align: top; }
:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; }
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bluebook API</title>
<style>{{ style|safe }}</style>
</head>
<body>
<main>
<h1>Bluebook API {{ api.info.version }}</h1>
{% for part in api.info.description.split("\n\n") %}<p>{{ part }}</p>{% endfor %}
<p>All of this as <a href="/api/openapi.json">OpenAPI {{ api.openapi }}</a>.</p>
<pre>curl -H "Authorization: Bearer $BLUEBOOK_TOKEN" http://127.0.0.1:8741/api/v1/me</pre>
<nav aria-label="On this page"><p>{% for tag in api.tags %}<a href="#{{ tag.name }}">{{ tag.name }}</a> · {% endfor -%}
<a href="#types">types</a> · <a href="#problems">problems</a></p></nav>
{% for tag in api.tags %}
<h2 id="{{ tag.name }}">{{ tag.name }}</h2>
{% for path, methods in api.paths.items() %}{% for method, op in methods.items() if tag.name in op.tags %}
<details id="{{ op.operationId }}"><summary><code><span class="method">{{ method|upper }}</span> {{ path }}</code>
<span class="about">{{ op.summary }}</span></summary><div>
{% for part in op.description.split("\n\n") %}<p>{{ part }}</p>{% endfor %}
{% if op.parameters %}<table><caption>Parameters</caption><thead><tr><th scope="col">Name</th><th scope="col">In</th>
<th scope="col">What</th></tr></thead><tbody>{% for one in op.parameters %}<tr><td><code>{{ one.name }}</code>
{%- if one.required %} (needed){% endif %}</td><td>{{ one.in }}</td><td>{{ one.description }} <code>{{ short(one.schema) }}</code>
</td></tr>{% endfor %}</tbody></table>{% endif %}
{% if op.requestBody %}<h3>Body</h3>{% for kind, content in op.requestBody.content.items() %}
<p><code>{{ kind }}</code> {{ typed(content.schema) }}</p>{% endfor %}{% endif %}
<table><caption>Answers</caption><thead><tr><th scope="col">Status</th><th scope="col">What</th></tr></thead><tbody>
{% for status, answer in op.responses.items() %}<tr><td>{{ status }}</td><td>{{ answer.description }}
{% for content in (answer.content or {}).values() %}{{ typed(content.schema) }}{% endfor %}</td></tr>{% endfor %}
</tbody></table></div></details>
{% endfor %}{% endfor %}{% endfor %}
<h2 id="types">types</h2>
{% for name, schema in api.components.schemas.items() %}
<details id="type-{{ name }}"><summary><code>{{ name }}</code> <span class="about">{{ schema.description }}</span></summary><div>
<table><caption>Members</caption><thead><tr><th scope="col">Name</th><th scope="col">What</th></tr></thead><tbody>
{% for member, kind in (schema.properties or {}).items() %}<tr><td><code>{{ member }}</code>
{%- if member in (schema.required or ()) %} (always){% endif %}</td><td>{{ kind.description }} {{ typed(kind) }}</td></tr>
{% endfor %}</tbody></table></div></details>
{% endfor %}
<h2 id="problems">problems</h2>
<table><caption>What an error's type means</caption><thead><tr><th scope="col">Type</th><th scope="col">Status</th>
<th scope="col">What happened, and what to do</th></tr></thead><tbody>
{% for name, kind in kinds.items() %}<tr id="{{ name }}"><td><code>{{ name }}</code></td><td>{{ kind.status }}</td>
<td>{{ kind.title }}. {{ kind.todo }}</td></tr>{% endfor %}</tbody></table>
</main>
</body>
</html>
"""
_TYPED = """{% macro typed(schema) %}{% if schema["$ref"] %}{% set name = schema["$ref"].rpartition("/")[2] %}
<a href="#type-{{ name }}"><code>{{ name }}</code></a>{% elif schema.anyOf %}{% for way in schema.anyOf %}{{ typed(way) }}
{%- if not loop.last %} or {% endif %}{% endfor %}{% elif schema.type == "array" and schema["items"] is mapping %}
list of {{ typed(schema["items"]) }}{% else %}<code>{{ short(schema) }}</code>{% endif %}{% endmacro %}"""
_pages = jinja2.Environment(loader=jinja2.DictLoader({"page": _TYPED + _PAGE}), autoescape=True)


def show(api: Mapping[str, Any]) -> str:
    """The page that tells of the API."""
    return _pages.get_template("page").render(api=api, style=_STYLE, kinds=KINDS, short=_short)


def _short(schema: Mapping[str, Any]) -> str:
    """A schema in few words."""
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(_short(way) for way in schema["anyOf"])
    if schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
        return f"list of {_short(schema['items'])}"
    bounds = {name: value for name, value in schema.items() if name in ("minimum", "maximum", "maxLength", "pattern")}
    return " ".join([str(schema.get("type", "any")), *([msgspec.json.encode(bounds).decode()] if bounds else [])])
