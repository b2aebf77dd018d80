"""The check of languages: each wrong text is named, its nearest right neighbour passes, and no element may drift."""

import re

import nbformat
import pytest

from helpers.course.languages import code_problems, markdown_problems, notebook_problems

RICH = r"""## 1. What `Dropout` does · `Dropout` 做什么

<div lang="en">

**Dropout** (暂退法) sets each activation to 0 with probability $p = 0.5$ and divides the rest by $1 - p$, as
[Dropout: A Simple Way to Prevent Neural Networks from Overfitting](https://jmlr.org/papers/v15/srivastava14a.html)
does. Call `Dropout(0.3)` and `model.fit(x, epochs=100)` on 1,599 rows; 25 % of the units are off for three epochs:

1. Draw a *mask* of shape $(N, 512)$.
2. Multiply:
   - in training mode, by the mask;
   - in inference mode, by nothing.

| dropout rate | variance | formula |
|---|---:|---|
| 0.31 | 1.43 | $\lvert x \rvert$ |
| 0.7 | -2.25 | `x / (1 - rate)` |

$$
\hat x = \frac{m \odot x}{1 - p}
$$

```python
y = x * mask
```

The gradient of a dropped unit is 8, in [the manual](https://keras.io/api/) too.

![A mask](images/mask.png)

</div>
<div lang="zh">

**暂退法**（dropout，也叫丢弃法、随机失活）以概率 $p = 0.5$ 把每个激活值置为 0，其余除以 $1 - p$，做法出自
[Dropout: A Simple Way to Prevent Neural Networks from Overfitting](https://jmlr.org/papers/v15/srivastava14a.html)。
在 1599 行数据上调用 `Dropout(0.3)` 和 `model.fit(x, epochs=100)`；连续三轮，有 25% 的单元关闭：

1. 抽一个形状为 $(N, 512)$ 的*掩码*。
2. 相乘：
   - 训练模式下，乘以掩码；
   - 推断模式下，什么也不乘。

| 丢弃率 | 方差 | 公式 |
|---|---:|---|
| 0.31 | 1.43 | $\lvert x \rvert$ |
| 0.7 | -2.25 | `x / (1 - rate)` |

$$
\hat x = \frac{m \odot x}{1 - p}
$$

```python
y = x * mask
```

被丢弃单元的梯度是 8，[手册](https://keras.io/api/)里也这么说。

![一个掩码](images/mask.png)

</div>
"""


def cell(en, zh):
    return f'<div lang="en">\n\n{en}\n\n</div>\n<div lang="zh">\n\n{zh}\n\n</div>\n'


def test_a_rich_correct_cell_has_no_problem():
    assert markdown_problems(RICH) == []


