"""Unit 01: right answers in many styles, and wrong ones written independently of the questions."""

import functools
import math
from itertools import pairwise

import keras
import numpy as np

from helpers import scratch

# --- dense_forward ---


def triple_loop(x, weights, bias):
    y = np.zeros((x.shape[0], weights.shape[1]))
    for n in range(x.shape[0]):
        for k in range(weights.shape[1]):
            y[n, k] = bias[k]
            for d in range(x.shape[1]):
                y[n, k] += x[n, d] * weights[d, k]
    return y


def row_by_row(X, W, b, activation=None):
    return [[float(np.dot(row, W[:, k]) + b[k]) for k in range(len(b))] for row in X]


def bias_as_a_weight(x, weights, bias):
    ones = np.ones((len(x), 1))
    return np.hstack([x, ones]) @ np.vstack([weights, bias])


def columns(x, weights, bias):
    return (weights.T @ x.T + bias[:, np.newaxis]).T


def in_place_on_a_new_array(x, weights, bias):
    y = np.matmul(x.astype(np.float32), weights.astype(np.float32))
    y += bias.astype(np.float32)
    return y


def broadcast_sum(x, weights, bias):
    return (x[:, :, None] * weights[None]).sum(axis=1) + bias


def softplus_layer(x, weights, bias):
    return np.log(1 + np.exp(x.dot(weights) + bias))


def sigmoid_layer(x, weights, bias):
    z = np.dot(x, weights) + bias
    return np.exp(z) / (np.exp(z) + 1)


def relu_layer(x, weights, bias):
    z = np.dot(x, weights) + bias
    z[z < 0] = 0
    return z


def elementwise_loop(x, weights, bias):
    return np.array([row * w for row, w in zip(x, weights, strict=False)]) + bias


# --- relu ---


def relu_on_a_copy(x):
    y = x.copy()
    y[y < 0] = 0
    return y


def relu_loop(x):
    y = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        if x[index] > 0:
            y[index] = x[index]
    return y


def relu_with_max(x):
    return np.array([max(value, 0.0) for value in x.ravel()]).reshape(x.shape)


def leaky(x, slope=0.01):
    return x * np.where(x < 0, slope, 1)


# --- count_parameters ---


def by_index(sizes):
    total = 0
    for i in range(1, len(sizes)):
        total += (sizes[i - 1] + 1) * sizes[i]
    return total


def weights_then_biases(sizes):
    sizes = np.array(sizes)
    return (sizes[:-1] * sizes[1:]).sum() + sizes[1:].sum()


def with_arrays(sizes):
    """Make the arrays and count their entries."""
    layers = [(np.zeros((a, b)), np.zeros(b)) for a, b in pairwise(sizes)]
    return sum(weights.size + bias.size for weights, bias in layers)


def recursive(sizes):
    if len(sizes) < 2:
        return 0
    return sizes[0] * sizes[1] + sizes[1] + recursive(sizes[1:])


def as_a_float(sizes):
    return float(np.dot(sizes[:-1], sizes[1:]) + np.sum(sizes[1:]))


def with_keras(sizes):
    model = keras.Sequential([keras.Input((sizes[0],))])
    for units in sizes[1:]:
        model.add(keras.layers.Dense(units))
    return model.count_params()


def stops_early(sizes):
    total = 0
    for i in range(len(sizes) - 2):
        total += sizes[i] * sizes[i + 1] + sizes[i + 1]
    return total


def starts_late(sizes):
    return sum(sizes[i] * sizes[i + 1] + sizes[i + 1] for i in range(1, len(sizes) - 1))


def only_weights(sizes):
    total, before = 0, sizes[0]
    for units in sizes[1:]:
        total += before * units
        before = units
    return total


# --- mlp_forward ---


def by_number(x, layers):
    for number, (weights, bias) in enumerate(layers):
        x = x @ weights + bias
        if number < len(layers) - 1:
            x = np.maximum(0, x)
    return x


def with_reversed_test(features, params):
    hidden = features
    for i, layer in enumerate(params):
        if i > 0:
            hidden = hidden * (hidden > 0)
        hidden = np.dot(hidden, layer[0]) + layer[1]
    return hidden


