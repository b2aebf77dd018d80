"""Unit 08: right answers in many styles, and wrong ones written independently of the questions."""

import functools
import itertools
import statistics

import keras
import numpy as np
import pandas as pd
from sklearn.model_selection import ParameterGrid

# --- every_combination ---


def with_itertools(grid):
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def recursive(grid):
    if not grid:
        return [{}]
    name, *others = grid
    rest = recursive({other: grid[other] for other in others})
    return [{name: value} | tail for value in grid[name] for tail in rest]


def by_counting(grid):
    """The number of a combination, written with a digit for each name."""
    total = int(np.prod([len(values) for values in grid.values()]))
    found = []
    for number in range(total):
        combination, left = {}, number
        for name in reversed(list(grid)):
            left, digit = divmod(left, len(grid[name]))
            combination[name] = grid[name][digit]
        found.append(combination)
    return found


def with_ndindex(grid):
    names = list(grid)
    shape = [len(grid[name]) for name in names]
    return [{name: grid[name][k] for name, k in zip(names, place, strict=True)} for place in np.ndindex(*shape)]


def reduced(grid):
    def longer(found, name):
        return [{**before, name: value} for before in found for value in grid[name]]

    return functools.reduce(longer, grid, [{}])


def generated(grid, start=None):
    """A generator, and a tuple of dicts with their names in another order, are fine too."""
    for combination in with_itertools(grid):
        yield dict(reversed(combination.items()))


def side_by_side(grid):
    shortest = min(map(len, grid.values()))
    return [{name: values[k] for name, values in grid.items()} for k in range(shortest)]


def around_a_base(grid):
    base = {name: values[0] for name, values in grid.items()}
    runs = []
    for name in grid:
        for value in grid[name]:
            run = dict(base)
            run[name] = value
            runs.append(run)
    return runs


def around_a_base_once(grid):
    runs = []
    for run in around_a_base(grid):
        if run not in runs:
            runs.append(run)
    return runs


def appended_again(grid):
    run, runs = {}, []
    for values in itertools.product(*grid.values()):
        for name, value in zip(grid, values, strict=True):
            run[name] = value
        runs.append(run)
    return runs


def pieces(grid):
    runs = []
    for name in grid:
        runs.extend({name: value} for value in grid[name])
    return runs


def two_loops(grid):
    names = list(grid)
    return [{names[0]: a, names[1]: b} for a in grid[names[0]] for b in grid[names[1]]]


def unpacked_loops(grid):
    one, two = grid
    return [{one: a, two: b} for a in grid[one] for b in grid[two]]


def only_what_varies(grid):
    return with_itertools({name: values for name, values in grid.items() if values[1:]})


def last_slowest(grid):
    runs = [{}]
    for name, values in grid.items():
        runs = [run | {name: value} for value in values for run in runs]
    return runs


# --- choose ---


def sorted_means(results):
    means = {name: rows["val_mae"].mean(skipna=False) for name, rows in results.groupby("setting")}
    return sorted((mean, name) for name, mean in means.items() if mean == mean)[0][1]


def by_loop(results):
    best, lowest = None, float("inf")
    for name in results["setting"].unique():
        errors = results.loc[results["setting"] == name, "val_mae"].to_numpy()
        if not np.isnan(errors).any() and np.mean(errors) < lowest:
            best, lowest = name, np.mean(errors)
    return best


def with_apply(results):
    return results.groupby("setting")["val_mae"].apply(lambda errors: np.mean(errors.to_numpy())).idxmin()


def with_infinity(results):
    return results.fillna({"val_mae": np.inf}).groupby("setting")["val_mae"].mean().sort_values().index[0]


def plain_python(results):
    errors = {}
    for name, error in zip(results["setting"], results["val_mae"], strict=True):
        errors.setdefault(name, []).append(float("inf") if error != error else error)
    return min(errors, key=lambda name: sum(errors[name]) / len(errors[name]))


def with_filter(results, column="val_mae"):
    good = results.groupby("setting").filter(lambda rows: rows[column].notna().all())
    means = good.pivot_table(index="setting", values=column)
    return str(means[column].idxmin())


def loop_over(of, better=lambda new, old: new < old, column="val_mae"):
    """A wrong rule: a statistic of the errors of a setting, without those that diverged."""

    def choose(results):
        best = None
        for name, rows in results.groupby("setting"):
            errors = list(rows[column])
            if any(error != error for error in rows["val_mae"]):
                continue
            if best is None or better(of(errors), best[0]):
                best = of(errors), name
        return best[1]

    return choose


