"""Unit 04: right answers in many styles, and wrong ones written independently of the questions."""

import functools

import keras
import numpy as np

# --- dropout_forward ---


def as_in_scratch(x, rate, rng, training):
    if not training:
        return x, None
    keep = rng.random(x.shape, dtype=np.float32) >= rate
    mask = keep.astype(np.float32) * (0.0 if rate == 1 else 1 / (1 - rate))
    return x * mask, mask


def binomial(X, p, generator, train=True, dtype=np.float64):
    if not train:
        return X.copy(), np.ones_like(X)
    kept = 1 - p
    M = generator.binomial(1, kept, size=X.shape).astype(dtype)
    M = M / kept if kept > 0 else M
    return X * M, M


def with_where(x, rate, rng, training):
    if training and rate < 1:
        mask = np.where(rng.uniform(size=x.shape) < 1 - rate, 1 / (1 - rate), 0)
    else:
        mask = np.full(x.shape, 0.0 if training else 1.0)
    return [mask * x, mask]


def with_choice(x, rate, rng, training):
    if not training:
        return x, "nothing was dropped"
    values = [0.0, 1 / (1 - rate)] if rate < 1 else [0.0, 0.0]
    mask = rng.choice(values, size=x.shape, p=[rate, 1 - rate])
    return np.multiply(x, mask), mask


def global_random(x, rate, rng, training):
    mask = np.ones(x.shape)
    if training:
        mask[np.random.rand(*x.shape) < rate] = 0
        if rate != 1:
            mask /= 1 - rate
    return x * mask, mask


def value_by_value(x, rate, rng, training):
    if not training:
        return x, 1.0
    mask = np.array([0.0 if rng.random() < rate else 1.0 / (1.0 - rate) for _ in x.flat]).reshape(x.shape)
    return (x * mask).astype(np.float32), mask.astype(np.float32)


class Dropout:
    """An object that can be called is a function too."""

    def __call__(self, x, rate, rng, training, **unused):
        return as_in_scratch(x, rate, rng, training)


def keep_everything(x, rate, rng, training):
    return x, np.ones(x.shape)


def seeded(x, rate, rng, training):
    np.random.seed(0)
    return global_random(x, rate, rng, training)


def in_place(x, rate, rng, training):
    if training:
        mask = as_in_scratch(x, rate, rng, True)[1]
        x *= mask
        return x, mask
    return x, None


def forgot_scale(x, rate, rng, training):
    if not training:
        return x, None
    keep = rng.random(x.shape) > rate
    return x * keep, keep


def scaled_twice(x, rate, rng, training):
    if training:
        return as_in_scratch(x, rate, rng, True)
    return (1 - rate) * x, None


def keep_probability(x, rate, rng, training):
    if not training:
        return x, None
    keep = (rng.uniform(size=x.shape) <= rate).astype(float)
    keep = keep / rate if rate > 0 else keep
    return x * keep, keep


def always(x, rate, rng, training):
    return as_in_scratch(x, rate, rng, True)


def swapped(x, rate, rng, training):
    return as_in_scratch(x, rate, rng, not training)


def one_row(x, rate, rng, training):
    if not training:
        return x, None
    row = as_in_scratch(x[:1], rate, rng, True)[1]
    return x * row, np.repeat(row, len(x), axis=0)


def fixed(x, rate, rng, training):
    if not training:
        return x, None
    mask = np.ones(x.size)
    mask[rng.choice(x.size, int(rate * x.size + 0.5), replace=False)] = 0
    mask = mask.reshape(x.shape) / (1 - rate) if rate < 1 else mask.reshape(x.shape)
    return x * mask, mask


def no_rate_one(x, rate, rng, training):
    if not training:
        return x, None
    mask = (rng.random(x.shape) >= rate) / (1 - rate)
    return x * mask, mask


# --- dropout_backward ---


def loop(dy, mask):
    dx = np.zeros_like(dy)
    for index in np.ndindex(dy.shape):
        dx[index] = dy[index] * mask[index]
    return dx


def redrawn(dy, mask):
    rate = (mask == 0).mean()
    return dy * (np.random.rand(*dy.shape) >= rate) / max(1 - rate, 1e-9)


# --- dropout_test_scaling ---


def classic(x, rate, rng, training):
    if training:
        return np.where(rng.random(x.shape) < rate, 0, x)
    return (1 - rate) * x


def classic_in_place_on_a_copy(x, rate, rng, training):
    y = np.array(x, dtype=np.float32)
    if training:
        y[rng.random(y.shape) < rate] = 0
    else:
        y *= 1 - rate
    return y


# --- songs_model ---


