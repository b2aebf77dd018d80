"""Unit 04, dropout: the layer from scratch, the classic convention, a Keras model, a prediction."""

import numpy as np

from helpers.exercises.engine.judge import Case, Misconception, Quantity
from helpers.exercises.engine.models import PREDICTIONS
from helpers.exercises.engine.question import Choice, code, model, prediction
from helpers.language import Bilingual

# --- what a mask looks like, in numbers that any valid random scheme reaches ---

ZEROS = Quantity(
    "share of zeros",
    "零所占的比例",
    atol=0.03,
    says=Bilingual("The share of values that are dropped is not `rate`.", "被丢弃的值所占的比例不等于 `rate`。"),
)
FACTOR = Quantity("survivors are multiplied by", "保留下来的值所乘的倍数")
UNEVEN = Quantity("largest difference between these factors", "这些倍数之间的最大差别")
REPEATED = Quantity(
    "two calls drop the same values",
    "两次调用丢弃的位置完全相同",
    says=Bilingual(
        "Two calls give exactly the same mask. Training needs a new one at every step: draw it from `rng` each time, "
        "and do not set a seed inside the function.",
        "两次调用得到的掩码完全相同。训练的每一步都需要新的掩码：每次都用 `rng` 重新抽取，不要在函数里设置随机种子。",
    ),
)
COMMON = Quantity("share of rows that have the mask of the first row", "与第一行掩码相同的行所占的比例", atol=0.1)
LOST = Quantity("values are dropped in inference mode", "推断模式下丢弃了值")
COUNTS = Quantity("every call drops the same number of values", "每次调用丢弃的个数都相同")
MASK = Quantity(
    "largest difference between `y` and `x * mask`",
    "`y` 与 `x * mask` 的最大差别",
    says=Bilingual(
        "`y` is right, but it is not `x` times the `mask` that you return; the backward pass will need exactly what "
        "`x` was multiplied by.",
        "`y` 是对的，但它不等于 `x` 乘以你返回的 `mask`；反向传播要用到的，正是 `x` 所乘的那个数组。",
    ),
)


def _dropped(x, results):
    """What several results of dropout on the positive array x have in common."""
    y = np.array(results)
    zero = y == 0
    factors = (y / x)[~zero] if not zero.all() else np.zeros(1)
    counts = zero.sum(axis=(1, 2))
    return {
        ZEROS: zero.mean(),
        FACTOR: float(np.median(factors)),
        UNEVEN: float(factors.max() - factors.min()),
        REPEATED: bool((zero[0] == zero[1]).all()),
        COMMON: (zero[:, 1:] == zero[:, :1]).all(axis=2).mean() if zero.any() else 0.0,
        COUNTS: bool((counts == counts[0]).all()),
    }


def _training(dropout, x, rate, rng, training):
    results = [dropout(x, rate, rng, training) for _ in range(8)]
    y, mask = zip(*results, strict=True)
    return _dropped(x, y) | {MASK: float(np.abs(np.array(y) - x * np.array(mask)).max())}


def _training_without_mask(dropout, x, rate, rng, training):
    return _dropped(x, [dropout(x, rate, rng, training) for _ in range(8)])


def _inference(dropout, x, rate, rng, training):
    y = dropout(x, rate, rng, training)
    y = y[0] if isinstance(y, tuple) else y
    return {LOST: bool((y == 0).any()), Quantity("`y`", "`y`"): y}


def _only_y(dropout, *arguments):
    return {Quantity("`y`", "`y`"): dropout(*arguments)[0]}


def _positive(rng, shape=(50, 40)):
    return rng.uniform(1, 2, shape)


# --- dropout_forward ---


def _without_scale(x, rate, rng, training):
    mask = (rng.random(x.shape) >= rate) * 1.0
    return (x * mask, mask) if training else (x, None)


def _scaled_twice(x, rate, rng, training):
    mask = (rng.random(x.shape) >= rate) / (1 - rate) if rate < 1 else np.zeros(x.shape)
    return (x * mask, mask) if training else (x * (1 - rate), None)


def _rate_kept(x, rate, rng, training):
    mask = (rng.random(x.shape) < rate) / rate if rate else np.zeros(x.shape)
    return (x * mask, mask) if training else (x, None)


