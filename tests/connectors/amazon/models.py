"""Exchanges held against Amazon's own models, which are Swagger 2: its schemas are JSON Schema of draft 4, but for dates.

Amazon's models allow what they do not name; ours and the demo's may say nothing else, so that a misspelt field is found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft4Validator, FormatChecker

from engine.demo.channels.base import Exchange
from tests.support.specs import FOLDER, spec

MODELS = ("orders_2026-01-01.json", "ordersV0.json", "tokens_2021-03-01.json")
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_a_moment(text: object) -> bool:
    return not isinstance(text, str) or datetime.fromisoformat(text.replace("Z", "+00:00")).tzinfo is not None


@lru_cache(maxsize=1)
def _models() -> tuple[dict[str, Any], ...]:
    found = []
    for name in MODELS:
        model = json.loads(spec(f"amazon/{name}").read_text("utf-8"))
        for schema in model["definitions"].values():
            if "properties" in schema:
                schema["additionalProperties"] = False
        found.append(model)
    return tuple(found)


def operations() -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Method, path, operation and model of everything the models describe."""
    for model in _models():
        for path, methods in model["paths"].items():
            for method, operation in methods.items():
                if "operationId" in operation:
                    yield method.upper(), path, operation, model


def there() -> bool:
    """Are the models beside this checkout?"""
    return (FOLDER / "amazon").exists()


def operation_of(exchange: Exchange) -> str:
    """The operation's name; "" where the models know none."""
    found = _find(exchange)
    return str(found[0]["operationId"]) if found else ""


def problems(exchange: Exchange) -> list[str]:
    """What of the request and of the answer is not as the model says."""
    found = _find(exchange)
    if found is None:
        return [f"{exchange.method} {urlsplit(exchange.url).path} is in none of the models"]
    operation, model = found
    return [*_request(exchange, operation, model), *_answer(exchange, operation, model)]


def _find(exchange: Exchange) -> tuple[dict[str, Any], dict[str, Any]] | None:
    asked = urlsplit(exchange.url).path
    for method, path, operation, model in operations():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
        if method == exchange.method and re.fullmatch(pattern, asked):
            return operation, model
    return None


def _request(exchange: Exchange, operation: dict[str, Any], model: dict[str, Any]) -> Iterator[str]:
    given = dict(parse_qsl(urlsplit(exchange.url).query, keep_blank_values=True))
    known = {p["name"]: p for p in operation["parameters"] if p["in"] == "query"}
    for name in given.keys() - known.keys():
        yield f"{operation['operationId']} has no parameter {name}"
    for name, parameter in known.items():
        if name in given:
            yield from _parameter(parameter, unquote(given[name]), model)
        elif parameter.get("required"):
            yield f"the parameter {name} is missing"
    body = next((p for p in operation["parameters"] if p["in"] == "body"), None)
    if body is not None:
        yield from _faults(json.loads(exchange.body), body["schema"], model, "the request")
    elif exchange.body:
        yield "the request has a body"


def _parameter(parameter: dict[str, Any], text: str, model: dict[str, Any]) -> Iterator[str]:
    value: Any = text
    if parameter["type"] == "array":
        value = text.split(",")
    elif parameter["type"] == "integer":
        value = int(text)
    kept = ("type", "items", "enum", "format", "maxItems", "minimum", "maximum")
    schema = {name: rule for name, rule in parameter.items() if name in kept}
    yield from _faults(value, schema, model, f"the parameter {parameter['name']}")


def _answer(exchange: Exchange, operation: dict[str, Any], model: dict[str, Any]) -> Iterator[str]:
    answer = operation["responses"].get(str(exchange.status))
    if answer is None:
        yield f"{operation['operationId']} has no answer {exchange.status}"
    elif "schema" in answer:
        yield from _faults(json.loads(exchange.answer), answer["schema"], model, f"the answer {exchange.status}")
    elif exchange.answer:
        yield f"the answer {exchange.status} should be empty"


def _faults(value: Any, schema: dict[str, Any], model: dict[str, Any], what: str) -> Iterator[str]:
    whole = {**schema, "definitions": model["definitions"]}
    for error in Draft4Validator(whole, format_checker=FORMATS).iter_errors(value):
        yield f"{what}: {'.'.join(map(str, error.absolute_path))}: {error.message}"
