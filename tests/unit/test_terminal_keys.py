"""The terminal app's keys and colours, without a terminal."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from textual.color import Color

from tui import keys_file, themes
from tui.actions import ACTIONS
from tui.keys import Guard, Keymap

# --- keys of one's own ------------------------------------------------------------------------------------------------


def test_no_key_means_two_things_in_one_place() -> None:
    assert Keymap().conflicts == []


def test_a_letter_means_the_same_wherever_it_acts_on_an_order() -> None:
    for action in ACTIONS.values():
        if action.group == "act":
            same = {
                other.id for other in ACTIONS.values() if other.group == "act" and set(other.keys) & set(action.keys)
            }
            assert same == {action.id}


def test_other_keys_hold_and_what_cannot_be_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text('[keys]\nprocess = ["x"]\nfly = ["f"]\nsnooze = ["r"]\nedit = ["ctrl+m"]\nyes = ["enter"]\n')
    keymap, wrong = keys_file.read(file)
    assert keymap.keys("process") == ("x",)
    assert keymap.keys("edit") == ("e",)
    assert keymap.keys("yes") == ("y",)
    assert [line.partition(":")[0] for line in sorted(wrong)] == [f"keys.toml, line {n}" for n in (3, 4, 5, 6)]
    assert "r for snooze is taken by resolve" in " ".join(wrong)


def test_a_file_that_is_no_toml_leaves_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text("[keys\n")
    keymap, [sentence] = keys_file.read(file)
    assert keymap.keys("process") == ("p",)
    assert "no TOML" in sentence


def test_the_guard_knows_people_from_machines() -> None:
    guard = Guard()
    assert guard.why_ignored("p", 10.0, writes=True) == ""
    assert "twice" in guard.why_ignored("p", 10.069, writes=True)
    assert guard.why_ignored("p", 10.2, writes=True) == ""
    for n in range(3):
        guard.why_ignored("abc"[n], 11.0 + n / 100, writes=False)
    assert "burst" in guard.why_ignored("p", 11.03, writes=True)
    guard.focus(12.0)
    assert "focus" in guard.why_ignored("p", 12.1, writes=True)
    assert guard.why_ignored("j", 12.1, writes=False) == ""


# --- how it looks -----------------------------------------------------------------------------------------------------


def luminance(color: Color) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [c / 255 for c in (color.r, color.g, color.b)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio, as WCAG 2.2 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [themes.DARK, themes.LIGHT], ids=lambda theme: theme.name)
def test_every_colour_can_be_read_on_every_ground(theme: themes.Theme) -> None:
    inks = [theme.foreground, theme.primary, theme.secondary, theme.accent, theme.success, theme.warning, theme.error]
    grounds = [theme.background, theme.surface, theme.panel, theme.boost]
    for ink, ground in product(inks, grounds):
        assert contrast(Color.parse(str(ink)), Color.parse(str(ground))) >= 4.5, (theme.name, ink, ground)
    for ground in (theme.primary, theme.error):
        assert contrast(Color.parse(str(theme.background)), Color.parse(str(ground))) >= 4.5
