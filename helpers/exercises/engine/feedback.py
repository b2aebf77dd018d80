"""The card that answers a learner: a mark and a word, what was found, a tiny table, what to try."""

import html
import re
from dataclasses import dataclass

import numpy as np

from helpers.exercises.engine.judge import close
from helpers.exercises.engine.run import printable
from helpers.language import Bilingual, card_html, show

# The mime type under which a run finds what became of an answer.
MIME_TYPE = "application/vnd.course.answer+json"

_WORDS = {
    "question": ("?", "#0b5394", Bilingual("Question", "题目")),
    "right": ("✓", "#1a7f37", Bilingual("Right", "正确")),
    "wrong": ("✗", "#b42318", Bilingual("Not yet", "还不对")),
    "not answered": ("○", "#6e7781", Bilingual("Not answered yet", "尚未作答")),
    "raised": ("!", "#9a6700", Bilingual("Your code stopped with an exception", "你的代码因异常而中断")),
    "stopped": ("■", "#9a6700", Bilingual("Stopped", "已停止")),
    "note": ("–", "#6e7781", Bilingual("Please note", "请注意")),
    "predicted": ("✓", "#1a7f37", Bilingual("As you predicted", "预测正确")),
    "mispredicted": ("✗", "#b42318", Bilingual("It turns out otherwise", "结果不是这样")),
    "hint": ("→", "#0b5394", Bilingual("Hint", "提示")),
    "solution": ("=", "#0b5394", Bilingual("Solution", "参考答案")),
}


@dataclass
class Row:
    """A line of the table: what it is, and its values as text; an empty value stays an empty cell.

    given : of an input, which is neither the learner's nor expected.
    """

    label: Bilingual
    yours: str = ""
    expected: str = ""
    given: str = ""


@dataclass
class Feedback:
    """What is said about an answer; `misconception` is its name in the catalogue.

    code : lines in a programming language, shown as they are; after_code : texts below it.
    measured : texts, what a run has just measured. counted : for example "2 / 3", shown beside the word.
    """

    status: str
    texts: list
    misconception: str | None = None
    table: tuple = ()
    code: str = ""
    after_code: tuple = ()
    measured: tuple = ()
    printed: str = ""
    counted: str = ""

    def show(self, key):
        """Display the card of the question `key`."""
        record = {"question": key, "status": self.status, "misconception": self.misconception}
        show({MIME_TYPE: record, "text/html": self.to_html(), "text/plain": str(self)})

    def to_html(self):
        mark, colour, words = _WORDS[self.status]
        parts = [text.to_html() for text in self.texts]
        if self.code:
            parts.append(f'<pre style="margin: 0.4em 0; white-space: pre-wrap">{html.escape(self.code)}</pre>')
        parts += [text.to_html() for text in self.after_code]
        if self.measured:
            parts += [_MEASURED.to_html(), *(text.to_html() for text in self.measured)]
        if self.table:
            parts.append(_html_table(self.table))
        if self.printed:
            parts.append(f"{_PRINTED.to_html()}<pre>{html.escape(self.printed)}</pre>")
        return card_html(mark, colour, words, *parts, beside=f" {self.counted}" if self.counted else "")

    def __str__(self):
        mark, _, words = _WORDS[self.status]
        lines = [f"{mark} {words.one_line()} {self.counted}".rstrip(), *map(str, self.texts)]
        lines += [self.code] if self.code else []
        lines += map(str, self.after_code)
        lines += map(str, (_MEASURED, *self.measured)) if self.measured else ()
        lines += _plain_table(self.table) if self.table else []
        lines += [f"{_PRINTED.one_line()}\n{self.printed}"] if self.printed else []
        return "\n".join(lines)


_YOURS, _EXPECTED = Bilingual("yours", "你的"), Bilingual("expected", "应为")
_MEASURED = Bilingual("Measured just now:", "刚刚测得：")
_PRINTED = Bilingual("Your code printed:", "你的代码输出了：")