# fmt: off
# (name, what the message says, wrong cell, nearest right cell)
STRUCTURE = [
    ("prose outside", "prose stands outside the language divs: “Read on.”",
     "Read on.\n\n" + cell("Yes.", "是。"), cell("Read on.\n\nYes.", "往下读。\n\n是。")),
    ("bilingual prose outside", "prose stands outside",
     "Read on · 往下读\n", "## Read on · 往下读\n"),
    ("unknown language", "unknown language “fr”",
     '<div lang="fr">\n\nOui.\n\n</div>\n', cell("Yes.", "是。")),
    ("no language", "unknown language “<div>”",
     "<div>\n\nYes.\n\n</div>\n", cell("Yes.", "是。")),
    ("no blank line after div", 'no blank line after <div lang="en">, before “Yes.”',
     cell("Yes.", "是。").replace('"en">\n\n', '"en">\n'), cell("Yes.", "是。")),
    ("no blank line before end", "no blank line before </div>, after “是。”",
     cell("Yes.", "是。").replace("是。\n\n", "是。\n"), cell("Yes.", "是。")),
    ("text on the tag's line", "text stands on the line",
     cell("Yes.", "是。").replace('"en">\n\n', '"en"> '), cell("Yes.", "是。")),
    ("unclosed", "the zh div is never closed",
     cell("Yes.", "是。")[: -len("</div>\n")], cell("Yes.", "是。")),
    ("closes nothing", "</div> closes nothing",
     cell("Yes.", "是。") + "\n</div>\n", cell("Yes.", "是。")),
    ("nested", "stands inside the div of line 1",
     cell('<div lang="en">\n\nYes.\n\n</div>', "是。"), cell("Yes.", "是。")),
    ("en without zh", "the English block has no Chinese block",
     '<div lang="en">\n\nYes.\n\n</div>\n', cell("Yes.", "是。")),
    ("zh without en", "the Chinese block has no English block",
     '<div lang="zh">\n\n是。\n\n</div>\n', cell("Yes.", "是。")),
    ("heading between the two", "the English block has no Chinese block",
     cell("Yes.", "是。").replace("</div>\n<div", "</div>\n\n## So · 所以\n\n<div"),
     "## So · 所以\n\n" + cell("Yes.", "是。")),
    ("heading in one language", "not of the form “English · 中文”",
     "## Why it works\n", "## Why it works · 为什么有效\n"),
    ("heading without Chinese", "has no Chinese on its right side, “Why”",
     "## Why it works · Why\n", "## Why it works · 为什么有效\n"),
    ("heading that is a name", "not of the form", "## Keras layers\n", "## Keras\n"),
    ("heading that is code", "not of the form", "## Calling `fit`\n", "## `fit`\n"),
    ("heading with another number", "numbers differ: 4 in English, 5 in Chinese",
     "## 2. All 4 formulas · 全部 5 个公式\n", "## 2. All 4 formulas · 全部 4 个公式\n"),
    ("heading inside", "a heading stands inside the div",
     cell("### Why\n\nYes.", "### 为什么\n\n是。"), "### Why · 为什么\n\n" + cell("Yes.", "是。")),
    ("summary of a hint", "not of the form",
     "<details>\n<summary>Hint</summary>\n\n" + cell("Yes.", "是。") + "\n</details>\n",
     "<details>\n<summary>Hint · 提示</summary>\n\n" + cell("Yes.", "是。") + "\n</details>\n"),
    ("picture outside", "not of the form", "![A curve](a.png)\n", "![A curve · 一条曲线](a.png)\n"),
    ("formula outside", "prose stands outside", "$$x$$\n\nand\n", "$$x$$\n\n```\ny\n```\n\n<!-- a note -->\n\n---\n"),
    ("div inside a fence", "divs do not nest",
     cell("Like this:\n\n<div lang=\"en\">", "像这样：\n\n```html\n<div lang=\"en\">\n```"),
     cell("Like this:\n\n```html\n<div lang=\"en\">\n```", "像这样：\n\n```html\n<div lang=\"en\">\n```")),
    ("pipe in a table's formula", "“|” in the formula $|x|$",
     cell("| a | b |\n|---|---|\n| $|x|$ | $y$ |", "| 甲 | 乙 |\n|---|---|\n| $|x|$ | $y$ |"),
     cell("| a | b |\n|---|---|\n| $x$ | `a|b` |".replace("`a|b`", "$\\lvert y$"),
          "| 甲 | 乙 |\n|---|---|\n| $x$ | $\\lvert y$ |")),
]

