"""What leaves, where it goes, and what each answer becomes."""

from __future__ import annotations

import msgspec
import pytest

from engine.connectors.registry import supplier_type
from engine.connectors.suppliers.rest.connector import Connector
from engine.errors import Misconfigured, NotAuthorised, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import CancelAnswer, Supplier
from tests.connectors.rest.conftest import connector, purchase

URL = "http://127.0.0.1:9"


def test_the_registry_finds_a_supplier() -> None:
    made: Supplier = connector(URL)
    assert supplier_type("rest") is Connector
    assert (made.can_find, made.can_cancel) == (True, True)
    assert {"api_key", "password", "client_secret", "callback_secret"} == Connector.secret_fields


def test_the_config_narrows_what_this_supplier_can_do() -> None:
    made = connector(URL, can_find=False, can_cancel=False)
    assert (made.can_find, made.can_cancel) == (False, False)
    assert Connector.can_find
    assert Connector.can_cancel


def test_the_request_has_costs_as_decimal_text_and_every_address_field() -> None:
    sent = msgspec.json.decode(connector(URL).render(purchase()))
    assert sent["po_number"] == "1001-1"
    assert sent["ship_method"] == "UPS_GROUND"
    assert sent["total"] == "40.55"
    assert sent["lines"][0] == {"line": 1, "sku": "A-1", "title": "Lamp", "quantity": 3, "unit_cost": "12.50"}
    assert sent["ship_to"]["line2"] == ""
    yen = msgspec.json.decode(connector(URL).render(purchase(currency="JPY")))
    assert yen["lines"][0]["unit_cost"] == "1250"


def test_the_same_purchase_is_the_same_bytes_from_any_connector() -> None:
    assert len({connector(URL).render(purchase()) for _ in range(5)}) == 1
    one, two = "skus: lines[].supplier_sku", "po: po_number"
    reordered = {"request": f"{{{one}, {two}}}"}, {"request": f"{{{two}, {one}}}"}
    assert {connector(URL, **settings).render(purchase()) for settings in reordered} == {
        b'{"po":"1001-1","skus":["A-1","A-2"]}'
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"request": "{po: po_number, "}, "request: .*position 16"),
        (
            {"request": "{po: po_number, at: nosuch(placed_at)}"},
            r"request: there is no function nosuch\(\) \(position 20",
        ),
        ({"request": "{lines: lines}"}, "request: .*po_number"),
        ({"request": "{po: po_number, n: length(total_count)}"}, "request: "),
        ({"request": "{po: po_number}"}, "request: .*supplier_sku"),
        ({"update": {"lines": "lines[?"}}, r"update\.lines: .*position"),
        ({"update": {"tracking": "x"}}, "update: there is no field 'tracking'"),
        ({"update": {"key": ""}}, r"update\.key"),
        ({"updates_items": ""}, "updates_items: .*position 0"),
        ({"status_map": {"gone": "vanished"}}, "status_map"),
        ({"submit_path": "orders"}, "submit_path"),
        ({"base_url": "ftp://x"}, "base_url"),
        ({"api_key": "a\nb"}, "api_key"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings: dict[str, object], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        connector(URL, **settings)


async def test_submit_sends_the_bytes_the_key_and_the_number(scripted, connected) -> None:
    scripted.answers = [(201, {"po_number": "1001-1", "reference": "R9"})]
    async with connected(scripted.url) as acme:
        body = acme.render(purchase())
        await acme.stage("1001-1", body)
        accepted = await acme.submit("1001-1", body)
    assert accepted.reference == "R9"
    (asked,) = scripted.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/orders", body)
    assert asked.headers["idempotency-key"] == "1001-1"
    assert asked.headers["authorization"] == "Bearer k-123"
    assert asked.headers["content-type"] == "application/json"


async def test_a_bare_key_and_other_paths_are_sent_as_configured(scripted, connected) -> None:
    scripted.answers = [(202, {"ack": {"id": 77}}), (200, {"state": "in-progress"})]
    settings = {
        "auth_header": "X-API-Key",
        "auth_scheme": "",
        "method": "PUT",
        "submit_path": "/v2/po/{po_number}",
        "answer_reference": "ack.id",
        "cancel_path": "/v2/po/{po_number}/stop",
        "cancel_status": "state",
        "cancel_map": {"in-progress": "pending"},
    }
    async with connected(scripted.url, **settings) as acme:
        assert (await acme.submit("A/ 7-1", b"{}")).reference == "77"
        assert await acme.request_cancel("A/ 7-1") is CancelAnswer.PENDING
    assert [(asked.method, asked.path) for asked in scripted.asked] == [
        ("PUT", "/v2/po/A%2F%207-1"),
        ("POST", "/v2/po/A%2F%207-1/stop"),
    ]
    assert [asked.headers["idempotency-key"] for asked in scripted.asked] == ["A/ 7-1", "A/ 7-1:cancel"]
    assert scripted.asked[0].headers["x-api-key"] == "k-123"
    assert "authorization" not in scripted.asked[0].headers


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (422, {"error": {"message": "no such SKU A-1"}}, Refused, "^Acme: no such SKU A-1$"),
        (400, {"message": "bad zip"}, Refused, "^Acme: bad zip$"),
        (400, b"<h1>Bad</h1>", Refused, "400.*<h1>Bad"),
        (404, {}, Refused, "404"),
        (401, {}, NotAuthorised, "401"),
        (403, {}, NotAuthorised, "403"),
        (429, {}, TryLater, "429"),
        (408, {}, OutcomeUnknown, "408"),
        (303, b"", OutcomeUnknown, "303"),
        (500, {}, OutcomeUnknown, "500"),
        (201, {"po_number": "1002-1", "reference": "R"}, OutcomeUnknown, "1002-1"),
    ],
)
async def test_each_answer_to_a_submit_becomes_its_error(scripted, connected, status, body, error, said) -> None:
    scripted.answers = [(status, body)]
    async with connected(scripted.url) as acme:
        with pytest.raises(error, match=said) as caught:
            await acme.submit("1001-1", b"{}")
    if error is Refused:
        assert caught.value.code == str(status)


