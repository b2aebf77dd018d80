"""Unit 08, an experiment: a grid, a choice by rule, a check of a table, a network from settings, luck in choosing."""

import itertools

import numpy as np

from helpers.exercises.engine import models
from helpers.exercises.engine.judge import Case, Misconception, Quantity
from helpers.exercises.engine.models import NEGATIVE, PREDICTIONS, RATES, ZEROS
from helpers.exercises.engine.question import Choice, code, prediction
from helpers.language import Bilingual

# --- every_combination ---

DICTS = Quantity(
    "it is a list of dicts",
    "返回的是由字典组成的列表",
    says=Bilingual(
        "The result should be a list of dicts. A combination without its names would not say which value is which.",
        "应当返回由字典组成的列表。一个组合如果没有名称，就看不出哪个值是什么。",
    ),
)
COMBINATIONS = Quantity("number of dicts", "字典的个数")
NAMED = Quantity("every dict has all names of the grid", "每个字典都有网格里的所有名称")
FOREIGN = Quantity("dicts that are no combination of the grid", "不属于网格的组合，个数")
ABSENT = Quantity(
    "combinations that are missing",
    "缺少的组合，个数",
    says=Bilingual(
        "Some combinations are missing. Count by hand, for a small grid, how many there must be.",
        "缺少一些组合。拿一个小网格，手工数一数应当有多少个。",
    ),
)
ORDERED = Quantity("they are in the order of nested loops", "顺序与嵌套循环一致")
SHARED = Quantity("some entries of the list are the same dict", "列表里有几项是同一个字典")


def _combined(every_combination, grid):
    answer = every_combination(grid)
    found = [] if isinstance(answer, str | dict) else list(answer)
    if not found or not all(isinstance(combination, dict) for combination in found):
        return {DICTS: False}
    wanted = _product(grid, list(grid))
    places = [wanted.index(combination) for combination in found if combination in wanted]
    foreign, absent = len(found) - len(places), len(wanted) - len(set(places))
    return {
        DICTS: True,
        SHARED: len(set(map(id, found))) < len(found),
        NAMED: all(set(combination) == set(grid) for combination in found),
        FOREIGN: foreign,
        ABSENT: absent,
        ORDERED: bool(foreign or absent) or len(found) > len(wanted) or places == sorted(places),
        COMBINATIONS: len(found),
    }


def _product(grid, names):
    """The combinations of the names given, the first of them slowest."""
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(grid[name] for name in names))]


def _one_at_a_time(grid):
    first = {name: values[0] for name, values in grid.items()}
    return [first] + [first | {name: value} for name, values in grid.items() for value in values[1:]]


def _first_two(grid):
    names = list(grid)
    return _product(grid, [names[0], names[1]])


def _exactly_two(grid):
    (first, _), (second, _) = grid.items()
    return _product(grid, [first, second])


def _same_dict(grid):
    combination, found = {}, []
    for other in _product(grid, list(grid)):
        combination.update(other)
        found.append(combination)
    return found


_GRIDS = {
    "two": {"rate": [0.0, 0.2, 0.5], "batch_norm": [False, True]},
    "three": {"units": [[16], [32, 16]], "rate": [0.0, 0.3, 0.5], "learning_rate": [0.001, 0.01]},
    "one": {"units": [8, 16, 64]},
    "single": {"epochs": [20], "rate": [0.1, 0.3], "seed": [0, 1, 2]},
}


