"""The filter line: what each word means, what is said of one that cannot be read, and what a half-typed one may become."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine.domain.issues import IssueCode
from engine.domain.states import OPEN_STATUSES, OrderStatus, PurchaseState
from engine.errors import Invalid
from engine.services import filter_line
from engine.services.filter_line import ALIASES, KEYS, RESOLVE
from engine.services.filters import Filters

CHANNELS = {"Woo-EU": 2, "Shopify US": 1, "W": 2}
SUPPLIERS = {"Acme Ltd": 7, "ACME": 7, "Nova": 8, "NV": 8}


def _read(text: str) -> Filters:
    return Filters.from_text(text, CHANNELS, SUPPLIERS)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sup:nv", Filters(supplier_ids=(8,))),
        ('sup:"acme ltd" sup:nova', Filters(supplier_ids=(7, 8))),
        ("!SUP:ac", Filters(not_supplier_ids=(7,))),
        ("ch:w", Filters(channel_ids=(2,))),
        ('ch:"shopify u', Filters(channel_ids=(1,))),
        ("err:any", Filters(has_issue=True)),
        ("!err:any", Filters(has_issue=False)),
        ("err:addr", Filters(issue_codes=(IssueCode.MISSING_FIELD, IssueCode.INVALID_ADDRESS))),
        ("total>100 total<=250.50", Filters(total_min=Decimal("100.001"), total_max=Decimal("250.50"))),
        ("total<20eur", Filters(total_max=Decimal("19.999"), currency="EUR")),
        ("age>2h age<3d", Filters(older_than=7200, younger_than=259_200)),
        ("state:ready", Filters(statuses=(OrderStatus.READY,))),
        ("st:on-hold", Filters(statuses=(OrderStatus.ON_HOLD,))),
        ("state:resolve", Filters(statuses=RESOLVE)),
        ("state:open !state:ready", Filters(statuses=tuple(s for s in OPEN_STATUSES if s != "ready"))),
        ("sku:A-10 !sku:B", None),
        ("sku:A-10 !sku:B-2", Filters(skus=("A-10",), not_skus=("B-2",))),
        ('track:"1z 999 aa1"', Filters(trackings=("1Z999AA1",))),
        ('city:"new york" city:Málaga', Filters(cities=("new york", "Málaga"))),
        ("email:dana@ !email:example.com", Filters(emails=("dana@",), not_emails=("example.com",))),
        ("!lamp reyes", Filters(not_text=("lamp",), text="reyes")),
        ('"sup:acme" "wall lamp"', Filters(text="sup:acme wall lamp")),
        ("!is:late is:snoozed cc:de", Filters(late=False, snoozed=True, country="DE")),
        ("is:auto", Filters(auto=True)),
        ("is:held !is:on-hold", Filters(held=True, on_hold=False)),
        ("is:ONHOLD !is:undoable", Filters(on_hold=True, undoable=False)),
        ("is:unsent", Filters(unsent=True)),
        ("is:ready", Filters(statuses=(OrderStatus.READY,))),
        ("!is:completed", Filters(statuses=tuple(s for s in OrderStatus if s != OrderStatus.COMPLETED))),
        ("!is:auto sent>2026-11-01", Filters(auto=False, sent_from=datetime(2026, 11, 1, tzinfo=UTC))),
        (
            "had:sku had<2026-11-02",
            Filters(had_issue_codes=(IssueCode.UNMAPPED_SKU,), had_to=datetime(2026, 11, 2, tzinfo=UTC)),
        ),
        ("late:nova po:reject", Filters(late_supplier_ids=(8,), purchase_states=(PurchaseState.REJECTED,))),
        ("sup:nova lead>24h lead<2d", Filters(supplier_ids=(8,), lead_from=86_400, lead_to=172_800)),
        ("", Filters()),
    ],
)
def test_a_line_says(text: str, wanted: Filters | None) -> None:
    if wanted is None:
        with pytest.raises(Invalid):
            _read(text)
        return
    found = _read(text)
    assert found == wanted
    assert Filters.from_params(found.to_params()) == found


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("sup:zzz", "Acme Ltd"),
        ("sup:", "sup:acme"),
        ("colour:red", "sup:, ch:"),
        ("!total>100", "turn its sign round"),
        ("!cc:DE", "leave it"),
        ("sku>5", "sku:A-10"),
        ("state:lost", "ready"),
        ("!", "two letters"),
        ("email:@", "two letters"),
        ("total>1.2.3", "total>100"),
        ("placed=2026-11-01", "placed>2026-11-01"),
        ("age:3", "age>2h"),
        ("lead>soon", "lead>2h"),
        ("po:lost", "acknowledged"),
        ("had:rain", "unmapped_sku"),
        ("late:zzz", "Acme Ltd"),
        ("is:hold", "held, onhold, undoable, unsent"),
        ("sent>yesterday", "sent>2026-11-01"),
    ],
)
def test_the_word_at_fault_is_named_and_what_would_do(word: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        _read(f"lamp {word} reyes")
    assert caught.value.field == word
    assert caught.value.message.startswith(word)
    assert said in caught.value.message


def test_no_status_left_is_an_error_and_not_every_order() -> None:
    with pytest.raises(Invalid, match="no status is left"):
        _read("state:ready !state:ready")


def test_values_with_commas_survive_the_url() -> None:
    f = Filters(skus=("A,1", "B%2C"), cities=("Köln, Süd",))
    assert Filters.from_params(f.to_params()) == f


def test_every_key_reads_its_own_example() -> None:
    for key in KEYS.values():
        assert _read(key.example) != Filters(), key
    assert all(name in KEYS for name in ALIASES.values())


def _may_become(text: str) -> list[str]:
    channels = [("Shopify US", "S"), ("Woo-EU", "W")]
    suppliers = [("Acme Ltd", "ACME"), ("Nova", "NV"), ("ACME", "Acme Ltd"), ("NV", "Nova")]
    found = filter_line.complete(text, channels, suppliers)
    for candidate in found:
        whole = text[: candidate.start] + candidate.word
        assert not candidate.whole or isinstance(_read(whole), Filters)
    return [candidate.word for candidate in found]


def test_a_half_typed_word_has_candidates() -> None:
    assert _may_become("s") == ["sup:", "state:", "sent>", "sku:"]
    assert _may_become("lamp sup:a") == ['sup:"Acme Ltd"', "sup:ACME"]
    assert _may_become("sup:lt") == ['sup:"Acme Ltd"', "sup:ACME"]
    assert _may_become("!ch:sho") == ['!ch:"Shopify US"']
    assert _may_become('ch:"Shopify') == ['ch:"Shopify US"']
    assert "err:unmapped_sku" in _may_become("err:sku")
    assert _may_become("had:unmapped") == ["had:unmapped_sku"]
    assert _may_become("late:nov") == ["late:Nova", "late:NV"]
    assert _may_become("po:ship") == ["po:shipped", "po:partially_shipped"]
    assert _may_become("err:SKU n")[0:1] == []
    assert _may_become("state:re") == ["state:ready", "state:resolve", "state:open"]
    assert _may_become("is:") == [
        "is:held",
        "is:onhold",
        "is:undoable",
        "is:unsent",
        "is:late",
        "is:snoozed",
        "is:auto",
        *(word.replace("state:", "is:") for word in _may_become("state:")),
    ]
    assert _may_become("is:un")[:3] == ["is:undoable", "is:unsent", "is:unresolved"]
    assert [word.rstrip(":<>") for word in _may_become("sup:acme ")] == list(KEYS)
    assert "!total>" not in _may_become("!")
    assert _may_become("reyes") == []
    assert _may_become("total>1") == []


def test_names_come_before_codes_and_each_once() -> None:
    rows = [(7, "Acme Ltd", "ACME"), (8, "Nova", "NOVA"), (9, "Pine", "")]
    assert [n[:2] for n in filter_line.names(rows)] == [("Acme Ltd", 7), ("Nova", 8), ("Pine", 9), ("ACME", 7)]
