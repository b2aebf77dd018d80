"""Unit 07, your own predictor: from the flat list of weights to predictions without Keras, and batch norm folded."""

from functools import cache

import numpy as np

from helpers.exercises.engine.judge import Case, Misconception, Quantity, Violation
from helpers.exercises.engine.models import layers_of, outputs
from helpers.exercises.engine.question import Choice, code, prediction
from helpers.exercises.red_wine import random_weights
from helpers.language import Bilingual

# --- nets for the cases ---


def _grouped(weights):
    return [tuple(weights[k : k + 6]) for k in range(0, len(weights) - 2, 6)], tuple(weights[-2:])


def _net(skipped=(), norm=None, output=lambda y: y):
    """A prediction with slips: a block without ReLU, another normalisation, something behind the output."""

    def forward(x, blocks, output_layer, epsilon):
        for k, (kernel, bias, *four) in enumerate(blocks):
            x = x @ kernel + bias
            x = x if k in skipped else np.maximum(x, 0)
            x = (norm or _normalised)(x, *four, epsilon)
        return output(x @ output_layer[0] + output_layer[1])

    return forward


def _normalised(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def _by_variance(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - mean) / (variance + epsilon) + beta


def _by_variance_without_epsilon(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - mean) / variance + beta


def _epsilon_forgotten(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - mean) / np.sqrt(variance) + beta


def _epsilon_outside(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - mean) / (np.sqrt(variance) + epsilon) + beta


def _fixed_epsilon(x, gamma, beta, mean, variance, epsilon):
    return _normalised(x, gamma, beta, mean, variance, 0.001)


def _of_these_rows(x, gamma, beta, mean, variance, epsilon):
    return _normalised(x, gamma, beta, x.mean(axis=0), x.var(axis=0), epsilon)


def _exchanged(x, gamma, beta, mean, variance, epsilon):
    return _normalised(x, beta, gamma, mean, variance, epsilon)


def _no_norm(x, gamma, beta, mean, variance, epsilon):
    return x


def _ones(y):
    return np.ones_like(y)


def _relu(y):
    return np.maximum(y, 0)


def _relu_behind_norm(x, blocks, output, epsilon):
    for kernel, bias, *four in blocks:
        x = np.maximum(_normalised(x @ kernel + bias, *four, epsilon), 0)
    return x @ output[0] + output[1]


# --- extract_parameters ---


def _regrouped(*order):
    """An extract_parameters that takes the six arrays of a block in another order."""

    def extract(weights):
        blocks, output = _grouped(weights)
        return [tuple(block[k] for k in order) for block in blocks], output

    return extract


@code(
    en="Write `extract_parameters(weights)`, which returns `blocks, output`. `weights` is the flat list that "
    "`get_weights()` gives for any number of blocks `[Dense, Dropout, BatchNormalization]` and a last dense layer. "
    "`blocks` is a list with a tuple for each block: `kernel`, `bias`, `gamma`, `beta`, `moving_mean`, "
    "`moving_variance`; `output` is the tuple of `kernel` and `bias` of the last layer.",
    zh="编写 `extract_parameters(weights)`，返回 `blocks, output`。`weights` 是 `get_weights()` 给出的列表，对应任意多"
    "个模块 `[Dense, Dropout, BatchNormalization]` 和最后一个全连接层。`blocks` 是一个列表，每个模块对应一个元组："
    "`kernel`、`bias`、`gamma`、`beta`、`moving_mean`、`moving_variance`；`output` 是最后一层的 `kernel` 和 `bias` "
    "组成的元组。",
    returns=("blocks", "output"),
    cases=[
        Case("two blocks", "两个模块", lambda rng: (random_weights(rng, (3, 5, 4)),)),
        Case("one block", "一个模块", lambda rng: (random_weights(rng, (4, 3)),)),
        Case("three blocks of equal size", "三个大小相同的模块", lambda rng: (random_weights(rng, (3, 3, 3, 3)),)),
    ],
    misconceptions=[
        Misconception(
            "output layer taken for a block",
            (
                lambda weights: ([tuple(weights[k : k + 6]) for k in range(0, len(weights), 6)], tuple(weights[-2:])),
                lambda weights: [tuple(weights[k : k + 6]) for k in range(0, len(weights), 6)],
            ),
            en="Your list has one block too many: the last layer has landed in it. How many arrays does that layer "
            "have, and does a batch normalization follow it?",
            zh="你的列表里多了一个模块：最后一层也被放了进去。那一层有几个数组？它后面有批量归一化吗？",
        ),
        Misconception(
            "output layer forgotten",
            lambda weights: _grouped(weights)[0],
            en="Your function returns the blocks only. Where does the last dense layer get its numbers from?",
            zh="你的函数只返回了各个模块。最后一个全连接层的数从哪里来？",
        ),
        Misconception(
            "trained and moving vectors confused",
            _regrouped(0, 1, 4, 5, 2, 3),
            en="The vectors that are trained and the moving statistics have changed places. In which order does Keras "
            "list the weights of a batch normalization layer?",
            zh="参与训练的向量和移动统计量换了位置。Keras 按什么顺序列出批量归一化层的权重？",
        ),
        Misconception(
            "gamma and beta exchanged",
            (_regrouped(0, 1, 3, 2, 4, 5), _regrouped(0, 1, 3, 2, 5, 4)),
            en="Scale and shift have changed places. Which of the two is 1 everywhere in a new layer?",
            zh="缩放和平移换了位置。在新建的层里，这两个向量哪一个的初始值处处为 1？",
        ),
        Misconception(
            "moving mean and moving variance exchanged",
            _regrouped(0, 1, 2, 3, 5, 4),
            en="Moving mean and moving variance have changed places. Only one of the two can never be negative.",
            zh="移动均值和移动方差换了位置。两者之中，只有一个永远不会是负数。",
        ),
    ],
    hints=[
        (
            "Print the shapes of a list from `get_weights()`: which arrays are matrices, and how far apart do they "
            "stand?",
            "打印 `get_weights()` 列表中各数组的形状：哪些是矩阵？它们之间隔多远？",
        ),
        (
            "Dropout has no weights at all. So how many arrays belong to one block, and how many are left at the end?",
            "暂退层没有任何权重。那么一个模块有几个数组，末尾还剩几个？",
        ),
        (
            "Take away the last two arrays, then cut the rest into slices of equal length with `range` and a step.",
            "先取走最后两个数组，再用带步长的 `range`，把其余的切成等长的几段。",
        ),
    ],
    analysis=(
        "A block has six arrays: two of the dense layer and four of batch normalization; dropout has none. Slices of "
        "six work for any number of blocks once the last two arrays are set aside. Shapes do not warn when two of the "
        "four vectors change places, since all four are equally long; only a wrong prediction does.",
        "一个模块有六个数组：全连接层两个，批量归一化四个，暂退层没有。先把最后两个数组放到一边，每六个切一段，"
        "就适用于任意多个模块。四个向量一样长，其中两个换了位置，从形状上看不出来，只有预测出错时才会发现。",
    ),
)
def extract_parameters(weights):
    *hidden, kernel, bias = weights
    blocks = [tuple(hidden[k : k + 6]) for k in range(0, len(hidden), 6)]
    return blocks, (kernel, bias)


# --- predict ---


def _prediction_case(rng, rows, sizes, epsilon):
    """Arguments of `predict`; of several rows, half of the outputs are negative, which a ReLU would change."""
    x, weights = rng.standard_normal((rows, sizes[0])), random_weights(rng, sizes)
    blocks, (kernel, bias) = _grouped(weights)
    middle = np.median(predict(x, blocks, (kernel, bias), epsilon)) if rows > 1 else 0
    return x, blocks, (kernel, bias - middle), epsilon


def _hardly_any_variance(rng):
    x, blocks, output, epsilon = _prediction_case(rng, 6, (3, 4), 0.001)
    *others, moving_variance = blocks[0]
    return x, [(*others, moving_variance * 0.02)], output, epsilon


@code(
    en="Write `predict(x, blocks, output, epsilon)`, which returns `y`: what the trained network predicts, with "
    "nothing but NumPy. `blocks` and `output` are what `extract_parameters` returns; each block is a dense layer with "
    "ReLU, dropout and batch normalization in inference mode, the last layer is linear. `x` has the shape `(N, D)`, "
    "`y` has `(N, 1)`; a single row must work, and `epsilon` is that of batch normalization.",
    zh="编写 `predict(x, blocks, output, epsilon)`，只用 NumPy 算出训练好的网络的预测 `y`。`blocks` 和 `output` 就是 "
    "`extract_parameters` 返回的内容；每个模块依次是带 ReLU 的全连接层、暂退法、批量归一化（都在推断模式下），最后一"
    "层是线性的。`x` 的形状是 `(N, D)`，`y` 的形状是 `(N, 1)`；只有一行也必须能算，`epsilon` 是批量归一化的 epsilon。",
    cases=[
        Case("two blocks, 6 rows", "两个模块，6 行", lambda rng: _prediction_case(rng, 6, (3, 5, 4), 0.001)),
        Case("one block, one row", "一个模块，一行数据", lambda rng: _prediction_case(rng, 1, (3, 4), 0.001)),
        Case("units with hardly any variance", "方差极小的单元", _hardly_any_variance),
        Case("epsilon 0.02", "epsilon 为 0.02", lambda rng: _prediction_case(rng, 4, (3, 4), 0.02)),
    ],
    misconceptions=[
        Misconception(
            "softmax on one unit",
            _net(output=_ones),
            en="Every prediction is 1: softmax makes the outputs of a row add up to 1, and here each row has only one.",
            zh="每个预测都是 1：softmax 使一行的各个输出加起来等于 1，而这里每行只有一个输出。",
        ),
        Misconception(
            "ReLU on the output layer",
            _net(output=_relu),
            en="No prediction is negative: the last layer has a ReLU too. What is said about the last layer in the "
            "question?",
            zh="没有一个预测是负数：最后一层也用了 ReLU。题目对最后一层是怎么说的？",
        ),
        Misconception(
            "divided by variance",
            (_net(norm=_by_variance), _net(norm=_by_variance_without_epsilon)),
            en="You divide by the variance. After such a division a unit with a large spread has a small one, not the "
            "spread 1. What has the same unit of measurement as `x`?",
            zh="你除以的是方差。这样一除，原来离散程度大的单元，"
            "离散程度会变得很小，而不是变成 1。哪个量和 `x` 的单位相同？",
        ),
        Misconception(
            "epsilon forgotten",
            _net(norm=_epsilon_forgotten),
            en="Your predictions are those of a network without epsilon. For a unit that hardly varies that is a large "
            "difference, and the layers after it were trained with epsilon.",
            zh="你的预测没有用到 epsilon。对于几乎不变的单元，差别很大，而后面的层是在有它的情况下训练的。",
        ),
        Misconception(
            "epsilon outside the root",
            _net(norm=_epsilon_outside),
            en="You add epsilon after taking the root, to the standard deviation. There it acts differently, above all "
            "where a unit hardly varies; to which quantity does it belong?",
            zh="你在开方之后才加上 epsilon，加到了标准差上。在那里它的作用不同，单元的值几乎不变时尤其明显；它应当加在"
            "哪个量上？",
        ),
        Misconception(
            "epsilon is not the one given",
            _net(norm=_fixed_epsilon),
            en="With epsilon 0.001 your predictions are right, with another one they are not. A default of Keras is "
            "not a law.",
            zh="epsilon 为 0.001 时你的预测是对的，换一个就不对了。Keras 的默认值并不是定律。",
        ),
        Misconception(
            "training statistics at inference",
            _net(norm=_of_these_rows),
            en="You normalise with mean and variance of the rows to predict. A single row then always gets the same "
            "prediction, whatever stands in it.",
            zh="你用待预测的这些行的均值和方差做归一化。这样一来，只有一行时，无论里面是什么，预测都一样。",
        ),
        Misconception(
            "batch norm left out",
            _net(norm=_no_norm),
            en="Your predictor leaves batch normalization out, as it may do with dropout. But the layers after it were "
            "trained on what it hands on.",
            zh="你的预测代码像省掉暂退法那样，把批量归一化也省掉了。但后面的层是用它的输出训练的。",
        ),
        Misconception(
            "a ReLU is skipped",
            (_net(skipped=(0,)), _net(skipped=(1,)), _net(skipped=(0, 1))),
            en="At least one block has no ReLU. In the list of weights an activation leaves no trace; the code must "
            "know of it.",
            zh="至少有一个模块没有 ReLU。激活函数在权重列表里不留痕迹，只能由代码记住它。",
        ),
        Misconception(
            "ReLU behind batch norm",
            _relu_behind_norm,
            en="You apply the ReLU to what batch normalization hands on. In these blocks the activation is a part of "
            "the dense layer.",
            zh="你把 ReLU 用在了批量归一化的输出上。在这些模块里，激活函数是全连接层的一部分。",
        ),
        Misconception(
            "gamma and beta exchanged",
            _net(norm=_exchanged),
            en="You scale by `beta` and shift by `gamma`. Which is which in the tuple?",
            zh="你用 `beta` 缩放，用 `gamma` 平移。元组里哪个是哪个？",
        ),
    ],
    hints=[
        (
            "Go through the blocks one after the other; what one hands on is the `x` of the next.",
            "逐个处理各个模块；前一个的输出，就是下一个的 `x`。",
        ),
        (
            "In inference mode one of the three layers of a block does nothing. Which four vectors does another one "
            "need?",
            "推断模式下，一个模块的三层里有一层什么也不做。另外有一层要用到四个向量，是哪四个？",
        ),
        (
            "The moving variance is a variance. What makes a standard deviation of it, and where does Keras protect "
            "that step from a division by almost zero?",
            "移动方差是方差。怎样由它得到标准差？Keras 又在哪一处防止除以几乎为零的数？",
        ),
    ],
    analysis=(
        "Dropout and the batch size leave no trace in a predictor; batch normalization does, with four vectors a "
        "block. The standard deviation is the root of variance and epsilon together, and the moving statistics make "
        "each row independent of the others. Frequent mistakes: a missing root, batch normalization left out like "
        "dropout, and an activation forgotten, because `get_weights()` does not mention it.",
        "在预测代码里，暂退法和批量大小不留痕迹；批量归一化则会留下："
        "每个模块有四个向量。标准差是方差与 epsilon 之和的平"
        "方根；用了移动统计量，各行互不影响。常见错误：漏掉开方；把批量归一化像暂退法一样省掉；忘了激活函数，因为 "
        "`get_weights()` 里看不到它。",
    ),
)
def predict(x, blocks, output, epsilon):
    for kernel, bias, gamma, beta, moving_mean, moving_variance in blocks:
        x = np.maximum(x @ kernel + bias, 0)
        x = gamma * (x - moving_mean) / np.sqrt(moving_variance + epsilon) + beta
    kernel, bias = output
    return x @ kernel + bias


# --- agrees ---


def _flat(*args, norms=(), **slips):
    """A prediction from the flat list, with slips; norms : that of the first and of the second block."""

    def from_list(x, weights, epsilon):
        left = list(norms)

        def norm(*arguments):
            return (left.pop(0) if left else _normalised)(*arguments)

        return _net(*args, norm=norm, **slips)(x, *_grouped(weights), epsilon)

    return from_list


def _in_double(x, weights, epsilon):
    return _flat()(np.float64(x), [np.float64(array) for array in weights], epsilon)


def _features_exchanged(x, weights, epsilon):
    return _flat()(np.asarray(x)[:, ::-1], weights, epsilon)


@cache
def _two_blocks():
    """One model for all cases: they set its weights, and a compiled `predict` is not compiled again."""
    return _trained_model(np.random.default_rng(0), (3, 6, 5))[0]


def _verdict_case(en, zh, predictor):
    """A predictor and a model with weights as after training, which predicts grades like those of wine.

    Every fault shows in any row, zeros too, but for those that take several rows or different features to see.
    """

    def arguments(rng):
        weights, model = random_weights(rng, (3, 6, 5)), _two_blocks()
        hidden = _normalised(np.maximum(weights[1], 0), *weights[2:6], 0.001)
        weights[7] = np.array([0.5, -0.5, 0.3, -0.4, 0.2]) - hidden @ weights[6]  # of a row of zeros, before the ReLU
        y = _flat()(rng.standard_normal((500, 3)), weights, 0.001)
        weights[13] = 5 + (weights[13] - y.mean()) / y.std()
        weights[12] = weights[12] / y.std()
        model.set_weights(weights)
        return predictor, model

    return Case(en, zh, arguments, _verdict)


VERDICT = Quantity("what `agrees` returns", "`agrees` 的返回值")
MOVED = Quantity("the weights of the model have changed", "模型的权重变了")


def _verdict(agrees, predictor, model):
    before = model.get_weights()
    return {
        VERDICT: agrees(predictor, model),
        MOVED: not all(map(np.array_equal, before, model.get_weights())),
    }


def _rows(features):
    return np.random.default_rng(1).standard_normal((20, features)).astype(np.float32)


def _careless(rows=_rows, training=False, same=lambda y, right: np.allclose(y, right, atol=1e-4)):
    """An agrees with slips: other rows, Keras in training mode, another comparison."""

    def agrees(predictor, model):
        weights = model.get_weights()
        x = rows(len(weights[0]))
        return same(predictor(x, weights, 0.001), outputs(model, x, training))

    return agrees


def _both_ways(**slips):
    """Such a test, with the shapes compared too and without."""
    unlike = _careless(**slips)
    return unlike, lambda predictor, model: unlike(_flat_refused(predictor), model)


def _flat_refused(predictor):
    def with_two_axes(*arguments):
        y = predictor(*arguments)
        return y if y.ndim == 2 else np.full(len(y), np.nan)

    return with_two_axes


@code(
    en="Write a test: `agrees(predictor, model)` returns `True` if `predictor(x, weights, epsilon)` predicts what the "
    "Keras `model` predicts, otherwise `False`. You choose the rows `x` yourself; `weights` are those of "
    "`model.get_weights()`, epsilon is 0.001. The trained model has two blocks and one output unit; take the number of "
    "features from it. Rounding in float32 is no fault; a shape other than `(N, 1)` is one. Your test is given right "
    "predictors and predictors with one fault each.",
    zh="编写一个测试：如果 `predictor(x, weights, epsilon)` 的预测与 Keras 模型 `model` 相同，"
    "`agrees(predictor, model)` 就返回 `True`，否则返回 `False`。数据 `x` 由你自己选；`weights` 就是 "
    "`model.get_weights()` 给出的列表，epsilon 取 0.001。训练好的模型有两个模块和一个输出单元；特征数要从模型里读取。"
    "float32 的舍入误差不算错；形状不是 `(N, 1)` 则算错。你的测试会遇到正确的预测代码，"
    "也会遇到各有一处错误的预测代码。",
    returns=("agrees",),
    seconds=30,
    cases=[
        _verdict_case("a right predictor in float64", "float64 的正确预测代码", _in_double),
        _verdict_case(
            "a right predictor in float32", "float32 的正确预测代码", lambda *given: np.float32(_in_double(*given))
        ),
        _verdict_case("predictions slightly too high", "预测略微偏高", _flat(output=lambda y: y + 0.02)),
        _verdict_case("the same prediction for every row", "每一行的预测都一样", _flat(output=_ones)),
        _verdict_case("a fault in one block", "一个模块里有错", _flat(skipped=(1,))),
        _verdict_case("a fault in both blocks", "两个模块里都有错", _flat(norms=(_by_variance, _by_variance))),
        _verdict_case("features in the wrong order", "特征的顺序不对", _features_exchanged),
        _verdict_case(
            "errors that cancel on average",
            "平均起来相互抵消的误差",
            _flat(output=lambda y: y + np.linspace(-1, 1, len(y))[:, None]),
        ),
        _verdict_case("rows in the wrong order", "各行的顺序不对", _flat(output=lambda y: y[::-1])),
        _verdict_case("predictions of shape `(N,)`", "预测的形状是 `(N,)`", _flat(output=lambda y: y[:, 0])),
    ],
    misconceptions=[
        Misconception(
            "tolerance too large",
            _both_ways(same=lambda y, right: np.allclose(y, right, atol=0.1)),
            en="A predictor whose predictions are all slightly too high passes your test. Compare your tolerance with "
            "the differences that rounding makes.",
            zh="有一份预测代码的预测都略微偏高，却通过了你的测试。请把你允许的误差与舍入造成的差别比一比。",
        ),
        Misconception(
            "compared in training mode",
            _careless(training=True),
            en="You compare with the model in training mode, and its moving statistics change while you look. In which "
            "mode does a network predict?",
            zh="你比较的是训练模式下的模型，比较时它的移动统计量还在变。网络做预测时用的是哪种模式？",
        ),
        Misconception(
            "(N,) minus (N, 1)",
            _careless(same=lambda y, right: np.allclose(y, right[:, 0], atol=1e-4)),
            en="Right predictors fail your test, and one that returns shape `(N,)` passes. What shape does the "
            "difference of `(N, 1)` and `(N,)` have?",
            zh="正确的预测代码没有通过你的测试，返回形状 `(N,)` 的却通过了。`(N, 1)` 与 `(N,)` 相减，差的形状是什么？",
        ),
        Misconception(
            "equality to the last digit",
            _careless(same=np.array_equal),
            en="Right predictors fail your test too. The same sum, computed in two ways, differs in its last digits; "
            "what does your test ask of those?",
            zh="正确的预测代码也没有通过你的测试。同一个和，用两种方式计算，末几位会不同；你的测试对这几位有什么要求？",
        ),
        Misconception(
            "only means compared",
            _both_ways(same=lambda y, right: abs(y.mean() - right.mean()) < 1e-4),
            en="A predictor with errors that cancel on average passes your test. How many numbers do you compare in "
            "the end?",
            zh="有一份预测代码的误差平均起来相互抵消，它通过了你的测试。你最后比较了几个数？",
        ),
        Misconception(
            "rows without differences",
            (
                *_both_ways(rows=lambda features: np.zeros((5, features))),
                *_both_ways(rows=lambda features: np.ones((5, features))),
            ),
            en="A predictor that takes the features in the wrong order passes your test. What must differ within your "
            "rows for this to show?",
            zh="有一份预测代码把特征的顺序弄反了，却通过了你的测试。你选的数据里，什么必须不同，这个错误才会显出来？",
        ),
        Misconception(
            "one row only",
            _both_ways(rows=lambda features: _rows(features)[:1]),
            en="A predictor that mixes up the rows passes your test: it is shown one row only, or one row at a time.",
            zh="有一份预测代码把各行的顺序弄乱了，却通过了你的测试：你只给了它一行，或者每次只给一行。",
        ),
        Misconception(
            "shape not compared",
            _careless(same=lambda y, right: np.allclose(y.ravel(), right.ravel(), atol=1e-4)),
            en="A predictor that returns shape `(N,)` passes your test. Its numbers are right, but together with "
            "targets of shape `(N, 1)` they become a table of N times N.",
            zh="返回形状 `(N,)` 的预测代码通过了你的测试。它的数是对的，但与形状为 `(N, 1)` 的目标一起运算，就会变成 "
            "N 行 N 列的表。",
        ),
    ],
    hints=[
        (
            "Think like an opponent: for the rows that you have chosen, which wrong predictor would still give the "
            "right numbers?",
            "站在对手的角度想一想：对你选的这些行，什么样的错误代码仍能算出正确的数？",
        ),
        (
            "Draw a few rows at random, let the predictor and the model predict them, and compare row by row. How "
            "large is the difference for a predictor that you know to be right?",
            "随机生成几行数据，让预测代码和模型都做预测，再逐行比较。换成一份已知正确的预测代码，差别有多大？",
        ),
        (
            "Before you compare numbers, compare shapes: NumPy combines `(N,)` and `(N, 1)` without complaint.",
            "比较数之前，先比较形状：`(N,)` 与 `(N, 1)` 放在一起，NumPy 不会报错。",
        ),
    ],
    analysis=(
        "Several random rows, all different, compared one by one in inference mode, with a tolerance for rounding and "
        "nothing more. Zeros hide a wrong order of the features, a single row hides a wrong order of the rows, means "
        "hide errors that cancel. A wide tolerance hides a small constant error. The shapes are compared too, because "
        "broadcasting accepts what does not fit.",
        "随机生成几行数据，各不相同，在推断模式下逐行比较，允许的误差只留给舍入。数据全是零，看不出特征的顺序不对；"
        "只有一行，看不出各行的顺序不对；只比平均值，看不出相互抵消的误差；允许的误差太大，看不出多加了一个小常数。"
        "形状也要比较，因为有了广播，不匹配的数组也能一起运算。",
    ),
)
def agrees(predictor, model):
    import keras

    x = np.random.default_rng(0).normal(size=(20, model.input_shape[-1])).astype("float32")
    expected = keras.ops.convert_to_numpy(model(x))
    y = predictor(x, model.get_weights(), 0.001)
    return y.shape == expected.shape and np.allclose(y, expected, atol=1e-4)


# --- mended_snippet ---

SNIPPET = """\
def mended_snippet(x, weights, epsilon):
    w1, b1, gamma1, beta1, mean1, var1, w2, b2, gamma2, beta2, mean2, var2, w3, b3 = weights
    h = np.maximum(x @ w1 + b1, 0)
    h = gamma1 * (h - mean1) / (var1 + epsilon) + beta1
    h = h @ w2 + b2
    h = gamma2 * (h - mean2) / (var2 + epsilon) + beta2
    z = h @ w3 + b3
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
"""


def _flat_case(rng, rows, sizes, epsilon):
    x, weights = rng.standard_normal((rows, sizes[0])), random_weights(rng, sizes)
    for k in (5, 11):
        weights[k] = weights[k] * 10  # or what is divided by it twice is too much for an exponential
    middle = np.median(mended_snippet(x, weights, epsilon)) if rows > 1 else 0
    return x, [*weights[:-1], weights[-1] - middle], epsilon


# What is still wrong in the first and in the second block.
_STILL_VARIANCE = ((_by_variance, _by_variance), (_by_variance, _normalised), (_normalised, _by_variance))


@code(
    en="The learner's predictor, for two blocks, does not predict what Keras does. Mend it: `mended_snippet(x, "
    "weights, epsilon)` gets rows `(N, D)` and the flat list of `get_weights()` and returns `y` `(N, 1)`, the "
    "prediction of the trained network in inference mode. It has three bugs; after each check you are told of one that "
    "is left.",
    zh="那位学习者为两个模块写的预测代码，结果与 Keras 不一致。请修好它：`mended_snippet(x, weights, epsilon)` "
    "接收形状为 `(N, D)` 的数据和 `get_weights()` 的列表，返回 `y` `(N, 1)`，即训练好的网络在推断模式下的预测。其中"
    "有三处错误；每次检查都会指出剩下的错误中的一处。",
    given=SNIPPET,
    cases=[
        Case("6 rows, epsilon 0.02", "6 行，epsilon 为 0.02", lambda rng: _flat_case(rng, 6, (3, 5, 4), 0.02)),
        Case("one row, epsilon 0.05", "一行数据，epsilon 为 0.05", lambda rng: _flat_case(rng, 1, (3, 4, 4), 0.05)),
    ],
    misconceptions=[
        Misconception(
            "softmax on one unit",
            _flat(output=_ones),
            en="Every prediction is 1, whatever the weights are. As long as the last line makes the outputs of a row "
            "add up to 1, it hides all other bugs.",
            zh="无论权重是什么，每个预测都是 1。只要最后一行还让一行的输出加起来等于 1，就看不到别的错误。",
        ),
        Misconception(
            "a ReLU is still skipped",
            (_flat(skipped=(1,)), *(_flat(skipped=(1,), norms=norms) for norms in _STILL_VARIANCE)),
            en="The output is no longer always 1. But compare the two blocks line by line: one of them lets negative "
            "values through to batch normalization.",
            zh="输出不再总是 1 了。不过请逐行比较两个模块：其中一个让负数一直传到了批量归一化。",
        ),
        Misconception(
            "divided by variance",
            tuple(_flat(norms=norms) for norms in _STILL_VARIANCE),
            en="At least one block still divides by a variance. Its outputs do not have the spread that the next layer "
            "was trained with.",
            zh="至少有一个模块仍然除以方差。它的输出的离散程度，与后一层训练时见到的不同。",
        ),
        Misconception(
            "epsilon outside the root",
            _flat(norms=(_epsilon_outside, _epsilon_outside)),
            en="Now there is a root, but epsilon is added after it, to the standard deviation. To which quantity "
            "was it added before?",
            zh="现在开方了，但 epsilon 在开方之后才加，加到了标准差上。原来它是加在哪个量上的？",
        ),
        Misconception(
            "epsilon forgotten",
            _flat(norms=(_epsilon_forgotten, _epsilon_forgotten)),
            en="Epsilon has got lost in the mending. The trained network has it, so the predictor needs it.",
            zh="修改时把 epsilon 弄丢了。训练好的网络用了它，预测代码也要用。",
        ),
        Misconception(
            "ReLU on the output layer",
            _flat(output=_relu),
            en="No prediction is negative: now there is a ReLU after the last layer. What does the last layer of a "
            "regression need?",
            zh="没有一个预测是负数：现在最后一层之后有了 ReLU。回归网络的最后一层需要什么？",
        ),
    ],
    hints=[
        (
            "Run it on a few rows and look at the numbers before you read the code. What do all outputs have in "
            "common?",
            "先在几行数据上运行，看看得到的数，再读代码。所有输出有什么共同点？",
        ),
        (
            "The two blocks do the same with different arrays. Lay their lines side by side: which step is there only "
            "once?",
            "两个模块做的事相同，只是数组不同。把它们的代码并排放在一起：哪一步只出现了一次？",
        ),
        (
            "Give one unit a standard deviation of 5 and work out the spread of its output by hand. It should be 1 "
            "before `gamma` acts.",
            "假设某个单元的标准差是 5，手算它输出的离散程度。在 `gamma` 起作用之前，它应当是 1。",
        ),
    ],
    analysis=(
        "Three independent bugs: softmax over a single unit is always 1 and hides all others; the second block lacks "
        "its ReLU; both blocks divide by the variance where the standard deviation is needed. Mend the one that hides "
        "the others first, then compare with Keras after every change: the difference goes to zero only with the last "
        "one.",
        "三处互不相关的错误：对单个单元做 softmax，结果总是 1，把其他错误都遮住了；第二个模块少了 ReLU；两个模块都除以"
        "方差，而需要的是标准差。先改掉遮住其他错误的那一处，然后每改一处就与 Keras 比较一次：改完最后一处，差别才会"
        "变成零。",
    ),
)
def mended_snippet(x, weights, epsilon):
    w1, b1, gamma1, beta1, mean1, var1, w2, b2, gamma2, beta2, mean2, var2, w3, b3 = weights
    h = np.maximum(x @ w1 + b1, 0)
    h = gamma1 * (h - mean1) / np.sqrt(var1 + epsilon) + beta1
    h = np.maximum(h @ w2 + b2, 0)
    h = gamma2 * (h - mean2) / np.sqrt(var2 + epsilon) + beta2
    return h @ w3 + b3


# --- fold_batch_norm ---

BIAS = Quantity("`bias`", "`bias`")


def _four(rng, units):
    gamma, beta, moving_mean = rng.uniform(0.5, 1.5, units), rng.uniform(-1, 1, units), rng.uniform(0.3, 1, units)
    return gamma, beta, moving_mean, rng.uniform(0.2, 4, units)


def _behind(rng, units, next_units, epsilon, variance=1):
    gamma, beta, moving_mean, moving_variance = _four(rng, units)
    kernel, bias = rng.standard_normal((units, next_units)), rng.standard_normal(next_units)
    return gamma, beta, moving_mean, moving_variance * variance, kernel, bias, epsilon


def _fold(std=lambda variance, epsilon: np.sqrt(variance + epsilon), shift=None, kernel_of=None):
    """A fold_batch_norm with slips: another standard deviation, shift or kernel."""

    def fold(gamma, beta, moving_mean, moving_variance, kernel, bias, epsilon):
        scale = gamma / std(moving_variance, epsilon)
        new_kernel = kernel_of(scale, kernel) if kernel_of else scale[:, None] * kernel
        if shift:
            return new_kernel, bias + shift(scale, beta, moving_mean, kernel)
        return new_kernel, bias + (beta - moving_mean * scale) @ kernel

    return fold


# Shared by both ways of folding: what is wrong with the standard deviation.
_DEVIATIONS = {
    "divided by variance": (lambda v, e: v + e, lambda v, e: v),
    "epsilon forgotten": (lambda v, e: np.sqrt(v),),
    "epsilon outside the root": (lambda v, e: np.sqrt(v) + e,),
}


def _deviations(fold):
    """The misconceptions about the standard deviation; fold : function of a deviation."""
    names = list(_DEVIATIONS)
    wrong = [tuple(map(fold, _DEVIATIONS[name])) for name in names]
    return [
        Misconception(
            names[0],
            wrong[0],
            en="Your scale has the variance where batch normalization has the standard deviation. Fold a unit with a "
            "standard deviation of 5 by hand and compare.",
            zh="你的缩放倍数用了方差，而批量归一化用的是标准差。取一个标准差为 5 的单元，手算合并一次，比较结果。",
        ),
        Misconception(
            names[1],
            wrong[1],
            en="Epsilon is missing. Folding must not change a prediction, and epsilon is a part of what is folded.",
            zh="漏掉了 epsilon。合并不能改变预测，而 epsilon 也是被合并的内容之一。",
        ),
        Misconception(
            names[2],
            wrong[2],
            en="You add epsilon after taking the root. In batch normalization it acts before.",
            zh="你在开方之后才加上 epsilon。在批量归一化里，它在开方之前就起作用了。",
        ),
    ]


@code(
    en="Write `fold_batch_norm(gamma, beta, moving_mean, moving_variance, kernel, bias, epsilon)`, which returns "
    "`kernel, bias`. In inference mode a batch normalization over C units is followed by a dense layer with `kernel` "
    "`(C, K)` and `bias` `(K,)`, with nothing between them. The new `kernel` and `bias`, in the same "
    "shapes, belong to a dense layer that on its own computes what the two layers computed together.",
    zh="编写 `fold_batch_norm(gamma, beta, moving_mean, moving_variance, kernel, bias, epsilon)`，返回 `kernel, bias`。"
    "推断模式下，对 C 个单元做批量归一化，后面紧接一个全连接层，其 `kernel` 为 `(C, K)`，`bias` 为 `(K,)`，中间什么也"
    "没有。新的 `kernel` 和 `bias` 形状不变，属于这样一个全连接层：它单独算出的结果，与原来两层一起算出的相同。",
    returns=("kernel", "bias"),
    cases=[
        Case("5 units, then 3", "5 个单元，然后 3 个", lambda rng: _behind(rng, 5, 3, 0.001, 0.01)),
        Case("a square `kernel`", "方形的 `kernel`", lambda rng: _behind(rng, 4, 4, 0.1)),
        Case("one output unit", "一个输出单元", lambda rng: _behind(rng, 3, 1, 0.05)),
    ],
    misconceptions=[
        *_deviations(_fold),
        Misconception(
            "kernel scaled along the wrong axis",
            (
                _fold(kernel_of=lambda scale, kernel: kernel * scale),
                _fold(
                    kernel_of=lambda scale, kernel: kernel * scale,
                    shift=lambda scale, beta, mean, kernel: (beta - mean * scale) @ (kernel * scale),
                ),
                _fold(kernel_of=lambda scale, kernel: kernel * scale, shift=lambda *_: 0),
            ),
            en="You scale the columns of `kernel`, that is the units of the dense layer. Which index of `kernel` "
            "belongs to the units that come out of batch normalization?",
            zh="你缩放的是 `kernel` 的列，也就是全连接层的单元。批量归一化输出的那些单元，对应 `kernel` 的哪个下标？",
        ),
        Misconception(
            "bias not shifted",
            _fold(shift=lambda *_: 0),
            en="Your `bias` is the old one. Batch normalization also shifts its units; what comes out of the "
            "dense layer when its input is just that shift?",
            zh="你的 `bias` 还是原来的。批量归一化还会平移各个单元；如果全连接层的输入恰好就是这个平移量，"
            "它会输出什么？",
        ),
        Misconception(
            "shift scaled twice",
            _fold(shift=lambda scale, beta, mean, kernel: (beta - mean * scale) @ (scale[:, None] * kernel)),
            en="Your `kernel` is right. For the `bias` you send the shift through the new `kernel`, so it is scaled "
            "once more.",
            zh="你的 `kernel` 是对的。算 `bias` 时，你让平移量通过了新的 `kernel`，于是又多缩放了一次。",
        ),
        Misconception(
            "moving mean not scaled",
            _fold(shift=lambda scale, beta, mean, kernel: (beta - mean) @ kernel),
            en="Your `kernel` is right. In the `bias` the moving mean counts unscaled; but it is subtracted before the "
            "scale acts.",
            zh="你的 `kernel` 是对的。`bias` 里的移动均值用的是原值；可是它是在缩放之前减去的。",
        ),
        Misconception(
            "only beta in the bias",
            _fold(shift=lambda scale, beta, mean, kernel: beta @ kernel),
            en="Your `bias` takes account of `beta`, but the moving mean is missing. It is subtracted from every row.",
            zh="你的 `bias` 考虑了 `beta`，但丢了移动均值。每一行都要减去它。",
        ),
        Misconception(
            "only the moving mean in the bias",
            _fold(shift=lambda scale, beta, mean, kernel: -(mean * scale) @ kernel),
            en="Your `bias` takes account of the moving mean, but `beta` is missing. It is added to every row.",
            zh="你的 `bias` 考虑了移动均值，但丢了 `beta`。每一行都要加上它。",
        ),
    ],
    hints=[
        (
            "In inference mode batch normalization multiplies each unit by one number and adds another one. Which two?",
            "推断模式下，批量归一化把每个单元乘以一个数，再加上一个数。是哪两个数？",
        ),
        (
            "Put that into the dense layer and sort what comes out: what is multiplied by `x` makes the new `kernel`, "
            "the rest the new `bias`.",
            "把它代入全连接层，再整理结果：与 `x` 相乘的部分是新的 `kernel`，其余的是新的 `bias`。",
        ),
        (
            "Row c of the `kernel` says what unit c contributes to all units of the next layer.",
            "`kernel` 的第 c 行，说的是单元 c 对后一层各个单元的贡献。",
        ),
    ],
    analysis=(
        "Batch normalization in inference mode is a scale and a shift for each unit, and nothing nonlinear stands "
        "between it and the dense layer behind it, so both together are one dense layer. The scale belongs to the rows "
        "of the `kernel`; the shift goes through the old `kernel` into the `bias`. Frequent mistakes: columns scaled "
        "instead of rows, which raises an error only if the `kernel` is not square, and the `bias` left as it was.",
        "推断模式下，批量归一化就是对每个单元做一次缩放和一次平移；后面的全连接层与它之间没有非线性，所以两层合起来就是"
        "一个全连接层。缩放作用于 `kernel` 的行，平移通过原来的 `kernel` 进入 `bias`。常见错误：缩放了列而不是行，这"
        "一点只有 `kernel` 不是方形时才会报错；`bias` 没有改。",
    ),
)
def fold_batch_norm(gamma, beta, moving_mean, moving_variance, kernel, bias, epsilon):
    scale = gamma / np.sqrt(moving_variance + epsilon)
    shift = beta - moving_mean * scale
    return scale[:, None] * kernel, bias + shift @ kernel


# --- fold_into_previous ---


def _before(rng, features, units, epsilon, variance=1):
    kernel, bias = rng.standard_normal((features, units)), rng.uniform(0.5, 1.5, units)
    gamma, beta, moving_mean, moving_variance = _four(rng, units)
    return kernel, bias, gamma, beta, moving_mean, moving_variance * variance, epsilon


def _fold_back(std=lambda variance, epsilon: np.sqrt(variance + epsilon), bias_of=None, axis=1):
    """A fold_into_previous with slips: another standard deviation, bias or axis of the kernel."""

    def fold(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
        scale = gamma / std(moving_variance, epsilon)
        new_kernel = kernel * scale if axis else kernel * scale[:, None]
        return new_kernel, bias_of(scale, bias, beta, moving_mean) if bias_of else (bias - moving_mean) * scale + beta

    return fold


@code(
    en="Write `fold_into_previous(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon)`, which returns "
    "`kernel, bias`. Here the dense layer, `kernel` `(D, C)` and `bias` `(C,)`, stands directly before batch "
    "normalization over its C units, without an activation between them. The new `kernel` and `bias` belong to a dense "
    "layer that on its own computes what the two layers compute together in inference mode.",
    zh="编写 `fold_into_previous(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon)`，返回 "
    "`kernel, bias`。这里全连接层（`kernel` 为 `(D, C)`，`bias` 为 `(C,)`）紧挨在批量归一化之前，后者作用于它的 C 个"
    "单元，两者之间没有激活函数。新的 `kernel` 和 `bias` 属于这样一个全连接层：它单独算出的结果，与推断模式下两层一"
    "起算出的相同。",
    returns=("kernel", "bias"),
    cases=[
        Case("3 features, 5 units", "3 个特征，5 个单元", lambda rng: _before(rng, 3, 5, 0.001, 0.01)),
        Case("a square `kernel`", "方形的 `kernel`", lambda rng: _before(rng, 4, 4, 0.1)),
    ],
    misconceptions=[
        *_deviations(_fold_back),
        Misconception(
            "kernel scaled along the wrong axis",
            (_fold_back(axis=0), _fold_back(axis=0, bias_of=lambda scale, b, beta, m: b + beta - m * scale)),
            en="You scale the rows of `kernel`, that is the features. This time the batch normalization acts on what "
            "comes out of the dense layer.",
            zh="你缩放的是 `kernel` 的行，也就是各个特征。这一次，批量归一化作用于全连接层的输出。",
        ),
        Misconception(
            "bias not scaled",
            _fold_back(bias_of=lambda scale, b, beta, m: b + beta - m * scale),
            en="Your `kernel` is right, but the old `bias` comes through unscaled. It is a part of what batch "
            "normalization receives.",
            zh="你的 `kernel` 是对的，但原来的 `bias` 没有缩放。它也是批量归一化收到的值的一部分。",
            by=(BIAS,),
        ),
        Misconception(
            "moving mean not scaled",
            _fold_back(bias_of=lambda scale, b, beta, m: b * scale + beta - m),
            en="Your `kernel` is right, but the moving mean is subtracted unscaled. Does batch normalization subtract "
            "it before the scale or after it?",
            zh="你的 `kernel` 是对的，但减去的移动均值没有缩放。批量归一化是在缩放之前减去它，还是在缩放之后？",
            by=(BIAS,),
        ),
        Misconception(
            "bias left as it was",
            _fold_back(bias_of=lambda scale, b, beta, m: b),
            en="Your `bias` is the old one. Batch normalization shifts the units as well as scaling them.",
            zh="你的 `bias` 还是原来的。批量归一化不仅缩放各个单元，还会平移它们。",
            by=(BIAS,),
        ),
    ],
    hints=[
        (
            "Write down what batch normalization does to one unit, and put the output of the dense layer in the place "
            "of its input.",
            "写出批量归一化对一个单元做了什么，再用全连接层的输出代替其中的输入。",
        ),
        (
            "Each unit has a column of the `kernel` and one number of the `bias`. By what is each of them multiplied?",
            "每个单元对应 `kernel` 的一列和 `bias` 的一个数。它们各自要乘以多少？",
        ),
    ],
    analysis=(
        "Here the scale acts on the outputs of the dense layer, so it multiplies the columns of the `kernel`, and the "
        "`bias` too; the moving mean is subtracted before that, `beta` added after it. It works only because nothing "
        "stands between: a ReLU in between would cut off different values than before.",
        "这里的缩放作用于全连接层的输出，所以要乘到 `kernel` 的各列上，`bias` 也要乘；移动均值在此之前减去，`beta` 在"
        "此之后加上。之所以可行，是因为中间什么也没有：如果有 ReLU，被截掉的就不是原来那些值了。",
    ),
)
def fold_into_previous(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    scale = gamma / np.sqrt(moving_variance + epsilon)
    return kernel * scale, (bias - moving_mean) * scale + beta


# --- folded_model ---

SAME_OUTPUTS = Quantity(
    "predictions of the folded model",
    "合并后模型的预测",
    atol=1e-3,
    says=Bilingual(
        "The folded model does not predict the same as the given one. Compare the two layer by layer on a single row.",
        "合并后的模型与给定模型的预测不同。请用一行数据，逐层比较这两个模型。",
    ),
    secret=True,
)
NORMS = Quantity(
    "number of batch normalization layers",
    "批量归一化层的个数",
    says=Bilingual(
        "There is still a batch normalization layer in the model that you return.",
        "你返回的模型里还有批量归一化层。",
    ),
)
FEW_WEIGHTS = Quantity(
    "it has no more weights than the dense layers had",
    "权重不比原来各全连接层的多",
    says=Bilingual(
        "Your model has more weights than the dense layers had. Folding adds none: it changes those that are there.",
        "你的模型的权重比原来各全连接层的还多。合并不会增加权重，只会改变已有的权重。",
    ),
)
CHANGED = Quantity(
    "the given model was changed",
    "给定的模型被改动了",
    says=Bilingual(
        "The weights of the given model have changed. Build a new model; the old one is needed for comparison.",
        "给定模型的权重变了。请构建一个新模型；原来的还要用来比较。",
    ),
)


def _trained_model(rng, sizes):
    """A model with blocks of the given numbers of units, and weights as after training."""
    import keras

    layers = [keras.Input((sizes[0],))]
    for units in sizes[1:]:
        layers.append(keras.layers.Dense(units, activation="relu"))
        layers.append(keras.layers.Dropout(0.3))
        layers.append(keras.layers.BatchNormalization())
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.set_weights(random_weights(rng, sizes))
    return (model,)


def _compared(folded_model, model):
    import keras

    before = model.get_weights()
    folded = folded_model(model)
    if not isinstance(folded, keras.Model):
        raise Violation("no model", got=type(folded).__name__)
    if not folded.built:
        raise Violation("not built")
    x = np.random.default_rng(0).standard_normal((16, model.input_shape[-1])).astype(np.float32)
    dense = sum(array.size for array in before) - 4 * sum(len(array) for array in before[1:-2:6])
    after = model.get_weights()
    return {
        NORMS: sum(isinstance(layer, keras.layers.BatchNormalization) for layer in layers_of(folded)),
        FEW_WEIGHTS: folded.count_params() <= dense,
        CHANGED: not all(map(np.array_equal, before, after)),
        SAME_OUTPUTS: outputs(folded, x),
    }


def _rebuilt(fold):
    """A folded_model; fold : function of the blocks and the output that returns (kernel, bias) of each layer."""

    def build(model):
        import keras

        dense = fold(*_grouped(model.get_weights()))
        layers = [keras.layers.Dense(len(bias), activation="relu") for _, bias in dense[:-1]]
        folded = keras.Sequential([keras.Input(model.input_shape[1:]), *layers, keras.layers.Dense(1)])
        folded.set_weights([array for pair in dense for array in pair])
        return folded

    return build


def _left_out(blocks, output):
    return [*(block[:2] for block in blocks), output]


def _into_the_layer_before(blocks, output):
    return [*(fold_into_previous(*block, 1e-3) for block in blocks), output]


def _only_the_last(blocks, output):
    return [*(block[:2] for block in blocks), fold_batch_norm(*blocks[-1][2:], *output, 1e-3)]


@code(
    en="Write `folded_model(model)`. The trained Keras `model` consists of two blocks "
    "`[Dense, Dropout, BatchNormalization]`, with ReLU in the dense layers, and a dense layer with one unit; take "
    "the numbers of features and units from it. Return a new Keras model with the same predictions, without batch "
    "normalization and without more weights than the dense layers have. Dropout may be left out; epsilon is 0.001.",
    zh="编写 `folded_model(model)`。训练好的 Keras 模型 `model` 由两个模块 `[Dense, Dropout, BatchNormalization]`（其"
    "中的全连接层带 ReLU）"
    "和一个只有一个单元的全连接层组成；特征数和单元数要从模型里读取。返回一个新的 Keras 模型，预测不变，"
    "不含批量归一化，权重的个数也不超过原来各全连接层的。可以不要暂退层；epsilon 取 0.001。",
    returns=("model",),
    seconds=30,
    cases=[
        Case(
            "3 features, 5 and 4 units",
            "3 个特征，5 个和 4 个单元",
            lambda rng: _trained_model(rng, (3, 5, 4)),
            _compared,
        ),
        Case(
            "4 features, 6 and 6 units",
            "4 个特征，6 个和 6 个单元",
            lambda rng: _trained_model(rng, (4, 6, 6)),
            _compared,
        ),
    ],
    misconceptions=[
        Misconception(
            "folded into the layer before although a ReLU stands between",
            _rebuilt(_into_the_layer_before),
            en="You have folded each batch normalization into the dense layer before it. But between them stands a "
            "ReLU, and scaling and shifting before it is not the same as after it.",
            zh="你把每个批量归一化合并进了它前面的全连接层。但两者之间有 ReLU，在它之前缩放和平移，与在它之后做并不相"
            "同。",
            by=(SAME_OUTPUTS,),
        ),
        Misconception(
            "batch norm left out",
            _rebuilt(_left_out),
            en="Your model has the dense layers with their old weights, and batch normalization is simply gone. Its "
            "scale and shift have to go somewhere.",
            zh="你的模型保留了各全连接层原来的权重，批量归一化却被直接去掉了。它的缩放和平移总要有个去处。",
            by=(SAME_OUTPUTS,),
        ),
        Misconception(
            "only the last batch norm folded",
            _rebuilt(_only_the_last),
            en="One of the two batch normalizations is folded, the other one is simply gone. Every block has one.",
            zh="两个批量归一化中，一个合并了，另一个却被直接去掉了。每个模块都有一个。",
            by=(SAME_OUTPUTS,),
        ),
    ],
    hints=[
        (
            "Which dense layer can take up a batch normalization: the one before it or the one after it? Look at what "
            "stands between.",
            "哪个全连接层可以吸收批量归一化：前面的还是后面的？看看中间隔着什么。",
        ),
        (
            "You have written two thirds of it: take the parameters out, fold each block into the next layer, then "
            "build a plain network and set its weights.",
            "三分之二的代码你已经写过了：取出参数，把每个模块合并进后一层，然后构建一个普通的网络，再设置它的权重。",
        ),
        (
            "The layer that takes up the first block is the dense layer of the second one; the last layer takes up the "
            "second block.",
            "吸收第一个模块的，是第二个模块的全连接层；吸收第二个模块的，是最后一层。",
        ),
    ],
    analysis=(
        "The ReLU stands between a dense layer and its batch normalization, so folding goes forward, into the next "
        "dense layer, with nothing between. Four vectors a block "
        "disappear and the predictions stay. Frequent mistakes: folding into the layer before, and copying the dense "
        "weights as they are.",
        "全连接层与它的批量归一化之间有 ReLU，所以要向后合并进后一个全连接层，"
        "两者之间什么也没有。每个模块少了四个向量，预测不变。常见错误：合并进前面的层；"
        "原样照搬各全连接层的权重。",
    ),
)
def folded_model(model):
    import keras

    blocks, output = extract_parameters(model.get_weights())
    dense = [*(block[:2] for block in blocks), output]
    for k, block in enumerate(blocks):
        dense[k + 1] = fold_batch_norm(*block[2:], *dense[k + 1], 0.001)
    layers = [keras.layers.Dense(len(bias), activation="relu") for _, bias in dense[:-1]]
    folded = keras.Sequential([keras.Input(model.input_shape[1:]), *layers, keras.layers.Dense(1)])
    folded.set_weights([array for pair in dense for array in pair])
    return folded


# --- how_much_faster ---


@prediction(
    en="One row of red wine, the trained network with three blocks of 1024 units, all numbers float32: how does your "
    "NumPy predictor compare with `model.predict`, called on the same row again and again?",
    zh="一行红酒数据，训练好的网络有三个模块、每个模块 1024 个单元，所有数都是 float32：对同一行反复调用，"
    "你的 NumPy 预测代码与 `model.predict` 相比，速度如何？",
    choices={
        "A": Choice(
            en="About as fast, at most 3 times faster: both compute the same matrix products.",
            zh="差不多快，最多快 3 倍：两者计算的矩阵乘积相同。",
            en_why="The products are indeed the same. But for one row they are a small part of what `model.predict` "
            "spends its time on.",
            zh_why="矩阵乘积确实相同。但只有一行时，它们只占 `model.predict` 所花时间的一小部分。",
        ),
        "B": Choice(
            en="Between 3 and 30 times faster: `model.predict` adds some work around it.",
            zh="快 3 到 30 倍：`model.predict` 还要做一些额外的工作。",
            en_why="It does add work, and more than you think: getting ready for a row takes far longer than "
            "predicting it.",
            zh_why="额外的工作确实有，但你估计得太少：为一行数据做准备，花的时间远远超过预测本身。",
        ),
        "C": Choice(
            en="More than 30 times faster.",
            zh="快 30 倍以上。",
            en_why="`model.predict` is made for many rows: each call sets up a data pipeline, runs a loop over batches "
            "and calls its callbacks, which takes far longer than the products for one row.",
            zh_why="`model.predict` 是为大量数据设计的：每次调用都要建立数据管道、按批循环、执行回调，"
            "花的时间远远超过一行的矩阵乘积。",
        ),
        "D": Choice(
            en="Slower: NumPy cannot keep up with compiled code.",
            zh="更慢：NumPy 比不上编译过的代码。",
            en_why="A matrix product in NumPy is compiled code too; Python only starts it, and for one row there are "
            "four of them.",
            zh_why="NumPy 的矩阵乘积同样是编译过的代码；Python 只负责启动它，而一行数据只需要四次。",
        ),
    },
    right="C",
    hints=[
        (
            "How many multiplications do two million parameters take, and how many can a processor do in a "
            "millisecond?",
            "两百万个参数要做多少次乘法？处理器一毫秒能做多少次？",
        ),
        (
            "What must `model.predict` do before the first product, so that it could also cope with a million rows?",
            "`model.predict` 要能处理一百万行，那么在第一次乘法之前，它得先做些什么？",
        ),
    ],
)
def how_much_faster():
    # Takes a trained model and many calls: the lesson measures it.
    return {}