def unpacked(x, layers, activation=lambda z: np.where(z > 0, z, 0)):
    *hidden, last = layers
    for w, b in hidden:
        x = activation(x @ w + b)
    return x @ last[0] + last[1]


def recursive_net(x, layers):
    (weights, bias), rest = layers[0], layers[1:]
    y = x @ weights + bias
    return recursive_net(np.clip(y, 0, None), rest) if rest else y


def with_scratch(x, layers):
    hidden = functools.reduce(lambda h, layer: scratch.relu(scratch.dense_forward(h, *layer)), layers[:-1], x)
    return scratch.dense_forward(hidden, *layers[-1])


def in_float32(x, layers):
    return by_number(x.astype("float32"), [(w.astype("float32"), b.astype("float32")) for w, b in layers])


def one_row_at_a_time(x, layers):
    return [by_number(row[None], layers)[0] for row in x]


def all_relu(x, layers):
    for w, b in layers:
        z = x @ w + b
        x = z * (z > 0)
    return x


def linear(x, layers):
    return functools.reduce(lambda h, layer: h @ layer[0] + layer[1], layers, x)


def linear_then_relu(x, layers):
    return np.clip(linear(x, layers), 0, None)


def relu_first(x, layers):
    for w, b in layers:
        x = np.where(x > 0, x, 0.0)
        x = np.dot(x, w) + b
    return x


def relu_then_bias(x, layers):
    for i, (w, b) in enumerate(layers):
        z = np.dot(x, w)
        x = (np.maximum(z, 0) if i + 1 < len(layers) else z) + b
    return x


def no_bias(x, layers):
    for i, layer in enumerate(layers):
        x = x @ layer[0]
        if i != len(layers) - 1:
            x = np.maximum(x, 0)
    return x


def forgets_to_pass_on(x, layers):
    for i, (w, b) in enumerate(layers):
        out = x @ w + b
        if i < len(layers) - 1:
            out = np.maximum(out, 0)
    return out


def hidden_layers_only(x, layers):
    for w, b in layers[:-1]:
        x = np.clip(x @ w + b, 0, None)
    return x


def sigmoid_net(x, layers):
    for w, b in layers[:-1]:
        x = 1 / (1 + np.exp(-(x @ w + b)))
    return x @ layers[-1][0] + layers[-1][1]


# --- wine_neuron ---


def neuron(*after, features=11, **options):
    model = keras.Sequential()
    model.add(keras.Input(shape=(features,)))
    model.add(keras.layers.Dense(1, **options))
    for activation in after:
        model.add(activation)
    return model


def functional_neuron():
    inputs = keras.Input((11,), name="wine")
    return keras.Model(inputs=inputs, outputs=keras.layers.Dense(1, name="quality")(inputs))


def compiled_neuron():
    model = neuron(activation="linear")
    model.compile(optimizer="sgd", loss="mse")
    return model


def built_neuron():
    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros")])
    model.build((None, 11))
    return model


def neuron_with_an_activation_layer():
    return keras.Sequential([keras.layers.InputLayer(shape=[11]), neuron(), keras.layers.Activation("linear")])


# --- concrete_model ---


def concrete(hidden=keras.activations.relu, output=None, units=512, count=3, features=8):
    model = keras.Sequential([keras.Input(shape=(features,))])
    for _ in range(count):
        model.add(keras.layers.Dense(units, activation=hidden))
    model.add(keras.layers.Dense(1, activation=output))
    return model


def functional_concrete():
    inputs = h = keras.Input((8,))
    for name in ("one", "two", "three"):
        h = keras.layers.Dense(512, "relu", name=name)(h)
    return keras.Model(inputs, keras.layers.Dense(1, activation="linear")(h))


def concrete_with_ops():
    inputs = keras.Input((8,))
    h = keras.ops.relu(keras.layers.Dense(512)(inputs))
    h = keras.ops.maximum(keras.layers.Dense(512)(h), 0)
    h = keras.activations.relu(keras.layers.Dense(512)(h))
    return keras.Model(inputs, keras.layers.Dense(1)(h))


