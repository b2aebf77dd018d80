"""Every backward function of `helpers.scratch` against central differences in float64, and the check against faults.

The gradient checked is that of sum(dy * y) with random dy: with dy = 1 batch normalization would have gradient 0,
and any mistake in it would pass.
"""

import numpy as np
import pytest

from helpers import scratch

TOLERANCE = 1e-7
STEP = 1e-5


def numerical_gradient(loss, array):
    """dloss()/darray by central differences, changing one value of `array` at a time and putting it back."""
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + STEP
        above = loss()
        array[index] = value - STEP
        below = loss()
        array[index] = value
        gradient[index] = (above - below) / (2 * STEP)
    return gradient


def relative_error(gradient, loss, array):
    """The largest difference between a gradient and the numerical one, in units of the largest value in either."""
    expected = numerical_gradient(loss, array)
    assert gradient.shape == expected.shape and gradient.dtype == expected.dtype == np.float64
    assert np.abs(expected).max() > 1e-3, "a gradient of 0 checks nothing"
    return np.abs(gradient - expected).max() / max(np.abs(gradient).max(), np.abs(expected).max())


def away_from_zero(array):
    """Move every value by 0.1 away from 0, where max(x, 0) and |x| have no derivative."""
    return array + 0.1 * np.sign(array)


# --- one check a function: each returns the relative errors of all its gradients ---


def check_dense(rng):
    x, weights, bias, dy = (rng.normal(size=shape) for shape in [(5, 4), (4, 3), 3, (5, 3)])

    def loss():
        return (dy * scratch.dense_forward(x, weights, bias)).sum()

    gradients = scratch.dense_backward(dy, x, weights)
    return [relative_error(g, loss, array) for g, array in zip(gradients, (x, weights, bias), strict=True)]


def check_relu(rng):
    x, dy = away_from_zero(rng.normal(size=(6, 5))), rng.normal(size=(6, 5))
    return [relative_error(scratch.relu_backward(dy, x), lambda: (dy * scratch.relu(x)).sum(), x)]


def check_dropout(rng):
    x, dy = rng.normal(size=(2, 6, 5))
    seed = int(rng.integers(1000))

    def forward():
        return scratch.dropout_forward(x, 0.4, np.random.default_rng(seed))

    _, mask = forward()
    return [relative_error(scratch.dropout_backward(dy, mask), lambda: (dy * forward()[0]).sum(), x)]


def check_batch_norm(rng, shape=(6, 4)):
    x, dy = 3 + 2 * rng.normal(size=shape), rng.normal(size=shape)
    gamma, beta = 1 + rng.random(shape[-1]), rng.normal(size=shape[-1])

    def loss():
        return (dy * scratch.batch_norm_train(x, gamma, beta)[0]).sum()

    _, cache, _, _ = scratch.batch_norm_train(x, gamma, beta)
    gradients = scratch.batch_norm_backward(dy, cache)
    return [relative_error(g, loss, array) for g, array in zip(gradients, (x, gamma, beta), strict=True)]


def check_conv_batch_norm(rng):
    return check_batch_norm(rng, shape=(2, 3, 2, 4))


def check_mean_absolute_error(rng):
    y_true = rng.normal(size=(5, 3))
    y_pred = y_true + away_from_zero(rng.normal(size=(5, 3)))
    gradient = scratch.mean_absolute_error_gradient(y_true, y_pred)
    return [relative_error(gradient, lambda: scratch.mean_absolute_error(y_true, y_pred), y_pred)]


def check_mean_squared_error(rng):
    y_true, y_pred = rng.normal(size=(2, 5, 3))
    gradient = scratch.mean_squared_error_gradient(y_true, y_pred)
    return [relative_error(gradient, lambda: scratch.mean_squared_error(y_true, y_pred), y_pred)]


class FixedDropout(scratch.Dropout):
    """Dropout whose mask is drawn once: the loss of a net is a function only as long as its masks stay."""

    def forward(self, x, training):
        if not hasattr(self, "mask"):
            return super().forward(x, training)
        return x * self.mask


