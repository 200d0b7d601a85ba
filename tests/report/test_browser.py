"""The pages in a real browser: on a phone and on a desk, light and dark, and printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, find_browser

from embedgrad.report.page import render_comparison, write_page, write_report
from embedgrad.report.runs import collect
from made_up_analyses import analyses, anchoring, position_sensitivity, share, write_analyses
from made_up_run import answer, result, row, write_predictions, write_run

WIDTHS = (360, 1200)
PAGES = ("full", "extreme", "bare", "several")
# What sticks out of the page and cannot be scrolled to in a box of its own.
STICKING_OUT = """
(() => {
  const boxed = element => {
    for (let above = element.parentElement; above; above = above.parentElement)
      if (["auto", "scroll", "hidden"].includes(getComputedStyle(above).overflowX)) return true;
    return false;
  };
  return [...document.querySelectorAll("body *")]
    .filter(element => element.getBoundingClientRect().right > innerWidth + 1 && !boxed(element))
    .map(element => element.outerHTML.slice(0, 120));
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome on PATH; $EMBEDGRAD_BROWSER may name one")
    opened = Browser(program, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run with all analyses; one with extreme texts; one without metric or analyses; several runs."""
    folder = tmp_path_factory.mktemp("pages")
    for name in ("full", "extreme", "bare"):
        write_run(folder / name)
    write_analyses(folder / "full")
    full = result()
    for side in ("before", "after"):  # all columns that a score can have
        full[side] |= {"macro_f1": {"value": 0.7, "interval": [0.68, 0.72]}}
        full[side] |= dict.fromkeys(("by_meaning", "by_likelihood"), share(900, 1240))
    (folder / "full" / "result.json").write_text(json.dumps(full), encoding="utf-8")
    _make_extreme(folder / "extreme")
    plain = {"prediction": None, "correct": None}
    write_predictions(folder / "bare", [row(1, answer("a", False) | plain, answer("b", False) | plain)])
    (folder / "bare" / "result.json").write_text(json.dumps(result(1) | {"comparison": None}), encoding="utf-8")
    found = {name: write_report(folder / name) for name in ("full", "extreme", "bare")}
    write_page(folder / "several.html", render_comparison(collect([folder / "full", folder / "bare"])))
    return found | {"several": folder / "several.html"}


def _make_extreme(folder: Path) -> None:
    tokens = tuple(f" 词{number}" if number % 2 else f" كلمة{number}" for number in range(1000))
    labels = [f"label-{number}-" + "x" * (number % 40) for number in range(77)]
    rows = [
        row(line, answer(labels[line % 70], line % 5 == 0), answer(labels[line % 77], True))
        | {"target": labels[line % 77], "group": labels[line % 30]}
        for line in range(1, 200)
    ]
    rows[1] |= {"input": "ما هذا؟ " * 300}
    rows[2] |= {"input": "没有空格的长句子" * 200}
    rows[3] |= {"input": "W" * 3000}
    write_predictions(folder, rows)
    (folder / "settings.toml").write_text('task = "label"\nmodel = "' + "m" * 300 + '"\n', encoding="utf-8")
    (folder / "result.json").write_text(
        json.dumps(result(len(rows)) | {"model": "m" * 300, "prompt_text": "p" * 3000}), encoding="utf-8"
    )
    extreme = {"anchoring": anchoring(tokens), "position_sensitivity": position_sensitivity(tokens)}
    write_analyses(folder, analyses() | extreme)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_its_window(browser: Browser, pages: dict[str, Path], name: str, width: int) -> None:
    browser.open(pages[name], width)
    browser.ask("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask(STICKING_OUT) == []
    assert browser.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_ground(browser: Browser, pages: dict[str, Path], scheme: str) -> None:
    browser.open(pages["full"], 1200, scheme)
    ground = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}[scheme]
    ink = browser.ask("getComputedStyle(document.querySelector('svg text')).fill")
    assert ink == browser.ask("getComputedStyle(document.body).color") != ground
    shades = browser.ask(
        "[...document.querySelectorAll('.legend span')].map(span => getComputedStyle(span).backgroundColor)"
    )
    assert len(set(shades)) == 5
    assert browser.complaints == []


def test_figures_have_a_size(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["full"], 360)
    sizes = browser.ask("[...document.querySelectorAll('svg')].map(svg => svg.getBoundingClientRect().width)")
    assert len(sizes) == 11
    assert all(width > 150 for width in sizes)


@pytest.mark.parametrize("name", PAGES)
def test_print(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name], 688, media="print")  # A4 less its margins
    assert browser.ask("document.documentElement.scrollWidth") <= 688
    assert browser.ask(STICKING_OUT) == []
    assert browser.pdf().startswith(b"%PDF-")
