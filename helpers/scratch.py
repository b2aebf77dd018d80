"""Dense layers, dropout, batch normalization and their training, from scratch in NumPy.

First the mathematics, as pure functions of arrays; then layers, optimizers and `Sequential`, which
store weights and gradients and have Keras' names. In the shapes, N is the number of rows, D of inputs,
K of outputs, C of channels. Float arrays are computed in their own dtype; `Sequential` uses float32.
"""

import math
import numbers
import sys

import numpy as np
from tqdm import tqdm

# --- dense layer and ReLU ---


def dense_forward(x, weights, bias):
    """All outputs for all rows, y = x W + b: x (N, D), weights (D, K), bias (K,) -> y (N, K).

    Raises ValueError if x does not have as many columns as the weights have rows.
    """
    _check(x.ndim == 2 and x.shape[1] == len(weights), "x", f"of shape (N, {len(weights)})", x.shape)
    y = x @ weights
    y += bias
    return y


def dense_backward(dy, x, weights):
    """From dy = dL/dy (N, K): dx = dy W^T (N, D), dweights = x^T dy (D, K), dbias = column sums of dy (K,)."""
    return dy @ weights.T, x.T @ dy, dy.sum(axis=0)


def relu(x):
    """max(x, 0), in any shape."""
    return np.maximum(x, 0)


def relu_backward(dy, x):
    """From dy, and x as in `relu`: dx = dy where x > 0, else 0; the slope at 0 is taken as 0, as Keras does."""
    return dy * (x > 0)


# --- dropout ---


def dropout_forward(x, rate, rng, training=True):
    """Set each value to 0 with probability `rate` and multiply the others by 1 / (1 - rate): x -> y, mask, same shape.

    y = x * mask, where the mask holds 0 and 1 / (1 - rate). For rate < 1 the expected value of y is x; for rate 1
    y is 0. In inference mode there is then nothing to do ("inverted dropout"): y is x, the mask None.
    Raises ValueError for a rate outside [0, 1] or, in training mode, an rng that is no np.random.Generator.
    Source: Srivastava et al. (2014), Dropout: A Simple Way to Prevent Neural Networks from Overfitting, section 10,
    where p = 1 - rate is the probability of keeping a value.
    """
    rate = _number("rate", rate, 0, 1, closed=True)
    if not training:
        return x, None
    _check_generator(rng, "to draw the mask")
    keep = rng.random(x.shape, dtype=np.float32) >= rate
    scale = 0.0 if rate == 1 else 1 / (1 - rate)
    mask = keep.astype(x.dtype) * scale
    return x * mask, mask


def dropout_backward(dy, mask):
    """dx = dy * mask, with the mask of the forward pass: what was dropped gets no gradient."""
    return dy * mask


# --- batch normalization ---


def batch_norm_train(x, gamma, beta, epsilon=1e-3):
    """Normalize every channel by this batch: x (N, C) or (N, H, W, C), gamma and beta (C,) -> y, cache, mean, variance.

    Over all axes but the last, with n = N or N H W values in a channel: mean = sum(x) / n and
    variance = sum((x - mean)^2) / n, both (C,), divided by n and not by n - 1. Then
    x_hat = (x - mean) / sqrt(variance + epsilon) and y = gamma * x_hat + beta, shaped like x.
    The cache is for `batch_norm_backward`.
    Raises ValueError if the last axis of x is not as long as gamma.
    Source: Ioffe and Szegedy (2015), Batch Normalization, algorithm 1.
    """
    _check_channels(x, gamma)
    axes, n = _all_but_last(x)
    mean = x.sum(axes) / n
    # In place from here on: of a large batch, every new array costs more time than the arithmetic.
    x_hat = x - mean
    variance = np.square(x_hat).sum(axes) / n
    inverse_std = 1 / np.sqrt(variance + epsilon)
    x_hat *= inverse_std
    y = gamma * x_hat
    y += beta
    return y, (x_hat, inverse_std, gamma), mean, variance


def batch_norm_backward(dy, cache):
    """From dy = dL/dy, shaped like x: dx, dgamma (C,), dbeta (C,).

    dgamma = sum(dy * x_hat), dbeta = sum(dy) and, because mean and variance depend on x too,
    dx = gamma / sqrt(variance + epsilon) * (dy - dbeta / n - x_hat * dgamma / n), with n as in `batch_norm_train`.
    Source: the chain rule of Ioffe and Szegedy (2015), section 3, simplified.
    """
    x_hat, inverse_std, gamma = cache
    axes, n = _all_but_last(dy)
    dgamma = (dy * x_hat).sum(axes)
    dbeta = dy.sum(axes)
    dx = dy - dbeta / n
    dx -= x_hat * (dgamma / n)
    dx *= gamma * inverse_std
    return dx, dgamma, dbeta


def batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, epsilon=1e-3):
    """y = gamma * (x - moving_mean) / sqrt(moving_variance + epsilon) + beta: x and y (N, ..., C), all others (C,).

    Each row is treated independently of the others. Raises ValueError if the last axis of x is not as long as gamma.
    """
    _check_channels(x, gamma)
    return gamma / np.sqrt(moving_variance + epsilon) * (x - moving_mean) + beta


def update_moving(moving, batch, momentum=0.99):
    """The next moving average, moving * momentum + batch * (1 - momentum): momentum weighs the old value; all (C,).

    As in Keras, `batch` is the variance of `batch_norm_train`; the paper's algorithm 2 uses n / (n - 1) times it.
    """
    return moving * momentum + batch * (1 - momentum)


# --- losses ---


def mean_absolute_error(y_true, y_pred):
    """The mean of |y_pred - y_true| over rows and outputs. Raises ValueError unless both have the same shape."""
    _check_same_shape(y_true, y_pred)
    return np.abs(y_pred - y_true).mean()


def mean_absolute_error_gradient(y_true, y_pred):
    """dL/dy_pred = sign(y_pred - y_true) / number of values, shaped like y_pred; 0 where both are equal."""
    _check_same_shape(y_true, y_pred)
    return np.sign(y_pred - y_true) / y_pred.size


def mean_squared_error(y_true, y_pred):
    """The mean of (y_pred - y_true)^2 over rows and outputs. Raises ValueError unless both have the same shape."""
    _check_same_shape(y_true, y_pred)
    return np.square(y_pred - y_true).mean()


def mean_squared_error_gradient(y_true, y_pred):
    """dL/dy_pred = 2 (y_pred - y_true) / number of values, shaped like y_pred."""
    _check_same_shape(y_true, y_pred)
    return (y_pred - y_true) * (2 / y_pred.size)


# --- mini-batches ---


def minibatches(x, y, batch_size, rng=None):
    """Iterate once over (x, y) in batches of `batch_size` rows; the last one holds what is left.

    In an order drawn from the generator `rng`, or without one in the order given; call it again for every epoch.
    Raises ValueError for a batch_size below 1, or if y does not have as many rows as x.
    """
    _check_whole_number("batch_size", batch_size)
    if rng is not None:
        _check_generator(rng, "or None")
    x, y = np.asarray(x), np.asarray(y)
    _check(len(y) == len(x), "y", f"of {len(x)} rows, as x", len(y))
    order = np.arange(len(x)) if rng is None else rng.permutation(len(x))
    batches = (order[start : start + batch_size] for start in range(0, len(x), batch_size))
    return ((x[rows], y[rows]) for rows in batches)


# --- layers ---