@code(
    en="Write `every_combination(grid)`. `grid` is a dict that maps each name to a list of values, such as "
    '`{"rate": [0, 0.5], "units": [8, 16, 32]}`; it has one name or more, and a value may itself be a list. Return a '
    "list of dicts, one for each combination, each with all names and one value for each. They stand in the order of "
    "nested loops: the first name changes slowest, the last one fastest.",
    zh="编写 `every_combination(grid)`。`grid` 是一个字典，把每个名称对应到由值组成的列表，如 "
    '`{"rate": [0, 0.5], "units": [8, 16, 32]}`；名称至少有一个，某个值本身也可以是列表。返回由字典组成的列表，每个组'
    "合一个字典，其中有所有的名称，每个名称对应一个值。顺序与嵌套循环一致：第一个名称变化最慢，最后一个变化最快。",
    returns=("combinations",),
    free=("combinations",),
    cases=[
        Case("two names", "两个名称", lambda rng: (_GRIDS["two"],), _combined),
        Case(
            "three names, and values that are lists",
            "三个名称，有的值是列表",
            lambda rng: (_GRIDS["three"],),
            _combined,
        ),
        Case("a single name", "只有一个名称", lambda rng: (_GRIDS["one"],), _combined),
        Case("a name with a single value", "有个名称只有一个值", lambda rng: (_GRIDS["single"],), _combined),
    ],
    misconceptions=[
        Misconception(
            "one dict reused",
            _same_dict,
            en="All entries of your list are one and the same dict, so a later change shows in every entry. Where does "
            "your code make a new one?",
            zh="你的列表里，各项其实是同一个字典，后来的改动会出现在每一项里。你的代码在哪里新建字典？",
            by=(SHARED,),
        ),
        Misconception(
            "zip instead of product",
            lambda grid: [dict(zip(grid, values, strict=True)) for values in zip(*grid.values(), strict=False)],
            en="You walk through the lists side by side: first value with first value, second with second. The first "
            "value of one name must also meet the second one of another.",
            zh="你把各个列表并排配对了：第一个值配第一个值，第二个配第二个。而一个名称的第一个值，"
            "也要和另一个名称的第二个值组合。",
            by=(NAMED, FOREIGN, ABSENT),
        ),
        Misconception(
            "one name changed at a time",
            _one_at_a_time,
            en="Each of your combinations differs from the first one in a single name. Such a list cannot "
            "show whether two changes help together.",
            zh="你的每个组合，都只有一个名称与第一个组合不同。两处改动同时做有没有用，这样的列表看不出来。",
            by=(NAMED, FOREIGN, ABSENT),
        ),
        Misconception(
            "one name in each dict",
            lambda grid: [{name: value} for name, values in grid.items() for value in values],
            en="Each of your dicts has a single name. A run needs a value for every name of the grid.",
            zh="你的每个字典只有一个名称。而一次运行，网格里的每个名称都需要一个值。",
            by=(NAMED,),
        ),
        Misconception(
            "written for two names",
            (_first_two, _exactly_two),
            en="With two names your list is right; with more or fewer it is not. How many loops would a grid of five "
            "names need?",
            zh="两个名称时你的列表是对的，多了或少了就不对。网格有五个名称时，需要几层循环？",
            by=(NAMED,),
        ),
        Misconception(
            "names with a single value left out",
            lambda grid: _product(grid, [name for name in grid if len(grid[name]) > 1]),
            en="A name with only one value is missing from your dicts. It does not change, but a run needs it all the "
            "same.",
            zh="只有一个值的名称，在你的字典里不见了。它虽然不变，但运行时照样需要。",
            by=(NAMED,),
        ),
        Misconception(
            "another order",
            (
                lambda grid: [
                    {name: combination[name] for name in grid} for combination in _product(grid, list(grid)[::-1])
                ],
                lambda grid: _product(grid, sorted(grid)),
            ),
            en="All combinations are there, but in another order than the question asks for. Which name belongs to the "
            "outermost loop?",
            zh="所有组合都有了，但顺序与题目的要求不同。最外层的循环对应哪个名称？",
            by=(ORDERED,),
        ),
    ],
    hints=[
        (
            "Begin with a grid of one name, then add a second: what becomes of every dict that you already have?",
            "先从只有一个名称的网格开始，再加上第二个名称：已有的每个字典会变成什么？",
        ),
        (
            "Start with a list that holds one empty dict. Each further name turns a dict into several: one for each "
            "value.",
            "从只含一个空字典的列表开始。每多一个名称，一个字典就变成几个：每个值对应一个。",
        ),
        (
            "`{**before, name: value}` makes a new dict and leaves `before` alone.",
            "`{**before, name: value}` 会新建一个字典，不改动 `before`。",
        ),
    ],
    analysis=(
        "The list grows name by name: every dict so far is copied once for each value of the next name. So the "
        "number of combinations is the product of the lengths, and any number of names will do; `itertools.product` "
        "does the same. Frequent mistakes: `zip`, which pairs values by their place; one dict that is changed and "
        "appended again and again.",
        "列表按名称逐步扩展：已有的每个字典，按下一个名称的每个值各复制一份。"
        "所以组合的个数等于各列表长度的乘积，名称有多少个都行；`itertools.product` 做的是同一件事。常见错误：用 "
        "`zip`，它按位置配对；反复改动同一个字典，再添加到列表里。",
    ),
)
def every_combination(grid):
    combinations = [{}]
    for name, values in grid.items():
        combinations = [{**before, name: value} for before in combinations for value in values]
    return combinations


# --- choose ---

A_NAME = Quantity(
    "it is one of the names in `setting`",
    "返回的是 `setting` 里的一个名称",
    says=Bilingual(
        "The result should be one of the names in the column `setting`, not a number, a row or a list.",
        "应当返回 `setting` 列里的一个名称，而不是数、行或列表。",
    ),
)
CHOSEN = Quantity("the chosen setting", "选中的设置")


def _chosen(choose, results):
    answer = choose(results)
    known = isinstance(answer, str) and answer in set(results["setting"])
    return {A_NAME: known} | ({CHOSEN: str(answer)} if known else {})


def _runs(**settings):
    """Rows in random order; settings : validation errors of the runs of each, and its test error."""

    def arguments(rng):
        import pandas as pd

        rows = [
            {"setting": name, "seed": seed, "val_mae": error, "test_mae": test if error == error else np.nan}
            for name, (errors, test) in settings.items()
            for seed, error in enumerate(errors)
        ]
        table = pd.DataFrame([rows[k] for k in rng.permutation(len(rows))])
        table[["val_mae", "test_mae"]] += rng.uniform(0, 0.002, (len(rows), 2))
        return (table,)

    return arguments


