"""A word that looks like a path is no prompt, and a slot is not the prompt's: said before a model is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

import embedgrad as eg
from embedgrad.cli.flags import prompt_from_flag
from embedgrad.cli.main import main
from embedgrad.errors import BadPromptFile, UsageError
from embedgrad.faces import on_command_line
from embedgrad.prompt.naming import marked_as_text, names_a_path, prompt_text

PATHS = (
    "runs/reviewz", "~/x", "prompt.txt", "./prompt", ".hidden", "..", "/tmp/none", "C:\\prompts\\a", "notes.md",
    "a/b/c", "~nobody", "prompt.safetensors.bak", "Überblick.txt",
)  # fmt: skip
TEXTS = (
    "Answer.", "Positive or negative?", "Is a/b right?", "Read prompt.txt now", "sentiment", "...so ein Film ", "3.5",
    "判断这条评论是正面/负面。", "Summarize:", "judge{x}", "Use {{input}} as it is", "a.b c",
)  # fmt: skip


def path_words(prompt: str) -> str:
    return (
        f"The prompt {prompt!r} looks like a path, and there is nothing of that name. Check the path; @FILE reads a "
        "text from a file. If the prompt is to be just this word, put it into a file and give @FILE."
    )


def path_words_in_python(prompt: str) -> str:
    return (
        f"The prompt {prompt!r} looks like a path, and there is nothing of that name. Check the path. If the prompt is "
        "to be just this word, end it with a newline."
    )


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("prompt", [path for path in PATHS if path != ".."])
def test_a_mistyped_path_is_no_prompt(prompt: str, empty_folder: Path, capsys) -> None:
    with pytest.raises(UsageError) as told:
        prompt_text(prompt)
    assert str(told.value) == path_words_in_python(prompt)
    for verb in (("generate", "x"), ("evaluate", "--data", "no.jsonl"), ("tune", "--train", "no.jsonl")):
        assert main([verb[0], "--model", "none", "--prompt", prompt, *verb[1:]]) == 2
        assert capsys.readouterr().err == f"embedgrad: {path_words(prompt)}\n"
    Path("job.toml").write_text(f"model = 'none'\nprompt = '{prompt}'\ntrain = 'no.jsonl'\n", encoding="utf-8-sig")
    assert main(["tune", "--settings", "job.toml"]) == 2
    assert capsys.readouterr().err == f"embedgrad: {path_words(prompt)}\n"


@pytest.mark.parametrize("prompt", TEXTS)
def test_a_text_is_a_text(prompt: str, empty_folder: Path) -> None:
    assert not names_a_path(prompt)
    assert prompt_text(prompt) == prompt


@pytest.mark.parametrize("text", [*PATHS, *TEXTS, "prompt.safetensors", "emotion.safetensor"])
def test_a_word_on_purpose(text: str, empty_folder: Path) -> None:
    """From a file, a text that looks like a path stays what it is, in a settings file and in Python, too."""
    Path("word").write_text(text + "\n", encoding="utf-8-sig")
    read = prompt_from_flag("@word")
    assert read == marked_as_text(text)
    assert not names_a_path(read)
    assert prompt_text(read) == text


def test_python_has_the_same_rule(tiny_model, empty_folder: Path) -> None:
    with pytest.raises(UsageError) as told:
        eg.start(tiny_model("qwen2"), "runs/reviewz")
    assert str(told.value) == path_words_in_python("runs/reviewz")
    assert eg.start(tiny_model("qwen2"), "yes/no\n").text == "yes/no"


@pytest.mark.parametrize("slot", ["{input}", "{prompt}"])
def test_a_slot_points_to_the_template(slot: str, capsys) -> None:
    assert main(["generate", "--model", "none", "--prompt", f"Answer. {slot} now", "x"]) == 2
    assert capsys.readouterr().err == (
        f"embedgrad: The prompt holds {slot}, which is a slot of the template, not of the prompt. Say with --template "
        'where the prompt and the input stand: --template "{prompt}\\n\\n{input}".\n'
    )


def test_what_is_there_but_cannot_be_looked_at_is_no_text(monkeypatch: pytest.MonkeyPatch, tiny_model) -> None:
    def refuse(path: Path, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", refuse)
        assert names_a_path("secret folder/prompt")
        with pytest.raises(BadPromptFile) as told:
            eg.start(tiny_model("qwen2"), "secret/prompt")
    assert str(told.value) == (
        "secret/prompt cannot be read: Permission denied. Check its permissions. If it holds the prompt as a text, "
        "read it, and give the text itself."
    )


def test_a_text_file_without_its_at_sign(tiny_model, empty_folder: Path) -> None:
    Path("notes.md").write_text("Answer with one word.")
    with pytest.raises(BadPromptFile, match=r"If it holds the prompt as a text, read it, and give the text itself\.$"):
        eg.start(tiny_model("qwen2"), "notes.md")
    with on_command_line(), pytest.raises(BadPromptFile, match=r"as a text, write @notes\.md\.$"):
        eg.start(tiny_model("qwen2"), "notes.md")


def test_a_byte_order_mark_is_no_text(empty_folder: Path) -> None:
    Path("bom.txt").write_bytes(b"\xef\xbb\xbfPositive?\r\n")
    assert prompt_from_flag("@bom.txt") == "Positive?"


def test_an_input_that_names_a_file_of_rows(capsys) -> None:
    assert main(["generate", "--model", "none", "--prompt", "Good?", "reviews.jsonl"]) == 2
    assert capsys.readouterr().err == (
        "embedgrad: The input 'reviews.jsonl' looks like a file of rows; an argument is a text. Rows come as JSONL "
        'through stdin: embedgrad generate ... < FILE. The word itself as an input is the row {"input": ...}.\n'
    )


WITH_SLASHES = (
    "Classify the review / comment.", "positive/negative/neutral, nothing else", "Answer yes/no", "Answer yes / no",
    "Is the review positive/negative?", "Say and/or explain", "Translate into German/French", "Is it spam / ham",
    "Name the he/she/they of the text", "Give km/h as a number", "Rate it from 1/5 to 5/5", "Write w/o commas",
    "Date as 24/12/2025", "Use the format DD/MM/YYYY", "Solve 3/4 + 1/2", "What is 7/8 of 16?", "input / output",
    "Label: good/bad", "Choose A/B/C/D", "Choose one of A / B / C / D", "true/false question", "Is it TCP/IP related",
    "Explain I/O errors briefly", "Read https://example.com/a b and answer", "Is the claim supported/refuted",
    "Sort into sports/politics/science/business", "Mark pros/cons of it", "Answer 24/7 support questions",
    "Classify the tone (formal/informal)", "Reply in English/Spanish depending on the user",
    "Extract the client/server roles", "The question/answer pair below", "Judge the cost/benefit ratio",
    "Is the author a man / woman / unknown", "Start/stop words only", "Convert m/s into mph", "Keep the </s> token",
    "Say whether src is used / not used", "Compare data / runs", "Find the N/A values", "/think about it first",
    "Is src/main right?", "Tell what data/model means.", "Return JSON like {a/b c}", "Summarize README.md",
    "Rewrite the notes in notes.txt", "Answer as in my runs",
)  # fmt: skip
MISTYPED = (
    "runs/my reviws/prompt", "runs/my reviws", "my runs/prompt.safetensor", "my runs/prompt", "my prompt.safetensor",
    "my prompt.safetensros", "nowhere/my run/prompt.txt", "no where/prompt.md", "my notes/prompt.TXT", "~/my runs/x",
    "./my prompt", "../my runs/prompt", "data/emotion rows", "src/a b", "my runs/of may/prompt", "/tmp/my runs/prompt",
    "my files/settings.toml", "old prompts/best.pt", "runs/reviews 2025-12-24/prompt", "my runs/a b.safetensor",
)  # fmt: skip


@pytest.fixture
def folders(empty_folder: Path) -> Path:
    for name in ("runs", "my runs", "data", "src"):
        (empty_folder / name).mkdir()
    return empty_folder


@pytest.mark.parametrize("prompt", WITH_SLASHES)
def test_a_slash_between_words_makes_no_path(prompt: str, folders: Path) -> None:
    assert not names_a_path(prompt)
    assert prompt_text(prompt) == prompt


@pytest.mark.parametrize("prompt", MISTYPED)
def test_a_mistyped_path_with_spaces_is_no_prompt(prompt: str, folders: Path, capsys) -> None:
    says = path_words_in_python(prompt).replace("this word", "these words")
    with pytest.raises(UsageError) as told:
        prompt_text(prompt)
    assert str(told.value) == says
    assert prompt_text(marked_as_text(prompt)) == prompt, "it can be meant"


def test_a_mistyped_path_with_spaces_is_told_before_the_model_loads(folders: Path, capsys) -> None:
    for prompt in ("runs/my reviws/prompt", "my runs/prompt.safetensor"):
        assert main(["generate", "--model", "none", "--prompt", prompt, "x"]) == 2
        says = path_words(prompt).replace("this word", "these words")
        assert capsys.readouterr().err == f"embedgrad: {says}\n"