def _rate_kept_scaled_as_dropped(x, rate, rng, training):
    mask = (rng.random(x.shape) < rate) / (1 - rate) if rate < 1 else np.ones(x.shape)
    return (x * mask, mask) if training else (x, None)


def _always_on(x, rate, rng, training):
    mask = (rng.random(x.shape) >= rate) / (1 - rate) if rate < 1 else np.zeros(x.shape)
    return x * mask, mask


def _modes_swapped(x, rate, rng, training):
    return (x, np.ones(x.shape)) if training else _always_on(x, rate, rng, training)


def _modes_swapped_without_mask(x, rate, rng, training):
    return (x, None) if training else _always_on(x, rate, rng, training)


def _mask_of_a_row(x, rate, rng, training):
    mask = np.zeros(x.shape) + ((rng.random(x.shape[-1]) >= rate) / (1 - rate) if rate < 1 else 0.0)
    return (x * mask, mask) if training else (x, None)


def _fixed_number(x, rate, rng, training):
    keep = rng.permutation(x.size).reshape(x.shape) >= round(rate * x.size)
    mask = keep / (1 - rate) if rate < 1 else np.zeros(x.shape)
    return (x * mask, mask) if training else (x, None)


def _divided_by_zero(x, rate, rng, training):
    mask = (rng.random(x.shape) >= rate) / np.float64(1 - rate)
    return (x * mask, mask) if training else (x, None)


def _raises_at_rate_1(x, rate, rng, training):
    mask = (rng.random(x.shape) >= rate) * (1 / (1 - float(rate)))
    return (x * mask, mask) if training else (x, None)


