"""Unit 07: right answers in many styles, and wrong ones written independently of the questions."""

import itertools

import keras
import numpy as np

from helpers import scratch
from helpers.exercises.predictor import SNIPPET

# --- extract_parameters ---


def with_pop(weights):
    rest = list(weights)
    bias, kernel = rest.pop(), rest.pop()
    blocks = []
    while rest:
        blocks.append([rest.pop(0) for _ in range(6)])
    return blocks, [kernel, bias]


def comprehension(weights):
    n = (len(weights) - 2) // 6
    return [tuple(weights[6 * k : 6 * (k + 1)]) for k in range(n)], (weights[-2], weights[-1])


def zipped(weights):
    body = weights[:-2]
    return list(zip(*[body[k::6] for k in range(6)], strict=True)), tuple(weights[-2:])


def grouped_iterator(ws, per_block=6):
    arrays = iter(ws[: len(ws) // per_block * per_block])
    return list(zip(*[arrays] * per_block, strict=True)), ws[-2:]


def recursive(weights):
    if len(weights) == 2:
        return [], tuple(weights)
    blocks, output = recursive(weights[6:])
    return [tuple(weights[:6]), *blocks], output


def named_in_float32(weights):
    blocks = []
    for start in range(0, len(weights) - 2, 6):
        kernel, bias = weights[start], weights[start + 1]
        gamma, beta, mean, variance = weights[start + 2 : start + 6]
        blocks.append(tuple(np.float32(a) for a in (kernel, bias, gamma, beta, mean, variance)))
    return tuple(blocks), (np.float32(weights[-2]), np.float32(weights[-1]))


def picked(weights, order):
    blocks, output = comprehension(weights)
    return [[block[k] for k in order] for block in blocks], output


def last_six(weights):
    return [weights[k : k + 6] for k in range(0, len(weights), 6)], weights[-2:]


def two_blocks_only(weights):
    return [weights[:6], weights[6:12]], weights[12:]


# --- predict ---


def loops(x, blocks, output, epsilon):
    y = np.array(x, float)
    for kernel, bias, gamma, beta, mean, var in blocks:
        rows = []
        for row in y:
            z = [max(0.0, float(row @ kernel[:, k]) + bias[k]) for k in range(len(bias))]
            rows.append([gamma[k] * (z[k] - mean[k]) / (var[k] + epsilon) ** 0.5 + beta[k] for k in range(len(z))])
        y = np.array(rows)
    return y.dot(output[0]) + output[1]


def with_scratch(x, blocks, output, epsilon):
    for kernel, bias, *four in blocks:
        x = scratch.batch_norm_inference(scratch.relu(scratch.dense_forward(x, kernel, bias)), *four, epsilon=epsilon)
    return scratch.dense_forward(x, *output)


def scale_and_shift(x, blocks, output, eps=1e-3):
    for w, b, g, be, m, v in blocks:
        s = g / np.sqrt(v + eps)
        x = (x @ w + b).clip(0) * s + (be - m * s)
    w, b = output
    return x @ w + b


def float32(x, blocks, output, epsilon):
    def cast(arrays):
        return [np.asarray(a, np.float32) for a in arrays]

    return scale_and_shift(np.float32(x), [cast(block) for block in blocks], cast(output), epsilon)


def recursive_predict(x, blocks, output, epsilon):
    if not blocks:
        return np.matmul(x, output[0]) + output[1]
    (kernel, bias, gamma, beta, mean, variance), *rest = blocks
    z = np.matmul(x, kernel) + bias
    z = np.where(z < 0, 0, z)
    z = (z - mean) * np.power(variance + epsilon, -0.5)
    return recursive_predict(z * gamma + beta, rest, output, epsilon)


class Predictor:
    """An object that can be called is a function too."""

    def __call__(self, x, blocks, output, epsilon):
        return with_scratch(x, blocks, output, epsilon)


def slipped(
    relu=lambda k, z: np.maximum(z, 0),
    std=lambda v, e: (v + e) ** 0.5,
    statistics=None,
    norm=True,
    last=lambda y: y,
    swap=False,
):
    def network(x, blocks, output, epsilon):
        for k, block in enumerate(blocks):
            w, b, gamma, beta, mean, var = block
            x = relu(k, np.dot(x, w) + b)
            if statistics:
                mean, var = statistics(x)
            if swap:
                gamma, beta = beta, gamma
            if norm:
                x = (x - mean) / std(var, epsilon) * gamma + beta
        return last(np.dot(x, output[0]) + output[1])

    return network


def late_relu(x, blocks, output, epsilon):
    for w, b, g, be, m, v in blocks:
        x = (x @ w + b - m) / np.sqrt(v + epsilon) * g + be
        x = x * (x > 0)
    return x @ output[0] + output[1]


def softmax(y):
    return np.exp(y) / np.sum(np.exp(y), axis=1, keepdims=True)


# --- agrees ---


def grid(features):
    return np.linspace(-2, 2, 8 * features).reshape(8, features) ** 2


def by_predict(predictor, model):
    x = np.random.default_rng(5).uniform(-2, 2, (7, model.get_weights()[0].shape[0]))
    y, expected = predictor(x, model.get_weights(), 1e-3), model.predict(x, verbose=0)
    return bool(np.shape(y) == (7, 1) and np.abs(y - expected).max() < 1e-5)


def with_default_tolerance(predictor, model):
    x = grid(model.input_shape[1])
    right = model.predict(x, batch_size=3, verbose=0)
    mine = predictor(x, model.get_weights(), 0.001)
    if mine.shape != right.shape:
        return False
    return np.isclose(mine, right).all()


def asserting(predictor, model):
    x = np.random.default_rng(9).normal(size=(50, model.inputs[0].shape[1]))
    try:
        np.testing.assert_allclose(predictor(x, model.get_weights(), 0.001), np.asarray(model(x)), rtol=1e-3)
    except AssertionError:
        return False
    return True


def with_keras(predictor, model):
    x = keras.random.normal((12, model.input_shape[-1]), seed=3)
    y = keras.ops.convert_to_tensor(predictor(keras.ops.convert_to_numpy(x), model.get_weights(), 0.001), "float32")
    expected = model(x, training=False)
    return tuple(y.shape) == tuple(expected.shape) and keras.ops.all(keras.ops.abs(y - expected) < 0.01)


def row_by_row(predictor, model):
    x = np.eye(model.input_shape[-1]) * 2 + 1
    together = predictor(x, model.get_weights(), 0.001)
    expected = model.predict_on_batch(x)
    pairs = zip(together.tolist(), expected.tolist(), strict=True)
    return all(isinstance(one, list) and abs(one[0] - two[0]) < 1e-3 for one, two in pairs)


def tested(rows=grid, training=False, same=lambda y, right: np.abs(y - right).max() < 1e-3, shapes=True):
    def test(predictor, model):
        x = rows(model.input_shape[-1])
        right = np.asarray(model(x, training=training))
        y = predictor(x, model.get_weights(), 0.001)
        return (not shapes or y.shape == right.shape) and bool(same(y, right))

    return test


def one_at_a_time(predictor, model):
    x, weights = grid(model.input_shape[-1]), model.get_weights()
    y = np.concatenate([predictor(row[None], weights, 0.001) for row in x])
    right = model.predict(x, verbose=0)
    return y.shape == right.shape and np.allclose(y, right, atol=1e-3)


# --- mended_snippet ---

BUGS = {
    "relu": ("h = h @ w2 + b2", "h = np.maximum(h @ w2 + b2, 0)"),
    "softmax": ("return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)", "return z"),
    "first root": ("/ (var1 + epsilon)", "/ np.sqrt(var1 + epsilon)"),
    "second root": ("/ (var2 + epsilon)", "/ np.sqrt(var2 + epsilon)"),
}


def snippet(*mended, **replaced):
    """The snippet of the question with some of its bugs mended, as a function: it has these bugs and no others."""
    source = SNIPPET
    for bug in mended:
        before, after = BUGS[bug]
        assert source.count(before) == 1
        source = source.replace(before, after)
    for before, after in replaced.values():
        assert before in source
        source = source.replace(before, after)
    names = {"np": np}
    exec(source, names)
    return names["mended_snippet"]


def flat(network):
    return lambda x, weights, epsilon: network(x, *comprehension(weights), epsilon)


ROOTS = ("first root", "second root")
SOME_ROOTS = [(), ROOTS[:1], ROOTS[1:]]
SOFTMAX_LEFT = [
    snippet(*bugs) for n in range(4) for bugs in itertools.combinations([bug for bug in BUGS if bug != "softmax"], n)
]
ROOT_OUTSIDE = {
    "first": ("/ (var1 + epsilon)", "/ (np.sqrt(var1) + epsilon)"),
    "second": ("/ (var2 + epsilon)", "/ (np.sqrt(var2) + epsilon)"),
}
NO_EPSILON = {
    "first": ("/ (var1 + epsilon)", "/ np.sqrt(var1)"),
    "second": ("/ (var2 + epsilon)", "/ np.sqrt(var2)"),
}

# --- fold_batch_norm, fold_into_previous ---


def by_probing(gamma, beta, moving_mean, moving_variance, kernel, bias, epsilon):
    """What both layers do to zeros is the bias; what they do to a one beside zeros adds a row of the kernel."""

    def both(x):
        return scratch.batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, epsilon) @ kernel + bias

    new_bias = both(np.zeros((1, len(gamma))))[0]
    return both(np.eye(len(gamma))) - new_bias, new_bias


def with_diagonal(gamma, beta, mean, var, kernel, bias, eps):
    a = gamma * (var + eps) ** -0.5
    return np.diag(a) @ kernel, kernel.T @ (beta - a * mean) + bias


def with_transposes(g, b, m, v, w, c, e=1e-3):
    std = np.sqrt(v + e)
    return [(w.T * (g / std)).T, c + b @ w - (g * m / std) @ w]


def with_loops(gamma, beta, mean, var, kernel, bias, epsilon):
    new_kernel, new_bias = np.zeros_like(kernel), bias.copy()
    for c in range(kernel.shape[0]):
        s = gamma[c] / (var[c] + epsilon) ** 0.5
        for k in range(kernel.shape[1]):
            new_kernel[c, k] = s * kernel[c, k]
            new_bias[k] += (beta[c] - s * mean[c]) * kernel[c, k]
    return new_kernel, new_bias


def with_einsum(gamma, beta, mean, var, kernel, bias, epsilon):
    s = gamma / np.sqrt(var + epsilon)
    kernel32 = np.einsum("c,ck->ck", s, kernel).astype(np.float32)
    return kernel32, (bias + np.einsum("c,ck->k", beta - mean * s, kernel)).astype(np.float32)


def behind(std=lambda v, e: np.sqrt(v + e), rows=True, shift=lambda s, b, m: b - m * s, twice=False):
    def fold(gamma, beta, mean, var, kernel, bias, epsilon):
        s = gamma / std(var, epsilon)
        new = (kernel.T * s).T if rows else np.multiply(kernel, s)
        return new, bias + np.dot(shift(s, beta, mean), new if twice else kernel)

    return fold


def probing_back(kernel, bias, gamma, beta, mean, variance, epsilon):
    def both(x):
        return scratch.batch_norm_inference(x @ kernel + bias, gamma, beta, mean, variance, epsilon)

    zero = both(np.zeros((1, len(kernel))))
    return both(np.eye(len(kernel))) - zero, zero[0]


def loops_back(w, b, gamma, beta, m, v, eps):
    new_w, new_b = w.copy(), b.copy()
    for c in range(len(b)):
        std = np.sqrt(v[c] + eps)
        new_w[:, c] = w[:, c] * gamma[c] / std
        new_b[c] = (b[c] - m[c]) * gamma[c] / std + beta[c]
    return new_w, new_b


def diagonal_back(w, b, gamma, beta, m, v, eps):
    a = np.diag(gamma / np.sqrt(v + eps))
    return w @ a, (b - m) @ a + beta


def float32_back(w, b, gamma, beta, m, v, eps, **unused):
    s = (gamma * (v + eps) ** -0.5).astype(np.float32)
    return [w.astype(np.float32) * s[None, :], b * s - m * s + beta]


def stacked_back(w, b, gamma, beta, m, v, eps):
    both = np.vstack([w, b - m]) / np.sqrt(v + eps) * gamma
    return both[:-1], both[-1] + beta


def before(std=lambda v, e: np.sqrt(v + e), columns=True, new_bias=lambda s, b, beta, m: s * (b - m) + beta):
    def fold(kernel, bias, gamma, beta, mean, var, epsilon):
        s = gamma / std(var, epsilon)
        return (kernel * s if columns else (kernel.T * s).T), new_bias(s, bias, beta, mean)

    return fold


# --- folded_model ---


def by_layers(model):
    """Goes through the layers and keeps the scale and shift that the next dense layer has to take up."""
    inputs = x = keras.Input(model.input_shape[1:])
    new, scale, shift = [], None, None
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            kernel, bias = layer.get_weights()
            if scale is not None:
                kernel, bias = scale[:, None] * kernel, bias + shift @ kernel
            dense = keras.layers.Dense(layer.units, activation=layer.activation)
            x = dense(x)
            new.append((dense, kernel, bias))
        elif isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            scale = gamma / np.sqrt(variance + layer.epsilon)
            shift = beta - mean * scale
    folded = keras.Model(inputs, x)
    for dense, kernel, bias in new:
        dense.set_weights([kernel, bias])
    return folded


def with_dropout(model):
    weights = model.get_weights()
    kernels, biases = weights[0:-2:6] + [weights[-2]], weights[1:-2:6] + [weights[-1]]
    folded = keras.Sequential([keras.Input((weights[0].shape[0],))])
    for k in range(2):
        gamma, beta, mean, variance = weights[6 * k + 2 : 6 * k + 6]
        kernels[k + 1], biases[k + 1] = with_loops(gamma, beta, mean, variance, kernels[k + 1], biases[k + 1], 1e-3)
        folded.add(keras.layers.Dense(len(biases[k]), activation="relu"))
        folded.add(keras.layers.Dropout(0.3))
    folded.add(keras.layers.Dense(1))
    folded.set_weights([array for pair in zip(kernels, biases, strict=True) for array in pair])
    return folded


def written_out(model):
    w1, b1, g1, be1, m1, v1, w2, b2, g2, be2, m2, v2, w3, b3 = model.get_weights()
    s1, s2 = g1 / np.sqrt(v1 + 0.001), g2 / np.sqrt(v2 + 0.001)
    folded = keras.Sequential(
        [
            keras.layers.InputLayer(shape=(w1.shape[0],)),
            keras.layers.Dense(w1.shape[1]),
            keras.layers.ReLU(),
            keras.layers.Dense(w2.shape[1]),
            keras.layers.Activation("relu"),
            keras.layers.Dense(1),
        ]
    )
    w2, b2 = s1[:, None] * w2, b2 + (be1 - m1 * s1) @ w2
    w3, b3 = s2[:, None] * w3, b3 + (be2 - m2 * s2) @ w3
    folded.set_weights([w1, b1, w2, b2, w3, b3])
    return folded


def compiled(model):
    folded = by_layers(model)
    folded.compile(optimizer="adam", loss="mae")
    return folded


def nested(model):
    folded = written_out(model)
    return keras.Sequential([keras.Input(model.input_shape[1:]), folded])


def by_probes(model):
    blocks, output = comprehension(model.get_weights())
    dense = [block[:2] for block in blocks] + [output]
    for k, block in enumerate(blocks):
        dense[k + 1] = by_probing(*block[2:], *dense[k + 1], 1e-3)
    sizes = [len(bias) for _, bias in dense]
    net = keras.Sequential([keras.Input((dense[0][0].shape[0],))])
    for units, (kernel, bias) in zip(sizes, dense, strict=True):
        layer = keras.layers.Dense(units, activation=None if units == 1 else "relu")
        net.add(layer)
        layer.set_weights([kernel, bias])
    return net


def plain(model, take_up):
    """take_up : what becomes of (w1, b1, w2, b2, w3, b3), with the four vectors of each block."""
    w = model.get_weights()
    arrays = take_up([w[0], w[1], w[6], w[7], w[12], w[13]], w[2:6], w[8:12])
    net = keras.Sequential(
        [
            keras.Input((w[0].shape[0],)),
            keras.layers.Dense(len(w[1]), "relu"),
            keras.layers.Dense(len(w[7]), "relu"),
            keras.layers.Dense(1),
        ]
    )
    net.set_weights(arrays)
    return net


def into_previous(model):
    return plain(model, lambda a, one, two: [*loops_back(*a[:2], *one, 1e-3), *loops_back(*a[2:4], *two, 1e-3), *a[4:]])


def only_the_last(model):
    return plain(model, lambda a, one, two: [*a[:4], *with_diagonal(*two, *a[4:], 1e-3)])


def only_the_first(model):
    return plain(model, lambda a, one, two: [*a[:2], *with_diagonal(*one, *a[2:4], 1e-3), *a[4:]])


def overwritten(model):
    folded = by_layers(model)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    return folded


RIGHT = {
    "extract_parameters": [with_pop, comprehension, zipped, grouped_iterator, recursive, named_in_float32],
    "predict": [loops, with_scratch, scale_and_shift, float32, recursive_predict, Predictor(), slipped()],
    "agrees": [by_predict, with_default_tolerance, asserting, with_keras, row_by_row, tested()],
    "mended_snippet": [
        snippet(*BUGS),
        flat(loops),
        flat(float32),
        flat(recursive_predict),
        flat(slipped()),
        lambda x, weights, epsilon: with_scratch(x, *recursive(weights), epsilon),
        lambda X, w, eps=1e-3, **more: scale_and_shift(X, *with_pop(w), eps),
    ],
    "fold_batch_norm": [by_probing, with_diagonal, with_transposes, with_loops, with_einsum, behind()],
    "fold_into_previous": [probing_back, loops_back, diagonal_back, float32_back, stacked_back, before()],
    "folded_model": [by_layers, with_dropout, written_out, compiled, nested, by_probes],
}

# {question: {misconception: answers that must be named so}}; None: wrong in a way that has no name.
WRONG = {
    "extract_parameters": {
        "output layer taken for a block": [last_six, lambda weights: last_six(weights)[0]],
        "output layer forgotten": [lambda weights: with_pop(weights)[0]],
        "trained and moving vectors confused": [lambda weights: picked(weights, (0, 1, 4, 5, 2, 3))],
        "gamma and beta exchanged": [lambda weights: picked(weights, (0, 1, 3, 2, 4, 5))],
        "moving mean and moving variance exchanged": [lambda weights: picked(weights, (0, 1, 2, 3, 5, 4))],
        None: [
            two_blocks_only,
            lambda weights: comprehension(weights)[::-1],
            lambda weights: (comprehension(weights)[0][::-1], tuple(weights[-2:])),
            lambda weights: (comprehension(weights)[0], (weights[-1], weights[-2])),
            lambda weights: picked(weights, (1, 0, 2, 3, 4, 5)),
        ],
    },
    "predict": {
        "softmax on one unit": [slipped(last=softmax), slipped(last=softmax, relu=lambda k, z: z, norm=False)],
        "ReLU on the output layer": [slipped(last=lambda y: y * (y > 0))],
        "divided by variance": [slipped(std=lambda v, e: v + e), slipped(std=lambda v, e: v)],
        "epsilon forgotten": [slipped(std=lambda v, e: v**0.5)],
        "epsilon outside the root": [slipped(std=lambda v, e: v**0.5 + e)],
        "epsilon is not the one given": [lambda x, b, o, e: scale_and_shift(x, b, o)],
        "training statistics at inference": [slipped(statistics=lambda x: (x.mean(0), x.var(0)))],
        "batch norm left out": [slipped(norm=False)],
        "a ReLU is skipped": [
            slipped(relu=lambda k, z: z),
            slipped(relu=lambda k, z: z.clip(0) if k else z),
            slipped(relu=lambda k, z: z if k else z.clip(0)),
        ],
        "ReLU behind batch norm": [late_relu],
        "gamma and beta exchanged": [slipped(swap=True)],
        None: [
            lambda x, b, o, e: scale_and_shift(x, b, o, e)[:, 0],
            lambda x, b, o, e: 0.7 * scale_and_shift(x, b, o, e),
            lambda x, b, o, e: scale_and_shift(x, b[:1], o, e),
            slipped(last=lambda y: 1 / (1 + np.exp(-y))),
            slipped(last=np.abs),
        ],
    },
    "agrees": {
        "tolerance too large": [
            tested(same=lambda y, right: np.abs(y - right).mean() < 0.05),
            tested(same=lambda y, right: np.allclose(y, right, rtol=0.05)),
            tested(same=lambda y, right: np.allclose(y, right, atol=0.3), shapes=False),
        ],
        "compared in training mode": [tested(training=True), tested(training=True, shapes=False)],
        "(N,) minus (N, 1)": [
            tested(same=lambda y, right: np.abs(y - right.squeeze()).max() < 1e-3, shapes=False),
            tested(same=lambda y, right: np.allclose(right.flatten(), y, atol=1e-5), shapes=False),
        ],
        "equality to the last digit": [
            tested(same=lambda y, right: (y == right).all()),
            tested(same=lambda y, right: np.abs(y - right).sum() == 0),
        ],
        "only means compared": [
            tested(same=lambda y, right: abs(np.mean(y) - np.mean(right)) < 1e-3),
            tested(same=lambda y, right: np.isclose(y.mean(), right.mean()), shapes=False),
            tested(same=lambda y, right: abs((y - right).mean()) < 1e-3),
        ],
        "rows without differences": [
            tested(rows=lambda features: np.zeros((3, features))),
            tested(rows=lambda features: np.ones((10, features)), shapes=False),
            tested(rows=lambda features: np.full((4, features), 0.5)),
        ],
        "one row only": [
            tested(rows=lambda features: grid(features)[:1]),
            tested(rows=lambda features: np.arange(features)[None] / 2, shapes=False),
            one_at_a_time,
        ],
        "shape not compared": [
            tested(same=lambda y, right: np.allclose(np.squeeze(y), np.squeeze(right), atol=1e-3), shapes=False),
        ],
        None: [lambda predictor, model: True, lambda predictor, model: predictor(grid(3), model.get_weights(), 0.001)],
    },
    "mended_snippet": {
        "softmax on one unit": [*SOFTMAX_LEFT, flat(slipped(last=softmax))],
        "a ReLU is still skipped": [
            *(snippet("softmax", *roots) for roots in [*SOME_ROOTS, ROOTS]),
            flat(slipped(relu=lambda k, z: z if k else z.clip(0))),
        ],
        "divided by variance": [
            *(snippet("softmax", "relu", *roots) for roots in SOME_ROOTS),
            flat(slipped(std=lambda v, e: v + e)),
        ],
        "epsilon outside the root": [snippet("softmax", "relu", **ROOT_OUTSIDE)],
        "epsilon forgotten": [snippet("softmax", "relu", **NO_EPSILON)],
        "ReLU on the output layer": [flat(slipped(last=lambda y: y * (y > 0)))],
        None: [
            snippet("relu", *ROOTS, last=(BUGS["softmax"][0], "return 1 / (1 + np.exp(-z))")),
            snippet("softmax", "relu", *ROOTS, last=("return z", "return z[:, 0]")),
            flat(slipped(swap=True)),
        ],
    },
    "fold_batch_norm": {
        "divided by variance": [behind(std=lambda v, e: v + e), behind(std=lambda v, e: v)],
        "epsilon forgotten": [behind(std=lambda v, e: v**0.5)],
        "epsilon outside the root": [behind(std=lambda v, e: v**0.5 + e)],
        "kernel scaled along the wrong axis": [behind(rows=False), behind(rows=False, twice=True)],
        "bias not shifted": [behind(shift=lambda s, b, m: 0 * s)],
        "shift scaled twice": [behind(twice=True)],
        "moving mean not scaled": [behind(shift=lambda s, b, m: b - m)],
        "only beta in the bias": [behind(shift=lambda s, b, m: b)],
        "only the moving mean in the bias": [behind(shift=lambda s, b, m: -m * s)],
        None: [
            behind(shift=lambda s, b, m: b + m * s),
            lambda *a: behind()(*a)[::-1],
            lambda *a: behind()(*a)[0],
            lambda gamma, beta, mean, var, kernel, bias, epsilon: (kernel, bias),
        ],
    },
    "fold_into_previous": {
        "divided by variance": [before(std=lambda v, e: v + e), before(std=lambda v, e: v)],
        "epsilon forgotten": [before(std=lambda v, e: v**0.5)],
        "epsilon outside the root": [before(std=lambda v, e: v**0.5 + e)],
        "kernel scaled along the wrong axis": [before(columns=False)],
        "bias not scaled": [before(new_bias=lambda s, b, beta, m: b - m * s + beta)],
        "moving mean not scaled": [before(new_bias=lambda s, b, beta, m: b * s - m + beta)],
        "bias left as it was": [before(new_bias=lambda s, b, beta, m: 1 * b)],
        None: [
            before(new_bias=lambda s, b, beta, m: s * (b - m)),
            before(new_bias=lambda s, b, beta, m: s * (b - m + beta)),
            lambda *a: before()(*a)[1],
        ],
    },
    "folded_model": {
        "folded into the layer before although a ReLU stands between": [into_previous],
        "batch norm left out": [lambda model: plain(model, lambda a, one, two: a)],
        "only the last batch norm folded": [only_the_last],
        None: [
            only_the_first,
            lambda model: model,
            keras.models.clone_model,
            overwritten,
            lambda model: by_layers(model).get_weights(),
            lambda model: keras.Sequential([keras.layers.Dense(1)]),
        ],
    },
}

# What the measured quantities of a prediction must be for the choice that is called right.
MEASURED = {}