# (name, what the message says, English, wrong Chinese, right Chinese)
PAIRS = [
    ("inline formula", "inline formula differs: “x^2” in English, “x^3” in Chinese",
     "Here $x^2$ grows.", "这里 $x^3$ 变大。", "这里 $x^2$ 变大。"),
    ("formulas in another order", "inline formula differs: “b” in English, “a” in Chinese",
     "Both $a$ and $b$ grow.", "$a$ 和 $a$ 都变大。", "$b$ 和 $a$ 都变大。"),
    ("display formula", "display formula differs: “x” in English, nothing for it in Chinese",
     "So:\n\n$$\nx\n$$", "所以：\n\n$x$", "所以：\n\n$$x$$"),
    ("code span", "code span differs: “fit” in English, “fits” in Chinese",
     "Call `fit` now.", "现在调用 `fits`。", "现在调用 `fit`。"),
    ("fence", "line of a code block differs: “x = 1” in English, “x = 2” in Chinese",
     "So:\n\n```\nx = 1\n```", "所以：\n\n```\nx = 2\n```", "所以：\n\n```\nx = 1\n```"),
    ("link", "link differs: “https://a.org/” in English, “https://b.org/” in Chinese",
     "See [this](https://a.org/).", "见[这里](https://b.org/)。", "见[这里](https://a.org/)。"),
    ("reference link", "link differs",
     "See [this][a].\n\n[a]: https://a.org/", "见[这里](https://b.org/)。", "见[这里][a]。"),
    ("image", "image differs: “a.png” in English, “b.png” in Chinese",
     "![A curve](a.png)", "![一条曲线](b.png)", "![一条曲线](a.png)"),
    ("list items", "number of list items (bullet) differs: 2 in English, 1 in Chinese",
     "- one\n- two", "- 一", "- 一\n- 二"),
    ("list kind", "number of list items (ordered) differs: 1 in English, 0 in Chinese", "1. one", "- 一", "1. 一"),
    ("list nesting", "number of list items (bullet in bullet) differs",
     "- one\n  - two", "- 一\n- 二", "- 一\n  - 二"),
    ("table rows", "table differs: “3 rows × 2 columns, 6 cells filled” in English, “2 rows × 2 columns",
     "| a | b |\n|---|---|\n| c | d |\n| e | f |", "| 甲 | 乙 |\n|---|---|\n| 丙 | 丁 |",
     "| 甲 | 乙 |\n|---|---|\n| 丙 | 丁 |\n| 戊 | 己 |"),
    ("empty cell", "table differs", "| a | b |\n|---|---|\n| c | d |", "| 甲 | 乙 |\n|---|---|\n| 丙 |",
     "| 甲 | 乙 |\n|---|---|\n| 丙 | 丁 |"),
    ("paragraphs", "number of paragraphs differs: 2 in English, 1 in Chinese", "One.\n\nTwo.", "一。二。",
     "一。\n\n二。"),
    ("HTML", "HTML tag differs", "One<br>two.", "一，二。", "一<br>二。"),
    ("number", "numbers differ: 1599 in English, 1598 in Chinese", "All 1,599 rows.", "全部 1598 行。",
     "全部 1599 行。"),
    ("percent", "numbers differ: 30% in English, 30 in Chinese", "About 30 % of it.", "约为 30。", "约为 30%。"),
    ("percent in words", "numbers differ", "About 30 percent of it.", "约为 30 成。", "约为百分之 30。"),
    ("sign", "numbers differ: -1 in English, 1 in Chinese", "It is -1 here.", "这里是 1。", "这里是 −1。"),
    ("range is no sign", "numbers differ", "In 45-75 minutes.", "需要 45 分钟。", "需要 45–75 分钟。"),
    ("Chinese numeral for digits", "numbers differ: 3 in English, nothing", "The 3 rows.", "这三行。", "这 3 行。"),
    ("spelled number", "numbers differ: nothing for it in English, 4 in Chinese",
     "The three rows.", "这 4 行。", "这 3 行。"),
    ("ordinal", "numbers differ", "The 2nd row.", "第二行。", "第 2 行。"),
    ("leading zero", "numbers differ", "As in part 05, .5 of it.", "如第 5 部分，0.6。", "如第 5 部分，0.5。"),
    ("large number", "numbers differ", "With 2 million rows.", "有 2 万行。", "有 200 万行。"),
    ("power", "numbers differ", "To 1e-5 exactly.", "精确到 1e-6。", "精确到 0.00001。"),
    ("name with digits", "numbers differ", "As CS231n says of 2-D data.", "正如 CS231n 第 2 讲所说，二维数据也一样。",
     "正如 CS231n 所说，二维数据也一样。"),
    ("digit at a formula", "a space is missing between the formula and the digit in “2$x$",
     "It is 2 $x$ here.", "这里是 2$x$。", "这里是 2 $x$。"),
    ("formula at Chinese", "“这里$x$变大。” should be “这里 $x$ 变大。”",
     "Here $x$ grows.", "这里$x$变大。", "这里 $x$ 变大。"),
    ("code at Chinese", "should be “现在调用 `fit` 吧。”", "Call `fit` now.", "现在调用`fit`吧。",
     "现在调用 `fit` 吧。"),
    ("bold with punctuation", "do not render, move punctuation out of them: “**注意：**全局",
     "**Note:** it is global.", "**注意：**全局有效。", "**注意**：全局有效。"),
    ("bold between", "do not render", "It is **global**.", "它是**“全局”**的。", "它是“**全局**”的。"),
    ("Chinese in English", "Chinese stands in the English text: “行”", "All the rows 行.", "全部行。", None),
    ("other name in English", "Chinese stands in the English text: “，”", "Rows (行)， all.", "全部行。", None),
    ("English in Chinese", "English is left untranslated in the Chinese text: “This is the end of it”",
     "This is the end of it.", "This is the end of it，好。", "到此为止，见 TensorFlow Playground Web App。"),
    ("English original", "English is left untranslated", "Noise of the sum.", "先 take the sum of it 的噪声。",
     "和的噪声（the noise of the sum）。"),
    ("nothing Chinese", "the Chinese text has no Chinese: “Good idea”", "Good idea.", "Good idea", "好主意。"),
    ("names only", "the Chinese text has no Chinese", "Keras fails.", "Keras fails", "Keras 不行。"),
    ("space at Latin", "“用Keras写。” should be “用 Keras 写。”", "Use Keras.", "用Keras写。", "用 Keras 写。"),
    ("space at digit", "should be “共 5 行。”", "In all 5 rows.", "共5行。", "共 5 行。"),
    ("half-width comma", "should be “好，对。”", "Good, right.", "好,对。", "好，对。"),
    ("half-width comma after code", "should be “用 `fit`，再看。”", "Use `fit`, look.", "用 `fit`,再看。",
     "用 `fit`，再看。"),
    ("half-width stop", "should be “用 `fit`。”", "Use `fit`.", "用 `fit`.", "用 `fit`。"),
    ("half-width brackets", "should be “层数（深度）很大。”", "Depth is large.", "层数(深度)很大。",
     "层数（深度）很大。"),
    ("half-width colon", "should be “注意：好。”", "Note: good.", "注意: 好。", "注意：好。"),
    ("straight quotes", "should be “说“好”。”", "It says good.", '说"好"。', "说“好”。"),
    ("dots", "should be “等等……”", "And so on ...", "等等...", "等等……"),
    ("dash", "should be “好——真好。”", "Good - very.", "好 — 真好。", "好——真好。"),
    ("commas in code and interval", "“[0, 1)内” should be “[0, 1) 内”",
     "Inside [0, 1)", "[0, 1)内", "[0, 1) 内"),
    ("missing term", "English says “learning rate”, Chinese does not say “学习率”",
     "The learning rate is high.", "学得太快了。", "学习率太高了。"),
    ("plural, capitals, hyphen", "English says “Dense-layers”", "Dense-layers help.", "稠密的更好。", "全连接层更好。"),
    ("term over two lines", "does not say “学习率”", "The learning\nrate is high.", "学得太快了。", "学习率太高了。"),
    ("longer term counts alone", "does not say “批量归一化”", "Batch normalization helps.", "小批量有用。",
     "批量归一化有用。"),
    ("avoided rendering", "Chinese says “学习速率” for “learning rate”, the course says “学习率”",
     "The learning rate is high.", "学习率（即学习速率）太高。", "学习率太高。"),
    ("avoided without its term", "Chinese says “批标准化”", "It helps.", "批标准化有用。", "它有用。"),
    ("never shift as 转移", "Chinese says “协变量转移”", "It shifts.", "内部协变量转移。", "它会偏移。"),
    ("other name in the sentence", "Chinese says “丢弃法”", "Dropout helps.", "丢弃法（暂退法）有用。",
     "暂退法（丢弃法）有用。"),
    ("other name far from the term", "Chinese says “批量规范化”", "Batch normalization helps.",
     "批量归一化有用（批量规范化）。", "批量归一化（batch normalization，也译批量规范化）有用。"),
    ("a period is no epoch", "Chinese says “周期” for “epoch”", "Ten epochs.", "十轮，十个周期。", "十轮。"),
    ("a period may be one", "does not say “轮”", "Ten epochs.", "十次。", "十轮。"),
    ("bias as deviation", "Chinese says “权重和偏差”", "Weights and biases.", "权重和偏差，即偏置。", "权重和偏置。"),
    ("bias of an estimator", "does not say “偏置”", "Its bias is 0.", "它是 0。", "它的偏差是 0。"),
    ("code is no word", "does not say “掩码”", "The mask is `epochs`.", "它是 `epochs`。", "掩码是 `epochs`。"),
    ("title of a paper", "does not say “过拟合”", "*How to avoid overfitting now* on overfitting.",
     "*How to avoid overfitting now* 讲了很多。", "*How to avoid overfitting now* 讲过拟合。"),
]

