"""A setting that only names a member is looked up by hand, and finds the same."""

from __future__ import annotations

import jmespath
import pytest

from engine.connectors.suppliers.rest.mapping import Expression


@pytest.mark.parametrize("path", ["a", "a.b", "a.b.c", "b", "missing", "a.missing.c"])
@pytest.mark.parametrize(
    "document", [{"a": {"b": {"c": 1}}, "b": [1]}, {"a": [{"b": 2}]}, {"a": None}, {}, [1], "a", None]
)
def test_a_plain_path_finds_what_jmespath_finds(path: str, document: object) -> None:
    assert Expression("update.key", path).of(document) == jmespath.search(path, document)
