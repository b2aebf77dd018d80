"""Unit 05, batch normalization: both modes, moving averages, backward, convolution, a Keras model, a prediction."""

import numpy as np

from helpers.exercises.engine.judge import Case, Misconception, Quantity
from helpers.exercises.engine.models import PREDICTIONS, outputs
from helpers.exercises.engine.question import Choice, code, model, prediction

# --- numbers for the cases ---


def _batch(rng, rows, spreads):
    """Rows whose columns have exactly these standard deviations (a single row has none), and means of about 1."""
    x = rng.standard_normal((rows, len(spreads)))
    x -= x.mean(axis=0)
    spread = x.std(axis=0)
    return x / np.where(spread > 0, spread, 1) * spreads + rng.uniform(0.5, 1.5, len(spreads))


def _scale_and_shift(rng, channels):
    return rng.uniform(1.5, 2.5, channels), rng.uniform(-1, -0.2, channels)


def _to_train(rng, rows, spreads, epsilon=1e-3):
    return _batch(rng, rows, spreads), *_scale_and_shift(rng, len(spreads)), epsilon


# A standard deviation of just the size of the root of epsilon: here every place of epsilon gives another number.
_SMALL = 0.03


# --- mistakes that several questions have in common ---


def _root(variance, epsilon):
    return np.sqrt(variance + epsilon)


def _root_or_one(variance, epsilon):
    return np.where(variance > 0, np.sqrt(variance), 1)


def _about_the_divisor(wrong):
    """wrong : function of what x - mean is divided by that returns a wrong implementation."""
    return [
        Misconception(
            "divided by variance",
            (wrong(lambda variance, epsilon: variance + epsilon), wrong(lambda variance, epsilon: variance)),
            en="You divide by the variance. A column with the standard deviation 5 then comes out with 0.2. If `x` "
            "were in kilograms, in what unit would your result be?",
            zh="你除以了方差。这样，标准差为 5 的一列，结果的标准差会变成 0.2。如果 `x` 的单位是千克，"
            "你的结果会是什么单位？",
        ),
        Misconception(
            "epsilon outside the root",
            wrong(lambda variance, epsilon: np.sqrt(variance) + epsilon),
            en="You add `epsilon` to the standard deviation. Keras adds it earlier. The difference shows where a "
            "column hardly varies.",
            zh="你把 `epsilon` 加到了标准差上。Keras 加得更早。某一列几乎没有变化时，差别就显现出来。",
        ),
        Misconception(
            "epsilon forgotten",
            (wrong(lambda variance, epsilon: np.sqrt(variance)), wrong(_root_or_one)),
            en="`epsilon` plays no part in your result. Without it a column that hardly varies is blown up enormously, "
            "and one that does not vary at all is divided by zero.",
            zh="`epsilon` 在你的结果里没有起作用。少了它，几乎没有变化的一列会被放得很大，"
            "完全没有变化的一列还会除以零。",
        ),
    ]


def _affine(x_hat, gamma, beta):
    return gamma * x_hat + beta


def _about_gamma_and_beta(wrong):
    """wrong : function of the last step, a function of x_hat, gamma, beta, that returns a wrong implementation."""
    return [
        Misconception(
            "gamma and beta exchanged",
            wrong(lambda x_hat, gamma, beta: beta * x_hat + gamma),
            en="`gamma` and `beta` have changed places. One of them scales, the other shifts.",
            zh="`gamma` 和 `beta` 用反了。它们一个负责缩放，另一个负责平移。",
        ),
        Misconception(
            "gamma or beta forgotten",
            (
                wrong(lambda x_hat, gamma, beta: x_hat),
                wrong(lambda x_hat, gamma, beta: gamma * x_hat),
                wrong(lambda x_hat, gamma, beta: x_hat + beta),
            ),
            en="The columns are normalised, but then `gamma` or `beta` or both are missing. They let the network "
            "choose the spread and the mean of each column again.",
            zh="各列已经归一化，但之后缺了 `gamma` 或 `beta`，或者两个都缺。有了它们，"
            "网络才能重新决定每一列的离散程度和均值。",
        ),
    ]


def _over(axes, keepdims=False):
    """A function that takes mean and variance over these axes."""
    return lambda x: (x.mean(axes, keepdims=keepdims), x.var(axes, keepdims=keepdims))


def _by_hand_over(axes):
    """The same without `var`: a mean that has lost its axis is then broadcast to the wrong places, or to none."""
    return lambda x: (x.mean(axes), np.square(x - x.mean(axes)).mean(axes))


def _filled(x):
    """One mean and one variance for all the columns or channels."""
    return np.full(x.shape[-1], x.mean()), np.full(x.shape[-1], x.var())


def _bessel(axes):
    """The unbiased variance as `ddof=1` gives it: not a number where there is one value, but without its warning."""

    def statistics(x):
        mean, variance = _over(axes)(x)
        n = x.size // mean.size
        return mean, variance * np.divide(n, n - 1)

    return statistics


_of_columns = _over(0)


# --- batch_norm_train ---


def _as_they_are(x, mean, variance, epsilon):
    return mean, variance


def _train(statistics=_of_columns, divisor=_root, affine=_affine, returned=_as_they_are):
    def batch_norm_train(x, gamma, beta, epsilon):
        mean, variance = statistics(x)
        y = affine((x - mean) / divisor(variance, epsilon), gamma, beta)
        return y, None, *returned(x, mean, variance, epsilon)

    return batch_norm_train


def _flat(x, mean, variance, epsilon):
    return np.ravel(mean), np.ravel(variance)


def _corrected(x):
    """Raises where there is one row, as Python's numbers do."""
    return x.mean(axis=0), x.var(axis=0) * (len(x) / (len(x) - 1))


def _corrected_where_possible(x):
    return x.mean(axis=0), x.var(axis=0) * (len(x) / max(len(x) - 1, 1))


