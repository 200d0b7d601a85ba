"""Where an output says its answer: after its thinking, behind words like "the answer is", at a conclusion.

All patterns take time linear in the text: nothing unbounded is repeated twice over the same characters.
"""

from __future__ import annotations

import re

from embedgrad.folding import folded

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_VERB = r"(?:is|would be|should be|must be)\b"
_ANSWER = re.compile(
    rf"""final\ answer
        |answer\W{{0,4}}(?:{_VERB}|:)
        |answer\ to\ [^.:\n]{{1,80}}\ {_VERB}
        |答案\W{{0,4}}(?:应该是|應該是|应为|應為|是|为|為|:)
        |最[终終]答案""",
    re.IGNORECASE | re.VERBOSE,
)
_CONCLUSION = re.compile(
    r"""\b(?:therefore|thus|hence|consequently|in\ conclusion|to\ conclude)\b
        |(?:\A|[.!?;:,\n])[ *\n]{0,3}(?:so|overall)(?=,|\ (?:the|this|it|my|i|we|a|most|they|he|she|people)\b)
        |所以|因此|因而|综上|綜上|总之|總之""",
    re.IGNORECASE | re.VERBOSE,
)
_LEAD = re.compile(rf"[\s*_:>#]*+(?:{_VERB})?+[\s*_:]*+", re.IGNORECASE)
_SHORTENED = "Dr Mr Ms Mx St Mt Lt Ft Fr Br Bp Prof Gen Col Maj Capt Cmdr Sgt Cpl Adm Mrs Messrs Rev Hon Pres Sen Rep"
_SHORTENED += " Gov Dept Drs Profs Gens Insp Supt Det Amb Cllr Mme Mlle vs approx ca cf e.g i.e"


def _not_after(words: list[str]) -> str:
    """A pattern for the end of none of `words`: one look back for each length, as `re` wants it."""
    by_length = {len(word): [re.escape(w) for w in words if len(w) == len(word)] for word in words}
    return "".join(rf"(?<!\b(?:{'|'.join(group)}))" for group in by_length.values())


# Not within 3.5 or U.S., after Prof. or Dr., nor before the number of `No. 5`.
_NUMBERED = r"(?!(?<=\b(?:No|Op|Ch|pp)\.) ?[0-9])(?!(?<=\b(?:Fig|Vol|Sec|Art)\.) ?[0-9])"
_SENTENCE_END = re.compile(rf"(?<![A-Z]){_not_after(_SHORTENED.split())}[.!?]{_NUMBERED}(?=[\s*_\"')]|\Z)|[。！？\n]")
_THOUGHT = "</think>"


def half_width(text: str) -> str:
    """Full-width signs and digits as ASCII: ０ as 0, ： as :. Less than NFKC, under which m² would be m2."""
    return text if text.isascii() else text.translate(_FULL_WIDTH)


def folded_lines(text: str) -> str:
    """`text` folded line by line, so that line ends still tell sentences apart."""
    return "\n".join(map(folded, text.splitlines()))


def after_thinking(text: str) -> str:
    """What follows the last `</think>`; the thoughts where nothing follows, all of it where there are none."""
    after = text.rpartition(_THOUGHT)[2]
    return after if after.strip() else text.replace("<think>", "\n").replace(_THOUGHT, "\n")


def outside_thoughts(text: str) -> str:
    """What follows the last `</think>`, up to a `<think>` that is never closed; nothing where all is thought."""
    return text.rpartition(_THOUGHT)[2].partition("<think>")[0]


def after_answer(text: str) -> str | None:
    """What follows the last "answer is", "answer:", "final answer" or their Chinese forms, without the signs and the
    verb before it; None where there is no such word."""
    return _after(_ANSWER, text)


def after_conclusion(text: str) -> str | None:
    """What follows the last "therefore", "thus", "hence", "so the ...", 所以 and their like; None without one."""
    return _after(_CONCLUSION, text)


def first_sentence(text: str) -> str:
    """`text` up to the end of its first sentence or line, that end left away."""
    end = _SENTENCE_END.search(text)
    return text[: end.start()] if end else text


def _after(marker: re.Pattern[str], text: str) -> str | None:
    last = None
    for match in marker.finditer(text):
        last = match
    if last is None:
        return None
    lead = _LEAD.match(text, last.end())
    return text[lead.end() if lead else last.end() :]