def first_of_sorted_runs(results):
    return results.sort_values("val_mae")["setting"].iloc[0]


def nan_is_smallest(results):
    """np.argmin takes nan for the smallest."""
    means = results.groupby("setting")["val_mae"].apply(lambda errors: np.mean(errors.to_numpy()))
    return means.index[int(np.argmin(means.to_numpy()))]


# --- problems ---


def step_by_step(table, target):
    names = []
    if target not in list(table):
        names.append("missing target")
    if any(not pd.api.types.is_numeric_dtype(table[column]) for column in table):
        names.append("text")
    if table.isnull().sum().sum() > 0:
        names.append("missing values")
    if any(table[column].dropna().nunique() <= 1 for column in table):
        names.append("constant column")
    if len(table.drop_duplicates()) < len(table):
        names.append("repeated rows")
    if table.shape[0] < 100:
        names.append("too few rows")
    return names


def as_a_set(table, target):
    found = set()
    for column in table.columns:
        values = table[column]
        found |= {"text"} if values.dtype.kind not in "biuf" else set()
        found |= {"missing values"} if values.count() < len(values) else set()
        found |= {"constant column"} if len(set(values.dropna())) < 2 else set()
    found |= set() if target in table else {"missing target"}
    found |= {"repeated rows"} if table.duplicated().sum() else set()
    return found | ({"too few rows"} if len(table) < 100 else set())


def with_tuples(table, target):
    rows = [tuple(row) for row in table.itertuples(index=False)]
    checks = [
        (target not in table.columns, "missing target"),
        (len(set(rows)) < len(rows), "repeated rows"),
        (bool(table.isna().to_numpy().any()), "missing values"),
        (len(rows) < 100, "too few rows"),
        (len(table.select_dtypes(include="number").columns) < len(table.columns), "text"),
        (table.apply(lambda column: column.nunique() < 2).any(), "constant column"),
    ]
    return tuple(name for wrong, name in checks if wrong)


def a_name_for_each_column(table, target):
    """A name may be there more than once."""
    found = [] if target in table.columns else ["missing target"]
    for _, column in table.items():
        found += ["text"] * isinstance(next(iter(column.dropna())), str)
        found += ["missing values"] * int(column.isna().sum())
        found += ["constant column"] * (column.value_counts().size < 2)
    found += ["repeated rows"] * int(table.duplicated().sum())
    return found + ["too few rows"] * (len(table.index) < 100)


def yielded(table, target):
    yield from sorted(as_a_set(table, target))


def as_an_index(table, target):
    """With pandas, on a copy that is changed at will."""
    copy = table.copy()
    copy["row number"] = range(len(copy))
    without = copy.drop(columns="row number")
    flags = pd.Series(dict.fromkeys(["missing target", "text", "missing values", "constant column"], False))
    flags["missing target"] = target not in copy.columns
    flags["text"] = any(str(dtype) in ("object", "str", "string") for dtype in without.dtypes)
    flags["missing values"] = without.isna().any().any()
    flags["constant column"] = without.nunique().min() < 2
    flags["repeated rows"] = without.duplicated(keep="last").any()
    flags["too few rows"] = len(copy) <= 99
    return flags.index[flags.astype(bool)]


def early_returns(table, target):
    for name in step_by_step(table, target):
        return [name]
    return []


def last_one_wins(table, target):
    return list(as_a_set(table, target))[-1:]


def target_first(table, target):
    if target not in table.columns:
        return ["missing target"]
    return step_by_step(table, target)


def but(name, test):
    """A right answer in which one check is another one."""

    def problems(table, target):
        return (as_a_set(table, target) - {name}) | ({name} if test(table, target) else set())

    return problems


def features_only(table, target):
    features = table[[column for column in table if column != target]]
    return (as_a_set(features, target) - {"missing target", "repeated rows"}) | (
        as_a_set(table, target) & {"missing target", "repeated rows"}
    )


def of_columns(choose_columns):
    def problems(table, target):
        of_rows = {"missing target", "repeated rows", "too few rows"}
        return (as_a_set(choose_columns(table), target) - of_rows) | (as_a_set(table, target) & of_rows)

    return problems