# (name, what the message says, wrong code, right code)
CODE = [
    ("missing zh", "zh= is missing beside “'The end'”", 'show_text(en="The end")', 'show_text(en="The end", zh="完")'),
    ("missing en", "en_title= is missing", 'f(zh_title="完")', 'f(en_title="End", zh_title="完")'),
    ("dict", "zh= is missing", 'x = {"en": "The end"}', 'x = {"en": "The end", "zh": "完"}'),
    ("tuple", "numbers differ", 'x = ("In 2 rows", "共 3 行")', 'x = ("In 2 rows", "共 2 行")'),
    ("two arguments", "numbers differ", 'show_text("In 2 rows", "共 3 行")', 'show_text("In 2 rows", "共 2 行")'),
    ("list", "number of texts differs: 2 in en=, 1 in zh=",
     'f(en=["yes", "no"], zh=["是"])', 'f(en=["yes", "no"], zh=["是", "否"])'),
    ("text in a list", "numbers differ", 'f(en=["In 2 rows"], zh=["共 3 行"])', 'f(en=["In 2 rows"], zh=["共 2 行"])'),
    ("names in a list", "number of texts differs",
     'f(en=("Adam",), zh=("Adam", "动量"))', 'f(en=("Adam", "slow"), zh=("Adam", "慢"))'),
    ("joined texts", "numbers differ",
     'f(en="In " "2 rows" + "!", zh="共 3 行！")', 'f(en="In " "2 rows" + "!", zh="共 2 行！")'),
    ("code span", "code span differs: “fit” in English, “fits” in Chinese",
     'f(en="Use `fit`", zh="用 `fits`")', 'f(en="Use `fit`", zh="用 `fit`")'),
    ("placeholder", "placeholder differs: “{a:.2f}” in English, “{b:.2f}” in Chinese",
     'f(en=f"It is {a:.2f} s", zh=f"是 {b:.2f} 秒")', 'f(en=f"It is {a:.2f} s", zh=f"是 {a:.2f} 秒")'),
    ("placeholder's format", "placeholder differs", 'f(en=f"Is {a:.2f} s", zh=f"是 {a:.1f} 秒")',
     """f(en=f"Is {a['x']:.2f} s", zh=f"是 {a['x']:.2f} 秒")"""),
    ("placeholder in both languages", "placeholder differs",
     'f(en=f"So {name_en} wins", zh=f"所以{title_zh}最好")', 'f(en=f"So {name_en} wins", zh=f"所以{name_zh}最好")'),
    ("placeholder in code", "code span differs: “fit({n})” in English, “fit({m})” in Chinese",
     'f(en=f"So `fit({n})`", zh=f"即 `fit({m})`")', 'f(en=f"So `fit({n})`", zh=f"即 `fit({n})`")'),
    ("space at a placeholder", "“用时{t}秒” should be “用时 {t} 秒”",
     'f(en=f"In {t} s", zh=f"用时{t}秒")', 'f(en=f"In {t} s", zh=f"用时 {t} 秒")'),
    ("glossary", "does not say “学习率”", 'f(en="learning rate", zh="速度")', 'f(en="learning rate", zh="学习率")'),
    ("typography", "should be “好，对”", 'f(en="good, right", zh="好,对")', 'f(en="good, right", zh="好，对")'),
    ("Chinese comment", "a comment is not in English: # 好", "x = 1  # 好", "x = '# 好'  # good"),
    ("does not parse", "line 2: the code does not parse", "x = 1\nx = = 1",
     "x = 1\n%matplotlib inline\n!ls\nif x:\n    %time y"),
    ("solution", "a comment is not", "### BEGIN SOLUTION\nx = 1  # 好\n### END SOLUTION",
     "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"),
    ("cell magic", "does not parse", "%%time\nx = = 1", "%%bash\nfor x in *; do echo 好; done"),
    ("unknown arguments", "is missing", 'f(en="The end", **more_or_less())'.replace(", **more_or_less()", ""),
     'f(en="The end", **more_or_less())'),
    ("no text", "is missing", 'f(en="yes")', "f(en=True)"),
]
# fmt: on


