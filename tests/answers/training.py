"""Unit 02: right answers in many styles, and wrong ones written independently of the questions."""

import functools
import math

import keras
import numpy as np

from helpers import scratch
from helpers.data import load_dataset

# --- mae_gradient ---


def value_by_value(y_true, y_pred):
    targets = y_true.ravel()
    g = np.zeros(y_pred.shape)
    for position, index in enumerate(np.ndindex(*y_pred.shape)):
        if y_pred[index] > targets[position]:
            g[index] = 1
        elif y_pred[index] < targets[position]:
            g[index] = -1
    return g / g.size


def with_a_new_axis(y_true, y_pred):
    if y_true.ndim == 1:
        y_true = y_true[:, None]
    rows, outputs = y_pred.shape
    return np.sign(y_pred - y_true) / (rows * outputs)


def with_where(t, p, dtype=np.float32):
    e = (p - t.reshape(p.shape)).astype(dtype)
    return np.where(e == 0, 0, np.where(e > 0, 1, -1)) / dtype(e.size)


def with_masks(y_true, y_pred):
    y_true = y_true.reshape(y_pred.shape)
    return ((y_pred > y_true).astype(float) - (y_pred < y_true)) / y_true.size


def nested_lists(y_true, y_pred):
    n, k = y_pred.shape
    y_true = y_true.reshape(n, k)
    return [[float(np.sign(y_pred[i, j] - y_true[i, j])) / n / k for j in range(k)] for i in range(n)]


def broadcast_then_summed(y_true, y_pred):
    d = y_pred - y_true
    return np.sum(np.sign(d), axis=1, keepdims=True) / d.shape[0] / d.shape[1]


def no_alignment(y_true, y_pred):
    n, k = y_pred.shape
    return ((y_pred > y_true) * 1.0 - (y_pred < y_true) * 1.0) / (n * k)


# --- dense_backward ---


def by_einsum(dy, x, W):
    return np.einsum("nk,dk->nd", dy, W), np.einsum("nd,nk->dk", x, dy), np.einsum("nk->k", dy)


def row_by_row(dy, x, weights):
    dx, dw, db = [], 0, 0
    for one_dy, one_x in zip(dy, x, strict=True):
        dx.append(weights @ one_dy)
        dw = dw + np.outer(one_x, one_dy)
        db = db + one_dy
    return np.array(dx), dw, db


def in_a_list(dy, x, weights, bias=None):
    return [np.dot(dy, weights.T), np.dot(dy.T, x).T, np.ones(len(dy)) @ dy]


def in_float32(dy, x, weights):
    dy, x, weights = (a.astype(np.float32) for a in (dy, x, weights))
    return (weights @ dy.T).T, x.T @ dy, np.sum(dy, 0)


def three_loops(dy, x, weights):
    dx, dweights, dbias = np.zeros(x.shape), np.zeros(weights.shape), np.zeros(dy.shape[1])
    for n in range(len(x)):
        for k in range(dy.shape[1]):
            dbias[k] += dy[n, k]
            for d in range(x.shape[1]):
                dx[n, d] += dy[n, k] * weights[d, k]
                dweights[d, k] += dy[n, k] * x[n, d]
    return dx, dweights, dbias


def mean_instead_of_sum(dy, x, weights):
    n = dy.shape[0]
    dx, dweights, dbias = row_by_row(dy, x, weights)
    return dx, (1 / n) * dweights, (1 / n) * dbias


def only_the_weights_averaged(dy, x, weights):
    return by_einsum(dy, x, weights)[0], np.einsum("nd,nk->dk", x, dy) / dy.shape[0], dy.sum(0)


def turned_weight_gradient(dy, x, weights):
    return dy @ weights.T, np.einsum("nk,nd->kd", dy, x), np.sum(dy, axis=0)


def bias_for_every_row(dy, x, weights):
    dx, dweights, _ = three_loops(dy, x, weights)
    return dx, dweights, np.ones_like(dy) * dy


# --- sgd_step ---


def sgd_on_a_copy(w, gradient, learning_rate):
    new = w.copy()
    new -= learning_rate * gradient
    return new


def sgd_by_the_course(w, gradient, learning_rate):
    w = np.array(w)
    scratch.SGD(learning_rate).apply([gradient], [w])
    return w


def sgd_in_place(w, gradient, learning_rate):
    w -= learning_rate * gradient
    return w


# --- adam_step ---