class Layer:
    """What all layers share; each adds forward(x, training) -> y and backward(dy) -> dx, shaped like x.

    forward stores what backward needs, if training is True; backward sets `gradients`, in the order of
    `trainable_weights`. Shapes in `build` are those of one row.
    """

    def __init__(self):
        self.built = False
        self.trainable_weights, self.non_trainable_weights, self.gradients = [], [], []

    @property
    def weights(self):
        """All weights in Keras' order: the trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    def build(self, input_shape, rng, dtype):
        """Create the weights, random ones from `rng` (0 if it is None), and return the output shape."""
        return input_shape


class Dense(Layer):
    """y = activation(x W + b), x (N, D) -> y (N, units). Weights: kernel W (D, units) and bias b (units,).

    At the start W is uniform in [-a, a] with a = sqrt(6 / (D + units)), and b is 0. Source: Glorot and Bengio (2010),
    Understanding the difficulty of training deep feedforward neural networks, equation 16.
    """

    def __init__(self, units, activation=None):
        super().__init__()
        _check_whole_number("units", units)
        self.units, self.activation = units, Activation(activation)

    def build(self, input_shape, rng, dtype):
        _check(len(input_shape) == 1, "x of Dense", "of shape (N, D); put Flatten before it", _shape(input_shape))
        shape = (*input_shape, self.units)
        a = math.sqrt(6 / sum(shape))
        self.kernel = np.zeros(shape, dtype) if rng is None else rng.uniform(-a, a, shape).astype(dtype)
        self.bias = np.zeros(self.units, dtype)
        self.trainable_weights = [self.kernel, self.bias]
        return (self.units,)

    def forward(self, x, training):
        if training:
            self.x = x
        return self.activation.forward(dense_forward(x, self.kernel, self.bias), training)

    def backward(self, dy):
        dx, *self.gradients = dense_backward(self.activation.backward(dy), self.x, self.kernel)
        return dx


class Activation(Layer):
    """y = max(x, 0) for "relu", y = x for "linear" or None; x of any shape."""

    def __init__(self, activation):
        super().__init__()
        _check(activation in ("relu", "linear", None), "activation", '"relu", "linear" or None', activation)
        self.is_linear = activation != "relu"

    def forward(self, x, training):
        if self.is_linear:
            return x
        if training:
            self.x = x
        return relu(x)

    def backward(self, dy):
        return dy if self.is_linear else relu_backward(dy, self.x)


class Dropout(Layer):
    """In training mode `dropout_forward`, with the net's generator; in inference mode y = x. Any shape."""

    def __init__(self, rate):
        super().__init__()
        self.rate = _number("rate", rate, 0, 1, closed=True)

    def build(self, input_shape, rng, dtype):
        self.rng = rng
        return input_shape

    def forward(self, x, training):
        y, self.mask = dropout_forward(x, self.rate, self.rng, training)
        return y

    def backward(self, dy):
        return dropout_backward(dy, self.mask)


class BatchNormalization(Layer):
    """In training mode `batch_norm_train`, and new moving averages; else `batch_norm_inference`. x (N, ..., C).

    Weights, all (C,), and their start: gamma 1 and beta 0, trained; moving_mean 0 and moving_variance 1, not trained.
    """

    def __init__(self, momentum=0.99, epsilon=1e-3):
        super().__init__()
        self.momentum, self.epsilon = _number("momentum", momentum, 0, 1, closed=True), _number("epsilon", epsilon, 0)

    def build(self, input_shape, rng, dtype):
        zeros, ones = np.zeros(input_shape[-1], dtype), np.ones(input_shape[-1], dtype)
        self.gamma, self.beta, self.moving_mean, self.moving_variance = ones, zeros, zeros.copy(), ones.copy()
        self.trainable_weights = [self.gamma, self.beta]
        self.non_trainable_weights = [self.moving_mean, self.moving_variance]
        return input_shape

    def forward(self, x, training):
        if not training:
            return batch_norm_inference(x, *self.weights, self.epsilon)
        y, self.cache, mean, variance = batch_norm_train(x, self.gamma, self.beta, self.epsilon)
        self.moving_mean[:] = update_moving(self.moving_mean, mean, self.momentum)
        self.moving_variance[:] = update_moving(self.moving_variance, variance, self.momentum)
        return y

    def backward(self, dy):
        dx, *self.gradients = batch_norm_backward(dy, self.cache)
        return dx


class Flatten(Layer):
    """All values of a row side by side: (N, ...) -> (N, D)."""

    def build(self, input_shape, rng, dtype):
        return (math.prod(input_shape),)

    def forward(self, x, training):
        if training:
            self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy):
        return dy.reshape(self.shape)


# --- optimizers ---


class SGD:
    """Stochastic gradient descent: w <- w - learning_rate * g."""

    def __init__(self, learning_rate=0.01):
        self.learning_rate = _number("learning_rate", learning_rate, 0)

    def build(self, parameters):
        """Nothing to prepare."""

    def apply(self, gradients, parameters):
        """Change each array of the list `parameters` in place. Raises ValueError for gradients of other shapes."""
        _check_shapes("gradients", gradients, parameters)
        for g, w in zip(gradients, parameters, strict=True):
            w -= self.learning_rate * g


