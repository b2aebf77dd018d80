"""Unit 03, overfitting: honest scaling and splitting, early stopping by hand and in Keras, a split to judge."""

import copy

import numpy as np

from helpers.exercises.engine.judge import Case, Misconception, Quantity, Violation
from helpers.exercises.engine.question import Choice, code, prediction, value
from helpers.language import Bilingual

# --- standardize ---

# Dividing by N or by N - 1 is a matter of taste here.
TRAIN = Quantity("`train`", "`train`", rtol=0.02)
VALIDATION = Quantity("`validation`", "`validation`", rtol=0.02)
EXPLODED = Quantity("a constant column became `nan`, `inf` or huge", "常数列变成了 `nan`、`inf` 或极大的数")


def _both(standardize, train, validation):
    train, validation = standardize(train, validation)
    return {TRAIN: train, VALIDATION: validation}


def _both_with_constant(standardize, train, validation):
    train, validation = standardize(train, validation)
    values = np.concatenate([np.ravel(train), np.ravel(validation)])
    tame = np.isfinite(values).all() and np.abs(values).max() < 100
    return {EXPLODED: not tame, TRAIN: train, VALIDATION: validation}


def _tables(rows, validation_rows, columns=3):
    """Columns of unequal mean and spread; the validation rows have others than the training rows."""

    def arguments(rng):
        mean, spread = rng.uniform(1, 3, columns), rng.uniform(0.5, 4, columns)
        train = mean + spread * rng.standard_normal((rows, columns))
        return train, 1.5 + mean + 2 * spread * rng.standard_normal((validation_rows, columns))

    return arguments


def _tables_with_constant(rng):
    train, validation = _tables(60, 30)(rng)
    train[:, 1] = 3.0
    return train, validation


def _std(table):
    return np.where(np.ptp(table, axis=0) == 0, 1, table.std(axis=0))


def _all_rows(train, validation):
    rows = np.concatenate([train, validation])
    return tuple((part - rows.mean(axis=0)) / _std(rows) for part in (train, validation))


def _each_by_itself(train, validation):
    return tuple((part - part.mean(axis=0)) / _std(part) for part in (train, validation))


def _each_by_itself_unprotected(train, validation):
    return tuple((part - part.mean(axis=0)) / part.std(axis=0) for part in (train, validation))


def _whole_table(train, validation):
    return tuple((part - train.mean()) / train.std() for part in (train, validation))


def _whole_table_each(train, validation):
    return tuple((part - part.mean()) / part.std() for part in (train, validation))


def _whole_std(train, validation):
    return tuple((part - train.mean(axis=0)) / train.std() for part in (train, validation))


def _whole_mean(train, validation):
    return tuple((part - train.mean()) / _std(train) for part in (train, validation))


def _by_variance(train, validation):
    return tuple((part - train.mean(axis=0)) / _std(train) ** 2 for part in (train, validation))


def _by_variance_unprotected(train, validation):
    return tuple((part - train.mean(axis=0)) / train.var(axis=0) for part in (train, validation))


def _rows_for_columns(train, validation):
    return tuple((part - train.mean(axis=1)) / train.std(axis=1) for part in (train, validation))


def _rows_kept(train, validation):
    mean, std = train.mean(axis=1, keepdims=True), train.std(axis=1, keepdims=True)
    return tuple((part - mean) / std for part in (train, validation))


def _rows_of_each(train, validation):
    return tuple(
        (part - part.mean(axis=1, keepdims=True)) / part.std(axis=1, keepdims=True) for part in (train, validation)
    )


def _to_range(train, validation):
    low, extent = train.min(axis=0), np.ptp(train, axis=0)
    return tuple((part - low) / np.where(extent == 0, 1, extent) for part in (train, validation))


def _to_range_unprotected(train, validation):
    return tuple((part - train.min(axis=0)) / np.ptp(train, axis=0) for part in (train, validation))


def _unprotected(train, validation):
    return tuple((part - train.mean(axis=0)) / train.std(axis=0) for part in (train, validation))