def epsilon_hat_in_the_papers_form(w, g, m, v, t, lr=0.001, b1=0.9, b2=0.999, eps=1e-7):
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g * g
    m_hat = m / (1 - b1**t)
    v_hat = v / (1 - b2**t)
    return w - lr * m_hat / (np.sqrt(v_hat) + eps / np.sqrt(1 - b2**t)), m, v


def as_keras_writes_it(w, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    alpha = learning_rate * math.sqrt(1 - math.pow(beta_2, t)) / (1 - math.pow(beta_1, t))
    new_m = m + (gradient - m) * (1 - beta_1)
    new_v = v + (np.square(gradient) - v) * (1 - beta_2)
    return [w - new_m * alpha / (np.sqrt(new_v) + epsilon), new_m, new_v]


def number_by_number(w, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    new_w, new_m, new_v = np.empty(w.shape), np.empty(w.shape), np.empty(w.shape)
    for i in np.ndindex(*w.shape):
        new_m[i] = beta_1 * m[i] + (1 - beta_1) * gradient[i]
        new_v[i] = beta_2 * v[i] + (1 - beta_2) * gradient[i] ** 2
        scale = (1 - beta_2**t) ** 0.5 / (1 - beta_1**t)
        new_w[i] = w[i] - learning_rate * scale * new_m[i] / (new_v[i] ** 0.5 + epsilon)
    return new_w, new_m, new_v


def adam_in_float32(w, gradient, m, v, *settings):
    return epsilon_hat_in_the_papers_form(*(a.astype(np.float32) for a in (w, gradient, m, v)), *settings)


def in_place_on_copies(w, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon, **unused):
    w, m, v = w.copy(), m.copy(), v.copy()
    m *= beta_1
    m += gradient * (1 - beta_1)
    v *= beta_2
    v += gradient**2 * (1 - beta_2)
    w -= learning_rate / (1 - beta_1**t) * m * (1 - beta_2**t) ** 0.5 / (v**0.5 + epsilon)
    return w, m, v


def textbook(
    w, g, m, v, t, lr, b1, b2, eps, *, power=True, inside=False, correct=(True, True), square=True, root=True,
    keep=False, uphill=False, direction=None,
):  # fmt: skip
    """Algorithm 1 as most people type it, with slips to switch on."""
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * (g * g if square else g)
    n = t if power else 1
    m_hat = m / (1 - b1**n) if correct[0] else m
    v_hat = v / (1 - b2**n) if correct[1] else v
    size = np.sqrt(v_hat + eps) if inside else np.sqrt(v_hat) + eps if root else v_hat + eps
    step = lr * (m_hat if direction is None else g) / size
    w = w + step if uphill else w - step
    return (w, m_hat, v_hat) if keep else (w, m, v)


def slip(**switched):
    return functools.partial(textbook, **switched)


def hat_but_root_of_the_sum(w, g, m, v, t, lr, b1, b2, eps):
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
    return w - lr * np.sqrt(1 - b2**t) / (1 - b1**t) * m / np.sqrt(v + eps), m, v


def no_correction(w, g, m, v, t, lr, b1, b2, eps):
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
    return w - lr * m / (np.sqrt(v) + eps), m, v


def one_more(w, g, m, v, t, *settings):
    return as_keras_writes_it(w, g, m, v, t + 1, *settings)


def v_before_m(*arguments):
    w, m, v = as_keras_writes_it(*arguments)
    return w, v, m


def betas_exchanged(w, g, m, v, t, lr, b1, b2, eps):
    return as_keras_writes_it(w, g, m, v, t, lr, b2, b1, eps)


def weighs_the_new(w, g, m, v, t, lr, b1, b2, eps):
    m, v = (1 - b1) * m + b1 * g, (1 - b2) * v + b2 * g**2
    return w - lr * (1 - b2**t) ** 0.5 / (1 - b1**t) * m / (v**0.5 + eps), m, v


# --- minibatches ---


def in_a_list_of_lists(x, y, batch_size, rng):
    order = rng.permutation(len(x))
    x, y = x[order], y[order]
    return [[x[i : i + batch_size], y[i : i + batch_size]] for i in range(0, len(x), batch_size)]


def shuffled_numbers(X, Y, size, generator, shuffle=True):
    rows = list(range(len(X)))
    generator.shuffle(rows)
    while rows:
        now, rows = rows[:size], rows[size:]
        yield np.array([X[row] for row in now], dtype=np.float32), np.array([Y[row] for row in now])


def sorted_by_chance(x, y, batch_size, rng):
    order = np.argsort(rng.random(len(x)))
    batches = []
    for k in range(math.ceil(len(x) / batch_size)):
        rows = order[k * batch_size : (k + 1) * batch_size]
        batches.append((x[rows], y[rows]))
    return tuple(batches)


def zipped(x, y, batch_size, rng):
    cuts = np.arange(batch_size, len(x), batch_size)
    order = np.random.permutation(len(x))
    return zip(np.split(x[order], cuts), np.split(y[order], cuts), strict=True)


def columns_together(x, y, batch_size, rng):
    table = rng.permutation(np.column_stack([x, y]))
    for start in range(0, len(table), batch_size):
        part = table[start : start + batch_size]
        yield part[:, :-1], part[:, -1]


class Batches:
    """An object that can be iterated over."""

    def __init__(self, x, y, batch_size, rng):
        self.batches = in_a_list_of_lists(x, y, batch_size, rng)

    def __iter__(self):
        return iter(self.batches)


def in_an_object(x, y, batch_size, rng):
    return Batches(x, y, batch_size, rng)


def whole_batches_only(x, y, batch_size, rng):
    order = rng.permutation(len(x))
    for k in range(len(x) // batch_size):
        rows = order[k * batch_size : (k + 1) * batch_size]
        yield x[rows], y[rows]


def topped_up(x, y, batch_size, rng):
    order = rng.permutation(len(x))
    missing = -len(x) % batch_size
    order = np.concatenate([order, np.tile(order, 2)[:missing]])
    for rows in order.reshape(-1, batch_size):
        yield x[rows], y[rows]


def one_batch_more(x, y, batch_size, rng):
    order = rng.permutation(len(x))
    for k in range(len(x) // batch_size + 1):
        rows = order[k * batch_size :][:batch_size]
        yield x[rows], y[rows]


def equal_shares(x, y, batch_size, rng):
    order = rng.permutation(len(x))
    parts = int(np.ceil(len(x) / batch_size))
    yield from zip(np.array_split(x[order], parts), np.array_split(y[order], parts), strict=True)


def with_replacement(x, y, batch_size, rng):
    for _ in range(0, len(x), batch_size):
        rows = rng.integers(0, len(x), batch_size)
        yield x[rows], y[rows]


def without_end(x, y, batch_size, rng):
    while True:
        rows = rng.choice(len(x), batch_size)
        yield x[rows], y[rows]


def each_on_its_own(x, y, batch_size, rng):
    x, y = rng.permutation(x), rng.permutation(y)
    for start in range(0, len(x), batch_size):
        yield x[start : start + batch_size], y[start : start + batch_size]


def only_x_shuffled(x, y, batch_size, rng):
    x = rng.permutation(x)
    return [(x[start : start + batch_size], y[start : start + batch_size]) for start in range(0, len(x), batch_size)]


def as_it_stands(x, y, batch_size, rng):
    for start in range(0, len(x), batch_size):
        yield x[start : start + batch_size], y[start : start + batch_size]


def starts_shuffled(x, y, batch_size, rng):
    for start in rng.permutation(np.arange(0, len(x), batch_size)):
        yield x[start : start + batch_size], y[start : start + batch_size]


def shuffled_late(x, y, batch_size, rng):
    for x_batch, y_batch in as_it_stands(x, y, batch_size, rng):
        order = rng.permutation(len(x_batch))
        yield x_batch[order], y_batch[order]


def own_seed(x, y, batch_size, rng):
    return in_a_list_of_lists(x, y, batch_size, np.random.default_rng(42))


def whole_table(x, y, batch_size, rng):
    order = rng.permutation(len(x))
    return [(x[order], y[order])]


def targets_first(x, y, batch_size, rng):
    return [(y_batch, x_batch) for x_batch, y_batch in in_a_list_of_lists(x, y, batch_size, rng)]


def not_in_pairs(x, y, batch_size, rng):
    return x, y


# --- compiled_model ---


def net(optimizer, loss, hidden="relu", output=None, **settings):
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(16, activation=hidden), keras.layers.Dense(1, activation=output)]
    )
    model.compile(optimizer=optimizer, loss=loss, **settings)
    return model


def functional():
    inputs = keras.Input(shape=(8,))
    hidden = keras.layers.ReLU()(keras.layers.Dense(16)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="linear")(hidden))
    model.compile(keras.optimizers.Adam(learning_rate=1e-2), keras.losses.MeanAbsoluteError(), metrics=["mse"])
    return model


def rate_set_afterwards():
    model = net("adam", "mae")
    model.optimizer.learning_rate = 0.01
    return model


def own_loss():
    return net(keras.optimizers.Adam(0.01), lambda y, p: keras.ops.mean(keras.ops.abs(y - p), axis=-1))


def from_a_configuration():
    return net(keras.optimizers.get({"class_name": "Adam", "config": {"learning_rate": 0.01}}), "MAE", run_eagerly=True)


def never_compiled():
    model = keras.Sequential([keras.Input((8,))])
    model.add(keras.layers.Dense(16, activation="relu"))
    model.add(keras.layers.Dense(1))
    return model


# --- train_quietly ---


def history_of_the_model(model, x, y):
    model.fit(x=x, y=y, batch_size=64, epochs=5, verbose=0, validation_split=1 / 5)
    return model.history


def always_backwards(x, y, batch_size, rng):
    return in_batches(x[::-1], y[::-1], batch_size)


def begun_anywhere(x, y, batch_size, rng):
    shift = int(rng.integers(1, len(x)))
    return in_batches(np.roll(x, shift, axis=0), np.roll(y, shift), batch_size)


def columns_torn_apart(x, y, batch_size, rng):
    return in_batches(rng.permuted(x, axis=1), y, batch_size)


def in_batches(x, y, batch_size):
    return [(x[k : k + batch_size], y[k : k + batch_size]) for k in range(0, len(x), batch_size)]


def split_by_hand(model, x, y):
    n = int(0.8 * len(x))
    return model.fit(x[:n], y[:n], batch_size=64, epochs=5, validation_data=(x[n:], y[n:]), verbose=0, shuffle=True)


def by_position(model, features, targets, verbose=0):
    return model.fit(features, targets, 64, 5, verbose, None, 0.2)


def own_history(net, x, y):
    history = keras.callbacks.History()
    net.fit(x, y, epochs=5, batch_size=64, validation_split=0.2, verbose=0, callbacks=[history])
    return history


def unshuffled(model, x, y):
    settings = {"epochs": 5, "batch_size": 64, "validation_split": 0.2, "verbose": 0, "shuffle": False}
    return model.fit(x, y, **settings)


def fitted(model, x, y, **settings):
    return model.fit(x, y, **({"epochs": 5, "batch_size": 64, "validation_split": 0.2, "verbose": 0} | settings))


def trained_and_handed_back(model, x, y):
    fitted(model, x, y)
    return model


def validated_on_the_training_rows(model, x, y):
    n = len(x) * 4 // 5
    return model.fit(x, y, epochs=5, batch_size=64, validation_data=(x[n:], y[n:]), verbose=0)


def split_at_random(model, x, y):
    order = np.random.default_rng(1).permutation(len(x))
    train, kept = order[32:], order[:32]
    return model.fit(x[train], y[train], epochs=5, batch_size=64, validation_data=(x[kept], y[kept]), verbose=0)


def compiled_again(model, x, y):
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mae")
    return fitted(model, x, y)


# --- broken_run ---


@functools.cache
def concrete_run(optimizer="sgd", loss="mae", standardised=False, epochs=2, units=(64, 64)):
    table = load_dataset("concrete", source="simulated", show=False).to_numpy(np.float32)
    x, y = table[:, :-1], table[:, -1]
    if standardised:
        x = (x - x.mean(axis=0)) / x.std(axis=0)
    hidden = [keras.layers.Dense(n, activation="relu") for n in units]
    model = keras.Sequential([keras.Input((8,)), *hidden, keras.layers.Dense(1)])
    model.compile(optimizer=optimizer, loss=loss)
    return model.fit(x, y, epochs=epochs, batch_size=64, validation_split=0.2, verbose=0)


def diverged():
    return concrete_run(keras.optimizers.SGD(learning_rate=1.0), "mean_absolute_error", units=(512, 512, 512))


def with_momentum():
    return concrete_run(keras.optimizers.SGD(0.01, momentum=0.9), epochs=1)


RIGHT = {
    "mae_gradient": [value_by_value, with_a_new_axis, with_where, with_masks, nested_lists,
                     lambda t, p: np.sign(p - t.reshape(p.shape)).astype(np.float32) / np.prod(p.shape)],
    "dense_backward": [by_einsum, row_by_row, in_a_list, in_float32, three_loops, scratch.dense_backward],
    "sgd_step": [
        sgd_on_a_copy,
        sgd_by_the_course,
        lambda weights, grad, lr=0.01: weights + (-lr) * grad,
        lambda w, g, lr: np.subtract(w, np.multiply(lr, g)).astype(np.float32),
        lambda w, g, lr: (w - lr * g).tolist(),
    ],
    "adam_step": [epsilon_hat_in_the_papers_form, as_keras_writes_it, number_by_number, adam_in_float32,
                  in_place_on_copies],
    "minibatches": [in_a_list_of_lists, shuffled_numbers, sorted_by_chance, zipped, columns_together, in_an_object,
                    scratch.minibatches],
    "compiled_model": [functional, rate_set_afterwards, own_loss, from_a_configuration,
                       lambda: net(keras.optimizers.Adam(0.01, beta_1=0.9), "mean_absolute_error")],
    "train_quietly": [history_of_the_model, split_by_hand, by_position, own_history, unshuffled],
    "broken_run": [
        lambda: concrete_run(),
        diverged,
        with_momentum,
        lambda: concrete_run().history,
        lambda: {"loss": [35.0, float("nan")]},
        lambda: {"loss": [35.0, np.float32(np.inf)], "val_loss": [3.0, 3.0]},
        lambda: {"loss": [22.0, 13.5]},
    ],
}  # fmt: skip

# {question: {misconception: answers that must be named so}}; None: wrong in a way that has no name.
WRONG = {
    "mae_gradient": {
        "(N,) minus (N, 1)": [broadcast_then_summed, no_alignment, lambda t, p: np.sign(p - t) / len(p)],
        "sign of the gradient": [lambda t, p: -value_by_value(t, p), lambda t, p: np.sign(t - p) / p.size],
        "gradient not averaged over the batch": [
            lambda t, p: value_by_value(t, p) * p.size,
            lambda t, p: np.sign(p - t),
        ],
        "averaged over the rows alone": [lambda t, p: np.sign(p - t.reshape(p.shape)) / p.shape[0]],
        "gradient of the squared error": [
            lambda t, p: 2 / p.size * (p - t.reshape(p.shape)),
            lambda t, p: (p - t.reshape(len(p), -1)) / p.size,
        ],
        "a tie gets a gradient": [lambda t, p: ((p > t.reshape(p.shape)) * 2 - 1) / p.size],
        None: [
            lambda t, p: np.abs(p - t.reshape(p.shape)).mean(),
            lambda t, p: value_by_value(t, p) / 2,
            lambda t, p: value_by_value(t, p).ravel(),
        ],
    },
    "dense_backward": {
        "averaged once more over the batch": [mean_instead_of_sum, only_the_weights_averaged],
        "gradients in another order": [lambda dy, x, W: row_by_row(dy, x, W)[1:] + row_by_row(dy, x, W)[:1]],
        "weight gradient transposed": [turned_weight_gradient],
        "dbias not summed": [bias_for_every_row],
        "dbias summed over the wrong axis": [lambda dy, x, W: (*by_einsum(dy, x, W)[:2], np.einsum("nk->n", dy))],
        "weights not transposed in dx": [lambda dy, x, W: (np.dot(dy, W), *by_einsum(dy, x, W)[1:])],
        "x not transposed in dweights": [lambda dy, x, W: (np.dot(dy, W.T), np.dot(x, dy), np.sum(dy, axis=0))],
        None: [
            lambda dy, x, W: (dy @ W.T, x.T @ dy, np.ones(dy.shape[1])),
            lambda dy, x, W: (dy @ W.T, x.T @ dy, dy.sum(axis=0, keepdims=True)),
            lambda dy, x, W: (dy @ W.T, x.T @ dy),
        ],
    },
    "sgd_step": {
        "step uphill": [lambda w, g, rate: np.add(w, rate * g)],
        "learning rate forgotten": [lambda w, g, rate: np.subtract(w, g)],
        "the step alone": [lambda w, g, rate: 0 - rate * g],
        "divided by the learning rate": [lambda w, g, rate: w - g * (1 / rate)],
        "changed its input in place": [sgd_in_place],
        None: [lambda w, g, rate: w * (1 - rate), lambda w, g, rate: w - rate * np.sign(g)],
    },
    "adam_step": {
        "epsilon as in Algorithm 1 of the paper": [textbook],
        "Adam epsilon inside the root": [slip(inside=True), hat_but_root_of_the_sum],
        "bias correction without the power t": [slip(power=False)],
        "Adam without bias correction": [no_correction, slip(correct=(False, False))],
        "only one of the two corrected": [slip(correct=(True, False)), slip(correct=(False, True))],
        "t counted from 0": [one_more],
        "returned the corrected m and v": [slip(keep=True)],
        "m and v swapped": [v_before_m],
        "beta_1 and beta_2 swapped": [betas_exchanged],
        "old and new value weighed the wrong way round": [weighs_the_new],
        "gradient not squared in v": [slip(square=False)],
        "Adam without the root": [slip(root=False)],
        "the gradient instead of its average": [slip(direction="gradient")],
        "step uphill": [slip(uphill=True)],
        None: [
            lambda w, g, m, v, t, lr, *more: (w - lr * g, m, v),
            lambda w, g, m, v, t, lr, *more: (w - lr * np.sign(g), *textbook(w, g, m, v, t, lr, *more)[1:]),
        ],
    },
    "minibatches": {
        "drawn with replacement": [with_replacement, without_end],
        "x and y shuffled separately": [each_on_its_own, only_x_shuffled],
        "last partial batch dropped": [whole_batches_only],
        "last partial batch filled up": [topped_up],
        "an empty batch at the end": [one_batch_more],
        "split into equal parts": [equal_shares],
        "not shuffled": [as_it_stands],
        "only the order of the batches shuffled": [starts_shuffled],
        "shuffled only inside the batches": [shuffled_late],
        "the same order in every epoch": [own_seed, always_backwards],
        None: [whole_table, not_in_pairs, targets_first, begun_anywhere, columns_torn_apart],
    },
    "compiled_model": {
        "not compiled": [never_compiled],
        "SGD instead of Adam": [lambda: net(keras.optimizers.SGD(0.01), "mae"), lambda: net("sgd", "mse")],
        "default learning rate": [lambda: net(keras.optimizers.Adam(), keras.losses.MeanAbsoluteError())],
        "mean squared error": [lambda: net(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError())],
        "ReLU on the output layer": [lambda: net(keras.optimizers.Adam(0.01), "mae", output="relu")],
        "no activation in the hidden layer": [lambda: net(keras.optimizers.Adam(0.01), "mae", hidden=None)],
        None: [
            lambda: net(keras.optimizers.Adam(0.1), "mae"),
            lambda: net(keras.optimizers.Adam(0.01), "huber"),
            lambda: net("rmsprop", "mae"),
            lambda: net(keras.optimizers.Adam(0.01), None),
            lambda: net(keras.optimizers.Adam(0.01), "mae", hidden="sigmoid"),
        ],
    },
    "train_quietly": {
        "returns the model instead of the history": [trained_and_handed_back],
        "returns the dictionary instead of the history": [lambda model, x, y: fitted(model, x, y).history],
        "no validation data": [lambda model, x, y: fitted(model, x, y, validation_split=0.0)],
        "compiled anew": [compiled_again],
        "number of epochs left at its default": [lambda model, x, y: fitted(model, x, y, epochs=1)],
        "trained on the validation rows too": [validated_on_the_training_rows],
        "batch size left at its default": [lambda model, x, y: fitted(model, x, y, batch_size=None)],
        "other rows kept for validation": [split_at_random],
        None: [
            lambda model, x, y: fitted(model, x, y, verbose=2),
            lambda model, x, y: fitted(model, x, y, epochs=6),
            lambda model, x, y: fitted(model, x, y, batch_size=16),
            lambda model, x, y: fitted(keras.models.clone_model(model), x, y),
        ],
    },
    "broken_run": {
        "another optimizer": [lambda: concrete_run("adam"), lambda: concrete_run("adam", epochs=1, units=(4,))],
        "another loss": [lambda: concrete_run("sgd", "mse")],
        "a run that did not break": [
            {"loss": [30.0, 12.0, 7.5]},
            lambda: concrete_run(keras.optimizers.SGD(0.1), standardised=True, epochs=5),
        ],
        None: [{"val_loss": [99.0]}, "broken", lambda: {"loss": []}],
    },
}

# What the measured quantities of a prediction must be for the choice that is called right.
MEASURED = {
    "curve_of_the_small_batch": lambda loss_8, loss_64, loss_512, rises_8, rises_64, rises_512: (
        loss_8 < loss_64 < loss_512 and rises_8 > 5 * max(rises_64, rises_512)
    )
}