def overwritten_in_a_loop(table, target):
    for column in table:
        text = not pd.api.types.is_numeric_dtype(table[column])
        gaps, constant = table[column].isna().any(), table[column].nunique() < 2
    flags = {"text": text, "missing values": gaps, "constant column": constant}
    others = as_a_set(table, target) - set(flags)
    return others | {name for name, there in flags.items() if there}


def columns_of(table):
    return [table[column] for column in table]


def not_a_number(column):
    def readable(value):
        try:
            return float(value) == float(value)
        except ValueError:
            return False

    return not all(map(readable, column))


# --- network_from ---


def added(settings):
    model = keras.Sequential()
    model.add(keras.layers.InputLayer(shape=(settings["features"],)))
    for count in settings["units"]:
        model.add(keras.layers.Dense(count))
        model.add(keras.layers.ReLU())
        if settings["rate"] > 0:
            model.add(keras.layers.Dropout(rate=settings["rate"]))
        if settings["batch_norm"] is True:
            model.add(keras.layers.BatchNormalization())
    model.add(keras.layers.Dense(1, activation="linear"))
    return model


def functional(settings):
    x = inputs = keras.Input(shape=(settings["features"],))
    for count in settings["units"]:
        x = keras.layers.Dense(count, activation=keras.activations.relu)(x)
        x = keras.layers.Dropout(settings["rate"])(x)  # a rate of 0 does nothing
        x = keras.layers.BatchNormalization()(x) if settings["batch_norm"] else x
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def nested(settings):
    blocks = []
    for count in settings["units"]:
        layers = [keras.layers.Dense(count, "relu")]
        layers += [keras.layers.Dropout(settings["rate"])] if settings["rate"] else []
        layers += [keras.layers.BatchNormalization()] if settings["batch_norm"] else []
        blocks.append(keras.Sequential(layers))
    return keras.Sequential([keras.Input((settings["features"],)), *blocks, keras.layers.Dense(1)])


def built_later(settings):
    model = keras.Sequential()
    for count in settings["units"]:
        model.add(keras.layers.Dense(count, activation="relu"))
        [model.add(keras.layers.Dropout(settings["rate"])) for _ in range(settings["rate"] != 0)]
        [model.add(keras.layers.BatchNormalization(axis=1)) for _ in range(bool(settings["batch_norm"]))]
    model.add(keras.layers.Dense(units=1))
    model.build((None, settings["features"]))
    return model


def compiled(settings, learning_rate=0.001):
    model = slipped()(settings)
    model.compile(keras.optimizers.Adam(learning_rate), "mae")
    return model


def slipped(units=None, always=False, rate=lambda p: p, turned=False, last=None, behind=False, hidden="relu"):
    def network_from(settings):
        sizes = units(settings["units"]) if units else settings["units"]
        x = inputs = keras.Input((settings["features"],))
        for count in sizes:
            x = keras.layers.Dense(count, activation=hidden)(x)
            parts = [keras.layers.Dropout(rate(settings["rate"]))] if settings["rate"] else []
            parts += [keras.layers.BatchNormalization()] if settings["batch_norm"] or always else []
            for layer in parts[::-1] if turned else parts:
                x = layer(x)
        x = keras.layers.Dense(1, activation=last)(x)
        return keras.Model(inputs, keras.layers.Dropout(settings["rate"])(x) if behind else x)

    return network_from


RIGHT = {
    "every_combination": [with_itertools, recursive, by_counting, with_ndindex, reduced, generated],
    "choose": [sorted_means, by_loop, with_apply, with_infinity, plain_python, with_filter],
    "problems": [step_by_step, as_a_set, with_tuples, a_name_for_each_column, yielded, as_an_index],
    "network_from": [added, functional, nested, built_later, compiled],
}