@code(
    en="Write `batch_norm_train(x, gamma, beta, epsilon)`, batch normalization in training mode, for `x` of shape "
    "`(N, C)` with one `gamma` and one `beta` per column. Return `y, cache, mean, variance`: every column of `y` is "
    "normalised with the statistics of this batch, then scaled by `gamma` and shifted by `beta`; `mean` and "
    "`variance`, both of shape `(C,)`, are these statistics; `cache` is what you will need to go backward and may be "
    "anything. As in Keras, the variance is that of the batch itself, not an estimate for more data, and thanks to "
    "`epsilon` a single row works too.",
    zh="编写 `batch_norm_train(x, gamma, beta, epsilon)`，即训练模式下的批量归一化。`x` 的形状是 `(N, C)`，每一列各有"
    "一个 `gamma` 和一个 `beta`。返回 `y, cache, mean, variance`：`y` 的每一列先用这个小批量的统计量归一化，再乘以 "
    "`gamma` 缩放、加上 `beta` 平移；`mean` 和 `variance` 就是这些统计量，形状都是 `(C,)`；`cache` 是反向传播要用的"
    "东西，内容不限。与 Keras 一样，方差就是这个小批量本身的方差，不是对总体方差的估计；有了 `epsilon`，只有一行也不"
    "会出错。",
    returns=("y", "cache", "mean", "variance"),
    free=("cache",),
    cases=[
        Case("6 rows, `epsilon` 0.1", "6 行，`epsilon` 为 0.1", lambda rng: _to_train(rng, 6, (0.5, 2, 3), 0.1)),
        Case("a column with hardly any variance", "有一列的方差极小", lambda rng: _to_train(rng, 5, (1, _SMALL))),
        Case("4 rows, 4 columns", "4 行 4 列", lambda rng: _to_train(rng, 4, (1, 2, 0.5, 1.5))),
        Case("a batch of 2", "2 行的小批量", lambda rng: _to_train(rng, 2, (1, 2, 0.5))),
        Case("one row", "只有一行", lambda rng: _to_train(rng, 1, (1, 1, 1))),
    ],
    misconceptions=[
        *_about_the_divisor(lambda divisor: _train(divisor=divisor)),
        Misconception(
            "unbiased variance",
            (
                _train(_bessel(0)),
                _train(_corrected),
                _train(_corrected_where_possible),
                _train(returned=lambda x, mean, variance, epsilon: _bessel(0)(x)),
                _train(returned=lambda x, mean, variance, epsilon: _corrected(x)),
                _train(returned=lambda x, mean, variance, epsilon: _corrected_where_possible(x)),
                _train(_bessel(0), returned=lambda x, mean, variance, epsilon: _of_columns(x)),
            ),
            en="One of your variances is too large, by the factor 2 in a batch of 2: it is the unbiased one, which "
            "estimates the variance of the data that the batch was drawn from. What is normalised here is just this "
            "batch. What would that estimate be for a single row?",
            zh="你用到的方差偏大，在 2 行的小批量里正好是 2 倍：它估计的是总体的方差，而不是这个小批量的。"
            "这里要归一化的就是这个小批量。只有一行时，那样的估计会是多少？",
        ),
        Misconception(
            "statistics over the wrong axis",
            (
                _train(_over(1)),
                _train(_by_hand_over(1)),
                _train(_over(1, keepdims=True)),
                _train(_over(1, keepdims=True), returned=_flat),
            ),
            en="Your statistics belong to the rows: every row is normalised by itself. That is layer normalization. "
            "Here the values of one column, from all the rows of the batch, belong together.",
            zh="你的统计量是按行算的：每一行自己归一化。那是层归一化。这里"
            "应当放在一起统计的，是小批量各行在同一列的值。",
        ),
        Misconception(
            "statistics of the whole array",
            (_train(_over(None)), _train(_over(None, keepdims=True)), _train(_filled)),
            en="You take one mean and one variance of the whole array. A column with large numbers then spoils all "
            "the others. How many means does an array with C columns need?",
            zh="你对整个数组只算了一个均值和一个方差。这样，数值大的一列会影响其他所有列。有 C 列的数组，"
            "需要几个均值？",
        ),
        *_about_gamma_and_beta(lambda affine: _train(affine=affine)),
        Misconception(
            "standard deviation returned instead of variance",
            (
                _train(returned=lambda x, mean, variance, epsilon: (mean, np.sqrt(variance))),
                _train(returned=lambda x, mean, variance, epsilon: (mean, np.sqrt(variance + epsilon))),
            ),
            en="`y` is right, but in place of the variance you return its root.",
            zh="`y` 是对的，但该返回方差的地方，你返回的是它的平方根。",
        ),
        Misconception(
            "epsilon in the returned variance",
            _train(returned=lambda x, mean, variance, epsilon: (mean, variance + epsilon)),
            en="`y` is right, but the variance that you return contains `epsilon`. It goes into the moving average "
            "later, and inference mode will add `epsilon` once more.",
            zh="`y` 是对的，但你返回的方差里含有 `epsilon`。它以后要进入移动平均，而推断模式还会再加一次 `epsilon`。",
        ),
    ],
    hints=[
        (
            "A column of `x` holds one feature for all rows of the batch. Along which axis do you go to stay within "
            "one column?",
            "`x` 的一列，是小批量里所有行的同一个特征。沿着哪个轴走，才一直留在同一列里？",
        ),
        (
            "Subtract the mean first and keep the result: you need it for the variance and for `y`. How do you get "
            "from the variance to something with the unit of `x`?",
            "先减去均值，把结果留着：算方差和算 `y` 都要用。从方差出发，怎样得到与 `x` 单位相同的量？",
        ),
        (
            "`epsilon` has the unit of a variance, so it joins the variance before anything else happens to it. At the "
            "end one vector multiplies and the other is added.",
            "`epsilon` 的单位与方差相同，所以要先与方差合在一起，再做别的运算。最后，两个向量一个用来乘，一个用来加。",
        ),
    ],
    analysis=(
        "Every column that is not nearly constant ends up with mean 0 and a standard deviation just below 1, and then "
        "gets the spread `gamma` and the mean `beta`. With one row `x - mean` is 0, so `y` is `beta`. Frequent "
        "mistakes: dividing by the variance, `epsilon` outside the root, `ddof=1`, statistics along the rows.",
        "只要不是几乎不变的列，每一列的均值都变成 0，标准差略小于 1，然后离散程度由 `gamma` 决定，均值由 `beta` 决定。"
        "只有一行时，`x - mean` 是 0，所以 `y` 就是 `beta`。常见错误：除以方差；把 `epsilon` 加在开方之后；用了 "
        "`ddof=1`；按行计算统计量。",
    ),
)
def batch_norm_train(x, gamma, beta, epsilon):
    mean = x.mean(axis=0)
    variance = ((x - mean) ** 2).mean(axis=0)
    inverse_std = 1 / np.sqrt(variance + epsilon)
    x_hat = (x - mean) * inverse_std
    y = gamma * x_hat + beta
    return y, (x_hat, inverse_std, gamma), mean, variance


# --- update_moving ---


def _swapped(moving, batch, momentum):
    return moving * (1 - momentum) + batch * momentum


# What is left if the old value is forgotten.
_FORGOTTEN = (
    lambda moving, batch, momentum: batch * (1 - momentum),
    lambda moving, batch, momentum: batch,
    lambda moving, batch, momentum: batch * momentum,
)
_SWAPPED_TEXTS = {
    "en": "You give the weight `momentum` to the new value. In Keras it belongs to the old one: with 0.99 a single "
    "batch hardly moves the average. PyTorch means the opposite by the same word.",
    "zh": "你把权重 `momentum` 给了新值。在 Keras 里，它属于旧值：取 0.99 时，一个小批量几乎不会改变移动平均。"
    "PyTorch 用同一个词，意思却相反。",
}
_FORGOTTEN_TEXTS = {
    "en": "The old value has no influence on your result. A moving average remembers: it goes a part of the way from "
    "the old value to the new one.",
    "zh": "旧值对你的结果没有影响。移动平均是有记忆的：它从旧值出发，朝新值走一段路。",
}


def _averages(rng, momentum):
    return rng.uniform(1, 2, 3), rng.uniform(4, 6, 3), momentum


