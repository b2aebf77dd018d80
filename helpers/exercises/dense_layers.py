"""Unit 01, dense layers: a layer and a whole net from scratch, their parameters, Keras models, a prediction."""

import numpy as np

from helpers.exercises.engine.judge import Case, Misconception, Quantity
from helpers.exercises.engine.models import INPUT, PREDICTIONS, SHAPES, layers_of
from helpers.exercises.engine.question import Choice, code, model, prediction
from helpers.language import Bilingual

# --- dense_forward ---


# Each row comes with its opposite, and the first bias is negative: so some output is below 0, where a ReLU would show.


def _rows(rng, rows, inputs):
    half = rng.standard_normal(((rows + 1) // 2, inputs))
    return np.vstack([half, -half])[:rows]


def _layer(rng, inputs, units):
    return rng.standard_normal((inputs, units)), -rng.uniform(0.5, 1.5, units) * (-1) ** np.arange(units)


def _rows_and_layer(rows, inputs, units):
    return lambda rng: (_rows(rng, rows, inputs), *_layer(rng, inputs, units))


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


@code(
    en="Write `dense_forward(x, weights, bias)`, which returns `y`: what a dense layer without activation computes for "
    "all rows at once. `x` has the shape `(N, D)`, a row of `D` inputs for each example; `weights` has the shape "
    "`(D, K)`, a column for each unit; `bias` has the shape `(K,)`. `y` has the shape `(N, K)`.",
    zh="编写 `dense_forward(x, weights, bias)`，返回 `y`：一个没有激活函数的全连接层，对所有行一次算出的结果。`x` 的形"
    "状是 `(N, D)`，每个样本一行，每行 `D` 个输入；`weights` 的形状是 `(D, K)`，每个单元一列；`bias` 的形状是 `(K,)`。"
    "`y` 的形状是 `(N, K)`。",
    cases=[
        Case("4 rows, 3 inputs, 2 units", "4 行，3 个输入，2 个单元", _rows_and_layer(4, 3, 2)),
        Case("1 row, 3 inputs, 2 units", "1 行，3 个输入，2 个单元", _rows_and_layer(1, 3, 2)),
        Case("3 rows, 3 inputs, 3 units", "3 行，3 个输入，3 个单元", _rows_and_layer(3, 3, 3)),
    ],
    misconceptions=[
        Misconception(
            "weights transposed",
            (lambda x, weights, bias: x @ weights.T + bias, lambda x, weights, bias: x @ weights.T),
            en="The rows and columns of `weights` are swapped. That goes unnoticed as long as there are as many units "
            "as inputs. Which axis of `weights` has the length of a row of `x`?",
            zh="`weights` 的行和列被对调了。只要单元和输入一样多，就不会报错，也就不容易发现。`weights` 的哪个轴与 `x` "
            "的一行长度相同？",
        ),
        Misconception(
            "factors in the wrong order",
            (
                lambda x, weights, bias: weights @ x + bias,
                lambda x, weights, bias: weights.T @ x + bias,
                lambda x, weights, bias: weights @ x,
            ),
            en="In your matrix product the weights stand on the left. A matrix product combines the rows of the left "
            "factor with the columns of the right one; where are the examples, and where are the units?",
            zh="在你的矩阵乘法里，权重在左边。矩阵乘法把左边的行与右边的列结合起来；样本是按行排还是按列排？单元呢？",
        ),
        Misconception(
            "rows and columns of the result swapped",
            (
                lambda x, weights, bias: (x @ weights + bias).T,
                lambda x, weights, bias: weights.T @ x.T + bias,
            ),
            en="Your result has a row for each unit and a column for each example. It should be the other way round, "
            "like `x`.",
            zh="你的结果里，每个单元一行，每个样本一列。应该反过来，像 `x` 那样。",
        ),
        Misconception(
            "bias forgotten",
            lambda x, weights, bias: x @ weights,
            en="The bias is missing. Without it a row of zeros would give 0 in every unit, whatever has been learned.",
            zh="缺了偏置。没有它，无论学到了什么，对全是零的一行输入，每个单元都只能给出 0。",
        ),
        Misconception(
            "bias added to the inputs",
            lambda x, weights, bias: (x + bias) @ weights,
            en="The bias is added to the inputs and then multiplied by the weights. It belongs to the units: there is "
            "one for each of them.",
            zh="偏置加在了输入上，然后又乘了权重。偏置属于单元：每个单元一个。",
        ),
        Misconception(
            "one bias per row",
            lambda x, weights, bias: x @ weights + bias[:, None],
            en="Each row gets a bias of its own, the same for all units. It is each unit that has a bias, the same "
            "for all rows.",
            zh="你给每一行各加了一个偏置，由所有单元共用。应当是每个单元各有一个偏置，由所有行共用。",
        ),
        Misconception(
            "elementwise product",
            (
                lambda x, weights, bias: x * weights + bias,
                lambda x, weights, bias: x * weights,
                lambda x, weights, bias: (x * weights).sum(axis=1) + bias,
                lambda x, weights, bias: (x * weights).sum(axis=0) + bias,
                lambda x, weights, bias: (x * weights).sum(axis=1, keepdims=True) + bias,
            ),
            en="Inputs and weights are multiplied entry by entry; that their shapes fit is only chance. Each unit "
            "needs a sum over all inputs of a row, each times a weight of its own.",
            zh="输入和权重是逐元素相乘的，形状相容只是巧合。每个单元需要的是一个总和：一行中的每个输入各乘以自己的权重，"
            "再全部加起来。",
        ),
        Misconception(
            "an activation that nobody asked for",
            (
                lambda x, weights, bias: np.maximum(x @ weights + bias, 0),
                lambda x, weights, bias: _sigmoid(x @ weights + bias),
                lambda x, weights, bias: np.tanh(x @ weights + bias),
            ),
            en="After the sums something else changes your numbers: an activation. This layer has none: its "
            "outputs may be any number.",
            zh="求和之后，你的结果又被改变了，就像经过了激活函数。这一层没有激活函数：输出可以是任何数。",
        ),
    ],
    hints=[
        (
            "Begin with one row and one unit: each input is multiplied by its weight, all of that is added up, and "
            "then something is added that does not depend on the inputs.",
            "先看一行和一个单元：每个输入乘以它的权重，全部加起来，最后再加上一个与输入无关的数。",
        ),
        (
            "Such sums for all rows and all units are one matrix product, in Python `@`. Which of the two factors must "
            "stand on the left, so that `(N, D)` and `(D, K)` give `(N, K)`?",
            "对所有行、所有单元求这样的总和，就是一次矩阵乘法，在 Python 里写作 `@`。要由 `(N, D)` 和 `(D, K)` 得到 "
            "`(N, K)`，哪一个要放在左边？",
        ),
        (
            "An array of the shape `(K,)` is broadcast over the rows of an array of the shape `(N, K)`: nothing has to "
            "be repeated or reshaped.",
            "形状为 `(K,)` 的数组，会沿着形状为 `(N, K)` 的数组的各行广播：不需要重复，也不需要改变形状。",
        ),
    ],
    analysis=(
        "Row n and column k of the matrix product hold the sum over the inputs of example n, each times its weight in "
        "unit k. The bias has one number for each unit and is broadcast over the rows. Frequent mistakes: the weights "
        "transposed, which raises an error only if the sizes differ; the elementwise product; a bias for each row; "
        "`+=` into an array that belongs to the caller.",
        "矩阵乘积的第 n 行第 k 列，是样本 n 的各个输入乘以单元 k 的对应权重之后的总和。偏置里每个单元对应一个数，"
        "沿各行广播。常见错误：权重转置了，而这只有在大小不同时才会报错；逐元素相乘；给每一行各用一个偏置；用 `+=` "
        "写进了属于调用者的数组。",
    ),
)
def dense_forward(x, weights, bias):
    return x @ weights + bias


# --- relu ---


@code(
    en="Write `relu(x)`, which returns `y`, shaped like `x`: positive values stay as they are, all others become 0. "
    "`x` is an array of any shape.",
    zh="编写 `relu(x)`，返回 `y`，形状与 `x` 相同：正数保持不变，其余的都变成 0。`x` 是任意形状的数组。",
    cases=[
        Case(
            "numbers of both signs, and 0",
            "有正有负，还有 0",
            lambda rng: (np.array([-20.0, -0.5, 0.0, 0.5, 30.0]) * rng.uniform(1, 2),),
        ),
        Case("a matrix", "矩阵", lambda rng: (rng.standard_normal((3, 4)),)),
        Case("3 axes", "3 个轴", lambda rng: (rng.standard_normal((2, 3, 2)),)),
    ],
    misconceptions=[
        Misconception(
            "absolute value",
            lambda x: np.abs(x),
            en="Negative values lose their sign, but they are not 0. This is the absolute value.",
            zh="负数去掉了符号，却没有变成 0。这是绝对值。",
        ),
        Misconception(
            "step function instead of ReLU",
            (lambda x: (x > 0) * 1.0, lambda x: (x >= 0) * 1.0, lambda x: np.heaviside(x, 0.5)),
            en="Your result only says which values are positive: this is the step function. What should become of a "
            "positive value?",
            zh="你的结果只说明哪些值是正的：这是阶跃函数。正数本身应该变成什么？",
        ),
        Misconception(
            "minimum instead of maximum",
            lambda x: np.minimum(x, 0),
            en="Negative values pass and positive ones become 0. It is the other way round.",
            zh="负数原样通过，正数变成了 0。应该反过来。",
        ),
        Misconception(
            "maximum along an axis",
            (lambda x: np.max(x, 0), lambda x: np.maximum(np.max(x), 0), lambda x: np.maximum(np.max(x, 0), 0)),
            en="Your function looks for the largest of several values of `x`, so the shape changes. Each value is to "
            "be compared with 0, on its own.",
            zh="你的函数在 `x` 的若干个值里找最大的那个，所以形状变了。应当让每个值各自与 0 比较。",
        ),
        Misconception(
            "negative values left out",
            (lambda x: x[x > 0], lambda x: x[x >= 0]),
            en="The values that are not positive are missing from your result. Each of them keeps its place and "
            "becomes 0.",
            zh="不是正数的值，在你的结果里不见了。它们应当留在原来的位置，变成 0。",
        ),
        Misconception(
            "leaky ReLU",
            (
                lambda x: np.where(x > 0, x, 0.01 * x),
                lambda x: np.where(x > 0, x, 0.1 * x),
                lambda x: np.where(x > 0, x, 0.2 * x),
                lambda x: np.where(x > 0, x, 0.3 * x),
            ),
            en="Negative values become smaller, but not 0. That is a variant of ReLU with a leak; here nothing gets "
            "through below 0.",
            zh="负数变小了，但没有变成 0。那是 ReLU 的一种带泄漏的变体；而这里，小于 0 的部分要完全截断。",
        ),
        Misconception(
            "a smooth activation instead of ReLU",
            (lambda x: _sigmoid(x), lambda x: np.tanh(x), lambda x: np.log1p(np.exp(x))),
            en="Your function bends the positive values too: it is another activation. ReLU leaves them as they are.",
            zh="你的函数把正数也改变了：这是另一种激活函数。ReLU 会让正数保持原样。",
        ),
    ],
    hints=[
        (
            "Two kinds of values, two rules: what is the result for -2, for 0 and for 3?",
            "两类值，两条规则：-2、0 和 3 的结果各是多少？",
        ),
        (
            "For each value the result is the larger one of two numbers. NumPy has a function that compares two arrays "
            "entry by entry, and another one that looks for the largest entry along an axis: take the first.",
            "对每个值来说，结果都是两个数中较大的那个。NumPy 有一个函数逐元素比较两个数组，还有一个函数沿着轴找最大的"
            "元素：这里用的是前一个。",
        ),
    ],
    analysis=(
        "`np.maximum` compares entry by entry and broadcasts the 0, so it works for any shape. The similarly named "
        "`np.max` takes its second argument as an axis. Frequent mistakes: the absolute value; a comparison that only "
        "says which values are positive; an assignment such as `x[x < 0] = 0`, which changes the caller's array.",
        "`np.maximum` 逐元素比较，并把 0 广播开来，所以对任何形状都适用。名字相近的 `np.max`，会把第二个参数当作轴。"
        "常见错误：取绝对值；只判断了哪些值是正的；写成 `x[x < 0] = 0` 这样的赋值，改动了调用者的数组。",
    ),
)
def relu(x):
    return np.maximum(x, 0)


# --- count_parameters ---


def _neighbours(sizes):
    return list(zip(sizes[:-1], sizes[1:], strict=True))


@code(
    en="Write `count_parameters(sizes)`, which returns the number of parameters of a stack of dense layers. `sizes` is "
    "a list: first the number of features, then the number of units of each layer, for example "
    "`[8, 512, 512, 512, 1]`. Every layer has weights and a bias.",
    zh="编写 `count_parameters(sizes)`，返回若干个全连接层依次相连时的参数个数。`sizes` 是一个列表：先是特征的个数，"
    "再是每一层的单元个数，例如 `[8, 512, 512, 512, 1]`。每一层都有权重和偏置。",
    returns=("count",),
    cases=[
        Case("one unit: `[11, 1]`", "一个单元：`[11, 1]`", lambda rng: ([11, 1],)),
        Case("two layers: `[3, 5, 2]`", "两层：`[3, 5, 2]`", lambda rng: ([3, 5, 2],)),
        Case(
            "four layers: `[8, 512, 512, 512, 1]`",
            "四层：`[8, 512, 512, 512, 1]`",
            lambda rng: ([8, 512, 512, 512, 1],),
        ),
    ],
    misconceptions=[
        Misconception(
            "biases forgotten",
            lambda sizes: sum(a * b for a, b in _neighbours(sizes)),
            en="You count the weights only. How many biases does a layer have?",
            zh="你只数了权重。一层有多少个偏置？",
        ),
        Misconception(
            "a bias for the inputs too",
            lambda sizes: sum(a * b for a, b in _neighbours(sizes)) + sum(sizes),
            en="You count a bias for each feature too. The features are what comes in; no layer computes them, so they "
            "have no bias.",
            zh="你给每个特征也算了一个偏置。特征是输入进来的，不是由哪一层算出来的，所以没有偏置。",
        ),
        Misconception(
            "one bias per layer",
            lambda sizes: sum(a * b + 1 for a, b in _neighbours(sizes)),
            en="You count a single bias for each layer. With only one unit in a layer that is right; what about "
            "several?",
            zh="你给每一层只算了一个偏置。一层只有一个单元时，这样是对的；有好几个单元时呢？",
        ),
        Misconception(
            "a bias per input of a layer",
            lambda sizes: sum(a * b + a for a, b in _neighbours(sizes)),
            en="You count as many biases as a layer has inputs. What is a bias added to: to an input, or to the sum in "
            "a unit?",
            zh="你按一层的输入个数来算偏置。偏置加在什么上面：加在输入上，还是加在单元里的总和上？",
        ),
        Misconception(
            "layers connected to themselves",
            (
                lambda sizes: sum(n * n + n for n in sizes[1:]),
                lambda sizes: sum(n * n for n in sizes[1:]),
                lambda sizes: sum(n * n + n for n in sizes),
                lambda sizes: sum(n * n for n in sizes),
            ),
            en="You multiply the size of a layer by itself. The weights of a layer connect its units to what the layer "
            "before hands on.",
            zh="你把一层的大小与它自己相乘。一层的权重，连接的是这一层的单元与前一层的输出。",
        ),
        Misconception(
            "all sizes multiplied",
            (
                lambda sizes: int(np.prod(sizes)),
                lambda sizes: int(np.prod(sizes)) + sum(sizes[1:]),
            ),
            en="You multiply the sizes of all layers together. Weights lie between two neighbouring layers; those of "
            "different layers are added up.",
            zh="你把所有层的大小连乘在一起。权重位于相邻的两层之间；不同层的权重，应当相加。",
        ),
        Misconception(
            "last layer left out",
            lambda sizes: sum(a * b + b for a, b in _neighbours(sizes[:-1])),
            en="The last layer is not counted. The output has weights and a bias as well; does your loop end too soon?",
            zh="最后一层没有算进去。输出层也有权重和偏置；是不是循环结束得太早？",
        ),
        Misconception(
            "first layer left out",
            lambda sizes: sum(a * b + b for a, b in _neighbours(sizes[1:])),
            en="The first layer is not counted: the one whose inputs are the features. Where does your loop begin?",
            zh="第一层没有算进去，也就是以特征为输入的那一层。你的循环从哪里开始？",
        ),
        Misconception(
            "units counted instead of parameters",
            (lambda sizes: sum(sizes[1:]), lambda sizes: sum(sizes)),
            en="You count units. Each unit has many parameters: how many numbers does it need to compute its output?",
            zh="你数的是单元。每个单元有许多参数：它要算出自己的输出，需要多少个数？",
        ),
    ],
    hints=[
        (
            "Take one unit of one layer first. How many inputs does it have, and so how many weights? And how many "
            "biases?",
            "先看一层中的一个单元。它有多少个输入？因此有多少个权重？又有多少个偏置？",
        ),
        (
            "A layer has as many such units as its size says. The inputs of a layer are the outputs of the one before; "
            "for the first layer they are the features.",
            "一层的大小是多少，就有多少个这样的单元。一层的输入就是前一层的输出；对第一层来说，就是特征。",
        ),
        (
            "Go through the list in pairs of neighbours, add up what each pair contributes, and try it by hand with "
            "`[3, 5, 2]`.",
            "依次取列表里相邻的一对数，把每一对的贡献加起来；先用 `[3, 5, 2]` 手算一遍。",
        ),
    ],
    analysis=(
        "Each unit has a weight for each input and one bias, and the inputs of a layer are the outputs of the layer "
        "before. So each pair of neighbours in the list contributes a product, and the biases are as many as the "
        "units. Frequent mistakes: forgetting the biases, or counting some for the features, which no layer computes.",
        "每个单元对每个输入各有一个权重，另有一个偏置；一层的输入就是前一层的输出。所以列表里每一对相邻的数贡献一个乘"
        "积，而偏置与单元一样多。常见错误：忘了偏置；或者给特征也算上偏置，而特征并不是由哪一层算出来的。",
    ),
)
def count_parameters(sizes):
    count = 0
    for inputs, units in zip(sizes[:-1], sizes[1:], strict=True):
        count += inputs * units + units
    return count


# --- mlp_forward ---


def _rows_and_net(rows, *sizes):
    def arguments(rng):
        return _rows(rng, rows, sizes[0]), [_layer(rng, inputs, units) for inputs, units in _neighbours(sizes)]

    return arguments


def _relu_everywhere(x, layers):
    for weights, bias in layers:
        x = np.maximum(x @ weights + bias, 0)
    return x


def _linear_stack(x, layers):
    for weights, bias in layers:
        x = x @ weights + bias
    return x


def _relu_before_the_product(x, layers):
    for weights, bias in layers:
        x = np.maximum(x, 0) @ weights + bias
    return x


def _relu_before_the_product_but_the_last(x, layers):
    *hidden, (weights, bias) = layers
    return _relu_before_the_product(x, hidden) @ weights + bias


def _relu_before_the_bias(x, layers):
    for weights, bias in layers:
        x = np.maximum(x @ weights, 0) + bias
    return x


def _relu_before_the_bias_but_the_last(x, layers):
    *hidden, (weights, bias) = layers
    return _relu_before_the_bias(x, hidden) @ weights + bias


def _without_biases(x, layers):
    *hidden, (weights, _) = layers
    for hidden_weights, _ in hidden:
        x = np.maximum(x @ hidden_weights, 0)
    return x @ weights


def _always_the_first_input(x, layers):
    y = x
    for weights, bias in layers[:-1]:
        y = np.maximum(x @ weights + bias, 0)
    weights, bias = layers[-1]
    return y @ weights + bias


def _every_layer_but_the_last_forgotten(x, layers):
    for weights, bias in layers:
        y = x @ weights + bias
    return y


@code(
    en="Write `mlp_forward(x, layers)`, which returns `y`, the output of a whole net. `x` has the shape `(N, D)`; "
    "`layers` is a list of pairs `(weights, bias)`, one for each dense layer, in the order in which a row meets them. "
    "After every layer but the last comes a ReLU. There may be just one layer.",
    zh="编写 `mlp_forward(x, layers)`，返回 `y`，即整个网络的输出。`x` 的形状是 `(N, D)`；`layers` 是一个列表，每个全"
    "连接层对应其中一项 `(weights, bias)`，按一行数据经过的顺序排列。除最后一层外，每一层之后都有一个 ReLU。也可能只"
    "有一层。",
    cases=[
        Case("two layers", "两层", _rows_and_net(5, 3, 4, 2)),
        Case("four layers, all of 3 units", "四层，每层 3 个单元", _rows_and_net(6, 3, 3, 3, 3, 3)),
        Case("one layer", "一层", _rows_and_net(4, 3, 2)),
    ],
    misconceptions=[
        Misconception(
            "ReLU on the output layer",
            _relu_everywhere,
            en="The net cannot give a negative number: there is a ReLU after the last layer too. The output of a "
            "regression may be any number.",
            zh="这个网络给不出负数：最后一层之后也有一个 ReLU。回归的输出可以是任何数。",
        ),
        Misconception(
            "no activation between the layers",
            (_linear_stack, lambda x, layers: np.maximum(_linear_stack(x, layers), 0)),
            en="Nothing stands between the layers. Then the whole stack computes no more than a single layer could.",
            zh="层与层之间什么也没有。这样无论叠多少层，能表示的函数都不比一层多。",
        ),
        Misconception(
            "ReLU before the matrix product",
            (_relu_before_the_product, _relu_before_the_product_but_the_last),
            en="Your ReLU comes before a layer, not after it. So it cuts off the negative features before any layer "
            "has seen them.",
            zh="你的 ReLU 放在了层的前面，而不是后面。这样，负的特征还没有经过任何一层，就被截掉了。",
        ),
        Misconception(
            "ReLU before the bias",
            (_relu_before_the_bias_but_the_last, _relu_before_the_bias),
            en="Your ReLU comes before the bias is added. The bias is part of the layer: it decides from what value of "
            "the sum on the ReLU lets something through.",
            zh="你的 ReLU 用在了加上偏置之前。偏置是层的一部分：它决定 ReLU 从哪里开始放行。",
        ),
        Misconception(
            "biases forgotten",
            _without_biases,
            en="Only the weights of the layers are used. What becomes of the second entry of each pair?",
            zh="各层只用到了权重。每一对里的第二项，用在哪里了？",
        ),
        Misconception(
            "every layer gets the first input",
            (_always_the_first_input, _every_layer_but_the_last_forgotten),
            en="More than one of your layers gets `x` itself, so the work of the layers before is lost. Each layer "
            "works on what the one before hands on.",
            zh="你的网络里，不止一层直接用了 `x`，前面各层的结果就白算了。每一层处理的，应当是前一层的输出。",
        ),
        Misconception(
            "last layer left out",
            lambda x, layers: _relu_everywhere(x, layers[:-1]),
            en="The result comes from the layer before the last. The last layer is without ReLU, but it still has to "
            "be computed.",
            zh="返回的是倒数第二层的结果。最后一层没有 ReLU，但它本身还是要算的。",
        ),
    ],
    hints=[
        (
            "Your `dense_forward` and `relu` do all of the computing. What is left is to hand the result of each layer "
            "to the next.",
            "计算都可以交给你写的 `dense_forward` 和 `relu`。剩下的，是把每一层的结果交给后一层。",
        ),
        (
            "A loop can treat all layers but one alike. Which one is different, and how do you take it out of the "
            "list?",
            "除了某一层，其余各层都可以用同一个循环处理。哪一层不一样？怎样把它从列表里单独取出来？",
        ),
    ],
    analysis=(
        "Each layer gets what the layer before hands on, and between two layers a ReLU makes the net more than one "
        "linear layer. The last layer has none, because the target of a regression may be any number. Frequent "
        "mistakes: a loop that treats the last layer like the others; no ReLU at all, which shows only in the numbers; "
        "and feeding `x` to every layer.",
        "每一层得到的，是前一层的输出；两层之间的 ReLU，使网络不再等同于一个线性层。最后一层没有 ReLU，"
        "因为回归的目标可以是任何数。常见错误：循环对"
        "最后一层也做了同样的处理；完全没有 ReLU，而这只有从数值上才看得出来；"
        "把 `x` 送进了每一层。",
    ),
)
def mlp_forward(x, layers):
    for weights, bias in layers[:-1]:
        x = relu(dense_forward(x, weights, bias))
    weights, bias = layers[-1]
    return dense_forward(x, weights, bias)


# --- wine_neuron ---


def _wine(features=11, **options):
    import keras

    return keras.Sequential([keras.Input((features,)), keras.layers.Dense(1, **options)])


@model(
    en="Write `wine_neuron()`, which builds a Keras model for the 11 features of a wine: a single neuron without "
    "activation. Trained with the mean squared error, it is linear regression.",
    zh="编写 `wine_neuron()`，构建一个接受红酒的 11 个特征的 Keras 模型：单个神经元，没有激活函数。"
    "用均方误差训练，它就是线性回归。",
    misconceptions=[
        Misconception(
            "softmax on one unit",
            lambda: _wine(activation="softmax"),
            en="Every output is 1, for any weights and any row: the single unit has a softmax. What does softmax "
            "divide by, if there is only one unit?",
            zh="无论权重是什么、输入哪一行，输出都是 1：唯一的单元用了 softmax。只有一个单元时，softmax 除以的是什么？",
            by=(PREDICTIONS,),
        ),
        Misconception(
            "ReLU on the output layer",
            lambda: _wine(activation="relu"),
            en="The neuron cannot give a negative number: it has a ReLU. A linear regression can give any number.",
            zh="这个神经元给不出负数：它用了 ReLU。线性回归可以给出任何数。",
            by=(PREDICTIONS,),
        ),
        Misconception(
            "sigmoid on the output layer",
            lambda: _wine(activation="sigmoid"),
            en="All outputs lie between 0 and 1: the neuron has a sigmoid, as for a yes or a no. The quality of a wine "
            "is a number from 3 to 8.",
            zh="所有输出都在 0 和 1 之间：这个神经元用了 sigmoid，那是二分类时用的。红酒的评分是 3 到 8 之间的数。",
            by=(PREDICTIONS,),
        ),
        Misconception(
            "bias forgotten",
            lambda: _wine(use_bias=False),
            en="The neuron has weights but no bias, so for a row of zeros it can only give 0. A linear regression has "
            "an intercept.",
            zh="这个神经元有权重，却没有偏置，对一行全是零的输入只能给出 0。线性回归是有截距的。",
            by=(SHAPES,),
        ),
        Misconception(
            "target counted as a feature",
            lambda: _wine(features=12),
            en="Your model takes 12 numbers for each row. The table has 12 columns, but one of them is what the model "
            "should find out.",
            zh="你的模型每行接受 12 个数。数据表有 12 列，但其中一列正是模型要预测的目标。",
            by=(INPUT,),
        ),
    ],
    hints=[
        (
            "A neuron is a dense layer of one unit. Begin with `keras.Sequential` and say with `keras.Input` how many "
            "numbers a row has.",
            "一个神经元，就是只有一个单元的全连接层。以 `keras.Sequential` 开头，用 `keras.Input` 说明一行有多少个数。",
        ),
        (
            "The shape of the input is a tuple, without the number of rows. If you do not name an activation, "
            "`keras.layers.Dense` has none.",
            "输入的形状是一个元组，不包括行数。如果不指定激活函数，`keras.layers.Dense` 就没有激活函数。",
        ),
    ],
    analysis=(
        "One unit without activation computes a weighted sum of the features plus a bias, which is the formula of "
        "linear regression; only the way in which the weights are found differs. Without an activation the output may "
        "be any number. Frequent mistakes: copying the softmax of a classifier, which makes every output 1, or a ReLU "
        "or a sigmoid, which limit what the model can say.",
        "一个没有激活函数的单元，算的是特征的加权和再加上偏置，这正是线性回归的公式；只是求权重的方法不同。"
        "没有激活函数，输出就可以是任何数。常见错误：从分类模型里抄来 softmax，使每个输出都是 1；或者用 ReLU、sigmoid，"
        "限制了模型能给出的值。",
    ),
)
def wine_neuron():
    import keras

    return keras.Sequential([keras.Input((11,)), keras.layers.Dense(1)])


# --- concrete_model ---


def _concrete(hidden=("relu", "relu", "relu"), output=None, features=8):
    import keras

    layers = [keras.layers.Dense(512, activation=activation) for activation in hidden]
    return keras.Sequential([keras.Input((features,)), *layers, keras.layers.Dense(1, activation=output)])


_SOFTMAX_ON_ONE_UNIT = {
    "name": "softmax on one unit",
    "en": "Every output is 1, for any weights and any row: the last unit has a softmax. What does softmax divide by, "
    "if there is only one unit?",
    "zh": "无论权重是什么、输入哪一行，输出都是 1：最后的那个单元用了 softmax。只有一个单元时，softmax 除以的是什么？",
    "by": (PREDICTIONS,),
}
_RELU_ON_THE_OUTPUT = {
    "name": "ReLU on the output layer",
    "en": "The output layer cannot give a negative number: it has a ReLU. And where the ReLU gives 0, it passes no "
    "gradient on, so nothing is learned from such a row.",
    "zh": "输出层给不出负数：它用了 ReLU。而 ReLU 给出 0 的地方，梯度也传不过去，从那一行就什么也学不到。",
    "by": (PREDICTIONS,),
}
_LINEAR_HIDDEN_LAYERS = {
    "name": "hidden layers without activation",
    "en": "A hidden layer has no activation. Two linear layers in a row can do no more than one, however many units "
    "they have.",
    "zh": "有的隐藏层没有激活函数。两个线性层直接相连，无论有多少个单元，能表示的函数都不比一层多。",
    "by": (PREDICTIONS,),
}


@model(
    en="Write `concrete_model()`, which builds a Keras model for the 8 features of the concrete data: three hidden "
    "dense layers of 512 units each with ReLU, then one unit without activation.",
    zh="编写 `concrete_model()`，为混凝土数据的 8 个特征构建一个 Keras 模型：三个隐藏的全连接层，各有 512 个单元，"
    "都用 ReLU；然后是 1 个没有激活函数的单元。",
    misconceptions=[
        Misconception(**_SOFTMAX_ON_ONE_UNIT, wrong=lambda: _concrete(output="softmax")),
        Misconception(
            **_RELU_ON_THE_OUTPUT,
            wrong=(lambda: _concrete(output="relu"), lambda: _concrete((None, None, None), output="relu")),
        ),
        Misconception(
            **_LINEAR_HIDDEN_LAYERS,
            wrong=(
                lambda: _concrete((None, None, None)),
                lambda: _concrete((None, None, "relu")),
                lambda: _concrete(("relu", None, None)),
            ),
        ),
        Misconception(
            "sigmoid on the output layer",
            lambda: _concrete(output="sigmoid"),
            en="All outputs lie between 0 and 1: the last unit has a sigmoid. The strength of concrete is measured in "
            "megapascals, and most values are above 20.",
            zh="所有输出都在 0 和 1 之间：最后的那个单元用了 sigmoid。混凝土的强度以兆帕为单位，大多数值都超过 20。",
            by=(PREDICTIONS,),
        ),
        Misconception(
            "another activation in the hidden layers",
            (lambda: _concrete(["sigmoid"] * 3), lambda: _concrete(["tanh"] * 3), lambda: _concrete(["softmax"] * 3)),
            en="The layers and the output are right, but the activation of the hidden layers is another one than asked "
            "for.",
            zh="各层和输出都是对的，但隐藏层用的激活函数不是题目要求的那一种。",
            by=(PREDICTIONS,),
        ),
        Misconception(
            "target counted as a feature",
            lambda: _concrete(features=9),
            en="Your model takes 9 numbers for each row. The table has 9 columns, but one of them is what the model "
            "should find out.",
            zh="你的模型每行接受 9 个数。数据表有 9 列，但其中一列正是模型要预测的目标。",
            by=(INPUT,),
        ),
    ],
    hints=[
        (
            "List the layers in the order in which a row meets them: `keras.Input`, then the hidden layers, then the "
            "output.",
            "按一行数据经过的顺序列出各层：`keras.Input`，然后是隐藏层，最后是输出。",
        ),
        (
            "`keras.layers.Dense` takes the number of units, and with `activation` the name of the activation as text. "
            "How many of the four dense layers need one?",
            "`keras.layers.Dense` 接受单元的个数，用 `activation` 可以指定激活函数的名字（字符串）。四个全连接层里，"
            "有几个需要它？",
        ),
    ],
    analysis=(
        "Three layers with ReLU can bend the function that the net computes; the last one, without activation, adds "
        "up what they found and may give any number. Leave out the ReLUs and the four layers are one linear layer with "
        "530,433 parameters. A frequent mistake is an activation at the output: a softmax gives 1 for every row, a "
        "ReLU nothing below 0.",
        "三个带 ReLU 的层，使网络能够表示非线性的函数；最后一层没有激活函数，把它们得到的结果加权求和，可以给出任何数。"
        "去掉 ReLU，这四层就只是一个线性层，却有 530,433 个参数。常见的错误是给输出加上激活函数：softmax "
        "对每一行都给出 1，ReLU 给不出小于 0 的数。",
    ),
)
def concrete_model():
    import keras

    return keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(1),
        ]
    )


