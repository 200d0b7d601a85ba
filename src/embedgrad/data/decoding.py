"""Bytes of a file of rows as text: UTF-8, what a byte-order mark or the user says, or a guess that is told."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from difflib import get_close_matches
from encodings.aliases import aliases

from embedgrad.faces import setting

_MARKS = (  # UTF-32 first: its mark begins with UTF-16's
    (b"\xef\xbb\xbf", "utf-8", "UTF-8"),
    (b"\xff\xfe\0\0", "utf-32-le", "UTF-32"),
    (b"\0\0\xfe\xff", "utf-32-be", "UTF-32"),
    (b"\xff\xfe", "utf-16-le", "UTF-16"),
    (b"\xfe\xff", "utf-16-be", "UTF-16"),
)
# Those that spreadsheets and old systems write, the commonest first.
_GUESSED = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp932", "gb18030", "big5", "cp949")
# With more characters that are UTF-8 for each byte that is none, a file is damaged UTF-8 or a mixture. Two bytes of the
# Asian encodings are UTF-8 by chance again and again.
_CHANCE = {"cp932": 1.0, "gb18030": 1.0, "big5": 1.0, "cp949": 1.0}
_CHANCE_IN_LATIN = 0.1
_SAMPLE_BYTES = 50_000
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ODD_LINE = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*")
_WORD = re.compile(r"\S*[^\x00-\x7f]\S*")
_LATIN_LETTER = re.compile("[A-Za-z\u00c0-\u024f]")
_OTHER_LETTER = re.compile("[\u0370-\u04ff]")  # Greek and Cyrillic, in one word with a Latin one: a wrong guess
_MOST_MIXED = 0.2
NOT_UTF8 = re.compile("[\udc80-\udcff]")  # what a byte that is no UTF-8 becomes


class UndecodableError(Exception):
    """What is wrong, in words that follow the file's name."""


@dataclass(frozen=True)
class Decoded:
    """The text, and how it was read where that is not plain UTF-8: a phrase after "read"; `guessed` if nothing in the
    file says so."""

    text: str
    note: str | None = None
    guessed: bool = False


def encoding_problem(name: str) -> str | None:
    """Why `name` is no encoding that a file of rows may be in, with near ones; None where it is one of Python's."""
    try:
        if codecs.lookup(name)._is_text_encoding:
            return None
        return "it is an encoding, but none of texts"
    except (LookupError, ValueError):
        near = get_close_matches(name.lower().replace("-", "_"), sorted({*aliases, *aliases.values()}), n=3)
        hint = f"; near ones are {', '.join(near)}" if near else ""
        return f"there is no encoding of that name{hint}"


def _overrule() -> str:
    return f"{setting('encoding', of='load_examples')} sets it"


def decode(data: bytes, encoding: str | None = None) -> Decoded:
    """The text of `data`, without its byte-order mark. Without one it is in `encoding`; where none is given, UTF-8
    where it can be; UTF-16 where every second byte is zero; else the likeliest of the encodings that spreadsheets
    write, unless it looks like damaged UTF-8: then its bad bytes become lone surrogates (`NOT_UTF8`).

    Raises UndecodableError where it is not what a byte-order mark or `encoding` promises.
    """
    for mark, codec, name in _MARKS:
        if data.startswith(mark):
            return _marked(data[len(mark) :], codec, name)
    if encoding is not None:
        return _named(data, encoding)
    if wide := _wide(data):
        return Decoded(data.decode(wide), f"as UTF-16, a guess ({_overrule()})", guessed=True)
    return _without_mark(data)


IS_NOT_UTF8 = "not UTF-8"  # how a problem of bytes is told


def not_utf8(text: str) -> tuple[int, int] | None:
    """The first byte of `text` that is no UTF-8, and where it stands in bytes, from 1."""
    if text.isascii() or not (found := NOT_UTF8.search(text)):
        return None
    return ord(found[0]) - 0xDC00, len(text[: found.start()].encode(errors="surrogateescape")) + 1


def _marked(data: bytes, codec: str, name: str) -> Decoded:
    if name == "UTF-8":
        return Decoded(data.decode(errors="surrogateescape"))
    try:
        return Decoded(data.decode(codec), f"as {name}")
    except UnicodeDecodeError as error:
        raise UndecodableError(
            f"begins with the byte-order mark of {name}, but byte {error.start + 1:,} after it is none: {error.reason}"
        ) from error


def _named(data: bytes, encoding: str) -> Decoded:
    if codecs.lookup(encoding).name == "utf-8":
        return Decoded(data.decode(errors="surrogateescape"))
    try:
        return Decoded(data.decode(encoding))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UndecodableError(
            f"is not in the encoding {encoding} ({setting('encoding')}): byte {error.start + 1:,}, about line "
            f"{line:,}: {error.reason}"
        ) from error
    except UnicodeError as error:  # of codecs that say no more
        raise UndecodableError(f"is not in the encoding {encoding} ({setting('encoding')}): {error}") from error


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark, of mostly Latin letters: zeros at every second byte and hardly elsewhere."""
    sample = data[:_SAMPLE_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    codec = "utf-16-le" if odd > even else "utf-16-be"
    is_wide = max(even, odd) > max(len(sample) // 4, 10 * min(even, odd))
    return codec if is_wide and _fits(data, codec) else None


def _without_mark(data: bytes) -> Decoded:
    try:
        return Decoded(data.decode())
    except UnicodeDecodeError:
        pass
    damaged = data.decode(errors="surrogateescape")
    codec = None if b"\0" in data else _likeliest(data)
    by_chance = _CHANCE.get(codec or "", _CHANCE_IN_LATIN) * len(NOT_UTF8.findall(damaged))
    if codec is None or len(_MULTIBYTE.findall(data)) > by_chance:
        return Decoded(damaged)
    text = data.decode(codec)
    return Decoded(text, f"as {codec}, a guess (line {_shown(text)}; {_overrule()})", guessed=True)


def _likeliest(data: bytes) -> str | None:
    """The encoding in which the lines that are not ASCII look most like a language."""
    from charset_normalizer import from_bytes

    sample, size = [], 0
    for line in _ODD_LINE.finditer(data):
        sample.append(line[0])
        size += len(line[0])
        if size > _SAMPLE_BYTES:
            break
    found = from_bytes(b"\n".join(sample), cp_isolation=list(_GUESSED))
    likely = sorted(found, key=lambda one: (_mixes(str(one)), one.chaos, -one.coherence, one.encoding != _GUESSED[0]))
    names = [name for one in likely for name in (*_alike(one.could_be_from_charset), one.encoding)]
    return next((name for name in names if _fits(data, name)), None)


def _mixes(text: str) -> bool:
    """Whether many words have letters of two alphabets, as `Qualitдt` has."""
    words = _WORD.findall(text)
    mixed = sum(bool(_LATIN_LETTER.search(word) and _OTHER_LETTER.search(word)) for word in words)
    return mixed > _MOST_MIXED * len(words)


def _alike(names: list[str]) -> list[str]:
    """Those that give the same text: the commonest is the name that people know."""
    return sorted((name for name in names if name in _GUESSED), key=_GUESSED.index)


def _fits(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _shown(text: str) -> str:
    """The first word that is not ASCII, with its line: what one looks at to see whether the guess is right."""
    word = _WORD.search(text)
    assert word is not None
    line = len(re.findall(r"\r\n|\n|\r", text[: word.start()])) + 1
    shown = word[0].strip("\"',;:{}[]")[:30]
    return f"{line}: {shown}"
