"""What a public function is given, looked at before anything is done with it: rules by the names of parameters."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import ParamSpec, TypeVar

from embedgrad.errors import UsageError, did_you_mean

P = ParamSpec("P")
R = TypeVar("R")
Rule = Callable[[str, object], None]
"""Given a parameter's name and value; raises UsageError. A default of None is never looked at."""


def checked(**rules: Rule) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function that raises UsageError for an argument that breaks its rule, or that it has no parameter for, before
    it begins."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = signature(function)
        defaults = {name: parameter.default for name, parameter in parameters.parameters.items()}

        @wraps(function)
        def call(*positional: P.args, **named: P.kwargs) -> R:
            try:
                given = parameters.bind(*positional, **named).arguments
            except TypeError:
                _refuse_unknown(function.__name__, named, [*parameters.parameters])
                return function(*positional, **named)  # Python says best what else is wrong with it
            for name, value in given.items():
                if name in rules and not (value is None and defaults[name] is None):
                    rules[name](name, value)
            return function(*positional, **named)

        return call

    return decorate


def _refuse_unknown(function: str, named: Mapping[str, object], known: Sequence[str]) -> None:
    """The error of an unknown setting, for a keyword that a function lacks."""
    for name in named:
        if name not in known:
            raise UsageError(f"{function}: there is no setting {name!r}.{did_you_mean(name, known)}")


def expected(name: str, value: object, what: str, advice: str = "") -> UsageError:
    """The error for `name` being `value`: `template is the text 'x'; expected a Template. Make one: ...`."""
    return UsageError(f"{name} is {_shown(value)}; expected {what}.{f' {advice}' if advice else ''}")


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int):
        return repr(value) if abs(value) < 10**12 else "a number of more than 12 digits"
    if isinstance(value, str):
        short = value if len(value) <= 40 else value[:37] + "..."
        return f"the text {short!a}"
    return f"of type {type(value).__name__}"


def is_a(kind: type, what: str, advice: str = "") -> Rule:
    def rule(name: str, value: object) -> None:
        if not isinstance(value, kind):
            raise expected(name, value, what, advice)

    return rule


def one_of(*choices: str) -> Rule:
    def rule(name: str, value: object) -> None:
        if not isinstance(value, str) or value not in choices:
            near = did_you_mean(value, choices) if isinstance(value, str) else ""
            raise expected(name, value, f"one of {', '.join(map(repr, choices))}", near.strip())

    return rule


def number(least: int, most: int) -> Rule:
    def rule(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise expected(name, value, f"a whole number from {least} to {most}")

    return rule


def function(name: str, value: object) -> None:
    if not callable(value):
        raise expected(name, value, "a function")


def text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise expected(name, value, "a text")
    if not is_encodable(value):
        raise expected(name, value, "a text that UTF-8 can hold: half of a surrogate pair is no character")


def texts(name: str, value: object) -> None:
    if isinstance(value, str) or not isinstance(value, Sequence | set | frozenset):
        raise expected(name, value, "a list of texts")
    for one in value:
        text(f"an entry of {name}", one)


def mapping(name: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise expected(name, value, "a mapping, a dict for example")


def path(name: str, value: object) -> None:
    if not isinstance(value, str | Path):
        raise expected(name, value, "a path")
    if "\0" in str(value):
        raise expected(name, str(value), "a path, which has no NUL character")
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise expected(name, str(value), "a path that the file system can hold") from None


def home_path(given: str | Path) -> Path:
    """`given` with `~` or `~user` in front written out. Raises UsageError where there is no such user."""
    try:
        return Path(given).expanduser()
    except RuntimeError:
        home = Path(given).parts[0]
        raise UsageError(
            f"The path {str(given)!r} begins with {home}, and there is no such user here, or no home folder. Check the "
            f"path; for something that is called {home} itself write ./ in front."
        ) from None


def absolute(path: str) -> str:
    """A path as it will still be found from elsewhere; stdin stays `-`."""
    return path if path == "-" else str(home_path(path).absolute())


def is_encodable(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
