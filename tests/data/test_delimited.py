"""CSV and TSV as spreadsheets and other programs write them."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from read_rows import pairs, read

from embedgrad.data.delimited import _repeated, read_delimited
from embedgrad.errors import BadRows, DataError

SEMICOLONS = "{} is read with semicolons between the cells."


@pytest.mark.parametrize(
    ("name", "content", "wanted", "said"),
    [
        ("rows.csv", "text,label\nhi; you,a\n", [(2, "hi; you", "a")], None),
        ("rows.csv", "text;label\nhi, you;a\n", [(2, "hi, you", "a")], SEMICOLONS),
        ("rows.csv", '"text";"label"\r\n"a;\r\nb";x\r\nc;y\r\n', [(2, "a;\r\nb", "x"), (4, "c", "y")], SEMICOLONS),
        ("rows.csv", "text\tlabel\nhi, you;\ta\n", [(2, "hi, you;", "a")], "{} is read with tabs between the cells."),
        ("rows.csv", "text|label\nhi, you|a\n", [(2, "hi, you", "a")], "{} is read with bars between the cells."),
        ("rows.tsv", "text\tlabel\nhi, you\ta\n", [(2, "hi, you", "a")], None),
        ("rows.tsv", "text,label\nhi,a\n", [(2, "hi", "a")], "{} is read with commas between the cells."),
        ("rows.tsv", "text;label\nhi;a\n", [(2, "hi", "a")], SEMICOLONS),
        # several delimiters split the header: the one that fits the rows
        ("rows.csv", "text;label, as given;n\nhi;a;1\nho, h;b;2\n", [(2, "hi", "1"), (3, "ho, h", "2")], SEMICOLONS),
        ("rows.csv", "text,label;x\nhi,a\nho; hum,b\n", [(2, "hi", "a"), (3, "ho; hum", "b")], None),
        # decimal commas
        ("rows.csv", "text;label\ncheap;3,5\ndear;40,1\n", [(2, "cheap", "3,5"), (3, "dear", "40,1")], SEMICOLONS),
        # what Excel writes for itself
        ("rows.csv", "sep=;\r\ntext;label\r\nhi;a\r\n", [(3, "hi", "a")], SEMICOLONS),
        ("rows.csv", '"sep=|"\ntext|label\nhi|a\n', [(3, "hi", "a")], "{} is read with bars between the cells."),
        ("rows.csv", "\ufeffSEP=,\ntext,label\nhi,a\n", [(3, "hi", "a")], None),
        ("rows.csv", "\ufefftext;label\r\nhi;a\r\n", [(2, "hi", "a")], SEMICOLONS),
        # blank rows and columns
        ("rows.csv", "text,label\nhi,a\n,\n,,,\n , \nho,b\n,,,\n", [(2, "hi", "a"), (6, "ho", "b")], None),
        ("rows.csv", "text,label,,\nhi,a,,\nho,b,note,\n,,,\n", [(2, "hi", "a"), (3, "ho", "b")], None),
        ("rows.csv", "text;label;;\nhi;a;;\n;;;\n", [(2, "hi", "a")], SEMICOLONS),
        ("rows.csv", "text,label,\nhi,a\n", [(2, "hi", "a")], None),
        ("rows.csv", "text,label\nhi,a,,\n", [(2, "hi", "a")], None),
        ("rows.csv", ",text,label\n0,hi,a\n", [(2, "hi", "a")], None),
        ("rows.csv", "text;label\rhi;a\r", [(2, "hi", "a")], SEMICOLONS),
    ],
)  # fmt: skip
def test_tables(tmp_path, name, content, wanted, said):
    options = {"input_field": "text", "target_field": "n"} if "as given" in content else {}
    options |= {"input_field": "text", "target_field": "label;x"} if "label;x" in content else {}
    rows, told = read(tmp_path, name, content, **options)
    assert pairs(rows) == wanted
    assert told == ([said.format(name)] if said else [])


def test_quotes_are_letters_in_a_table_with_tabs_that_leaves_some_open(tmp_path):
    rows, said = read(tmp_path, "dev.tsv", 'text\tlabel\n" hi\t1\nyou" said\t0\n""\t1\n')
    assert pairs(rows) == [(2, '" hi', "1"), (3, 'you" said', "0"), (4, '""', "1")]
    assert said == ["dev.tsv is read with quotes as part of the cells."]
    rows, said = read(tmp_path, "dev.tsv", 'text\tlabel\n"a ""b"" c"\t1\n"d\te"\t0\n"f\ng"\t0\n')
    assert pairs(rows) == [(2, 'a "b" c', "1"), (3, "d\te", "0"), (4, "f\ng", "0")]
    assert said == []


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ("text;label\nhi\nho;b;c\n", [(2, "1 cell, but the header has 2"), (3, "3 cells, but the header has 2")]),
        ("sep=;\ntext;label\n\nhi\n", [(4, "1 cell, but the header has 2")]),
        ('text,label\n"a\nb",x\nc\n', [(4, "1 cell, but the header has 2")]),
        ('text,label\n"a\r\nb",x\r\nc,"d\r\n', [(4, "a quote opened here is never closed")]),
        ("text;label\nhi;a\nho\0;b\n", [(3, "holds a NUL byte")]),
        ("text;label;text\nhi;a;b\n", [(1, 'in the header: two columns are called "text"')]),
        ("text,label\nhi,\n", [(2, '"label" is empty')]),
    ],
)
def test_bad_rows_have_the_lines_of_an_editor(tmp_path, content, problems):
    with pytest.raises(BadRows) as caught:
        read(tmp_path, "rows.csv", content)
    assert [(problem.line, problem.problem) for problem in caught.value.problems] == problems


@pytest.mark.parametrize(
    "content", ["text;label\n", "text,label", "sep=;\n", "sep=;\ntext;label\n;;\n", ",,,\n;;\n", ""]
)
def test_a_header_alone_is_no_rows(tmp_path, content):
    with pytest.raises(DataError) as caught:
        read(tmp_path, "rows.csv", content)
    assert "has no rows. Expected one per line" in str(caught.value)


CELL = st.text(alphabet='ab ,;\t|"\n\r', max_size=6)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(CELL, CELL.filter(str.strip)), min_size=1, max_size=8), st.sampled_from(",;\t|"))
def test_what_a_writer_wrote_is_read_back(rows, delimiter):
    if delimiter == "\t":  # with tabs and line breaks inside quotes a table may be read in two ways
        rows = [(text.replace("\t", " "), label.replace("\t", ".")) for text, label in rows]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    found = read_delimited(out.getvalue(), ",")
    assert [tuple(row.values()) for _, row in found.rows] == rows
    assert found.problems == []


class Watched(str):
    """A name that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Watched.compared += 1
        return str.__eq__(self, other)


def test_a_wide_header_is_gone_through_once():
    header = [Watched(f"column {number}") for number in range(3_000)]
    assert _repeated(header) is None
    assert Watched.compared < 10 * len(header), "not each name with each"
    assert _repeated([*header, Watched("column 7")]) == 'two columns are called "column 7"'


def test_of_many_columns_that_are_not_shown_a_few_are_named(tmp_path):
    names = [f"c{number}" for number in range(3_000)]
    table = f"text,label,{','.join(names)}\na b,x,{','.join('three words here' for _ in names)}\n"
    shown = " and ".join(f'"{name}"' for name in names[:10])
    slots = "".join(f"{{{name}}}\\n\\n" for name in names[:10])
    assert read(tmp_path, "rows.csv", table)[1] == [
        f"The texts in {shown} and 2,990 more columns are not used. To show them to the model: "
        f'template=eg.Template.chat("{{prompt}}\\n\\n{slots}{{input}}")'
    ]