def _html_table(rows):
    cell = "padding: 0.1em 0.8em 0.1em 0; text-align: left; vertical-align: top"
    head = "".join(
        f'<th style="{cell}">{text}</th>' for text in ("", _YOURS.to_html("span"), _EXPECTED.to_html("span"))
    )
    body = "".join(
        f'<tr><th style="{cell}; font-weight: normal">{row.label.to_html("span")}</th>'
        + _html_cells(row, cell)
        + "</tr>"
        for row in rows
    )
    return f'<table style="margin: 0.4em 0"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _html_cells(row, style):
    if row.given:
        return f'<td colspan="2" style="{style}"><code>{html.escape(row.given)}</code></td>'
    values = (f"<code>{html.escape(value)}</code>" if value else "" for value in (row.yours, row.expected))
    return "".join(f'<td style="{style}">{value}</td>' for value in values)


def _plain_table(rows):
    for row in rows:
        expected = f"  {_EXPECTED.one_line()}: {row.expected}" if row.expected else ""
        yours = f"{_YOURS.one_line()}: {row.yours}" if row.yours else row.given
        yield f"  {row.label.one_line()}  {yours}{expected}".rstrip()


# --- from a finding to a card ---


def from_finding(finding, inputs, where):
    """The Feedback for a wrong answer.

    inputs : {name: value} of the case where it shows, {} to show none. where : that case, None not to name it.
    """
    if finding.kind == "not answered" and finding.case is None:
        return not_answered()
    if finding.kind == "numpy replaced":
        return numpy_replaced(finding.facts["names"])
    if finding.kind in ("raised", "not answered"):  # answered in part: what is missing shows as the exception it raises
        return _exception(finding, where)
    name = "changed its input in place" if finding.kind == "changed its input" else None
    if finding.misconception:
        said, name = Bilingual(finding.misconception.en, finding.misconception.zh), finding.misconception.name
    elif finding.kind == "difference" and finding.quantity.says:
        said = finding.quantity.says
    else:
        said = _said(finding)
    return Feedback("wrong", [said, *_where(where, finding.passed), _HINT], name, _table(finding, inputs))


def not_answered():
    return Feedback("not answered", [_NOT_ANSWERED])


def not_predicted():
    return Feedback("not answered", [_NOT_PREDICTED])


def stopped(seconds, printed):
    en = f"Your code was still running after {seconds} seconds and was stopped. Is there a loop that never ends?"
    zh = f"你的代码运行了 {seconds} 秒还没有结束，已被停止。是不是有个循环停不下来？"
    return Feedback("stopped", [Bilingual(en, zh)], printed=printed)


def numpy_replaced(names):
    shown = "`, `".join(names[:5])
    en = f"Your code had replaced `{shown}`. It has been put back; remove the assignment and run the check again."
    zh = f"你的代码替换了 `{shown}`。现在已经恢复；请去掉这样的赋值，再运行一次检查。"
    return Feedback("wrong", [Bilingual(en, zh)])


