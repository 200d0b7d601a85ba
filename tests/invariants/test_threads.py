"""Many threads on one model: every answer is that of the call alone, and nobody waits for a stream that is not read."""

from __future__ import annotations

import copy
import pickle
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import embedgrad as eg
import rows
from embedgrad.engine import plan
from embedgrad.engine.after_prefix import Techniques
from embedgrad.evaluation.settings import ScoreBy
from embedgrad.model import attention
from embedgrad.model.turns import Turns, in_turn
from embedgrad.prompt.place import start
from embedgrad.prompt.rows import lay_out_rows
from embedgrad.tasks.task import Task
from paths import PATHS

PROMPT = "Determine the main emotion. Answer with one word."
OTHER = "Please decide whether the review is positive or negative."
INPUTS = ["no", "I can't believe it worked!", "the dog", "so sad", "Once upon a time there was a little dog."]
LABELED = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(8)]
HELD_OUT = [eg.Example(row["text"], row["label"]) for row in rows.sentiment(2, first=300)]
TASK = Task("label", ("negative", "positive"))
PATIENCE = 60.0  # seconds after which a thread counts as stuck

Call = Callable[[], object]


def listened(stream) -> tuple[str, object]:
    pieces = []
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            return "".join(pieces), end.value


def calls(model: eg.FrozenModel) -> list[Call]:
    """One of each kind that runs a model; what they return can be compared."""

    def evaluated(text: str, score_by: ScoreBy) -> Call:
        def call() -> object:
            return eg.evaluate(model, text, LABELED, task=TASK, score_by=score_by, max_new_tokens=4).score

        return call

    def gradient() -> object:
        found = eg.forward(model, start(model, PROMPT), LABELED)
        return found.loss, found.gradient.tolist()

    found: list[Call] = [
        lambda: eg.generate(model, PROMPT, INPUTS, max_new_tokens=6),
        lambda: eg.generate(model, [PROMPT, OTHER, PROMPT], INPUTS[:3], max_new_tokens=5, stop="e"),
        lambda: eg.generate(model, OTHER, INPUTS[3:], max_new_tokens=7),
        lambda: listened(eg.stream(model, PROMPT, INPUTS[1], max_new_tokens=8)),
        lambda: listened(eg.stream(model, OTHER, INPUTS[4], max_new_tokens=5, stop="a")),
        evaluated(PROMPT, "generation"),
        evaluated(OTHER, "likelihood"),
        gradient,
    ]
    return found


def tuned(model: eg.FrozenModel) -> object:
    found = eg.tune(model, PROMPT, LABELED, validation=HELD_OUT, task=TASK, epochs=4, batch_size=3, max_new_tokens=2)
    return found.prompt.embeddings.tolist(), found.best_step, found.steps


def wrong_answers(work: Sequence[Sequence[Call]], alone: dict[Call, object]) -> int:
    """How many calls return something else than alone, where each of `work` is one thread's."""
    gate = threading.Barrier(len(work))

    def one(todo: Sequence[Call]) -> int:
        gate.wait()
        return sum(call() != alone[call] for call in todo)

    with ThreadPoolExecutor(len(work)) as pool:
        return sum(pool.map(one, work))


def check(models: Sequence[eg.FrozenModel], threads: int, each: int) -> None:
    """`threads` threads of `each` calls, and a tuning of every model beside them."""
    known = [call for model in models for call in calls(model)]
    tunings: list[Call] = [lambda model=model: tuned(model) for model in models]
    alone = {call: call() for call in [*known, *tunings]}
    work: list[list[Call]] = [random.Random(number).choices(known, k=each) for number in range(threads)]
    assert wrong_answers([*work, *([tuning] for tuning in tunings)], alone) == 0


@pytest.mark.parametrize("family", ["qwen2", "gpt2", "recurrent_gemma"])
def test_threads_get_what_calls_alone_get(family: str, tiny_model) -> None:
    check([tiny_model(family)], threads=4, each=4)


def test_rows_on_both_sides_of_a_rotary_switch_beside_each_other(tiny_model) -> None:
    check([tiny_model("phi3", long_rope=40)], threads=4, each=6)


def test_two_models_in_one_process(tiny_model) -> None:
    check([tiny_model("qwen2"), tiny_model("gemma2")], threads=4, each=5)


@pytest.mark.stress
@pytest.mark.parametrize("family", ["qwen2", "gemma2", "mamba", "mixtral", "stories"])
def test_eight_threads_of_fifty_calls(family: str, tiny_model, request) -> None:
    check([request.getfixturevalue("stories") if family == "stories" else tiny_model(family)], threads=8, each=50)