@pytest.mark.parametrize("body", [b'{"reference": "R', b"", {"reference": {"id": 4}}])
async def test_a_yes_that_cannot_be_read_is_still_a_yes(scripted, connected, body) -> None:
    scripted.answers = [(200, body)]
    async with connected(scripted.url) as acme:
        accepted = await acme.submit("1001-1", b"{}")
    assert accepted.reference == ""
    assert "cannot be read" in accepted.detail


async def test_a_conflict_about_the_same_number_is_a_yes(scripted, connected) -> None:
    scripted.answers = [(409, {"po_number": "1001-1", "reference": "R1", "message": "duplicate"})]
    async with connected(scripted.url) as acme:
        assert (await acme.submit("1001-1", b"{}")).reference == "R1"


async def test_a_conflict_that_does_not_show_the_number_is_settled_by_the_look_up(scripted, connected) -> None:
    no = (409, {"message": "conflict"})
    scripted.answers = [no, (200, {"po_number": "1001-1", "reference": "R1"}), no, (404, {}), no, (503, {}), no]
    async with connected(scripted.url) as acme:
        assert (await acme.submit("1001-1", b"{}")).reference == "R1"
        with pytest.raises(Refused, match="Acme: conflict"):
            await acme.submit("1001-1", b"{}")
        with pytest.raises(OutcomeUnknown, match="look-up gave no answer"):
            await acme.submit("1001-1", b"{}")
    async with connected(scripted.url, can_find=False) as blind:
        with pytest.raises(OutcomeUnknown, match="no look-up"):
            await blind.submit("1001-1", b"{}")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (410, {}),
        (400, {}),
        (500, {}),
        (429, {}),
        (302, b""),
        (200, b"<html>"),
        (200, {}),
        (200, {"po_number": "other"}),
        (200, {"po_number": ["1001-1"]}),
    ],
)
async def test_an_unclear_look_up_is_never_a_no(scripted, connected, status, body) -> None:
    scripted.answers = [(status, body)]
    async with connected(scripted.url) as acme:
        with pytest.raises(TryLater):
            await acme.find("1001-1")


async def test_only_a_404_is_a_definite_no(scripted, connected) -> None:
    scripted.answers = [(404, b"not here"), (401, {})]
    async with connected(scripted.url) as acme:
        assert await acme.find("1001-1") is None
        with pytest.raises(NotAuthorised):
            await acme.find("1001-1")
    assert scripted.asked[0].path == "/orders/1001-1"


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (200, {"status": "canceled"}, CancelAnswer.CANCELED),
        (202, {"status": "pending"}, CancelAnswer.PENDING),
        (200, {"status": "refused"}, CancelAnswer.REFUSED),
        (409, {"status": "refused", "message": "packed"}, CancelAnswer.REFUSED),
    ],
)
async def test_cancel_answers_are_read(scripted, connected, status, body, answer) -> None:
    scripted.answers = [(status, body)]
    async with connected(scripted.url) as acme:
        assert await acme.request_cancel("1001-1") is answer


async def test_other_cancel_answers_raise(scripted, connected) -> None:
    scripted.answers = [(200, {"status": "maybe"}), (404, {"message": "unknown order"}), (502, {})]
    async with connected(scripted.url) as acme:
        with pytest.raises(Unreadable, match="'maybe'"):
            await acme.request_cancel("1001-1")
        with pytest.raises(Refused, match="unknown order"):
            await acme.request_cancel("1001-1")
        with pytest.raises(TryLater):
            await acme.request_cancel("1001-1")
    async with connected(scripted.url, can_cancel=False) as stubborn:
        with pytest.raises(Refused, match="takes no cancel requests"):
            await stubborn.request_cancel("1001-1")
    assert len(scripted.asked) == 3


async def test_poll_passes_the_cursor_on_and_keeps_it_when_there_is_nothing(scripted, connected) -> None:
    one = {"id": 5, "status": "acknowledged", "po_number": "1001-1", "occurred_at": "2025-03-01T12:00:00Z"}
    scripted.answers = [
        (200, {"updates": [one, {"odd": True}], "next": 6}),
        (200, {"updates": [], "next": None}),
        (200, {"updates": [one]}),
        (200, {"items": []}),
    ]
    async with connected(scripted.url, page_size=50) as acme:
        page = await acme.poll(None)
        assert page.next == "6"
        assert (page.items[0].external_id, page.items[0].delivery_id) == ("1001-1", "5")
        assert len(page.items[1].delivery_id) == 64  # known by its content
        with pytest.raises(Unreadable):
            acme.read(page.items[1])
        after = await acme.poll("6")
        assert (after.items, after.next) == ((), "6")
        with pytest.raises(Unreadable, match="next cursor"):
            await acme.poll("6")
        with pytest.raises(Unreadable, match="should be a list"):
            await acme.poll("6")
    assert [asked.path for asked in scripted.asked][:2] == ["/updates?limit=50", "/updates?limit=50&cursor=6"]


async def test_check_says_who_answered(scripted, connected) -> None:
    scripted.answers = [(200, {"updates": [], "next": "0"}), (200, {"hello": 1}), (401, {})]
    async with connected(scripted.url, can_find=False) as acme:
        assert (await acme.check()).startswith(f"Acme at {scripted.url} answers and accepts the key")
        with pytest.raises(Unreadable):
            await acme.check()
        with pytest.raises(NotAuthorised):
            await acme.check()