def shake(net, rng):
    """Move the weights: where gamma is 1 and beta 0, mistakes that concern them would not show."""
    for weight in net.trainable_weights:
        weight += 0.5 * rng.random(weight.shape)


def check_layer(rng, layer, shape):
    """All gradients of one layer alone, those of its weights and that of its input."""
    x, net = (
        away_from_zero(rng.normal(size=shape)),
        scratch.Sequential([scratch.Input(shape[1:]), layer], rng, "float64"),
    )
    shake(net, rng)
    dy = rng.normal(size=net.forward(x, training=True).shape)

    def loss():
        return (dy * net.forward(x, training=True)).sum()

    dx = net.backward(dy)
    pairs = zip([dx, *net.gradients], [x, *net.trainable_weights], strict=True)
    return [relative_error(gradient, loss, array) for gradient, array in pairs]


def check_whole_net(rng):
    """The course's net, small: dense, ReLU, dropout, batch normalization, twice, then one unit and the error."""
    layers = [scratch.Input((5,))]
    for units in (8, 7):
        layers += [scratch.Dense(units), scratch.Activation("relu"), FixedDropout(0.3), scratch.BatchNormalization()]
    net = scratch.Sequential([*layers, scratch.Dense(2)], rng, "float64")
    x, y = rng.normal(size=(9, 5)), rng.normal(size=(9, 2))
    shake(net, rng)

    def loss():
        return scratch.mean_squared_error(y, net.forward(x, training=True))

    dx = net.backward(scratch.mean_squared_error_gradient(y, net.forward(x, training=True)))
    pairs = zip([dx, *net.gradients], [x, *net.trainable_weights], strict=True)
    return [relative_error(gradient, loss, array) for gradient, array in pairs]


CHECKS = {
    "dense": check_dense,
    "relu": check_relu,
    "dropout": check_dropout,
    "batch norm": check_batch_norm,
    "conv batch norm": check_conv_batch_norm,
    "mean absolute error": check_mean_absolute_error,
    "mean squared error": check_mean_squared_error,
    "Dense": lambda rng: check_layer(rng, scratch.Dense(3), (5, 4)),
    "Dense with ReLU": lambda rng: check_layer(rng, scratch.Dense(3, activation="relu"), (5, 4)),
    "Activation relu": lambda rng: check_layer(rng, scratch.Activation("relu"), (5, 4)),
    "Activation linear": lambda rng: check_layer(rng, scratch.Activation("linear"), (5, 4)),
    "Dropout": lambda rng: check_layer(rng, FixedDropout(0.3), (5, 4)),
    "BatchNormalization": lambda rng: check_layer(rng, scratch.BatchNormalization(), (5, 4)),
    "BatchNormalization of images": lambda rng: check_layer(rng, scratch.BatchNormalization(), (2, 3, 2, 4)),
    "Flatten": lambda rng: check_layer(rng, scratch.Flatten(), (2, 3, 2, 4)),
    "whole net": check_whole_net,
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CHECKS)
def test_gradients(name, seed):
    assert max(CHECKS[name](np.random.default_rng(seed))) <= TOLERANCE


# --- the check itself: a mistake planted in a backward function must be found ---


def faulty_batch_norm_backward(mistake):
    def backward(dy, cache):
        x_hat, inverse_std, gamma = cache
        axes, n = tuple(range(dy.ndim - 1)), dy.size // dy.shape[-1]
        dgamma, dbeta = (dy * x_hat).sum(axes), dy.sum(axes)
        dx = gamma * inverse_std * (dy - dbeta / n - x_hat * dgamma / n)
        return {
            "statistics as constants": (gamma * inverse_std * dy, dgamma, dbeta),
            "mean as a constant": (gamma * inverse_std * (dy - x_hat * dgamma / n), dgamma, dbeta),
            "variance as a constant": (gamma * inverse_std * (dy - dbeta / n), dgamma, dbeta),
            "gamma forgotten": (dx / gamma, dgamma, dbeta),
            "variance without its root": (dx * inverse_std, dgamma, dbeta),
            "dgamma of the centred x": (dx, dgamma / inverse_std, dbeta),
            "dbeta averaged": (dx, dgamma, dbeta / n),
        }[mistake]

    return backward


