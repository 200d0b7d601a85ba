"""Token ids with named spans: seams, spans, rows that are too long."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import example as also
from hypothesis import strategies as st

import embedgrad as eg
import tiny
from embedgrad.errors import OverlongRows, TemplateError
from embedgrad.prompt.rows import lay_out_rows, seam_report
from embedgrad.template.control import row_ids
from embedgrad.template.layout import Rendering, fit, lay_out
from embedgrad.template.template import FixedText, Slot
from embedgrad.template.tokens import bos_ids, token_ids

PROMPT = "Determine the main emotion. Answer with one word."
EDGES = st.sampled_from(["", "\n", "\n\n", ".\n\n", " ", ". ", "é", "😀", "Ġ", ".", "\r\n", "<|im_end|>"])
WORDS = st.builds("".join, st.lists(EDGES | st.text(max_size=4), max_size=4)) | st.text(max_size=12)
SAFE = WORDS.map(lambda text: text.encode("utf-8", "ignore").decode())


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@also(before="e", prompt="", after="m")  # one token, "em"
@given(before=SAFE, prompt=SAFE, after=SAFE)
def test_a_constant_run_is_one_string(before: str, prompt: str, after: str) -> None:
    tokenizer = tiny.make_tokenizer(bos=False)
    segments = [FixedText(text=before), Slot(name="prompt"), FixedText(text=after), Slot(name="input")]
    rendering = Rendering(tuple(s for s in segments if isinstance(s, Slot) or s.text), (), has_bos=False)
    if not token_ids(prompt, tokenizer):
        with pytest.raises(TemplateError):
            fit(rendering, prompt, tokenizer)
        return
    ids, fitted = fit(rendering, prompt, tokenizer)
    layout = lay_out(fitted, len(ids), eg.Example("input"), tokenizer)
    joined = [*layout.ids[: layout.prompt.start], *ids, *layout.ids[layout.prompt.stop : layout.input.start]]
    assert tuple(joined) == token_ids(before + prompt + after, tokenizer)
    assert prompt in tokenizer.decode(ids)
    texts = [s.text for s in fitted if isinstance(s, FixedText)]
    assert all(text in before + prompt + after for text in texts)
    # A straddling token is the prompt's: what is left of the fixed text is what stood there, shortened.
    place = fitted.index(Slot(name="prompt"))
    assert before.startswith("".join(s.text for s in fitted[:place]))
    assert after.endswith("".join(s.text for s in fitted[place + 1 : -1]))


@settings(max_examples=100, deadline=None)
@given(before=SAFE, prompt=SAFE.filter(bool), after=SAFE, value=SAFE)
def test_varying_slots_by_themselves(before: str, prompt: str, after: str, value: str) -> None:
    tokenizer = tiny.make_tokenizer(bos=True)
    segments = (Slot(name="input"), FixedText(text="|" + before), Slot(name="prompt"), FixedText(text=after + "|"))
    ids, fitted = fit(Rendering(segments, (), has_bos=False), prompt, tokenizer)
    layout = lay_out(fitted, len(ids), eg.Example(value), tokenizer, (7, 8))
    assert layout.ids[0] == tokenizer.bos_token_id
    assert layout.ids[layout.input.start : layout.input.stop] == row_ids(value, tokenizer)
    assert layout.input.start == 1
    assert len(layout.prompt) == len(ids)
    assert layout.ids[layout.target.start :] == (7, 8)
    assert layout.with_target((5,)).ids == (*layout.ids[:-2], 5)


def test_bos_is_what_the_tokenizer_puts_in_front() -> None:
    assert bos_ids(tiny.make_tokenizer(bos=True)) == (1,)
    assert bos_ids(tiny.make_tokenizer(bos=False)) == ()


def test_a_prompt_without_tokens() -> None:
    rendering = Rendering((Slot(name="prompt"), Slot(name="input")), (), has_bos=False)
    with pytest.raises(TemplateError) as told:
        fit(rendering, "", tiny.make_tokenizer(bos=False))
    assert str(told.value) == "The prompt '' has no tokens: write at least one word."


def test_a_missing_column(tiny_model) -> None:
    model = tiny_model("llama")
    prompt = eg.start(model, PROMPT, eg.Template.chat("{prompt} {context} {input}"))
    for example, words in (
        (eg.Example("a", columns={"topic": "x", "id": "7"}, line=5), "Line 5 has no column 'context', which the "
         "template asks for; its columns are id, topic."),
        (eg.Example("a"), "A row has no column 'context', which the template asks for; its columns are none besides "
         "the input."),
    ):  # fmt: skip
        with pytest.raises(TemplateError) as told:
            lay_out_rows(model, prompt, [example])
        assert str(told.value) == words


class TestOverlong:
    LONG = "the dog " * 300
    ROWS = (eg.Example("no", "sad", line=1), eg.Example(LONG, "happy", line=7), eg.Example(LONG, "sad", line=9))

    @pytest.mark.parametrize("place", ["{prompt}\n\n{input} ->", "{input}\n\n{prompt} ->"])
    def test_truncate_input_cuts_the_end_of_the_input(self, place: str, tiny_model) -> None:
        model = tiny_model("qwen2")
        prompt = eg.start(model, PROMPT, eg.Template.chat(place))
        whole = lay_out_rows(model, prompt, self.ROWS, overlong="truncate-input", answer_tokens=0)
        input_ids = token_ids(self.LONG, model.tokenizer)
        short = whole[1]
        assert len(short) == model.context_tokens == 512
        assert len(short.prompt) == len(prompt)
        kept = short.ids[short.input.start : short.input.stop]
        assert kept == input_ids[: len(kept)]
        assert short.ids[short.target.start :] == (
            *token_ids("happy", model.tokenizer), model.tokenizer.convert_tokens_to_ids("<|im_end|>"),
        )  # fmt: skip
        # Around the input nothing changed.
        reference = lay_out_rows(model, prompt, [eg.Example("", "happy")])[0]
        assert short.ids[: short.input.start] + short.ids[short.input.stop :] == reference.ids
        cut = len(kept) if short.input.start < short.prompt.start else 0
        assert short.prompt.start == reference.prompt.start + cut
        assert whole[0] == lay_out_rows(model, prompt, self.ROWS[:1])[0]
        room = lay_out_rows(model, prompt, self.ROWS, overlong="truncate-input", answer_tokens=40)[1]
        assert len(room) == 512 - 40

    def test_error_names_the_rows(self, tiny_model) -> None:
        model = tiny_model("qwen2")
        prompt = eg.start(model, PROMPT)
        with pytest.raises(OverlongRows) as told:
            lay_out_rows(model, prompt, self.ROWS, answer_tokens=16)
        assert str(told.value) == (
            f"2 of 3 rows do not fit the 512 tokens that {model.identity.name} takes, with the {len(prompt)} tokens "
            "of the prompt and 16 tokens of answer: lines 7, 9. Shorten them, or pass "
            'overlong="skip" or overlong="truncate-input".'
        )

    def test_rows_made_in_python_are_counted_from_1(self, tiny_model) -> None:
        model = tiny_model("qwen2")
        rows = [eg.Example("no", "sad")] + [eg.Example(self.LONG, "sad")] * 12
        with pytest.raises(OverlongRows, match=r"lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, \.\.\.\. Shorten"):
            lay_out_rows(model, eg.start(model, PROMPT), rows)

    def test_skip(self, tiny_model) -> None:
        model = tiny_model("qwen2")
        found = lay_out_rows(model, eg.start(model, PROMPT), self.ROWS, overlong="skip")
        assert [layout is None for layout in found] == [False, True, True]

    def test_an_input_too_short_to_cut_is_an_error(self, tiny_model) -> None:
        model = tiny_model("qwen2")
        prompt = eg.start(model, PROMPT, eg.Template.chat("{prompt}\n\n{context} {input}"))
        row = eg.Example("no", "sad", {"context": self.LONG}, line=4)
        with pytest.raises(OverlongRows, match=r"line 4\. Shorten"):
            lay_out_rows(model, prompt, [row], overlong="truncate-input")


class TestSeamReport:
    def test_nothing_to_report(self, tiny_model) -> None:
        """A straddling token at the prompt's edge is no difference."""
        for family in tiny.FAMILIES:
            for place in ("{prompt}\n\n{input}", "{input}\n\n{prompt}"):
                model = tiny_model(family)
                prompt = eg.start(model, "Answer with one word.", eg.Template.chat(place))
                assert seam_report(model, prompt, [eg.Example("I like it", "sad"), eg.Example("no", "yes")]) is None
            model = tiny_model(family, chat=False)
            prompt = eg.start(model, "Answer with one word.")
            assert seam_report(model, prompt, [eg.Example("I like it", "yes")]) is None

    def test_a_difference_is_told_with_an_example(self, tiny_model) -> None:
        model = tiny_model("llama")
        rows = [eg.Example("no", "sad", line=3), eg.Example("one.", "sad", line=4), eg.Example("no", "sad", line=5)]
        prompt = eg.start(model, "Answer with one word", eg.Template.chat("{prompt} {input}\n\n"))
        report = seam_report(model, prompt, rows)
        assert report == (
            "1 of 3 rows is tokenized otherwise than as one string, because each slot is tokenized by itself (text "
            "and tuned prompt alike, so their comparison is fair); "
            "for example line 4: here ['on', 'e', '.', 'Ċ'], in one string ['one.ĊĊ', "
            "'<|im_end|>', 'Ċ', '<|im_start|>']."
        )

    def test_a_prompt_without_text_has_no_string(self, tiny_model) -> None:
        model = tiny_model("llama")
        assert seam_report(model, eg.start(model, PROMPT, kind="random"), [eg.Example("one.", "sad")]) is None