def compiled_concrete():
    model = keras.Sequential(
        [
            keras.Input((8,), name="mix"),
            keras.layers.Dense(512, activation=keras.layers.ReLU(), kernel_initializer="he_normal"),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dense(1, name="strength"),
        ]
    )
    model.compile("adam", "mae", metrics=["mse"])
    return model


def nested_concrete():
    hidden = keras.Sequential([keras.Input((8,)), *(keras.layers.Dense(512, activation="relu") for _ in range(3))])
    return keras.Sequential([keras.Input((8,)), hidden, keras.layers.Dense(1)])


# --- concrete_model_with_activation_layers ---


class MyRelu(keras.layers.Layer):
    def call(self, x):
        return keras.ops.maximum(x, 0.0)


def chain(*layers):
    model = keras.Sequential([keras.Input((8,))])
    for layer in layers:
        model.add(keras.layers.Dense(layer) if isinstance(layer, int) else layer)
    return model


def relu_layers():
    relu = keras.layers.ReLU
    return chain(512, relu(), 512, relu(), 512, relu(), 1)


def activation_layers():
    model = keras.Sequential([keras.Input((8,))])
    for _ in range(3):
        model.add(keras.layers.Dense(512, activation="linear"))
        model.add(keras.layers.Activation(keras.activations.relu))
    model.add(keras.layers.Dense(1))
    model.add(keras.layers.Activation("linear"))
    return model


def my_own_layers():
    last = keras.layers.LeakyReLU(negative_slope=0.0)
    return chain(512, MyRelu(), 512, keras.layers.Lambda(lambda x: keras.ops.relu(x)), 512, last, 1)


def one_relu_layer_used_again():
    relu = keras.layers.Activation("relu")
    inputs = h = keras.Input((8,))
    for _ in range(3):
        h = relu(keras.layers.Dense(512)(h))
    return keras.Model(inputs, keras.layers.Dense(1)(h))


def nested_activation_layers():
    pair = [keras.layers.Dense(512), keras.layers.ReLU()]
    first = keras.Sequential([keras.Input((8,)), *pair])
    return chain(first, 512, keras.layers.ReLU(), 512, keras.layers.ReLU(), 1)


def relu_inside_and_outside():
    model = keras.Sequential([keras.Input((8,))])
    for _ in range(3):
        model.add(keras.layers.Dense(512, activation="relu"))
        model.add(keras.layers.ReLU())
    model.add(keras.layers.Dense(1))
    return model


def one_left_inside():
    first = keras.layers.Dense(512, activation=keras.activations.relu)
    return chain(first, 512, keras.layers.ReLU(), 512, keras.layers.ReLU(), 1)


def softmax_inside():
    relu, output = keras.layers.ReLU, keras.layers.Dense(1, activation="softmax")
    return chain(512, relu(), 512, relu(), 512, relu(), output)


def relu_inside_the_output():
    relu, output = keras.layers.ReLU, keras.layers.Dense(1, activation="relu")
    return chain(512, relu(), 512, relu(), 512, relu(), output)


def pieces(text, **sizes):
    """chain() from letters: d a dense layer, o the output, r a ReLU, s a softmax, t a tanh."""
    kinds = {"r": keras.layers.ReLU, "s": keras.layers.Softmax, "t": lambda: keras.layers.Activation("tanh")}
    return chain(*(sizes.get(c) or {"d": 512, "o": 1}.get(c) or kinds[c]() for c in text))