@code(
    en="Write `standardize(train, validation)`, which gets two arrays of shapes `(N, D)` and `(M, D)` and returns both "
    "standardised, in this order. Every column of `train` gets the mean 0 and the standard deviation 1; `validation` "
    "is shifted and scaled by exactly the same numbers. A column that is constant in `train` is only shifted, in both "
    "arrays.",
    zh="编写 `standardize(train, validation)`：输入两个数组，形状是 `(N, D)` 和 `(M, D)`；把两者都标准化，按这个顺序返"
    "回。`train` 的每一列均值变为 0，标准差变为 1；`validation` 用完全相同的数来平移和缩放。在 `train` 里是常数的列，"
    "在两个数组里都只平移，不缩放。",
    returns=("train", "validation"),
    cases=[
        Case("columns of unequal scale", "各列尺度不同", _tables(60, 30), _both),
        Case("one validation row", "验证集只有一行", _tables(60, 1), _both),
        Case("a column constant in `train`", "有一列在 `train` 里是常数", _tables_with_constant, _both_with_constant),
        Case("as many rows as columns", "行数与列数相同", _tables(50, 50, 50), _both),
    ],
    misconceptions=[
        Misconception(
            "standardised with all rows",
            _all_rows,
            en="Mean and standard deviation come from all rows, those of the validation set too. Then the training "
            "rows carry information about rows that nobody should have seen yet: that is data leakage.",
            zh="均值和标准差来自所有的行，验证集的行也算进去了。这样，训练数据里就带上了本不该见到的那些行的信息："
            "这就是数据泄漏。",
        ),
        Misconception(
            "validation standardised by itself",
            (_each_by_itself, _each_by_itself_unprotected),
            en="The validation rows are scaled by their own mean and standard deviation. The same wine then gets "
            "different numbers in `validation` and in `train`; and what becomes of a single row?",
            zh="验证集用的是它自己的均值和标准差。于是同一款酒，在 `validation` 里和在 `train` 里得到的数就不一样；"
            "如果只有一行，又会怎样？",
        ),
        Misconception(
            "statistics of the whole array",
            (_whole_table, _whole_table_each, _whole_std, _whole_mean),
            en="A mean or a standard deviation taken from the whole table serves all columns. Columns of unequal place "
            "or scale stay unequal that way.",
            zh="所有列共用了从整张表算出的均值或标准差。这样一来，原来位置或尺度不同的列，处理之后仍然不同。",
        ),
        Misconception(
            "divided by variance",
            (_by_variance, _by_variance_unprotected),
            en="A column with large values has become too small, one with small values too large: you divide by the "
            "variance. What has the unit of the column itself?",
            zh="数值大的列变得太小，数值小的列变得太大：你除以的是方差。哪个量与这一列的单位相同？",
        ),
        Misconception(
            "statistics over the wrong axis",
            (_rows_for_columns, _rows_kept, _rows_of_each),
            en="Mean and standard deviation are taken along each row. A row is one wine with many features; it is the "
            "columns that should become comparable.",
            zh="均值和标准差是沿着每一行算的。一行是一款酒，包含许多特征；需要变得可比的是各列。",
        ),
        Misconception(
            "scaled by the range",
            (_to_range, _to_range_unprotected),
            en="The training columns now run from 0 to 1. That is another way of scaling, and a single outlier "
            "decides it; the question asks for mean and standard deviation.",
            zh="训练集各列的取值范围现在是 0 到 1。这是另一种缩放方法，一个离群值就能左右它；题目要的是均值和标准差。",
        ),
        Misconception(
            "divided by zero for a constant column",
            _unprotected,
            en="A column that is constant in `train` has the standard deviation 0, and you divide by that, or by a "
            "tiny number in its place. What should such a column look like afterwards?",
            zh="在 `train` 里是常数的列，标准差为 0，而你除以了它，或者除以了一个代替它的极小的数。"
            "这样的列，处理之后应该是什么样子？",
            by=(EXPLODED,),
        ),
    ],
    hints=[
        (
            "Which rows may you look at to choose the shift and the scale? Compute both once, then use them twice.",
            "选取平移量和缩放量时，可以看哪些行？两者各算一次，然后用两次。",
        ),
        (
            "One number per column: along which axis do you take the mean? Its result should have the shape `(D,)`.",
            "每一列一个数：应当沿哪个轴取均值？结果的形状应是 `(D,)`。",
        ),
        (
            "For a constant column, put a divisor in place of the standard deviation that changes nothing. `np.where` "
            "chooses column by column.",
            "对于常数列，用一个不改变任何东西的除数来代替标准差。`np.where` 可以逐列选择。",
        ),
    ],
    analysis=(
        "Shift and scale belong to the model as its weights do: they are learned from the training rows and then stay "
        "as they are, for one new row too. A column is called constant if its smallest value is its largest; the "
        "computed standard deviation may miss 0 by a rounding error. Frequent mistakes: using all rows, or scaling "
        "the validation rows by themselves.",
        "平移量和缩放量与权重一样，是模型的一部分：它们从训练集学来，之后保持不变，哪怕只来一行新数据也是如此。"
        "判断一列是不是常数，看它的最小值是否等于最大值；算出来的标准差可能因舍入误差而不恰好是 0。"
        "常见错误：用了所有的行；验证集用自己的统计量来缩放。",
    ),
)
def standardize(train, validation):
    mean = train.mean(axis=0)
    constant = train.min(axis=0) == train.max(axis=0)
    std = np.where(constant, 1, train.std(axis=0))
    return (train - mean) / std, (validation - mean) / std


# --- split_without_leakage ---

NO_ROWS = Quantity(
    "the results are not row numbers",
    "返回的不是行号",
    says=Bilingual(
        "The results should be row numbers: whole numbers from 0 to N - 1, the places of the rows in `groups`.",
        "返回的应当是行号：从 0 到 N - 1 的整数，表示某一行在 `groups` 里的位置。",
    ),
)
LEAKED = Quantity("some groups stand on both sides", "有的组两边都有")
TWICE = Quantity(
    "some rows are listed twice",
    "有的行出现了两次",
    says=Bilingual(
        "Some row numbers are listed more than once. Each row belongs to one side, and stands there once.",
        "有的行号出现了不止一次。每一行只属于一边，并且只出现一次。",
    ),
)
LOST = Quantity("some rows stand on neither side", "有的行两边都没有")
SHARE = Quantity(
    "share of the rows in `train_rows`",
    "`train_rows` 所占的行数比例",
    atol=0.1,
    says=Bilingual(
        "The share of the rows in `train_rows` is not about `train_size`.",
        "`train_rows` 所占的行数比例与 `train_size` 相差太远。",
    ),
)
SAME_SPLIT = Quantity("every generator gives the same split", "换了生成器，划分仍然相同")
_SPLITS = 12


