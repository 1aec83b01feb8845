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
        assert screen.ends(10) == 130
    assert screen.text.endswith("\nstopped\n")
    assert "Traceback" not in screen.text


def test_one_ctrl_c_ends_waiting_for_an_address_and_for_the_browser(home: Path) -> None:
    given = ("--set", "client_id=a", "--set", "shop=annex", "--secret-from-env", "client_secret=SECRET", "--no-browser")
    add = ("channels", "add", "X", "--connector", "shopify", "--authorise", *given)
    for more, waits in (("--paste", "Paste that page's address here:"), ("--port=0", "waiting for the answer at")):
        with typed(*add, more, home=home, SECRET="s3cr3t") as screen:
            screen.until(waits)
            screen.type(CTRL_C)
            assert screen.ends(10) == 130
        assert screen.text.endswith("stopped\n")
        assert "Traceback" not in screen.text


def test_the_end_of_the_input_is_no_answer(home: Path) -> None:
    with typed("orders", "cancel", "1004", home=home) as screen:
        screen.until("[y/N]: ")
        screen.type(CTRL_D)
        assert screen.ends(10) == 1