@pytest.mark.parametrize("checkpoints", [False, True])
@pytest.mark.parametrize("path", ["shared prefix", "cached input", "plain"])
def test_every_path_beside_generation(path: str, checkpoints: bool, tiny_model) -> None:
    """Steps as a tuning takes them, also where layers are run again in the backward."""
    model = tiny_model("qwen2")
    template = eg.Template.text("{input}\n{prompt}\n") if path == "cached input" else None
    prompt = start(model, PROMPT, template)
    layouts = [row for row in lay_out_rows(model, prompt, LABELED) if row is not None]
    means = Techniques(own_attention=True, trims=True, checkpoints=checkpoints)

    def step() -> object:
        found = plan.Engine(PATHS[path](model, means), batch_tokens=64).loss_and_gradient(prompt.embeddings, layouts)
        return found.loss, found.gradient.tolist()

    others = calls(model)[:4]
    alone = {call: call() for call in [step, *others]}
    assert wrong_answers([[step] * 6, [step] * 6, others * 2, others[::-1] * 2], alone) == 0


def in_a_thread(call: Call) -> object:
    """What `call` returns in another thread; fails where that takes too long."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result(timeout=PATIENCE)


@pytest.mark.parametrize("family", ["qwen2", "recurrent_gemma"])
def test_a_stream_that_nobody_reads_on_keeps_nobody_waiting(family: str, tiny_model) -> None:
    model = tiny_model(family)
    alone = {call: call() for call in calls(model)}
    whole, answer = listened(eg.stream(model, PROMPT, INPUTS[1], max_new_tokens=12))
    half_read = eg.stream(model, PROMPT, INPUTS[1], max_new_tokens=12)
    first = next(half_read)
    assert all(in_a_thread(call) == found for call, found in alone.items())
    rest, end = listened(half_read)
    assert (first + rest, end) == (whole, answer)


def test_an_abandoned_stream_leaves_nothing_behind(tiny_model) -> None:
    model = tiny_model("qwen2")
    config = model.lm.config.get_text_config()
    before = config._attn_implementation
    abandoned = eg.stream(model, PROMPT, INPUTS[1], max_new_tokens=12)
    next(abandoned)
    abandoned.close()
    assert config._attn_implementation == before
    assert in_a_thread(calls(model)[0]) == calls(model)[0]()


def test_a_failing_call_gives_its_turn_back(tiny_model, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("qwen2")
    with monkeypatch.context() as patch:
        patch.setattr(model.lm, "forward", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            eg.generate(model, PROMPT, INPUTS[:1], max_new_tokens=2)
    with pytest.raises(RuntimeError), attention.in_use(model), model.turns:
        raise RuntimeError
    assert in_a_thread(calls(model)[0])


def test_loading_a_model_beside_another_that_answers(tiny_model, tiny_folder) -> None:
    """While transformers makes a bfloat16 model, bfloat16 is the process's default dtype."""
    model = tiny_model("qwen2")
    folder = tiny_folder("llama")
    alone = {call: call() for call in calls(model)}

    def load() -> object:
        return eg.load_model(folder, "bfloat16").dtype

    alone[load] = torch.bfloat16
    assert wrong_answers([[load] * 6, [load] * 6, list(alone)[:-1], list(alone)[:-1]], alone) == 0
    assert torch.get_default_dtype() == torch.float32


class TestTurns:
    def test_the_longest_waiting_comes_first(self) -> None:
        turns, order = Turns(), []

        def wait(number: int) -> None:
            with turns:
                order.append(number)

        with turns:
            threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
            for number, thread in enumerate(threads):
                thread.start()
                while len(turns._waiting) <= number:
                    time.sleep(0.001)
        for thread in threads:
            thread.join(PATIENCE)
        assert order == [0, 1, 2, 3, 4]

    def test_nobody_starves_beside_a_thread_that_always_wants(self) -> None:
        turns, stop, taken = Turns(), threading.Event(), 0

        def greedy() -> None:
            nonlocal taken
            while not stop.is_set():
                with turns:
                    taken += 1
                    time.sleep(0.001)

        thread = threading.Thread(target=greedy)
        thread.start()
        for _ in range(20):
            with turns:
                pass
        stop.set()
        thread.join(PATIENCE)
        assert taken <= 100

    def test_a_thread_may_take_it_again(self) -> None:
        turns = Turns()
        with turns, turns:
            pass
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(turns.__enter__).result(timeout=PATIENCE) is None

    def test_a_copy_has_turns_of_its_own(self, tiny_model) -> None:
        turns = Turns()
        with turns:
            for other in (copy.deepcopy(turns), pickle.loads(pickle.dumps(turns))):
                assert in_a_thread(lambda other=other: other.__enter__()) is None

    def test_the_model_may_be_named(self, tiny_model) -> None:
        model = tiny_model("qwen2")
        assert in_turn(lambda model: model)(model=model) is model
        assert len(eg.start(model=model, prompt=PROMPT)) > 3