class Adam:
    """Adam, with epsilon added to sqrt(v) without bias correction, as in Keras (the paper's "epsilon hat").

    In step t: m <- beta_1 m + (1 - beta_1) g and v <- beta_2 v + (1 - beta_2) g^2, both 0 at the start; then
    w <- w - alpha m / (sqrt(v) + epsilon) with alpha = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t).
    Source: Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, section 2, last lines before 2.1.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.learning_rate, self.epsilon = _number("learning_rate", learning_rate, 0), _number("epsilon", epsilon, 0)
        self.beta_1, self.beta_2 = _number("beta_1", beta_1, 0, 1), _number("beta_2", beta_2, 0, 1)
        self.iterations, self.parameters = 0, None

    def build(self, parameters):
        """Make m and v for each array of the list `parameters`. Raises ValueError if it has those of others."""
        if self.parameters is None:
            self.parameters = list(parameters)
            self.m = [np.zeros_like(w) for w in parameters]
            self.v = [np.zeros_like(w) for w in parameters]
            self.buffers = [np.empty_like(w) for w in parameters]
        if [id(w) for w in self.parameters] != [id(w) for w in parameters]:
            raise ValueError("parameters must be the arrays that this Adam began with: another net needs another Adam")

    def apply(self, gradients, parameters):
        """Change each array of the list `parameters` in place.

        Raises ValueError for gradients of other shapes, and for other arrays than in the first call.
        """
        _check_shapes("gradients", gradients, parameters)
        self.build(parameters)
        self.iterations += 1
        t = self.iterations
        alpha = self.learning_rate * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        # Nothing is allocated: with a million weights, the time of a step is that of passing over the arrays.
        for g, w, m, v, buffer in zip(gradients, parameters, self.m, self.v, self.buffers, strict=True):
            m *= self.beta_1
            m += np.multiply(g, 1 - self.beta_1, out=buffer)
            v *= self.beta_2
            np.square(g, out=buffer)
            v += np.multiply(buffer, 1 - self.beta_2, out=buffer)
            np.sqrt(v, out=buffer)
            buffer += self.epsilon
            np.divide(m, buffer, out=buffer)
            w -= np.multiply(buffer, alpha, out=buffer)


# --- the net ---


class Input:
    """The first of a net's layers: the shape of one row of x, for example Input((11,))."""

    def __init__(self, shape):
        _check(isinstance(shape, tuple | list) and len(shape) > 0, "shape", "a tuple such as (11,)", shape)
        for size in shape:
            _check_whole_number("shape", size)
        self.shape = tuple(shape)


class History:
    """`history` maps "loss", and "val_loss" if there was validation data, to a list of one value per epoch."""

    def __init__(self, history):
        self.history = history


_OPTIMIZERS = {"sgd": SGD, "adam": Adam}
_LOSSES = {
    "mean_absolute_error": (mean_absolute_error, mean_absolute_error_gradient),
    "mean_squared_error": (mean_squared_error, mean_squared_error_gradient),
}
_LOSSES |= {"mae": _LOSSES["mean_absolute_error"], "mse": _LOSSES["mean_squared_error"]}