def separate_activations():
    return keras.Sequential(
        [
            keras.Input(shape=(12,)),
            keras.layers.Dense(128),
            keras.layers.Activation("relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(64),
            keras.layers.ReLU(),
            keras.layers.Dropout(0.3, seed=1),
            keras.layers.Dense(1, activation="linear"),
        ]
    )


def functional():
    inputs = keras.Input((12,), name="features")
    x = keras.layers.Dense(128, activation=keras.activations.relu, name="first")(inputs)
    x = keras.layers.Dropout(0.3)(x)
    x = keras.layers.Dense(64, activation="relu")(x)
    x = keras.layers.Dropout(0.3)(x)
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def one_dropout_layer_used_twice():
    drop = keras.layers.Dropout(0.3)
    inputs = keras.Input((12,))
    x = drop(keras.layers.Dense(128, activation="relu")(inputs))
    x = drop(keras.layers.Dense(64, activation="relu")(x))
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def dropout_before_relu():
    """Dropping before or after a ReLU is the same."""
    model = keras.Sequential([keras.Input((12,))])
    for units in (128, 64):
        model.add(keras.layers.Dense(units))
        model.add(keras.layers.Dropout(0.3))
        model.add(keras.layers.Activation("relu"))
    model.add(keras.layers.Dense(1))
    return model


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = [keras.layers.Dense(128, "relu"), keras.layers.Dense(64, "relu")]
        self.drop, self.last = keras.layers.Dropout(0.3), keras.layers.Dense(1)

    def call(self, x, training=False):
        for layer in self.hidden:
            x = self.drop(layer(x), training=training)
        return self.last(x)


def subclass(features=12):
    model = Net()
    model.build((None, features))
    return model


def subclass_that_has_seen_rows():
    model = Net()
    model(np.zeros((5, 12), np.float32))
    return model


def nested_and_compiled():
    hidden = keras.Sequential([keras.Input((12,)), keras.layers.Dense(128, "relu"), keras.layers.Dropout(0.3)])
    model = keras.Sequential(
        [keras.Input((12,)), hidden, keras.layers.Dense(64, "relu"), keras.layers.Dropout(0.3), keras.layers.Dense(1)]
    )
    model.compile(optimizer="adam", loss="mae")
    return model


def songs(*rates, output=None):
    model = keras.Sequential([keras.Input((12,))])
    for units, rate in zip((128, 64, 1), rates, strict=True):
        model.add(keras.layers.Dense(units, activation="relu" if units > 1 else output))
        model.add(keras.layers.Dropout(rate))
    return model


RIGHT = {
    "dropout_forward": [as_in_scratch, binomial, with_where, with_choice, global_random, value_by_value, Dropout()],
    "dropout_backward": [
        lambda dy, mask: dy * mask,
        lambda grad, m, scale=1.0: np.multiply(m, grad) * scale,
        lambda dy, mask: np.where(mask == 0, 0, dy * mask),
        lambda dy, mask: (dy * mask).astype(np.float32),
        lambda dy, mask: np.einsum("ij,ij->ij", dy, mask),
        loop,
    ],
    "dropout_test_scaling": [
        classic,
        classic_in_place_on_a_copy,
        lambda x, rate, rng, training: x * (rng.random(x.shape) >= rate if training else 1 - rate),
        lambda x, p, g, train: g.binomial(1, 1 - p, x.shape) * x if train else x - p * x,
        lambda x, rate, rng, training: np.random.binomial(1, 1 - rate, x.shape) * x if training else x * (1 - rate),
    ],
    "songs_model": [separate_activations, functional, one_dropout_layer_used_twice, dropout_before_relu,
                    nested_and_compiled, functools.partial(subclass, 12), subclass_that_has_seen_rows],
}  # fmt: skip

# {question: {misconception: answers that must be named so}}; None: wrong in a way that has no name.
WRONG = {
    "dropout_forward": {
        "forgot 1/(1-rate)": [forgot_scale],
        "scaled at both times": [scaled_twice],
        "rate taken for keep probability": [keep_probability],
        "train and inference mode swapped": [swapped],
        "dropped at inference": [always],
        "one mask for the whole batch": [one_row],
        "dropped exactly a fixed number instead of at random": [fixed],
        "divided by zero at rate 1": [no_rate_one],
        "changed its input in place": [in_place],
        None: [keep_everything, seeded],
    },
    "dropout_backward": {
        "mask ignored in backward": [lambda dy, mask: dy.copy()],
        "a new mask in backward": [redrawn],
        "mask not scaled in backward": [lambda dy, mask: np.where(mask > 0, dy, 0)],
        None: [
            lambda dy, mask: dy * mask * 2,
            lambda dy, mask: (dy * mask).sum(axis=0),
            lambda dy, mask: dy * (1 - mask),
            lambda dy, mask: np.where(mask == 0, dy, 0),
            lambda dy, mask: dy * mask.mean(),
        ],
    },
    "dropout_test_scaling": {
        "scaled at both times": [
            lambda x, p, rng, training: as_in_scratch(x, p, rng, True)[0] if training else (1 - p) * x
        ],
        "inverted instead of test-time scaling": [lambda x, p, rng, training: as_in_scratch(x, p, rng, training)[0]],
        "not scaled at inference": [lambda x, p, rng, training: classic(x, p, rng, True) if training else x.copy()],
        "rate taken for keep probability": [
            lambda x, p, rng, training: np.where(rng.random(x.shape) < p, x, 0) if training else x * p
        ],
        "dropped at inference": [lambda x, p, rng, training: classic(x, p, rng, True)],
    },
    "songs_model": {
        "dropout after the output layer": [lambda: songs(0.3, 0.3, 0.3), lambda: songs(0, 0, 0.3)],
        "rate taken for keep probability": [lambda: songs(0.7, 0.7, 0)],
        "ReLU on the output layer": [lambda: songs(0.3, 0.3, 0, output="relu")],
        None: [
            lambda: songs(0.3, 0.3, 0, output="softmax"),
            lambda: songs(0.3, 0, 0),
            lambda: songs(0, 0.3, 0),
            lambda: songs(0, 0, 0),
            lambda: songs(0.2, 0.2, 0),
            lambda: songs(0.3, 0.5, 0),
            lambda: keras.Sequential([keras.layers.Dense(1)]),
            lambda: "a model",
        ],
    },
}

# What the measured quantities of a prediction must be for the choice that is called right.
MEASURED = {"variance_at_rate_half": lambda mean, variance: abs(mean) < 0.01 and abs(variance - 2) < 0.02}
