"""How texts become search terms."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.services.search import MOST_TERMS, terms_of


def test_accents_case_and_punctuation_do_not_matter() -> None:
    assert terms_of("José Müller-Łukasz") == {"jose", "muller", "lukasz", "mullerlukasz"}


def test_numbers_are_found_whole_and_in_parts() -> None:
    assert terms_of("#WOO-10428-1") == {"woo10428" + "1", "woo", "10428"}
    assert terms_of("A-1001") == {"a1001", "1001"}


def test_an_email_is_found_whole_and_in_parts() -> None:
    assert terms_of("omar.haddad@example.com") == {"omarhaddadexamplecom", "omar", "haddad", "example", "com"}


def test_the_first_texts_win_when_there_are_too_many() -> None:
    found = terms_of("10428", *(f"word{n}" for n in range(200)))
    assert len(found) == MOST_TERMS
    assert "10428" in found


@given(st.lists(st.text(max_size=80), max_size=8))
def test_terms_are_short_plain_and_themselves_terms(texts: list[str]) -> None:
    found = terms_of(*texts)
    assert len(found) <= MOST_TERMS
    for term in found:
        assert 2 <= len(term) <= 40
        assert term.isalnum()
        assert terms_of(term) == {term}
