"""Unit 06: right answers in many styles, and wrong ones written independently of the questions."""

import keras
import numpy as np
import pandas as pd

from helpers import scratch

EPSILON = 1e-3


def split(weights):
    """Blocks as lists of six arrays, and the last two."""
    count = (len(weights) - 2) // 6
    return [weights[6 * k : 6 * k + 6] for k in range(count)], weights[-2:]


# --- network_forward ---


def with_scratch_layers(x, weights, rate, rng, training):
    blocks, _ = split(weights)
    layers = [scratch.Input((x.shape[1],))]
    for block in blocks:
        layers += [scratch.Dense(len(block[1]), activation="relu"), scratch.Dropout(rate), scratch.BatchNormalization()]
    net = scratch.Sequential([*layers, scratch.Dense(1)], rng=rng)
    net.set_weights(weights)
    return net.forward(np.asarray(x, np.float32), training=training)


def plain_numpy(x, weights, rate, rng, training):
    h = x
    w = list(weights)
    while len(w) > 2:
        kernel, bias, gamma, beta, mean, var = w[:6]
        w = w[6:]
        h = np.maximum(0, np.dot(h, kernel) + bias)
        if training:
            h = h * (rng.uniform(size=h.shape) >= rate) / (1 - rate)
            mean, var = np.mean(h, axis=0), np.var(h, axis=0)
        h = (h - mean) / np.sqrt(var + EPSILON) * gamma + beta
    return np.dot(h, w[0]) + w[1]


def recursive(x, weights, p, generator, train=True, eps=0.001):
    if len(weights) == 2:
        return x @ weights[0] + weights[1]
    z = x @ weights[0] + weights[1]
    a = np.where(z > 0, z, 0)
    if train:
        a = np.where(generator.random(a.shape) < p, 0, a / (1 - p))
    mu, s2 = (a.mean(0), a.var(0)) if train else (weights[4], weights[5])
    return recursive(weights[2] * (a - mu) * (s2 + eps) ** -0.5 + weights[3], weights[6:], p, generator, train, eps)


def in_float32(x, weights, rate, rng, training):
    weights = [np.asarray(w, np.float32) for w in weights]
    return plain_numpy(np.asarray(x, np.float32), weights, rate, rng, training).astype(np.float32)