@code(
    en="Write `update_moving(moving, batch, momentum)`: from the moving average so far and the statistic of a new "
    "batch, both of shape `(C,)`, return the next moving average. `momentum` means what it means in Keras: at 1 the "
    "average stays as it is.",
    zh="编写 `update_moving(moving, batch, momentum)`：已知目前的移动平均和新的小批量的统计量，形状都是 `(C,)`，"
    "返回下一个移动平均。`momentum` 的含义与 Keras 相同：取 1 时，移动平均保持不变。",
    returns=("moving",),
    cases=[
        Case("momentum 0.9", "动量 0.9", lambda rng: _averages(rng, 0.9)),
        Case("momentum 0.99", "动量 0.99", lambda rng: _averages(rng, 0.99)),
        Case("momentum 0", "动量 0", lambda rng: _averages(rng, 0.0)),
        Case("momentum 1", "动量 1", lambda rng: _averages(rng, 1.0)),
    ],
    misconceptions=[
        Misconception("momentum swapped", _swapped, **_SWAPPED_TEXTS),
        Misconception("moving average forgets to keep the old value", _FORGOTTEN, **_FORGOTTEN_TEXTS),
        Misconception(
            "plain mean of both",
            lambda moving, batch, momentum: (moving + batch) / 2,
            en="You take the plain mean of the old value and the new one. What is `momentum` for?",
            zh="你取的是旧值和新值的算术平均。那 `momentum` 有什么用？",
        ),
        Misconception(
            "weights do not add up to 1",
            (
                lambda moving, batch, momentum: moving * momentum + batch,
                lambda moving, batch, momentum: moving + batch * (1 - momentum),
                lambda moving, batch, momentum: moving + batch * momentum,
            ),
            en="The weights of the old value and the new one do not add up to 1. If both were 5, what should the "
            "average be?",
            zh="旧值和新值的权重加起来不等于 1。如果两个值都是 5，移动平均应该是多少？",
        ),
    ],
    hints=[
        (
            "The result lies between the old value and the new one. Which of them is it closer to if `momentum` is "
            "0.99?",
            "结果介于旧值和新值之间。`momentum` 取 0.99 时，它更靠近哪一个？",
        ),
        (
            "Two weights that add up to 1: one is `momentum`, the other is what is left of 1.",
            "两个权重加起来等于 1：一个是 `momentum`，另一个是 1 减去它之后剩下的部分。",
        ),
    ],
    analysis=(
        "`momentum` weighs the old value, the rest of 1 the new one, so a batch that agrees with the average leaves it "
        "where it is. After 100 steps at 0.99, still 37 % of the start value is left. In PyTorch `momentum` weighs the "
        "new value, so 0.1 there is 0.9 here.",
        "`momentum` 是旧值的权重，1 减去它就是新值的权重，所以与移动平均一致的小批量不会改变它。取 0.99 时，"
        "100 步之后初始值还剩 37 %。在 PyTorch 里，`momentum` 是新值的权重，所以那里的 0.1 就是这里的 0.9。",
    ),
)
def update_moving(moving, batch, momentum):
    return moving * momentum + batch * (1 - momentum)


# --- moving_statistics ---


def _moving(statistics=_of_columns, start=(0.0, 1.0), update=update_moving, scalar=False):
    def moving_statistics(batches, momentum):
        channels = () if scalar else batches[0].shape[-1]
        moving = [np.full(channels, value) for value in start]
        for batch in batches:
            moving = [update(*pair, momentum) for pair in zip(moving, statistics(batch), strict=True)]
        return tuple(moving)

    return moving_statistics


def _from_the_first_batch(batches, momentum):
    moving = _of_columns(batches[0])
    for batch in batches[1:]:
        moving = [update_moving(*pair, momentum) for pair in zip(moving, _of_columns(batch), strict=True)]
    return tuple(moving)


def _of_all_rows(batches, momentum):
    return _of_columns(np.concatenate(batches))


def _one_step_with_all_rows(batches, momentum):
    return _moving()([np.concatenate(batches)], momentum)


def _mean_of_the_statistics(batches, momentum):
    means, variances = zip(*map(_of_columns, batches), strict=True)
    return np.mean(means, axis=0), np.mean(variances, axis=0)


def _mean_and_deviation(x):
    return x.mean(axis=0), x.std(axis=0)


def _batches(rng, *sizes, spreads=(0.5, 3)):
    return [_batch(rng, rows, spreads) for rows in sizes]


@code(
    en="Write `moving_statistics(batches, momentum)`: a new `BatchNormalization` layer sees these batches in training "
    "mode, one after the other. `batches` is a list of arrays of shape `(N, C)`. Return its `moving_mean, "
    "moving_variance` after the last one, both of shape `(C,)`. They begin where Keras begins them.",
    zh="编写 `moving_statistics(batches, momentum)`：一个新建的 `BatchNormalization` 层在训练模式下依次收到这些小批量。"
    "`batches` 是由数组组成的列表，每个数组的形状是 `(N, C)`。返回最后一个小批量之后的 `moving_mean, moving_variance`，"
    "形状都是 `(C,)`。它们的初始值与 Keras 相同。",
    returns=("moving_mean", "moving_variance"),
    cases=[
        Case(
            "one batch of the numbers 0 and 1.5, momentum 0.5",
            "一个小批量，只有 0 和 1.5 这两个数，动量 0.5",
            lambda rng: ([np.array([[0.0], [1.5]])], 0.5),
        ),
        Case(
            "three batches, the last one smaller, momentum 0.9",
            "三个小批量，最后一个较小，动量 0.9",
            lambda rng: (_batches(rng, 4, 4, 3), 0.9),
        ),
        Case(
            "batches of 3 rows and 3 columns, momentum 0.8",
            "3 行 3 列的小批量，动量 0.8",
            lambda rng: (_batches(rng, 3, 3, spreads=(0.5, 1, 2)), 0.8),
        ),
        Case(
            "100 batches, momentum 0.99",
            "100 个小批量，动量 0.99",
            lambda rng: (_batches(rng, *[5] * 100), 0.99),
        ),
    ],
    misconceptions=[
        Misconception(
            "moving averages start from the batch",
            _from_the_first_batch,
            en="Your averages begin with the statistics of the first batch. In Keras they exist before any batch: what "
            "do `get_weights()` of a new layer show?",
            zh="你的移动平均是从第一个小批量的统计量开始的。在 Keras 里，还没有任何小批量时它们就有值了："
            "新建一层，看看 `get_weights()` 给出什么？",
        ),
        Misconception(
            "variance begins at 0",
            (_moving(start=(0.0, 0.0)),),
            en="Your moving variance begins at 0. A new layer that has seen nothing should pass its input on nearly "
            "unchanged in inference mode; with which variance does it?",
            zh="你的移动方差从 0 开始。一个什么数据都没见过的新层，在推断模式下应当几乎原样输出；方差取多少才会这样？",
        ),
        Misconception("momentum swapped", _moving(update=_swapped), **_SWAPPED_TEXTS),
        Misconception(
            "moving average forgets to keep the old value",
            tuple(_moving(update=update) for update in _FORGOTTEN),
            **_FORGOTTEN_TEXTS,
        ),
        Misconception(
            "unbiased variance",
            (_moving(_bessel(0)), _moving(_corrected)),
            en="Your moving mean is right, your moving variance is too large: it follows the unbiased variance, an "
            "estimate for more data than the batch. Keras stores the variance of the batch itself; PyTorch stores the "
            "estimate.",
            zh="你的移动均值是对的，移动方差偏大：它累积的是对总体方差的估计。Keras 存的是小批量本身的方差；"
            "PyTorch 存的才是那种估计。",
        ),
        Misconception(
            "statistics of all rows together",
            (_of_all_rows, _one_step_with_all_rows),
            en="You take the statistics of all rows at once. The layer sees one batch at a time and takes a step after "
            "each of them.",
            zh="你把所有的行放在一起算统计量。这一层每次只看到一个小批量，而且每看到一个就更新一步。",
        ),
        Misconception(
            "plain mean of the batch statistics",
            _mean_of_the_statistics,
            en="You take the plain mean of the statistics of all batches. What are `momentum` and the start value for?",
            zh="你取的是各个小批量统计量的算术平均。那 `momentum` 和初始值有什么用？",
        ),
        Misconception(
            "standard deviation instead of variance",
            _moving(_mean_and_deviation),
            en="Your moving mean is right, but in the moving variance you average standard deviations.",
            zh="你的移动均值是对的，但在移动方差里，你平均的是标准差。",
        ),
        Misconception(
            "statistics over the wrong axis",
            (
                *(_moving(_over(1), scalar=scalar) for scalar in (False, True)),
                *(_moving(_by_hand_over(1), scalar=scalar) for scalar in (False, True)),
                _moving(_over(1, keepdims=True)),
            ),
            en="Your statistics belong to the rows. The layer has one mean and one variance for every column.",
            zh="你的统计量是按行算的。这一层的每一列各有一个均值和一个方差。",
        ),
        Misconception(
            "statistics of the whole array",
            (_moving(_over(None)), _moving(_over(None), scalar=True)),
            en="You take one mean and one variance of a whole batch. The layer has one of each for every column.",
            zh="你对整个小批量只算了一个均值和一个方差。这一层的每一列各有一个。",
        ),
    ],
    hints=[
        (
            "A loop over the batches, and in it `update_moving` twice. What do both averages hold before the loop?",
            "对小批量写一个循环，里面用两次 `update_moving`。循环开始之前，两个移动平均各是什么？",
        ),
        (
            "A layer that has seen no data assumes that its inputs are standardised already.",
            "一个还没见过数据的层，就当数据已经标准化过了。",
        ),
    ],
    analysis=(
        "The averages begin at the mean 0 and the variance 1 and go a part of the way to the statistics of each batch. "
        "So after one step the moving mean is not the batch mean, and after 100 steps at 0.99 the start value still "
        "weighs 37 %: that is why a layer needs enough steps before inference mode can be trusted.",
        "移动平均从均值 0、方差 1 开始，每一步朝小批量的统计量走一段路。所以一步之后，移动均值并不等于小批量的均值；"
        "取 0.99 时，100 步之后初始值的权重还有 37 %：这就是为什么这一层要训练足够多步，推断模式才可信。",
    ),
)
def moving_statistics(batches, momentum):
    channels = batches[0].shape[1]
    moving_mean, moving_variance = np.zeros(channels), np.ones(channels)
    for x in batches:
        moving_mean = update_moving(moving_mean, x.mean(axis=0), momentum)
        moving_variance = update_moving(moving_variance, x.var(axis=0), momentum)
    return moving_mean, moving_variance


