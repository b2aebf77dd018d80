"""Unit 06, red wine: the whole network from scratch in both modes, a step of its training, the Keras model, results."""

import numpy as np

from helpers.exercises.engine.judge import Case, Misconception, Quantity
from helpers.exercises.engine.models import NEGATIVE, PREDICTIONS, RATES, ZEROS
from helpers.exercises.engine.question import Choice, code, model, prediction, value
from helpers.language import Bilingual
from helpers.scratch import (
    batch_norm_backward,
    batch_norm_inference,
    batch_norm_train,
    dense_backward,
    dense_forward,
    dropout_forward,
    mean_absolute_error_gradient,
    mean_squared_error_gradient,
    relu,
    relu_backward,
    update_moving,
)

# --- nets for the cases ---


def random_weights(rng, sizes):
    """The flat list of a net with the given numbers of features and units, in the order of Keras."""
    weights = []
    for before, units in zip(sizes[:-1], sizes[1:], strict=True):
        weights += [
            rng.standard_normal((before, units)) * 0.3,
            rng.uniform(-0.05, 0.15, units),
            rng.uniform(0.5, 1.5, units),
            rng.uniform(-0.5, 0.5, units),
            rng.uniform(0, 0.3, units),
            # Small, so that epsilon counts.
            rng.uniform(0.01, 0.05, units),
        ]
    return [*weights, rng.standard_normal((sizes[-1], 1)), rng.uniform(0.1, 0.3, 1)]


def _forward_case(rng, rows, sizes, rate, training):
    """Arguments of `network_forward`; half of the outputs are negative, which a ReLU would change."""
    x, weights = rng.standard_normal((rows, sizes[0])), random_weights(rng, sizes)
    middle = np.median(network_forward(x, weights, 0, rng, training))
    weights[-1] = weights[-1] - middle + (0.1 if rows == 1 else 0)
    return x, weights, rate, rng, training


def _equal_rows(rng):
    """Many equal rows: whatever differs between their outputs comes from dropout."""
    x = np.repeat(rng.uniform(0.8, 1.2, (1, 2)), 2500, axis=0)
    weights = random_weights(rng, (2, 5, 3))
    # All units of the first block are on, and so weakly that epsilon tells whether the survivors were scaled.
    weights[0], weights[1] = rng.uniform(0.01, 0.03, (2, 5)), rng.uniform(0.01, 0.02, 5)
    weights[6], weights[7] = rng.standard_normal((5, 3)) * 0.03, rng.uniform(0.02, 0.05, 3)
    weights[8] = np.ones(3)
    weights[12] = rng.uniform(0.5, 1.5, (3, 1)) * np.array([[1], [-1], [1]])
    weights[13] = rng.uniform(0.2, 0.4, 1)
    return x, weights, 0.3, rng, True


# --- network_forward ---

DIFFER = Quantity("two predictions for the same rows differ", "对相同的行预测两次，结果不同")
Y = Quantity("`y`", "`y`")
SPREAD = Quantity(
    "standard deviation of `y`, all rows of `x` being equal",
    "`x` 各行都相同时 `y` 的标准差",
    rtol=0.08,
    says=Bilingual(
        "With dropout on, `y` is not spread as it should be. Look at the place of dropout in the block, at its rate "
        "and scale, and at which statistics normalise what it hands on.",
        "暂退法起作用时，`y` 的离散程度不对。请检查暂退法在模块里的位置、它的丢弃率和缩放，以及它的输出是用哪一种统计量"
        "归一化的。",
    ),
)
MEAN = Quantity("mean of `y`", "`y` 的均值", atol=0.1)
DROPPED = Quantity("share of zeros in `y`", "`y` 中零所占的比例", atol=0.05)


def _predicted(network, *arguments):
    y, again = network(*arguments), network(*arguments)
    return {DIFFER: bool((y != again).any()), Y: y}


def _spread(network, *arguments):
    results = [network(*arguments) for _ in range(3)]
    return {
        DROPPED: float(np.mean([(y == 0).mean() for y in results])),
        SPREAD: float(np.mean([y.std() for y in results])),
        MEAN: float(np.mean([y.mean() for y in results])),
    }