@code(
    en="Write `dropout_forward(x, rate, rng, training)`, which returns `y, mask`, both shaped like `x`. In training "
    "mode each value is dropped with probability `rate`, at random and independently of the others, and the survivors "
    "are scaled so that the expected value of `y` is `x`; `mask` is what `x` was multiplied by. In inference mode `y` "
    "is `x`, and `mask` may be anything. Rates 0 and 1 are allowed.",
    zh="编写 `dropout_forward(x, rate, rng, training)`，返回 `y, mask`，形状都与 `x` 相同。训练模式下，每个值以概率 "
    "`rate` 被丢弃，随机而且彼此独立；保留下来的值要缩放，使 `y` 的期望等于 `x`；`mask` 就是 `x` 所乘的数组。"
    "推断模式下，`y` 就是 `x`，`mask` 可以是任何东西。丢弃率可以取 0 和 1。",
    returns=("y", "mask"),
    cases=[
        Case(
            "rate 0.3, training mode", "丢弃率 0.3，训练模式", lambda rng: (_positive(rng), 0.3, rng, True), _training
        ),
        Case(
            "rate 0.8, training mode", "丢弃率 0.8，训练模式", lambda rng: (_positive(rng), 0.8, rng, True), _training
        ),
        Case("inference mode", "推断模式", lambda rng: (_positive(rng, (9, 9)), 0.3, rng, False), _inference),
        Case("rate 0, training mode", "丢弃率 0，训练模式", lambda rng: (rng.random((2, 3)), 0, rng, True), _only_y),
        Case("rate 1, training mode", "丢弃率 1，训练模式", lambda rng: (rng.random((2, 3)), 1, rng, True), _only_y),
    ],
    misconceptions=[
        Misconception(
            "forgot 1/(1-rate)",
            _without_scale,
            en="The survivors are not scaled. So the next layer gets a smaller sum in training mode than in inference "
            "mode, where nothing is dropped.",
            zh="保留下来的值没有缩放。于是后一层在训练模式下得到的总和，比什么都不丢弃的推断模式下要小。",
        ),
        Misconception(
            "scaled at both times",
            _scaled_twice,
            en="You scale in training mode and once more in inference mode. There are two conventions, and each of "
            "them scales only once; here it is training mode that does.",
            zh="你在训练模式下缩放了一次，在推断模式下又缩放了一次。缩放的约定有两种，每一种都只缩放一次；"
            "这里是在训练模式下缩放。",
        ),
        Misconception(
            "rate taken for keep probability",
            (_rate_kept, _rate_kept_scaled_as_dropped),
            en="You keep a share of `rate` and drop the rest. `rate` is the share that is dropped; the share that is "
            "kept is what older texts call the keep probability.",
            zh="你保留了占比为 `rate` 的那一部分，丢弃了其余的。`rate` 是被丢弃的比例；"
            "被保留的比例，在较早的文献里叫保留概率。",
        ),
        Misconception(
            "train and inference mode swapped",
            (_modes_swapped, _modes_swapped_without_mask),
            en="Values are dropped in inference mode and kept in training mode. It is the other way round.",
            zh="推断模式下丢弃了值，训练模式下反而没有。应该反过来。",
            by=(ZEROS, LOST),
        ),
        Misconception(
            "dropped at inference",
            _always_on,
            en="Values are dropped in inference mode too. A prediction must not depend on chance: dropout belongs to "
            "training.",
            zh="推断模式下也丢弃了值。预测不应取决于运气：暂退法只用在训练中。",
            by=(LOST,),
        ),
        Misconception(
            "one mask for the whole batch",
            _mask_of_a_row,
            en="Every row of the batch has the same mask. Each value of each row is dropped or kept on its own.",
            zh="小批量里的每一行都用了同一个掩码。每一行的每个值，丢弃还是保留都应单独决定。",
            by=(COMMON,),
        ),
        Misconception(
            "dropped exactly a fixed number instead of at random",
            _fixed_number,
            en="Every call drops exactly the same number of values. Each value is dropped with probability `rate`, "
            "independently of the others, so the number dropped varies from call to call.",
            zh="每次调用丢弃的个数都完全一样。每个值以概率 `rate` 被丢弃，彼此独立，所以丢弃的个数每次都会有些不同。",
        ),
        Misconception(
            "divided by zero at rate 1",
            (_divided_by_zero, _raises_at_rate_1),
            en="At rate 1 your code divides by zero. There are no survivors then; what should `y` be?",
            zh="丢弃率为 1 时，你的代码除以了零。这时没有任何值保留下来，`y` 应该是什么？",
        ),
    ],
    hints=[
        (
            "Draw one random number between 0 and 1 for every value of `x`, with `rng.random`. How often is such a "
            "number smaller than `rate`?",
            "用 `rng.random` 为 `x` 的每个值各抽一个 0 到 1 之间的随机数。这样的数小于 `rate` 的概率有多大？",
        ),
        (
            "If three of ten values are lost, the sum of the rest is on average 0.7 times the old one. By what do you "
            "multiply to make up for that?",
            "如果十个值里丢掉三个，其余的总和平均是原来的 0.7 倍。乘以多少才能补回来？",
        ),
        (
            "Put zeros and the scale into one array, the mask; then one product does it all. Deal with inference mode "
            "and rate 1 before you divide.",
            "把零和缩放倍数放进同一个数组，也就是掩码；这样一次乘法就够了。推断模式和丢弃率为 1 的情形，要在做除法之前"
            "处理。",
        ),
    ],
    analysis=(
        "A value survives with probability `1 - rate` and is then divided by just that, so its expected value stays "
        "what it was, and inference mode has nothing to do. The mask is returned because the backward pass must drop "
        "the same values. Frequent mistakes: forgetting the scale; dropping in inference mode too; taking `rate` for "
        "the share that is kept; one mask for all rows.",
        "一个值以 `1 - rate` 的概率保留下来，再除以这个概率，所以期望不变，推断模式下就无事可做。"
        "返回掩码，是因为反向传播必须丢弃同样的位置。常见错误：忘了缩放；推断模式下也丢弃；把 `rate` 当成保留的比例；"
        "所有行共用一个掩码。",
    ),
)
def dropout_forward(x, rate, rng, training):
    if not training:
        return x, None
    if rate == 1:
        return np.zeros_like(x), np.zeros_like(x)
    mask = (rng.random(x.shape) >= rate) / (1 - rate)
    return x * mask, mask


# --- dropout_backward ---


def _new_mask(dy, mask):
    return dy * (np.random.default_rng().random(dy.shape) < (mask != 0).mean()) * mask.max()


def _zeros_elsewhere(dropout_backward, dy, mask):
    dx, again = dropout_backward(dy, mask), dropout_backward(dy, mask)
    return {GRADIENT: dx, MISPLACED: bool((dx[mask == 0] != 0).any()), DIFFERENT: bool((dx != again).any())}


GRADIENT = Quantity("`dx`", "`dx`")
DIFFERENT = Quantity("two calls with the same arguments differ", "参数相同的两次调用，结果不同")
MISPLACED = Quantity("values that were dropped get a gradient", "被丢弃的值得到了梯度")