# --- batch_norm_inference ---


def _inference(divisor=_root, affine=_affine, statistics=lambda x, mean, variance: (mean, variance)):
    def batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, epsilon):
        mean, variance = statistics(x, moving_mean, moving_variance)
        return affine((x - mean) / divisor(variance, epsilon), gamma, beta)

    return batch_norm_inference


def _to_infer(rng, rows, spreads, epsilon=1e-3):
    channels, variance = len(spreads), np.square(spreads)
    x = _batch(rng, rows, spreads)
    mean = x.mean(axis=0) + rng.uniform(0.5, 1, channels) * spreads
    return x, *_scale_and_shift(rng, channels), mean, rng.uniform(1.3, 1.6, channels) * variance, epsilon


@code(
    en="Write `batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, epsilon)`, batch normalization in "
    "inference mode, for `x` of shape `(N, C)` and four vectors of shape `(C,)`. Return `y`, shaped like `x`. A row "
    "must get the same result whatever the other rows are, even if it is alone; `epsilon` stands where it stands in "
    "training mode.",
    zh="编写 `batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, epsilon)`，即推断模式下的批量归一化。"
    "`x` 的形状是 `(N, C)`，四个向量的形状都是 `(C,)`。返回 `y`，形状与 `x` 相同。不管其他行是什么，"
    "也不管有没有其他行，同一行的结果都必须一样；`epsilon` 的位置与训练模式相同。",
    cases=[
        Case("5 rows, `epsilon` 0.1", "5 行，`epsilon` 为 0.1", lambda rng: _to_infer(rng, 5, (0.5, 2, 1.5), 0.1)),
        Case(
            "a column with hardly any moving variance",
            "有一列的移动方差极小",
            lambda rng: _to_infer(rng, 4, (1, _SMALL)),
        ),
        Case("3 rows, 3 columns", "3 行 3 列", lambda rng: _to_infer(rng, 3, (1, 2, 0.5))),
        Case("one row", "只有一行", lambda rng: _to_infer(rng, 1, (1, 2, 0.5))),
    ],
    misconceptions=[
        Misconception(
            "training statistics at inference",
            (
                _inference(statistics=lambda x, mean, variance: _of_columns(x)),
                _inference(statistics=lambda x, mean, variance: (x.mean(axis=0), variance)),
                _inference(statistics=lambda x, mean, variance: (mean, x.var(axis=0))),
                _inference(statistics=lambda x, mean, variance: _of_columns(x), divisor=lambda v, epsilon: np.sqrt(v)),
            ),
            en="You compute a statistic from `x`. Then the prediction for a row depends on the rows that happen to be "
            "beside it. Which numbers has the layer kept from training?",
            zh="你用 `x` 算了统计量。这样，一行的预测就取决于碰巧和它在一起的其他行。"
            "训练之后，这一层保留下来的是哪些数？",
        ),
        *_about_the_divisor(lambda divisor: _inference(divisor)),
        *_about_gamma_and_beta(lambda affine: _inference(affine=affine)),
        Misconception(
            "mean not subtracted",
            _inference(statistics=lambda x, mean, variance: (0, variance)),
            en="`moving_mean` has no influence on your result. The columns are scaled, but keep their means.",
            zh="`moving_mean` 对你的结果没有影响。各列缩放了，但均值还在。",
        ),
    ],
    hints=[
        (
            "It is the same calculation as in training mode, but mean and variance are given. Should your function "
            "call `mean` at all?",
            "计算过程与训练模式相同，只是均值和方差已经给出。你的函数里还需要调用 `mean` 吗？",
        ),
        (
            "Subtract the mean, divide by a standard deviation that `epsilon` has kept from being 0, scale, shift: in "
            "this order.",
            "依次做：减去均值，除以一个因为有 `epsilon` 而不会为 0 的标准差，缩放，平移。",
        ),
    ],
    analysis=(
        "All four vectors are fixed, so in inference mode the layer multiplies every column by a number and adds "
        "another: no row depends on the others. The old documentation of Keras left the square root out of its "
        "formula, and code that was copied from it is wrong in the same way.",
        "四个向量都是固定的，所以推断模式下，这一层只是把每一列乘以一个数，再加上一个数：任何一行都不受其他行影响。"
        "Keras 的旧文档在公式里漏掉了平方根，照抄的代码也就跟着错了。",
    ),
)
def batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, epsilon):
    x_hat = (x - moving_mean) / np.sqrt(moving_variance + epsilon)
    return gamma * x_hat + beta


# --- batch_norm_forward ---


def _forward(
    normalized_by=("batch", "moving"),
    updated=(True, False),
    update=update_moving,
    divisor=_root,
    statistics=(_of_columns, _of_columns),
):
    """A wrong implementation; of the first two pairs, one item is for training mode, the other for inference mode.

    statistics : of the batch that normalize it, and that enter the moving averages.
    """

    def batch_norm_forward(x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon):
        mode = 0 if training else 1
        old, batch = (moving_mean, moving_variance), statistics[1](x)
        new = tuple(update(*pair, momentum) for pair in zip(old, batch, strict=True)) if updated[mode] else old
        mean, variance = {"batch": statistics[0](x), "moving": old, "new": new}[normalized_by[mode]]
        return _affine((x - mean) / divisor(variance, epsilon), gamma, beta), *new

    return batch_norm_forward


def _to_forward(rng, rows, spreads, training, epsilon=1e-3):
    *others, epsilon = _to_infer(rng, rows, spreads, epsilon)
    return *others, training, 0.9, epsilon


