"""Expressions of the common kinds are plain functions, and find what jmespath finds."""

from __future__ import annotations

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.connectors.suppliers.rest import quick
from engine.connectors.suppliers.rest.mapping import REQUEST, UPDATE, Expression

NAMES = st.sampled_from(["a", "b", "lines", "line"])
DOCUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)
QUICK = [
    "a", "a.b", "a.b.a", "missing", "a.missing.b", "a[]", "lines[].a", "lines[].a.b", "a.lines[].{x: a, y: b.a}",
    "{x: a, y: b.a}", "{x: a, lines: lines[].{n: line, deep: a[].b}}", "a[].b[]", "lines[].{x: a}.x", "a.{x: b}",
]  # fmt: skip
OTHER = ["a || b", "a[0]", "a[*].b", "lines[?a == `1`]", "length(a)", "@", "a[].b | [0]", "*.a", "{x: to_string(a)}"]


@pytest.mark.parametrize("expression", [*QUICK, REQUEST, *UPDATE.values()])
def test_the_common_kinds_are_quick(expression: str) -> None:
    assert quick.compiled(jmespath.compile(expression).parsed) is not None


@given(st.sampled_from([*QUICK, *OTHER]), DOCUMENTS)
def test_an_expression_finds_what_jmespath_finds(expression: str, document: object) -> None:
    found = quick.compiled(jmespath.compile(expression).parsed)
    if found is not None:
        assert found(document) == jmespath.search(expression, document)


def test_a_setting_of_any_kind_finds_what_jmespath_finds() -> None:
    document = {"a": [{"b": 2}], "lines": [[{"line": 1}], None, {"line": 2, "a": 3}]}
    for expression in ["a[0].b", "lines[].{n: line, a: a}", "missing || a[].b"]:
        assert Expression("update.key", expression).of(document) == jmespath.search(expression, document)
