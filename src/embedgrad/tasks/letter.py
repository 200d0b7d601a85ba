"""Labels of one letter: found where an output says a choice, not where the letter is a word or part of one."""

from __future__ import annotations

import re

from embedgrad.folding import in_form

_ALSO_WORDS = "aeiouyAIOY"  # a dog, I think, and their like in other languages
_UNSPACED = "\u0e00-\u0eff\u3001-\u3002\u3005-\ufaff\uff00-\uffef"  # written without spaces; full-width signs

_NOT_BEFORE = rf"(?<![^\W{_UNSPACED}])(?<!['’\-/&+#.])"
_NOT_AFTER = rf"(?![^\W{_UNSPACED}]|['’+#&/]|-(?! ?\w)|-\w|\.\w)"  # not the A of A-, A-grade, A+; that of `A- a dog`
_INITIAL = re.compile(r"\b(?:[A-Z]|Mrs?|Ms|Dr|St)\. ?\Z")  # of a name: J. B. Smith
_SENTENCE_START = re.compile(rf"(?:\A|[\n.!?;:,)>*#=→|…\-]|[{_UNSPACED}]|\b(?:a|an|the))[ \t\"'“‘«(\[{{*_`$]*\Z", re.I)
_OPENED = re.compile(r"[(\[{\"'“‘«*_`$<][ \t]?\Z")
_NAMED = re.compile(
    r"""\b(?:is|be|are|was|it['’]s|that['’]s|equals|answer|option|choice|letter|label|class|category|type|group|grade
        |level|statement|response|assistant|model|system|candidate|sentence|text|summary|version|output|item|image
        |choose|chose|chosen|select|selected|pick|picked|say|guess|think|believe|prefer|with|for|to|as|correct
        |of|or|and|not|nor|neither|either|both|than|vs\.?|over|so|then|therefore|thus|hence|maybe|perhaps|possibly
        |probably|likely|even)[ \t\"'“‘«(\[{*_`$:]+\Z""",
    re.VERBOSE | re.IGNORECASE,
)
_CLOSED = re.compile(rf"[ \t]*(?:\Z|[\n.,;:!?)\]}}\"'”’»*_`$<>=…|–—-]|[{_UNSPACED}])")
_PREDICATE = re.compile(r" (?:is|was|would|should|seems|looks|fits|because|since|or|and)\b")
_PREDICATE_OF_I = re.compile(r" (?:is|because|since)\b")


def is_letter(form: str) -> bool:
    """Whether a form of a label is one letter of a script with capitals."""
    return len(form) == 1 and form.lower() != form.upper()


def marked_choices(letters: tuple[str, ...], output: str, signed: frozenset[str] = frozenset()) -> str:
    """`output` after NFKC, where each of `letters` that is chosen is replaced by its mark (`mark_of_letter`); of
    `signed` ones the same letter with a minus is another choice.

    A letter is chosen in its own case, standing by itself: as all of a line or sentence (`B`, `B.`, `B) a dog`, `(B)`,
    `**B**`), or named as the choice (`the answer is B`, `option B`, `选B`, `B is right`). It is not in `It is a dog`,
    `I think`, `Hepatitis B`, `B-52`, `J. B. Smith`, `B-`.
    """
    text = in_form("NFKC", _without_marks(output))
    pattern = re.compile(_NOT_BEFORE + "[" + "".join(map(re.escape, letters)) + "]" + _NOT_AFTER)

    def marked(match: re.Match[str]) -> str:
        is_other = match[0] in signed and text[match.end() : match.end() + 1] == "-"
        return mark_of_letter(match[0]) if not is_other and _is_chosen(match, text) else match[0]

    return pattern.sub(marked, text)


def mark_of_letter(letter: str) -> str:
    """A character that no output holds: private use, apart by capital and small letter."""
    return chr(0xF0000 + ord(letter))


def _is_chosen(match: re.Match[str], text: str) -> bool:
    before, after = text[max(match.start() - 40, 0) : match.start()], text[match.end() : match.end() + 20]
    if _INITIAL.search(before):
        return False
    is_named = _NAMED.search(before) is not None
    if not is_named and not _OPENED.search(before) and not _starts(before, match.start()):
        return False
    if _CLOSED.match(after):
        return True
    if match[0] in "Ii":
        return _PREDICATE_OF_I.match(after) is not None
    return _PREDICATE.match(after) is not None or (is_named and match[0] not in _ALSO_WORDS)


def _starts(before: str, start: int) -> bool:
    return _SENTENCE_START.search(before) is not None and (start <= 40 or before.strip() != "")


def _without_marks(text: str) -> str:
    return re.sub("[\U000f0000-\U000ffffd]", " ", text)
