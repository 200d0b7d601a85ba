"""Settings in tables: what belongs together is one model, and a file's `[table]`. Outside, its name names a setting.

```toml
prompt = "Good?"

[tuning]
epochs = 8.0
```
A file without tables (`epochs = 8`) says the same; flags are such names, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from pydantic import model_validator
from pydantic.fields import FieldInfo

from embedgrad.settings import Settings


class Composed(Settings):
    """Settings whose fields of a Settings class are tables. No name may stand in two of them."""

    @model_validator(mode="before")
    @classmethod
    def _in_tables(cls, values: Any) -> Any:
        return in_tables(cls, values) if isinstance(values, Mapping) else values

    @classmethod
    def places(cls) -> Mapping[str, str | None]:
        return {name: table for name, (table, _) in fields(cls).items()}

    @property
    def given(self) -> dict[str, Any]:
        """Those that were given, whether they differ from their defaults or not."""
        own = {name for name in self.model_fields_set if name not in tables(type(self))}
        inner = (getattr(self, table).model_fields_set for table in tables(type(self)))
        return {name: self[name] for name in own.union(*inner)}

    def __getitem__(self, name: str) -> Any:
        """A setting by its name. Raises KeyError."""
        table = fields(type(self))[name][0]
        return getattr(self if table is None else getattr(self, table), name)

    def changed(self, **values: Any) -> Self:
        """With these settings instead, which are not checked."""
        own: dict[str, Any] = {}
        inner: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            table = fields(type(self))[name][0]
            (own if table is None else inner.setdefault(table, {}))[name] = value
        changed = {table: getattr(self, table).model_copy(update=update) for table, update in inner.items()}
        return self.model_copy(update=own | changed)


@cache
def tables(kind: type[Composed]) -> Mapping[str, type[Settings]]:
    """The tables of `kind` by name."""
    found = ((name, info.annotation) for name, info in kind.model_fields.items())
    return {name: of for name, of in found if isinstance(of, type) and issubclass(of, Settings)}


@cache
def fields(kind: type[Composed]) -> Mapping[str, tuple[str | None, FieldInfo]]:
    """Every setting of `kind` by its name: its table, None above all tables, and its field. Raises TypeError where two
    have the same name."""
    own = [(None, name, info) for name, info in kind.model_fields.items() if name not in tables(kind)]
    inner = [(table, name, info) for table, of in tables(kind).items() for name, info in of.model_fields.items()]
    found: dict[str, tuple[str | None, FieldInfo]] = {}
    for table, name, info in [*own, *inner]:
        if name in found:
            raise TypeError(f"{kind.__name__} has two settings {name!r}")
        found[name] = (table, info)
    return found


def flattened(kind: type[Composed], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` of a file, in tables or not, by name alone; what is no setting of `kind` stays as it is."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = _as_table(kind, name, value)
        if inner is not None and all(fields(kind).get(key, ("",))[0] == name for key in inner):
            found |= inner
        else:
            found[name] = value
    return found


def in_tables(kind: type[Composed], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` by name alone, or in tables already, put into their tables."""
    found: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        table = fields(kind)[name][0] if name in fields(kind) else None
        if isinstance(value, Settings) and name in tables(kind):
            _put(inner, name, {key: getattr(value, key) for key in value.model_fields_set})
        elif (of_table := _as_table(kind, name, value)) is not None:
            _put(inner, name, of_table)
        elif table is not None:
            _put(inner, table, {name: value})
        else:
            found[name] = value
    return inner | found  # what is no table where one is expected is refused when it is checked


def _put(inner: dict[str, dict[str, Any]], table: str, values: Mapping[str, Any]) -> None:
    """Raises ValueError for a setting that is there already."""
    there = inner.setdefault(table, {})
    if twice := sorted(there.keys() & values.keys()):
        raise ValueError(f"{twice[0]} stands twice, above the tables and in [{table}]")
    there.update(values)


def _as_table(kind: type[Composed], name: str, value: Any) -> Mapping[str, Any] | None:
    """`value` where it is a table and not a setting of the same name, such as `model`."""
    return value if name in tables(kind) and isinstance(value, Mapping) else None