@code(
    en="Write `batch_norm_forward(x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon)`, both "
    "modes in one function: `x` has the shape `(N, C)`, the four vectors have the shape `(C,)`, and `training` is "
    "`True` or `False`. Return `y, moving_mean, moving_variance`, the last two as they are after this call; do not "
    "write into the arrays that were passed. You may call your earlier functions.",
    zh="编写 `batch_norm_forward(x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon)`，"
    "把两种模式写进一个函数：`x` 的形状是 `(N, C)`，四个向量的形状都是 `(C,)`，`training` 是 `True` 或 `False`。"
    "返回 `y, moving_mean, moving_variance`，后两个是这次调用之后的值；不要改写传入的数组。你可以调用前面写好的函数。",
    returns=("y", "moving_mean", "moving_variance"),
    cases=[
        Case(
            "training mode, `epsilon` 0.1",
            "训练模式，`epsilon` 为 0.1",
            lambda rng: _to_forward(rng, 5, (0.5, 2, 1.5), True, 0.1),
        ),
        Case(
            "inference mode, `epsilon` 0.1",
            "推断模式，`epsilon` 为 0.1",
            lambda rng: _to_forward(rng, 5, (0.5, 2, 1.5), False, 0.1),
        ),
        Case(
            "training mode, a column with hardly any variance",
            "训练模式，有一列的方差极小",
            lambda rng: _to_forward(rng, 4, (1, _SMALL), True),
        ),
        Case("inference mode, one row", "推断模式，只有一行", lambda rng: _to_forward(rng, 1, (1, 2, 0.5), False)),
    ],
    misconceptions=[
        Misconception(
            "train and inference mode swapped",
            (
                _forward(("moving", "batch"), (False, True)),
                _forward(("moving", "batch")),
                _forward(("new", "batch")),
            ),
            en="Each mode normalises with the statistics that belong to the other one. When is there a batch that can "
            "be measured, and when must a row not depend on the others?",
            zh="两种模式各自用了对方的统计量来归一化。什么时候有一个小批量可以用来统计，"
            "什么时候一行的结果又不能受其他行影响？",
        ),
        Misconception(
            "training statistics at inference",
            (_forward(("batch", "batch")), _forward(("batch", "batch"), (True, True))),
            en="In inference mode too you normalise with the statistics of `x`. A single row would then always come "
            "out as `beta`.",
            zh="推断模式下，你仍然用 `x` 的统计量来归一化。这样，只有一行时结果总是 `beta`。",
        ),
        Misconception(
            "moving statistics at training",
            (
                _forward(("moving", "moving")),
                _forward(("new", "moving")),
                _forward(("moving", "moving"), (False, False)),
            ),
            en="In training mode you normalise with the moving averages. They lag behind, and above all they are "
            "constants to the gradient: nothing would keep the batch normalised while the weights change.",
            zh="训练模式下，你用移动平均来归一化。它们总是滞后，更重要的是，对梯度来说它们是常数："
            "权重变化时，就没有什么能让小批量保持归一化了。",
        ),
        Misconception(
            "moving averages updated in inference mode too",
            (_forward(updated=(True, True)), _forward(("batch", "new"), (True, True))),
            en="A call in inference mode changes your moving averages. A prediction must not change the model.",
            zh="推断模式下的调用改变了移动平均。预测不应当改变模型。",
        ),
        Misconception(
            "moving averages never updated",
            _forward(updated=(False, False)),
            en="The moving averages that you return are always those that came in. Then inference mode would work with "
            "the start values forever.",
            zh="你返回的移动平均总是传入时的值。这样，推断模式就永远只能用初始值。",
        ),
        Misconception(
            "moving averages updated in inference mode only",
            _forward(updated=(False, True)),
            en="Your moving averages learn in inference mode and stand still in training mode. It is the other way "
            "round.",
            zh="你的移动平均在推断模式下更新，在训练模式下反而不动。应该反过来。",
        ),
        Misconception("momentum swapped", _forward(update=_swapped), **_SWAPPED_TEXTS),
        Misconception(
            "moving average forgets to keep the old value",
            tuple(_forward(update=update) for update in _FORGOTTEN),
            **_FORGOTTEN_TEXTS,
        ),
        Misconception(
            "unbiased variance",
            tuple(
                _forward(statistics=pair)
                for pair in ((_bessel(0), _bessel(0)), (_of_columns, _bessel(0)), (_bessel(0), _of_columns))
            ),
            en="Somewhere you use the unbiased variance, an estimate for more data than this batch. Keras takes the "
            "variance of the batch itself, for `y` and for the moving average.",
            zh="你在某处用了对总体方差的估计。无论算 `y` 还是算移动平均，Keras 用的都是小批量本身的方差。",
        ),
        *_about_the_divisor(lambda divisor: _forward(divisor=divisor)),
    ],
    hints=[
        (
            "Make a table first: for each mode, which mean and variance normalise, and which moving averages are "
            "returned?",
            "先列一张表：每种模式下，用哪个均值和方差来归一化，返回的移动平均又是什么？",
        ),
        (
            "Only one of the two modes needs `update_moving`, and it gives it the statistics of the batch.",
            "两种模式里只有一种需要 `update_moving`，传给它的是小批量的统计量。",
        ),
    ],
    analysis=(
        "Training mode normalises with the batch and, on the side, lets the moving averages follow it; inference mode "
        "uses them and changes nothing. In training mode they have no influence on `y`, which is why a mistake in them "
        "shows only in the validation loss. Frequent mistakes: one mode for both, and averages that a prediction "
        "changes.",
        "训练模式用小批量的统计量来归一化，顺便让移动平均跟上；推断模式使用移动平均，什么也不改。训练模式下，"
        "移动平均对 `y` 没有影响，所以它们算错了，只有从验证损失里才看得出来。常见错误：两种模式做同样的事；"
        "预测时改变了移动平均。",
    ),
)
def batch_norm_forward(x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon):
    if not training:
        y = batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, epsilon)
        return y, moving_mean, moving_variance
    y, _, mean, variance = batch_norm_train(x, gamma, beta, epsilon)
    moving_mean = update_moving(moving_mean, mean, momentum)
    moving_variance = update_moving(moving_variance, variance, momentum)
    return y, moving_mean, moving_variance


# --- batch_norm_backward ---


def _true_dx(dy, x_hat, inverse_std, gamma):
    return gamma * inverse_std * (dy - dy.mean(axis=0) - x_hat * (dy * x_hat).mean(axis=0))


def _true_sums(dy, x_hat):
    return (dy * x_hat).sum(axis=0), dy.sum(axis=0)


def _backward(dx=_true_dx, sums=_true_sums):
    def batch_norm_backward(dy, cache):
        x_hat, inverse_std, gamma = cache
        return dx(dy, x_hat, inverse_std, gamma), *sums(dy, x_hat)

    return batch_norm_backward


def _means(dy, x_hat):
    return (dy * x_hat).mean(axis=0), dy.mean(axis=0)


def _dx_from(sums):
    """dx from dgamma and dbeta as these `sums` give them."""

    def dx(dy, x_hat, inverse_std, gamma):
        dgamma, dbeta = sums(dy, x_hat)
        return gamma * inverse_std * (dy - dbeta / len(dy) - x_hat * dgamma / len(dy))

    return dx


def _sums_of_rows(dy, x_hat):
    return (dy * x_hat).sum(axis=1), dy.sum(axis=1)


def _exchanged(dy, x_hat):
    return _true_sums(dy, x_hat)[::-1]


def _means_of_rows_subtracted(dy, x_hat, inverse_std, gamma):
    kept = dy - dy.mean(axis=1, keepdims=True)
    return gamma * inverse_std * (kept - x_hat * (dy * x_hat).mean(axis=1, keepdims=True))


def _gradient_and_cache(rng, rows, spreads):
    x, gamma, beta, epsilon = _to_train(rng, rows, spreads)
    cache = batch_norm_train(x, gamma, beta, epsilon)[1]
    # Where the columns of dy sum to 0, the gradient through the mean does not show.
    return rng.standard_normal(x.shape) + rng.uniform(0.5, 1, len(spreads)), cache


