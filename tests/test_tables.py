"""helpers/tables.py: each kind of bad table is named, alone and together, in both languages; good ones are read."""

import re

import numpy as np
import pandas as pd
import pytest

from helpers import check_table, read_table
from helpers.data import DataError
from helpers.tables import TableError

pytestmark = pytest.mark.filterwarnings("error")

HAN = re.compile(r"[\u4e00-\u9fff]")


def good_table(rows=120):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"age": np.arange(rows), "dose": rng.random(rows).round(6), "effect": rng.normal(size=rows)})


def changed(column, value, row=4):
    table = good_table()
    table[column] = table[column].astype(object)
    table.loc[row, column] = value
    return table


def names(table, **options):
    return [problem.name for problem in check_table(table, "effect", **options)]


def problems_of(tmp_path, text, target="effect", encoding="utf-8"):
    file = tmp_path / "own.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    with pytest.raises(TableError) as caught:
        read_table(file, target)
    return caught.value.problems


def as_csv(table, **options):
    return table.to_csv(index=False, **options)


BAD = {
    "missing target": good_table().rename(columns={"effect": "result"}),
    "no features": good_table()[["effect"]],
    "text": changed("dose", "12,5"),
    "missing values": changed("dose", None).astype(float),
    "infinite values": changed("dose", np.inf).astype(float),
    "constant column": good_table().assign(dose=3),
    "repeated rows": pd.concat([good_table(), good_table().iloc[[7]]], ignore_index=True),
    "too few rows": good_table(99),
}


def test_a_good_table_has_no_problems():
    assert names(good_table()) == []
    assert names(good_table(100)) == []


@pytest.mark.parametrize("name", BAD)
def test_each_fault_is_named_and_no_other(name):
    assert names(BAD[name]) == [name]


@pytest.mark.parametrize("name", BAD)
def test_each_fault_is_named_after_it_has_been_a_file(name, tmp_path):
    assert [problem.name for problem in problems_of(tmp_path, as_csv(BAD[name]))] == [name]


@pytest.mark.parametrize("name", BAD)
def test_each_sentence_is_there_in_both_languages(name):
    (problem,) = check_table(BAD[name], "effect")
    assert HAN.search(problem.text.zh) and not HAN.search(problem.text.en)
    assert re.findall(r"`[^`]*`", problem.text.en) == re.findall(r"`[^`]*`", problem.text.zh)
    assert re.findall(r"\d+", problem.text.en) == re.findall(r"\d+", problem.text.zh)


def test_the_sentence_says_where_and_shows_a_value():
    (text,) = check_table(BAD["text"], "effect")
    assert "`dose` (data row 5: `12,5`)" in text.text.en
    (missing,) = check_table(BAD["missing values"], "effect")
    assert "`dose` (1 in all, the first in data row 5)" in missing.text.en
    (repeated,) = check_table(BAD["repeated rows"], "effect")
    assert "1 in all, the first in data row 121" in repeated.text.en
    (target,) = check_table(BAD["missing target"], "effect")
    assert "`effect`" in target.text.en and "`age`, `dose`, `result`" in target.text.en
    (few,) = check_table(BAD["too few rows"], "effect")
    assert "99 rows" in few.text.en and "100" in few.text.en
    (constant,) = check_table(BAD["constant column"], "effect")
    assert "`dose` (data row 1: `3`)" in constant.text.en


def test_all_faults_are_named_at_once():
    table = good_table(20).rename(columns={"effect": "result"}).assign(unit="mg", empty=np.nan)
    table.loc[3, "dose"] = np.inf
    table = pd.concat([table, table.iloc[[0]]], ignore_index=True)
    assert names(table) == [
        "missing target", "text", "missing values", "infinite values", "constant column", "repeated rows",
        "too few rows",
    ]  # fmt: skip


def test_every_column_with_a_fault_is_named_the_target_too():
    (problem,) = check_table(changed("effect", "n/a?").assign(age="old" + good_table()["age"].astype(str)), "effect")
    assert "`age` (data row 1: `old0`)" in problem.text.en
    assert "`effect` (data row 5: `n/a?`)" in problem.text.en


def test_a_constant_column_with_gaps_or_of_text_is_constant():
    gaps = good_table().assign(dose=[np.nan, *[1.0] * 119])
    assert names(gaps) == ["missing values", "constant column"]
    assert names(good_table().assign(dose="mg")) == ["text", "constant column"]


def test_a_constant_target_is_a_fault():
    assert names(good_table().assign(effect=1.0)) == ["constant column"]


