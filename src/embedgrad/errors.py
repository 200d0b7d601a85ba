"""Every error a user can meet, as one tree.

EmbedgradError                something went wrong; the message says what, where and what to do
├── UsageError                an argument, a flag or a setting is wrong (exit code 2)
│   ├── SettingsError         an unknown key, a wrong type, a value out of range
│   ├── FileMissing           a file named by the user is not there
│   ├── FolderExists          a run folder is there already
│   ├── FolderInUse           another process is at work in a run folder
│   └── ModelNotFound         neither a folder nor a model on the Hub
├── ModelError                the base model cannot be used
│   ├── NoSafetensors         no weights, or only weights that would need pickle
│   ├── NotCausal             encoder-only or encoder-decoder: it cannot continue a text
│   ├── NoChatTemplate        a chat template was asked for, the tokenizer has none
│   └── NotEnoughMemory       the weights or the batch do not fit
├── TemplateError             the template lacks a slot, or the model's chat template refuses it
├── PromptError               a prompt cannot be used
│   ├── BadPromptFile         not a prompt file, damaged, or altered
│   ├── UnknownVersion        written by a later embedgrad
│   └── WrongBase             tuned on another base model
├── DataError                 the labeled rows cannot be used
│   ├── BadRows               rows that cannot be read: all counted, the first ten shown
│   └── OverlongRows          rows longer than the model's context
├── TuningError               tuning had to stop
│   ├── NonFiniteLoss         the loss, or all logits of a token, became NaN or infinite
│   ├── CannotResume          the run folder does not fit what is asked
│   └── Interrupted           Ctrl-C: the state is saved
└── OutputError               nothing could be written there: read-only, disk full
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from embedgrad.units import counted


class EmbedgradError(Exception):
    """Base of all errors that are told to the user as one message, without a traceback."""

    exit_code = 1


class UsageError(EmbedgradError):
    exit_code = 2


class SettingsError(UsageError): ...


class FileMissing(UsageError): ...


class FolderExists(UsageError): ...


class FolderInUse(UsageError): ...


class ModelNotFound(UsageError): ...


class ModelError(EmbedgradError): ...


class NoSafetensors(ModelError): ...


class NotCausal(ModelError): ...


class NoChatTemplate(ModelError): ...


class NotEnoughMemory(ModelError): ...


class TemplateError(EmbedgradError): ...


class PromptError(EmbedgradError): ...


class BadPromptFile(PromptError): ...


class UnknownVersion(PromptError): ...


class WrongBase(PromptError): ...


class DataError(EmbedgradError): ...


@dataclass(frozen=True)
class RowProblem:
    """One thing wrong with one row: `line` counts from 1 as an editor does."""

    line: int
    problem: str


class BadRows(DataError):
    """Rows that cannot be used: the message shows the first ten, `problems` holds all; `unit` is what their numbers
    count, lines or rows."""

    shown = 10

    def __init__(self, source: str, problems: Sequence[RowProblem], advice: str, unit: str = "line") -> None:
        self.problems = tuple(problems)
        lines = [f"  {unit} {p.line}: {p.problem}" for p in self.problems[: self.shown]]
        if len(self.problems) > self.shown:
            lines.append(f"  and {len(self.problems) - self.shown} more")
        super().__init__(
            f"{source}: {counted(len(self.problems), 'row')} cannot be used.\n" + "\n".join(lines) + f"\n{advice}"
        )


class OverlongRows(DataError): ...


class TuningError(EmbedgradError):
    """`state` is the tuning's last good State and `prompt` its best SoftPrompt, where there are any."""

    state: object = None
    prompt: object = None


class NonFiniteLoss(TuningError): ...


class CannotResume(TuningError): ...


class Interrupted(TuningError): ...


class OutputError(EmbedgradError): ...


class Guessed(UserWarning):
    """A warning, no error: what a file is was guessed, and nobody listens to what is said of it (`say`)."""


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """` Did you mean "x"?` with the nearest known word, or nothing. Starts with a space."""
    close = get_close_matches(word, known, n=1)
    return f' Did you mean "{close[0]}"?' if close else ""