@code(
    en="Write `batch_norm_backward(dy, cache)`: `dy`, of shape `(N, C)`, is the gradient of the loss with respect to "
    "the output of `batch_norm_train`, and `cache` is the tuple `x_hat, inverse_std, gamma` of the forward pass, "
    "whatever you kept there yourself, where `y = gamma * x_hat + beta` and `inverse_std` is what `x - mean` was "
    "multiplied by to give `x_hat`. Return `dx, dgamma, dbeta`, the gradients of the loss with respect to `x`, `gamma` "
    "and `beta`, each shaped like its variable. Remember that mean and variance depend on `x` too.",
    zh="编写 `batch_norm_backward(dy, cache)`：`dy` 的形状是 `(N, C)`，是损失对 `batch_norm_train` 输出的梯度；`cache` "
    "是前向传播的元组 `x_hat, inverse_std, gamma`（不管你自己在那里存了什么），其中 `y = gamma * x_hat + beta`，而 "
    "`inverse_std` 是这样的数：用它乘 `x - mean`，就得到 `x_hat`。返回 `dx, dgamma, dbeta`，即损失对 `x`、`gamma` 和 "
    "`beta` 的梯度，形状与各自的变量相同。别忘了，均值和方差也取决于 `x`。",
    returns=("dx", "dgamma", "dbeta"),
    cases=[
        Case("6 rows, any gradient", "6 行，任意梯度", lambda rng: _gradient_and_cache(rng, 6, (0.5, 2, 1))),
        Case("4 rows, 4 columns", "4 行 4 列", lambda rng: _gradient_and_cache(rng, 4, (1, 2, 0.5, 1.5))),
        Case(
            "a column with hardly any variance",
            "有一列的方差极小",
            lambda rng: _gradient_and_cache(rng, 5, (1, _SMALL)),
        ),
        Case("one row", "只有一行", lambda rng: _gradient_and_cache(rng, 1, (1, 1, 1))),
    ],
    misconceptions=[
        Misconception(
            "backward treats the statistics as constants",
            (
                _backward(lambda dy, x_hat, inverse_std, gamma: gamma * inverse_std * dy),
                _backward(lambda dy, x_hat, inverse_std, gamma: inverse_std * dy),
                _backward(lambda dy, x_hat, inverse_std, gamma: gamma * inverse_std * (dy - dy.mean(axis=0))),
                _backward(
                    lambda dy, x_hat, inverse_std, gamma: gamma * inverse_std * (dy - x_hat * (dy * x_hat).mean(axis=0))
                ),
            ),
            en="Your `dx` treats the mean, the variance or both as constants. But they are computed from `x`: if one "
            "value grows, the mean follows and all rows of its column change. What would adding 1 to a whole column "
            "of `x` do to the loss?",
            zh="你的 `dx` 把均值、方差或者两者都当成了常数。可它们是由 `x` 算出来的：一个值变大，均值就跟着变，"
            "这一列的所有行都会受影响。给 `x` 的一整列都加上 1，损失会怎样？",
        ),
        Misconception(
            "gamma forgotten in backward",
            _backward(lambda dy, x_hat, inverse_std, gamma: _true_dx(dy, x_hat, inverse_std, 1)),
            en="`gamma` has no influence on your `dx`. In the forward pass `x_hat` was multiplied by it before it "
            "reached `y`.",
            zh="`gamma` 对你的 `dx` 没有影响。前向传播时，`x_hat` 先乘了它才成为 `y`。",
        ),
        Misconception(
            "inverse_std forgotten in backward",
            _backward(lambda dy, x_hat, inverse_std, gamma: _true_dx(dy, x_hat, 1, gamma)),
            en="`inverse_std` has no influence on your `dx`. The smaller the spread of a column was, the more a change "
            "of `x` was magnified.",
            zh="`inverse_std` 对你的 `dx` 没有影响。一列的离散程度越小，`x` 的变化就被放得越大。",
        ),
        Misconception(
            "dgamma and dbeta averaged instead of summed",
            (_backward(sums=_means), _backward(_dx_from(_means), _means)),
            en="Your `dgamma` and `dbeta` are means over the rows. One `gamma` acts on every row, and each of these "
            "effects counts in full; if the loss is a mean, `dy` already says so.",
            zh="你的 `dgamma` 和 `dbeta` 是对各行取的平均。同一个 `gamma` 作用于每一行，每一份影响都要全部计入；"
            "如果损失是平均值，`dy` 里已经体现了。",
        ),
        Misconception(
            "sums not divided by the number of rows",
            _backward(
                lambda dy, x_hat, inverse_std, gamma: (
                    gamma * inverse_std * (dy - dy.sum(axis=0) - x_hat * (dy * x_hat).sum(axis=0))
                )
            ),
            en="`dgamma` and `dbeta` are right, but in `dx` they weigh N times too much: a single row makes up only "
            "one part in N of the mean.",
            zh="`dgamma` 和 `dbeta` 是对的，但它们在 `dx` 里的分量是应有的 N 倍：单独一行在均值里只占 N 分之一。",
        ),
        Misconception(
            "dgamma and dbeta exchanged",
            (_backward(sums=_exchanged), _backward(_dx_from(_exchanged), _exchanged)),
            en="`dgamma` and `dbeta` have changed places. Which of the two variables is multiplied by `x_hat`?",
            zh="`dgamma` 和 `dbeta` 对调了。这两个变量里，和 `x_hat` 相乘的是哪一个？",
        ),
        Misconception(
            "x_hat forgotten in dgamma",
            _backward(sums=lambda dy, x_hat: (dy.sum(axis=0), dy.sum(axis=0))),
            en="Your `dgamma` does not depend on `x_hat`. A `gamma` that grows moves `y` only where `x_hat` is not 0.",
            zh="你的 `dgamma` 与 `x_hat` 无关。`gamma` 变大时，只有 `x_hat` 不为 0 的地方 `y` 才会变。",
        ),
        Misconception(
            "statistics over the wrong axis",
            (
                _backward(sums=_sums_of_rows),
                _backward(_means_of_rows_subtracted, _sums_of_rows),
                _backward(_means_of_rows_subtracted),
            ),
            en="You sum along the rows. Mean, variance, `gamma` and `beta` belong to a column, and so do their "
            "gradients.",
            zh="你是在每一行内部求和的。均值、方差、`gamma` 和 `beta` 都属于一列，它们的梯度也是。",
        ),
    ],
    hints=[
        (
            "Begin with what is easy: `gamma` and `beta` of a column act on all of its rows, so their gradients "
            "collect something from every row.",
            "先做容易的：一列的 `gamma` 和 `beta` 作用于这一列的所有行，所以它们的梯度要把每一行的贡献收集起来。",
        ),
        (
            "A value of `x` reaches the loss in three ways: directly, through the mean, through the variance. The "
            "last two can be written with `dbeta` and `dgamma`.",
            "`x` 的一个值通过三条路影响损失：直接影响、通过均值、通过方差。后两条可以用 `dbeta` 和 `dgamma` 来表示。",
        ),
        (
            "Check yourself: `y` does not change if a column of `x` is shifted, so every column of `dx` sums to 0. "
            "Which part must be taken away from `dy` for that? And which one, with `x_hat` in it, because stretching "
            "the column hardly changes the result either?",
            "自己检验一下：把 `x` 的一列整体平移，`y` 不变，所以 `dx` 的每一列之和为 0。为此要从 `dy` 里减去哪一部分？"
            "把这一列拉伸，结果也几乎不变；为此又要减去与 `x_hat` 有关的哪一部分？",
        ),
    ],
    analysis=(
        "Shifting a whole column of `x` does not change `y`, and stretching it hardly does, so what `dy` has of either "
        "is taken out: its mean, and the part that goes along with `x_hat`. What is left passes the factor `gamma * "
        "inverse_std`. With one row nothing is left, and `dx` is 0. The most frequent mistake is to keep only the "
        "factor: that can be off by half.",
        "把 `x` 的一整列平移，`y` 不变；拉伸则几乎不变。所以 `dy` 里对应的部分要去掉：一是它的均值，二是与 `x_hat` "
        "同向的部分。剩下的再乘以 `gamma * inverse_std`。只有一行时什么也不剩，`dx` 就是 0。"
        "最常见的错误是只留下这个乘数：误差可能达到一半。",
    ),
)
def batch_norm_backward(dy, cache):
    x_hat, inverse_std, gamma = cache
    n = len(dy)
    dgamma = (dy * x_hat).sum(axis=0)
    dbeta = dy.sum(axis=0)
    dx = gamma * inverse_std * (dy - dbeta / n - x_hat * dgamma / n)
    return dx, dgamma, dbeta