@pytest.mark.parametrize(("message", "wrong", "right"), [c[1:] for c in STRUCTURE], ids=[c[0] for c in STRUCTURE])
def test_structure(message, wrong, right):
    assert any(message in problem for problem in markdown_problems(wrong)), markdown_problems(wrong)
    assert markdown_problems(right) == []


@pytest.mark.parametrize(("message", "en", "wrong", "right"), [c[1:] for c in PAIRS], ids=[c[0] for c in PAIRS])
def test_pair(message, en, wrong, right):
    problems = markdown_problems(cell(en, wrong))
    assert any(message in problem for problem in problems), problems
    if right:
        assert markdown_problems(cell(en, right)) == []


@pytest.mark.parametrize(("message", "wrong", "right"), [c[1:] for c in CODE], ids=[c[0] for c in CODE])
def test_code(message, wrong, right):
    assert any(message in problem for problem in code_problems(wrong)), code_problems(wrong)
    assert code_problems(right) == []


def test_the_other_name_may_stand_in_a_parenthesis_in_english():
    assert markdown_problems(cell("Batch normalization (批量归一化) helps.", "批量归一化有用。")) == []


FRAGMENTS = {
    "list item": r"^\d\. .*\n(?:   - .*\n)*|^   - .*\n",
    "table row": r"^\|.*\|\n",
    "display formula": r"^\$\$\n.*\n\$\$\n",
    "fence": r"^```\w*\n.*\n```\n",
    "link": r"!?\[[^]]*\]\([^)]*\)",
    "nested list item": r"^   - .*\n",
    "formula": r"\$[^$\n]+\$",
    "code span": r"`[^`\n]+`",
    "number": r"(?<!^)-?\d[\d,.]*\d(?: ?%)?|(?<!^)\d",
}