def _row_numbers(rows, name, count):
    """Row numbers as an array, from those or from a boolean mask; None if it is neither."""
    rows = np.asarray(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "biuf" and rows.size:
        raise Violation("no numbers", name=name, got=f"{type(rows).__name__}, dtype {rows.dtype}, shape {rows.shape}")
    if rows.dtype.kind == "b":
        return np.flatnonzero(rows) if rows.size == count else None
    valid = rows.size == 0 or (rows.min() >= 0 and rows.max() < count and (rows % 1 == 0).all())
    return rows.astype(int) if valid else None


def _splits(split, groups, train_size, rng):
    leaked = twice = lost = False
    shares, trains = [], set()
    for _ in range(_SPLITS):
        sides = split(groups, train_size, np.random.default_rng(rng.integers(2**32)))
        names = ("train_rows", "validation_rows")
        train, validation = (_row_numbers(rows, name, len(groups)) for rows, name in zip(sides, names, strict=True))
        if train is None or validation is None:
            return {NO_ROWS: True} | dict.fromkeys((LEAKED, TWICE, LOST, SHARE, SAME_SPLIT), "–")
        leaked |= bool(np.intersect1d(groups[train], groups[validation]).size)
        rows = np.concatenate([train, validation])
        twice |= len(np.unique(rows)) < len(rows)
        lost |= len(np.unique(rows)) < len(groups)
        shares.append(len(train) / len(groups))
        trains.add(tuple(sorted(train)))
    return {
        NO_ROWS: False,
        LEAKED: leaked,
        TWICE: twice,
        LOST: lost,
        SHARE: float(np.mean(shares)),
        SAME_SPLIT: len(trains) == 1,
    }


def _numbered_groups(rng):
    """Groups of one to five rows, numbered from 1000 up, all mixed."""
    return rng.permutation(np.repeat(1000 + np.arange(40), 1 + np.arange(40) % 5)), 0.75, rng


def _named_groups(rng):
    """Groups of two to four rows, one after the other."""
    return np.repeat([f"artist {number:02}" for number in rng.permutation(40)], 2 + np.arange(40) % 3), 0.6, rng


def _sides(groups, train_groups):
    in_train = np.isin(groups, train_groups)
    return np.flatnonzero(in_train), np.flatnonzero(~in_train)


def _by_rows(groups, train_size, rng):
    order = rng.permutation(len(groups))
    count = round(train_size * len(groups))
    return order[:count], order[count:]


def _half_and_half(groups, train_size, rng):
    """Every group is cut in two: a stratified split, the opposite of what is asked."""
    train = [rows[: max(1, round(train_size * len(rows)))] for rows in _rows_of_groups(groups, rng)]
    train = np.concatenate(train)
    return train, np.setdiff1d(np.arange(len(groups)), train)


def _rows_of_groups(groups, rng):
    return [rng.permutation(np.flatnonzero(groups == name)) for name in np.unique(groups)]


def _chosen(groups, train_size, rng):
    names = rng.permutation(np.unique(groups))
    return names[: round(train_size * len(names))], names[round(train_size * len(names)) :]


def _one_row_each(groups, train_size, rng):
    _, first = np.unique(groups, return_index=True)
    first = rng.permutation(first)
    count = round(train_size * len(first))
    return first[:count], first[count:]


def _first_of_chosen(groups, train_size, rng):
    train, validation = _chosen(groups, train_size, rng)
    names = list(groups)
    return [names.index(name) for name in train], [names.index(name) for name in validation]


def _first_groups(groups, train_size, rng):
    names = np.unique(groups)
    return _sides(groups, names[: round(train_size * len(names))])


def _first_groups_by_place(groups, train_size, rng):
    names = np.array(list(dict.fromkeys(groups.tolist())))
    return _sides(groups, names[: round(train_size * len(names))])


@code(
    en="Write `split_without_leakage(groups, train_size, rng)`. `groups` is an array of N labels, one for each row, "
    "numbers or strings: rows with equal labels belong together, such as the songs of one artist. Return `train_rows, "
    "validation_rows`, two arrays of row numbers: every row stands on exactly one side, all rows of a group stand on "
    "the same side, and which groups go where is drawn with `rng`. `train_size` is a fraction: about this share of the "
    "groups, or of the rows, goes to `train_rows`.",
    zh="编写 `split_without_leakage(groups, train_size, rng)`。`groups` 是 N 个标签组成的数组，标签可以是数字或字符串："
    "标签相同的行属于同一组，比如同一位歌手的歌。返回 `train_rows, validation_rows`，即两个由行号组成的数组："
    "每一行都归到其中一边，同一组的行全在同一边，哪些组归到哪边由 `rng` 随机决定。按组数或行数计，大约占 `train_size` "
    "的那一部分归入 `train_rows`。",
    returns=("train_rows", "validation_rows"),
    free=("train_rows", "validation_rows"),
    cases=[
        Case("numbered groups, rows mixed", "组用数字编号，行的顺序打乱", _numbered_groups, _splits),
        Case("groups with names, one after the other", "组用名字表示，各组依次排列", _named_groups, _splits),
    ],
    misconceptions=[
        Misconception(
            "labels instead of row numbers",
            _chosen,
            en="You return the labels of the groups. The table is cut by row numbers: at which places of `groups` do "
            "these labels stand?",
            zh="你返回的是组的标签。划分表格要用行号：这些标签出现在 `groups` 的哪些位置？",
        ),
        Misconception(
            "leaking split",
            (_by_rows, _half_and_half),
            en="Some groups have rows on both sides. A model can then recognise a validation row by its siblings in "
            "the training set, and its score says nothing about a new group.",
            zh="有的组两边都有它的行。这样，模型凭训练集里同组的行就能认出验证集里的行，得到的分数说明不了它对新的组"
            "表现如何。",
            by=(LEAKED,),
        ),
        Misconception(
            "rows lost",
            (_one_row_each, _first_of_chosen),
            en="Some rows stand on neither side. Rows that belong together should stay together; none has to be "
            "thrown away.",
            zh="有的行两边都没有。同组的行应当放在一起，但一行也不必扔掉。",
            by=(LOST,),
        ),
        Misconception(
            "train and validation exchanged",
            lambda groups, train_size, rng: _sides(groups, _chosen(groups, train_size, rng)[0])[::-1],
            en="The share `train_size` has gone to the wrong side: compare the order of the two results with the "
            "question.",
            zh="占比为 `train_size` 的那一部分跑到了另一边：请对照题目，检查两个结果的顺序。",
            by=(SHARE,),
        ),
        Misconception(
            "not random",
            (_first_groups, _first_groups_by_place),
            en="Every generator gives the same split. Labels and tables often have an order, by date or by size, so "
            "the first ones are no fair sample: let `rng` decide.",
            zh="无论换哪个生成器，划分都一样。标签和表格往往有某种顺序，比如按日期或按大小排列，"
            "所以排在前面的并没有代表性：让 `rng` 来决定。",
            by=(SHARE, SAME_SPLIT),
        ),
    ],
    hints=[
        (
            "Draw among groups, not among rows. How do you get every label once?",
            "抽取的对象是组，而不是行。怎样让每个标签只出现一次？",
        ),
        (
            "Shuffle these labels with `rng.permutation` and cut the list in two. The labels before the cut are the "
            "training groups.",
            "用 `rng.permutation` 打乱这些标签，再把它们切成两段。前一段里的标签就是训练集的组。",
        ),
        (
            "Now go back to rows: for every entry of `groups`, is its label among the training groups? `np.isin` "
            "answers for all of them at once.",
            "再回到行：`groups` 的每一项，它的标签在不在训练集的组里？`np.isin` 可以一次回答所有的行。",
        ),
    ],
    analysis=(
        "The draw is among the labels, each of them once, and a row goes where its label goes. So no group is cut, "
        "and no row is lost. The share of rows only comes near `train_size`, because groups differ in size. Frequent "
        "mistakes: shuffling the rows, which ignores the groups; keeping one row of each group, which throws data "
        "away.",
        "抽取的对象是标签，每个标签只算一次；一行归到哪边，由它的标签决定。这样，没有哪个组被切开，也没有哪一行丢失。"
        "各组大小不同，所以行数的比例只是接近 `train_size`。常见错误：打乱的是行，忽略了组；每组只留一行，浪费了数据。",
    ),
)
def split_without_leakage(groups, train_size, rng):
    labels = rng.permutation(np.unique(groups))
    train_labels = labels[: round(train_size * len(labels))]
    in_train = np.isin(groups, train_labels)
    return np.flatnonzero(in_train), np.flatnonzero(~in_train)


# --- early_stopping ---


def _run(*losses, patience, min_delta=0.0):
    """All losses are multiples of 1/8: sums and differences are exact, in float32 too."""

    def arguments(rng):
        weights = [np.array([epoch, -epoch, rng.integers(1, 9) / 8]) for epoch in range(1, len(losses) + 1)]
        return np.array(losses) + rng.integers(0, 16) / 8, weights, patience, min_delta

    return arguments


def _stopped(
    losses,
    patience,
    min_delta,
    improved=lambda loss, best, previous, delta: loss < best - delta,
    enough=lambda wait, patience: wait >= patience,
    reset=True,
):
    """(last epoch, best epoch, whether it stopped), epochs counted from 0; with other rules: what people do instead."""
    best, best_epoch, wait, previous = np.inf, 0, 0, np.inf
    for epoch, loss in enumerate(losses):
        if improved(loss, best, previous, min_delta):
            best, best_epoch, wait = loss, epoch, 0 if reset else wait
        else:
            wait += 1
            if enough(wait, patience):
                return epoch, best_epoch, True
        previous = loss
    return epoch, best_epoch, False


def _by_rules(**rules):
    def early_stopping(val_losses, weights, patience, min_delta):
        last, best, _ = _stopped(val_losses, patience, min_delta, **rules)
        return last + 1, weights[best]

    return early_stopping


def _smallest_by_rules(**rules):
    """The same, but it keeps the weights of the smallest loss up to the stop."""

    def early_stopping(val_losses, weights, patience, min_delta):
        last, _, _ = _stopped(val_losses, patience, min_delta, **rules)
        return last + 1, weights[np.argmin(val_losses[: last + 1])]

    return early_stopping


def _last_weights(val_losses, weights, patience, min_delta):
    last, _, _ = _stopped(val_losses, patience, min_delta)
    return last + 1, weights[last]


def _restored_after_a_stop(val_losses, weights, patience, min_delta):
    last, best, stopped = _stopped(val_losses, patience, min_delta)
    return last + 1, weights[best if stopped else last]


def _epochs_of_the_best(val_losses, weights, patience, min_delta):
    _, best, _ = _stopped(val_losses, patience, min_delta)
    return best + 1, weights[best]


def _from_zero(val_losses, weights, patience, min_delta):
    last, best, _ = _stopped(val_losses, patience, min_delta)
    return last, weights[best]


def _from_zero_after_a_stop(val_losses, weights, patience, min_delta):
    last, best, stopped = _stopped(val_losses, patience, min_delta)
    return last if stopped else last + 1, weights[best]


def _smallest_of_all(val_losses, weights, patience, min_delta):
    last, _, _ = _stopped(val_losses, patience, min_delta)
    return last + 1, weights[np.argmin(val_losses)]


def _below_previous(loss, best, previous, delta):
    return loss < previous - delta


@code(
    en="Write `early_stopping(val_losses, weights, patience, min_delta)`, which finds out what "
    "`keras.callbacks.EarlyStopping` with `restore_best_weights=True` would have done. The array `val_losses` holds "
    "the validation loss of every epoch of a long run, the list `weights` the weights after each of them. The first "
    "epoch counts as an improvement, and so does every later one whose loss lies below the best so far (that of the "
    "last improvement) by more than `min_delta`; the run ends when none of the last `patience` epochs (1 or more) was "
    "an improvement, or with the last loss. Return `epochs, weights`: after how many epochs it ends, and the weights "
    "after the last improvement.",
    zh="编写 `early_stopping(val_losses, weights, patience, min_delta)`，推算 `keras.callbacks.EarlyStopping` 在 "
    "`restore_best_weights=True` 时会怎样做。数组 `val_losses` 是一次长时间训练中每一轮的验证损失，列表 `weights` 是"
    "每一轮之后的权重。第一轮算改进；之后某一轮的损失比此前最好的损失（上一次改进时的损失）低，而且低出的部分大于 "
    "`min_delta`，也算改进。最近 `patience` 轮（取值至少是 1）都没有改进，训练就结束，否则到最后一个损失为止。返回 "
    "`epochs, weights`：训练在多少轮之后结束，以及最后一次改进之后的权重。",
    returns=("epochs", "weights"),
    cases=[
        Case(
            "an improvement just in time, then a stop",
            "即将停止时出现改进，后来才停止",
            _run(8, 6, 7, 7.5, 5, 5.5, 5.25, 6, 5.75, 3, patience=3),
        ),
        Case(
            "the same loss several times",
            "同一个损失出现好几次",
            _run(5, 4, 4, 4, 3, 2, patience=2),
        ),
        Case(
            "improvements no larger than `min_delta`",
            "改进不超过 `min_delta`",
            _run(8, 7, 6.75, 6.625, 6.5, 6.375, 6.25, 6.125, 5, 4.875, patience=3, min_delta=0.5),
        ),
        Case(
            "a run that never stops",
            "一直没有停止的训练",
            _run(8, 7, 6, 5.875, 5.75, 5.625, 5.75, 5.875, patience=4, min_delta=0.25),
        ),
    ],
    misconceptions=[
        Misconception(
            "best weights not restored",
            (_last_weights, lambda *arguments: (_last_weights(*arguments)[0], arguments[1][-1])),
            en="You keep the weights of the last epoch. By then the loss has not improved for several epochs; there "
            "were better weights before.",
            zh="你保留的是最后一轮的权重。到那时，损失已经好几轮没有改进了；更好的权重之前就出现过。",
        ),
        Misconception(
            "best weights restored only after a stop",
            _restored_after_a_stop,
            en="If the run stops early you go back to the best epoch, but not if it goes on to its end. Its last epoch "
            "need not be its best one either.",
            zh="提前停止时，你回到了最好的一轮；训"
            "练没有提前停止时，你却没有这样做。这时最后一轮同样不一定是最好的一轮。",
        ),
        Misconception(
            "patience off by one",
            (
                _by_rules(enough=lambda wait, patience: wait > patience),
                _by_rules(enough=lambda wait, patience: wait >= patience - 1),
                _smallest_by_rules(enough=lambda wait, patience: wait > patience),
                _smallest_by_rules(enough=lambda wait, patience: wait >= patience - 1),
            ),
            en="The run ends one epoch too late or too early. Count by hand, with `patience` 2: after the best epoch, "
            "how many more are run?",
            zh="训练结束得晚了一轮或早了一轮。取 `patience` 为 2，动手数一数：最好的一轮之后，还要训练几轮？",
        ),
        Misconception(
            "epochs counted from 0",
            (_from_zero, _from_zero_after_a_stop),
            en="You stop at the right place, but you return the number of the last epoch counted from 0. How many "
            "epochs have been run when the first one is over?",
            zh="停的位置是对的，但你返回的是从 0 数起的最后一轮的编号。第一轮结束时，已经训练了多少轮？",
        ),
        Misconception(
            "epochs of the best instead of the end",
            _epochs_of_the_best,
            en="The weights are right. But `epochs` says when the best epoch was; the run went on after it, because it "
            "could not know that nothing better would come.",
            zh="权重是对的。但你的 `epochs` 说的是最好的一轮；训练在它之后还在继续，因为当时无从知道后面不会更好。",
        ),
        Misconception(
            "min_delta ignored",
            (
                _by_rules(improved=lambda loss, best, previous, delta: loss < best),
                _by_rules(improved=lambda loss, best, previous, delta: loss <= best),
            ),
            en="Even the smallest fall of the loss resets the count. What is `min_delta` for?",
            zh="损失哪怕只下降一点点，计数也会清零。`min_delta` 是用来做什么的？",
        ),
        Misconception(
            "min_delta with the wrong sign",
            _by_rules(improved=lambda loss, best, previous, delta: loss < best + delta),
            en="A loss that is a little worse than the best one counts as an improvement: `min_delta` makes it easier "
            "to improve, when it should make it harder.",
            zh="比最好的损失还略差一点，也被算成了改进：`min_delta` 本应让改进更难，这里却让改进更容易。",
        ),
        Misconception(
            "a tie counts as an improvement",
            _by_rules(improved=lambda loss, best, previous, delta: loss <= best - delta),
            en="A loss that is lower by exactly `min_delta`, or the same loss again at `min_delta` 0, counts as an "
            "improvement for you. It must be lower by more than that.",
            zh="损失恰好低了 `min_delta`，或者 `min_delta` 为 0 时又出现同样的损失，你都算作改进。"
            "低出的部分必须大于它才行。",
        ),
        Misconception(
            "compared with the previous epoch",
            (_by_rules(improved=_below_previous), _smallest_by_rules(improved=_below_previous)),
            en="Each loss is compared with the one before it. A loss that rises a lot and then falls a little is no "
            "improvement, and several small falls may add up to one: what is it to be compared with?",
            zh="每个损失都只与前一轮比较。大幅上升之后又略有下降，并不是改进；几次小的下降加起来，却可能是改进：应该与"
            "什么比较？",
        ),
        Misconception(
            "patience never reset",
            _by_rules(reset=False),
            en="You count all epochs without improvement since the start. `patience` is about epochs in a row: what "
            "happens to the count when the loss improves?",
            zh="你把从头到现在所有没有改进的轮都数了进去。`patience` 说的是连续多少轮：损失改进时，计数应当怎样变化？",
        ),
        Misconception(
            "min_delta ignored for the weights",
            _smallest_by_rules(),
            en="The run ends at the right epoch, but the weights are those of the smallest loss, even if that was not "
            "below the best one by more than `min_delta`. Keras uses one rule for both.",
            zh="结束的轮数是对的，但权重取自损失最小的一轮，即使按 `min_delta` 来看它并不算改进。"
            "Keras 对这两件事用的是同一条规则。",
        ),
        Misconception(
            "weights from after the end",
            _smallest_of_all,
            en="The weights come from an epoch after the end. A run that has stopped never gets there; only you, with "
            "the whole curve before you, can see it.",
            zh="权重取自结束之后的某一轮。已经停止的训练根本到不了那里；只有你看得到它，因为整条曲线就摆在你面前。",
        ),
    ],
    hints=[
        (
            "Go through the epochs one by one and remember three things: the best loss so far, when it was, and for "
            "how many epochs you have been waiting since.",
            "逐轮往下走，记住三样东西：此前最好的损失，它出现在哪一轮，以及从那以后已经等了多少轮。",
        ),
        (
            "At each epoch one of two things happens: it is an improvement and all three change, or you have waited "
            "for one epoch more. Only in the second case can the run end.",
            "每一轮只有两种可能：是改进，那么三样东西都要更新；不是改进，那么又多等了一轮。只有在第二种情况下，"
            "训练才可能结束。",
        ),
        (
            "With `patience` 3, the run ends at the third epoch in a row without improvement, so 3 epochs after the "
            "best one. Whichever way the loop ends, hand back the weights that belong to the best loss.",
            "`patience` 为 3 时，连续第三轮没有改进，训练就在这一轮结束，也就是最好的一轮之后 3 轮。"
            "无论循环怎样结束，交出的都是最好的损失所对应的权重。",
        ),
    ],
    analysis=(
        "One rule decides both when to reset the count and which weights to keep, so a fall by no more than "
        "`min_delta` is ignored for both. Keras 3 goes back to the best weights at the end of every run, whether it "
        "stopped early or not. Frequent mistakes: an epoch too many or too few; the weights of the last epoch; a "
        "comparison with the previous epoch.",
        "计数何时清零、保留哪些权重，由同一条规则决定，所以不超过 `min_delta` 的下降在这两件事上都被忽略。"
        "Keras 3 在每次训练结束时都会回到最好的权重，不管是不是提前停止。"
        "常见错误：多一轮或少一轮；保留最后一轮的权重；与前一轮比较。",
    ),
)
def early_stopping(val_losses, weights, patience, min_delta):
    best_loss, best_epoch, waited = np.inf, 0, 0
    for epoch, loss in enumerate(val_losses):
        if loss < best_loss - min_delta:
            best_loss, best_epoch, waited = loss, epoch, 0
        else:
            waited += 1
            if waited >= patience:
                break
    return epoch + 1, weights[best_epoch]


# --- early_stopping_callback ---

RISE_ENDS = Quantity(
    "epochs run, if the validation loss rises after epoch 10", "若验证损失在第 10 轮之后上升，训练的轮数"
)
RISE_KEPT = Quantity(
    "epoch whose weights the model has afterwards",
    "之后模型的权重来自第几轮",
    says=Bilingual(
        "The runs end as they should, but the model does not have the weights of the best epoch afterwards.",
        "训练在该结束的时候结束了，但之后模型的权重不是最好的一轮的权重。",
    ),
)
STEPS_END = Quantity(
    "epochs run of 25, if the validation loss falls by 0.0015 every 5 epochs",
    "若验证损失每 5 轮下降 0.0015，25 轮中训练的轮数",
)
CRAWL_ENDS = Quantity(
    "epochs run of 25, if the validation loss falls by 0.00015 every epoch",
    "若验证损失每轮下降 0.00015，25 轮中训练的轮数",
)


def _epochs_and_kept(callback, val_losses, losses):
    """After how many epochs the callback stops a run with these losses, and after which one its weights were those."""
    import keras

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    callback = copy.copy(callback)  # the learner's own stays as new
    callback.set_params({"epochs": len(losses), "steps": 1, "verbose": 0})
    callback.set_model(model)
    model.stop_training = False
    callback.on_train_begin()
    for epoch, (val_loss, loss) in enumerate(zip(val_losses, losses, strict=True)):
        callback.on_epoch_begin(epoch)
        model.set_weights([np.full((1, 1), epoch + 1.0), np.zeros(1)])
        callback.on_epoch_end(epoch, {"loss": float(loss), "val_loss": float(val_loss)})
        if model.stop_training:
            break
    callback.on_train_end()
    return epoch + 1, float(np.ravel(model.get_weights()[0])[0])


def _driven(callback, rng):
    epochs = np.arange(30)
    # The training loss falls for longer than the validation loss, so that it can be seen which one is watched.
    ends, kept = _epochs_and_kept(callback, 1 + 0.1 * abs(epochs - 9), 2 - 0.05 * np.minimum(epochs, 19))
    epochs = np.arange(25)
    steps, _ = _epochs_and_kept(callback, 1 - 0.0015 * (epochs // 5), 1 - 0.01 * epochs)
    crawl, _ = _epochs_and_kept(callback, 1 - 0.00015 * epochs, 1 - 0.01 * epochs)
    return {RISE_ENDS: ends, RISE_KEPT: kept, STEPS_END: steps, CRAWL_ENDS: crawl}


def _callback(monitor="val_loss", patience=5, min_delta=0.001, restore_best_weights=True, mode="auto"):
    def build():
        import keras

        return keras.callbacks.EarlyStopping(
            monitor, min_delta, patience, mode=mode, restore_best_weights=restore_best_weights
        )

    return build


@value(
    en="Make a `keras.callbacks.EarlyStopping` that watches the validation loss and ends the run after 5 epochs in a "
    "row without an improvement of more than 0.001. Afterwards the model has the weights of its best epoch. Hand in "
    "the callback, or a function that returns it.",
    zh="创建一个 `keras.callbacks.EarlyStopping`：它监视验证损失，连续 5 轮都没有超过 0.001 的改进，就结束训练。"
    "结束之后，模型的权重是最好的一轮的权重。提交这个回调，或者一个返回它的函数。",
    observe=_driven,
    en_case="what the callback does in 3 made-up runs",
    zh_case="回调在 3 次虚构的训练中的表现",
    misconceptions=[
        Misconception(
            "watches the training loss",
            (_callback(monitor="loss"), _callback(monitor="loss", restore_best_weights=False)),
            en="The run goes on as long as the training loss falls, while the validation loss has long been rising. "
            "Which of the two tells of overfitting?",
            zh="只要训练损失还在下降，训练就继续，而验证损失早已开始上升。这两者，哪一个能反映过拟合？",
            by=(RISE_ENDS, RISE_KEPT),
        ),
        Misconception(
            "watches for a rise",
            _callback(mode="max"),
            en="A validation loss that falls counts as no improvement here, as if larger were better. That suits an "
            "accuracy, not a loss.",
            zh="在这里，验证损失下降反而不算改进，好像越大越好。这适合准确率，不适合损失。",
            by=(RISE_ENDS,),
        ),
        Misconception(
            "patience left out",
            _callback(patience=0),
            en="The run ends at the very first epoch that is no improvement. Validation losses are noisy; one bad "
            "epoch means little.",
            zh="只要有一轮没有改进，训练就立刻结束。验证损失有噪声，一轮变差说明不了什么。",
            by=(RISE_ENDS,),
        ),
        Misconception(
            "patience off by one",
            (_callback(patience=4), _callback(patience=6)),
            en="The run ends one epoch too early or too late. How many epochs after the best one does Keras wait, if "
            "`patience` is 1?",
            zh="训练结束得早了一轮或晚了一轮。如果 `patience` 为 1，在最好的一轮之后，Keras 会等几轮？",
            by=(RISE_ENDS,),
        ),
        Misconception(
            "best weights not restored",
            _callback(restore_best_weights=False),
            en="The run ends in time, but the model keeps the weights of its last epoch, 5 epochs after the best one. "
            "By default Keras does not go back; look for the argument that makes it.",
            zh="训练结束得很及时，但模型保留的是最后一轮的权重，比最好的一轮晚了 5 轮，也更差。Keras 默认不会恢复；"
            "找一找哪个参数能让它恢复。",
            by=(RISE_ENDS, RISE_KEPT),
        ),
        Misconception(
            "min_delta left out",
            _callback(min_delta=0),
            en="A fall of the loss by 0.00015 still counts as an improvement, so a run that hardly moves goes on. How "
            "large must an improvement be?",
            zh="损失只下降 0.00015 也算作改进，于是几乎停滞的训练也会继续下去。改进至少要有多大？",
            by=(RISE_ENDS, CRAWL_ENDS),
        ),
    ],
    hints=[
        (
            "Look at the arguments of `keras.callbacks.EarlyStopping`, with `help` for example. Which 4 of them does "
            "the task name?",
            "看看 `keras.callbacks.EarlyStopping` 有哪些参数，比如用 `help`。题目提到了其中哪 4 个？",
        ),
        (
            "What you do not pass keeps its default: is the default of each of them what the task asks for?",
            "没有传入的参数取默认值：它们的默认值，都符合题目的要求吗？",
        ),
    ],
    analysis=(
        "By default Keras watches `val_loss`, but it stops at the first epoch that is no improvement, counts any fall "
        "as an improvement and leaves the model with its last weights, so the three other arguments are needed. `fit` "
        "must get validation data, or there is no `val_loss` to watch. Frequent mistakes: watching the training loss, "
        "which falls all the time in an overfitting net; forgetting to restore the best weights.",
        "Keras 默认监视 `val_loss`，但默认一轮没有改进就停，任何下降都算改进，而且模型保留的是最后的权重，所以另外三个"
        "参数都要写。`fit` 必须得到验证数据，否则没有 `val_loss` 可监视。常见错误：监视训练损失，而过拟合的网络，训"
        "练损失一直在下降；忘了恢复最好的权重。",
    ),
)
def early_stopping_callback():
    import keras

    return keras.callbacks.EarlyStopping(
        monitor="val_loss",
        patience=5,
        min_delta=0.001,
        restore_best_weights=True,
    )


# --- learning_curve_gap ---


def _curves(train, val):
    def arguments(rng):
        return np.array(train) + rng.uniform(0, 0.02, len(train)), np.array(val) + rng.uniform(0, 0.02, len(val))

    return arguments


def _gap_from(epoch_of, start, end):
    """A wrong answer: an epoch, and the difference of two losses, as functions of curves and of the best epoch."""

    def learning_curve_gap(train, val):
        best = int(np.argmin(val))
        return epoch_of(train, best), end(train, val, best) - start(train, val, best)

    return learning_curve_gap


def _best_epoch(train, best):
    return best + 1


def _train_epoch(train, best):
    return int(np.argmin(train)) + 1


def _best_val(train, val, best):
    return val[best]


def _last_val(train, val, best):
    return val[-1]


@code(
    en="Write `learning_curve_gap(train_losses, val_losses)`: from two arrays with one loss per epoch, return "
    "`best_epoch, gap`. `best_epoch` is the epoch with the smallest validation loss, where the first one is epoch 1; "
    "`gap` is how much the validation loss has risen from there to the last epoch.",
    zh="编写 `learning_curve_gap(train_losses, val_losses)`：输入两个数组，每轮一个损失，返回 `best_epoch, gap`。"
    "`best_epoch` 是验证损失最小的一轮，第一轮记为 1；`gap` 是验证损失从那一轮到最后一轮上升了多少。",
    returns=("best_epoch", "gap"),
    cases=[
        Case(
            "a net that overfits",
            "过拟合的网络",
            _curves([1, 0.7, 0.5, 0.4, 0.3, 0.22, 0.15, 0.1], [1.1, 0.9, 0.75, 0.65, 0.78, 0.85, 0.95, 1.05]),
        ),
        Case(
            "a validation loss that still falls",
            "验证损失仍在下降",
            _curves([1, 0.8, 0.65, 0.5, 0.4], [1.2, 1, 0.9, 0.8, 0.7]),
        ),
        Case(
            "rough curves",
            "起伏不定的曲线",
            _curves([0.9, 0.6, 0.7, 0.4, 0.55, 0.45, 0.5], [0.8, 0.95, 0.7, 1.2, 0.9, 1.1, 1]),
        ),
    ],
    misconceptions=[
        Misconception(
            "counted from 0",
            _gap_from(lambda train, best: best, _best_val, _last_val),
            en="The `gap` is right, but your `best_epoch` is one too small: Python counts from 0, and epochs are "
            "counted from 1 here.",
            zh="`gap` 是对的，但你的 `best_epoch` 小了 1：Python 从 0 数起，而这里的轮数从 1 数起。",
        ),
        Misconception(
            "taken from the training curve",
            (
                lambda train, val: (int(np.argmin(train)) + 1, train[-1] - train.min()),
                lambda train, val: (int(np.argmin(train)) + 1, val[-1] - val[np.argmin(train)]),
                _gap_from(_train_epoch, _best_val, _last_val),
                lambda train, val: (int(np.argmin(train)), train[-1] - train.min()),
                lambda train, val: (int(np.argmin(train)), val[-1] - val[np.argmin(train)]),
            ),
            en="You look for the smallest training loss. In an overfitting net that loss falls to the very end, and it "
            "says nothing about new rows.",
            zh="你找的是最小的训练损失。过拟合的网络，训练损失会一直降到最后，它说明不了网络对新数据表现如何。",
        ),
        Misconception(
            "gap between the two curves",
            (
                _gap_from(_best_epoch, lambda train, val, best: train[-1], _last_val),
                _gap_from(_best_epoch, lambda train, val, best: train[best], _best_val),
                _gap_from(_best_epoch, lambda train, val, best: train.min(), _best_val),
                _gap_from(lambda train, best: best, lambda train, val, best: train[-1], _last_val),
                _gap_from(lambda train, best: best, lambda train, val, best: train[best], _best_val),
            ),
            en="Your `gap` lies between the training curve and the validation curve. The question asks for the rise of "
            "the validation curve alone: what the epochs after the best one have spoiled.",
            zh="你的 `gap` 是训练曲线与验证曲线之间的差距。题目问的只是验证曲线的上升："
            "最好的一轮之后，继续训练造成了多大的损害。",
        ),
        Misconception(
            "gap taken from the epoch after the best",
            _gap_from(_best_epoch, lambda train, val, best: val[best + 1], _last_val),
            en="The epoch is right, but the rise is measured from the epoch after it. Is a number that counts from 1 "
            "also the place in the array?",
            zh="轮数是对的，但上升量是从它的下一轮算起的。从 1 数起的编号，能直接当作数组里的位置吗？",
        ),
        Misconception(
            "gap to the worst epoch",
            (
                _gap_from(_best_epoch, _best_val, lambda train, val, best: val.max()),
                _gap_from(_best_epoch, _best_val, lambda train, val, best: val[best:].max()),
            ),
            en="You measure the rise to the largest validation loss. The question asks for the rise to the last epoch: "
            "that is the net you would be left with.",
            zh="你算的是到最大的验证损失为止的上升量。题目问的是到最后一轮为止：最后留在你手里的，是那时的网络。",
        ),
        Misconception(
            "gap with the sign reversed",
            _gap_from(_best_epoch, _last_val, _best_val),
            en="Your `gap` is negative when the validation loss has risen. Which of the two losses is the larger one?",
            zh="验证损失上升时，你的 `gap` 是负数。这两个损失，哪一个更大？",
        ),
    ],
    hints=[
        (
            "Which of the two curves tells how the net does on rows that it was not trained on?",
            "两条曲线中，哪一条反映网络在没有用于训练的行上的表现？",
        ),
        (
            "`np.argmin` finds the place of the smallest value, counted from 0. Keep the place for the array and the "
            "epoch for the result apart.",
            "`np.argmin` 找到最小值的位置，从 0 数起。在数组里用的位置，和作为结果的轮数，要分清楚。",
        ),
    ],
    analysis=(
        "The validation loss alone decides which epoch was best, and its rise since then is what the further epochs "
        "have cost: the most that early stopping could have saved. If the loss still falls, the best epoch is the last "
        "one and the `gap` is 0. Frequent mistakes: counting from 0; taking the distance between the two curves, which "
        "is larger than 0 in nearly every net.",
        "哪一轮最好，只由验证损失决定；它在那之后的上升，就是继续训练的代价，也就是早停最多能省下的部分。"
        "如果损失仍在下降，最好的一轮就是最后一轮，`gap` 是 0。"
        "常见错误：从 0 数起；取两条曲线之间的距离，而它几乎在任何网络里都大于 0。",
    ),
)
def learning_curve_gap(train_losses, val_losses):
    best = np.argmin(val_losses)
    return best + 1, val_losses[-1] - val_losses[best]


# --- which_split_is_true ---


@prediction(
    en="Red wine, two random splits, 70 % of the rows for training, and a forest on each. First with all rows: about "
    "90 of the 480 validation rows have the features of a training row. Then with every repeated row dropped before "
    "the split. The first split gives the smaller mean absolute error. Which of the two errors should you expect for a "
    "new wine, and why?",
    zh="红酒数据，两次随机划分，都用 70 % 的行来训练，并各训练一个随机森林。第一次用所有的行：验证集 480 行中，"
    "约有 90 行的特征也出现在训练集里。第二次先去掉重复行，再划分。第一次划分的平均绝对误差更小。"
    "对一款新酒来说，这两个误差哪个可信？为什么？",
    choices={
        "A": Choice(
            en="That of the first split: the forest has learned from more rows.",
            zh="第一次划分的：随机森林从更多的行学习。",
            en_why="It has more rows, but the additional ones only repeat others. On the validation rows that repeat "
            "nothing, the error is hardly smaller than that of the second split.",
            zh_why="行数是多了，但多出来的只是重复。在没有重复的验证行上，误差几乎不比第二次划分小。",
        ),
        "B": Choice(
            en="That of the second split: the first one rewards memory.",
            zh="第二次划分的：第一次划分奖励的是死记硬背。",
            en_why="On the repeated rows the forest recalls a grade that it has seen, and the error there is less than "
            "half of that on the others. A new wine is not in the table.",
            zh_why="在重复行上，随机森林只是回忆起见过的评分，那里的误差还不到其他行的一半。而新酒并不在表里。",
        ),
        "C": Choice(
            en="Both: two random splits never give quite the same error.",
            zh="都可信：两次随机划分，误差本来就不会完全相同。",
            en_why="Chance does move the error from split to split. But here the difference comes from the repeated "
            "rows alone, and it favours the same split with nearly every seed.",
            zh_why="误差确实会随划分而变动。但这里的差别完全来自重复行，而且几乎换任何随机种子，占便宜的都是同一种划"
            "分。",
        ),
        "D": Choice(
            en="That of the first split: repeated wines are part of the data and will come again.",
            zh="第一次划分的：重复的酒也是数据的一部分，以后还会出现。",
            en_why="For a wine whose grade is in the table already, you need no model, only a look at the table. The "
            "error should say how well wines are judged that are not in it.",
            zh_why="如果一款酒的评分已经在表里，查表就行，用不着模型。误差要说明的是，对表里没有的酒判断得有多准。",
        ),
    },
    right="B",
    hints=[
        (
            "Split the validation rows of the first split in two: those that repeat a training row, and the others. "
            "How large is the error on each part?",
            "把第一次划分的验证行分成两部分：与训练集的行重复的，以及其余的。每一部分的误差各有多大？",
        ),
    ],
)
def which_split_is_true():
    from sklearn.ensemble import RandomForestRegressor

    from helpers.data import load_dataset

    wine = load_dataset("red-wine", source="simulated", show=False)
    errors = []
    for table in (wine, wine.drop_duplicates()):
        train = table.sample(frac=0.7, random_state=0)
        validation = table.drop(train.index)
        forest = RandomForestRegressor(30, random_state=0, n_jobs=1)
        forest.fit(train.drop(columns="quality"), train["quality"])
        errors.append((forest.predict(validation.drop(columns="quality")) - validation["quality"]).abs())
        if table is wine:
            features = list(wine.columns.drop("quality"))
            known = validation[features].merge(train[features].drop_duplicates(), how="left", indicator=True)
            repeated = (known["_merge"] == "both").to_numpy()
    first, second = errors
    return {
        Quantity("error, first split", "第一次划分的误差"): round(float(first.mean()), 3),
        Quantity("error there on repeated rows", "其中重复行的误差"): round(float(first[repeated].mean()), 3),
        Quantity("error there on the other rows", "其中其余的行的误差"): round(float(first[~repeated].mean()), 3),
        Quantity("error, second split", "第二次划分的误差"): round(float(second.mean()), 3),
    }