def _network(*order, drops=None, batch_statistics=None, without=(), output=lambda y, rate, rng, training: y):
    """A network_forward with slips.

    order : of the layers behind each dense layer. drops, batch_statistics : True or False in both modes, None as it
    should be. without : pairs (layer, number of the block).
    """

    def forward(x, weights, rate, rng, training):
        *blocks, last_kernel, last_bias = weights
        for k in range(len(blocks) // 6):
            kernel, bias, gamma, beta, moving_mean, moving_variance = blocks[6 * k : 6 * k + 6]
            x = x @ kernel + bias
            for layer in order or ("relu", "dropout", "norm"):
                if (layer, k) in without:
                    continue
                if layer == "relu":
                    x = relu(x)
                elif layer == "dropout":
                    x, _ = dropout_forward(x, rate, rng, training if drops is None else drops)
                elif training if batch_statistics is None else batch_statistics:
                    x, *_ = batch_norm_train(x, gamma, beta)
                else:
                    x = batch_norm_inference(x, gamma, beta, moving_mean, moving_variance)
        return output(x @ last_kernel + last_bias, rate, rng, training)

    return forward


def _no_norm_at_inference(x, weights, rate, rng, training):
    norm_left_out = () if training else [("norm", k) for k in range(9)]
    return _network(without=norm_left_out)(x, weights, rate, rng, training)


@code(
    en="Write `network_forward(x, weights, rate, rng, training)`, which returns `y`, the output of the whole network, "
    "in training mode or in inference mode. A block is a dense layer with ReLU, then dropout, then batch "
    "normalization; after any number of blocks comes a dense layer with one unit and no activation. `weights` is the "
    "flat list that `get_weights()` of such a Keras model gives: for each block `kernel`, `bias`, `gamma`, `beta`, "
    "`moving_mean`, `moving_variance`, at the end `kernel` and `bias`. `x` has the shape `(N, D)`, `y` has `(N, 1)`; "
    "epsilon is 0.001, and the moving averages need not be updated.",
    zh="编写 `network_forward(x, weights, rate, rng, training)`，返回整个网络在训练模式或推断模式下的输出 `y`。一个模"
    "块依次是带 ReLU 的全连接层、暂退法、批量归一化；模块的个数不限，最后是只有一个单元、没有激活函数的全连接层。"
    "`weights` 是这样的 Keras 模型的 `get_weights()` 给出的列表：每个模块依次是 `kernel`、`bias`、`gamma`、`beta`、"
    "`moving_mean`、`moving_variance`，末尾是 `kernel` 和 `bias`。`x` 的形状是 `(N, D)`，`y` 的形状是 `(N, 1)`；"
    "epsilon 取 0.001，不需要更新移动平均。",
    cases=[
        Case(
            "inference mode, two blocks",
            "推断模式，两个模块",
            lambda rng: _forward_case(rng, 6, (3, 5, 4), 0.3, False),
            _predicted,
        ),
        Case(
            "inference mode, one block and one row",
            "推断模式，一个模块，一行数据",
            lambda rng: _forward_case(rng, 1, (3, 4), 0.3, False),
            _predicted,
        ),
        Case(
            "training mode, rate 0",
            "训练模式，丢弃率 0",
            lambda rng: _forward_case(rng, 8, (3, 5, 4), 0, True),
        ),
        Case("training mode, rate 0.3, equal rows", "训练模式，丢弃率 0.3，各行相同", _equal_rows, _spread),
    ],
    misconceptions=[
        Misconception(
            "dropped at inference",
            (_network(drops=True), _network(drops=True, batch_statistics=True)),
            en="Two predictions for the same rows differ: values are dropped in inference mode too. What should "
            "`training` switch off?",
            zh="对相同的行预测两次，结果不同：推断模式下也丢弃了值。`training` 应当关掉什么？",
            by=(DIFFER,),
        ),
        Misconception(
            "training statistics at inference",
            _network(batch_statistics=True),
            en="In inference mode you normalise with mean and variance of the rows that happen to come together. The "
            "prediction for one wine then depends on the other wines in the batch.",
            zh="推断模式下，你用碰巧在一起的那些行的均值和方差做归一化。这样一来，一款酒的预测就取决于同一批里的其他酒。",
        ),
        Misconception(
            "moving statistics at training",
            _network(batch_statistics=False),
            en="In training mode you normalise with the moving averages. They are kept for later; what does batch "
            "normalization use while it trains?",
            zh="训练模式下，你用移动平均做归一化。移动平均是留到以后用的；训练时批量归一化用的是什么？",
        ),
        Misconception(
            "batch norm left out at inference",
            _no_norm_at_inference,
            en="In inference mode batch normalization is gone, as if it were a kind of dropout. The layers after it "
            "have learned from normalised values and need them in both modes.",
            zh="推断模式下，批量归一化不见了，好像它也是一种暂退法。后面的层是用归一化之后的值训练的，"
            "两种模式下都需要这样的值。",
        ),
        Misconception(
            "ReLU on the output layer",
            _network(output=lambda y, *_: relu(y)),
            en="No output is negative: the last layer has a ReLU too. What values may the prediction of a regression "
            "take?",
            zh="没有一个输出是负数：最后一层也用了 ReLU。回归的预测可以取哪些值？",
        ),
        Misconception(
            "softmax on one unit",
            _network(output=lambda y, *_: np.ones_like(y)),
            en="Every output is 1: softmax makes the outputs of a row add up to 1, and here each row has only one.",
            zh="每个输出都是 1：softmax 使一行的各个输出加起来等于 1，而这里每行只有一个输出。",
        ),
        Misconception(
            "a ReLU is skipped",
            (_network("dropout", "norm"), _network(without=[("relu", 0)]), _network(without=[("relu", 1)])),
            en="In at least one block the dense layer has no ReLU. Two dense layers without a nonlinearity between "
            "them compute no more than one.",
            zh="至少有一个模块的全连接层没有 ReLU。两个全连接层之间如果没有非线性，能表示的并不比一个层多。",
        ),
        Misconception(
            "batch norm before the ReLU",
            (_network("norm", "relu", "dropout"), _network("dropout", "norm", "relu")),
            en="You normalise before the ReLU. Other networks are built like that; in this one the activation belongs "
            "to the dense layer.",
            zh="你在 ReLU 之前做了归一化。有些网络是这样搭的；但在这个网络里，激活函数属于全连接层。",
        ),
        Misconception(
            "batch norm before dropout",
            _network("relu", "norm", "dropout"),
            en="In inference mode all is right, but in training mode your network drops values after batch "
            "normalization. Which of the two comes first in a block?",
            zh="推断模式下全都对，但训练模式下，你的网络在批量归一化之后才丢弃值。一个模块里，这两者谁在前？",
        ),
        Misconception(
            "dropout after the output layer",
            _network(output=lambda y, rate, rng, training: dropout_forward(y, rate, rng, training)[0]),
            en="In training mode some of the outputs themselves are 0: dropout acts after the last layer too. Which "
            "layers are part of a block?",
            zh="训练模式下，有些输出本身就是 0：最后一层之后也用了暂退法。哪些层属于一个模块？",
            by=(DROPPED,),
        ),
        Misconception(
            "dropout left out",
            _network(drops=False),
            en="In training mode equal rows all get the same output although the rate is 0.3: chance plays no part.",
            zh="训练模式下，丢弃率是 0.3，相同的行却都得到同样的输出：随机性根本没有起作用。",
            by=(SPREAD,),
        ),
    ],
    hints=[
        (
            "You have all the parts: the functions of units 01, 04 and 05, in `helpers.scratch` too. Write one block "
            "first, then a loop around it.",
            "各个部分你都有了：第 01、04、05 单元的练习里写过的函数，`helpers.scratch` 里也有。"
            "先写一个模块，再在外面套上循环。",
        ),
        (
            "Take the last two arrays away; how many blocks do the others make, if each takes six?",
            "先取走最后两个数组；其余的数组，每个模块占六个，一共有几个模块？",
        ),
        (
            "Two of the three layers of a block ask which mode it is. One of them then does nothing in inference mode, "
            "the other one something else.",
            "一个模块的三层里，有两层要区分模式。其中一层在推断模式下什么也不做，另一层则换一种做法。",
        ),
    ],
    analysis=(
        "One loop over groups of six arrays serves any number of blocks, and the mode is handed to the two layers that "
        "care: dropout does nothing in inference mode, batch normalization switches from the statistics of the batch "
        "to the moving averages. The last layer is linear. Frequent mistakes: batch normalization left out of the "
        "prediction, statistics of the wrong mode, and the order of the two layers, which no prediction shows.",
        "每六个数组一组，一个循环就适用于任意多个模块；模式"
        "只需传给与它有关的两层：暂退法在推断模式下什么也不做，批量归一"
        "化则从小批量的统计量换成移动平均。最后一层是线性的。常见错误：预测时漏掉批量归一化；用了另一种模式的统计量；"
        "把这两层的顺序弄反，而这一点从任何预测里都看不出来。",
    ),
)
def network_forward(x, weights, rate, rng, training):
    *blocks, last_kernel, last_bias = weights
    for k in range(0, len(blocks), 6):
        kernel, bias, gamma, beta, moving_mean, moving_variance = blocks[k : k + 6]
        x = relu(dense_forward(x, kernel, bias))
        x, _ = dropout_forward(x, rate, rng, training)
        if training:
            x, *_ = batch_norm_train(x, gamma, beta)
        else:
            x = batch_norm_inference(x, gamma, beta, moving_mean, moving_variance)
    return dense_forward(x, last_kernel, last_bias)


# --- training_step ---


def _in_block(name, block):
    return Quantity(f"`{name}` of block {block}", f"第 {block} 个模块的 `{name}`")


def _in_last(name):
    return Quantity(f"`{name}` of the last layer", f"最后一层的 `{name}`")


_NAMES = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
TRAINED = tuple(_in_block(name, block) for block in (1, 2) for name in _NAMES[:4]) + tuple(map(_in_last, _NAMES[:2]))
MOVING_VARIANCES = tuple(_in_block("moving_variance", block) for block in (1, 2))
MOVING = tuple(_in_block("moving_mean", block) for block in (1, 2)) + MOVING_VARIANCES


def _new_weights(training_step, x, y, weights, learning_rate):
    new = training_step(x, y, weights, learning_rate)
    names = [_in_block(name, block + 1) for block in range(len(weights) // 6) for name in _NAMES]
    return dict(zip([*names, *map(_in_last, _NAMES[:2])], new, strict=True))


def _step_case(rng, rows, sizes):
    x, weights = rng.standard_normal((rows, sizes[0])), random_weights(rng, sizes)
    for k in range(0, len(weights) - 2, 6):
        weights[k] = weights[k] * 3
    y = rng.standard_normal((rows, 1))
    # As many errors of one sign as of the other: with all of one sign, nothing would pass through batch norm.
    weights[-1] = weights[-1] - np.median(network_forward(x, weights, 0, rng, True) - y)
    return x, y, weights, 0.5


def _constants(dy, cache):
    x_hat, inverse_std, gamma = cache
    return gamma * inverse_std * dy, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


def _step(
    loss_gradient=mean_absolute_error_gradient,
    norm_backward=batch_norm_backward,
    activation_backward=relu_backward,
    sign=1,
    moved=lambda moving, batch, rows, learning_rate: update_moving(moving, batch),
    moved_variance=None,
    already_updated=False,
):
    """A training_step with slips; already_updated : the gradient flows back through weights after their step."""

    def training_step(x, y, weights, learning_rate):
        weights, kept, hidden = list(weights), [], x
        for k in range(0, len(weights) - 2, 6):
            z = dense_forward(hidden, *weights[k : k + 2])
            kept.append((hidden, z))
            hidden, cache, mean, variance = batch_norm_train(relu(z), *weights[k + 2 : k + 4])
            kept[-1] += (cache,)
            weights[k + 4] = moved(weights[k + 4], mean, len(x), learning_rate)
            weights[k + 5] = (moved_variance or moved)(weights[k + 5], variance, len(x), learning_rate)
        dy = loss_gradient(y, dense_forward(hidden, *weights[-2:]))
        new = list(weights)

        def through_dense(dy, entered, k):
            _, dkernel, dbias = dense_backward(dy, entered, weights[k])
            new[k] = weights[k] - sign * learning_rate * dkernel
            new[k + 1] = weights[k + 1] - sign * learning_rate * dbias
            return dy @ (new if already_updated else weights)[k].T

        dy = through_dense(dy, hidden, len(weights) - 2)
        for k in range(len(weights) - 8, -1, -6):
            entered, z, cache = kept.pop()
            dy, dgamma, dbeta = norm_backward(dy, cache)
            new[k + 2] = weights[k + 2] - sign * learning_rate * dgamma
            new[k + 3] = weights[k + 3] - sign * learning_rate * dbeta
            dy = through_dense(activation_backward(dy, z), entered, k)
        return new

    return training_step


@code(
    en="Write `training_step(x, y, weights, learning_rate)`: one step of SGD on the mean absolute error, for the "
    "network of the previous question, with rate 0. Return a new flat list in the same order: the weights after the "
    "step, and the moving averages updated as Keras does it in training mode with momentum 0.99. `x` has the shape "
    "`(N, D)`, `y` has `(N, 1)`; there may be any number of blocks. You may use all functions of `helpers.scratch`.",
    zh="编写 `training_step(x, y, weights, learning_rate)`：对上一题的网络（丢弃率 0），用 SGD 按平均绝对误差训练一步。"
    "返回一个新的列表，顺序不变：训练一步之后的权重，以及按 Keras 在训练模式下的做法、以动量 0.99 更新的移动平均。"
    "`x` 的形状是 `(N, D)`，`y` 的形状是 `(N, 1)`；模块的个数不限。`helpers.scratch` 里的函数都可以用。",
    returns=("weights",),
    cases=[
        Case("one block, 6 rows", "一个模块，6 行", lambda rng: _step_case(rng, 6, (3, 4)), _new_weights),
        Case("two blocks, 8 rows", "两个模块，8 行", lambda rng: _step_case(rng, 8, (3, 5, 4)), _new_weights),
    ],
    misconceptions=[
        Misconception(
            "sign of the gradient",
            _step(sign=-1),
            en="Your step goes uphill: the weights change by the right amounts in the wrong direction, and the loss "
            "grows.",
            zh="你这一步走的是上坡：权重改变的幅度是对的，方向却反了，损失会变大。",
            by=TRAINED,
        ),
        Misconception(
            "gradient not averaged over the batch",
            _step(loss_gradient=lambda y, y_pred: np.sign(y_pred - y)),
            en="Your gradient grows with the number of rows. The loss is a mean over the rows; what does that make of "
            "the gradient of one of them?",
            zh="你的梯度随行数增多而变大。损失是对各行取的平均，那么其中一行的梯度应是多大？",
            by=TRAINED,
        ),
        Misconception(
            "gradient of the squared error",
            _step(loss_gradient=mean_squared_error_gradient),
            en="This is the step for the mean squared error, where a large error pulls harder than a small one. With "
            "the loss asked for, how hard does each error pull?",
            zh="这是按均方误差训练的一步，误差越大，对梯度的影响也越大。换成题目要求的损失，每个误差的影响有多大？",
            by=TRAINED,
        ),
        Misconception(
            "backward treats the statistics as constants",
            _step(norm_backward=_constants),
            en="After batch normalization the gradients are right, before it they are not: your backward pass treats "
            "mean and variance as constants. A change in one row changes them, and through them all rows.",
            zh="批量归一化之后的梯度是对的，它之前的不对：你的反向传播把均值和方差当成了常数。"
            "一行改变了，均值和方差就改变，所有行也跟着改变。",
            by=TRAINED,
        ),
        Misconception(
            "ReLU ignored in backward",
            (
                _step(activation_backward=lambda dy, z: dy),
                _step(norm_backward=_constants, activation_backward=lambda dy, z: dy),
            ),
            en="The gradient passes the ReLU as if it were not there. A unit that was off had no influence on the "
            "loss.",
            zh="梯度通过 ReLU 时，好像它不存在。没有激活的单元，对损失没有任何影响。",
            by=TRAINED,
        ),
        Misconception(
            "gradient through weights already updated",
            _step(already_updated=True),
            en="The last layer is right, those before it are not quite: the gradient runs back through weights that "
            "have already made their step. All gradients belong to the weights of the forward pass.",
            zh="最后一层是对的，它前面的各层差了一点：梯度往回传时，经过的权重已经更新过了。"
            "所有梯度都应对应前向传播时的权重。",
            by=TRAINED,
        ),
        Misconception(
            "moving averages not updated",
            _step(moved=lambda moving, batch, rows, learning_rate: moving),
            en="The moving averages are what they were. No gradient changes them; who does?",
            zh="移动平均还是原来的值。没有梯度会改变它们，那么由谁来改变？",
            by=MOVING,
        ),
        Misconception(
            "moving average forgets to keep the old value",
            (
                _step(moved=lambda moving, batch, rows, learning_rate: batch),
                _step(moved=lambda moving, batch, rows, learning_rate: 0.01 * batch),
            ),
            en="In your moving averages nothing is left of the old ones. What remains is one batch, not an average "
            "over many.",
            zh="你的移动平均里，旧值一点也没有留下。剩下的只是一个小批量，而不是许多小批量的平均。",
            by=MOVING,
        ),
        Misconception(
            "momentum swapped",
            _step(moved=lambda moving, batch, rows, learning_rate: update_moving(moving, batch, 0.01)),
            en="Your moving averages follow the last batch almost entirely. Which of the two, old value or batch, "
            "counts for more in Keras if the momentum is close to 1?",
            zh="你的移动平均几乎完全跟着最近一个小批量走。在 Keras 里，动量接近 1 时，偏向旧值还是偏向小批量？",
            by=MOVING,
        ),
        Misconception(
            "moving averages changed by the optimizer like weights",
            (
                _step(moved=lambda moving, batch, rows, learning_rate: update_moving(moving, batch, 1 - learning_rate)),
                _step(moved=lambda moving, batch, rows, learning_rate: moving - learning_rate * batch),
                _step(
                    moved=lambda moving, batch, rows, learning_rate: (
                        update_moving(moving, batch) - learning_rate * (moving - batch)
                    )
                ),
            ),
            en="The learning rate decides how far your moving averages move. They are not trained: the optimizer never "
            "sees them.",
            zh="你的移动平均走多远，是由学习率决定的。它们并不参与训练：优化器根本看不到它们。",
            by=MOVING,
        ),
        Misconception(
            "unbiased variance",
            _step(
                moved_variance=lambda moving, batch, rows, learning_rate: update_moving(
                    moving, batch * rows / (rows - 1)
                )
            ),
            en="The moving mean is right, the moving variance a little too large: another library corrects the "
            "variance of the batch before it is averaged, Keras does not.",
            zh="移动均值是对的，移动方差略微偏大：另一个库会先修正小批量的方差再做平均，Keras 不会。",
            by=MOVING,
        ),
    ],
    hints=[
        (
            "Go forward once and remember for each block what its backward functions will ask for; then go back "
            "through the same layers in the opposite order.",
            "先做一遍前向传播，为每个模块记住它的反向函数要用到的东西；再按相反的顺序走回同样的各层。",
        ),
        (
            "`helpers.scratch` has a backward function for every layer. Each takes the gradient with respect to the "
            "layer's output and gives the one to pass on, together with the gradients of the layer's own weights.",
            "`helpers.scratch` 为每一层都准备了反向函数。它接收从后面传来的梯度，给出要继续往前传的梯度，"
            "以及这一层自己的权重的梯度。",
        ),
        (
            "Only four of the six arrays of a block have gradients. The other two come from the forward pass, with "
            "`update_moving`.",
            "一个模块的六个数组里，只有四个有梯度。另外两个用 `update_moving`，由前向传播得到。",
        ),
    ],
    analysis=(
        "The forward pass keeps what backward needs, and the way back takes the blocks from the last to the first: "
        "batch normalization, ReLU, dense layer. All gradients are taken at the old weights, so the new ones go into a "
        "list of their own. The optimizer changes four arrays of a block; the moving averages follow the batch "
        "whatever the learning rate is. Frequent mistakes: no mean over the batch, statistics treated as constants, "
        "moving averages left as they were.",
        "前向传播留下反向传播要用的东西，往回走时从最后一个模块到第一个模块，依次经过批量归一化、ReLU、全连接层。"
        "所有梯度都按旧权重计算，所以新权重要放进另一个列表。优化器改变每个模块的四个数组；"
        "移动平均跟着小批量走，与学习率无关。常见错误：没有对小批量取平均；把统计量当成常数；移动平均没有更新。",
    ),
)
def training_step(x, y, weights, learning_rate):
    *blocks, last_kernel, last_bias = weights
    starts, remembered = range(0, len(blocks), 6), []
    for k in starts:
        kernel, bias, gamma, beta, moving_mean, moving_variance = blocks[k : k + 6]
        z = dense_forward(x, kernel, bias)
        normalised, cache, mean, variance = batch_norm_train(relu(z), gamma, beta)
        moving = [update_moving(moving_mean, mean), update_moving(moving_variance, variance)]
        remembered.append((x, z, cache, moving))
        x = normalised
    dy = mean_absolute_error_gradient(y, dense_forward(x, last_kernel, last_bias))
    dy, dkernel, dbias = dense_backward(dy, x, last_kernel)
    new = [last_kernel - learning_rate * dkernel, last_bias - learning_rate * dbias]
    for k in reversed(starts):
        x, z, cache, moving = remembered.pop()
        dy, dgamma, dbeta = batch_norm_backward(dy, cache)
        dy, dkernel, dbias = dense_backward(relu_backward(dy, z), x, blocks[k])
        gradients = [dkernel, dbias, dgamma, dbeta]
        trained = [w - learning_rate * g for w, g in zip(blocks[k : k + 4], gradients, strict=True)]
        new = trained + moving + new
    return new


# --- red_wine_model ---


def _blocks(*order, units=1024, rate=0.3, behind=0, output=None):
    """The model with slips: the order of the layers in a block, a rate, a rate behind the output."""
    import keras

    make = {
        "dense": lambda: keras.layers.Dense(units, activation="relu"),
        "linear": lambda: keras.layers.Dense(units),
        "relu": lambda: keras.layers.Activation("relu"),
        "dropout": lambda: keras.layers.Dropout(rate),
        "norm": lambda: keras.layers.BatchNormalization(),
    }
    layers = [make[name]() for _ in range(3) for name in order]
    layers += [keras.layers.Dense(1, activation=output)] + ([keras.layers.Dropout(behind)] if behind else [])
    return keras.Sequential([keras.Input((11,)), *layers])


# A few units are enough, and fast, where only `by` is compared and does not depend on their number.
@model(
    en="Write `red_wine_model()`, which builds the Keras model of this unit for 11 features: three blocks of a dense "
    "layer with 1024 units and ReLU, dropout of rate 0.3 and batch normalization, in this order, then a dense layer "
    "with one unit and no activation.",
    zh="编写 `red_wine_model()`，为 11 个特征构建本课的 Keras 模型：三个模块，每个模块依次是有 1024 个单元、带 ReLU "
    "的全连接层、丢弃率为 0.3 的暂退层、批量归一化层；最后是只有一个单元、没有激活函数的全连接层。",
    misconceptions=[
        Misconception(
            "softmax on one unit",
            lambda: _blocks("dense", units=2, output="softmax"),
            en="The output is 1 for every wine: softmax makes the outputs of a layer add up to 1, and here there is "
            "only one.",
            zh="对每款酒，输出都是 1：softmax 使一层的各个输出加起来等于 1，而这里只有一个输出。",
            by=(PREDICTIONS,),
        ),
        Misconception(
            "ReLU on the output layer",
            lambda: _blocks("dense", units=2, output="relu"),
            en="The output layer cannot give a negative number: it has a ReLU. The last unit of a regression is "
            "linear.",
            zh="输出层给不出负数：它后面有 ReLU。回归网络的最后一个单元应当是线性的。",
            by=(NEGATIVE,),
        ),
        Misconception(
            "dropout after the output layer",
            lambda: _blocks("dense", units=2, behind=0.3),
            en="In training mode some of the predictions themselves are 0: dropout follows the output layer too. A "
            "prediction that is dropped teaches nothing but noise.",
            zh="训练模式下，有些预测本身就是 0：输出层之后也有暂退层。把预测丢弃，学到的只是噪声。",
            by=(ZEROS,),
        ),
        Misconception(
            "dropout left out",
            lambda: _blocks("dense", units=2),
            en="Your model has no dropout. In inference mode nobody would notice; in training mode it is another "
            "network.",
            zh="你的模型里没有暂退层。在推断模式下谁也看不出来；在训练模式下，这就是另一个网络了。",
            by=(RATES,),
        ),
        Misconception(
            "rate taken for keep probability",
            lambda: _blocks("dense", "dropout", units=2, rate=0.7),
            en="Your layers drop more than they keep. The argument of `Dropout` is the share that is dropped.",
            zh="你的暂退层丢弃的比保留的还多。`Dropout` 的参数是被丢弃的比例。",
            by=(RATES,),
        ),
        Misconception(
            "batch norm before dropout",
            lambda: _blocks("dense", "norm", "dropout"),
            en="All layers are there, and the predictions are right, but in training mode the outputs are spread "
            "differently: batch normalization stands before dropout. Which of the two should see the other's output?",
            zh="各层都在，预测也对，但训练模式下输出的离散程度不同：批量归一化放在了暂退层之前。这两层中，"
            "哪一层应当接收另一层的输出？",
        ),
        Misconception(
            "batch norm before the ReLU",
            lambda: _blocks("linear", "norm", "relu", "dropout"),
            en="Batch normalization stands between the dense layer and its ReLU. That is a network of its own; in this "
            "one the activation comes first.",
            zh="批量归一化放在了全连接层和它的 ReLU 之间。那是另一种网络；在这个网络里，激活函数在前。",
            by=(PREDICTIONS,),
        ),
    ],
    hints=[
        (
            "Three equal blocks: build the list of layers with a loop, and put the input before it and the last layer "
            "after it.",
            "三个相同的模块：用循环生成各层的列表，输入放在前面，最后一层放在后面。",
        ),
        (
            "Every layer in a block is a new object. The last dense layer is part of no block, so nothing follows it.",
            "模块里的每一层都是新的对象。最后一个全连接层不属于任何模块，所以它后面什么也没有。",
        ),
    ],
    analysis=(
        "A block is a dense layer with its activation, dropout and batch normalization; the loop makes new layers each "
        "time, since a layer used again would share its weights. The output has neither activation nor dropout. The "
        "order inside a block shows only in training mode: a prediction is the same with dropout anywhere, so such a "
        "slip is easy to overlook.",
        "一个模块是带激活函数的全连接层、暂退层和批量归一化层；循环每次都创建新的层，因为重复使用同一个层会共用权重。"
        "输出既没有激活函数，也没有暂退层。模块内部的顺序只在训练模式下才看得出来：暂退层放在哪里，预测都一样，"
        "所以这种错误很容易被忽略。",
    ),
)
def red_wine_model():
    import keras

    layers = [keras.Input((11,))]
    for _ in range(3):
        layers.append(keras.layers.Dense(1024, activation="relu"))
        layers.append(keras.layers.Dropout(0.3))
        layers.append(keras.layers.BatchNormalization())
    return keras.Sequential([*layers, keras.layers.Dense(1)])


# --- results_table ---

COLUMNS = Quantity(
    "there are columns `variant`, `seed` and `val_mae`, and rows",
    "有 `variant`、`seed` 和 `val_mae` 三列，而且有数据行",
    says=Bilingual(
        "The table needs rows, and the columns `variant`, `seed` and `val_mae`, spelled exactly like this.",
        "表里要有数据行，还要有 `variant`、`seed` 和 `val_mae` 三列，列名必须一字不差。",
    ),
)
FINITE = Quantity(
    "all errors are finite and positive",
    "所有误差都有限而且为正",
    says=Bilingual(
        "Some values of `val_mae` are missing, not finite or not positive. An error of `nan` means that a training run "
        "failed; the mean absolute error of a real network is never 0 or less.",
        "`val_mae` 里有些值缺失、不是有限数或者不是正数。误差是 `nan`，说明训练失败了；真实网络的平均绝对误差不会小于"
        "或等于 0。",
    ),
)
TWICE = Quantity(
    "a variant has the same seed twice",
    "某个变体的同一个随机种子出现了两次",
    says=Bilingual(
        "One variant has the same seed in two rows. A run counted twice makes the spread look smaller than it is.",
        "某个变体的同一个随机种子出现在两行里。同一次运行算了两次，离散程度看起来就比实际的小。",
    ),
)
BASELINE = Quantity("there is a variant `dropout only`", "有名为 `dropout only` 的变体")
OTHERS = Quantity(
    "number of other variants, counted up to 2",
    "其他变体的个数（最多数到 2）",
    says=Bilingual(
        "There are too few variants besides `dropout only`. One alternative leaves no choice to defend.",
        "除了 `dropout only`，其他变体太少。只有一个备选，就谈不上选择，也无从说明理由。",
    ),
)
SEEDS = Quantity(
    "fewest seeds of a variant, counted up to 3",
    "各变体的随机种子个数中最少的（最多数到 3）",
    says=Bilingual(
        "A variant has fewer than 3 seeds. Two runs do not yet show a spread.",
        "有的变体不到 3 个随机种子。两次运行还看不出离散程度。",
    ),
)
SAME_SEEDS = Quantity("all variants have the same seeds", "所有变体用的是同一组随机种子")
EFFECT = Quantity("the error changes with the seed", "误差会随着随机种子变化")


def _facts(answer, rng):
    """What is true of a table of results: a DataFrame, a list of dicts or a dict of columns."""
    import pandas as pd

    columns = ["variant", "seed", "val_mae"]
    table = pd.DataFrame(answer)
    # After a groupby the names may be in the index.
    table = table if set(columns) <= set(table.columns) else table.reset_index()
    if not set(columns) <= set(table.columns) or table.empty:
        return {COLUMNS: False}
    table = table[columns].assign(variant=table["variant"].astype(str).str.strip().str.lower())
    errors = np.array([_as_number(value) for value in table["val_mae"]])
    groups = table.assign(val_mae=errors).groupby("variant")
    seeds = [frozenset(group) for _, group in groups["seed"]]
    finite = bool((np.isfinite(errors) & (errors > 0)).all())
    return {
        COLUMNS: True,
        FINITE: finite,
        BASELINE: "dropout only" in set(table["variant"]),
        OTHERS: min(2, len(set(table["variant"]) - {"dropout only"})),
        SEEDS: min(3, *map(len, seeds)),
        SAME_SEEDS: len(set(seeds)) == 1,
        TWICE: bool(table.duplicated(["variant", "seed"]).any()),
        EFFECT: bool((groups["val_mae"].nunique() > 1).any()) or not finite,
    }


def _as_number(value):
    """Also of a tensor with a single value; nan for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _results(**seeds):
    """A table with a row for each seed of each variant; the underscores in the names become spaces."""
    return [
        {"variant": variant.replace("_", " "), "seed": seed, "val_mae": 0.2 + 0.01 * seed}
        for variant, its_seeds in seeds.items()
        for seed in its_seeds
    ]


def _seed_without_effect():
    return [row | {"val_mae": 0.2} for row in _results(dropout_only=(1, 2, 3), a=(1, 2, 3), b=(1, 2, 3))]


@value(
    en="Hand in `results_table`, the results of your songs experiment: a pandas DataFrame (or a list of dicts) with "
    "the columns `variant`, `seed` and `val_mae`, one row for each training run. One of the variants is called "
    "`dropout only`; compare at least two others with it, and give every variant the same seeds, at least three of "
    "them. No variant has the same seed twice, and no error is missing.",
    zh="提交 `results_table`，也就是你的歌曲实验的结果：一个 pandas DataFrame（或由字典组成的列表），有 `variant`、"
    "`seed` 和 `val_mae` 三列，每次训练一行。其中一个变体名为 `dropout only`；至少再拿两个变体和它比较，每个变体都用"
    "同一组随机种子，至少三个。同一个变体里，随机种子不能重复，误差也不能有缺失。",
    observe=_facts,
    en_case="variants, seeds and errors of the table",
    zh_case="表中的变体、随机种子和误差",
    seconds=60,
    misconceptions=[
        Misconception(
            "one seed only",
            lambda: _results(dropout_only=(0,), both=(0,), batch_norm_only=(0,)),
            en="At least one variant was trained with a single seed. How do you tell a better variant from a lucky "
            "start?",
            zh="至少有一个变体只用一个随机种子训练过。你怎么区分是变体更好，还是初始权重碰巧更好？",
            by=(SEEDS,),
        ),
        Misconception(
            "baseline missing",
            lambda: _results(both=(0, 1, 2), batch_norm_only=(0, 1, 2)),
            en="No row is labelled `dropout only`. Whether a variant is an improvement can only be judged against the "
            "model that you started from.",
            zh="没有一行标着 `dropout only`。一个变体算不算改进，只有和最初的模型比较才知道。",
            by=(BASELINE,),
        ),
        Misconception(
            "different seeds for different variants",
            lambda: _results(dropout_only=(0, 1, 2), both=(3, 4, 5), batch_norm_only=(6, 7, 8)),
            en="The variants were not trained with the same seeds. Then a difference between two of them may come from "
            "the seeds.",
            zh="各个变体用的随机种子不一样。这样一来，两个变体之间的差别可能只是随机种子造成的。",
            by=(SAME_SEEDS,),
        ),
        Misconception(
            "seed without effect",
            _seed_without_effect,
            en="Within each variant all errors are equal, so the seed has no effect. Is the seed of this run the one "
            "that is set before the model is built, and does each row get the error of its own run?",
            zh="每个变体内部，所有误差都相等，可见随机种子没有起作用。构建模型之前设置的，是这次运行的种子吗？每一行记"
            "录的，是这次运行自己的误差吗？",
            by=(EFFECT,),
        ),
    ],
    hints=[
        (
            "Two loops, one over the variants and one over the seeds; each run adds one row to a list.",
            "两层循环，一层遍历变体，一层遍历随机种子；每次运行往列表里加一行。",
        ),
        (
            "A function that takes a variant and a seed, sets the seed, builds the model, trains it and returns the "
            "validation error keeps the runs apart.",
            "写一个函数：接收变体和随机种子，设置种子，构建并训练模型，返回验证误差。这样各次运行互不干扰。",
        ),
    ],
    analysis=(
        "Every variant is trained with the same three seeds, so the means can be compared and the spread is known. To "
        "keep it short and quick, this table is made with the NumPy network, some of the songs and three epochs; yours "
        "trains longer. Frequent mistakes: one seed, which shows no spread; different seeds for each variant; leaving "
        "out the model that the others should improve on.",
        "每个变体都用同样的三个随机种子，所以均值可以比较，离散程度也清楚。为了简短快速，这张表只用 NumPy 网络，"
        "在一部分歌曲上训练三轮；你的要训练得更久。常见错误：只用一个随机种子，看不出离散程度；"
        "每个变体用不同的随机种子；漏掉了要改进的那个模型。",
    ),
)
def results_table():
    import pandas as pd

    from helpers import group_split, load_dataset, standardize
    from helpers.scratch import BatchNormalization, Dense, Dropout, Input, Sequential

    songs = load_dataset("songs", source="simulated", show=False).head(3000)
    train, validation = group_split(songs, "track_artist", seed=0)
    x, x_val = standardize(train.iloc[:, -12:], validation.iloc[:, -12:])
    y, y_val = train[["track_popularity"]] / 100, validation[["track_popularity"]] / 100
    rows = []
    for variant in ("dropout only", "batch norm only", "dropout and batch norm"):
        for seed in range(3):
            layers = [Input((12,))]
            for units in (128, 64):
                layers.append(Dense(units, "relu"))
                layers += [Dropout(0.3)] if "dropout" in variant else []
                layers += [BatchNormalization(momentum=0.9)] if "norm" in variant else []
            net = Sequential([*layers, Dense(1)], np.random.default_rng(seed)).compile("adam", "mae")
            net.fit(x, y, batch_size=64, epochs=3, verbose=0)
            rows.append({"variant": variant, "seed": seed, "val_mae": net.evaluate(x_val, y_val)})
    return pd.DataFrame(rows)


# --- winner_on_standardised ---


@prediction(
    en="Red wine, standardised, the repeated rows taken out, and a small network trained with several seeds: without "
    "either layer, with dropout, with batch normalization, or with both. Which variant has the smallest validation "
    "error, and how does its lead over the plain network compare with the spread between the seeds?",
    zh="标准化的红酒数据，去掉了重复行；一个小网络，用几个随机种子训练：什么都不加、"
    "只加暂退法、只加批量归一化、两种层"
    "都加。哪个变体的验证误差最小？它领先什么都不加的网络的幅度，与不同随机种子之间的离散程度相比如何？",
    choices={
        "A": Choice(
            en="None that could be singled out: the four lie within the spread.",
            zh="看不出哪个最好：四个变体的差别都在离散程度之内。",
            en_why="With a table of this size that is a reasonable suspicion, and the reason to train with several "
            "seeds. But the lead of the best variant over the plain network is larger than the spread.",
            zh_why="表这么小，这样怀疑很有道理，这也正是要用几个随机种子训练的原因。但最好的变体相对于什么都不加的网络，"
            "领先超过了离散程度。",
        ),
        "B": Choice(
            en="Dropout alone, by more than the spread: it is made against overfitting.",
            zh="只加暂退法，领先超过离散程度：它就是用来对付过拟合的。",
            en_why="The plain network does overfit, but dropout alone is not the best of the four: with batch "
            "normalization added to it, the error is smaller still.",
            zh_why="什么都不加的网络确实过拟合，但只加暂退法并不是四个变体中最好的：再加上批量归一化，误差还要更小。",
        ),
        "C": Choice(
            en="Batch normalization alone, by more than the spread: it makes training easier.",
            zh="只加批量归一化，领先超过离散程度：它使训练更容易。",
            en_why="Easier training is no help where the training rows are fitted too well already: on the validation "
            "set batch normalization alone is the worst of the four.",
            zh_why="训练集本来就拟合得太好，训练更容易也帮不上忙：在验证集上，只加批量归一化是四个变体中最差的。",
        ),
        "D": Choice(
            en="Both together, by more than the spread: they complement each other.",
            zh="两种层都加，领先超过离散程度：它们互相补充。",
            en_why="Together they beat the plain network by more than the spread, although batch normalization alone "
            "does harm: what a layer is worth depends on the other layers.",
            zh_why="两者一起，胜过什么都不加的网络，领先超过离散程度，尽管只加批量归一化反而有害："
            "一层有多大价值，取决于其他层。",
        ),
    },
    right="D",
    hints=[
        (
            "What is the trouble with a network that has thousands of weights and about a thousand rows, and which "
            "layer acts against it?",
            "几千个权重，大约一千行数据，这样的网络会遇到什么问题？哪一层是用来对付它的？",
        ),
        (
            "The inputs are standardised already. What is then left to do for a layer that normalises?",
            "输入已经标准化了。那么，做归一化的层还剩下什么可做？",
        ),
    ],
)
def winner_on_standardised():
    # Takes a minute: the lesson's ablation measures it.
    return {}
