"""Unit 00: right answers in many styles, and wrong ones written independently of the questions."""

import statistics

import numpy as np

# --- center ---


def by_loop(x):
    total = 0.0
    for value in x:
        total += value
    return np.array([value - total / len(x) for value in x])


def as_a_list(numbers):
    middle = statistics.fmean(numbers)
    return [float(number) - middle for number in numbers]


def on_a_copy(x):
    y = x.copy()
    y -= np.average(y)
    return y


def by_matrix(x):
    n = x.shape[0]
    return (np.eye(n) - np.ones((n, n)) / n) @ x


def in_single_precision(x):
    return (x.astype("float32") - x.mean(dtype="float32")).astype("float32")


def in_place(x):
    x -= x.mean()
    return x


def standard_scores(x):
    spread = x.std(ddof=0)
    return (x - x.mean()) / spread if spread else x - x.mean()


def only_printed(x):
    print(x - x.mean())


RIGHT = {
    "center": [by_loop, as_a_list, on_a_copy, by_matrix, in_single_precision, lambda x: np.subtract(x, sum(x) / x.size)]
}

WRONG = {
    "center": {
        "the mean itself returned": [lambda x: sum(x) / len(x), lambda x: [float(np.mean(x))] * len(x)],
        "median instead of mean": [lambda x: x - sorted(x)[len(x) // 2]],
        "largest or smallest value subtracted": [
            lambda x: x - max(x),
            lambda x: x - sorted(x)[0],
            lambda x: x - x.min() - np.ptp(x) / 2,
        ],
        "shifted in the wrong direction": [lambda x: sum(x) / len(x) - x, lambda x: np.add(x, np.mean(x))],
        "divided by the mean": [lambda x: len(x) * x / sum(x)],
        "divided by the standard deviation too": [standard_scores],
        "changed its input in place": [in_place],
        None: [only_printed, lambda x: x * 0, lambda x: x - x[0], lambda x: (x - x.mean())[:, None]],
    },
}

# What the measured quantities of a prediction must be for the choice that is called right.
MEASURED = {"sum_after_centering": lambda before, after: abs(before - 50) < 1e-5 and after < 1e-5}