def test_an_empty_column_has_missing_values_only():
    assert names(good_table().assign(dose=np.nan)) == ["missing values"]


def test_equal_features_with_another_target_are_no_repeated_row():
    table = good_table()
    again = table.iloc[[7]].assign(effect=99.0)
    assert names(pd.concat([table, again], ignore_index=True)) == []


def test_true_and_false_are_numbers(tmp_path):
    table = good_table().assign(treated=[True, False] * 60)
    assert names(table) == []
    file = tmp_path / "own.csv"
    file.write_text(as_csv(table), encoding="utf-8")
    assert read_table(file, "effect")["treated"].tolist()[:3] == [1.0, 0.0, 1.0]


def test_at_least_can_be_changed():
    assert names(good_table(30), at_least=30) == []
    assert names(good_table(30), at_least=31) == ["too few rows"]


def test_the_caller_keeps_the_table():
    table = BAD["missing values"].copy()
    before = table.copy()
    check_table(table, "effect")
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_good_files_are_read_with_the_target_last(separator, encoding, tmp_path):
    table = good_table()[["effect", "age", "dose"]]
    file = tmp_path / "own.csv"
    file.write_text(as_csv(table, sep=separator), encoding=encoding)
    found = read_table(file, "effect")
    assert list(found) == ["age", "dose", "effect"]
    assert set(map(str, found.dtypes)) == {"float64"}
    np.testing.assert_allclose(found, table[["age", "dose", "effect"]])


def test_a_separator_inside_a_quoted_name_is_part_of_the_name(tmp_path):
    file = tmp_path / "own.csv"
    table = good_table().rename(columns={"age": "age, in full, years"})
    file.write_text(as_csv(table), encoding="utf-8")
    assert list(read_table(file, "effect")) == ["age, in full, years", "dose", "effect"]


def test_chinese_column_names_are_read(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text(as_csv(good_table().rename(columns={"effect": "疗效"})), encoding="utf-8-sig")
    assert list(read_table(str(file), "疗效"))[-1] == "疗效"


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(TableError, match="there is no such file") as caught:
        read_table(tmp_path / "nowhere.csv", "effect")
    assert [problem.name for problem in caught.value.problems] == ["unreadable file"]


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "holds no text"),
        (b" \n\n", "holds no text"),
        (b"PK\x03\x04\xff\xfe\x00", "not UTF-8 text"),
        ("药,量,effect\n".encode("gbk"), "not UTF-8 text"),
        (b"a\0b\0,effect\n", "holds no text"),
        (b"age,effect\n1,2\n1,2,3\n", "line 3"),
        (b"age,effect\n1,2,3\n1,2,3\n", "as long as the first"),
    ],
)
def test_what_is_no_table_is_said_to_be_none(content, said, tmp_path):
    (problem,) = problems_of(tmp_path, content)
    assert problem.name == "unreadable file"
    assert said in problem.text.en and HAN.search(problem.text.zh)


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(TableError, match="cannot be opened"):
        read_table(tmp_path, "effect")


def test_the_error_names_the_file_and_all_problems(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text(as_csv(good_table(20).assign(unit="mg")), encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        read_table(file, "result")
    said = str(caught.value)
    assert str(file) in said
    for name in ("missing target", "text", "constant column", "too few rows"):
        assert f"{name}: " in said


def test_the_card_names_all_problems_in_both_languages_and_escapes_the_file(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("helpers.tables.show", shown.append)
    file = tmp_path / "<own>.csv"
    file.write_text(as_csv(good_table(20).assign(unit="<mg>")), encoding="utf-8")
    with pytest.raises(TableError):
        read_table(file, "effect")
    (bundle,) = shown
    for part in ('lang="en"', 'lang="zh"', "too few rows", "&lt;own&gt;.csv", "&lt;mg&gt;", "20 rows", "只有 20 行"):
        assert part in bundle["text/html"]
    assert "<own>" not in bundle["text/html"]
    assert "Only 20 rows" in bundle["text/plain"]


@pytest.mark.parametrize(
    "table, options, said",
    [
        ([[1, 2]], {}, "table must be a DataFrame, got list"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {}, "distinct column names"),
        (good_table(), {"at_least": 0}, "at_least must be a whole number from 1 up, got 0"),
        (good_table(), {"at_least": 1.5}, "got 1.5"),
    ],
)
def test_wrong_arguments_are_refused(table, options, said):
    with pytest.raises(DataError, match=re.escape(said)):
        check_table(table, "effect", **options)
