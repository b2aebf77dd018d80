"""A learner's own table: read it, and say in both languages what is wrong with it."""

import html
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from helpers.data import DataError
from helpers.language import Bilingual, card_html, show

SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a table: its name, and a sentence on where it is and what to do."""

    name: str
    text: Bilingual


class TableError(DataError):
    """A table that cannot be used; `problems` is the list of all that is wrong with it."""

    def __init__(self, file, problems):
        self.problems = list(problems)
        super().__init__("\n".join([str(file), *(f"{problem.name}: {problem.text}" for problem in self.problems)]))


def read_table(csv_file, target, at_least=100):
    """Return the table in `csv_file` as a DataFrame of float64: the features in their order, `target` last.

    The columns may be separated by `,`, `;` or tabs, with or without a byte order mark. True and False become 1 and
    0. What is wrong with the file is shown as a card in both languages, all at once, and then raised.

    target : name of the column to be predicted. at_least : the least number of rows.
    Raises TableError, with the list `problems` of `check_table`, or with one problem named "unreadable file" when
    there is no table to check.
    """
    path = Path(csv_file)
    table, problem = _parse(path)
    problems = [problem] if problem else check_table(table, target, at_least)
    if problems:
        _show(path, problems)
        raise TableError(path, problems)
    return table[[*_features(table, target), target]].astype(float)


def check_table(table, target, at_least=100):
    """Return a list of every Problem of a DataFrame, empty when it can be trained on; the table stays as it is.

    The names, in this order: "missing target" (no column is called so), "no features" (there is no other column),
    "text" (a column that pandas does not take for numbers), "missing values", "infinite values", "constant column"
    (one distinct value), "repeated rows" (a whole row equals an earlier one), "too few rows" (fewer than `at_least`).
    Raises DataError when `table` is no DataFrame, repeats a column name, or `at_least` is no whole number from 1 up.
    """
    if not isinstance(table, pd.DataFrame):
        raise DataError(f"table must be a DataFrame, got {type(table).__name__}")
    if not table.columns.is_unique:
        raise DataError(f"table must have distinct column names, got {list(table.columns)}")
    if isinstance(at_least, bool) or not isinstance(at_least, int) or at_least < 1:
        raise DataError(f"at_least must be a whole number from 1 up, got {at_least!r}")
    found = (
        _missing_target(table, target),
        _no_features(table, target),
        _text(table),
        _missing_values(table),
        _infinite_values(table),
        _constant_column(table),
        _repeated_rows(table),
        _too_few_rows(table, at_least),
    )
    return [problem for problem in found if problem]


# --- reading ---


def _parse(path):
    """(table, None), or (None, why there is none)."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None, _unreadable("there is no such file", "没有这个文件", "Check the path", "请检查路径")
    except UnicodeDecodeError:
        en, zh = "it is not UTF-8 text", "它不是 UTF-8 编码的文本"
        return None, _unreadable(en, zh, 'Save it as "CSV UTF-8"', "请另存为“CSV UTF-8”")
    except OSError as error:
        en, zh = f"it cannot be opened ({error.strerror})", f"无法读取（{error.strerror}）"
        return None, _unreadable(en, zh, "Give the path of a CSV file", "请给出一个 CSV 文件的路径")
    if not text.strip() or "\0" in text:
        return None, _unreadable("it holds no text", "里面没有文本", "Export the table again", "请重新导出表格")
    return _parse_text(path, _separator(text))


def _parse_text(path, separator):
    try:
        with warnings.catch_warnings():
            # Rows longer than the header would only warn, and lose their last values.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, sep=separator, encoding="utf-8-sig", skipinitialspace=True, low_memory=False, index_col=False
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        reason = str(error).strip().rpartition("error: ")[2]
        en, zh = f"not all of its rows are as long as the first one ({reason})", f"有的行与首行的列数不同（{reason}）"
        return None, _unreadable(en, zh, "Correct these rows", "请改正这些行")
    return table, None


def _separator(text):
    """The one that stands most often in the header, outside quotes."""
    header = re.sub(r'"[^"]*"', "", text.lstrip().partition("\n")[0])
    return max(SEPARATORS, key=header.count)


def _unreadable(en, zh, do_en, do_zh):
    return Problem(
        "unreadable file", Bilingual(f"Not readable as a table: {en}. {do_en}.", f"无法读成表格：{zh}。{do_zh}。")
    )


def _show(path, problems):
    words = Bilingual(f"{path.name} cannot be used", f"{path.name} 不能使用")
    items = "".join(f"<li><b>{problem.name}</b> {problem.text.to_html()}</li>" for problem in problems)
    escaped = Bilingual(html.escape(words.en), html.escape(words.zh))
    plain = [f"✗ {words.one_line()}", *(f"{problem.name}: {problem.text}" for problem in problems)]
    show({"text/html": card_html("✗", "#b42318", escaped, f"<ul>{items}</ul>"), "text/plain": "\n".join(plain)})


# --- one check each: a Problem or None ---


def _features(table, target):
    return [column for column in table.columns if column != target]


def _missing_target(table, target):
    if target in table.columns:
        return None
    en, zh = _listed(table.columns)
    return Problem(
        "missing target",
        Bilingual(
            f"No column is called `{target}`; the columns are {en}. Set `target` to one of them.",
            f"没有名为 `{target}` 的列；现有的列是 {zh}。请把 `target` 设为其中之一。",
        ),
    )