def _mask_and_gradient(rng, shape=(50, 4)):
    mask = (rng.random(shape) >= 0.3) / 0.7
    return rng.uniform(1, 2, shape), mask


@code(
    en="Write `dropout_backward(dy, mask)`: from `dy`, the gradient of the loss with respect to the output of dropout, "
    "and the `mask` of the forward pass, where `y = x * mask`, return `dx`, the gradient with respect to `x`.",
    zh="编写 `dropout_backward(dy, mask)`：已知 `dy`（损失对暂退法输出的梯度）和前向传播的 `mask`"
    "（其中 `y = x * mask`），返回 `dx`，即损失对 `x` 的梯度。",
    returns=("dx",),
    cases=[
        Case("rate 0.3, 50 rows", "丢弃率 0.3，50 行", _mask_and_gradient, _zeros_elsewhere),
        Case("all dropped", "全部丢弃", lambda rng: (rng.random((2, 3)), np.zeros((2, 3)))),
    ],
    misconceptions=[
        Misconception(
            "mask ignored in backward",
            lambda dy, mask: dy,
            en="The gradient passes as if nothing had been dropped. A value that was dropped had no influence on the "
            "loss.",
            zh="梯度原样通过，好像什么都没有丢弃过。被丢弃的值对损失没有任何影响。",
        ),
        Misconception(
            "a new mask in backward",
            _new_mask,
            en="Some values that were dropped in the forward pass get a gradient: your function draws a mask of its "
            "own. Only the mask of the forward pass says through which values `x` reached the loss.",
            zh="前向传播中被丢弃的值，有些得到了梯度：你的函数另外抽了一个掩码。"
            "`x` 通过哪些值影响损失，只有前向传播的掩码知道。",
            by=(MISPLACED, DIFFERENT),
        ),
        Misconception(
            "mask not scaled in backward",
            lambda dy, mask: dy * (mask > 0),
            en="The right values get a gradient, but without the scale. In the forward pass the survivors were also "
            "multiplied by a number.",
            zh="得到梯度的位置是对的，但少了缩放。前向传播时，保留下来的值还乘过一个数。",
        ),
    ],
    hints=[
        (
            "For one value: `y = x * m`, where `m` does not depend on `x`. What is the derivative of `y` with respect "
            "to `x`?",
            "先看一个值：`y = x * m`，其中 `m` 与 `x` 无关。`y` 对 `x` 的导数是多少？",
        ),
        (
            "By the chain rule, multiply that derivative by what is passed back to it, `dy`.",
            "按照链式法则，把这个导数乘以从后一层传回来的 `dy`。",
        ),
    ],
    analysis=(
        "`y = x * mask`, and the mask is a constant as far as `x` is concerned, so the derivative is the mask itself, "
        "scale included. A value that was dropped gets the gradient 0. Frequent mistakes: drawing a new mask, or "
        "using the factor 1 where the forward pass used a larger one.",
        "`y = x * mask`，对 `x` 来说掩码是常数，所以导数就是掩码本身，包括缩放倍数。被丢弃的值，梯度是 0。"
        "常见错误：另外抽一个掩码；或者前向传播乘的是更大的数，反向传播却只乘 1。",
    ),
)
def dropout_backward(dy, mask):
    return dy * mask


# --- dropout_test_scaling ---


def _never_scaled(x, rate, rng, training):
    return x * (rng.random(x.shape) >= rate) if training else x


def _both_scaled(x, rate, rng, training):
    if not training:
        return x * (1 - rate)
    return x * (rng.random(x.shape) >= rate) / (1 - rate) if rate < 1 else np.zeros(x.shape)


def _inverted(x, rate, rng, training):
    return _both_scaled(x, rate, rng, training) if training else x