# --- concrete_model_with_activation_layers ---

INSIDE = Quantity(
    "a dense layer has an activation of its own",
    "有的全连接层自带激活函数",
    says=Bilingual(
        "A dense layer still has an activation of its own.",
        "仍有全连接层自带激活函数。",
    ),
)


def _activation_inside(model, rng):
    """Does what a dense layer does to its sums change them?"""
    import keras

    changes = []
    for layer in layers_of(model):
        if isinstance(layer, keras.layers.Dense):
            sums = np.linspace(-3, 3, layer.units, dtype=np.float32).reshape(1, -1)
            after = keras.ops.convert_to_numpy(layer.activation(keras.ops.convert_to_tensor(sums)))
            changes.append(not np.allclose(sums, after))
    return {INSIDE: any(changes)}


def _concrete_in_pieces(*layers):
    """The concrete model from the names of activations and the numbers of units, in order."""
    import keras

    made = [keras.layers.Dense(x) if isinstance(x, int) else keras.layers.Activation(x) for x in layers]
    return keras.Sequential([keras.Input((8,)), *made])


@model(
    en="Write `concrete_model_with_activation_layers()`: the net of `concrete_model` once more, with 8 features, three "
    "times 512 units with ReLU and one unit without activation. This time no dense layer has an activation of its own: "
    "each ReLU is a layer by itself.",
    zh="编写 `concrete_model_with_activation_layers()`：再构建一次 `concrete_model` 的网络，接受 8 个特征，"
    "三个隐藏"
    "层各有 512 个单元并用 ReLU，最后 1 个单元没有激活函数。这一次，全连接层都不自带激活函数：每个 ReLU 单独成为一层。",
    observe=_activation_inside,
    misconceptions=[
        Misconception(
            **_SOFTMAX_ON_ONE_UNIT,
            wrong=lambda: _concrete_in_pieces(512, "relu", 512, "relu", 512, "relu", 1, "softmax"),
        ),
        Misconception(
            **_RELU_ON_THE_OUTPUT,
            wrong=lambda: _concrete_in_pieces(512, "relu", 512, "relu", 512, "relu", 1, "relu"),
        ),
        Misconception(
            "activation inside the dense layers",
            _concrete,
            en="A dense layer still has an activation of its own. If a ReLU layer comes after it too, the outputs are "
            "the same, because a second ReLU changes nothing; but here each ReLU should be a layer by itself and "
            "nothing else.",
            zh="仍有全连接层自带激活函数。如果它后面又有一个 ReLU 层，输出是一样的，因为第二次 ReLU 什么也"
            "不改变；但题目只要单独成层的 ReLU。",
            by=(INSIDE,),
        ),
        Misconception(
            "activation before its layer",
            (
                lambda: _concrete_in_pieces("relu", 512, "relu", 512, "relu", 512, 1),
                lambda: _concrete_in_pieces("relu", 512, "relu", 512, "relu", 512, "relu", 1),
            ),
            en="The first ReLU comes before the first dense layer, so it cuts off the negative features. Each ReLU "
            "follows the layer that it belongs to.",
            zh="第一个 ReLU 放在了第一个全连接层之前，会把负的特征截掉。每个 ReLU 都应跟在它所属的层后面。",
            by=(PREDICTIONS,),
        ),
        Misconception(
            **_LINEAR_HIDDEN_LAYERS,
            wrong=(
                lambda: _concrete_in_pieces(512, 512, 512, 1),
                lambda: _concrete_in_pieces(512, 512, 512, "relu", 1),
                lambda: _concrete_in_pieces(512, "relu", 512, 512, 1),
            ),
        ),
    ],
    hints=[
        (
            "A dense layer with activation does two things one after the other. Write each of them as a layer.",
            "带激活函数的全连接层，先后做了两件事。把每一件写成一层。",
        ),
        (
            "`keras.layers.Activation` takes the name of an activation, and `keras.layers.ReLU` needs no argument. "
            "Which dense layer is not followed by one?",
            "`keras.layers.Activation` 接受激活函数的名字，`keras.layers.ReLU` 不需要参数。哪个全连接层后面没有它们？",
        ),
    ],
    analysis=(
        "A ReLU has no parameters, so as a layer by itself it changes neither their number nor the outputs. What is "
        "gained is a place between the sums of a layer and their activation, where batch normalization will stand "
        "later. Frequent mistakes: leaving the activation in the dense layer as well; putting the ReLU before the "
        "layer it belongs to; adding one after the output.",
        "ReLU 没有参数，所以单独成为一层，既不改变参数个数，也不改变输出。这样做的好处，是在"
        "一层的加权和与激活函数之间留"
        "出一个位置，以后批量归一化就放在那里。常见错误：全连接层里也留着激活函数；把 ReLU 放在它所属的层之前；在输"
        "出之后也加一个。",
    ),
)
def concrete_model_with_activation_layers():
    import keras

    return keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(512),
            keras.layers.Activation("relu"),
            keras.layers.Dense(512),
            keras.layers.Activation("relu"),
            keras.layers.Dense(512),
            keras.layers.Activation("relu"),
            keras.layers.Dense(1),
        ]
    )