RIGHT = {
    "dense_forward": [
        triple_loop,
        row_by_row,
        bias_as_a_weight,
        columns,
        in_place_on_a_new_array,
        broadcast_sum,
        scratch.dense_forward,
        lambda x, weights, bias: np.einsum("nd,dk->nk", x, weights) + bias.reshape(1, -1),
    ],
    "relu": [
        relu_on_a_copy,
        relu_loop,
        relu_with_max,
        scratch.relu,
        lambda x: x * (x > 0),
        lambda z: (z + np.abs(z)) / 2,
        lambda x, lowest=0.0: np.clip(x, lowest, None),
        lambda x: np.where(x > 0, x, 0).astype(np.float32),
        lambda x: np.maximum(0, x).tolist(),
    ],
    "count_parameters": [
        by_index,
        weights_then_biases,
        with_arrays,
        recursive,
        as_a_float,
        lambda sizes: sum(a * b + b for a, b in pairwise(sizes)),
        lambda sizes, bias=True: sum((a + bias) * b for a, b in pairwise(sizes)),
    ],
    "mlp_forward": [
        by_number,
        with_reversed_test,
        unpacked,
        recursive_net,
        with_scratch,
        in_float32,
        one_row_at_a_time,
    ],
    "wine_neuron": [
        neuron,
        functional_neuron,
        compiled_neuron,
        built_neuron,
        neuron_with_an_activation_layer,
        neuron(),
    ],
    "concrete_model": [
        concrete,
        functional_concrete,
        concrete_with_ops,
        compiled_concrete,
        nested_concrete,
        relu_layers,
    ],
    "concrete_model_with_activation_layers": [
        relu_layers,
        activation_layers,
        my_own_layers,
        one_relu_layer_used_again,
        nested_activation_layers,
        concrete_with_ops,
    ],
}