_HINT = Bilingual("`.hint()` gives a hint.", "需要提示时，用 `.hint()`。")
_NOT_ANSWERED = Bilingual(
    "Write your answer in place of the starter code, then run the cell again.",
    "把起始代码换成你的答案，再运行一次这个单元格。",
)
_NOT_PREDICTED = Bilingual(
    'Put your choice in place of the three dots, for example `"A"`, then run this cell again.',
    '把三个点换成你的选择，如 `"A"`，再运行一次这个单元格。',
)
_SAID = {
    "returned nothing": Bilingual(
        "Your function returns nothing where a result is expected. Does it end with `return`?",
        "应当返回结果的地方，你的函数什么也没有返回。最后写 `return` 了吗？",
    ),
    "is None": Bilingual("`{name}` is `None`.", "`{name}` 是 `None`。"),
    "signature": Bilingual(
        "The function is called with the arguments `{expected}`, but yours takes `{got}`.",
        "调用这个函数时传入的参数是 `{expected}`，而你的函数接受的是 `{got}`。",
    ),
    "number of results": Bilingual(
        "The function should return `{expected}`, in this order. Number of values that yours returns: {count}.",
        "这个函数应依次返回 `{expected}`。你的函数返回的值的个数：{count}。",
    ),
    "length of a list": Bilingual(
        "`{name}` should have the length {expected}; yours is: {got}.",
        "`{name}` 的长度应为 {expected}；你的是：{got}。",
    ),
    "no numbers": Bilingual(
        "`{name}` should be an array of numbers; yours is of type `{got}`.",
        "`{name}` 应是由数字组成的数组；你返回的类型是 `{got}`。",
    ),
    "shape": Bilingual(
        "The shape of `{name}` is `{got}`; it should be `{expected}`.",
        "`{name}` 的形状是 `{got}`，应为 `{expected}`。",
    ),
    "changed its input": Bilingual(
        "Your function changed `{name}` in place, which belongs to the caller. Operators such as `-=`, assignments "
        "such as `a[0] = 1` and methods such as `pop` change what is there; make something new.",
        "你的函数原地改动了 `{name}`，而它属于调用者。`-=` 之类的运算符、`a[0] = 1` 之类的赋值、`pop` 之类的方法，"
        "都会改动原来的内容；请生成新的。",
    ),
    "unreadable": Bilingual(
        "What your function returns (type `{got}`) does not have the form that the question asks for.",
        "你的函数返回的内容（类型是 `{got}`）不是题目要求的形式。",
    ),
    "not finite": Bilingual(
        "Your result contains `nan` or `inf`: something was divided by zero, or grew too large.",
        "你的结果里有 `nan` 或 `inf`：有的数除以了零，或者变得太大。",
    ),
    "no model": Bilingual(
        "A Keras model is expected here; this is of type `{got}`.",
        "这里应当是一个 Keras 模型；现在的类型是 `{got}`。",
    ),
    "not built": Bilingual(
        "The model does not know the shape of its input yet. Begin it with `keras.Input`, or call `build` on it.",
        "这个模型还不知道输入的形状。请以 `keras.Input` 开头，或者对它调用 `build`。",
    ),
    "whole numbers": Bilingual(
        "Your result holds whole numbers (dtype `{dtype}`): everything after the decimal point was cut off.",
        "你的结果是整数（dtype 是 `{dtype}`）：小数部分被截掉了。",
    ),
    "difference": Bilingual("Your result differs from the expected one.", "你的结果与应有的结果不同。"),
}


def _said(finding):
    facts = dict(finding.facts or {})
    if finding.kind == "whole numbers":
        facts["dtype"] = finding.compared[finding.quantity][0].dtype
    template = _SAID[finding.kind]
    return Bilingual(template.en.format(**facts), template.zh.format(**facts))


def _where(case, passed):
    if case is None:
        return []
    en, zh = f"It shows here: {case.en}.", f"问题出现在：{case.zh}。"
    if passed:
        en += f" Already right: {'; '.join(case.en for case in passed)}."
        zh += f"已经正确的：{'；'.join(case.zh for case in passed)}。"
    return [Bilingual(en, zh)]


# --- numbers ---

_ROWS = 4  # of the table: more than that nobody reads
_ENTRIES = 10  # of an array shown as a whole


def _table(finding, inputs):
    different = {
        quantity: values for quantity, values in (finding.compared or {}).items() if not close(*values, quantity)
    }
    rows = [
        Row(Bilingual(f"input `{name}`", f"输入 `{name}`"), given=shown(value))
        for name, value in inputs.items()
        if different and (np.isscalar(value) or (isinstance(value, np.ndarray) and value.size <= _ENTRIES))
    ]
    for quantity, (yours, expected) in list(different.items())[:_ROWS]:
        place, yours, expected = _worth_showing(yours, expected)
        space = " " if place and not quantity.zh.endswith("）") else ""
        label = Bilingual(f"{quantity.en} {place}".strip(), f"{quantity.zh}{space}{place}")
        rows.append(Row(label, shown(yours), "" if quantity.secret else shown(expected)))
    return tuple(rows)


def _worth_showing(yours, expected):
    """Of large arrays the entry that differs most, with its place as text."""
    arrays = isinstance(yours, np.ndarray) and isinstance(expected, np.ndarray) and yours.shape == expected.shape
    if not arrays or yours.size <= _ENTRIES:
        return "", yours, expected
    yours, expected = yours.astype(float), expected.astype(float)
    distance = np.nan_to_num(np.abs(yours - expected), nan=np.inf)
    distance[np.isclose(yours, expected, equal_nan=True)] = 0
    place = tuple(map(int, np.unravel_index(distance.argmax(), yours.shape)))
    return f"`{list(place)}`", yours[place], expected[place]