def alter(kind, found):
    """Change an element as little as can be, or return None where dropping it is the smallest change."""
    if kind == "number":
        return re.sub(r"\d(?=\D*$)", lambda digit: str((int(digit[0]) + 4) % 10), found)
    if kind == "link":
        return found.replace("](", "](x")
    if kind in ("formula", "display formula", "code span", "fence"):
        middle = len(found) // 2
        return found[:middle] + "q" + found[middle:]
    return None


def mutants():
    """Yield (name, RICH with one element of one language dropped or altered)."""
    body = RICH.index("<div")
    for kind, pattern in FRAGMENTS.items():
        for match in re.finditer(pattern, RICH[body:], re.MULTILINE):
            start, end = body + match.start(), body + match.end()
            yield f"drop {kind} {match[0].strip()}", RICH[:start] + RICH[end:]
            if changed := alter(kind, match[0]):
                yield f"alter {kind} {match[0].strip()}", RICH[:start] + changed + RICH[end:]


@pytest.mark.parametrize("mutant", [pytest.param(text, id=name.replace("\n", " ")) for name, text in mutants()])
def test_one_element_changed_in_one_language_is_reported(mutant):
    assert markdown_problems(mutant)


def test_mutants_cover_both_languages_and_every_kind():
    names = [name for name, _ in mutants()]
    for kind in FRAGMENTS:
        assert sum(name.startswith(f"drop {kind}") for name in names) in range(2, 100, 2), kind
    assert len(names) > 100


def test_paragraph_left_in_english_is_reported():
    english = "The gradient of a dropped unit is 8, in [the manual](https://keras.io/api/) too."
    chinese = "被丢弃单元的梯度是 8，[手册](https://keras.io/api/)里也这么说。"
    assert chinese in RICH
    problems = markdown_problems(RICH.replace(chinese, english))
    assert any("untranslated" in problem for problem in problems), problems


def test_notebook_problems_name_the_cell():
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_markdown_cell(RICH),
        nbformat.v4.new_raw_cell("任何 anything"),
        nbformat.v4.new_code_cell("x = 1  # 好"),
        nbformat.v4.new_markdown_cell("## Why\n"),
    ]
    problems = notebook_problems(notebook)
    assert [index for index, _ in problems] == [2, 3]
    assert all(isinstance(message, str) and "\n" not in message for _, message in problems)


def test_glossary_is_consistent():
    """No allowed rendering is forbidden by another term, no English form belongs to two terms."""
    from helpers.course.languages import _glossary

    terms = _glossary()["term"]
    forms = [form.lower() for term in terms for form in term["en"]]
    assert len(forms) == len(set(forms))
    forbidden = {rendering for term in terms for rendering in term.get("never", [])}
    for rendering in (rendering for term in terms for rendering in term["zh"] + term.get("aside", [])):
        assert not any(bad in rendering for bad in forbidden), rendering
    assert all(set(term) <= {"en", "zh", "aside", "never", "not"} for term in terms)