_ALL_WELL = _runs(
    a=((0.44, 0.60, 0.62), 0.57),
    b=((0.49, 0.495, 0.66), 0.58),
    c=((0.50, 0.51, 0.52), 0.56),
    d=((0.55, 0.56, 0.57), 0.48),
    e=((0.70, 0.71, 0.72), 0.66),
    f=((0.52, 0.53, 0.54), 0.59),
)
_DIVERGED = _runs(
    a=((0.40, np.nan, 0.42), 0.57),
    b=((np.nan, np.nan, np.nan), 0.60),
    c=((0.74, 0.75, 0.76), 0.66),
    d=((0.38, 0.70, 0.71), 0.58),
    e=((0.50, 0.51, 0.52), 0.56),
    f=((0.55, 0.56, 0.57), 0.48),
)
_UNEQUAL = _runs(
    a=((0.55, 0.56), 0.60),
    b=((0.50, 0.505, 0.51, 0.515, 0.52), 0.57),
    c=((0.45, 0.60, 0.61, 0.62), 0.58),
    d=((0.56, 0.57, 0.58), 0.49),
    e=((0.70, 0.71), 0.65),
)


def _by(statistic, column="val_mae", highest=False, without_diverged=True):
    """A choice by another rule; statistic : name of a method of the errors of a setting."""

    def choose(results):
        if without_diverged:
            diverged = results.loc[results["val_mae"].isna(), "setting"]
            results = results[~results["setting"].isin(diverged)]
        errors = getattr(results.groupby("setting")[column], statistic)()
        return errors.idxmax() if highest else errors.idxmin()

    return choose


def _by_any(*arguments, **more):
    return tuple(_by(*arguments, **more, without_diverged=without) for without in (True, False))


@code(
    en="Write `choose(results)`, which returns the name of the setting to use. `results` is a DataFrame with a row for "
    "each run and the columns `setting`, `seed`, `val_mae` and `test_mae`. The rule: the setting with the lowest mean "
    "of `val_mae` over its runs. A setting may have more runs than another. A run that diverged has `nan` in "
    "`val_mae`; a setting with such a run is never chosen. At least one setting has none.",
    zh="编写 `choose(results)`，返回要采用的设置的名称。`results` 是一个 DataFrame，每次运行一行，有 `setting`、"
    "`seed`、`val_mae` 和 `test_mae` 四列。规则：选 `val_mae` 的均值最低的设置，均值取自这个设置的所有运行。"
    "有的设置运行次数可能比别的多。发散的运行，`val_mae` 是 `nan`；只要有一次这样的运行，这个设置就不能选。"
    "至少有一个设置没有发散过。",
    returns=("setting",),
    free=("setting",),
    cases=[
        Case("all runs ended well", "所有运行都正常结束", _ALL_WELL, _chosen),
        Case("some runs diverged", "有的运行发散了", _DIVERGED, _chosen),
        Case("unequal numbers of runs", "各设置的运行次数不同", _UNEQUAL, _chosen),
    ],
    misconceptions=[
        Misconception(
            "chosen by test error",
            (*_by_any("mean", "test_mae"), *_by_any("min", "test_mae"), *_by_any("median", "test_mae")),
            en="You choose by the test error. Once it has decided something, it is an error on rows that were used, "
            "and no honest one is left.",
            zh="你是按测试误差选的。它一旦参与了选择，就成了在用过的行上的误差，也就再没有可信的误差了。",
        ),
        Misconception(
            "chosen by the best single run",
            _by_any("min"),
            en="You choose the setting with the best single run. One lucky seed decides then; what would that setting "
            "do with the next seed?",
            zh="你选的是单次运行成绩最好的设置。这样，一个走运的随机种子就决定了结果；换下一个种子，这个设置会怎样？",
        ),
        Misconception(
            "highest instead of lowest",
            (*_by_any("mean", highest=True), *_by_any("max", highest=True)),
            en="You choose the setting with the largest errors. For an error, which end is the good one?",
            zh="你选的是误差最大的设置。对误差来说，哪一头才是好的？",
        ),
        Misconception(
            "a diverged run hidden by the mean",
            _by("mean", without_diverged=False),
            en="A setting with a diverged run has won. What does your code make of `nan`: is it left out of the mean, "
            "or taken for the smallest value?",
            zh="有运行发散的设置被选中了。你的代码怎样处理 `nan`：是算均值时把它略过了，还是把它当成了最小的值？",
        ),
        Misconception(
            "median instead of mean",
            _by_any("median"),
            en="You choose by the median. It does not notice a run that went badly, while the rule of this experiment "
            "counts every run.",
            zh="你是按中位数选的。某次运行很糟，它也察觉不到；而这个实验的规则，每次运行都算数。",
        ),
        Misconception(
            "added up instead of averaged",
            _by_any("sum"),
            en="You add up the errors of a setting. A setting then wins because it was run less often.",
            zh="你把一个设置的误差加了起来。这样，运行次数少的设置就占了便宜。",
        ),
    ],
    hints=[
        (
            "First find the settings that are out: those with a `nan` in one of their runs. Then leave out all their "
            "rows.",
            "先找出要排除的设置：只要有一次运行是 `nan`。然后去掉它们的所有行。",
        ),
        (
            "`groupby` puts the runs of a setting together; it gives one mean for each, with the names in the index.",
            "`groupby` 把同一个设置的运行放在一起；它为每个设置给出一个均值，名称在索引里。",
        ),
        (
            "`isna`, `isin` and `idxmin` of pandas do the rest. `~` inverts a mask.",
            "余下的用 pandas 的 `isna`、`isin` 和 `idxmin` 就能完成。`~` 把掩码反过来。",
        ),
    ],
    analysis=(
        "The rule reads only `val_mae`: the test error is in the table to be reported, never to decide. A mean over "
        "seeds says what to expect from the next run, a minimum only what luck can do. pandas leaves `nan` out of a "
        "mean, so a setting of which half the runs diverged may look good: the rule must exclude it first.",
        "规则只看 `val_mae`：测试误差放在表里是为了报告，绝不用来做决定。对随机种子取均值，说明下一次运行会怎样；"
        "取最小值，只说明运气能有多好。pandas 求均值时会略过 `nan`，一个设置即使有一半运行发散了，看起来也可能不错："
        "所以规则要先把它排除。",
    ),
)
def choose(results):
    diverged = results.loc[results["val_mae"].isna(), "setting"]
    complete = results[~results["setting"].isin(diverged)]
    return complete.groupby("setting")["val_mae"].mean().idxmin()