@code(
    en="The older convention: write `dropout_test_scaling(x, rate, rng, training)`, which returns `y`. In training "
    "mode values are dropped with probability `rate` and the survivors stay as they are; in inference mode nothing is "
    "dropped, and `y` is what it would be on average in training mode.",
    zh="较早的约定：编写 `dropout_test_scaling(x, rate, rng, training)`，返回 `y`。训练模式下，每个值以概率 `rate` "
    "被丢弃，保留下来的值不变；推断模式下什么也不丢弃，`y` 等于它在训练模式下的平均值。",
    cases=[
        Case(
            "rate 0.3, training mode",
            "丢弃率 0.3，训练模式",
            lambda rng: (_positive(rng), 0.3, rng, True),
            _training_without_mask,
        ),
        Case(
            "rate 0.3, inference mode",
            "丢弃率 0.3，推断模式",
            lambda rng: (_positive(rng, (9, 9)), 0.3, rng, False),
            _inference,
        ),
        Case("rate 1, training mode", "丢弃率 1，训练模式", lambda rng: (rng.random((2, 3)), 1, rng, True)),
    ],
    misconceptions=[
        Misconception(
            "scaled at both times",
            _both_scaled,
            en="You scale in both modes. Each convention scales only once, and here it is inference mode that does.",
            zh="两种模式下你都缩放了。每种约定都只缩放一次，这里是在推断模式下缩放。",
        ),
        Misconception(
            "inverted instead of test-time scaling",
            _inverted,
            en="This is inverted dropout, which scales in training mode. Here inference mode does the scaling.",
            zh="这是倒置暂退法，它在训练模式下缩放。而这里要在推断模式下缩放。",
        ),
        Misconception(
            "not scaled at inference",
            _never_scaled,
            en="In inference mode the values are larger than they are on average in training mode, where some are "
            "lost.",
            zh="推断模式下的值，比训练模式下的平均值大，因为训练模式下丢掉了一部分。",
        ),
        Misconception(
            "rate taken for keep probability",
            (
                lambda x, rate, rng, training: x * (rng.random(x.shape) < rate) if training else x * rate,
                lambda x, rate, rng, training: x * (rng.random(x.shape) >= rate) if training else x * rate,
            ),
            en="You treat `rate` as the share that is kept. It is the share that is dropped.",
            zh="你把 `rate` 当成了保留的比例。它是被丢弃的比例。",
        ),
        Misconception(
            "dropped at inference",
            lambda x, rate, rng, training: x * (rng.random(x.shape) >= rate),
            en="Values are dropped in inference mode too. A prediction must not depend on chance.",
            zh="推断模式下也丢弃了值。预测不应取决于运气。",
            by=(LOST,),
        ),
    ],
    hints=[
        (
            "In training mode each value is itself with one probability and 0 with the other. What is it on average?",
            "训练模式下，每个值以某个概率保持原样，否则为 0。它的平均值是多少？",
        ),
        (
            "The two conventions differ by one factor. Where does inverted dropout apply it, and as what?",
            "两种约定只差一个倍数。倒置暂退法在哪种模式下用它，用的是它本身还是它的倒数？",
        ),
    ],
    analysis=(
        "On average a value is `1 - rate` times itself in training mode, so inference mode multiplies by just that. "
        "The result is the same net up to a factor that the next layer's weights absorb. Keras and PyTorch scale in "
        "training mode instead, so that prediction code needs no trace of dropout.",
        "训练模式下，一个值平均是它本身的 `1 - rate` 倍，所以推断模式就乘以这个数。两种约定得到的网络只差一个倍数，"
        "后一层的权重会把它吸收掉。Keras 和 PyTorch 改为在训练模式下缩放，这样预测代码里就看不到暂退法的痕迹。",
    ),
)
def dropout_test_scaling(x, rate, rng, training):
    if training:
        return x * (rng.random(x.shape) >= rate)
    return x * (1 - rate)


# --- songs_model ---


def _songs_layers(*rates, output=None):
    import keras

    layers = [keras.Input((12,))]
    for units, rate in zip((128, 64, 1), rates, strict=True):
        layers.append(keras.layers.Dense(units, activation="relu" if units > 1 else output))
        layers += [keras.layers.Dropout(rate)] if rate else []
    return keras.Sequential(layers)


