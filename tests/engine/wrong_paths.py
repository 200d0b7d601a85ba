"""Wrong fast paths, each a mistake that code like this could have; `install` makes it in the running code.

`acts_on` says of which engines what they compute is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from embedgrad.engine import after_prefix, last_layer, packed_rows, shared_prefix
from embedgrad.engine.last_layer import TargetPositions
from embedgrad.engine.packed_rows import PackedRows
from embedgrad.engine.plan import Engine
from embedgrad.engine.prefix_cache import PrefixCache
from embedgrad.engine.shared_prefix import SharedPrefix
from embedgrad.model import attention, packed_attention
from embedgrad.model.packed_attention import Pack

Install = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutant:
    """One mistake."""

    name: str
    install: Install
    acts_on: Callable[[Engine], bool]


def _packs(engine: Engine) -> bool:
    return engine.path.name == "shared prefix" and engine.techniques.packs


def _packs_and_trims(engine: Engine) -> bool:
    return _packs(engine) and engine.techniques.trims


def _is_fast(engine: Engine) -> bool:
    return engine.path.name != "plain" and not _packs(engine)


def _shares(engine: Engine) -> bool:
    return engine.path.name == "shared prefix" and not _packs(engine)


def _caches(engine: Engine) -> bool:
    return engine.path.name == "cached input"


def _attends(engine: Engine) -> bool:
    return _is_fast(engine) and engine.techniques.own_attention


def _trims(engine: Engine) -> bool:
    return _is_fast(engine) and engine.techniques.trims


def _prefix(change: Callable[[list], list]) -> Install:
    """Keys and values [1, G, P, E] of every layer, changed."""

    def install(patch: pytest.MonkeyPatch) -> None:
        right = shared_prefix.prefill
        patch.setattr(shared_prefix, "prefill", lambda *given: change(list(right(*given))))

    return install


def _past(change: Callable[[list], list]) -> Install:
    """Keys and values that rows attend to, of either path, changed."""

    def install(patch: pytest.MonkeyPatch) -> None:
        right = after_prefix.predict_after

        def wrong(model, past, *given):
            return right(model, change(list(past)), *given)

        for module in ("shared_prefix", "cached_input"):
            patch.setattr(f"embedgrad.engine.{module}.predict_after", wrong)

    return install


def _in_the_middle(change: Callable[[torch.Tensor, torch.Tensor], tuple]) -> Callable[[list], list]:
    def changed(layers: list) -> list:
        middle = len(layers) // 2
        return [change(*pair) if number == middle else pair for number, pair in enumerate(layers)]

    return changed


def _attention(**changed: Callable) -> Install:
    """Own attention with an argument changed by a function of its query and itself."""

    def install(patch: pytest.MonkeyPatch) -> None:
        for name in (attention.NAME, attention.MASKED):
            right = ALL_ATTENTION_FUNCTIONS[name]

            def wrong(module, query, key, value, mask, scaling=None, right=right, **options):
                given = {"query": query, "key": key, "value": value, "attention_mask": mask, "scaling": scaling}
                given |= {what: change(given) for what, change in changed.items()}
                return right(module, **given, **options)

            patch.setitem(ALL_ATTENTION_FUNCTIONS, name, wrong)

    return install


def _without_last_head(given: dict) -> torch.Tensor:
    query = given["query"]
    return torch.cat([query[:, :-1], query[:, :1]], dim=1)


def _sees_all(given: dict) -> torch.Tensor:
    query, key = given["query"], given["key"]
    return torch.ones(query.shape[0], 1, query.shape[2], key.shape[2], dtype=torch.bool)


def _earlier_positions(patch: pytest.MonkeyPatch) -> None:
    right = PrefixCache.get_seq_length
    patch.setattr(PrefixCache, "get_seq_length", lambda self, layer_idx=0: right(self, layer_idx) - 1)
    patch.setattr(attention, "takes_masks", lambda model: False)


def _no_head(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SharedPrefix, "_header", lambda self, header_ids: [])


def _column_before(patch: pytest.MonkeyPatch) -> None:
    right = TargetPositions.gather
    patch.setattr(
        TargetPositions,
        "gather",
        lambda self, states: right(replace(self, columns=(self.columns - 1).clamp_min(0)), states),
    )


def _first_target_only(patch: pytest.MonkeyPatch) -> None:
    right = TargetPositions.of.__func__

    def of(cls, wanted):
        places = right(cls, wanted)
        return replace(places, is_real=places.is_real & (torch.arange(places.columns.shape[1]) < 1))

    patch.setattr(TargetPositions, "of", classmethod(of))


def _last_layer_sees_all(patch: pytest.MonkeyPatch) -> None:
    right = last_layer.last_layer_at
    patch.setattr(
        after_prefix,
        "last_layer_at",
        lambda model, places, there: right(model, places, {n: torch.ones_like(mask) for n, mask in there.items()}),
    )


def _padding_is_seen(patch: pytest.MonkeyPatch) -> None:
    right = after_prefix.predict_after
    patch.setattr(
        "embedgrad.engine.cached_input.predict_after",
        lambda model, past, embeds, rows, techniques, lengths: right(model, past, embeds, rows, techniques),
    )


def _frozen_too_far(patch: pytest.MonkeyPatch) -> None:
    right = attention.mark_frozen
    patch.setattr(attention, "mark_frozen", lambda states, tokens: right(states, tokens + 1))


def _trims_and_shares(engine: Engine) -> bool:
    return _trims(engine) and _shares(engine)


def _attends_and_caches(engine: Engine) -> bool:
    return _attends(engine) and _caches(engine)


def _packed(**changed: Callable) -> Install:
    """The packed rows with a field changed by a function of themselves."""

    def install(patch: pytest.MonkeyPatch) -> None:
        right = packed_rows.pack_rows

        def wrong(*given):
            rows = right(*given)
            return replace(rows, **{name: change(rows) for name, change in changed.items()})

        patch.setattr(packed_rows, "pack_rows", wrong)

    return install


def _packed_attention(**changed: Callable) -> Install:
    """Attention of packed rows with an argument changed."""

    def install(patch: pytest.MonkeyPatch) -> None:
        right = ALL_ATTENTION_FUNCTIONS[packed_attention.NAME]

        def wrong(module, query, key, value, mask, scaling=None, **options):
            given = {"query": query, "key": key, "value": value, "scaling": scaling}
            given |= {what: change(given) for what, change in changed.items()}
            return right(module, **given, attention_mask=mask, **options)

        patch.setitem(ALL_ATTENTION_FUNCTIONS._global_mapping, packed_attention.NAME, wrong)

    return install


def _another_order(rows: PackedRows) -> torch.Tensor:
    return torch.arange(len(rows.targets)).flip(0)


def _one_row(rows: PackedRows) -> Pack:
    """All rows as one: each sees those before it."""
    return replace(rows.pack, lengths=(sum(rows.pack.lengths),), made={})


def _longer_first(rows: PackedRows) -> Pack:
    return replace(rows.pack, lengths=rows.pack.lengths[::-1], made={})


def _first_places(rows: PackedRows) -> Pack:
    places = rows.at_targets.places
    return rows.pack.at([range(some.start - 1, some.stop - 1) for some in places])


def _padding_counts(patch: pytest.MonkeyPatch) -> None:
    right = packed_attention.Gather.of.__func__
    patch.setattr(
        packed_attention.Gather, "of", classmethod(lambda *given: replace(right(*given), is_padded=False, kept={}))
    )


MUTANTS = [
    Mutant("packed rows see those before them", _packed(pack=_one_row), _packs),
    Mutant("packed rows have another's length", _packed(pack=_longer_first), _packs),
    Mutant("packed rows start one position early", _packed(positions=lambda rows: rows.positions - 1), _packs),
    Mutant("targets of packed rows are another's", _packed(order=_another_order), _packs),
    Mutant("packed targets see one token less", _packed(at_targets=_first_places), _packs_and_trims),
    Mutant("packed attention has no scale", _packed_attention(scaling=lambda given: 1.0), _packs),
    Mutant("a packed query head is another's", _packed_attention(query=_without_last_head), _packs),
    Mutant("padding in packed attention has a gradient", _padding_counts, _packs_and_trims),
    Mutant("a prompt token is dropped", _prefix(lambda kv: [(k[..., 1:, :], v[..., 1:, :]) for k, v in kv]), _shares),
    Mutant("no gradient in one layer", _prefix(_in_the_middle(lambda k, v: (k.detach(), v.detach()))), _shares),
    Mutant("the text before the prompt is dropped", _no_head, _shares),
    Mutant("one layer's keys are 1.1 times", _past(_in_the_middle(lambda k, v: (1.1 * k, v))), _is_fast),
    Mutant("one layer's keys are a position late", _past(_in_the_middle(lambda k, v: (k.roll(1, -2), v))), _is_fast),
    Mutant("one layer's values are of another head", _past(_in_the_middle(lambda k, v: (k, v.flip(1)))), _is_fast),
    Mutant("positions start one early", _earlier_positions, _shares),
    Mutant("attention has no scale", _attention(scaling=lambda given: 1.0), _attends),
    Mutant("attention sees what comes later", _attention(attention_mask=_sees_all), _attends),
    Mutant("a query head is another's", _attention(query=_without_last_head), _attends),
    Mutant("one token too many has no gradient", _frozen_too_far, _attends_and_caches),
    Mutant("the last layer one column early", _column_before, _trims),
    Mutant("the last layer at the first target only", _first_target_only, _trims),
    Mutant("the last layer sees what comes later", _last_layer_sees_all, _trims_and_shares),
    Mutant("padding before a row is seen", _padding_is_seen, _caches),
]
