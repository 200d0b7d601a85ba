"""The report page: complete, inert, the same for the same folder; broken folders are told in words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html import unescape as html_text
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from payloads import PAYLOADS

from embedgrad.analysis.analyses import ANALYSES
from embedgrad.errors import EmbedgradError, FileMissing
from embedgrad.report import figures
from embedgrad.report.page import render_comparison, write_report
from embedgrad.report.runs import collect
from embedgrad.run.record import read_run
from made_up_analyses import analyses, anchoring, entropy, reading, write_analyses
from made_up_run import SETTINGS, answer, result, row, write_lines, write_predictions, write_run

OUR_TAGS = (
    "html head meta title style body header main section article h1 h2 p b code div span bdi table thead tbody tr th "
    "td figure pre dl dt dd details summary svg defs g path use text clippath rect pattern"
)


class Page(HTMLParser):
    """All tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


def written(folder: Path) -> str:
    return write_report(folder).read_text(encoding="utf-8")


def test_the_page_tells_the_run(run_folder: Path) -> None:
    html = written(run_folder)
    page = Page(html)
    assert page.open == []
    assert page.tags <= set(OUR_TAGS.split())
    words = page.words.replace("\u00a0", " ")
    for part in (
        "42.1 % -> 71.3 % on 1,240 unseen rows, +29.2 points, 95 % interval 26.4 to 32.0, p < 0.001",
        "42.1 % (40.1 to 45.1)",
        "Fixed: 12 rows",
        "10 shown; all are in predictions.jsonl.",
        "Broken: 1 row",
        "12 min 34 s, 0.25 s per step",
        "40, best at 20",
        "all epochs done",
        "3.1 GB",
        "800 training, 200 validation, 14 test, 3 removed as duplicates",
        "embedgrad 0.1.0, torch 2.13.0",
        "4,000 target tokens over all steps",
        SETTINGS,
    ):
        assert part in words
    assert words.count("input ") == 11  # ten fixed, one broken
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    assert ("content", policy) in page.attributes
    assert html.index("Content-Security-Policy") < html.index("<style")


def test_the_same_folder_gives_the_same_bytes(run_folder: Path) -> None:
    first = write_report(run_folder).read_bytes()
    assert write_report(run_folder).read_bytes() == first


HEADINGS = [
    "Learning curve",
    "Labels",
    "By level",
    "Prompt",
    "Anchoring",
    "Trajectory entropy",
    "Reading by LAT",
    "Position sensitivity",
    "Blend",
    "Read back",
    "Diagnosis of the start: doubtful",
    "Sensitivity",
    "Fixed: 12 rows",
    "Broken: 1 row",
    "Cost",
    "Settings",
]