# --- problems ---

NAMES = ("missing target", "text", "missing values", "constant column", "repeated rows", "too few rows")
A_LIST = Quantity(
    "it is a list or a set of names",
    "返回的是由名称组成的列表或集合",
    says=Bilingual(
        "The result should be a list or a set of names, an empty one where nothing is wrong.",
        "应当返回由名称组成的列表或集合；没有问题时，它是空的。",
    ),
)
UNKNOWN = Quantity(
    "names that are none of the six",
    "不在六个名称之中的",
    says=Bilingual(
        "Some names are not among the six of the question. They must be spelled exactly as there.",
        "有的名称不在题目的六个之中。拼写必须与题目一字不差。",
    ),
)
NUMBER = Quantity("number of problems reported", "报告的问题个数")
REPORTED = {name: Quantity(f"`{name}` is reported", f"报告了 `{name}`") for name in NAMES}
IN_COLUMNS = tuple(REPORTED[name] for name in ("text", "missing values", "constant column"))


def _reported(problems, table, target):
    answer = problems(table, target)
    names = [answer] if isinstance(answer, str | dict) else list(answer)
    if isinstance(answer, str | dict) or not all(isinstance(name, str) for name in names):
        return {A_LIST: False}
    return {
        A_LIST: True,
        UNKNOWN: ", ".join(sorted(set(names) - set(NAMES))),
        **{quantity: name in names for name, quantity in REPORTED.items()},
        NUMBER: len(set(names)),
    }


def _wines(rng, rows):
    """A table without problems."""
    import pandas as pd

    features = {name: rng.uniform(2, 15, rows).round(3) for name in ("acid", "sugar", "alcohol")}
    return pd.DataFrame(features | {"quality": rng.integers(3, 9, rows)})


def _as_text(column, **replaced):
    """A column as pandas reads it when a few of its entries are no numbers; replaced : those, by row."""
    words = [str(value) for value in column]
    for row, word in replaced.items():
        words[int(row.removeprefix("row"))] = word
    return words


def _repeat(table):
    """The fourth row once more, far away from itself."""
    import pandas as pd

    return pd.concat([table, table.iloc[[3]]], ignore_index=True)


def _good(rng):
    table = _wines(rng, 100)
    table["sugar"] = np.arange(100) % 2
    features = ["acid", "sugar", "alcohol"]
    table.loc[60, features] = table.loc[10, features]
    table.loc[60, "quality"] = 3 if table.loc[10, "quality"] > 5 else 8
    return table, "quality"


def _no_target(rng):
    table = _wines(rng, 150)
    table["sugar"] = _as_text(table["sugar"], row30="12,5")
    return _repeat(table), "strength"


def _bad_target(rng):
    table = _wines(rng, 120)
    table["quality"] = _as_text(table["quality"], row20="?", row21=np.nan)
    return table, "quality"


def _gaps(rng):
    table = _wines(rng, 110)
    table["sugar"] = 2.5
    table.loc[rng.permutation(110)[:20], "sugar"] = np.nan
    return table, "quality"


def _one_word(rng):
    return _wines(rng, 130).assign(acid="high"), "quality"


