"""Nothing changes a live model but `model.surgery`: the source is searched for code that would."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import embedgrad

SOURCES = Path(embedgrad.__file__).parent
MODES = {"train", "eval", "requires_grad_", "set_attn_implementation", "gradient_checkpointing_enable"}
STORES = {"_parameters", "_buffers", "_modules", "_forward_hooks", "_forward_pre_hooks"}
REGISTERED = ("hook", "buffer", "parameter", "module")
EDITS = {"pop", "update", "setdefault", "clear", "popitem", "__setitem__", "__delitem__"}
SETTERS = {"setattr", "delattr", "__setattr__", "__delattr__"}

ALLOWED = {
    "model/surgery/cuts.py": {"vars()", "set_attention_name()"},  # the room itself
    "model/hooks.py": {"a config"},  # what `set_attention_name` stands for
    "model/load/convert.py": {"a config"},  # of a model that is written to a folder, not yet one of ours
    "model/in_float32.py": {"_parameters", "register_forward_hook()", "register_forward_pre_hook()"},  # its own modules
    "model/load/__init__.py": {"requires_grad_()", "eval()"},  # before anybody else has the model
}


def changes(code: str) -> set[str]:
    """What in `code` would change a module or a config, in words."""
    return {found for node in ast.walk(ast.parse(code)) for found in _of(node)}


def _of(node: ast.AST) -> Iterator[str]:
    for target in _targets(node):
        yield from _assigned(target)
    if isinstance(node, ast.Call):
        yield from _called(node)


def _targets(node: ast.AST) -> Iterator[ast.expr]:
    """What a statement sets or deletes, single names of a tuple by themselves."""
    if isinstance(node, ast.Assign | ast.Delete):
        some = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For | ast.NamedExpr):
        some = [node.target]
    else:
        some = [node.optional_vars] if isinstance(node, ast.withitem) and node.optional_vars else []
    for target in some:
        yield from (n for n in ast.walk(target) if isinstance(n, ast.Attribute | ast.Subscript) and not _is_read(n))


def _is_read(node: ast.Attribute | ast.Subscript) -> bool:
    return isinstance(node.ctx, ast.Load)


def _assigned(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Attribute):
        if target.attr in ("forward", "training", "requires_grad"):
            yield target.attr
        names = _names(target.value)
        yield from (f"a{'n' if name == 'lm' else ''} {name}" for name in ("config", "lm") if name in names)
    elif isinstance(target, ast.Subscript):
        yield from _namespace(target.value)


def _called(call: ast.Call) -> Iterator[str]:
    names = _names(call.func)
    name = names[-1] if names else ""
    if name == "set_attention_name" or any(name.startswith("register_") and kind in name for kind in REGISTERED):
        yield f"{name}()"
    if name in MODES and not _is_of_a_tensor(call, names):
        yield f"{name}()"
    if name in SETTERS and call.args:
        if any(isinstance(argument, ast.Constant) and argument.value == "forward" for argument in call.args):
            yield "forward"
        owners = _names(call.args[0])
        yield from (f"a{'n' if owner == 'lm' else ''} {owner}" for owner in ("config", "lm") if owner in owners)
    if name in EDITS and isinstance(call.func, ast.Attribute):
        yield from _namespace(call.func.value)


def _is_of_a_tensor(call: ast.Call, names: list[str]) -> bool:
    """A leaf for autograd: only a tensor can be detached, and only of one it is asked without saying so."""
    return names[-1] == "requires_grad_" and ("detach" in names or not (call.args or call.keywords))


def _namespace(value: ast.expr) -> Iterator[str]:
    """Of a dict that is edited: whether it is what an object has of its own, or a module's parts."""
    if isinstance(value, ast.Call) and _names(value.func)[-1:] == ["vars"]:
        yield "vars()"
    names = _names(value)
    if names and names[-1] in {"__dict__", *STORES}:
        yield names[-1]


def _names(value: ast.expr) -> list[str]:
    """`a.b(c)[d].e` -> a, b, e."""
    if isinstance(value, ast.Name):
        return [value.id]
    if isinstance(value, ast.Attribute):
        return [*_names(value.value), value.attr]
    if isinstance(value, ast.Call):
        return _names(value.func)
    return _names(value.value) if isinstance(value, ast.Subscript) else []


def test_nothing_else_changes_a_model() -> None:
    found = {
        path.relative_to(SOURCES).as_posix(): what
        for path in sorted(SOURCES.rglob("*.py"))
        if (what := changes(path.read_text(encoding="utf-8")))
    }
    assert found == ALLOWED


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("layer.forward = run", "forward"),
        ("self.a, layer[0].forward = run", "forward"),
        ("del layer.forward", "forward"),
        ("with f() as layer.forward: pass", "forward"),
        ("layer.forward: object = run", "forward"),
        ("setattr(layer, 'forward', run)", "forward"),
        ("object.__setattr__(layer, 'forward', run)", "forward"),
        ("vars(layer)['forward'] = run", "vars()"),
        ("vars(layer).pop('forward')", "vars()"),
        ("layer.__dict__.update(forward=run)", "__dict__"),
        ("layer.__dict__['forward'] = run", "__dict__"),
        ("layer._parameters['weight'] = tensor", "_parameters"),
        ("layer._forward_hooks.clear()", "_forward_hooks"),
        ("layer.register_forward_hook(run)", "register_forward_hook()"),
        ("layer.register_buffer('x', tensor)", "register_buffer()"),
        ("model.lm.config.use_cache = False", "a config"),
        ("config.sliding_window += 1", "a config"),
        ("model.lm.config.get_text_config().x = 1", "a config"),
        ("setattr(config, name, 1)", "a config"),
        ("hooks.set_attention_name(text, name)", "set_attention_name()"),
        ("model.lm.x = 1", "an lm"),
        ("setattr(model.lm, name, 1)", "an lm"),
        ("lm.train()", "train()"),
        ("model.lm.eval()", "eval()"),
        ("lm.requires_grad_(False)", "requires_grad_()"),
        ("weight.requires_grad = True", "requires_grad"),
        ("lm.gradient_checkpointing_enable()", "gradient_checkpointing_enable()"),
    ],
)
def test_the_search_finds(code: str, what: str) -> None:
    assert what in changes(code)


@pytest.mark.parametrize(
    "code",
    [
        "leaf = prompt.float().requires_grad_()",
        "leaf = hidden[piece].detach().requires_grad_(wants_gradient)",
        "forward = layer.forward",
        "config = lm.config",
        "def forward(self): ...",
        "self.x = layer.forward",
        "options['attention_mask'] = mask",
        "found.pop(0)",
    ],
)
def test_and_leaves_alone(code: str) -> None:
    assert changes(code) == set()