# --- batch_norm_conv ---

_PIXELS = (0, 1, 2)
_of_channels = _over(_PIXELS)


def _conv(statistics=_of_channels, divisor=_root, affine=_affine, returned=_as_they_are):
    def batch_norm_conv(x, gamma, beta, epsilon):
        y, _, mean, variance = _train(statistics, divisor, affine, returned)(x, gamma, beta, epsilon)
        return y, mean, variance

    return batch_norm_conv


def _channels_first(x_hat, gamma, beta):
    return gamma[:, None, None] * x_hat + beta[:, None, None]


def _along(*axes, affine=_affine):
    """What people do who take the statistics over these axes."""
    return (
        _conv(_over(axes), affine=affine),
        _conv(_by_hand_over(axes), affine=affine),
        _conv(_over(axes, keepdims=True), affine=affine),
        _conv(_over(axes, keepdims=True), affine=affine, returned=_flat),
    )


def _images(rng, shape, spreads, epsilon=1e-3):
    rows, channels = int(np.prod(shape)), len(spreads)
    x = _batch(rng, rows, spreads).reshape(*shape, channels)
    return x, *_scale_and_shift(rng, channels), epsilon


@code(
    en="Write `batch_norm_conv(x, gamma, beta, epsilon)`, batch normalization in training mode after a convolution: "
    "`x` has the shape `(N, H, W, C)`, images with the channels last, and each channel has one `gamma` and one `beta`. "
    "Return `y, mean, variance`: `y` shaped like `x`, and the statistics of this batch, both of shape `(C,)`.",
    zh="编写 `batch_norm_conv(x, gamma, beta, epsilon)`，即训练模式下、卷积之后的批量归一化：`x` 的形状是 "
    "`(N, H, W, C)`，是通道在最后的图像，每个通道各有一个 `gamma` 和一个 `beta`。返回 `y, mean, variance`："
    "`y` 的形状与 `x` 相同，另外两个是这个小批量的统计量，形状都是 `(C,)`。",
    returns=("y", "mean", "variance"),
    cases=[
        Case(
            "3 images of 2 x 4 pixels, `epsilon` 0.1",
            "3 张 2 x 4 像素的图像，`epsilon` 为 0.1",
            lambda rng: _images(rng, (3, 2, 4), (0.5, 2), 0.1),
        ),
        Case(
            "3 images of 3 x 3 pixels, 3 channels",
            "3 张 3 x 3 像素的图像，3 个通道",
            lambda rng: _images(rng, (3, 3, 3), (0.5, 2, 1)),
        ),
        Case(
            "one image, a channel with hardly any variance",
            "只有一张图像，有一个通道的方差极小",
            lambda rng: _images(rng, (1, 2, 3), (1, _SMALL)),
        ),
    ],
    misconceptions=[
        Misconception(
            "conv statistics per pixel",
            _along(0),
            en="You have a mean and a variance for every pixel. A convolution does the same at every pixel, so all "
            "the pixels of a channel belong together, in all images.",
            zh="你给每个像素都算了一个均值和一个方差。卷积在每个像素上做的事都一样，所以同一个通道在所有图像"
            "里的所有像素，应当放在一起统计。",
        ),
        Misconception(
            "statistics per image",
            _along(1, 2),
            en="You normalise every image by itself. That is instance normalization; here the images of a batch belong "
            "together.",
            zh="你让每张图像自己归一化。那是实例归一化；这里，小批量里的各张图像应当放在一起统计。",
        ),
        Misconception(
            "statistics of the whole array",
            (
                _conv(_over(None)),
                _conv(_over(None, keepdims=True)),
                _conv(_over(None, keepdims=True), returned=_flat),
                _conv(_filled),
            ),
            en="You take one mean and one variance of the whole array. Every channel is a feature of its own, and each "
            "has its own mean.",
            zh="你对整个数组只算了一个均值和一个方差。每个通道都是一个单独的特征，各有各的均值。",
        ),
        Misconception(
            "statistics over the wrong axis",
            (*_along(0, 2, 3), *_along(0, 2, 3, affine=_channels_first), *_along(3), *_along(1, 2, 3)),
            en="The channels are not where you look for them: your statistics mix them. In Keras a channel is the last "
            "axis; in PyTorch it comes right after the axis of the images.",
            zh="通道不在你找的那个轴上：你的统计量把不同的通道混在了一起。在 Keras 里，通道是最后一个轴；"
            "在 PyTorch 里，它紧跟在图像那个轴之后。",
        ),
        *_about_the_divisor(lambda divisor: _conv(divisor=divisor)),
        Misconception(
            "unbiased variance",
            (_conv(_bessel(_PIXELS)), _conv(returned=lambda x, m, v, epsilon: _bessel(_PIXELS)(x))),
            en="One of your variances is the unbiased one, an estimate for more data than this batch. Keras takes the "
            "variance of the batch itself.",
            zh="你用到的方差，有一个是对总体方差的估计。Keras 用的是小批量本身的方差。",
        ),
        *_about_gamma_and_beta(lambda affine: _conv(affine=affine)),
    ],
    hints=[
        (
            "How many means do you want in the end? All the axes that do not count them are averaged over.",
            "最后要得到几个均值？凡是不用来区分这些均值的轴，都要取平均。",
        ),
        (
            "`axis` may be a tuple. Or make an array with one column per channel, use what you have, and give the "
            "result its old shape back.",
            "`axis` 可以是元组。或者先变成每个通道一列的数组，用已经写好的函数，再把结果变回原来的形状。",
        ),
    ],
    analysis=(
        "With the channels last, every pixel of every image is a row of a table with C columns, and the rest is "
        "`batch_norm_train`; a channel has `N * H * W` values. That is why batch normalization after a convolution "
        "works even for one image. Frequent mistakes: averaging over `axis=0` only, and axes for channels first.",
        "通道在最后时，每张图像的每个像素就是一张 C 列表格里的一行，其余与 `batch_norm_train` 一样；"
        "一个通道有 `N * H * W` 个值。所以卷积之后的批量归一化，哪怕只有一张图像也能用。常见错误：只沿 `axis=0` "
        "取平均；用了通道在前的那些轴。",
    ),
)
def batch_norm_conv(x, gamma, beta, epsilon):
    mean = x.mean(axis=(0, 1, 2))
    variance = ((x - mean) ** 2).mean(axis=(0, 1, 2))
    y = gamma * (x - mean) / np.sqrt(variance + epsilon) + beta
    return y, mean, variance


# --- mended_model ---

SCALES_MATTER = Quantity(
    "the outputs change when every feature is multiplied by a number of its own (training mode)",
    "把每个特征各乘以一个数，输出就会改变（训练模式）",
)
LAST_LAYER_IN_VAIN = Quantity(
    "weights of the last dense layer that are 10 times as large change nothing (training mode)",
    "把最后一个全连接层的权重放大到 10 倍，输出不变（训练模式）",
)


def _behaviour_in_training(model, rng):
    row_shape = tuple(size or 1 for size in model.input_shape[1:])
    # So large that epsilon does not count in any of the features.
    x = (10 * rng.standard_normal((64, *row_shape))).astype(np.float32)
    factors = rng.permutation(np.geomspace(1, 1000, x[0].size)).reshape(row_shape).astype(np.float32)
    y, again, rescaled = (outputs(model, rows, training=True) for rows in (x, x, x * factors))
    # Dropout, if somebody has put it in, changes the outputs as well.
    limit = 0.1 * y.std() + 2 * np.abs(again - y).max()
    weights = model.get_weights()
    last = max((number for number, weight in enumerate(weights) if weight.ndim == 2), default=None)
    model.set_weights([weight * 10 if number == last else weight for number, weight in enumerate(weights)])
    enlarged = outputs(model, x, training=True)
    return {
        SCALES_MATTER: bool(np.abs(rescaled - y).max() > limit),
        LAST_LAYER_IN_VAIN: bool(np.abs(enlarged - y).max() < limit),
    }