def _everything(rng):
    table = _wines(rng, 60).assign(acid=0.1)
    table.loc[7, "sugar"] = np.nan
    table["alcohol"] = _as_text(table["alcohol"], row9="about 12")
    return _repeat(table), "quality"


def _checks(table, target):
    """{name: is it there}; the misconceptions change some of it."""
    return {
        "missing target": target not in table.columns,
        "text": table.shape[1] > table.select_dtypes(["number", "bool"]).shape[1],
        "missing values": bool(table.isna().any(axis=None)),
        "constant column": bool((table.nunique() == 1).any()),
        "repeated rows": bool(table.duplicated().any()),
        "too few rows": len(table) < 100,
    }


def _slip(change):
    """A wrong `problems`; change : function of table and target that returns what is checked differently."""

    def problems(table, target):
        return [name for name, is_there in (_checks(table, target) | change(table, target)).items() if is_there]

    return problems


def _in_columns(table, target):
    return {name: is_there for name, is_there in _checks(table, target).items() if REPORTED[name] in IN_COLUMNS}


def _only_numbers(table):
    import pandas as pd

    return table.apply(pd.to_numeric, errors="coerce")


@code(
    en="Write `problems(table, target)`, which returns a list or set with the names of all problems of the DataFrame "
    "`table`; `target` is the name of its target column. `missing target`: there is no such column; the other problems "
    "are looked for all the same. `text`: a column that pandas does not read as numbers. `missing values`: at least "
    "one, in any column. `constant column`: one distinct value only, text or not, missing ones not counted. "
    "`repeated rows`: a whole row, target included, equals an earlier one. `too few rows`: fewer than 100. The target "
    "is a column like the others, and `table` stays as it is.",
    zh="编写 `problems(table, target)`：以列表或集合的形式，返回 DataFrame `table` 的所有问题的名称；`target` "
    "是目标列的列名。`missing target`：没有这一列；其余的问题照样要检查。`text`：有的列，pandas 读进来不是数。"
    "`missing values`：至少有一个，在哪一列都算。`constant column`：不同的值只有一个，不管是不是文字，缺失值不计。"
    "`repeated rows`：有一整行（包括目标）与前面某一行相等。`too few rows`：不到 100 行。目标列与其他列同样检查，"
    "`table` 要保持原样。",
    returns=("names",),
    free=("names",),
    cases=[
        Case("a good table of 100 rows", "一张没有问题的表，100 行", _good, _reported),
        Case("no target, and more", "没有目标列，还有别的问题", _no_target, _reported),
        Case("a bad target", "目标列有问题", _bad_target, _reported),
        Case("a column with gaps", "有一列存在缺失值", _gaps, _reported),
        Case("one word in a whole column", "整列都是同一个词", _one_word, _reported),
        Case("many problems at once", "同时有许多问题", _everything, _reported),
    ],
    misconceptions=[
        Misconception(
            "stops at the first problem",
            lambda table, target: [name for name, is_there in _checks(table, target).items() if is_there][:1],
            en="Where a table has several problems you report one. Whoever mends the file then has to come back for "
            "each of the others.",
            zh="一张表有几个问题时，你只报告了一个。修改文件的人，就得为剩下的每个问题再跑一趟。",
            by=(NUMBER,),
        ),
        Misconception(
            "nothing checked without the target",
            _slip(lambda table, target: {} if target in table.columns else dict.fromkeys(NAMES[1:], False)),
            en="Without a target column you report nothing else. The other columns are there, and can be looked at.",
            zh="没有目标列时，你就不再报告别的问题了。其他列还在，照样可以检查。",
        ),
        Misconception(
            "target column not checked",
            _slip(lambda table, target: _in_columns(table.drop(columns=target, errors="ignore"), target)),
            en="You look at the features only. A network cannot learn from a gap or a word in the target column "
            "either.",
            zh="你只检查了特征。目标列里有缺失值或文字，网络同样学不了。",
            by=IN_COLUMNS,
        ),
        Misconception(
            "repeated rows by features only",
            _slip(
                lambda table, target: {"repeated rows": table.drop(columns=target, errors="ignore").duplicated().any()}
            ),
            en="You count two rows with equal features as repeated, even if their targets differ. Two tasters may "
            "well judge one wine differently.",
            zh="两行的特征相等，你就当成重复，哪怕目标不同。同一款酒，两位品酒师的评分完全可能不一样。",
            by=(REPORTED["repeated rows"],),
        ),
        Misconception(
            "only neighbouring rows compared",
            _slip(lambda table, target: {"repeated rows": (table == table.shift()).all(axis=1).any()}),
            en="You compare each row with the one just before it. In a table that was shuffled, equal rows lie far "
            "apart.",
            zh="你只把每一行与紧挨着的前一行相比。表打乱之后，相等的行可能隔得很远。",
            by=(REPORTED["repeated rows"],),
        ),
        Misconception(
            "constant column hidden by missing values",
            _slip(lambda table, target: {"constant column": (table.nunique(dropna=False) < 2).any()}),
            en="You do not count a column with one number and some gaps as constant. How much can a network "
            "learn from it?",
            zh="一列里除了缺失值只有一个数，你没有当成常数列。网络能从这一列学到什么？",
            by=(REPORTED["constant column"],),
        ),
        Misconception(
            "constant text overlooked",
            _slip(lambda table, target: {"constant column": (table.select_dtypes("number").nunique() < 2).any()}),
            en="You look for constant columns among the numbers only. A column with the same word in every row says "
            "just as little.",
            zh="你只在数值列里找常数列。每一行都是同一个词的列，同样什么也说明不了。",
            by=(REPORTED["constant column"],),
        ),
        Misconception(
            "text counted as missing",
            _slip(lambda table, target: {"missing values": _only_numbers(table).isna().any(axis=None)}),
            en="You count a word in a column as a missing value. But it is there: whoever reads your list would look "
            "for an empty cell.",
            zh="列里有文字，你把它算成了缺失值。可它并没有缺：看到你的列表的人，会去找空单元格。",
            by=(REPORTED["missing values"],),
        ),
        Misconception(
            "only one column examined",
            (
                _slip(lambda table, target: _in_columns(table.iloc[:, :1], target)),
                _slip(lambda table, target: _in_columns(table.iloc[:, -1:], target)),
            ),
            en="A problem is reported in one column and not in another. Does your loop end too early, or does "
            "the last column overwrite what the earlier ones have shown?",
            zh="同样的问题，在这一列会报告，在那一列却没有。是循环结束得太早，还是最后一列把前面各列的结果覆盖了？",
            by=(*IN_COLUMNS, REPORTED["too few rows"]),
        ),
        Misconception(
            "rows with gaps dropped first",
            (
                _slip(lambda table, target: {"too few rows": len(table.dropna()) < 100}),
                _slip(lambda table, target: _checks(table.dropna(), target)),
            ),
            en="You count only the rows without gaps, so you call a table of 110 rows too short. What can be done "
            "about gaps is decided later; here they are only reported.",
            zh="你只数没有缺失值的行，于是 110 行的表也嫌太短。缺失值怎么处理，以后再定；这里只要报告。",
        ),
        Misconception(
            "100 rows called too few",
            _slip(lambda table, target: {"too few rows": len(table) <= 100}),
            en="You call a table of exactly 100 rows too short. Compare with the question: from which number on is "
            "it enough?",
            zh="恰好 100 行的表，你也算太短。对照题目：从多少行起就够了？",
            by=(REPORTED["too few rows"],),
        ),
    ],
    hints=[
        (
            "Make each check an expression of its own that is true or false for the whole table, and collect the names "
            "of those that are true.",
            "每项检查各写成一个表达式，对整张表给出真或假，再收集结果为真的名称。",
        ),
        (
            "pandas has a method for most of them: `isna`, `nunique`, `duplicated`, `select_dtypes`. What does each "
            "return for a whole table?",
            "大多数检查，pandas 都有现成的方法：`isna`、`nunique`、`duplicated`、`select_dtypes`。对整张表，"
            "它们各返回什么？",
        ),
        (
            "Only one of the six checks needs `target` at all. If the others run through all columns, a missing target "
            "does not disturb them.",
            "六项检查里，只有一项要用到 `target`。其余的只要遍历所有列，没有目标列也不受影响。",
        ),
    ],
    analysis=(
        "Six checks that do not depend on each other, each for the whole table, and a list of those that are true: so "
        "no problem hides another. Only the first one uses `target`. `nunique` counts distinct values in numbers and "
        "text alike and leaves missing ones out; a check for a standard deviation of 0 would overlook text and suffer "
        "from rounding errors. Frequent mistakes: `return` in the first `if`; the target column left out.",
        "六项检查互不依赖，每一项都针对整张表，再把结果为真的列出来：这样，一个问题不会掩盖另一个。只有第一项用到 "
        "`target`。`nunique` 数不同的值，数值和文字都行，并且略过缺失值；如果看标准差是不是 0，文字列就漏了，还会受舍入"
        "误差影响。常见错误：在第一个 `if` 里就 `return`；漏掉目标列。",
    ),
)
def problems(table, target):
    found = {
        "missing target": target not in table.columns,
        "text": table.shape[1] > table.select_dtypes(["number", "bool"]).shape[1],
        "missing values": table.isna().any(axis=None),
        "constant column": (table.nunique() == 1).any(),
        "repeated rows": table.duplicated().any(),
        "too few rows": len(table) < 100,
    }
    return [name for name, is_there in found.items() if is_there]


