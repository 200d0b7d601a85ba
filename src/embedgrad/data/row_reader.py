"""One row of a file becomes one Example, or a RowError says what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from embedgrad.data.example import Example
from embedgrad.data.fields import Fields
from embedgrad.data.records import Row, written
from embedgrad.data.target_form import target_form
from embedgrad.faces import by_face, setting

_ROLES = ("system", "user", "assistant")
_SHAREGPT = {"human": "user", "gpt": "assistant"}  # what `conversations` call them, with from and value
_TOOLS = ("tools", "functions")


class RowError(ValueError):
    """Why a row cannot be used: `problem` in words; `word` is perhaps a slip for one of `known`."""

    def __init__(self, problem: str, word: str = "", known: Sequence[str] = ()) -> None:
        super().__init__(problem)
        self.problem, self.word, self.known = problem, word, known


@dataclass(frozen=True)
class RowReader:
    """How the rows of one file are read: its fields, the labels allowed, the columns a template needs; whether a target
    may be an object or a list, which then is its JSON text."""

    fields: Fields
    labels: frozenset[str] | None
    needs_target: bool
    columns: tuple[str, ...]
    json_targets: bool = False

    def example(self, line: int, row: Row) -> Example:
        """Strings as they are, numbers and booleans as their JSON text. Raises RowError."""
        if self.fields.is_chat:
            input_text, target, history = self._last_exchange(row)
        else:
            input_text, target, history = self._input(row), self._target(row), ()
        target = target if target is None else _seen(target_form(target))
        if target is not None and self.labels is not None and target not in self.labels:
            problem = f"{_quoted(target)} is none of the {len(self.labels)} labels"
            raise RowError(problem, target, sorted(self.labels))
        own = (self.fields.input, self.fields.target)
        columns = {key: _text(key, value) for key, value in row.items() if _is_text(value) and key not in own}
        for name in self.columns:
            if name not in columns:
                columns[name] = _text(name, _present(row, name))
        return Example(input_text, target, columns, history, line, row)

    def _input(self, row: Row) -> str:
        field, instruction = self.fields.input, self.fields.instruction
        if not self.fields.input_may_be_empty:
            return _filled(row, field)
        text = "" if row.get(field) is None else _text(field, row[field])
        if instruction is None:
            return text
        above = _filled(row, instruction)
        return f"{above}\n\n{text}" if text.strip() else above

    def _target(self, row: Row) -> str | None:
        field = self.fields.target
        if field is None:
            return None
        if not self.needs_target and row.get(field) in (None, ""):
            return None
        value = _present(row, field)
        if isinstance(value, dict | list):
            if not self.json_targets:
                door = by_face("eg.load_examples(..., json_targets=True)", setting("task", "json"))
                raise RowError(f'"{field}" is {_kind(value)}; expected a text or a number, or {door}')
            value = written(value)
        text = _not_blank(f'"{field}"', value)
        return self._boolean_label(text) if isinstance(value, bool) else text

    def _boolean_label(self, text: str) -> str:
        """The label that is this boolean in other letters, such as True: a boolean has none of its own."""
        found = [label for label in self.labels or () if label.casefold() == text]
        return found[0] if len(found) == 1 else text

    def _last_exchange(self, row: Row) -> tuple[str, str | None, tuple[tuple[str, str], ...]]:
        turns = _turns(self.fields.input, _present(row, self.fields.input))
        if beside := [name for name in _TOOLS if row.get(name)]:
            door = by_face(
                'eg.load_model(..., template_arguments={"tools": [...]})', setting("template_argument", "tools=[...]")
            )
            raise RowError(
                f'there are "{beside[0]}" beside "{self.fields.input}"; only role and content are read '
                f"(tools that all rows share: {door})"
            )
        target = turns.pop()[1] if turns[-1][0] == "assistant" else None
        if target is None and self.needs_target:
            raise RowError(f"the last message is the {turns[-1][0]}'s; expected the assistant's, the target")
        if not turns or turns[-1][0] != "user":
            raise RowError("there is no user message, the input")
        return turns[-1][1], target, tuple(turns[:-1])


def _turns(field: str, messages: object) -> list[tuple[str, str]]:
    """An optional system message, then user and assistant by turns."""
    if not isinstance(messages, list) or not messages:
        raise RowError(f'"{field}" is {_kind(messages)}; expected a list of {{"role", "content"}}')
    turns: list[tuple[str, str]] = []
    for number, message in enumerate(messages, start=1):
        role, content = _message(f"message {number}", message)
        before = turns[-1][0] if turns else None
        if role == "system" and turns:
            raise RowError(f"message {number} is a system message; only the first may be one")
        if role == before:
            raise RowError(f"messages {number - 1} and {number} are both the {role}'s; expected them by turns")
        if role == "assistant" and before != "user":
            raise RowError(f"message {number} is the assistant's; expected the user's first")
        turns.append((role, content))
    return turns


def _message(where: str, message: object) -> tuple[str, str]:
    if not isinstance(message, dict):
        raise RowError(f'{where} is {_kind(message)}; expected {{"role", "content"}}')
    names = ("from", "value") if "from" in message and "role" not in message else ("role", "content")
    for key in names:
        if key not in message:
            raise RowError(f'{where} has no "{key}"')
    further = [key for key in message if key not in names and message[key] is not None]
    if further:
        raise RowError(f'{where} has a "{further[0]}"; only {names[0]} and {names[1]} are read')
    role = message[names[0]]
    role = _SHAREGPT.get(role, role) if isinstance(role, str) else role
    if role not in _ROLES:
        shown = _quoted(role) if isinstance(role, str) else _kind(role)
        raise RowError(f"the role of {where} is {shown}; expected {', '.join(_ROLES[:2])} or {_ROLES[2]}")
    return role, _not_blank(f"the content of {where}", message[names[1]])


def _present(row: Row, field: str) -> object:
    if field not in row:
        raise RowError(f'no field "{field}"', field, list(row))
    return row[field]


def _filled(row: Row, field: str) -> str:
    return _not_blank(f'"{field}"', _present(row, field))


def _seen(target: str) -> str:
    if not target:
        raise RowError("the target holds only characters that cannot be seen")
    return target


def _text(field: str, value: object) -> str:
    return _checked(f'"{field}"', value)


def _not_blank(what: str, value: object) -> str:
    text = _checked(what, value)
    if not text or text.isspace():
        raise RowError(f"{what} is {'only whitespace' if text else 'empty'}")
    return text


def _is_text(value: object) -> bool:
    return isinstance(value, str | bool)


def _checked(what: str, value: object) -> str:
    if isinstance(value, bool):
        return json.dumps(value)
    if not isinstance(value, str):
        raise RowError(f"{what} is {_kind(value)}; expected a text or a number")
    if "\0" in value:
        raise RowError(f"{what} holds a NUL character")
    if not value.isascii() and not _encodable(value):
        raise RowError(f"{what} holds half of a surrogate pair, which is no character")
    return str(value)  # a Number is its text from here on


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return "an object" if isinstance(value, dict) else json.dumps(value)


def _quoted(text: str, most: int = 40) -> str:
    short = text if len(text) <= most else text[: most - 1] + "…"
    return json.dumps(short, ensure_ascii=not short.isprintable())