# --- softmax_of_one_unit ---


@prediction(
    en='The last layer of a model is `Dense(1, activation="softmax")`. What does the model output, for a batch of '
    "different rows?",
    zh='模型的最后一层是 `Dense(1, activation="softmax")`。对一批各不相同的行，这个模型会输出什么？',
    choices={
        "A": Choice(
            en="A number between 0 and 1 for each row, larger if the weighted sum is larger.",
            zh="每一行一个 0 到 1 之间的数，加权和越大，它就越大。",
            en_why="That is what a sigmoid does: the same as softmax over two units, one of which always has the sum "
            "0. Here there is no second unit to be compared with.",
            zh_why="那是 sigmoid 的作用：它等同于对两个单元做 softmax，其中一个单元的加权和总是 0。"
            "而这里没有第二个单元可以比较。",
        ),
        "B": Choice(
            en="Any number: with a single unit softmax changes nothing.",
            zh="任何数：只有一个单元时，softmax 什么也不改变。",
            en_why="Softmax does not just hand on its input: its outputs are positive and add up to 1 over the units "
            "of a row. With a single unit that leaves very little choice.",
            zh_why="softmax 不会让输入原样通过：它的输出都是正数，而且一行中各单元的输出之和是 1。"
            "只有一个单元时，就没有什么选择的余地了。",
        ),
        "C": Choice(
            en="1 for each row, whatever the weights are.",
            zh="每一行都是 1，与权重无关。",
            en_why="Softmax divides by the sum over the units of a row; with one unit, a number is divided by itself. "
            "No weight has any influence on the output, so all gradients are 0, and training changes nothing.",
            zh_why="softmax 除以的，是一行中各单元的指数之和；只有一个单元时，就是一个数除以它自己。"
            "任何权重都影响不了输出，所以梯度全是 0，训练什么也改变不了。",
        ),
        "D": Choice(
            en="Numbers between 0 and 1 that add up to 1 over the rows of the batch.",
            zh="0 到 1 之间的数，这一批中各行的数加起来是 1。",
            en_why="Softmax adds up over the units of one row, not over the rows: the output for one row must not "
            "depend on the rows that happen to be beside it.",
            zh_why="softmax 是对一行中的各单元求和，不是对各行求和：一行的结果，不应取决于碰巧和它在一起的其他行。",
        ),
    },
    right="C",
    hints=[
        (
            "Softmax takes the exponential of each unit's sum and divides it by the sum of these exponentials over all "
            "units of the same row. Write that down for a row with the sums 2 and 3, then for a row with the sum 2 "
            "alone.",
            "softmax 先对每个单元取指数，再除以同一行中所有单元的指数之和。先对加权和为 2 和 3 的一行写出结果，"
            "再对只有一个加权和 2 的一行写出结果。",
        ),
    ],
)
def softmax_of_one_unit():
    rng = np.random.default_rng(0)
    x, weights, bias = _rows_and_layer(1000, 11, 1)(rng)
    exponentials = np.exp(dense_forward(x, weights, bias))
    y = exponentials / exponentials.sum(axis=1, keepdims=True)
    return {
        Quantity("smallest output for 1000 rows", "1000 行的输出中的最小值"): float(y.min()),
        Quantity("largest output for 1000 rows", "1000 行的输出中的最大值"): float(y.max()),
    }