def _stack(*before, before_activation=False, last=False, output=None):
    """before : whether there is batch normalization before each of the four dense layers."""
    import keras

    layers = [keras.Input((8,))]
    for units, normalized in zip((512, 512, 512, 1), before, strict=True):
        layers += [keras.layers.BatchNormalization()] if normalized else []
        layers += [keras.layers.Dense(units)]
        layers += [keras.layers.BatchNormalization()] if before_activation and units > 1 else []
        layers += [keras.layers.ReLU()] if units > 1 else []
    layers += [keras.layers.BatchNormalization()] if last else []
    layers += [keras.layers.Activation(output)] if output else []
    return keras.Sequential(layers)


@model(
    en="Write `mended_model()`, which builds a Keras model for the 8 features of concrete as they are, not "
    "standardised: three dense layers of 512 units with ReLU and one unit without activation, and a "
    "`BatchNormalization` layer, with the default arguments, directly before each of these four dense layers.",
    zh="编写 `mended_model()`，为混凝土数据的 8 个特征（原始数据，没有标准化）构建一个 Keras 模型："
    "三个各有 512 个单元的全连接层（用 ReLU）和 1 个单元（不用激活函数）；这四个全连接层，每一层之前都紧挨着放一个 "
    "`BatchNormalization` 层，参数都取默认值。",
    observe=_behaviour_in_training,
    misconceptions=[
        Misconception(
            "batch norm missing on the input",
            lambda: _stack(False, True, True, True),
            en="The outputs depend on the units in which the features are measured: the first dense layer receives "
            "them raw. Batch normalization after it comes too late: the largest feature has already drowned the "
            "others.",
            zh="输出取决于各个特征的单位：第一个全连接层收到的是原始特征。在它之后再做批量归一化已经太晚："
            "数值最大的特征早就盖过了其他特征。",
            by=(SCALES_MATTER,),
        ),
        Misconception(
            "batch norm after the output layer",
            lambda: _stack(True, True, True, True, last=True),
            en="The outputs in training mode hardly depend on the size of the last weights: the predictions themselves "
            "are normalised by their batch. The strength of one mix of concrete must not depend on the other mixes in "
            "the batch.",
            zh="训练模式下，输出几乎不受最后一层权重大小的影响：预测值本身被所在的小批量归一化了。"
            "一份混凝土的强度，不应取决于同一个小批量里的其他混凝土。",
            by=(LAST_LAYER_IN_VAIN,),
        ),
        Misconception(
            "batch norm between a layer and its activation",
            lambda: _stack(True, False, False, False, before_activation=True),
            en="The number of layers is right, but three of the batch normalization layers stand between a dense layer "
            "and its ReLU. That is a known placement too; here the layers should receive what comes out of the ReLU.",
            zh="层数是对的，但有三个批量归一化层放在了全连接层和它的 ReLU 之间。这也是一种常见的放法；"
            "而这里，它们收到的应当是 ReLU 的输出。",
            by=(PREDICTIONS,),
        ),
        Misconception(
            "softmax on one unit",
            lambda: _stack(True, True, True, True, output="softmax"),
            en="Every output is 1: softmax makes the outputs of a row add up to 1, and here a row has only one.",
            zh="每个输出都是 1：softmax 让一行的各个输出加起来等于 1，而这里一行只有一个输出。",
            by=(PREDICTIONS,),
        ),
        Misconception(
            "ReLU on the output layer",
            lambda: _stack(True, True, True, True, output="relu"),
            en="The output layer cannot give a negative number: it has a ReLU. No strength of concrete is negative, "
            "but where the ReLU gives 0 there is no gradient either, and the network cannot mend such a prediction.",
            zh="输出层给不出负数：它后面有 ReLU。混凝土的强度确实不会是负数，但 ReLU 输出 0 的地方也没有梯度，"
            "网络无法修正这样的预测。",
            by=(PREDICTIONS,),
        ),
    ],
    hints=[
        (
            "`keras.Input`, then four pairs. What is the first layer that the raw features meet?",
            "先写 `keras.Input`，再写四对层。原始特征最先遇到的是哪一层？",
        ),
        (
            "Each pair is `BatchNormalization` and `Dense`, in this order; with ReLU as an argument of the first "
            "three dense layers nothing can come between.",
            "每一对依次是 `BatchNormalization` 和 `Dense`；把 ReLU 写成前三个全连接层的参数，中间就不会插进别的层。",
        ),
    ],
    analysis=(
        "The first `BatchNormalization` does inside the network what a scaler does outside: after it every feature has "
        "the same scale, so SGD no longer breaks on the raw data. The other three keep it so from layer to layer. None "
        "comes after the output, which has to be able to reach any strength.",
        "第一个 `BatchNormalization` 在网络内部完成了外部标准化要做的事：经过它之后，各个特征的尺度相同，SGD 就不会再"
        "因为原始数据而失败。另外三个让后面各层的输入也保持这样。输出之后没有，因为输出必须能取到任何强度值。",
    ),
)
def mended_model():
    import keras

    return keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1),
        ]
    )


# --- parameters_of_batch_norm ---


@prediction(
    en="How many parameters does a `BatchNormalization` layer over 512 units add, and how many of them are trained by "
    "gradients?",
    zh="作用于 512 个单元的 `BatchNormalization` 层会增加多少个参数？其中有多少个由梯度来训练？",
    choices={
        "A": Choice(
            en="2, both trained: one scale and one shift for the layer.",
            zh="2 个，都参与训练：整层一个缩放、一个平移。",
            en_why="Each unit has a scale and a shift of its own: units of different size need different ones.",
            zh_why="每个单元都有自己的缩放和平移：大小不同的单元需要不同的值。",
        ),
        "B": Choice(
            en="1024, all trained: a scale and a shift for each unit.",
            zh="1024 个，都参与训练：每个单元一个缩放、一个平移。",
            en_why="These are the trained ones. But the layer must also remember what it needs in inference mode, when "
            "there may be no batch to measure.",
            zh_why="这些是参与训练的。但这一层还要记住推断模式下需要的东西，那时可能没有小批量可以统计。",
        ),
        "C": Choice(
            en="2048, of which 1024 are trained.",
            zh="2048 个，其中 1024 个参与训练。",
            en_why="There are four vectors of 512 numbers: gamma and beta follow the gradient, the moving mean and the "
            "moving variance follow the batches.",
            zh_why="一共有四个长度为 512 的向量：gamma 和 beta 由梯度更新，移动均值和移动方差随小批量更新。",
        ),
        "D": Choice(
            en="2048, all trained.",
            zh="2048 个，都参与训练。",
            en_why="The number is right. But two of the four vectors are averages of what was seen; no gradient "
            "changes them.",
            zh_why="总数是对的。但四个向量里有两个是对所见数据的平均，梯度不会改变它们。",
        ),
    },
    right="C",
    hints=[
        (
            "List what inference mode needs for one unit. Which of these numbers does the optimizer change?",
            "列出推断模式下一个单元需要哪些数。其中哪些由优化器来改变？",
        ),
    ],
)
def parameters_of_batch_norm():
    import keras

    layer = keras.layers.BatchNormalization()
    layer.build((None, 512))
    trained = sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
    return {
        Quantity("number of parameters", "参数个数"): layer.count_params(),
        Quantity("number of them that are trained", "其中参与训练的个数"): trained,
    }
