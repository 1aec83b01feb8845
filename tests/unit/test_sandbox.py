"""Templates people write: what they can do, and that none runs on, grows without end or reaches Python."""

from __future__ import annotations

import pytest

from engine.domain.sandbox import Template, fitted
from engine.errors import Invalid, Misconfigured

VALUES = {"p": {"x": "a<b", "n": 5, "lines": [1, 2, 3]}}


def fill(source: str, *, autoescape: bool = False) -> str:
    return Template(source, autoescape=autoescape, filters={"fixed": fitted}).fill(VALUES, "1001-1")


def test_a_template_is_filled_in() -> None:
    assert fill("{% for l in p.lines %}{{ l * 2 }}{% if not loop.last %},{% endif %}{% endfor %}") == "2,4,6"
    assert fill("{{ p.x }}{{ 'a' ~ p.n }}{{ p.lines|join('-') }}", autoescape=True) == "a&lt;ba51-2-3"
    assert fill("{{ p.x|upper|replace('<', '.') }} {{ p.x.startswith('a') }} {{ 7 % 4 + 1 }}") == "A.B True 4"
    assert (
        fill("[{{ 'ab'|fixed(4) }}{{ p.n|string|fixed(3, 'right', '0') }}{{ 'abcd'|fixed(2, cut=true) }}]")
        == "[ab  005ab]"
    )


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{% if %}", "line 1"),
        ("x\n{% macro a() %}{% endmacro %}", "line 2: macro is not available"),
        ("{% for x in p.lines recursive %}{% endfor %}", "a recursive loop is not available"),
        ("{% include 'x' %}", "include is not available"),
        ("{% set a %}x{% endset %}", "assignblock is not available"),
        ("{{ 'x'|center(9) }}", "No filter named 'center'"),
        ("x" * 70_000, "longer than"),
    ],
)
def test_what_could_run_on_is_refused_when_it_is_saved(source: str, told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        fill(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ p.colour }}",
        "{{ p.__class__.__mro__ }}",
        "{{ ''['__cl' ~ 'ass__'] }}",
        "{{ p.lines.append(4) }}",
        "{{ 1 / 0 }}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ p.x * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%0999999999d' % 1 }}",
        "{{ '{:999999999}'.format(1) }}",
        "{{ 'x'.ljust(999999999) }}",
        "{{ 'x'|fixed(999999999) }}",
        "{{ range(999999999)|list }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{{ p.x }}{% endfor %}{% endfor %}",
        "{% set a = 'xy' %}" + "{% set a = a ~ a %}" * 60 + "{{ a|length }}",
        "{% set a = 'xy' %}" + "{% set a = a + a %}" * 60 + "{{ a|length }}",
        "{% set a = 'x' %}" + "{% set a = a|replace('x', 'xxxxxxxxxx') %}" * 30 + "{{ a|length }}",
        "{{ range(900000)|join('" + "y" * 30_000 + "') }}",
        "{{ '\\\\'" + "|tojson" * 60 + " }}",
        "{{ lipsum(100000) }}",
    ],
)
def test_what_goes_wrong_or_never_ends_is_an_order_that_does_not_fit(source: str) -> None:
    # Most take a millisecond, a million turns some seconds; what never ends runs into the suite's limit.
    with pytest.raises(Invalid, match="1001-1"):
        fill(source)


def test_one_document_counts_for_itself() -> None:
    template = Template("{% for a in range(600000) %}{% endfor %}", autoescape=False, filters={})
    assert [template.fill({}, str(n)) for n in range(3)] == ["", "", ""]


def test_what_does_not_fit_is_said() -> None:
    assert fitted("a\r\nb", 4) == "a b "
    with pytest.raises(ValueError, match="title: 'abcdef' has 6 characters where 5 fit"):
        fitted("abcdef", 5, name="title")
