"""Encodings: byte-order marks, guesses that are told, and damage that is not guessed away."""

import codecs
import warnings

import pytest
from read_rows import pairs, read

from embedgrad.data.decoding import decode
from embedgrad.data.sources import load_examples
from embedgrad.errors import BadRows, DataError, Guessed, UsageError

GERMAN = ["Das Café ist schön – „sehr gut“", "Die Größe passt nicht, schade", "Müller hat für die Straße bezahlt"]
LANGUAGES = [
    ("cp1252", GERMAN),
    (
        "cp1252",
        ["Très déçu, le produit est arrivé cassé", "J’ai adoré ça, merci à l’équipe", "Il fait très chaud cet été"],
    ),
    ("cp1252", ["I didn’t like it – it’s “fine”", "It cost 5 € and naïve me paid", "The café was lovely…"]),
    ("latin-1", ["El niño comió piñas mañana", "¿Qué tal? ¡Muy bien!", "La película no está mal"]),
    ("cp1250", ["Książka była świetna, polecam", "Nie podobało mi się to wcale, źle", "Żółta gęś i łódź"]),
    ("cp1251", ["Очень хороший фильм, рекомендую", "Мне не понравилось это место", "Ужасное обслуживание"]),
    ("cp1253", ["Πολύ καλή ταινία", "Δεν μου άρεσε καθόλου", "Ωραία εξυπηρέτηση"]),
    ("cp1254", ["Çok güzel bir film, şiddetle öneririm", "Hiç beğenmedim, kötüydü", "İstanbul'da ışıklar"]),
    ("shift_jis", ["とても良い映画でした", "まったく好きではありません", "サービスが悪い"]),
    ("gb18030", ["这部电影非常好看", "我一点也不喜欢", "服务态度很差"]),
    ("big5", ["這部電影非常好看", "我一點也不喜歡", "服務態度很差"]),
    ("euc_kr", ["정말 좋은 영화였습니다", "전혀 마음에 들지 않았어요", "서비스가 나쁘다"]),
]


@pytest.mark.parametrize(("encoding", "texts"), LANGUAGES)
@pytest.mark.parametrize("times", [1, 20])
def test_the_likeliest_encoding_is_taken_and_told(tmp_path, encoding, texts, times):
    content = "text,label\n" + "".join(f'"{text}",x\n' for text in texts * times)
    rows, (said,) = read(tmp_path, "rows.csv", content.encode(encoding))
    assert [row.input for row in rows] == texts * times
    assert said.startswith("rows.csv is read as ")
    assert "a guess (line 2: " in said or "a guess (line 3: " in said


def test_prices_in_euro_do_not_make_german_cyrillic(tmp_path):
    texts = [
        "Die Lieferung war schnell und die Qualität überzeugt.",
        "Der Service ist leider völlig überfordert.",
        "Größe passt nicht, schade.",
        "Nie wieder!",
        "Müller antwortete schnell.",
    ]
    content = "text;label;preis\n" + "".join(f"{text};x;{n},50 €\n" for n, text in enumerate(texts * 12))
    rows, (said,) = read(tmp_path, "rows.csv", content.encode("cp1252"))
    assert [row.input for row in rows] == texts * 12
    assert rows[3].columns["preis"] == "3,50 €"
    assert said == (
        "rows.csv is read as cp1252, a guess (line 2: Qualität; encoding of eg.load_examples sets it) and with "
        "semicolons between the cells."
    )


def test_the_guess_is_told_whole(tmp_path):
    table = "text;label\nschön „gut“;a\nStraße;b\n"
    assert read(tmp_path, "rows.csv", table.encode("cp1252"))[1] == [
        "rows.csv is read as cp1252, a guess (line 2: schön; encoding of eg.load_examples sets it) and with "
        "semicolons between the cells."
    ]
    assert read(tmp_path, "rows.jsonl", '{"text": "die Größe für Müller", "label": "a"}'.encode("cp1252"))[1] == [
        "rows.jsonl is read as cp1252, a guess (line 1: Größe; encoding of eg.load_examples sets it)."
    ]


@pytest.mark.parametrize(
    ("mark", "encoding", "said"),
    [
        (codecs.BOM_UTF8, "utf-8", []),
        (codecs.BOM_UTF16_LE, "utf-16-le", ["{} is read as UTF-16."]),
        (codecs.BOM_UTF16_BE, "utf-16-be", ["{} is read as UTF-16."]),
        (codecs.BOM_UTF32_LE, "utf-32-le", ["{} is read as UTF-32."]),
        (codecs.BOM_UTF32_BE, "utf-32-be", ["{} is read as UTF-32."]),
        (b"", "utf-16-le", ["{} is read as UTF-16, a guess (encoding of eg.load_examples sets it)."]),
        (b"", "utf-16-be", ["{} is read as UTF-16, a guess (encoding of eg.load_examples sets it)."]),
    ],
)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", "text,label\r\nhé 😀,a\r\n"),
        ("rows.jsonl", '\n{"text": "hé 😀", "label": "a"}\n'),
        ("rows.json", '[\n  {"text": "hé 😀", "label": "a"}\n]'),
    ],
)
def test_byte_order_marks(tmp_path, mark, encoding, said, name, content):
    rows, told = read(tmp_path, name, mark + content.encode(encoding))
    assert pairs(rows) == [(2, "hé 😀", "a")]
    assert told == [sentence.format(name) for sentence in said]