class Sequential:
    """Layers, each fed with the output of the one before.

    layers : list of an Input and new layers.
    rng : np.random.Generator for the initial weights, the order of the rows and the masks of dropout. Without it,
        call `set_weights` first, and train with shuffle=False and no Dropout.
    dtype : of weights and data; "float64" is for checking gradients.

    Raises ValueError for other layers, for a shape that a layer cannot take and for another rng or dtype.
    """

    def __init__(self, layers, rng=None, dtype="float32"):
        if rng is not None:
            _check_generator(rng, "or None")
        _check(dtype in ("float32", "float64"), "dtype", '"float32" or "float64"', dtype)
        layers = list(layers)
        _check(layers and isinstance(layers[0], Input), "layers", "a list that begins with Input(shape)", layers)
        self.layers, self.shapes = layers[1:], [layers[0].shape]
        self.rng, self.dtype = rng, dtype
        self.has_weights, self.in_training, self.optimizer = rng is not None, False, None
        for layer in self.layers:
            is_new = isinstance(layer, Layer) and not layer.built
            _check(is_new, "layers", "new layers such as Dense(1), each used once", layer)
            self.shapes.append(layer.build(self.shapes[-1], rng, dtype))
            layer.built = True

    def compile(self, optimizer, loss):
        """Choose the optimizer (an SGD or Adam, or its name) and the loss ("mae", "mse" or in full); return the net.

        Raises ValueError for any other, and for an Adam that already trains another net.
        """
        if isinstance(optimizer, str) and optimizer in _OPTIMIZERS:
            optimizer = _OPTIMIZERS[optimizer]()
        known = isinstance(optimizer, SGD | Adam)
        _check(known, "optimizer", f"an SGD, an Adam or one of {list(_OPTIMIZERS)}", optimizer)
        _check(isinstance(loss, str) and loss in _LOSSES, "loss", f"one of {list(_LOSSES)}", loss)
        optimizer.build(self.trainable_weights)
        self.optimizer = optimizer
        self.loss, self.loss_gradient = _LOSSES[loss]
        return self

    @property
    def trainable_weights(self):
        """What the optimizer changes, layer by layer."""
        return [weight for layer in self.layers for weight in layer.trainable_weights]

    @property
    def gradients(self):
        """The gradient of each of the `trainable_weights`, from the last `backward`."""
        return [gradient for layer in self.layers for gradient in layer.gradients]

    @property
    def weights(self):
        """All weights, layer by layer, in the order of Keras."""
        return [weight for layer in self.layers for weight in layer.weights]

    def get_weights(self):
        """Copies of all weights."""
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights):
        """Copy `weights`, in the order of `get_weights`, into the net; those of a Keras model fit as they are.

        Raises ValueError for another number or other shapes of arrays, and then changes nothing.
        """
        new = [np.asarray(weight, self.dtype) for weight in weights]
        _check_shapes("weights", new, self.weights)
        for weight, value in zip(self.weights, new, strict=True):
            weight[:] = value
        self.has_weights = True

    def forward(self, x, training):
        """The output for the rows x, an array in the dtype of the net, in training mode or in inference mode."""
        self.in_training = training
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def backward(self, dy):
        """Set the `gradients` of all layers from dy = dL/d(output), and return dL/dx.

        Raises ValueError if the last `forward` was not in training mode.
        """
        if not self.in_training:
            raise ValueError("backward needs forward(x, training=True) right before it")
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def fit(self, x, y, batch_size=32, epochs=1, validation_data=None, shuffle=True, verbose=1):
        """Train `epochs` times on all rows x and targets y, `batch_size` rows a step; return a History.

        y is shaped like the output. shuffle=True draws a new order of the rows for every epoch; verbose=1 shows a
        progress bar, verbose=0 nothing. "loss" is the mean over the rows of an epoch, taken while the weights change
        and dropout is on; "val_loss" is `evaluate` on validation_data = (x, y) after it.
        Raises ValueError for an argument out of range, data of the wrong shape, numbers that are not finite, and a
        net without loss, weights or the generator it needs, and then changes nothing. Training that diverges raises
        nothing: its loss is inf or nan, as in Keras.
        """
        _check_whole_number("epochs", epochs)
        _check_whole_number("batch_size", batch_size)
        _check(verbose in (0, 1), "verbose", "0 or 1", verbose)
        x, y = self._checked_pair(x, y)
        history = {"loss": []}
        if validation_data is not None:
            is_pair = isinstance(validation_data, tuple | list) and len(validation_data) == 2
            _check(is_pair, "validation_data", "a pair (x, y)", type(validation_data).__name__)
            validation_data = self._checked_pair(*validation_data, within="validation_data ")
            history["val_loss"] = []
        if shuffle or any(isinstance(layer, Dropout) for layer in self.layers):
            _check_generator(self.rng, "to shuffle rows or drop values")
        steps = epochs * math.ceil(len(x) / batch_size)
        with (
            tqdm(total=steps, unit="step", file=sys.stdout, disable=not verbose) as bar,
            np.errstate(over="ignore", invalid="ignore", divide="ignore"),
        ):
            for _ in range(epochs):
                history["loss"].append(self._epoch(x, y, batch_size, self.rng if shuffle else None, bar))
                if validation_data is not None:
                    history["val_loss"].append(self.evaluate(*validation_data))
                bar.set_postfix({name: f"{values[-1]:.4f}" for name, values in history.items()}, refresh=False)
        return History(history)

    def evaluate(self, x, y, batch_size=256):
        """The loss over all rows in inference mode; `batch_size` limits the memory used, the result is the same."""
        x, y = self._checked_pair(x, y)
        return float(self.loss(y, self.predict(x, batch_size)))

    def predict(self, x, batch_size=256):
        """The output for all rows in inference mode; `batch_size` limits the memory used, the result is the same."""
        _check_whole_number("batch_size", batch_size)
        x = self._checked("x", x, self.shapes[0])
        starts = range(0, len(x), batch_size)
        return np.concatenate([self.forward(x[start : start + batch_size], training=False) for start in starts])

    def summary(self):
        """Print every layer with the shape of its output and the number of its weights."""
        print(f"{'Layer':<20} {'Output shape':<20} {'Param #':>12}")
        for layer, shape in zip(self.layers, self.shapes[1:], strict=True):
            print(f"{type(layer).__name__:<20} {_shape(shape):<20} {_count(layer.weights):>12,}")
        print(f"Total params: {_count(self.weights):,}")
        print(f"Trainable params: {_count(self.trainable_weights):,}")
        print(f"Non-trainable params: {_count(self.weights) - _count(self.trainable_weights):,}")

    def _epoch(self, x, y, batch_size, rng, bar):
        """One step on every batch; return the mean loss over all rows: a smaller last batch counts less."""
        total = 0.0
        for x_batch, y_batch in minibatches(x, y, batch_size, rng):
            total += len(x_batch) * self._step(x_batch, y_batch)
            bar.update()
        return total / len(x)

    def _step(self, x, y):
        """One step of training on one batch; return the loss before it."""
        y_pred = self.forward(x, training=True)
        self.backward(self.loss_gradient(y, y_pred))
        self.optimizer.apply(self.gradients, self.trainable_weights)
        return float(self.loss(y, y_pred))

    def _checked_pair(self, x, y, within=""):
        """x and y as arrays that fit the net, and each other."""
        if self.optimizer is None:
            raise ValueError("the net has no loss yet: call compile(optimizer, loss) first")
        x = self._checked(f"{within}x", x, self.shapes[0])
        y = self._checked(f"{within}y", y, self.shapes[-1])
        _check(len(y) == len(x), f"{within}y", f"of {len(x)} rows, as x", len(y))
        return x, y

    def _checked(self, argument, values, row_shape):
        """An array of finite numbers in the dtype of the net, of at least one row of the given shape."""
        if not self.has_weights:
            raise ValueError("the net has no weights yet: give it an rng to draw them from, or call set_weights first")
        try:
            given = np.asarray(values)
            # Dates and digits in quotes could be cast as well; objects are, or fail to be, one by one.
            is_number = given.dtype.kind in "biufO"
            with np.errstate(over="ignore"):
                array = given.astype(self.dtype, copy=False) if is_number else given
        except (TypeError, ValueError) as error:
            raise ValueError(f"{argument} must be an array of numbers: {error}") from error
        _check(is_number, argument, "an array of numbers", given.dtype)
        fits = array.size > 0 and array.shape[1:] == row_shape
        # The likeliest slip of all: a column of a table, taken out with one pair of brackets.
        hint = " (reshape(-1, 1) makes a column of it)" if array.ndim == 1 and row_shape == (1,) else ""
        _check(fits, argument, f"of shape {_shape(row_shape)} with N > 0{hint}", array.shape)
        finite = np.isfinite(array)
        if not finite.all():
            first = tuple(map(int, np.argwhere(~finite)[0]))
            raise ValueError(
                f"{argument} must hold numbers that are finite in {self.dtype}, got {given[first]} at {first}"
            )
        return array


