"""A vendor's OpenAPI description by its operations, with the names that it knows: no schema of theirs forbids others."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from engine.demo.channels.base import Exchange
from tests.support.described import Described


class Operations:
    """The operations of a description. Exchanges are taken as if they had been with the address that it names."""

    def __init__(self, document: Any) -> None:
        server = document["servers"][0]
        address = server["url"]
        for name, variable in server.get("variables", {}).items():  # openapi-core takes none with a slash in it
            address = address.replace(f"{{{name}}}", variable["default"])
        self.document = _mended(document) | {"servers": [{"url": address}]}
        self._base = urlsplit(address).path.rstrip("/")
        self._described = Described(self.document, address)

    def name(self, said: Exchange) -> str:
        """The operation's id; "" for an exchange that the description is not about."""
        return str((self._operation(said) or {}).get("operationId", ""))

    def check(self, said: Exchange) -> tuple[str, str]:
        """What is wrong with the request and with the answer; "" for nothing. What the description leaves open is fine."""
        operation = self._operation(said) or {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of security schemes that are not checked
            asked, answered = self._described.check(said)
        content = operation.get("requestBody", {}).get("content", {})
        asked = asked or self._strange(content, said.headers.get("Content-Type", ""), said.body)
        described = operation.get("responses", {}).get(str(said.status))
        if described is None:
            known = ", ".join(operation.get("responses", {}))
            return asked, "" if said.status in (401, 403, 429) else f"{said.status} is not described, {known} are"
        if not described.get("content"):
            return asked, ""
        kind = said.answer_headers.get("Content-Type", "")
        return asked, answered or self._strange(described["content"], kind, said.answer)

    def strange(self, value: Any, schema: str) -> list[str]:
        """The paths in a JSON value that the schema of this name does not know."""
        return list(self._unknown(value, {"$ref": f"#/components/schemas/{schema}"}, "$"))

    def fields(self, kind: Any, schema: str) -> list[str]:
        """The paths of a struct's fields, and those of the structs in it, that the schema of this name does not know."""
        return self.strange(_of(msgspec.inspect.type_info(kind)), schema)

    def _operation(self, said: Exchange) -> Any:
        path = urlsplit(said.url).path
        if not path.startswith(self._base):
            return None
        asked = path.removeprefix(self._base).split("/")
        found: list[tuple[int, Any]] = []
        for known, methods in self.document["paths"].items():
            parts = known.split("/")
            fits = len(parts) == len(asked) and all(
                ours == theirs or theirs.startswith("{") for ours, theirs in zip(asked, parts, strict=True)
            )
            if fits and said.method.lower() in methods:
                found.append((known.count("{"), methods[said.method.lower()]))
        return min(found, key=lambda one: one[0])[1] if found else None

    def _strange(self, content: Any, content_type: str, body: bytes) -> str:
        kind = content_type.partition(";")[0]
        if kind != "application/json" or kind not in content or not body:
            return ""
        found = list(self._unknown(json.loads(body), content[kind].get("schema", {}), "$"))
        return f"the description knows no {', '.join(found)}" if found else ""

    def _unknown(self, value: Any, schema: Any, path: str) -> Iterator[str]:
        schema = self._resolved(schema)
        if isinstance(value, list):
            for one in value:
                yield from self._unknown(one, schema.get("items", {}), f"{path}[]")
        elif isinstance(value, dict) and schema.get("properties"):
            for name, inner in value.items():
                if name in schema["properties"]:
                    yield from self._unknown(inner, schema["properties"][name], f"{path}.{name}")
                else:
                    yield f"{path}.{name}"

    def _resolved(self, schema: Any) -> Any:
        for many in ("anyOf", "oneOf", "allOf"):
            if many in schema:  # one thing or nothing, as it is written for what may be null
                schema = schema | self._resolved(schema[many][0])
        while "$ref" in schema:
            found: Any = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        return schema


def _mended(value: Any) -> Any:
    """The description without defaults of null, which it gives to what may not be null."""
    if isinstance(value, list):
        return [_mended(one) for one in value]
    if isinstance(value, dict):
        return {name: _mended(one) for name, one in value.items() if name != "default" or one is not None}
    return value


def _of(described: Any) -> Any:
    if isinstance(described, msgspec.inspect.StructType):
        return {field.encode_name: _of(field.type) for field in described.fields}
    if isinstance(described, msgspec.inspect.UnionType):
        return next((_of(one) for one in described.types if not isinstance(one, msgspec.inspect.NoneType)), "")
    inner = getattr(described, "item_type", None)
    return [_of(inner)] if inner is not None else ""


@cache
def operations(path: Path) -> Operations:
    """The description in the file, loaded once however often it is asked for."""
    return Operations(json.loads(path.read_text()))