def _no_features(table, target):
    if _features(table, target):
        return None
    return Problem(
        "no features",
        Bilingual(
            "Besides the target there is no column to predict it from. Add features, or separate the columns by "
            "commas, semicolons or tabs.",
            "除了目标列，没有可以用来预测的列。请加入特征，或者用逗号、分号或制表符分隔各列。",
        ),
    )


def _text(table):
    wrong = {column: _first_text(table[column]) for column in table.columns if not _is_number(table[column])}
    return _about_columns(
        "text",
        wrong,
        Bilingual("text", "不全是数"),
        Bilingual(
            "Write numbers with a decimal point (12.5), encode categories as numbers, or leave the column out.",
            "请用小数点写数（12.5），把类别编码成数，或者去掉这一列。",
        ),
    )


def _is_number(column):
    return is_numeric_dtype(column) and not np.issubdtype(getattr(column.dtype, "type", float), np.complexfloating)


def _first_text(column):
    """The first value that is no number, and its row; the first value at all when all could be read as numbers."""
    texts = column.map(lambda value: str(value).strip(), na_action="ignore")
    as_numbers = pd.to_numeric(texts, errors="coerce")
    return _first(column, column.notna() & as_numbers.isna() if as_numbers.isna().any() else column.notna())


def _missing_values(table):
    gaps = table.isna()
    wrong = {column: _count(gaps[column]) for column in table.columns if gaps[column].any()}
    return _about_columns(
        "missing values",
        wrong,
        Bilingual("empty cells", "含空单元格"),
        Bilingual(
            "Fill them, leave these rows out, or leave out a column that is mostly empty.",
            "请补上，或者去掉这些行；大部分为空的列可以整列去掉。",
        ),
    )


def _infinite_values(table):
    numeric = [column for column in table.columns if _is_number(table[column]) and not is_bool_dtype(table[column])]
    infinite = {column: np.isinf(table[column].to_numpy(float, na_value=np.nan)) for column in numeric}
    wrong = {column: _count(cells) for column, cells in infinite.items() if cells.any()}
    return _about_columns(
        "infinite values",
        wrong,
        Bilingual("infinite values", "含无穷大值"),
        Bilingual("Look for a division by zero, and leave these rows out.", "请检查是否除以了零，并去掉这些行。"),
    )


def _constant_column(table):
    constant = [column for column in table.columns if table[column].nunique() == 1]
    wrong = {column: _first(table[column], table[column].notna()) for column in constant}
    return _about_columns(
        "constant column",
        wrong,
        Bilingual("one value only", "只有一个值"),
        Bilingual(
            "A feature like that tells nothing: leave it out. A target like that leaves nothing to predict.",
            "这样的特征不含信息：请去掉。这样的目标没什么可预测的。",
        ),
    )


def _repeated_rows(table):
    repeated = table.duplicated().to_numpy()
    if not repeated.any():
        return None
    en, zh = _count(repeated)
    return Problem(
        "repeated rows",
        Bilingual(
            f"Rows that equal an earlier one: {en}. Copies may fall on both sides of the split: "
            "keep one of each (`table.drop_duplicates()`).",
            f"与前面某一行完全相同的行：{zh}。副本可能分到划分的两边：每种只留一行（`table.drop_duplicates()`）。",
        ),
    )


def _too_few_rows(table, at_least):
    if len(table) >= at_least:
        return None
    return Problem(
        "too few rows",
        Bilingual(
            f"Only {len(table)} rows; at least {at_least} are needed: a fifth of them is the test set. Collect more.",
            f"只有 {len(table)} 行，至少需要 {at_least} 行：其中五分之一是测试集。请收集更多数据。",
        ),
    )


# --- words ---


def _about_columns(name, wrong, what, remedy):
    """A Problem for `wrong`, {column: (en, zh)} with what is to be seen in each; None when it is empty."""
    if not wrong:
        return None
    en = "; ".join(f"`{column}` ({seen[0]})" for column, seen in wrong.items())
    zh = "；".join(f"`{column}`（{seen[1]}）" for column, seen in wrong.items())
    return Problem(name, Bilingual(f"Columns with {what.en}: {en}. {remedy.en}", f"{what.zh}的列：{zh}。{remedy.zh}"))


def _first(column, cells):
    """The first value among `cells`, an array of bool, and the data row in which it stands, counted from 1."""
    place = int(np.argmax(np.asarray(cells)))
    value = column.iloc[place]
    shown = str(value.item() if hasattr(value, "item") else value)[:40]
    return f"data row {place + 1}: `{shown}`", f"数据第 {place + 1} 行：`{shown}`"


def _count(cells):
    """How many cells are meant, and the first data row of them, counted from 1."""
    count, first = int(np.sum(cells)), int(np.argmax(np.asarray(cells))) + 1
    return f"{count} in all, the first in data row {first}", f"共 {count} 处，最先出现在数据第 {first} 行"


def _listed(columns, most=12):
    names = [f"`{column}`" for column in columns[:most]]
    en, zh, more = ", ".join(names), "、".join(names), len(columns) - most
    return (f"{en} and {more} more", f"{zh}，另有 {more} 列") if more > 0 else (en, zh)