def shown(value):
    """A value in a few characters: four digits of a float, an array of a few numbers, else the text itself."""
    if isinstance(value, np.ndarray) and value.size > _ENTRIES:
        return f"shape {value.shape}"
    if isinstance(value, np.ndarray) and value.ndim:
        return "[" + ", ".join(shown(entry) for entry in value) + "]"
    if isinstance(value, bool | np.bool_) or (isinstance(value, np.ndarray) and value.dtype.kind == "b"):
        return str(bool(value))
    if isinstance(value, int | np.integer) or (isinstance(value, np.ndarray) and value.dtype.kind in "iu"):
        return f"{int(value):,}"
    if isinstance(value, float | np.number | np.ndarray):
        return f"{float(value):.4g}"
    return "" if value is None else str(value)[:200]


# --- exceptions ---

_MEANINGS = [
    (
        r"NameError|UnboundLocalError",
        "A name is used before it has a value: look for a typo, or for a line that comes too late.",
        "用到了一个还没有值的名字：检查有没有拼写错误，或者赋值的那一行写得太靠后。",
    ),
    (
        r"ValueError.*(shape|broadcast|matmul|dimension|aligned)|AxisError",
        "Arrays whose shapes do not fit together were combined. Print the `.shape` of each right before this line.",
        "把形状不相容的数组放在一起运算了。在这一行之前打印每个数组的 `.shape` 看看。",
    ),
    (
        r"ValueError.*truth value",
        "A condition was given a whole array. Compare element by element, or reduce the array to one value first.",
        "条件判断得到的是整个数组。请逐元素比较，或者先把数组化为一个值。",
    ),
    (
        r"ValueError",
        "A function was given a value that it does not accept; the message says which.",
        "给某个函数传了它不接受的值；上面的消息说明了是哪个。",
    ),
    (
        r"TypeError.*argument",
        "A function was called with too many, too few or unknown arguments.",
        "调用某个函数时，参数多了、少了，或者用了它不认识的参数。",
    ),
    (
        r"TypeError",
        "An operation was given a kind of value that it cannot work with: `None`, a list or a string, perhaps.",
        "某个运算得到了它无法处理的类型：也许是 `None`、列表或者字符串。",
    ),
    (
        r"AttributeError.*NoneType",
        "A value is `None` where you expected something else: perhaps a function without `return`.",
        "某个值是 `None`，与你预想的不同：也许有个函数忘了写 `return`。",
    ),
    (
        r"AttributeError",
        "The object has nothing by the name after the dot: look for a typo, or print its `type`.",
        "这个对象没有点号后面的属性：检查有没有拼写错误，或者打印它的 `type` 看看。",
    ),
    (
        r"IndexError|KeyError",
        "An index or a key asks for something that is not there. Print the length or the keys.",
        "索引或键指向了不存在的内容。把长度或全部的键打印出来看看。",
    ),
    (r"ZeroDivisionError", "A number was divided by zero.", "有个数除以了零。"),
    (
        r"RecursionError",
        "A function calls itself without end.",
        "有个函数在不停地调用自己。",
    ),
    (
        r"MemoryError|_ArrayMemoryError",
        "An array became too large for the memory. That can happen when two arrays are broadcast together.",
        "某个数组大到内存放不下。两个形状被广播到一起时，会出现这种情况。",
    ),
    (
        r"SystemExit",
        "The code asked Python to exit; leave that out in a notebook.",
        "代码要求 Python 退出；在笔记本里请去掉它。",
    ),
    (
        r"ImportError|ModuleNotFoundError",
        "A library or a name in it was not found.",
        "找不到某个库，或者库里的某个名字。",
    ),
]
_NO_MEANING = Bilingual("The message says what happened.", "上面的消息说明了发生了什么。")


def _exception(finding, where):
    kind, frame = finding.facts.get("got", "NotImplementedError"), finding.facts.get("frame")
    message = printable(f"{kind}: {finding.facts.get('message', '')}".removesuffix(": "))
    message = message if len(message) <= 300 else f"{message[:300]}…"
    line = f"line {frame.lineno}:  {frame.line}\n" if frame and frame.line else ""
    meaning = next((Bilingual(*texts) for kind, *texts in _MEANINGS if re.match(kind, message, re.DOTALL)), _NO_MEANING)
    return Feedback("raised", _where(where, finding.passed), code=f"{line}{message}", after_code=(meaning, _HINT))
