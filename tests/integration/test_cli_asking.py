"""What ``bluebook`` asks at a terminal: one Ctrl-C ends it, and a wrong answer is not the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.typed import CTRL_C, CTRL_D, typed

ASKS = {
    ("channels", "add", "X", "--connector", "woocommerce"): "url: ",
    ("channels", "add", "X", "--connector", "ebay", "--no-browser"): "client id: ",
    ("users", "add", "dana", "--password"): "Password: ",
    ("orders", "cancel", "1004"): "[y/N]: ",
}


@pytest.mark.parametrize(("command", "question"), ASKS.items(), ids=lambda it: it[1] if isinstance(it, tuple) else "")
def test_one_ctrl_c_at_a_question_ends_it(home: Path, command: tuple[str, ...], question: str) -> None:
    with typed(*command, home=home) as screen:
        screen.until(question)
        screen.type(CTRL_C)
        assert screen.ends() == 130
    assert screen.text.endswith("\nstopped\n")
    assert "Traceback" not in screen.text


def test_one_ctrl_c_ends_waiting_for_an_address(home: Path) -> None:
    given = ("--set", "client_id=a", "--set", "shop=annex", "--secret-from-env", "client_secret=SECRET", "--no-browser")
    add = ("channels", "add", "X", "--connector", "shopify", "--authorise", "--paste", *given)
    with typed(*add, home=home, SECRET="s3cr3t") as screen:
        screen.until("Paste that page's address here:")
        screen.type(CTRL_C)
        assert screen.ends() == 130
    assert screen.text.endswith("\nstopped\n")
    assert "Traceback" not in screen.text


def test_the_end_of_the_input_is_no_answer(home: Path) -> None:
    with typed("orders", "cancel", "1004", home=home) as screen:
        screen.until("[y/N]: ")
        screen.type(CTRL_D)
        assert screen.ends() == 1


SHOPIFY = ("channels", "add", "X", "--connector", "shopify")


def test_which_way_in_is_asked_and_then_all_that_this_way_needs(home: Path) -> None:
    with typed(*SHOPIFY, home=home) as screen:
        screen.until("3  its owner's yes in a browser, for which it needs shop, client id, client secret")
        screen.answer("Which (1-3): ", "7")
        screen.answer("there is no choice 7: write a number from 1 to 3\nWhich (1-3): ", "2")
        screen.until("Shopify needs: shop, access token")
        screen.answer("shop: ", "not a shop")
        screen.answer("access token: ", "t0ken")
        screen.until("Once more:")
        screen.answer("shop: ", "annex")
        screen.answer("access token: ", "t0ken")
        screen.until("X is added")
        assert screen.ends() == 0
    assert "t0ken" not in screen.text


def test_the_owner_can_be_chosen_and_a_wrong_paste_is_not_the_end(home: Path) -> None:
    with typed(*SHOPIFY, "--paste", "--no-browser", home=home) as screen:
        screen.answer("Which (1-3): ", "3")
        screen.answer("shop: ", "annex")
        screen.answer("client id: ", "a")
        screen.answer("client secret: ", "b")
        screen.answer("Paste that page's address here:", "https://www.google.com/")
        for wrong in ("garbage", "https://shop.example/?code=1"):
            screen.answer(
                "behind a question mark with code=…&state=… or the like, and paste all of it. Paste it here:", wrong
            )
        screen.answer("Paste it here:", "https://shop.example/?code=1&state=old")
        screen.until("this answers another question")
        screen.type(CTRL_C)
        assert screen.ends() == 130


def test_what_cannot_stand_is_said_before_anybody_is_asked(home: Path) -> None:
    ask = ("--authorise", "--set", "client_id=a", "--set", "shop=annex")
    with typed("channels", "add", "Demo store", "--connector", "shopify", *ask, home=home) as screen:
        assert screen.ends() == 2
    assert "there is already a channel called Demo store" in screen.text
    for wrong, said in (
        ("shop_id=xx", "Etsy: shop_id is a whole number, at least 1, not 'xx'"),
        ("shop=1", "Etsy has no setting called shop; did you mean shop_id?"),
    ):
        with typed("channels", "add", "X", "--connector", "etsy", "--set", wrong, home=home) as screen:
            assert screen.ends() == 4
        assert said in screen.text


def test_where_ebay_comes_back_to_is_what_is_registered_there(home: Path) -> None:
    with typed("channels", "add", "X", "--connector", "ebay", "--no-browser", home=home) as screen:
        for question, text in (("client id: ", "a"), ("client secret: ", "b"), ("ru name: ", "Some-Ru-Name")):
            screen.answer(question, text)
        screen.until("Paste that page's address here:")
    assert "with the redirect address: the one that is registered with the app there" in screen.text
    assert "127.0.0.1" not in screen.text