@model(
    en="Write `songs_model()`, which builds a Keras model for 12 features: dense layers of 128 and 64 units with ReLU "
    "and one unit without activation, and dropout of rate 0.3 after each of the two hidden layers.",
    zh="编写 `songs_model()`，构建一个接受 12 个特征的 Keras 模型：全连接层依次有 128 个单元、64 个单元（都用 ReLU）"
    "和 1 个单元（不用激活函数）；两个隐藏层之后各有一个暂退层，丢弃率为 0.3。",
    misconceptions=[
        Misconception(
            "dropout after the output layer",
            (
                lambda: _songs_layers(0.3, 0.3, 0.3),
                lambda: _songs_layers(0, 0, 0.3),
                lambda: _songs_layers(0.3, 0, 0.3),
            ),
            en="In training mode some of the predictions themselves are 0: dropout follows the output layer. A "
            "prediction that is dropped teaches nothing but noise.",
            zh="训练模式下，有些预测本身就是 0：暂退层放在了输出层之后。把预测丢弃，学到的只是噪声。",
        ),
        Misconception(
            "rate taken for keep probability",
            lambda: _songs_layers(0.7, 0.7, 0),
            en="Your layers drop more than they keep. The argument of `Dropout` is the share that is dropped.",
            zh="你的暂退层丢弃的比保留的还多。`Dropout` 的参数是被丢弃的比例。",
        ),
        Misconception(
            "ReLU on the output layer",
            lambda: _songs_layers(0.3, 0.3, 0, output="relu"),
            en="The output layer cannot give a negative number: it has a ReLU. The last unit of a regression is "
            "linear.",
            zh="输出层给不出负数：它后面有 ReLU。回归网络的最后一个单元应当是线性的。",
            by=(PREDICTIONS,),
        ),
    ],
    hints=[
        (
            "Begin with `keras.Sequential` and `keras.Input`, then list the layers in the order in which a row meets "
            "them.",
            "以 `keras.Sequential` 和 `keras.Input` 开头，再按一行数据经过的顺序列出各层。",
        ),
        (
            "A dropout layer acts on what the layer before it hands on. What do you want the last layer to receive?",
            "暂退层作用于前一层的输出。你希望最后一层收到的是什么？",
        ),
    ],
    analysis=(
        "Dropout follows each hidden layer, so each of the dense layers after it receives a thinned input. None "
        "follows the output: there it would delete predictions. The last unit has no activation, because the target "
        "may be any number.",
        "每个隐藏层之后都有暂退层，这样后面的全连接层收到的都是稀疏化的输入。输出之后没有暂退层：放在那里会删掉预测本"
        "身。最后一个单元没有激活函数，因为目标可以是任何数。",
    ),
)
def songs_model():
    import keras

    return keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1),
        ]
    )


# --- variance_at_rate_half ---


@prediction(
    en="`x` has the mean 0 and the variance 1. What are the mean and the variance of `dropout_forward(x, 0.5, rng, "
    "True)`?",
    zh="`x` 的均值是 0，方差是 1。`dropout_forward(x, 0.5, rng, True)` 的均值和方差是多少？",
    choices={
        "A": Choice(
            en="Mean 0, variance 0.5: half of the values are gone.",
            zh="均值 0，方差 0.5：有一半的值没有了。",
            en_why="That would be so without the scale. The survivors are multiplied by 2, their squares by 4.",
            zh_why="如果不缩放，确实如此。但保留下来的值乘以了 2，它们的平方就乘以了 4。",
        ),
        "B": Choice(
            en="Mean 0, variance 1: that is what the scale is for.",
            zh="均值 0，方差 1：缩放就是为了这个。",
            en_why="The scale keeps the mean, not the variance: half of the squares are 0, the others 4 times as "
            "large.",
            zh_why="缩放保持的是均值，不是方差：一半的平方变成 0，另一半变成原来的 4 倍。",
        ),
        "C": Choice(
            en="Mean 0, variance 2.",
            zh="均值 0，方差 2。",
            en_why="Half of the squares are 0 and the others 4 times as large: on average they are twice as large.",
            zh_why="一半的平方变成 0，另一半变成原来的 4 倍：平均就是 2 倍。",
        ),
        "D": Choice(
            en="Mean 0, variance 4.",
            zh="均值 0，方差 4。",
            en_why="That is the variance of the survivors alone; the zeros count too.",
            zh_why="这只是保留下来的值的方差；那些零也要算进去。",
        ),
    },
    right="C",
    hints=[
        (
            "With mean 0 the variance is the mean of the squares. What happens to a square that survives, and how many "
            "do?",
            "均值为 0 时，方差就是平方的平均值。保留下来的值，平方变成多少？又有多少个保留下来？",
        ),
    ],
)
def variance_at_rate_half():
    rng = np.random.default_rng(0)
    y, _ = dropout_forward(rng.standard_normal(1_000_000), 0.5, rng, True)
    return {Quantity("mean", "均值"): round(float(y.mean()), 2), Quantity("variance", "方差"): round(float(y.var()), 2)}