def with_levels(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    write_lines(folder / "predictions.jsonl", [one | {"group": str(one["line"] % 3)} for one in rows])
    (folder / "settings.toml").write_text(SETTINGS + 'group_by = "level"\n', encoding="utf-8")


def headings(html: str) -> list[str]:
    return [html_text(part) for part in re.findall(r"<h2>(.*?)</h2>", html)]


def test_all_sections_in_their_order(run_folder: Path) -> None:
    write_analyses(run_folder)
    with_levels(run_folder)
    html = written(run_folder)
    assert headings(html) == HEADINGS
    page = Page(html)
    assert page.open == []
    assert page.tags <= set(OUR_TAGS.split())
    words = page.words.replace("\u00a0", " ")
    assert "Not analysed" not in words
    for part in (
        "Answers that are no label: 0 before, 0 after. The most frequent wrong answer after: 'fear' for 'joy', 1 row.",
        "Strict accuracy rose in 3 of 3 groups.",
        "by inner product, 4 by cosine, 2 by L2 distance.",
        "(means over the positions that may move).",
        "The mean entropy of an answer's steps is 0.237 bits before and 0.120 after",
        "Answers that end in a loop: 9 of 40 before, 0 after.",
        "emotion: the direction tells held-out pairs apart best at layer 5 (15 of 16: 93.8 %, 95 % interval "
        "88.8 to 93.8; picked on these pairs, so rather too high), and above the 95 % range of shuffled pairs at 4 "
        "of 6 layers.",
        "sentiment: the direction tells",
        "9 of 20 (40.0 to 45.0 %)",
        "Most depends on position 2, 'emotion': as it was at the start, the loss changes by +0.091 nats per target "
        "token (95 % interval 0.071 to 0.121).",
        "on 40 rows, the loss is lowest at weight 1 (0.500 nats per target token), strict accuracy highest at 1: 70.0 "
        "% (95 % interval 60.0 to 85.0).",
        ": no sign of a ridge.",
        "its nearest tokens as a text 50.0 %",
        "Name the mood .",
        "Few answers are in the form that the task asks for.",
        "Of 9 tunings the chosen one, 0.5rms, 5 epochs, has 60.0 % (95 % interval 40.0 to 70.0) on 200 "
        "validation rows. 1 of 9 tunings failed.",
    ):
        assert part in words, part


@pytest.mark.parametrize("name", ANALYSES)
def test_the_page_says_what_the_terminal_says(run_folder: Path, name: str) -> None:
    write_analyses(run_folder, {name: analyses()[name]})
    page = Page(written(run_folder))
    words = page.words.replace("\u00a0", " ")
    analysis = ANALYSES[name]
    told = analysis.sentences(analysis.record.model_validate_json(json.dumps(analyses()[name])))
    for sentence in told[:1] if name in ("read_back", "diagnosis") else told:  # their others are a box and tables
        assert sentence in words


@pytest.mark.parametrize("name", sorted(analyses()))
def test_a_section_is_left_out_without_its_analysis(run_folder: Path, name: str) -> None:
    write_analyses(run_folder, {name: analyses()[name]})
    (run_folder / "calibration.json").unlink()
    html = written(run_folder)
    expected = {
        "anchoring": "Anchoring",
        "entropy": "Trajectory entropy",
        "reading": "Reading by LAT",
        "position_sensitivity": "Position sensitivity",
        "blend": "Blend",
        "read_back": "Read back",
        "diagnosis": "Diagnosis of the start: doubtful",
    }[name]
    assert headings(html) == ["Learning curve", "Labels", "Prompt", expected, *HEADINGS[-4:]]
    others = ", ".join(other for other in analyses() if other != name).replace("_", " ")
    assert f"Not analysed: {others}. embedgrad analyze RUN adds what fits this run." in Page(html).words


def test_no_two_ids_of_a_page_are_the_same(run_folder: Path) -> None:
    write_analyses(run_folder)
    html = written(run_folder)
    ids = [value for name, value in Page(html).attributes if name == "id"]
    assert len(ids) == len(set(ids)) > 10
    assert set(re.findall(r'href="#([^"]*)"', html)) | set(re.findall(r"url\(#([^)]*)\)", html)) <= set(ids)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_texts_from_outside_stay_text(run_folder: Path, payload: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in figures.__all__:  # they take time; test_figures.py gives them the same texts
        monkeypatch.setattr(figures, name, lambda *_: "")
    one = row(1, answer(payload, False), answer(payload, True)) | {"input": payload, "target": payload}
    write_predictions(run_folder, [one | {"group": payload}])
    changed = result(1) | dict.fromkeys(("model", "prompt_text", "prompt_file", "stopped"), payload)
    changed["versions"] = {payload: payload}
    for side in ("before", "after"):
        changed[side] = changed[side] | {"prompt": payload}
    (run_folder / "result.json").write_text(json.dumps(changed), encoding="utf-8")
    settings = f'task = "label"\nmodel = {json.dumps(payload)}\ngroup_by = {json.dumps(payload)}\n'
    (run_folder / "settings.toml").write_text(settings, encoding="utf-8")
    write_analyses(run_folder, {name: poisoned(found, payload) for name, found in analyses().items()})
    page = Page(written(run_folder))
    assert page.open == []
    assert page.tags <= set(OUR_TAGS.split())
    for name, value in page.attributes:
        assert not name.startswith("on")
        assert name not in {"src", "href", "srcdoc", "action", "data"}
        assert name != "xlink:href" or value.startswith("#")
        assert name in {"title", "aria-label"} or "javascript:" not in value.lower()
    # title, heading, prompt file, four words, two scores, versions twice, input, target, outputs, stopped, read back
    assert page.words.count(payload) >= 16


def poisoned(found: Any, payload: str) -> Any:
    """`found` with `payload` in the place of every text but those of a fixed set."""
    if isinstance(found, dict):
        return {key: value if key == "verdict" else poisoned(value, payload) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [poisoned(value, payload) for value in found]
    return payload if isinstance(found, str) else found


def test_dollars_in_texts_are_no_formulas(run_folder: Path) -> None:
    found = {
        "anchoring": anchoring((r"$\frac{1}{2}$", "$x", r"$\nosuch$", "a$b$c")),
        "reading": poisoned(reading(), r"$\alpha$"),
    }
    write_analyses(run_folder, found)
    html = written(run_folder)
    drawn = [
        text.text
        for svg in re.findall("<svg.*?</svg>", html, re.DOTALL)
        for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert {r"$\frac{1}{2}$", "$x", r"$\nosuch$", "a$b$c", r"$\alpha$"} <= set(drawn)


def test_long_and_foreign_texts(run_folder: Path) -> None:
    """A prompt of 1,000 tokens, 77 labels, very long and right-to-left and Chinese texts, one page."""
    tokens = tuple(f" 词{number}" if number % 2 else f" كلمة{number}" for number in range(1000))
    labels = [f"标签 {number}" * (1 + number % 3) for number in range(77)]
    rows = [
        row(line, answer(labels[line % 77], line % 5 == 0), answer(labels[line % 70], True))
        | {"target": labels[line % 77], "input": "ما هذا؟ " * 500}
        for line in range(1, 400)
    ]
    write_predictions(run_folder, rows)
    (run_folder / "settings.toml").write_text('task = "label"\n', encoding="utf-8")
    write_analyses(run_folder, {"anchoring": anchoring(tokens), "entropy": entropy()})
    page = Page(written(run_folder))
    assert page.open == []
    assert sum(name == "title" for name, _ in page.attributes) == 1000
    assert "The 12 that moved most; the other 988 are in analysis/anchoring.json." in page.words
    assert "The most frequent labels; the rest are (other)." in page.words
    assert "… [3,400 more characters]" in page.words


def test_one_test_row(run_folder: Path) -> None:
    write_predictions(run_folder, [row(1, answer("anger", False), answer("joy", True)) | {"group": "1"}])
    assert "Fixed: 1 row" in headings(written(run_folder))


def test_a_comparison_page_holds_every_run(tmp_path: Path) -> None:
    for name in ("desk", "reviews"):
        write_run(tmp_path / name)
        write_analyses(tmp_path / name, {"entropy": entropy()})
    html = render_comparison(collect([tmp_path]))
    page = Page(html)
    assert page.open == []
    assert page.tags <= set(OUR_TAGS.split())
    assert "All runs were tested on the same rows." in page.words
    assert html.count("<details>") == 2
    assert headings(html)[0] == "Each run"
    assert headings(html).count("Trajectory entropy") == 2
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert render_comparison(collect([tmp_path])) == html


def test_the_curve_is_xml_with_labeled_axes(run_folder: Path) -> None:
    svg = figures.learning_curve(read_run(run_folder))
    words = [text.text for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    for label in (
        "step",
        "(nats per target token)",
        "accuracy (%)",
        "training",
        "validation",
        "best: step 20",
    ):
        assert label in words
    assert "currentColor" in svg
    assert "#ffffff" not in svg


def test_the_curve_without_a_metric_has_one_panel(run_folder: Path) -> None:
    metrics = [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text().splitlines()]
    write_lines(run_folder / "metrics.jsonl", [one | ({"accuracy": None} if "best" in one else {}) for one in metrics])
    assert "accuracy (%)" not in figures.learning_curve(read_run(run_folder))


def test_without_a_metric_rows_are_told_by_their_loss(run_folder: Path) -> None:
    plain = {"prediction": None, "correct": None}
    rows = [
        row(line, answer("a", False, before) | plain, answer("b", False, after) | plain)
        for line, (before, after) in enumerate([(1.0, 0.9), (1.0, 0.2), (1.0, 1.5), (1.0, 1.0)], start=1)
    ]
    write_predictions(run_folder, rows)
    (run_folder / "result.json").write_text(json.dumps(result(len(rows)) | {"comparison": None}), encoding="utf-8")
    words = Page(written(run_folder)).words
    assert "Loss fell: 2 rows" in words
    assert "Loss rose: 1 row" in words
    assert words.index("input 2") < words.index("input 1") < words.index("input 3")
    assert "input 4" not in words


def test_long_outputs_are_cut_with_a_mark(run_folder: Path) -> None:
    write_predictions(run_folder, [row(1, answer("x" * 1000, False), answer("joy", True))])
    assert "x" * 600 + " … [400 more characters]" in Page(written(run_folder)).words


def test_no_steps_no_prompt_text_and_no_rows(run_folder: Path) -> None:
    (run_folder / "metrics.jsonl").write_text("")
    (run_folder / "predictions.jsonl").write_text("")
    (run_folder / "result.json").write_text(json.dumps(result(0) | {"prompt_text": None}), encoding="utf-8")
    words = Page(written(run_folder)).words
    assert "The tuned prompt did not start from a text." in words
    assert "Fixed: 0 rows" in words


def test_a_half_written_last_metric_is_passed_over_and_later_steps_count(run_folder: Path) -> None:
    with (run_folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"event": "validation", "step": 40, "loss": 7.0, "accuracy": null, "best": false}\n')
        file.write('{"event": "step", "st')
    record = read_run(run_folder)
    assert [at.step for at in record.steps] == list(range(1, 41))
    assert [(at.step, at.loss) for at in record.validations] == [(0, 2.0), (20, 1.5), (40, 7.0)]


def test_no_such_folder(run_folder: Path) -> None:
    with pytest.raises(FileMissing) as caught:
        read_run(run_folder.with_name("runn"))
    assert str(caught.value) == f'There is no run folder {run_folder}n. Did you mean "run"?'


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (
            "result.json",
            "has no result.json: the run has not finished. First continue it: `embedgrad tune --resume {0}`",
        ),
        ("metrics.jsonl", "has no metrics.jsonl. Put it back if it was moved, else repeat the run."),
        ("predictions.jsonl", "has no predictions.jsonl. Put it back if it was moved, else repeat the run."),
        ("settings.toml", "has no settings.toml. Put it back if it was moved, else repeat the run."),
    ],
)
def test_missing_files(run_folder: Path, name: str, problem: str) -> None:
    (run_folder / name).unlink()
    with pytest.raises(EmbedgradError) as caught:
        write_report(run_folder)
    assert str(caught.value) == f"The run folder {run_folder} {problem.format(run_folder)}"


def test_a_file_that_cannot_be_read(run_folder: Path) -> None:
    (run_folder / "result.json").unlink()
    (run_folder / "result.json").mkdir()
    with pytest.raises(EmbedgradError) as caught:
        read_run(run_folder)
    assert str(caught.value) == (
        f"Could not read {run_folder / 'result.json'}: it is a folder, not a file. It was damaged or changed: restore "
        "it or repeat the run."
    )


def _wrong_type(folder: Path) -> str:
    (folder / "result.json").write_text(json.dumps(result() | {"steps": "many"}), encoding="utf-8")
    return f"{folder}/result.json is not what embedgrad writes: steps: Input should be a valid integer."


def _unknown_key(folder: Path) -> str:
    (folder / "result.json").write_text(json.dumps(result() | {"extra": 1}), encoding="utf-8")
    return f"{folder}/result.json is not what embedgrad writes: extra: Extra inputs are not permitted."


def _broken_metric(folder: Path) -> str:
    path = folder / "metrics.jsonl"
    path.write_text(path.read_text().replace('"loss": 1.0,', '"loss": NaN,'), encoding="utf-8")
    return f"{path}, line 2 is not what embedgrad writes: step.loss: Input should be a finite number."


def _broken_row(folder: Path) -> str:
    path = folder / "predictions.jsonl"
    path.write_text(path.read_text() + "{", encoding="utf-8")
    return (
        f"{path}, line 15 is not what embedgrad writes: Invalid JSON: EOF while parsing an object at line 1 column 1."
    )


def _broken_settings(folder: Path) -> str:
    (folder / "settings.toml").write_text("model =", encoding="utf-8")
    return f"{folder}/settings.toml is not what embedgrad writes: Invalid value (at end of document)."


def _no_settings(folder: Path) -> str:
    (folder / "settings.toml").write_text("")
    return f"{folder}/settings.toml is not what embedgrad writes: it has no settings."


def _no_rows(folder: Path) -> str:
    (folder / "predictions.jsonl").write_text("")
    return f"{folder}/predictions.jsonl is not what embedgrad writes: rows: 0, where result.json counts 14 test rows."


def _a_row_less(folder: Path) -> str:
    path = folder / "predictions.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    return f"{path} is not what embedgrad writes: rows: 13, where result.json counts 14 test rows."


DAMAGES = (
    *(_wrong_type, _unknown_key, _broken_metric, _broken_row, _broken_settings),
    *(_no_settings, _no_rows, _a_row_less),
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_broken_files(run_folder: Path, damage: Callable[[Path], str]) -> None:
    expected = damage(run_folder)
    with pytest.raises(EmbedgradError) as caught:
        read_run(run_folder)
    assert str(caught.value) == f"{expected} It was damaged or changed: restore it or repeat the run."


def test_matplotlib_waits_until_a_report_is_written() -> None:
    code = "import sys, embedgrad.report.page; print({'matplotlib', 'torch', 'transformers'} & set(sys.modules))"
    done: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