# {question: {misconception: answers that must be named so}}; None: wrong in a way that has no name.
WRONG = {
    "dense_forward": {
        "weights transposed": [
            lambda x, weights, bias: np.dot(x, np.transpose(weights)) + bias,
            lambda x, weights, bias: np.einsum("nd,kd->nk", x, weights) + bias,
        ],
        "factors in the wrong order": [lambda x, weights, bias: np.dot(weights, x) + bias],
        "rows and columns of the result swapped": [
            lambda x, weights, bias: np.einsum("nd,dk->kn", x, weights) + bias[:, None]
        ],
        "bias forgotten": [lambda x, weights, bias: np.matmul(x, weights), lambda x, w, b: np.einsum("ij,jk", x, w)],
        "bias added to the inputs": [lambda x, weights, bias: np.dot(bias + x, weights)],
        "one bias per row": [lambda x, weights, bias: (bias + (x @ weights).T).T],
        "elementwise product": [
            lambda x, weights, bias: bias + np.multiply(weights, x),
            elementwise_loop,
        ],
        "an activation that nobody asked for": [
            relu_layer,
            sigmoid_layer,
            lambda x, weights, bias: 2 / (1 + np.exp(-2 * (x @ weights + bias))) - 1,
        ],
        None: [
            softplus_layer,
            lambda x, weights, bias: x @ weights - bias,
            lambda x, weights, bias: x @ weights + bias.sum(),
            lambda x, weights, bias: (x @ weights) * bias,
            lambda x, weights, bias: (x @ weights + bias) / len(weights),
        ],
    },
    "relu": {
        "absolute value": [lambda x: np.sqrt(x**2), lambda x: np.where(x > 0, x, -x)],
        "step function instead of ReLU": [lambda x: x > 0, lambda x: np.where(x >= 0, 1, 0)],
        "minimum instead of maximum": [lambda x: np.where(x < 0, x, 0), lambda x: x * (x < 0)],
        "maximum along an axis": [lambda x: x.max(0), lambda x: max(0, x.max())],
        "negative values left out": [lambda x: np.array([value for value in x.flat if value > 0])],
        "leaky ReLU": [leaky, lambda x: np.maximum(x, 0.2 * x)],
        "a smooth activation instead of ReLU": [
            lambda x: np.exp(x) / (1 + np.exp(x)),
            lambda x: np.logaddexp(0, x),
            lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
        ],
        None: [
            lambda x: -x,
            lambda x: x,
            lambda x: np.clip(x, 0, 1),
            lambda x: np.clip(x, 0, 6),
            lambda x: np.maximum(x, 0.1),
            lambda x: max(x, 0),
        ],
    },
    "count_parameters": {
        "biases forgotten": [only_weights, lambda sizes: float(np.dot(sizes[:-1], sizes[1:]))],
        "a bias for the inputs too": [lambda sizes: sizes[0] + by_index(sizes)],
        "one bias per layer": [lambda sizes: only_weights(sizes) + len(sizes) - 1],
        "a bias per input of a layer": [lambda sizes: only_weights(sizes) + sum(sizes[:-1])],
        "layers connected to themselves": [lambda sizes: sum(n * (n + 1) for n in sizes[1:])],
        "all sizes multiplied": [math.prod, lambda sizes: math.prod(sizes) + sum(sizes[1:])],
        "last layer left out": [stops_early],
        "first layer left out": [starts_late],
        "units counted instead of parameters": [lambda sizes: int(np.sum(sizes[1:])), sum],
        None: [
            lambda sizes: by_index(sizes) + 1,
            lambda sizes: only_weights(sizes) + len(sizes),
            lambda sizes: 4 * by_index(sizes),
            len,
        ],
    },
    "mlp_forward": {
        "ReLU on the output layer": [all_relu],
        "no activation between the layers": [linear, linear_then_relu],
        "ReLU before the matrix product": [relu_first],
        "ReLU before the bias": [relu_then_bias],
        "biases forgotten": [no_bias],
        "every layer gets the first input": [forgets_to_pass_on],
        "last layer left out": [hidden_layers_only],
        None: [sigmoid_net, lambda x, layers: by_number(x, layers[::-1]), lambda x, layers: -by_number(x, layers)],
    },
    "wine_neuron": {
        "softmax on one unit": [lambda: neuron(activation="softmax"), lambda: neuron(keras.layers.Softmax())],
        "ReLU on the output layer": [lambda: neuron(activation="relu"), lambda: neuron(keras.layers.ReLU())],
        "sigmoid on the output layer": [
            lambda: neuron(activation=keras.ops.sigmoid),
            lambda: neuron(keras.layers.Activation("sigmoid")),
        ],
        "bias forgotten": [lambda: neuron(use_bias=False)],
        "target counted as a feature": [lambda: neuron(features=12)],
        None: [
            lambda: neuron(activation="tanh"),
            lambda: neuron(features=10),
            lambda: keras.Sequential([keras.Input((11,)), keras.layers.Dense(11)]),
            lambda: keras.Sequential([keras.Input((11,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)]),
            lambda: keras.Sequential([keras.layers.Dense(1)]),
            lambda: keras.layers.Dense(1),
        ],
    },
    "concrete_model": {
        "softmax on one unit": [lambda: concrete(output="softmax"), lambda: pieces("drdrdros")],
        "ReLU on the output layer": [
            lambda: concrete(output="relu"),
            lambda: concrete(hidden=None, output="relu"),
            lambda: pieces("drdrdror"),
        ],
        "hidden layers without activation": [
            lambda: concrete(hidden=None),
            lambda: pieces("dddro"),
            lambda: pieces("drddo"),
        ],
        "sigmoid on the output layer": [lambda: concrete(output=keras.activations.sigmoid)],
        "another activation in the hidden layers": [
            lambda: concrete(hidden="sigmoid"),
            lambda: pieces("dtdtdto"),
            lambda: concrete(hidden=keras.activations.softmax),
        ],
        "target counted as a feature": [lambda: concrete(features=9)],
        None: [
            lambda: concrete(output="tanh"),
            lambda: concrete(hidden="elu"),
            lambda: concrete(units=256),
            lambda: concrete(count=2),
            lambda: concrete(count=4),
            lambda: keras.Sequential([keras.layers.Dense(512, activation="relu"), keras.layers.Dense(1)]),
        ],
    },
    "concrete_model_with_activation_layers": {
        "softmax on one unit": [softmax_inside, lambda: pieces("drdrdros"), lambda: concrete(output="softmax")],
        "ReLU on the output layer": [relu_inside_the_output, lambda: pieces("drdrdror")],
        "activation inside the dense layers": [
            concrete,
            functional_concrete,
            nested_concrete,
            relu_inside_and_outside,
            one_left_inside,
        ],
        "activation before its layer": [lambda: pieces("rdrdrdo"), lambda: pieces("rdrdrdro")],
        "hidden layers without activation": [
            lambda: concrete(hidden=None),
            lambda: pieces("dddro"),
            lambda: pieces("drddo"),
        ],
        None: [
            lambda: pieces("dtdtdto"),
            lambda: pieces("drdro"),
            lambda: pieces("drdrdro", d=256),
            lambda: pieces("drdrdro", o=512),
        ],
    },
}

# What the measured quantities of a prediction must be for the choice that is called right.
MEASURED = {"softmax_of_one_unit": lambda smallest, largest: smallest == largest == 1}