def faulty_dense_backward(mistake):
    def backward(dy, x, weights):
        dx, dweights, dbias = dy @ weights.T, x.T @ dy, dy.sum(axis=0)
        return {
            "dx scaled": (1.01 * dx, dweights, dbias),
            "dweights averaged over the batch": (dx, dweights / len(x), dbias),
            "dbias averaged over the batch": (dx, dweights, dbias / len(x)),
        }[mistake]

    return backward


MISTAKES = {
    "dense_backward": {
        mistake: faulty_dense_backward(mistake)
        for mistake in ("dx scaled", "dweights averaged over the batch", "dbias averaged over the batch")
    },
    "relu_backward": {
        "ReLU skipped": lambda dy, x: dy,
        "sign of dy for that of x": lambda dy, x: dy * (dy > 0),
        "where x was negative": lambda dy, x: dy * (x < 0),
    },
    "dropout_backward": {
        "mask not scaled": lambda dy, mask: dy * (mask > 0),
        "mask forgotten": lambda dy, mask: dy,
        "a new mask": lambda dy, mask: dy * scratch.dropout_forward(mask, 0.4, np.random.default_rng(1))[1],
    },
    "batch_norm_backward": {
        mistake: faulty_batch_norm_backward(mistake)
        for mistake in (
            "statistics as constants",
            "mean as a constant",
            "variance as a constant",
            "gamma forgotten",
            "variance without its root",
            "dgamma of the centred x",
            "dbeta averaged",
        )
    },
    "mean_absolute_error_gradient": {
        "not averaged": lambda y_true, y_pred: np.sign(y_pred - y_true),
        "sign": lambda y_true, y_pred: np.sign(y_true - y_pred) / y_pred.size,
        "averaged over the rows only": lambda y_true, y_pred: np.sign(y_pred - y_true) / len(y_pred),
    },
    "mean_squared_error_gradient": {
        "not averaged": lambda y_true, y_pred: 2 * (y_pred - y_true),
        "factor 2 forgotten": lambda y_true, y_pred: (y_pred - y_true) / y_pred.size,
        "sign": lambda y_true, y_pred: 2 * (y_true - y_pred) / y_pred.size,
    },
}
# Which checks must notice a mistake in which function.
NOTICED_BY = {
    "dense_backward": ["dense", "Dense", "Dense with ReLU", "whole net"],
    "relu_backward": ["relu", "Dense with ReLU", "Activation relu", "whole net"],
    "dropout_backward": ["dropout", "Dropout", "whole net"],
    "batch_norm_backward": [
        "batch norm",
        "conv batch norm",
        "BatchNormalization",
        "BatchNormalization of images",
        "whole net",
    ],
    "mean_absolute_error_gradient": ["mean absolute error"],
    "mean_squared_error_gradient": ["mean squared error", "whole net"],
}


@pytest.mark.parametrize(
    ("function", "mistake", "name"),
    [
        (function, mistake, name)
        for function in MISTAKES
        for mistake in MISTAKES[function]
        for name in NOTICED_BY[function]
    ],
)
def test_a_planted_mistake_is_found(function, mistake, name, monkeypatch):
    monkeypatch.setattr(scratch, function, MISTAKES[function][mistake])
    # Far beyond the tolerance: a check that a mistake barely fails would depend on luck.
    assert max(CHECKS[name](np.random.default_rng(0))) > 1e4 * TOLERANCE


def test_every_backward_function_has_planted_mistakes():
    backward = {name for name in vars(scratch) if name.endswith(("_backward", "_gradient"))}
    assert backward == set(MISTAKES) == set(NOTICED_BY)
