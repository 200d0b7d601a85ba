"""The shape of the package's code in a few numbers, from its syntax trees; standard library only.

python tools/shape.py [FOLDER]     of the package in FOLDER; default src/embedgrad
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_PACKAGE = Path(__file__).parents[1] / "src" / "embedgrad"


@dataclass(frozen=True)
class Function:
    """`parameters` leaves out `self` and `cls`; `*names` and `**names` are one each."""

    module: str
    line: int
    name: str
    parameters: int

    def __str__(self) -> str:
        return f"{self.parameters:>4}  {self.module}:{self.line} {self.name}"


@dataclass(frozen=True)
class Shape:
    """files       each with its number of lines, the empty ones too
    functions   methods and nested ones among them, the public calls apart
    public      the names that the package exports
    forwarded   keywords of calls that only hand a name on, like `x=x`"""

    files: dict[str, int]
    functions: tuple[Function, ...]
    public_calls: tuple[Function, ...]
    public: tuple[str, ...]
    forwarded: int

    def lines(self) -> Iterator[str]:
        """The numbers, one in a line."""
        longest = max(self.files, key=lambda name: self.files[name])
        counts = [function.parameters for function in self.functions] or [0]
        most = [function for function in self.functions if function.parameters == max(counts)]
        yield f"files                  {len(self.files)}"
        yield f"lines                  {sum(self.files.values())}"
        yield f"longest file           {self.files[longest]} ({longest})"
        yield f"functions              {len(self.functions)} besides the public calls"
        yield f"parameters             median {median(counts):g}, max {max(counts)}"
        yield from (f"  {function}" for function in most)
        yield f"over 8 parameters      {sum(count > 8 for count in counts)}"
        yield f"forwarding keywords    {self.forwarded}"
        yield f"public names           {len(self.public)}"
        yield "public calls, by parameters"
        yield from (f"  {function}" for function in sorted(self.public_calls, key=lambda f: (-f.parameters, f.name)))


def measured(folder: Path) -> Shape:
    """Of all Python files below `folder`, a package whose `__init__.py` has `__all__` and the modules of its names in
    `_HOME`. Raises OSError, SyntaxError; ValueError where there is no Python file."""
    sources = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in sorted(folder.rglob("*.py"))}
    if not sources:
        raise ValueError(f"{folder} has no Python files.")
    trees = {name: ast.parse(source, name) for name, source in sources.items()}
    public, homes = _exported(trees.get("__init__.py", ast.Module([], [])))
    functions: list[Function] = []
    calls: list[Function] = []
    for module, tree in trees.items():
        top = {id(node) for node in tree.body}
        for node, in_class in _functions(tree):
            found = Function(module, node.lineno, node.name, _parameters(node, in_class))
            is_public = id(node) in top and node.name in public and _file_of(homes.get(node.name, "")) == module
            (calls if is_public else functions).append(found)
    return Shape(
        files={name: len(source.splitlines()) for name, source in sources.items()},
        functions=tuple(functions),
        public_calls=tuple(calls),
        public=public,
        forwarded=sum(_forwards(node) for tree in trees.values() for node in ast.walk(tree)),
    )


def _exported(tree: ast.Module) -> tuple[tuple[str, ...], dict[str, str]]:
    """`__all__`, and of each name the module that has it, as the package's `__init__.py` writes them out."""
    found = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    names = ast.literal_eval(found["__all__"]) if "__all__" in found else []
    homes = ast.literal_eval(found["_HOME"]) if "_HOME" in found else {}
    return tuple(map(str, names)), {str(name): str(home) for name, home in homes.items()}


def _file_of(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


def _functions(tree: ast.AST, in_class: bool = False) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """Each function, and whether it is a method."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, in_class
        is_transparent = in_class and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _functions(node, isinstance(node, ast.ClassDef) or is_transparent)


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, in_class: bool) -> int:
    given = node.args
    count = len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs)
    is_static = any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in node.decorator_list)
    return count + (given.vararg is not None) + (given.kwarg is not None) - (in_class and not is_static)


def _forwards(node: ast.AST) -> bool:
    return isinstance(node, ast.keyword) and isinstance(node.value, ast.Name) and node.value.id == node.arg


if __name__ == "__main__":
    match sys.argv[1:]:
        case [] | [_]:
            print("\n".join(measured(Path(*sys.argv[1:]) if sys.argv[1:] else _PACKAGE).lines()))
        case _:
            sys.exit(__doc__)
