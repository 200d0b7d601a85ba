"""A tuned prompt read back into words: its nearest tokens as a text, what that text can do, and where words moved."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from embedgrad.analysis.anchoring.measure import drifts
from embedgrad.analysis.read_back.record import Hint, ReadBack
from embedgrad.analysis.study import Study
from embedgrad.analysis.vocabulary import cosines, token_text, top_tokens
from embedgrad.data.example import Example
from embedgrad.errors import PromptError
from embedgrad.evaluation.judging import Judging
from embedgrad.evaluation.side_by_side import judges_side_by_side
from embedgrad.model.frozen_model import FrozenModel
from embedgrad.prompt.place import start
from embedgrad.prompt.rows import template_of
from embedgrad.prompt.soft_prompt import SoftPrompt
from embedgrad.run.score import Score
from embedgrad.watch import Watch

_TOWARDS = 5
READ_BACK = "read back"


def measure(study: Study, watch: Watch) -> ReadBack:
    """Scored as the run was."""
    return read_back(study.model, study.text, study.tuned, study.rows, study.judging, watch)


def read_back(
    model: FrozenModel,
    text: SoftPrompt,
    tuned: SoftPrompt,
    examples: Sequence[Example],
    judging: Judging = Judging(),
    watch: Watch = Watch(),
) -> ReadBack:
    """`tuned` as the text of its nearest ordinary tokens (by cosine), scored as a plain prompt beside `text` and
    `tuned` on the same rows; hints which words moved where.

    The text is tokenized anew, as anybody's would be: where that gives other tokens than the nearest, a note says so.
    An untuned prompt comes back as its own text. Raises PromptError where the nearest tokens are blank, DataError
    where no row fits, and what `Judge.prepare` raises.
    """
    nearest = _nearest_ordinary(model, tuned)
    words = _as_text(model, tuned, nearest)
    if not words.strip():
        raise PromptError("The nearest tokens of this prompt are blank: there is no text to read back.")
    back = start(model, words, template_of(tuned).source)
    if back.initial_ids != nearest:
        watch.note(
            f"The text that was read back is tokenized otherwise than the nearest tokens ({len(back)} tokens, not "
            f"{len(nearest)}), so its score is the text's, not theirs."
        )
    prompts, names = (text, tuned, back), (text.name, "tuned", READ_BACK)
    artifacts = [prompt.bind(model) for prompt in prompts]
    judges = judges_side_by_side(artifacts, examples, judging, watch)
    scores: list[Score] = []
    for number, (judge, bound, name) in enumerate(zip(judges, artifacts, names, strict=True)):
        scores.append(judge.judge(bound, name).score)
        watch.progress(number + 1, len(prompts))
    return ReadBack(
        text=words,
        rows=len(judges[0].rows),
        before=scores[0],
        after=scores[1],
        read_back=scores[2],
        hints=_hints(model, tuned),
    )


def _nearest_ordinary(model: FrozenModel, prompt: SoftPrompt) -> tuple[int, ...]:
    """Of each position the nearest token by cosine [P], special ones left out: as text they would end a turn. A
    position's own token is never left out, and where several are nearest it is that one."""
    added = model.tokenizer.added_tokens_decoder  # all_special_ids leaves out most of a chat model's own
    special = frozenset(model.tokenizer.all_special_ids) | {i for i, token in added.items() if token.special}
    vectors, own = prompt.embeddings.double(), prompt.initial_ids

    def score(first: int, rows: Tensor) -> Tensor:
        found = cosines(vectors, rows)
        inside = range(first, first + len(rows))
        hidden = [token - first for token in special if token in inside]
        kept = [(i, token - first) for i, token in enumerate(own or ()) if token in inside]
        values = [found[at].item() + 1e-11 for at in kept]  # equal rows are told apart by where the position started
        found[:, hidden] = -2.0
        for at, value in zip(kept, values, strict=True):
            found[at] = value
        return found

    _, ids = top_tokens(model, score, 1)
    return tuple(row[0] for row in ids)


def _as_text(model: FrozenModel, prompt: SoftPrompt, ids: Sequence[int]) -> str:
    """`ids` as a prompt's text. A token at the prompt's edge may hold fixed text of the template, which is put around
    the text again: where it is there, it is taken off."""
    if prompt.text is None or prompt.initial_ids is None:
        return _decoded(model, ids)
    if tuple(ids) == prompt.initial_ids:
        return prompt.text
    head, found, tail = _decoded(model, prompt.initial_ids).partition(prompt.text)
    words = _decoded(model, ids)
    return words.removeprefix(head).removesuffix(tail) if found else words


def _decoded(model: FrozenModel, ids: Sequence[int]) -> str:
    return str(model.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))


def _hints(model: FrozenModel, prompt: SoftPrompt) -> tuple[Hint, ...]:
    """For each position that moved, the one that moved furthest first: its nearest token now, and those whose cosine
    with it rose most. None where there are no original tokens."""
    if prompt.initial_ids is None:
        return ()
    before, now = model.embed(list(prompt.initial_ids)).cpu().double(), prompt.embeddings.double()
    drift = drifts(before, now).tolist()
    _, nearest = top_tokens(model, lambda first, rows: cosines(now, rows), 1)
    _, towards = top_tokens(model, lambda first, rows: cosines(now, rows) - cosines(before, rows), _TOWARDS)
    hints = [
        Hint(
            position=i,
            token=token_text(model, token),
            drift=drift[i],
            nearest=token_text(model, nearest[i][0]),
            towards=tuple(token_text(model, other) for other in towards[i]),
        )
        for i, token in enumerate(prompt.initial_ids)
        if drift[i] > 0
    ]
    return tuple(sorted(hints, key=lambda hint: -hint.drift))
