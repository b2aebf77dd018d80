"""Unit 00, start here: a function small enough to get wrong on purpose, and a prediction about it."""

import numpy as np

from helpers.exercises.engine.judge import Case, Misconception, Quantity
from helpers.exercises.engine.question import Choice, code, prediction

# --- center ---


def _numbers(rng):
    """Skewed, so that mean, median, middle of the range and first number are four different numbers."""
    return (np.array([2.0, 15.0, 1.0, 4.0, 3.0]) * rng.uniform(1, 2),)


@code(
    en="Write `center(x)`, which returns `y`: `x` shifted so that its mean is 0. `x` is an array of the shape `(N,)`, "
    "and `y` has the same shape.",
    zh="编写 `center(x)`，返回 `y`：把 `x` 平移，使它的均值变为 0。`x` 是形状为 `(N,)` 的数组，`y` 的形状与它相同。",
    cases=[
        Case("five numbers", "五个数", _numbers),
        Case("a single number", "只有一个数", lambda rng: (rng.uniform(1, 2, 1),)),
    ],
    misconceptions=[
        Misconception(
            "the mean itself returned",
            (lambda x: x.mean(), lambda x: np.full_like(x, x.mean())),
            en="Your result is the mean. You have the right number; now shift `x` by it.",
            zh="你的结果是均值本身。这个数没有错，接下来要用它来平移 `x`。",
        ),
        Misconception(
            "median instead of mean",
            lambda x: x - np.median(x),
            en="You subtract the median. After that as many numbers lie below 0 as above 0, but their mean is not 0.",
            zh="你减去的是中位数。这样一来，小于 0 和大于 0 的数一样多，但它们的均值不是 0。",
        ),
        Misconception(
            "largest or smallest value subtracted",
            (lambda x: x - x.max(), lambda x: x - x.min(), lambda x: x - (x.max() + x.min()) / 2),
            en="You shift by something that the largest or the smallest value decides. Which number tells where all "
            "values together lie?",
            zh="你的平移量由最大值或最小值决定。哪个数能反映所有值合在一起的位置？",
        ),
        Misconception(
            "shifted in the wrong direction",
            (lambda x: x + x.mean(), lambda x: x.mean() - x),
            en="The amount is right, the sign is not. What must become of a value that equals the mean?",
            zh="数量是对的，符号不对。一个恰好等于均值的数，处理之后应当变成多少？",
        ),
        Misconception(
            "divided by the mean",
            lambda x: x / x.mean(),
            en="You divide by the mean: that scales the numbers until their mean is 1. Shifting means adding or "
            "subtracting.",
            zh="你除以了均值：这是缩放，缩放之后均值是 1。平移是加或者减。",
        ),
        Misconception(
            "divided by the standard deviation too",
            lambda x: (x - x.mean()) / np.where(x.std() > 0, x.std(), 1),
            en="The mean is 0, and you also changed the scale. That is standardization, which later units need; here "
            "the distances between the numbers stay as they are.",
            zh="均值是 0 了，但你把尺度也改了。那是标准化，后面的单元会用到；这里，各个数之间的距离要保持不变。",
        ),
    ],
    hints=[
        (
            "Take two numbers, 1 and 3. What is their mean, and what do they have to become?",
            "先看两个数：1 和 3。它们的均值是多少？应当变成哪两个数？",
        ),
        (
            "An array has a method `mean`. A number is subtracted from an array entry by entry.",
            "数组有 `mean` 方法。从数组中减去一个数，是逐元素进行的。",
        ),
    ],
    analysis=(
        "The mean of `x` minus a number is the mean minus that number, so what has to be subtracted is the mean "
        "itself. Frequent mistakes: returning the mean; `x -= x.mean()`, which changes the array of the caller; an "
        "array that is right but is printed instead of returned.",
        "`x` 减去一个数，均值也就减去同一个数，所以要减去的正是均值本身。常见错误：返回了均值；写成 "
        "`x -= x.mean()`，改动了调用者的数组；结果算对了，却只是打印出来，没有返回。",
    ),
)
def center(x):
    return x - x.mean()


# --- sum_after_centering ---


@prediction(
    en="Ten numbers with the mean 5 are centered: their mean is subtracted from each of them. What is the sum of the "
    "ten results?",
    zh="有十个数，均值是 5。把它们中心化：每个数都减去均值。得到的十个数，总和是多少？",
    choices={
        "A": Choice(
            en="It depends on the numbers.",
            zh="取决于是哪些数。",
            en_why="Each result does; but what lies above the mean and what lies below it cancel, whatever the "
            "numbers are.",
            zh_why="每个结果确实取决于它们。但高于均值的部分和低于均值的部分正好抵消，不管是哪些数。",
        ),
        "B": Choice(
            en="0.",
            zh="0。",
            en_why="The sum was 10 times the mean, and 10 times the mean has been subtracted.",
            zh_why="原来的总和是均值的 10 倍，减去的也是均值的 10 倍。",
        ),
        "C": Choice(
            en="45: the sum was 50, and 5 has been subtracted.",
            zh="45：原来的总和是 50，减去了 5。",
            en_why="5 has been subtracted from each of the ten numbers, so ten times.",
            zh_why="十个数每个都减去了 5，一共减了十次。",
        ),
    },
    right="B",
    hints=[("Try it with two numbers, 4 and 6.", "先用两个数试试：4 和 6。")],
)
def sum_after_centering():
    numbers = np.random.default_rng(0).uniform(0, 10, 10)
    numbers += 5 - numbers.mean()
    return {
        Quantity("sum before", "原来的总和"): round(float(numbers.sum()), 6),
        Quantity("sum after", "之后的总和"): abs(round(float((numbers - 5).sum()), 6)),
    }