# --- network_from ---


def _built(network_from, settings, rng):
    return models.quantities(network_from(settings), rng)


def _settings(features, units, rate, batch_norm):
    settings = {"features": features, "units": units, "rate": rate, "batch_norm": batch_norm}
    return lambda rng: (settings, rng)


def _network(units=lambda units: units, norm=lambda wanted: wanted, drop=lambda rate: rate, order="dn", **ends):
    """A network_from with slips; ends : activation of the output, and `behind`, is there dropout after it."""

    def build(settings, rng=None):
        import keras

        rate, norm_wanted = drop(settings["rate"]), norm(settings["batch_norm"])
        layers = [keras.Input((settings["features"],))]
        for count in units(settings["units"]):
            layers.append(keras.layers.Dense(count, activation=ends.get("hidden", "relu")))
            for part in order:
                if part == "d" and rate:
                    layers.append(keras.layers.Dropout(rate))
                if part == "n" and norm_wanted:
                    layers.append(keras.layers.BatchNormalization())
        layers.append(keras.layers.Dense(1, activation=ends.get("output")))
        if ends.get("behind") and rate:
            layers.append(keras.layers.Dropout(rate))
        return keras.Sequential(layers)

    return build


@code(
    en="Write `network_from(settings)`, which builds and returns a Keras model. `settings` is a dict: `features` is "
    "the number of features, `units` a list with the number of units of each block, `rate` a dropout rate and "
    "`batch_norm` is `True` or `False`. A block is a dense layer with ReLU, then dropout if `rate` is not 0, then "
    "batch normalization if `batch_norm` is `True`. A dense layer with one unit and no activation follows the last "
    "block.",
    zh="编写 `network_from(settings)`，构建并返回一个 Keras 模型。`settings` 是一个字典：`features` 是特征的个数，"
    "`units` 是列表，给出每个模块的单元个数，`rate` 是丢弃率，`batch_norm` 是 `True` 或 `False`。每个模块先是带 ReLU "
    "的全连接层，`rate` 不为 0 时再加暂退层，`batch_norm` 为 `True` 时再加批量归一化层。最后一个模块之后，"
    "是只有一个单元、没有激活函数的全连接层。",
    returns=("model",),
    free=("model",),
    seconds=30,
    cases=[
        Case("a block with both layers", "一个模块，两种层都有", _settings(5, [8], 0.1, True), _built),
        Case("two blocks with dropout", "两个模块，只有暂退层", _settings(4, [6, 8], 0.2, False), _built),
        Case("batch norm alone", "一个模块，只有批量归一化", _settings(4, [6], 0, True), _built),
    ],
    misconceptions=[
        Misconception(
            "number of blocks fixed",
            (
                _network(units=lambda units: units[:1]),
                _network(units=lambda units: units[-1:]),
                _network(units=lambda units: [units[0], units[1]]),
                _network(units=lambda units: [units[0]] * 2),
                _network(units=lambda units: [units[0]] * 3),
            ),
            en="Your model has the same number of blocks whatever `units` says. The length of that list is a setting "
            "too.",
            zh="不管 `units` 是什么，你的模型里模块的个数都一样。这个列表的长度也是一种设置。",
            by=(models.INPUT, models.SHAPES),
        ),
        Misconception(
            "batch norm always there",
            _network(norm=lambda wanted: True),
            en="There is batch normalization in your model even where `batch_norm` is `False`. A comparison with and "
            "without it would compare equal networks.",
            zh="即使 `batch_norm` 为 `False`，你的模型里也有批量归一化。说是比较用与不用它，比的其实是同样的网络。",
            by=(models.SHAPES,),
        ),
        Misconception(
            "rate taken for keep probability",
            (
                _network(drop=lambda rate: rate and round(1 - rate, 6)),
                _network(drop=lambda rate: round(1 - rate, 6)),
            ),
            en="Your layers drop what they should keep. The argument of `Dropout` is the share that is dropped.",
            zh="该保留的，你的暂退层都丢弃了。`Dropout` 的参数是被丢弃的比例。",
            by=(RATES,),
        ),
        Misconception(
            "ReLU on the output layer",
            _network(output="relu"),
            en="Your model cannot predict a negative number: the last layer has a ReLU too. What does the question say "
            "about its activation?",
            zh="你的模型预测不出负数：最后一层也用了 ReLU。题目对最后一层的激活函数是怎么说的？",
            by=(NEGATIVE, PREDICTIONS),
        ),
        Misconception(
            "dropout after the output layer",
            _network(behind=True),
            en="In training mode some of the predictions themselves are 0: dropout also follows the last layer. The "
            "loss then punishes what no weight can change.",
            zh="训练模式下，有些预测本身就是 0：最后一层之后也有暂退层。这样，损失惩罚的是任何权重都改变不了的东西。",
            by=(ZEROS,),
        ),
        Misconception(
            "batch norm before dropout",
            _network(order="nd"),
            en="All layers are there, and the predictions are right, but in training mode the outputs are spread "
            "differently: inside a block, batch normalization and dropout have changed places.",
            zh="各层都在，预测也对，但训练模式下输出的离散程度不同：模块内部，批量归一化和暂退层的位置换了。",
        ),
    ],
    hints=[
        (
            'Collect the layers in a list: the input first, then a loop over `settings["units"]`, then the last layer.',
            '把各层收集到一个列表里：先是输入，然后用循环遍历 `settings["units"]`，最后是输出的那一层。',
        ),
        (
            "Inside the loop two layers stand under an `if`. A rate of 0 and `False` both count as false there.",
            "循环里有两种层要放在 `if` 之下。丢弃率 0 和 `False`，在那里都算假。",
        ),
    ],
    analysis=(
        "The loop runs once for each number in `units`, so depth and width are settings like the others. A layer that "
        "is not wanted is left out: dropout with rate 0 would do no harm, but batch normalization always changes "
        "the network. Nothing comes after the last dense layer. Frequent mistakes: a number written into the code "
        "where `settings` should decide; a comparison then changes nothing, and no error says so.",
        "`units` 里有几个数，循环就走几次，所以深度和宽度与别的设置没有两样。不要的层就不放进去；丢弃率为 0 "
        "的暂退层没有影响，而批量归一化总会改变网络。最后的全连接层后面什么也没有。常见错误：本该由 `settings` "
        "决定的，在代码里写死了；这样比较来比较去，什么也没变，也没有任何报错。",
    ),
)
def network_from(settings):
    import keras

    layers = [keras.Input((settings["features"],))]
    for units in settings["units"]:
        layers.append(keras.layers.Dense(units, activation="relu"))
        if settings["rate"]:
            layers.append(keras.layers.Dropout(settings["rate"]))
        if settings["batch_norm"]:
            layers.append(keras.layers.BatchNormalization())
    return keras.Sequential([*layers, keras.layers.Dense(1)])