def with_iterator(x, weights, rate, rng, training):
    arrays = iter(weights)
    y = x
    for _ in range(len(weights) // 6):
        y = scratch.relu(y @ next(arrays) + next(arrays))
        if training and rate > 0:
            y = y * rng.binomial(1, 1 - rate, y.shape) / (1 - rate)
        gamma, beta, mean, variance = (next(arrays) for _ in range(4))
        if training:
            mean = y.sum(axis=0) / len(y)
            variance = ((y - mean) ** 2).sum(axis=0) / len(y)
        scale = gamma / np.sqrt(variance + 0.001)
        y = y * scale + (beta - mean * scale)
    return y @ next(arrays) + next(arrays)


class Network:
    """An object that can be called is a function too."""

    def __call__(self, x, weights, rate, rng, training, **unused):
        return plain_numpy(x, weights, rate, rng, training)


def slipped(drop=None, batch=None, relu=lambda k, z: np.maximum(z, 0), order="dn", norm=True, last=lambda y: y):
    """drop, batch : functions of training. order : d for dropout, n for norm, r for an activation of its own."""

    def network(x, weights, rate, rng, training):
        blocks, (kernel, bias) = split(weights)
        for k, (w, b, gamma, beta, mean, var) in enumerate(blocks):
            x = x @ w + b
            x = relu(k, x) if "r" not in order else x
            for step in order:
                if step == "r":
                    x = relu(k, x)
                if step == "d" and (drop(training) if drop else training):
                    x = np.where(rng.random(x.shape) < rate, 0.0, x) / (1 - rate)
                if step == "n" and (norm or training):
                    if batch(training) if batch else training:
                        mean, var = x.mean(axis=0), x.var(axis=0)
                    x = gamma * (x - mean) / np.sqrt(var + EPSILON) + beta
        return last(x @ kernel + bias)

    return network


def drops_the_output(x, weights, rate, rng, training):
    y = plain_numpy(x, weights, rate, rng, training)
    return y * (rng.random(y.shape) >= rate) / (1 - rate) if training else y


def other_epsilon(x, weights, rate, rng, training):
    return recursive(x, weights, rate, rng, training, eps=1e-5)


def not_scaled(x, weights, rate, rng, training):
    """Batch norm hides the missing scale, but for epsilon."""
    blocks, (kernel, bias) = split(weights)
    for w, b, gamma, beta, mean, var in blocks:
        x = np.maximum(x @ w + b, 0)
        if training:
            x = x * (rng.random(x.shape) >= rate)
            mean, var = x.mean(axis=0), x.var(axis=0)
        x = gamma * (x - mean) / np.sqrt(var + EPSILON) + beta
    return x @ kernel + bias


def only_the_first_block(x, weights, rate, rng, training):
    return plain_numpy(x, [*weights[:6], np.ones((len(weights[0][0]), 1)), weights[-1]], rate, rng, training)


# --- training_step ---


def net_of_scratch(x, y, weights, learning_rate, dtype="float64"):
    layers = [scratch.Input((x.shape[1],))]
    for k in range(0, len(weights) - 2, 6):
        layers += [scratch.Dense(weights[k].shape[1], activation="relu"), scratch.BatchNormalization()]
    net = scratch.Sequential([*layers, scratch.Dense(1)], dtype=dtype)
    net.set_weights(weights)
    net.compile(scratch.SGD(learning_rate), "mae").fit(x, y, batch_size=len(x), epochs=1, shuffle=False, verbose=0)
    return net.get_weights()


def own_step(
    x,
    y,
    weights,
    learning_rate,
    error=lambda e: np.sign(e) / len(e),
    direction=-1.0,
    through_statistics=True,
    through_relu=True,
    stale=True,
    keep=0.99,
    take=0.01,
    correction=lambda n: 1.0,
    learn_moving=0.0,
):
    """Everything by hand with lists of caches, each slip an argument."""
    blocks, (kernel, bias) = split(weights)
    h, caches = x, []
    for w, b, gamma, beta, mm, mv in blocks:
        z = h @ w + b
        a = np.maximum(z, 0)
        mean, var = a.mean(0), a.var(0)
        inv = 1 / np.sqrt(var + EPSILON)
        hat = (a - mean) * inv
        moved = [
            keep * mm + take * mean - learn_moving * mean,
            keep * mv + take * var * correction(len(x)) - learn_moving * var,
        ]
        caches.append((h, z, hat, inv, moved))
        h = gamma * hat + beta
    d = error(h @ kernel + bias - y)
    step = direction * learning_rate
    new_kernel = kernel + step * h.T @ d
    new = [new_kernel, bias + step * d.sum(0)]
    d = d @ (kernel if stale else new_kernel).T
    for (w, b, gamma, beta, _, _), (h, z, hat, inv, moved) in zip(blocks[::-1], caches[::-1], strict=True):
        dgamma, dbeta = (d * hat).sum(0), d.sum(0)
        dhat = d * gamma
        if through_statistics:
            dhat = dhat - dhat.mean(0) - hat * (dhat * hat).mean(0)
        d = dhat * inv
        if through_relu:
            d = np.where(z > 0, d, 0)
        new_w = w + step * h.T @ d
        new = [new_w, b + step * d.sum(0), gamma + step * dgamma, beta + step * dbeta, *moved, *new]
        d = d @ (w if stale else new_w).T
    return new


def as_tuple_in_float32(x, y, weights, lr):
    weights = [np.asarray(w, np.float32) for w in weights]
    return tuple(own_step(np.float32(x), np.float32(y), weights, lr))


def with_scratch_functions(x, y, weights, learning_rate, momentum=0.99):
    new, caches, a = [w.copy() for w in weights], [], x
    for k in range(0, len(weights) - 2, 6):
        z = scratch.dense_forward(a, weights[k], weights[k + 1])
        out, cache, mean, variance = scratch.batch_norm_train(scratch.relu(z), weights[k + 2], weights[k + 3])
        new[k + 4] = scratch.update_moving(weights[k + 4], mean, momentum)
        new[k + 5] = scratch.update_moving(weights[k + 5], variance, momentum)
        caches.append((k, a, z, cache))
        a = out
    prediction = scratch.dense_forward(a, weights[-2], weights[-1])
    dy, dw, db = scratch.dense_backward(scratch.mean_absolute_error_gradient(y, prediction), a, weights[-2])
    new[-2] -= learning_rate * dw
    new[-1] -= learning_rate * db
    for k, a, z, cache in reversed(caches):
        dy, dgamma, dbeta = scratch.batch_norm_backward(dy, cache)
        dy, dw, db = scratch.dense_backward(scratch.relu_backward(dy, z), a, weights[k])
        for place, gradient in enumerate((dw, db, dgamma, dbeta)):
            new[k + place] -= learning_rate * gradient
    return new


def recursive_step(x, y, weights, learning_rate):
    def descend(x, rest):
        """The new arrays of `rest`, and the gradient by x."""
        if len(rest) == 2:
            dy = scratch.mean_absolute_error_gradient(y, x @ rest[0] + rest[1])
            return [rest[0] - learning_rate * x.T @ dy, rest[1] - learning_rate * dy.sum(0)], dy @ rest[0].T
        kernel, bias, gamma, beta, mean, variance = rest[:6]
        z = x @ kernel + bias
        out, cache, batch_mean, batch_variance = scratch.batch_norm_train(np.maximum(z, 0), gamma, beta)
        behind, dy = descend(out, rest[6:])
        dy, dgamma, dbeta = scratch.batch_norm_backward(dy, cache)
        dy = dy * (z > 0)
        here = [
            kernel - learning_rate * x.T @ dy,
            bias - learning_rate * dy.sum(0),
            gamma - learning_rate * dgamma,
            beta - learning_rate * dbeta,
            mean + (batch_mean - mean) / 100,
            variance + (batch_variance - variance) / 100,
        ]
        return here + behind, dy @ kernel.T

    return descend(x, list(weights))[0]


def slip(**how):
    return lambda x, y, weights, learning_rate: own_step(x, y, weights, learning_rate, **how)


def averages_learn(x, y, weights, learning_rate):
    return own_step(x, y, weights, learning_rate, keep=1 - learning_rate, take=learning_rate)


def averages_descend(x, y, weights, learning_rate):
    return own_step(x, y, weights, learning_rate, keep=1, take=0, learn_moving=learning_rate)


# --- red_wine_model ---


def functional():
    x = inputs = keras.Input((11,), name="wine")
    for k in range(3):
        x = keras.layers.Dense(1024, activation=keras.activations.relu, name=f"dense_of_block_{k}")(x)
        x = keras.layers.Dropout(0.3)(x)
        x = keras.layers.BatchNormalization()(x)
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def with_add():
    model = keras.Sequential()
    model.add(keras.Input(shape=(11,)))
    for _ in range(3):
        model.add(keras.layers.Dense(1024))
        model.add(keras.layers.ReLU())
        model.add(keras.layers.Dropout(0.3, seed=7))
        model.add(keras.layers.BatchNormalization(momentum=0.99, epsilon=0.001))
    model.add(keras.layers.Dense(1, activation="linear"))
    return model


def dropout_before_relu():
    """Dropping before or after a ReLU is the same."""
    block = [
        lambda: keras.layers.Dense(1024),
        lambda: keras.layers.Dropout(0.3),
        lambda: keras.layers.Activation("relu"),
        keras.layers.BatchNormalization,
    ]
    return keras.Sequential([keras.Input((11,)), *(make() for make in 3 * block), keras.layers.Dense(1)])


def nested():
    def block(features):
        layers = [keras.layers.Dense(1024, "relu"), keras.layers.Dropout(0.3), keras.layers.BatchNormalization()]
        return keras.Sequential([keras.Input((features,)), *layers])

    model = keras.Sequential([keras.Input((11,)), block(11), block(1024), block(1024), keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mae")
    return model


def written_out():
    return keras.Sequential(
        [
            keras.layers.InputLayer(shape=(11,)),
            keras.layers.Dense(1024, activation="relu"),
            keras.layers.Dropout(rate=0.3),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1024, activation="relu"),
            keras.layers.Dropout(rate=0.3),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1024, activation="relu"),
            keras.layers.Dropout(rate=0.3),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(units=1),
        ]
    )


def red_wine(order="adn", units=1024, rate=0.3, last=None, after=(), blocks=3):
    """a dense layer with ReLU, l without, r a ReLU, d dropout, n batch norm."""
    x = inputs = keras.Input((11,))
    for letter in blocks * order:
        if letter in "al":
            layer = keras.layers.Dense(units, activation="relu" if letter == "a" else None)
        else:
            layer = {"r": keras.layers.ReLU, "n": keras.layers.BatchNormalization}.get(
                letter, lambda: keras.layers.Dropout(rate)
            )()
        x = layer(x)
    x = keras.layers.Dense(1, activation=last)(x)
    for layer in after:
        x = layer(x)
    return keras.Model(inputs, x)


# --- results_table ---

THREE = {"dropout only": 0.17, "batch norm": 0.18, "both": 0.16}


def records(variants=tuple(THREE), seeds=(0, 1, 2), column="val_mae"):
    rng = np.random.default_rng(1)
    return [{"variant": v, "seed": s, column: round(0.2 + 0.01 * rng.random(), 4)} for v in variants for s in seeds]


def table(**arguments):
    return pd.DataFrame(records(**arguments))


def long_from_wide():
    wide = pd.DataFrame(
        {v: [m, m + 0.002, m + 0.001] for v, m in THREE.items()}, index=pd.Index([7, 8, 9], name="seed")
    )
    return wide.melt(ignore_index=False, var_name="variant", value_name="val_mae").reset_index()


def in_the_index():
    return table().assign(epochs=20).set_index(["variant", "seed"])


def different_seeds():
    return pd.concat([table(variants=[v], seeds=range(k, k + 3)) for k, v in enumerate(THREE)])


def with_nan():
    results = table()
    results.loc[4, "val_mae"] = np.nan
    return results


def text_for_errors():
    return [row | {"val_mae": "good"} for row in records()]


RIGHT = {
    "network_forward": [with_scratch_layers, plain_numpy, recursive, in_float32, with_iterator, Network(), slipped()],
    "training_step": [
        net_of_scratch,
        own_step,
        as_tuple_in_float32,
        with_scratch_functions,
        recursive_step,
        lambda x, y, w, lr: net_of_scratch(x, y, w, lr, dtype="float32"),
    ],
    "red_wine_model": [functional, with_add, dropout_before_relu, nested, written_out],
    "results_table": [
        table,
        records,
        long_from_wide,
        in_the_index,
        lambda: [row | {"val_mae": np.array(row["val_mae"])} for row in records()],
        lambda: table(variants=["a", "b", "c", "Dropout only "], seeds=[42, 1, 7, 3]),
        lambda: table().sample(frac=1, random_state=0).to_dict("list"),
        lambda: table(seeds=["first", "second", "third"]),
    ],
}

# {question: {misconception: answers that must be named so}}; None: wrong in a way that has no name.
WRONG = {
    "network_forward": {
        "dropped at inference": [
            slipped(drop=lambda training: True),
            lambda x, w, rate, rng, training: plain_numpy(x, w, rate, rng, True),
        ],
        "training statistics at inference": [slipped(batch=lambda training: True)],
        "moving statistics at training": [slipped(batch=lambda training: False)],
        "batch norm left out at inference": [slipped(norm=False)],
        "ReLU on the output layer": [slipped(last=lambda y: np.where(y < 0, 0, y))],
        "softmax on one unit": [slipped(last=lambda y: np.exp(y) / np.exp(y).sum(axis=1, keepdims=True))],
        "a ReLU is skipped": [
            slipped(relu=lambda k, z: z),
            slipped(relu=lambda k, z: z if k else np.maximum(z, 0)),
            slipped(relu=lambda k, z: np.maximum(z, 0) if k else z),
        ],
        "batch norm before the ReLU": [slipped(order="nrd"), slipped(order="dnr")],
        "batch norm before dropout": [slipped(order="nd")],
        "dropout after the output layer": [drops_the_output],
        "dropout left out": [slipped(order="n"), slipped(drop=lambda training: False)],
        None: [
            other_epsilon,
            not_scaled,
            only_the_first_block,
            lambda x, w, rate, rng, training: plain_numpy(x, w, 1 - rate, rng, training),
            lambda x, w, rate, rng, training: plain_numpy(x, w, rate, rng, training)[:, 0],
        ],
    },
    "training_step": {
        "sign of the gradient": [slip(direction=1.0), slip(error=lambda e: -np.sign(e) / len(e))],
        "gradient not averaged over the batch": [slip(error=np.sign)],
        "gradient of the squared error": [slip(error=lambda e: 2 * e / e.size)],
        "backward treats the statistics as constants": [slip(through_statistics=False)],
        "ReLU ignored in backward": [slip(through_relu=False)],
        "gradient through weights already updated": [slip(stale=False)],
        "moving averages not updated": [slip(keep=1.0, take=0.0)],
        "moving average forgets to keep the old value": [slip(keep=0.0, take=1.0), slip(keep=0.0)],
        "momentum swapped": [slip(keep=0.01, take=0.99)],
        "moving averages changed by the optimizer like weights": [averages_learn, averages_descend],
        "unbiased variance": [slip(correction=lambda n: n / (n - 1))],
        None: [
            lambda x, y, w, lr: own_step(x, y, w, 0.0),
            lambda x, y, w, lr: own_step(x, y, w, 0.01),
            lambda x, y, w, lr: own_step(x, y, w, lr)[:-1],
            slip(keep=0.9, take=0.1),
        ],
    },
    "red_wine_model": {
        "softmax on one unit": [lambda: red_wine(last="softmax")],
        "ReLU on the output layer": [lambda: red_wine(last="relu")],
        "dropout after the output layer": [lambda: red_wine(after=[keras.layers.Dropout(0.3)])],
        "dropout left out": [lambda: red_wine("an")],
        "rate taken for keep probability": [lambda: red_wine(rate=0.7)],
        "batch norm before dropout": [lambda: red_wine("and")],
        "batch norm before the ReLU": [lambda: red_wine("lnrd")],
        None: [
            lambda: red_wine("ad"),
            lambda: red_wine(units=512),
            lambda: red_wine("ldn"),
            lambda: red_wine(rate=0.2),
            lambda: red_wine(blocks=2),
        ],
    },
    "results_table": {
        "one seed only": [table(seeds=[42]), lambda: records(seeds=[0])],
        "baseline missing": [table(variants=["a", "b", "c"])],
        "different seeds for different variants": [different_seeds],
        "seed without effect": [lambda: table().assign(val_mae=[0.2] * 3 + [0.21] * 3 + [0.19] * 3)],
        None: [
            table(seeds=[0, 1]),
            table(variants=["dropout only", "both"]),
            table(column="mae"),
            lambda: pd.concat([table(), table()]),
            with_nan,
            text_for_errors,
            lambda: table()[:0],
            lambda: 0.2,
        ],
    },
}

# What the measured quantities of a prediction must be for the choice that is called right.
MEASURED = {}
