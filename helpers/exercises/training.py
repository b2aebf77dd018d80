"""Unit 02, training: gradients, steps and mini-batches from scratch; in Keras compiling, fitting, a run that breaks."""

import contextlib
import functools
import io
from itertools import islice

import numpy as np

from helpers.exercises.engine.judge import Case, Misconception, Quantity
from helpers.exercises.engine.models import PREDICTIONS, outputs
from helpers.exercises.engine.question import Choice, code, model, prediction, value
from helpers.language import Bilingual


def _signed(rng, shape):
    """Numbers of the order of 1, none of them near 0."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


# --- mae_gradient ---


def _aligned_or_not(gradient):
    """A wrong formula, gradient(error, y_pred), in answers that align the shapes and in those that do not."""
    return (
        lambda y_true, y_pred: gradient(y_pred - np.reshape(y_true, y_pred.shape), y_pred),
        lambda y_true, y_pred: gradient(y_pred - y_true, y_pred),
    )


def _mean_over_the_row(y_true, y_pred):
    return np.sign(y_pred - y_true).mean(axis=1, keepdims=True) / len(y_pred)


def _sum_over_the_row(y_true, y_pred):
    error = y_pred - y_true
    return np.sign(error).sum(axis=1, keepdims=True) / error.size


def _mean_over_the_column(y_true, y_pred):
    return np.sign(y_pred - y_true).mean(axis=0) / len(y_pred)


def _with_a_tie(rng):
    y_pred = rng.uniform(-1, 1, (6, 1))
    y_true = y_pred + _signed(rng, (6, 1))
    y_true[2] = y_pred[2]
    return y_true, y_pred


@code(
    en="Write `mae_gradient(y_true, y_pred)`, which returns the gradient of the mean absolute error with respect to "
    "`y_pred`, shaped like `y_pred`. `y_pred` has the shape `(N, K)`, and the error is averaged over all its values. "
    "`y_true` has the same shape, or `(N,)` where `y_pred` is `(N, 1)`; each target belongs to the prediction of the "
    "same row, as in Keras. Where target and prediction are equal, the gradient is 0.",
    zh="编写 `mae_gradient(y_true, y_pred)`，返回平均绝对误差对 `y_pred` 的梯度，形状与 `y_pred` 相同。`y_pred` 的形状"
    "是 `(N, K)`，误差是对其中所有的值取的平均。`y_true` 的形状与它相同，或者在 `y_pred` 是 "
    "`(N, 1)` 时为 `(N,)`；每个目标对应同一行的预测，与 Keras 一样。目标与预测相等的地方，梯度是 0。",
    returns=("gradient",),
    cases=[
        Case("one output, one prediction equal to its target", "一个输出，其中一个预测与目标相等", _with_a_tie),
        Case(
            "`y_true` of shape `(5,)`, `y_pred` of shape `(5, 1)`",
            "`y_true` 的形状是 `(5,)`，`y_pred` 的形状是 `(5, 1)`",
            lambda rng: (rng.permutation(5) + rng.uniform(0.1, 0.4, 5), rng.permutation(5)[:, None] + 0.5),
        ),
        Case(
            "several outputs",
            "多个输出",
            lambda rng: (rng.uniform(-1, 1, (4, 3)), rng.uniform(-1, 1, (4, 3))),
        ),
    ],
    misconceptions=[
        Misconception(
            "(N,) minus (N, 1)",
            (
                _aligned_or_not(lambda error, y_pred: np.sign(error) / y_pred.size)[1],
                # With a second mistake, which shows only once the shapes are right.
                _aligned_or_not(lambda error, y_pred: np.sign(error) / len(y_pred))[1],
                _mean_over_the_row,
                _sum_over_the_row,
                _mean_over_the_column,
            ),
            en="You subtract arrays of the shapes `(N,)` and `(N, 1)`. NumPy turns them into an `(N, N)` array: every "
            "target against every prediction. It does so without a word, and an average over it still looks like a "
            "result.",
            zh="你把形状为 `(N,)` 和 `(N, 1)` 的两个数组相减。NumPy 会由此得到 `(N, N)` 的数组：每个目标都与每个预测相"
            "减。它不会给出任何警告，再取平均之后，看上去仍像一个正常的结果。",
        ),
        Misconception(
            "sign of the gradient",
            (
                *_aligned_or_not(lambda error, y_pred: -np.sign(error) / y_pred.size),
                *_aligned_or_not(lambda error, y_pred: -np.sign(error)),
                *_aligned_or_not(lambda error, y_pred: -np.sign(error) / len(y_pred)),
            ),
            en="The sign is the wrong way round: where a prediction is too high, raising it must raise the loss.",
            zh="符号反了：预测已经偏高时，再把它调高，损失应当增大。",
        ),
        Misconception(
            "gradient not averaged over the batch",
            (
                *_aligned_or_not(lambda error, y_pred: np.sign(error)),
                *_aligned_or_not(lambda error, y_pred: np.sign(error) / y_pred.shape[-1]),
            ),
            en="Each entry is as large as if its row were alone. The loss is a mean: what does one prediction "
            "contribute to it when there are `N` rows?",
            zh="每个分量都和只有这一行时一样大。损失是平均值：一共有 `N` 行时，一个预测对它的贡献是多少？",
        ),
        Misconception(
            "averaged over the rows alone",
            _aligned_or_not(lambda error, y_pred: np.sign(error) / len(y_pred))[0],
            en="With several outputs the gradient is too large: you average over the rows, but the mean runs over all "
            "values of `y_pred`.",
            zh="有多个输出时，梯度偏大：你只对各行取了平均，而损失是对 `y_pred` 的所有值取的平均。",
        ),
        Misconception(
            "gradient of the squared error",
            (
                *_aligned_or_not(lambda error, y_pred: 2 * error / y_pred.size),
                *_aligned_or_not(lambda error, y_pred: error / y_pred.size),
                *_aligned_or_not(lambda error, y_pred: 2 * error / len(y_pred)),
                *_aligned_or_not(lambda error, y_pred: 2 * error),
            ),
            en="Your gradient grows with the error: it belongs to the mean squared error. How steep is an absolute "
            "value far from 0, and how steep near it?",
            zh="你的梯度随误差增大而增大：这是均方误差的梯度。绝对值函数在离 0 远的地方有多陡，在它附近又有多陡？",
        ),
        Misconception(
            "a tie gets a gradient",
            (
                *_aligned_or_not(lambda error, y_pred: np.where(error > 0, 1, -1) / y_pred.size),
                *_aligned_or_not(lambda error, y_pred: np.where(error >= 0, 1, -1) / y_pred.size),
                *_aligned_or_not(lambda error, y_pred: error / np.abs(error) / y_pred.size),
            ),
            en="Where target and prediction are equal, your gradient is not 0. There are three possible cases for the "
            "error, not two.",
            zh="目标与预测相等的地方，你的梯度不是 0。误差有三种可能的情况，而不是两种。",
        ),
    ],
    hints=[
        (
            "Take one prediction that is too high. If you raise it by a little, by how much does its absolute error "
            "grow? And if it is too low?",
            "先看一个偏高的预测。把它调高一点点，它的绝对误差增大多少？如果它偏低呢？",
        ),
        (
            "The loss is the mean of all these errors, so each of them counts for only a part. `np.sign` knows all "
            "three cases.",
            "损失是所有这些误差的平均值，所以每一个只占一部分。`np.sign` 能区分全部三种情况。",
        ),
        (
            "Before you subtract, print both shapes. Give `y_true` the shape of `y_pred`.",
            "相减之前，把两个形状都打印出来。把 `y_true` 变成 `y_pred` 的形状。",
        ),
    ],
    analysis=(
        "An absolute value has the slope 1 or -1, whatever the size of the error, and the mean divides it by the "
        "number of values. The shapes are made equal first, because NumPy would broadcast `(N,)` and `(N, 1)` to "
        "`(N, N)` without a word. Frequent mistakes: forgetting the mean, so that the step depends on the batch size; "
        "subtracting the wrong way round.",
        "无论误差多大，绝对值函数的斜率都是 1 或 -1，取平均时再除以值的个数。"
        "之所以先统一形状，是因为 NumPy 会不声不响地"
        "把 `(N,)` 和 `(N, 1)` 广播成 `(N, N)`。常见错误：忘了取平均，于是步长取决于批量大小；相减的方向反了。",
    ),
)
def mae_gradient(y_true, y_pred):
    y_true = np.reshape(y_true, y_pred.shape)
    return np.sign(y_pred - y_true) / y_pred.size


# --- dense_backward ---


def _backward_case(rows, inputs, units):
    def arguments(rng):
        return _signed(rng, (rows, units)), _signed(rng, (rows, inputs)), _signed(rng, (inputs, units))

    return arguments


@code(
    en="A dense layer computes `y = x @ weights + bias`. Write `dense_backward(dy, x, weights)`: from `dy`, the "
    "gradient of the loss with respect to `y`, return `dx, dweights, dbias`, the gradients with respect to `x`, "
    "`weights` and `bias`. Shapes: `x` is `(N, D)`, `weights` `(D, K)`, `bias` `(K,)`, `dy` `(N, K)`; each gradient "
    "has the shape of what it belongs to. If the loss is a mean over the rows, the division by their number is already "
    "in `dy`.",
    zh="全连接层计算 `y = x @ weights + bias`。编写 `dense_backward(dy, x, weights)`：已知 `dy`（损失对 `y` 的梯度），"
    "返回 `dx, dweights, dbias`，即损失对 `x`、`weights` 和 `bias` 的梯度。形状：`x` 是 `(N, D)`，`weights` 是 "
    "`(D, K)`，`bias` 是 `(K,)`，`dy` 是 `(N, K)`；每个梯度的形状与它所对应的量相同。如果损失是对各行取的平均，`dy` "
    "里已经包含了这一点。",
    returns=("dx", "dweights", "dbias"),
    cases=[
        Case("5 rows, 3 inputs, 2 units", "5 行，3 个输入，2 个单元", _backward_case(5, 3, 2)),
        Case("all sizes 3, so that every matrix is square", "大小都是 3，所有矩阵都是方阵", _backward_case(3, 3, 3)),
        Case("one row", "只有一行", _backward_case(1, 2, 3)),
    ],
    misconceptions=[
        Misconception(
            "averaged once more over the batch",
            (
                lambda dy, x, weights: (dy @ weights.T, x.T @ dy / len(x), dy.mean(axis=0)),
                lambda dy, x, weights: (dy @ weights.T, x.T @ dy / len(x), dy.sum(axis=0)),
                lambda dy, x, weights: (dy @ weights.T, x.T @ dy, dy.mean(axis=0)),
                lambda dy, x, weights: (dy @ weights.T / len(x), x.T @ dy / len(x), dy.mean(axis=0)),
            ),
            en="You divide by the number of rows. The loss has done that, and `dy` carries it along; here the "
            "contributions of all rows are only collected.",
            zh="你除以了行数。计算损失时已经除过，`dy` 里已经包含了它；这里只需把各行的贡献汇总起来。",
        ),
        Misconception(
            "gradients in another order",
            (
                lambda dy, x, weights: (x.T @ dy, dy.sum(axis=0), dy @ weights.T),
                lambda dy, x, weights: (dy @ weights.T, dy.sum(axis=0), x.T @ dy),
                lambda dy, x, weights: (x.T @ dy, dy @ weights.T, dy.sum(axis=0)),
            ),
            en="The gradients are right, but not in the order that the task asks for.",
            zh="梯度是对的，但返回的顺序与题目要求的不同。",
        ),
        Misconception(
            "weight gradient transposed",
            (
                lambda dy, x, weights: (dy @ weights.T, dy.T @ x, dy.sum(axis=0)),
                lambda dy, x, weights: (dy @ weights.T, (x.T @ dy).T, dy.mean(axis=0)),
            ),
            en="The rows and columns of `dweights` are exchanged. Which index of `weights` counts the inputs, which "
            "one the units?",
            zh="`dweights` 的行和列颠倒了。`weights` 的哪个下标表示输入，哪个表示单元？",
        ),
        Misconception(
            "dbias not summed",
            (lambda dy, x, weights: (dy @ weights.T, x.T @ dy, dy),),
            en="`dbias` is not summed over the rows. The forward pass added the same bias to every row, so every row "
            "has a say in its gradient.",
            zh="`dbias` 没有对各行求和。前向传播时，同一个偏置加到了每一行上，所以每一行都对它的梯度有贡献。",
        ),
        Misconception(
            "dbias summed over the wrong axis",
            (
                lambda dy, x, weights: (dy @ weights.T, x.T @ dy, dy.sum(axis=1)),
                lambda dy, x, weights: (dy @ weights.T, x.T @ dy, dy.sum()),
            ),
            en="`dbias` is summed over the wrong axis: there is one bias for each unit, not for each row and not for "
            "all of them together.",
            zh="`dbias` 求和的轴不对：每个单元有一个偏置，而不是每一行一个，也不是全部共用一个。",
        ),
        Misconception(
            "weights not transposed in dx",
            (
                lambda dy, x, weights: (dy @ weights, x.T @ dy, dy.sum(axis=0)),
                lambda dy, x, weights: (dy @ weights, x.T @ dy / len(x), dy.mean(axis=0)),
                lambda dy, x, weights: (dy @ weights, x @ dy, dy.sum(axis=0)),
            ),
            en="`dx` is computed with the weights as they stand. In square matrices the shapes fit all the same, but "
            "the way back goes from units to inputs.",
            zh="算 `dx` 时，权重原样拿来用了。矩阵是方阵时，形状照样相容，但反向的路是从单元回到输入。",
        ),
        Misconception(
            "x not transposed in dweights",
            lambda dy, x, weights: (dy @ weights.T, x @ dy, dy.sum(axis=0)),
            en="`dweights` multiplies `x` as it stands by `dy`. In square matrices the shapes fit all the same; but "
            "over which index must the product sum?",
            zh="算 `dweights` 时，`x` 原样与 `dy` 相乘了。矩阵是方阵时，形状照样相容；但这个乘积应当对哪个下标求和？",
        ),
    ],
    hints=[
        (
            "Write down one output: `y[n, k]` is a sum over `d` of `x[n, d] * weights[d, k]`, plus `bias[k]`. Which "
            "outputs does `weights[d, k]` reach?",
            "写出一个输出：`y[n, k]` 是 `x[n, d] * weights[d, k]` 对 `d` 求和，再加上 `bias[k]`。`weights[d, k]` "
            "影响哪些输出？",
        ),
        (
            "Each gradient sums over the index that its own shape does not have: over the units, over the rows, over "
            "the rows.",
            "三个梯度各自对自己形状里没有的那个下标求和，依次是：对单元、对行、对行。",
        ),
        (
            "For `dx` and `dweights` that sum is a matrix product, with one of the two matrices transposed so that the "
            "index to be summed over stands next to itself.",
            "对 `dx` 和 `dweights` 来说，这个求和就是一次矩阵乘法，其中一个矩阵要先转置，让用来求和的下标对齐。",
        ),
    ],
    analysis=(
        "By the chain rule each gradient collects `dy` over all outputs that its variable reaches: an input reaches "
        "all units of its row, a weight and a bias reach all rows. The shapes leave only one matrix product that fits, "
        "except when matrices are square; check with sizes that differ. Frequent mistakes: dividing by the number of "
        "rows again, or returning `dbias` with a value for each row.",
        "按照链式法则，每个梯度都要在它的变量所影响的全部输出上，"
        "把 `dy` 的贡献汇总起来：一个输入影响本行的所有单元，一个权重、一个"
        "偏置影响所有的行。形状只允许一种矩阵乘法，除非矩阵是方阵；所以检查时要用各不相同的大小。常见错误：再除一次"
        "行数；或者返回的 `dbias` 每一行都有一个值。",
    ),
)
def dense_backward(dy, x, weights):
    dx = dy @ weights.T
    dweights = x.T @ dy
    dbias = dy.sum(axis=0)
    return dx, dweights, dbias


# --- sgd_step ---


@code(
    en="Write `sgd_step(w, gradient, learning_rate)`: one step of gradient descent. `w` and `gradient` have the same "
    "shape, whatever it is. Return the new `w`; the array that was passed stays as it is.",
    zh="编写 `sgd_step(w, gradient, learning_rate)`：做一步梯度下降。`w` 和 `gradient` 的形状相同，可以是任何形状。返"
    "回新的 `w`；传入的数组保持不变。",
    returns=("w",),
    cases=[
        Case(
            "a matrix, learning rate 0.1",
            "一个矩阵，学习率 0.1",
            lambda rng: (_signed(rng, (2, 3)), _signed(rng, (2, 3)), 0.1),
        ),
        Case(
            "a vector, learning rate 0.02",
            "一个向量，学习率 0.02",
            lambda rng: (_signed(rng, 4), 20 * _signed(rng, 4), 0.02),
        ),
    ],
    misconceptions=[
        Misconception(
            "step uphill",
            (
                lambda w, gradient, learning_rate: w + learning_rate * gradient,
                lambda w, gradient, learning_rate: w + gradient,
            ),
            en="The step goes uphill. The gradient points to where the loss grows.",
            zh="这一步走的是上坡。梯度指向损失增大的方向。",
        ),
        Misconception(
            "learning rate forgotten",
            lambda w, gradient, learning_rate: w - gradient,
            en="The learning rate has no influence on your step. It says how far to go.",
            zh="学习率对你的这一步没有影响。走多远，应当由它决定。",
        ),
        Misconception(
            "the step alone",
            (
                lambda w, gradient, learning_rate: -learning_rate * gradient,
                lambda w, gradient, learning_rate: learning_rate * gradient,
            ),
            en="You return the step alone. What is asked for is where `w` stands after it.",
            zh="你返回的只是这一步的更新量。题目要的是走完之后 `w` 的值。",
        ),
        Misconception(
            "divided by the learning rate",
            lambda w, gradient, learning_rate: w - gradient / learning_rate,
            en="The smaller the learning rate, the larger your step. It should be the other way round.",
            zh="学习率越小，你这一步反而走得越远。应该反过来。",
        ),
    ],
    hints=[
        (
            "If the gradient of a weight is positive, the loss grows with that weight. In which direction should the "
            "weight move?",
            "如果一个权重的梯度是正的，损失就随这个权重增大。这个权重应该朝哪个方向移动？",
        ),
        (
            "The learning rate scales the gradient; together they are the step.",
            "学习率对梯度做缩放，两者合起来就是这一步的更新量。",
        ),
    ],
    analysis=(
        "The gradient points uphill, so the step goes the other way, and the learning rate says how far. The "
        "expression makes a new array; `w -= ...` would change the caller's. Frequent mistakes: the sign, and working "
        "in place where a copy is expected.",
        "梯度指向上坡，所以要朝反方向走，学习率决定走多远。这个表达式会产生新的数组；`w -= ...` 则会改动调用者的数组。"
        "常见错误：符号弄反；应当返回新数组时却原地修改。",
    ),
)
def sgd_step(w, gradient, learning_rate):
    return w - learning_rate * gradient


# --- adam_step ---


def _moments(gradient, m, v, beta_1, beta_2):
    return beta_1 * m + (1 - beta_1) * gradient, beta_2 * v + (1 - beta_2) * gradient**2


def _faded(beta, t):
    return 1 - beta**t


def _never(beta, t):
    return 1.0


def _keras_root(v, correction, epsilon):
    return (np.sqrt(v) + epsilon) / np.sqrt(correction)


def _paper_root(v, correction, epsilon):
    return np.sqrt(v / correction) + epsilon


def _adam(root, moments=_moments, of_m=_faded, of_v=_faded, used=lambda m, gradient: m, sign=1, returned=None):
    """A wrong implementation of Adam, wrong in what is passed here."""

    def step(w, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon):
        m, v = moments(gradient, m, v, beta_1, beta_2)
        of_m_now, of_v_now = of_m(beta_1, t), of_v(beta_2, t)
        w = w - sign * learning_rate * used(m, gradient) / of_m_now / root(v, of_v_now, epsilon)
        return returned(w, m, v, of_m_now, of_v_now) if returned else (w, m, v)

    return step


def _in_both_styles(**slip):
    """The slip in an answer that adds epsilon as Keras does, and in one that adds it as the paper does."""
    return _adam(_keras_root, **slip), _adam(_paper_root, **slip)


def _first_step(rng):
    w, gradient = _signed(rng, (2, 3)), _signed(rng, (2, 3))
    return w, gradient, np.zeros((2, 3)), np.zeros((2, 3)), 1, 0.1, 0.9, 0.999, 1e-7


def _tenth_step(rng):
    w, gradient, m = _signed(rng, 4), _signed(rng, 4), 0.8 * _signed(rng, 4)
    return w, gradient, m, rng.uniform(0.05, 0.15, 4), 10, 0.2, 0.8, 0.99, 1e-7


def _large_epsilon(rng):
    w, gradient, m = _signed(rng, 4), 0.1 * _signed(rng, 4), 0.05 * _signed(rng, 4)
    return w, gradient, m, 1e-4 * rng.uniform(0.5, 1.5, 4), 10, 0.5, 0.9, 0.999, 0.01


def _tiny_gradients(rng):
    w, gradient, m = _signed(rng, 4), 1e-6 * _signed(rng, 4), 5e-7 * _signed(rng, 4)
    return w, gradient, m, 1e-14 * rng.uniform(0.5, 1.5, 4), 10, 0.5, 0.9, 0.999, 1e-7


@code(
    en="Write `adam_step(w, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon)`, which returns `w, m, v` after "
    "one step of Adam, as new arrays. All arrays have the same shape; `m` and `v` are the moving averages of the "
    "gradient and of its square before this step, without bias correction, and you return them so too; `t` is the "
    "number of this step, 1 for the first. Epsilon stands where Keras has it: it is added to the root of the "
    "uncorrected `v`, the place that the paper calls epsilon hat.",
    zh="编写 `adam_step(w, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon)`，返回做一步 Adam 之后的 "
    "`w, m, v`，都是新的数组。所有数组的形状相同；`m` 和 `v` 是这一步之前梯度及其平方的移动平均，没有做偏差修正，返"
    "回时也不修正；`t` 是这一步的序号，第一步是 1。Epsilon 的位置与 Keras 相同：加在未修正的 `v` 的平方根上，也就是"
    "论文里称为 epsilon hat 的位置。",
    returns=("w", "m", "v"),
    cases=[
        Case("the first step", "第一步", _first_step),
        Case("step 10, other values of beta", "第 10 步，beta 取别的值", _tenth_step),
        Case("step 10, gradients near 1e-6", "第 10 步，梯度在 1e-6 左右", _tiny_gradients),
        Case("step 10, epsilon 0.01", "第 10 步，epsilon 为 0.01", _large_epsilon),
    ],
    misconceptions=[
        Misconception(
            "epsilon as in Algorithm 1 of the paper",
            _adam(_paper_root),
            en="With gradients near 1e-6 your step is larger than that of Keras; with ordinary gradients nobody "
            "notices. You add epsilon after the bias correction of `v`, as Algorithm 1 of the paper does.",
            zh="梯度在 1e-6 左右时，你这一步比 Keras 的大；梯度大小正常时，看不出差别。你在 `v` 的偏差修正之后才加 "
            "epsilon，与论文的算法 1 一样。",
        ),
        Misconception(
            "Adam epsilon inside the root",
            (
                _adam(lambda v, correction, epsilon: np.sqrt(v + epsilon) / np.sqrt(correction)),
                _adam(lambda v, correction, epsilon: np.sqrt(v / correction + epsilon)),
            ),
            en="With gradients near 1e-6 you hardly move. You add epsilon before the root is taken, and the root of "
            "1e-7 is about 3e-4: far more than these gradients.",
            zh="梯度在 1e-6 左右时，你几乎没有移动。你在开平方之前就加了 epsilon，而 1e-7 的平方根大约是 3e-4，"
            "远大于这些梯度。",
        ),
        Misconception(
            "bias correction without the power t",
            (
                *_in_both_styles(of_m=lambda beta, t: 1 - beta, of_v=lambda beta, t: 1 - beta),
                *_in_both_styles(of_m=lambda beta, t: 1 - beta * t, of_v=lambda beta, t: 1 - beta * t),
            ),
            en="Your first step is right, the later ones are not. The correction must fade as the averages fill up; "
            "how much of the zero at the start is left after `t` steps?",
            zh="你的第一步是对的，后面的却不对。随着移动平均逐渐积累，修正应当越来越弱；走了 `t` 步之后，"
            "开头的零还剩下多少影响？",
        ),
        Misconception(
            "Adam without bias correction",
            (
                *_in_both_styles(of_m=_never, of_v=_never),
                _adam(lambda v, correction, epsilon: np.sqrt(v + epsilon), of_m=_never),
            ),
            en="There is no bias correction. `m` and `v` start from 0, so in the first steps both are too small, and "
            "not by the same factor.",
            zh="没有做偏差修正。`m` 和 `v` 从 0 开始，所以最初几步里两者都偏小，而且偏小的倍数不一样。",
        ),
        Misconception(
            "only one of the two corrected",
            (*_in_both_styles(of_v=_never), *_in_both_styles(of_m=_never)),
            en="Only one of `m` and `v` is corrected. Both start from 0, and each needs a bias correction with its "
            "own beta.",
            zh="`m` 和 `v` 里只有一个做了修正。两者都从 0 开始，都需要做偏差修正，而且各用各的 beta。",
        ),
        Misconception(
            "t counted from 0",
            _in_both_styles(of_m=lambda beta, t: 1 - beta ** (t + 1), of_v=lambda beta, t: 1 - beta ** (t + 1)),
            en="You add 1 to `t`. The first step is called with `t` = 1 already.",
            zh="你给 `t` 加了 1。第一步传入的 `t` 已经是 1。",
        ),
        Misconception(
            "returned the corrected m and v",
            _in_both_styles(returned=lambda w, m, v, of_m, of_v: (w, m / of_m, v / of_v)),
            en="`w` is right, but the `m` and `v` that you return have been corrected. The next step would build on "
            "them and correct them once more.",
            zh="`w` 是对的，但你返回的 `m` 和 `v` 已经修正过了。下一步会在它们的基础上继续，再修正一次。",
        ),
        Misconception(
            "m and v swapped",
            (
                *_in_both_styles(returned=lambda w, m, v, of_m, of_v: (w, v, m)),
                *_in_both_styles(moments=lambda g, m, v, beta_1, beta_2: _moments(g, v, m, beta_2, beta_1)[::-1]),
            ),
            en="`m` and `v` are exchanged. `m` follows the gradient, `v` its square.",
            zh="`m` 和 `v` 弄反了。`m` 跟随的是梯度，`v` 跟随的是梯度的平方。",
        ),
        Misconception(
            "beta_1 and beta_2 swapped",
            (
                *_in_both_styles(moments=lambda g, m, v, beta_1, beta_2: _moments(g, m, v, beta_2, beta_1)),
                *(
                    lambda w, g, m, v, t, rate, beta_1, beta_2, epsilon, step=step: step(
                        w, g, m, v, t, rate, beta_2, beta_1, epsilon
                    )
                    for step in _in_both_styles()
                ),
            ),
            en="`beta_1` and `beta_2` are exchanged. The first belongs to the average of the gradient, the second to "
            "that of its square.",
            zh="`beta_1` 和 `beta_2` 弄反了。前者用于梯度的平均，后者用于梯度平方的平均。",
        ),
        Misconception(
            "old and new value weighed the wrong way round",
            _in_both_styles(moments=lambda g, m, v, beta_1, beta_2: _moments(g, m, v, 1 - beta_1, 1 - beta_2)),
            en="The betas weigh the new gradient. They should weigh the old averages: an average with "
            "a beta near 1 changes slowly.",
            zh="你用两个 beta 给新的梯度加权。它们应当给原来的移动平均加权：beta 接近 1 时，移动平均变化得慢。",
        ),
        Misconception(
            "gradient not squared in v",
            (
                *_in_both_styles(moments=lambda g, m, v, b_1, b_2: (b_1 * m + (1 - b_1) * g, b_2 * v + (1 - b_2) * g)),
                *_in_both_styles(
                    moments=lambda g, m, v, b_1, b_2: (b_1 * m + (1 - b_1) * g, b_2 * v + (1 - b_2) * np.abs(g))
                ),
            ),
            en="`v` averages the gradient without squaring it. Then its root does not have the unit of a gradient, and "
            "the step depends on the scale of the loss.",
            zh="`v` 平均的是没有平方的梯度。这样它的平方根的单位就与梯度不同，更新量的大小会取决于损失的尺度。",
        ),
        Misconception(
            "Adam without the root",
            (
                _adam(lambda v, correction, epsilon: (v + epsilon) / np.sqrt(correction)),
                _adam(lambda v, correction, epsilon: v / correction + epsilon),
            ),
            en="You divide by the average of the squares itself. Gradient over squared gradient: then small gradients "
            "make large steps.",
            zh="你除以的是平方的平均值本身。梯度除以梯度的平方，这样梯度越小，这一步反而越大。",
        ),
        Misconception(
            "the gradient instead of its average",
            (
                *_in_both_styles(used=lambda m, gradient: gradient),
                *_in_both_styles(used=lambda m, gradient: gradient, of_m=_never),
            ),
            en="Your `m` and `v` are right, but the step goes along the present gradient. What is `m` there for?",
            zh="你的 `m` 和 `v` 是对的，但这一步是沿着当前的梯度走的。那么 `m` 是做什么用的？",
        ),
        Misconception(
            "step uphill",
            _in_both_styles(sign=-1),
            en="The step goes uphill. The gradient points to where the loss grows.",
            zh="这一步走的是上坡。梯度指向损失增大的方向。",
        ),
    ],
    hints=[
        (
            "Begin with the two moving averages. Each keeps a share beta of its old value and takes the rest from the "
            "new gradient, or from its square.",
            "先算两个移动平均。每个都保留原值的一部分，比例为 beta，其余部分来自新的梯度或它的平方。",
        ),
        (
            "Both begin with 0. With a constant gradient, what share of it has `m` reached after 1 step, after 2, "
            "after `t`? Divide by that share.",
            "两者都从 0 开始。如果梯度保持不变，走 1 步、2 步、`t` 步之后，`m` 达到了梯度的几分之几？"
            "要除以的就是这个比例。",
        ),
        (
            "Put both corrections into the learning rate: the one of `m` as it is, the one of `v` as a root. Then "
            "`v` itself stays uncorrected, and epsilon finds its place.",
            "把两个修正都放进学习率：`m` 的修正照原样，`v` 的修正取平方根。这样 `v` 本身不做修正，epsilon "
            "也就有了该在的位置。",
        ),
    ],
    analysis=(
        "`m` smooths the gradient, `v` measures its size, and their quotient is a step of about the learning rate, "
        "whatever the scale of the feature. The correction makes up for the start from 0 and fades with `t`. Keras "
        "adds epsilon to the uncorrected root; only gradients of 1e-6 or less tell that from the paper's Algorithm 1. "
        "Frequent mistakes: a correction that forgets the power `t`, and returning the corrected averages.",
        "`m` 使梯度平滑，`v` 衡量梯度的大小，两者之比使每一步的大小都与学习率相近，与特征的尺度无关。修正弥补了从 0 开"
        "始的影响，并随 `t` 减弱。Keras 把 epsilon 加在未修正的平方根上；只有梯度不超过 1e-6 时，才能看出它与论文的"
        "算法 1 不同。常见错误：修正时忘了 `t` 次幂；返回修正过的移动平均。",
    ),
)
def adam_step(w, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    alpha = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return w - alpha * m / (np.sqrt(v) + epsilon), m, v


# --- minibatches ---

TORN = Quantity(
    "rows of the batches that are not in the table",
    "批里有表中没有的行",
    says=Bilingual(
        "Your batches hold rows of `x` that are not in the table: their columns have come apart.",
        "你的批里有些 `x` 的行在表中并不存在：行里的各列被拆散了。",
    ),
)
SIZES = Quantity("rows in the batches of `x`", "`x` 各批的行数")
ROW_SHAPES = Quantity("shape of a row of `x` and of `y`", "`x` 和 `y` 中一行的形状")
MIXED = Quantity("some rows of `x` come with the `y` of another row", "`x` 有些行配上了别的行的 `y`")
UNSEEN = Quantity("some rows are never seen", "有些行从未出现")
TWICE = Quantity("some rows come more than once", "有些行出现了不止一次")
IN_ORDER = Quantity("the rows come in the order of the table", "各行按表中的顺序出现")
NEIGHBOURS = Quantity("most rows come beside their neighbours in the table", "多数行仍与表中相邻的行挨在一起")
STAYED = Quantity("most rows are in the batch of their place in the table", "多数行仍在按表中位置所属的那一批里")
SAME_BATCHES = Quantity("two epochs have the same batches, in some order", "两轮的批相同，只是先后不同")
REPEATED = Quantity("two epochs have the same order", "两轮的顺序相同")


def _one_epoch(batches, x, batch_size):
    # An answer may never end: two batches more than there should be are enough to tell.
    batches = islice(batches, -(-len(x) // batch_size) + 2)
    pairs = [(np.asarray(x_batch), np.asarray(y_batch)) for x_batch, y_batch in batches]
    # The first column of x is the number of the row.
    rows = np.concatenate([np.empty((0, x.shape[1])), *(x_batch for x_batch, _ in pairs)])[:, 0].astype(int)
    targets = np.concatenate([np.empty(0), *(y_batch.ravel() for _, y_batch in pairs)])
    counts = np.bincount(rows, minlength=len(x))
    groups = {tuple(x_batch[:, 0]) for x_batch, _ in pairs}
    return (
        rows,
        groups,
        {
            TORN: any(not np.allclose(row, x[int(row[0])]) for x_batch, _ in pairs for row in x_batch),
            SIZES: ", ".join(str(len(x_batch)) for x_batch, _ in pairs) or "–",
            ROW_SHAPES: "; ".join(sorted({f"{x_batch.shape[1:]}, {y_batch.shape[1:]}" for x_batch, y_batch in pairs})),
            MIXED: not np.array_equal(targets, rows + 0.5),
            UNSEEN: bool((counts == 0).any()),
            TWICE: bool((counts > 1).any()),
        },
    )


def _two_epochs(minibatches, x, y, batch_size, rng):
    rows, groups, found = _one_epoch(minibatches(x, y, batch_size, rng), x, batch_size)
    again, groups_again, _ = _one_epoch(minibatches(x, y, batch_size, rng), x, batch_size)
    in_order = np.array_equal(rows, np.sort(rows))
    return found | {
        IN_ORDER: in_order,
        NEIGHBOURS: bool((np.abs(np.diff(rows)) == 1).mean() > 0.5) if len(rows) > 1 else False,
        STAYED: bool((rows // batch_size == np.arange(len(rows)) // batch_size).mean() > 0.5),
        REPEATED: np.array_equal(rows, again) and not in_order,
        SAME_BATCHES: groups == groups_again and not np.array_equal(rows, again),
    }


def _even(minibatches, x, y, batch_size, rng):
    return _one_epoch(minibatches(x, y, batch_size, rng), x, batch_size)[2]


def _too_large(minibatches, x, y, batch_size, rng):
    found = _one_epoch(minibatches(x, y, batch_size, rng), x, batch_size)[2]
    return {quantity: found[quantity] for quantity in (SIZES, ROW_SHAPES, MIXED)}


def _table(rows, batch_size):
    def arguments(rng):
        numbers = np.arange(float(rows))
        return np.column_stack([numbers, rng.random((rows, 2))]), numbers + 0.5, batch_size, rng

    return arguments


def _cut(x, y, order, batch_size, end=None):
    return [
        (x[order[start : start + batch_size]], y[order[start : start + batch_size]])
        for start in range(0, len(x) if end is None else end, batch_size)
    ]


def _drop_last(x, y, batch_size, rng):
    return _cut(x, y, rng.permutation(len(x)), batch_size, len(x) // batch_size * batch_size)


def _fill_last(x, y, batch_size, rng):
    order = rng.permutation(len(x))
    return _cut(x, y, np.resize(order, -(-len(x) // batch_size) * batch_size), batch_size)


def _one_too_many(x, y, batch_size, rng):
    return _cut(x, y, rng.permutation(len(x)), batch_size, (len(x) // batch_size + 1) * batch_size)


def _equal_parts(x, y, batch_size, rng):
    return [(x[r], y[r]) for r in np.array_split(rng.permutation(len(x)), -(-len(x) // batch_size))]


def _fewer_equal_parts(x, y, batch_size, rng):
    return [(x[r], y[r]) for r in np.array_split(rng.permutation(len(x)), len(x) // batch_size)]


def _each_drawn_anew(x, y, batch_size, rng):
    drawn = [rng.choice(len(x), min(batch_size, len(x)), replace=False) for _ in range(-(-len(x) // batch_size))]
    return [(x[rows], y[rows]) for rows in drawn]


def _each_drawn_anew_or_not_at_all(x, y, batch_size, rng):
    drawn = [rng.choice(len(x), batch_size, replace=False) for _ in range(-(-len(x) // batch_size))]
    return [(x[rows], y[rows]) for rows in drawn]


def _two_orders(x, y, batch_size, rng):
    return _cut(x[rng.permutation(len(x))], y[rng.permutation(len(x))], np.arange(len(x)), batch_size)


def _in_the_given_order(x, y, batch_size, rng):
    return _cut(x, y, np.arange(len(x)), batch_size)


def _batches_shuffled(x, y, batch_size, rng):
    batches = _in_the_given_order(x, y, batch_size, rng)
    return [batches[k] for k in rng.permutation(len(batches))]


def _shuffled_inside(x, y, batch_size, rng):
    shuffled = []
    for x_batch, y_batch in _in_the_given_order(x, y, batch_size, rng):
        order = rng.permutation(len(x_batch))
        shuffled.append((x_batch[order], y_batch[order]))
    return shuffled


def _always_seed_0(x, y, batch_size, rng):
    return _cut(x, y, np.random.default_rng(0).permutation(len(x)), batch_size)


@code(
    en="Write `minibatches(x, y, batch_size, rng)`, which returns the mini-batches of one epoch: pairs "
    "`(x_batch, y_batch)`, in a list or from a generator. `x` has the shape `(N, D)`, `y` has `N` targets. Every row "
    "comes exactly once, with its own target, in an order drawn anew from `rng` for each epoch. Each batch has "
    "`batch_size` rows; the last one holds what is left, if anything is.",
    zh="编写 `minibatches(x, y, batch_size, rng)`，返回一轮的各个小批量：一对一对的 `(x_batch, y_batch)`，放在列表里，"
    "或者由生成器给出。`x` 的形状是 `(N, D)`，`y` 有 `N` 个目标。每一行恰好出现一次，与自己的目标配对，每一轮的顺序"
    "都用 `rng` 重新抽取。每批有 `batch_size` 行；最后一批放剩下的行（如果还有剩下的）。",
    returns=("batches",),
    cases=[
        Case("203 rows in batches of 32, two epochs", "203 行，每批 32 行，两轮", _table(203, 32), _two_epochs),
        Case("64 rows in batches of 16: nothing is left", "64 行，每批 16 行：没有剩余", _table(64, 16), _even),
        Case("5 rows, batches of 8", "5 行，每批 8 行", _table(5, 8), _too_large),
    ],
    misconceptions=[
        Misconception(
            "drawn with replacement",
            (_each_drawn_anew, _each_drawn_anew_or_not_at_all),
            en="Some rows come several times in one epoch and others never: each batch draws anew from all rows. An "
            "epoch is one pass over the table.",
            zh="在一轮里，有些行出现了好几次，有些行从未出现：每一批都重新从所有的行里抽取。一轮是把整张表过一遍。",
            by=(TORN, UNSEEN, TWICE),
        ),
        Misconception(
            "x and y shuffled separately",
            (
                _two_orders,
                lambda x, y, batch_size, rng: _cut(x[rng.permutation(len(x))], y, np.arange(len(x)), batch_size),
            ),
            en="Rows of `x` come with the targets of other rows: `x` and `y` are not in the same order. From that a "
            "network can learn no more than a constant.",
            zh="`x` 的行配上了别的行的目标：`x` 和 `y` 的顺序不同。用这样的数据训练，网络最多只能学到一个常数。",
            by=(TORN, MIXED),
        ),
        Misconception(
            "last partial batch dropped",
            _drop_last,
            en="The rows that do not fill a batch are lost. Keras keeps them, in a smaller last batch.",
            zh="凑不满一批的那些行丢了。Keras 会保留它们，放在较小的最后一批里。",
            by=(SIZES,),
        ),
        Misconception(
            "last partial batch filled up",
            _fill_last,
            en="The last batch is filled up with rows that have come before. Then these count twice in the epoch.",
            zh="最后一批用已经出现过的行补满了。这样这些行在一轮里就算了两次。",
            by=(SIZES, TWICE),
        ),
        Misconception(
            "an empty batch at the end",
            _one_too_many,
            en="When the rows fill all batches exactly, your last batch is empty. Its mean loss would be `nan`.",
            zh="当各行刚好装满所有的批时，你的最后一批是空的。它的平均损失会是 `nan`。",
            by=(SIZES,),
        ),
        Misconception(
            "split into equal parts",
            (_equal_parts, _fewer_equal_parts),
            en="Your batches are about equally large, but not of `batch_size` rows. Only the last one may have another "
            "size.",
            zh="你的各批行数差不多，但不是 `batch_size` 行。只有最后一批的大小可以不同。",
            by=(SIZES,),
        ),
        Misconception(
            "not shuffled",
            _in_the_given_order,
            en="The rows come in the order of the table. If the table is sorted, every batch is one-sided, and every "
            "epoch repeats the same batches.",
            zh="各行按表中的顺序出现。如果表是排过序的，每一批都没有代表性，而且每一轮都重复同样的批。",
            by=(IN_ORDER,),
        ),
        Misconception(
            "only the order of the batches shuffled",
            _batches_shuffled,
            en="The batches come in random order, but each of them holds neighbours in the table, the same ones in "
            "every epoch.",
            zh="各批的先后是随机的，但每一批里都是表中相邻的行，而且每一轮都一样。",
            by=(IN_ORDER, NEIGHBOURS, SAME_BATCHES),
        ),
        Misconception(
            "shuffled only inside the batches",
            _shuffled_inside,
            en="The rows change places only inside their batch. Every epoch has the same groups of rows, and the order "
            "within a group does not change its gradient.",
            zh="各行只在自己那一批里换位置。每一轮的批都一样，它们的梯度也一样。",
            by=(IN_ORDER, STAYED),
        ),
        Misconception(
            "the same order in every epoch",
            _always_seed_0,
            en="Two calls give the same order. Draw it from the `rng` that is passed, which goes on from epoch to "
            "epoch; a generator made inside the function begins anew each time.",
            zh="两次调用得到的顺序相同。请用传入的 `rng` 来抽取，它会一轮一轮地接着用；在函数里新建的生成器，每次都从头"
            "开始。",
            by=(REPEATED,),
        ),
    ],
    hints=[
        (
            "Do not move rows about; draw an order of their numbers, once, and use it for `x` and for `y`.",
            "不要去搬动各行；只抽取一次行号的排列，`x` 和 `y` 都按它来取。",
        ),
        (
            "Walk along that order in strides of `batch_size`. A slice that reaches beyond the end stops at the end.",
            "以 `batch_size` 为步长沿这个排列走。切片超出末尾时，会停在末尾。",
        ),
        (
            "`range` takes a stride as its third argument; `yield` hands out one batch after the other.",
            "`range` 的第三个参数是步长；`yield` 可以一批接一批地给出结果。",
        ),
    ],
    analysis=(
        "One permutation of the row numbers serves `x` and `y`, so pairs stay together and every row comes once. "
        "Slices of it end by themselves where the rows end, so the last batch needs no special case. Frequent "
        "mistakes: shuffling `x` and `y` each on its own, dropping the rest, and a seed inside the function, which "
        "repeats the same order forever.",
        "行号的同一个排列同时用于 `x` 和 `y`，所以成对的数据不会拆散，每一行也恰好出现一次。切片到了末尾会自己停下，"
        "所以最后一批不需要特别处理。常见错误：`x` 和 `y` 各自打乱；丢掉剩下的行；在函数里设置种子，于是永远重复同样"
        "的顺序。",
    ),
)
def minibatches(x, y, batch_size, rng):
    order = rng.permutation(len(x))
    for start in range(0, len(x), batch_size):
        rows = order[start : start + batch_size]
        yield x[rows], y[rows]


# --- compiled_model ---

COMPILED = Quantity(
    "the model is compiled",
    "模型已经编译",
    says=Bilingual("The layers are right, but the model is not compiled.", "各层是对的，但模型还没有编译。"),
)
OPTIMIZER = Quantity("optimizer", "优化器")
LEARNING_RATE = Quantity("learning rate", "学习率")
LOSS = Quantity("loss for the errors 1, 2 and 6", "误差为 1、2、6 时的损失")


def _optimizer_of(model):
    """Its name; Adam and SGD by what they are, so that a class derived from them passes."""
    import keras

    optimizer = getattr(model, "optimizer", None)
    if isinstance(optimizer, keras.optimizers.AdamW) or optimizer is None:
        return "AdamW" if optimizer else "–"
    kinds = {"Adam": keras.optimizers.Adam, "SGD": keras.optimizers.SGD}
    return next((name for name, kind in kinds.items() if isinstance(optimizer, kind)), type(optimizer).__name__)


def _loss_of(model):
    if getattr(model, "loss", None) is None:
        return "–"
    y_pred = np.array([[1.0], [2.0], [6.0]], np.float32)
    return float(model.compute_loss(y=np.zeros_like(y_pred), y_pred=y_pred))


def _compilation(model, rng):
    rate = float(model.optimizer.learning_rate) if model.compiled else "–"
    return {
        COMPILED: bool(model.compiled),
        OPTIMIZER: _optimizer_of(model),
        LEARNING_RATE: rate,
        LOSS: _loss_of(model),
    }


def _net(compile_it=None, hidden="relu", output=None):
    import keras

    net = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, hidden), keras.layers.Dense(1, output)])
    if compile_it:
        compile_it(net, keras.optimizers)
    return net


@model(
    en="Write `compiled_model()`, which builds a Keras model for 8 features: a dense layer of 16 units with ReLU and "
    "one unit without activation. Compile it with Adam at a learning rate of 0.01 and the mean absolute error as loss.",
    zh="编写 `compiled_model()`，构建一个接受 8 个特征的 Keras 模型：一个有 16 个单元、使用 ReLU 的全连接层，和 1 个不"
    "用激活函数的单元。编译时用 Adam，学习率 0.01，以平均绝对误差作为损失。",
    observe=_compilation,
    misconceptions=[
        Misconception(
            "not compiled",
            _net,
            en="The model is built but not compiled: it has neither a loss nor an optimizer, and `fit` would refuse.",
            zh="模型搭好了，但没有编译：它既没有损失，也没有优化器，`fit` 会拒绝执行。",
            by=(COMPILED,),
        ),
        Misconception(
            "SGD instead of Adam",
            (
                lambda: _net(lambda net, known: net.compile(known.SGD(0.01), "mae")),
                lambda: _net(lambda net, known: net.compile(known.SGD(0.001), "mae")),
            ),
            en="The model is compiled with SGD. The learning rate alone does not make it Adam.",
            zh="模型是用 SGD 编译的。光把学习率设对，并不能让它变成 Adam。",
            by=(OPTIMIZER,),
        ),
        Misconception(
            "default learning rate",
            lambda: _net(lambda net, known: net.compile("adam", "mae")),
            en="The optimizer works with its default learning rate. A name in quotes leaves no room for another one.",
            zh="优化器用的是默认的学习率。只传一个字符串形式的名字，就没有地方指定别的学习率。",
            by=(OPTIMIZER, LEARNING_RATE),
        ),
        Misconception(
            "mean squared error",
            lambda: _net(lambda net, known: net.compile(known.Adam(0.01), "mse", metrics=["mae"])),
            en="The loss squares the errors: it is the mean squared error. A metric is only shown; what is minimised "
            "is the loss.",
            zh="这个损失把误差平方了：它是均方误差。指标只是显示出来，真正被最小化的是损失。",
            by=(LOSS,),
        ),
        Misconception(
            "ReLU on the output layer",
            lambda: _net(lambda net, known: net.compile(known.Adam(0.01), "mae"), output="relu"),
            en="The output layer cannot give a negative number: it has a ReLU. Where it is stuck at 0, no gradient "
            "comes back.",
            zh="输出层给不出负数：它后面有 ReLU。一旦停在 0，就没有梯度传回来。",
            by=(PREDICTIONS,),
        ),
        Misconception(
            "no activation in the hidden layer",
            lambda: _net(lambda net, known: net.compile(known.Adam(0.01), "mae"), hidden=None),
            en="The hidden layer has no activation. Then the whole network is one linear function, however many units "
            "it has.",
            zh="隐藏层没有激活函数。这样整个网络就只是一个线性函数，无论有多少个单元。",
            by=(PREDICTIONS,),
        ),
    ],
    hints=[
        (
            "Two things are asked for: the layers, and what `compile` is told. The model that you return carries both.",
            "题目规定了两件事：有哪些层，以及传给 `compile` 什么参数。模型会把两者都记住。",
        ),
        (
            "To choose the learning rate, pass `compile` an optimizer object from `keras.optimizers`, not a name.",
            "要指定学习率，就给 `compile` 传一个 `keras.optimizers` 里的优化器对象，而不是名字。",
        ),
    ],
    analysis=(
        "`compile` takes the loss that is minimised and the optimizer that does it. An optimizer given by name has "
        "its default learning rate, so a value of your own needs the object. Frequent mistakes: naming the mean "
        "absolute error as a metric only, and `compile` written after `return` or not at all.",
        "`compile` 接受要最小化的损失，以及负责最小化的优化器。只用名字指定的优化器，学习率是默认值，所以要自己定学习"
        "率，就得传对象。常见错误：只把平均绝对误差写成指标；`compile` 写在了 `return` 之后，或者根本没写。",
    ),
)
def compiled_model():
    import keras

    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mean_absolute_error")
    return model


# --- train_quietly ---

RETURNED = Quantity(
    "type of what is returned",
    "返回值的类型",
    says=Bilingual(
        "What your function returns is not the object that `fit` hands back.",
        "你的函数返回的不是 `fit` 返回的那个对象。",
    ),
)
EPOCHS = Quantity("number of losses in the history", "历史记录里损失的个数")
VALIDATIONS = Quantity("number of validation losses", "验证损失的个数")
STEPS = Quantity("training steps in all", "训练的总步数")
LAST_FIFTH = Quantity(
    "the last validation loss is that of the last fifth of the rows",
    "最后一个验证损失是在最后五分之一的行上算出的",
)
PRINTED = Quantity(
    "something is printed",
    "有内容输出",
    says=Bilingual("All is as asked, but something is printed.", "其他都符合要求，但输出了内容。"),
)
SAME_OPTIMIZER = Quantity(
    "the model still has the optimizer it was compiled with",
    "模型仍在用编译时的优化器",
    says=Bilingual(
        "The model was compiled anew inside the function. It came compiled, with a learning rate that the caller "
        "chose.",
        "函数里又把模型编译了一次。它传进来时已经编译好了，学习率是别人选定的。",
    ),
)

_KEPT = 32  # of 160 rows


def _model_and_data(rng):
    import keras

    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    net.compile(keras.optimizers.SGD(0.01), "mae", run_eagerly=True)
    x = rng.standard_normal((160, 2)).astype(np.float32)
    y = x.sum(axis=1, keepdims=True)
    y[-_KEPT:] += 5  # so that another fifth has another loss
    return net, x, y


def _trained(train_quietly, model, x, y):
    import keras

    optimizer = model.optimizer
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        result = train_quietly(model, x, y)
    kinds = {"History": keras.callbacks.History, "Model": keras.Model}
    record = getattr(result, "history", result)
    record = record if isinstance(record, dict) else {}
    last_fifth = float(np.abs(outputs(model, x[-_KEPT:]) - y[-_KEPT:]).mean())
    return {
        RETURNED: next((name for name, kind in kinds.items() if isinstance(result, kind)), type(result).__name__),
        EPOCHS: len(record.get("loss", ())),
        VALIDATIONS: len(record.get("val_loss", ())),
        SAME_OPTIMIZER: model.optimizer is optimizer,
        STEPS: int(model.optimizer.iterations),
        PRINTED: bool(printed.getvalue()),
        LAST_FIFTH: bool(np.isclose(record.get("val_loss", [np.nan])[-1], last_fifth, rtol=1e-3)),
    }


def _compiled_anew(model, x, y):
    model.compile("adam", "mae", run_eagerly=True)
    return model.fit(x, y, epochs=5, batch_size=64, validation_split=0.2, verbose=0)


@code(
    en="Write `train_quietly(model, x, y)`: train the Keras model, which is already compiled, for 5 epochs with "
    "batches of 64 rows, without printing anything, and return the `History` of the run. Keep the last fifth of the "
    "rows for validation: the model must not be trained on them, and their loss must be recorded after every epoch.",
    zh="编写 `train_quietly(model, x, y)`：把已经编译好的 Keras 模型训练 5 轮，每批 64 行，不输出任何内容，返回这次训"
    "练的 `History`。留出最后五分之一的行用于验证：不能用这些行训练模型，但每一轮之后都要记录它们的损失。",
    returns=("history",),
    free=("history",),
    seconds=30,
    cases=[Case("a small model and 160 rows", "一个小模型和 160 行数据", _model_and_data, _trained)],
    misconceptions=[
        Misconception(
            "returns the model instead of the history",
            lambda model, x, y: model.fit(x, y, 64, 5, 0, validation_split=0.2) and model,
            en="You return the model. It is trained, but what was asked for is the record of the losses, which `fit` "
            "hands back.",
            zh="你返回的是模型。它训练好了，但题目要的是损失的记录，也就是 `fit` 返回的对象。",
            by=(RETURNED,),
        ),
        Misconception(
            "returns the dictionary instead of the history",
            lambda model, x, y: model.fit(x, y, 64, 5, 0, validation_split=0.2).history,
            en="You return the dictionary of the losses. The `History` that holds it knows more, such as the model and "
            "the settings of the run.",
            zh="你返回的是损失的字典。包含它的 `History` 还知道更多，例如模型和这次训练的设置。",
            by=(RETURNED,),
        ),
        Misconception(
            "no validation data",
            (
                lambda model, x, y: model.fit(x, y, 64, 5, 0),
                lambda model, x, y: model.fit(x[:-_KEPT], y[:-_KEPT], 64, 5, 0),
            ),
            en="The history has no validation loss. Without it nobody can tell learning from memorising.",
            zh="历史记录里没有验证损失。没有它，就分不清模型是学会了，还是只记住了。",
            by=(VALIDATIONS,),
        ),
        Misconception(
            "compiled anew",
            _compiled_anew,
            en="You compile the model anew. It came compiled, with an optimizer and a learning rate that the caller "
            "chose; both are lost.",
            zh="你又把模型编译了一次。它传进来时已经编译好，优化器和学习率都由调用者选定；这样两者都丢了。",
            by=(SAME_OPTIMIZER,),
        ),
        Misconception(
            "number of epochs left at its default",
            lambda model, x, y: model.fit(x, y, 64, validation_split=0.2, verbose=0),
            en="The history has a single loss. Left alone, `fit` goes over the rows only once.",
            zh="历史记录里只有一个损失。不另外指定时，`fit` 只把所有的行过一遍。",
            by=(EPOCHS,),
        ),
        Misconception(
            "trained on the validation rows too",
            (
                lambda model, x, y: model.fit(x, y, 64, 5, 0, validation_data=(x[-_KEPT:], y[-_KEPT:])),
                lambda model, x, y: model.fit(x, y, 64, 5, 0, validation_data=(x, y)),
            ),
            en="There is a validation loss, but the number of steps shows that the model was trained on all rows. "
            "Validation on rows that it has seen proves nothing.",
            zh="验证损失是有了，但从步数看，模型用所有的行训练过。在它见过的行上验证，什么也证明不了。",
            by=(STEPS, VALIDATIONS),
        ),
        Misconception(
            "batch size left at its default",
            lambda model, x, y: model.fit(x, y, epochs=5, validation_split=0.2, verbose=0),
            en="The number of steps shows that your batches do not have 64 rows. `fit` uses a default of its own "
            "unless it is told otherwise.",
            zh="从步数看，你的每一批并不是 64 行。没有指定时，`fit` 会用它自己的批量大小。",
            by=(STEPS,),
        ),
        Misconception(
            "other rows kept for validation",
            (
                lambda model, x, y: model.fit(x[_KEPT:], y[_KEPT:], 64, 5, 0, validation_data=(x[:_KEPT], y[:_KEPT])),
                lambda model, x, y: model.fit(x[::-1], y[::-1], 64, 5, 0, validation_split=0.2),
            ),
            en="The number of steps is right, but the validation loss is not that of the last fifth of the table.",
            zh="训练的步数是对的，但验证损失不是在表中最后五分之一的行上算出的。",
            by=(STEPS, LAST_FIFTH),
        ),
    ],
    hints=[
        (
            "All of it is one call of `fit`; look through its arguments with `help(model.fit)`.",
            "只要调用一次 `fit` 就够了；用 `help(model.fit)` 看看它有哪些参数。",
        ),
        (
            "One argument takes the share of rows to keep for validation, and it takes them from the end. Another one "
            "says how much is printed.",
            "有一个参数指定留作验证的比例，而且是从末尾取的。另一个参数决定输出多少内容。",
        ),
    ],
    analysis=(
        "`fit` sets the last rows apart before it shuffles, trains on the others and returns a `History`. Its "
        "`.history` holds a list for each loss, one value per epoch. Frequent mistakes: returning the model, which "
        "the caller has already; leaving the batch size at its default; validating on rows that were trained on.",
        "`fit` 会先留出最后的若干行，再打乱其余的行，用它们训练，并返回 `History`。它的 `.history` 里，每种损失各有一"
        "个列表，每一轮一个值。常见错误：返回模型，而调用者本来就有它；批量大小用了默认值；在训练过的行上验证。",
    ),
)
def train_quietly(model, x, y):
    return model.fit(x, y, epochs=5, batch_size=64, validation_split=0.2, verbose=0)


# --- broken_run ---

BROKE = Quantity(
    "the run broke: its last loss is nan, inf or no better than that of the median",
    "训练失败了：最后的损失是 nan、inf，或者不比总是预测中位数好",
)


@functools.cache
def _loss_of_the_median():
    from helpers.data import load_dataset

    y = load_dataset("concrete", source="simulated", show=False).iloc[:, -1].to_numpy()
    return float(np.abs(y - np.median(y)).mean())


def _look_at_run(run, rng):
    history = getattr(run, "history", run)
    last, trained = float(history["loss"][-1]), getattr(run, "model", None)
    return {
        # The median of part of the rows has a loss that differs by little.
        BROKE: not np.isfinite(last) or last > 0.95 * _loss_of_the_median(),
        # A dictionary does not know the model.
        OPTIMIZER: "SGD" if trained is None else _optimizer_of(trained),
        LOSS: 3.0 if trained is None else _loss_of(trained),
    }


def _a_history(optimizer, loss, *losses):
    import keras

    history, net = keras.callbacks.History(), keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
    net.compile(optimizer, loss)
    history.set_model(net)
    history.history = {"loss": list(losses)}
    return history


@value(
    en="Make a run break: train a Keras network on the concrete table as it is, not standardised, with SGD and the "
    "mean absolute error as loss, so that its last loss is `nan`, `inf` or no smaller than the loss of always "
    "predicting the median. Hand in what `fit` returns, as `broken_run`.",
    zh="让一次训练失败：用没有标准化的混凝土数据训练一个 Keras 网络，优化器用 SGD，损失用平均绝对误差，使最后的损失是 "
    "`nan`、`inf`，或者不小于总是预测中位数时的损失。把 `fit` 返回的对象命名为 `broken_run`，然后提交。",
    observe=_look_at_run,
    en_case="the last loss, the optimizer and the loss function",
    zh_case="最后的损失、优化器和损失函数",
    seconds=60,
    misconceptions=[
        Misconception(
            "another optimizer",
            (
                lambda: _a_history("adam", "mae", 9.0),
                lambda: _a_history("adam", "mae", 99.0),
                lambda: _a_history("rmsprop", "mae", 99.0),
            ),
            en="The optimizer of this run is not SGD. An optimizer that divides each step by the size of the gradients "
            "copes with features of unequal scale far better.",
            zh="这次训练的优化器不是 SGD。有些优化器会按梯度的大小缩放每一步，它们对尺度不一的特征要宽容得多。",
            by=(OPTIMIZER,),
        ),
        Misconception(
            "another loss",
            (lambda: _a_history("sgd", "mse", 9.0), lambda: _a_history("sgd", "mse", 99.0)),
            en="This run minimised the mean squared error. Its values cannot be compared with the mean absolute error "
            "of the median.",
            zh="这次训练最小化的是均方误差。它的值不能与总是预测中位数时的平均绝对误差相比。",
            by=(LOSS,),
        ),
        Misconception(
            "a run that did not break",
            (lambda: {"loss": [20.0, 9.0]}, lambda: _a_history("sgd", "mae", 9.0)),
            en="This run did not break: its last loss is smaller than that of always predicting the median. Did you "
            "standardise the features, or take a very small learning rate?",
            zh="这次训练没有失败：最后的损失小于总是预测中位数时的损失。你是不是把特征标准化了，或者用了很小的学习率？",
            by=(BROKE,),
        ),
    ],
    hints=[
        (
            "Look at the columns: some are near 1000, others near 0. A weight's gradient grows with its feature.",
            "看看各列：有些在 1000 左右，有些接近 0。一个权重的梯度，随它的特征增大而增大。",
        ),
        (
            "Two hidden layers and the default learning rate of SGD are enough; a few epochs show it.",
            "两个隐藏层，加上 SGD 默认的学习率，就够了；几轮就能看出来。",
        ),
    ],
    analysis=(
        "Features near 1000 make gradients so large that the first steps throw the weights far off. Then the outputs "
        "explode, or every ReLU is stuck at 0 and the network predicts a constant, which cannot beat the median. "
        "Adam divides by the size of the gradients and copes; standardised features spare SGD the trouble.",
        "特征在 1000 左右，使梯度大到最初几步就把权重抛得很远。接着，要么输出爆炸，要么所有的 ReLU 都停在 0，网络只能"
        "预测一个常数，不可能比中位数更好。Adam 会除以梯度的大小，所以受得住；特征标准化之后，SGD 就没有这个麻烦。",
    ),
)
def broken_run():
    import keras

    from helpers.data import load_dataset

    table = load_dataset("concrete", source="simulated", show=False).astype("float32")
    x_concrete, y_concrete = table.iloc[:, :-1].to_numpy(), table.iloc[:, -1:].to_numpy()
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer="sgd", loss="mean_absolute_error")
    return model.fit(x_concrete, y_concrete, epochs=3, batch_size=256, verbose=0)


# --- curve_of_the_small_batch ---


@prediction(
    en="Three runs of SGD on the red wine table differ only in the batch size: 8, 64 and 512. The learning rate and "
    "the number of epochs are the same. One of the curves, the loss after each epoch, is the lowest after 3 epochs; "
    "later it goes up and down from epoch to epoch. Whose curve is it?",
    zh="在红酒数据上用 SGD 训练三次，只有批量大小不同：8、64 和 512，学习率和轮数都相同。三条曲线画的是每一轮之后的损"
    "失，其中有一条在 3 轮之后降得最低，后来却在各轮之间上下跳动。它是哪一次训练的曲线？",
    choices={
        "A": Choice(
            en="Batch size 8.",
            zh="批量大小 8。",
            en_why="It takes 200 steps in each epoch where batch size 512 takes 4, so it gets further; and each step "
            "follows the gradient of only 8 rows, so it jumps.",
            zh_why="它每一轮走 200 步，批量大小 512 只走 4 步，所以它走得更远；而每一步只依据 8 行的梯度，所以会跳动。",
        ),
        "B": Choice(
            en="Batch size 64: the middle is best.",
            zh="批量大小 64：中间的最好。",
            en_why="Compared with batch size 8, it takes an eighth of the steps in each epoch, so after 3 epochs it "
            "has not come as far; and each of its steps averages over 8 times as many rows, so it jumps less.",
            zh_why="与批量大小 8 相比，它每一轮的步数只有八分之一，所以 3 轮之后走得没有那么远；而它每一步平均的行数是 "
            "8 倍，所以跳动更小。",
        ),
        "C": Choice(
            en="Batch size 512: it has the most exact gradient.",
            zh="批量大小 512：它的梯度最准确。",
            en_why="Its gradient is the most exact, and its curve the smoothest. But it takes only a few steps in each "
            "epoch, and at the same learning rate none of them is longer to make up for that.",
            zh_why="它的梯度最准确，曲线也最平滑。但它每一轮只走几步，学习率又相同，梯度更准确并不会让每一步走得更远。",
        ),
        "D": Choice(
            en="None: all see the same rows in each epoch.",
            zh="都不是：每一轮看到的行都一样。",
            en_why="They see the same rows, but take a different number of steps. It is the steps that move the "
            "weights.",
            zh_why="看到的行一样，走的步数却不同。真正改变权重的，是一步一步的更新。",
        ),
    },
    right="A",
    hints=[
        (
            "How many steps does each run take in one epoch of 1599 rows?",
            "一轮有 1599 行，每次训练在一轮里各走多少步？",
        ),
        (
            "Over how many rows is the direction of one step averaged? How much does such a mean vary?",
            "一步的方向由多少行的平均值决定？这样的平均值波动有多大？",
        ),
    ],
)
def curve_of_the_small_batch():
    from helpers import scratch
    from helpers.data import load_dataset, standardize

    (wine,) = standardize(load_dataset("red-wine", source="simulated", show=False).to_numpy(float))
    x, y = wine[:, :-1], wine[:, -1:]
    after_3, rises = {}, {}
    for size in (8, 64, 512):
        net = scratch.Sequential(
            [scratch.Input((11,)), scratch.Dense(16, "relu"), scratch.Dense(1)], np.random.default_rng(0)
        )
        history = net.compile(scratch.SGD(0.05), "mae").fit(
            x, y, batch_size=size, epochs=12, validation_data=(x, y), verbose=0
        )
        loss = np.array(history.history["val_loss"])
        after_3[Quantity(f"loss after 3 epochs, batch size {size}", f"3 轮之后的损失，批量大小 {size}")] = loss[2]
        rise = np.maximum(np.diff(loss), 0).sum()
        rises[Quantity(f"all rises of the curve together, batch size {size}", f"曲线上升的总幅度，批量大小 {size}")] = (
            rise
        )
    return after_3 | rises