# {question: {misconception: answers that must be named so}}; None: wrong in a way that has no name.
WRONG = {
    "every_combination": {
        "one dict reused": [appended_again, lambda grid: len(with_itertools(grid)) * [with_itertools(grid)[-1]]],
        "zip instead of product": [side_by_side],
        "one name changed at a time": [around_a_base, around_a_base_once],
        "one name in each dict": [pieces],
        "written for two names": [two_loops, unpacked_loops],
        "names with a single value left out": [only_what_varies],
        "another order": [last_slowest, lambda grid: list(ParameterGrid(grid))],
        None: [
            lambda grid: list(itertools.product(*grid.values())),
            lambda grid: with_itertools(grid)[:-1],
            lambda grid: {name: list(values) for name, values in grid.items()},
            lambda grid: [dict(grid)],
            lambda grid: with_itertools(grid) + with_itertools(grid)[:1],
            lambda grid: pd.DataFrame(with_itertools(grid)),
        ],
    },
    "choose": {
        "chosen by test error": [
            lambda results: with_filter(results, "test_mae"),
            lambda results: results["setting"][results["test_mae"].idxmin()],
        ],
        "chosen by the best single run": [first_of_sorted_runs, loop_over(min)],
        "highest instead of lowest": [
            loop_over(statistics.fmean, better=lambda new, old: new > old),
            lambda results: results.groupby("setting")["val_mae"].mean().sort_values(na_position="first").index[-1],
        ],
        "a diverged run hidden by the mean": [
            lambda results: results.dropna().groupby("setting")["val_mae"].mean().idxmin(),
            lambda results: results.pivot_table(index="setting", values="val_mae")["val_mae"].idxmin(),
            nan_is_smallest,
        ],
        "median instead of mean": [
            loop_over(statistics.median),
            lambda results: results.groupby("setting")["val_mae"].quantile(0.5).idxmin(),
        ],
        "added up instead of averaged": [loop_over(sum)],
        None: [
            lambda results: results["val_mae"].min(),
            lambda results: results["setting"].max(),
            lambda results: [by_loop(results)],
        ],
    },
    "problems": {
        "stops at the first problem": [early_returns, last_one_wins],
        "nothing checked without the target": [target_first],
        "target column not checked": [features_only],
        "repeated rows by features only": [
            but("repeated rows", lambda table, target: table[[c for c in table if c != target]].duplicated().any())
        ],
        "only neighbouring rows compared": [
            but("repeated rows", lambda table, target: any(table.iloc[k].equals(table.iloc[k + 1]) for k in range(59)))
        ],
        "constant column hidden by missing values": [
            but("constant column", lambda table, target: any(len(table[c].unique()) == 1 for c in table)),
            but("constant column", lambda table, target: (table == table.iloc[0]).all().any()),
        ],
        "constant text overlooked": [
            but(
                "constant column",
                lambda table, target: any(
                    table[c].max() == table[c].min() for c in table if pd.api.types.is_numeric_dtype(table[c])
                ),
            )
        ],
        "text counted as missing": [
            but("missing values", lambda table, target: any(map(not_a_number, columns_of(table))))
        ],
        "only one column examined": [
            overwritten_in_a_loop,
            of_columns(lambda table: table[[table.columns[0]]]),
            of_columns(lambda table: table[[table.columns[-1]]]),
        ],
        "rows with gaps dropped first": [
            but("too few rows", lambda table, target: table.notna().all(axis=1).sum() < 100),
            lambda table, target: step_by_step(table.dropna(), target),
        ],
        "100 rows called too few": [but("too few rows", lambda table, target: not len(table) > 100)],
        None: [
            lambda table, target: [],
            lambda table, target: len(step_by_step(table, target)),
            lambda table, target: ", ".join(step_by_step(table, target)),
            lambda table, target: dict.fromkeys(step_by_step(table, target), True),
            lambda table, target: [name.replace(" ", "_") for name in step_by_step(table, target)],
            but("text", lambda table, target: False),
            but("constant column", lambda table, target: (table.nunique() < 3).any()),
        ],
    },
    "network_from": {
        "number of blocks fixed": [
            slipped(units=lambda sizes: sizes[-1:]),
            slipped(units=lambda sizes: (sizes[0], sizes[1])),
            slipped(units=lambda sizes: 3 * sizes[:1]),
        ],
        "batch norm always there": [slipped(always=True)],
        "rate taken for keep probability": [slipped(rate=lambda p: 1 - p)],
        "ReLU on the output layer": [slipped(last="relu")],
        "dropout after the output layer": [slipped(behind=True)],
        "batch norm before dropout": [slipped(turned=True)],
        None: [
            slipped(hidden=None),
            slipped(last="sigmoid"),
            slipped(rate=lambda p: 0.5),
            lambda settings: None,
            lambda settings: added(settings).get_config(),
            lambda settings: keras.Sequential([keras.layers.Dense(1)]),
        ],
    },
}

# What the measured quantities of a prediction must be for the choice that is called right.
MEASURED = {"lowest_of_many": lambda lowest, again: abs(lowest - 0.463) < 0.002 and abs(again - 0.5) < 0.001}