# --- lowest_of_many ---

LOWEST = Quantity(
    "lowest of 20 validation errors, mean of 10000 repetitions", "20 个验证误差中最低的，重复 10000 次的均值"
)
AGAIN = Quantity("error of the chosen setting on new rows, mean", "选中的设置在新数据上的误差，均值")


@prediction(
    en="Twenty settings are equally good: in truth each of them has the error 0.50. Each is measured once on the "
    "validation rows, and by chance the measurement misses the truth, with a standard deviation of 0.02. You choose "
    "the setting with the lowest validation error. How large is this validation error, about?",
    zh="有二十种设置，它们其实一样好：真实误差都是 0.50。每种设置只在验证行上测一次，测得的值因偶然因素而偏离真实误差，"
    "标准差是 0.02。你选出验证误差最低的那种设置。它的这个验证误差大约是多少？",
    choices={
        "A": Choice(
            en="0.50: chance raises an error as often as it lowers it.",
            zh="0.50：偶然因素让误差偏高和偏低的机会一样多。",
            en_why="That is true of a setting which you name beforehand. But you looked at twenty and took the lowest, "
            "and among twenty there is nearly always one that was quite lucky.",
            zh_why="如果事先就指定一种设置，这样说没错。但你看了二十个，取的是最低的，而二十个里几乎总有一个相当走运。",
        ),
        "B": Choice(
            en="0.49: a little luck, half a standard deviation.",
            zh="0.49：有一点运气，约半个标准差。",
            en_why="That much luck comes with a choice between two settings. The more settings are compared, the "
            "luckier is the lowest one.",
            zh_why="如果只在两种设置里选，运气大约就是这么多。比较的设置越多，最低的那个就越走运。",
        ),
        "C": Choice(
            en="0.46: nearly two standard deviations below the truth.",
            zh="0.46：比真实误差低将近两个标准差。",
            en_why="The lowest of twenty such values lies 1.87 standard deviations below their mean, on average. The "
            "setting itself is no better than the others: on new rows it shows its true error again.",
            zh_why="二十个这样的值里，最低的那个平均比它们的均值低 1.87 个标准差。这种设置本身并不比其他的好："
            "换成新数据，它又回到真实误差。",
        ),
        "D": Choice(
            en="0.42: the lowest of twenty is an extreme case.",
            zh="0.42：二十个里最低的，是极端情况。",
            en_why="That would be four standard deviations. Only about 3 of 100000 values lie so far below their mean; "
            "twenty attempts do not make that likely.",
            zh_why="那就是四个标准差了。100000 个值里，只有大约 3 个会比均值低这么多；试二十次，也不太可能碰到。",
        ),
    },
    right="C",
    hints=[
        (
            "Draw twenty normal numbers with NumPy and look at the smallest one. Repeat it a few times.",
            "用 NumPy 抽取二十个服从正态分布的数，看看最小的那个。多重复几次。",
        ),
        (
            "How many of twenty normal values do you expect more than one standard deviation below the mean, and how "
            "many more than two?",
            "二十个服从正态分布的值，你估计有几个比均值低一个标准差以上？有几个低两个标准差以上？",
        ),
    ],
)
def lowest_of_many():
    rng = np.random.default_rng(0)
    validation, test = rng.normal(0.5, 0.02, (2, 10_000, 20))
    chosen = validation.argmin(axis=1)
    return {
        LOWEST: round(float(validation.min(axis=1).mean()), 3),
        AGAIN: round(float(test[np.arange(len(test)), chosen].mean()), 3),
    }