# --- arguments and shapes ---


def _check(condition, argument, allowed, given):
    if not condition:
        raise ValueError(f"{argument} must be {allowed}, got {given!r}")


def _number(argument, value, low, high=math.inf, closed=False):
    """The value as a Python float: in its place, a np.float64 would turn float32 arrays into float64."""
    inside = isinstance(value, numbers.Real) and (low <= value < high or closed and value == high)
    allowed = f"a number in [{low}, {high}{']' if closed else ')'}"
    _check(inside and not isinstance(value, bool), argument, allowed, value)
    return float(value)


def _check_whole_number(argument, value):
    valid = isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= 1
    _check(valid, argument, "a whole number from 1 up", value)


def _check_generator(rng, purpose):
    _check(isinstance(rng, np.random.Generator), "rng", f"an np.random.Generator {purpose}", rng)


def _check_channels(x, gamma):
    _check(x.ndim >= 2 and x.shape[-1] == len(gamma), "x", f"of shape (N, ..., {len(gamma)})", x.shape)


def _check_same_shape(y_true, y_pred):
    # NumPy would silently broadcast (N,) with (N, 1) to (N, N).
    _check(y_true.shape == y_pred.shape, "y_pred", f"of the shape of y_true, {y_true.shape}", y_pred.shape)


def _check_shapes(argument, arrays, like):
    given, wanted = [array.shape for array in arrays], [array.shape for array in like]
    _check(given == wanted, argument, f"arrays of the shapes {wanted}", given)


def _all_but_last(x):
    """The axes over which the statistics of a channel are taken, and the number of values in it."""
    return tuple(range(x.ndim - 1)), x.size // x.shape[-1]


def _shape(row_shape):
    return str(("N", *row_shape)).replace("'", "")


def _count(weights):
    return sum(weight.size for weight in weights)