def test_a_mark_that_promises_too_much(tmp_path):
    with pytest.raises(DataError) as caught:
        read(tmp_path, "rows.csv", codecs.BOM_UTF16_LE + "text,label\na,b".encode("utf-16-le") + b"\x00\xd8")
    assert str(caught.value) == (
        f"{tmp_path / 'rows.csv'} begins with the byte-order mark of UTF-16, but byte 29 after it is none: unexpected "
        "end of data. Save it as UTF-8, or name its encoding with encoding of eg.load_examples."
    )


@pytest.mark.parametrize(
    ("content", "line", "byte"),
    [
        ("text,label\n" + "schön und gut,a\n" * 9 + "sch\udcf6n,b\n", 11, "0xf6"),  # two programs wrote it
        ("text,label\n" + "日本語,a\n" * 9 + "日本\udce8\udcaa,b\n", 11, "0xe8"),  # cut within a character
    ],
)
def test_damaged_utf8_is_no_other_encoding(tmp_path, content, line, byte):
    with pytest.raises(BadRows) as caught:
        read(tmp_path, "rows.csv", content.encode(errors="surrogateescape"))
    assert [(p.line, p.problem) for p in caught.value.problems] == [(line, f"not UTF-8: byte {byte}")]


def test_plain_text_is_not_looked_at_twice():
    assert decode(b"text,label\na,b\n").note is None
    assert decode("text,label\nschön,b\n".encode()).note is None
    assert decode(b"\0" * 100).note is None  # no text at all is not UTF-16


TABLE = "text,label\nПривет,x\nмир,y\n".encode("koi8-r")


def test_an_encoding_that_is_named_is_no_guess(tmp_path):
    rows, said = read(tmp_path, "rows.csv", TABLE, encoding="KOI8-R")
    assert (pairs(rows), said) == ([(2, "Привет", "x"), (3, "мир", "y")], [])
    lines = '{"text": "Größe", "label": "x"}\n'
    for encoding in ("cp1252", "utf-8", "utf-16-le", "cp500"):
        for name in ("rows.jsonl", "rows.json"):
            rows, said = read(tmp_path, name, lines.encode(encoding), encoding=encoding)
            assert ([row.input for row in rows], said) == (["Größe"], [])


def test_utf8_by_chance_is_read_as_it_is_named(tmp_path):
    data = "text,label\né,x\n".encode()
    assert read(tmp_path, "rows.csv", data, encoding="cp1252")[0][0].input == "Ã©"


def test_a_byte_order_mark_goes_before_the_named_encoding(tmp_path):
    data = codecs.BOM_UTF8 + "text,label\né,x\n".encode()
    assert read(tmp_path, "rows.csv", data, encoding="cp1252")[0][0].input == "é"


def test_what_is_not_in_the_named_encoding_is_told_with_its_line(tmp_path):
    with pytest.raises(DataError) as raised:
        read(tmp_path, "rows.csv", b"text,label\na,x\n\x81,y\n", encoding="cp1252")
    assert str(raised.value) == (
        f"{tmp_path / 'rows.csv'} is not in the encoding cp1252 (encoding): byte 16, about line 3: character maps to "
        "<undefined>. Save it as UTF-8, or name its encoding with encoding of eg.load_examples."
    )
    with pytest.raises(BadRows) as bad:
        read(tmp_path, "rows.jsonl", b'{"text": "\xff", "label": "x"}\n', encoding="utf-8")
    assert str(bad.value).startswith(f"{tmp_path / 'rows.jsonl'}: 1 row cannot be used.\n  line 1: ")


def test_an_encoding_that_is_none_is_told(tmp_path):
    expected = 'expected the name of an encoding, such as "cp1252".'
    for name, problem in (
        ("cp12522", "there is no encoding of that name; near ones are cp1252, cp1258, cp1257."),
        ("rot13", "it is an encoding, but none of texts."),
        ("zzzzzzz", "there is no encoding of that name."),
    ):
        with pytest.raises(UsageError) as raised:
            read(tmp_path, "rows.csv", "text,label\na,b\n", encoding=name)
        assert str(raised.value) == f"encoding is the text {name!r}; {expected} {problem}"


def test_parquet_has_its_own_encoding(tmp_path):
    with pytest.raises(DataError) as raised:
        read(tmp_path, "rows.parquet", b"", encoding="cp1252")
    assert str(raised.value) == (
        f"{tmp_path / 'rows.parquet'} is Parquet, which says itself how its texts are encoded: leave out encoding."
    )


def test_a_guess_that_nobody_hears_is_a_warning(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes("text;label\nschön „gut“;a\nStraße;b\n".encode("cp1252"))
    with pytest.warns(Guessed) as caught:
        load_examples(path)
    assert [(str(one.message), one.filename) for one in caught] == [
        (
            f"{path} is read as cp1252, a guess (line 2: schön; encoding of eg.load_examples sets it) and "
            "with semicolons between the cells.",
            __file__,
        )
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_examples(path, encoding="cp1252")
        load_examples(path, say=lambda sentence: None)
