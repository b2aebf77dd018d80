"""Dense layers, dropout, batch normalization and their training, from scratch in NumPy.

First the mathematics, as pure functions; then layers, optimizers and `Sequential`, which keep the
books under Keras' names. In the shapes, N is the number of rows, D of inputs, K of outputs, C of
channels. Everything is computed in the dtype of its input, which `Sequential` makes float32.
"""

import math
import numbers
import sys

import numpy as np
from tqdm import tqdm

# --- dense layer and ReLU ---


def dense_forward(x, weights, bias):
    """All outputs for all rows, y = x W + b: x (N, D), weights (D, K), bias (K,) -> y (N, K).

    Raises ValueError for another number of features than the weights have rows.
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


def dropout_forward(x, rate, rng):
    """Drop each value with probability `rate` and scale the others by 1 / (1 - rate): (y, mask), both shaped like x.

    y = x * mask, and the mask, already scaled, holds 0 and 1 / (1 - rate): the expectation of y is x. At rate 1 all
    is dropped. This is training mode; in inference mode dropout does nothing ("inverted dropout").
    Raises ValueError for a rate outside [0, 1] or an rng that is no np.random.Generator.
    Source: Srivastava et al. (2014), Dropout: A Simple Way to Prevent Neural Networks from Overfitting, section 10.
    """
    _check_number("rate", rate, 0, 1)
    _check_generator(rng, "to draw the masks of dropout")
    keep = rng.random(x.shape, dtype=np.float32) >= rate
    scale = 0 if rate == 1 else 1 / (1 - rate)
    # dtype, because bool times Python float is float64.
    mask = np.multiply(keep, scale, dtype=x.dtype)
    return x * mask, mask


def dropout_backward(dy, mask):
    """dx = dy * mask, with the mask of the forward pass: what was dropped gets no gradient."""
    return dy * mask


# --- batch normalization ---


def batch_norm_train(x, gamma, beta, epsilon=1e-3):
    """Normalize every channel by this batch: x (N, C) or (N, H, W, C), gamma and beta (C,) -> y, cache, mean, variance.

    Over all axes but the last: mean = sum(x) / n and variance = sum((x - mean)^2) / n, both (C,), then
    x_hat = (x - mean) / sqrt(variance + epsilon) and y = gamma * x_hat + beta, shaped like x.
    The cache is for `batch_norm_backward`. Raises ValueError for another number of channels than gamma has.
    Source: Ioffe and Szegedy (2015), Batch Normalization, algorithm 1.
    """
    _check_channels(x, gamma)
    axes = tuple(range(x.ndim - 1))
    n = x.size // x.shape[-1]
    mean = x.sum(axes) / n
    x_hat = x - mean
    variance = np.square(x_hat).sum(axes) / n
    inverse_std = 1 / np.sqrt(variance + epsilon)
    x_hat *= inverse_std
    y = gamma * x_hat
    y += beta
    return y, (x_hat, inverse_std, gamma), mean, variance


def batch_norm_backward(dy, cache):
    """From dy = dL/dy, shaped like x: dx, dgamma (C,), dbeta (C,).

    dgamma = sum(dy * x_hat), dbeta = sum(dy) and, since mean and variance depend on x as well,
    dx = gamma / sqrt(variance + epsilon) * (dy - dbeta / n - x_hat * dgamma / n), n values a channel.
    """
    x_hat, inverse_std, gamma = cache
    axes = tuple(range(dy.ndim - 1))
    n = dy.size // dy.shape[-1]
    dgamma = (dy * x_hat).sum(axes)
    dbeta = dy.sum(axes)
    dx = dy - dbeta / n
    dx -= x_hat * (dgamma / n)
    dx *= gamma * inverse_std
    return dx, dgamma, dbeta


def batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, epsilon=1e-3):
    """y = gamma * (x - moving_mean) / sqrt(moving_variance + epsilon) + beta: every row for itself; x and y (..., C).

    Raises ValueError for another number of channels than gamma has.
    """
    _check_channels(x, gamma)
    y = x - moving_mean
    y *= gamma / np.sqrt(moving_variance + epsilon)
    y += beta
    return y


def update_moving(moving, batch, momentum=0.99):
    """The next moving average, moving * momentum + batch * (1 - momentum): momentum weighs the old value; all (C,)."""
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
    """Iterate over (x, y) in batches of `batch_size` rows; the last one holds what is left.

    In an order drawn from the generator `rng`, or without one in the order given.
    Raises ValueError for a batch_size below 1, and for a y with another number of rows than x.
    """
    _check_whole_number("batch_size", batch_size)
    _check(len(y) == len(x), "y", f"of {len(x)} rows, as x", len(y))
    order = np.arange(len(x)) if rng is None else rng.permutation(len(x))
    batches = (order[start : start + batch_size] for start in range(0, len(x), batch_size))
    return ((x[rows], y[rows]) for rows in batches)


# --- layers ---


class Layer:
    """What all layers share: `forward` in training mode keeps what `backward` needs, `backward` keeps the gradients.

    `gradients` stand in the order of `trainable_weights`. The shapes in `build` are those of one row.
    """

    def __init__(self):
        self.trainable_weights, self.non_trainable_weights, self.gradients = [], [], []

    @property
    def weights(self):
        """All weights in Keras' order: the trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    def build(self, input_shape, rng, dtype):
        """Make the weights, drawn from `rng`, or zeros to be set later without one; return the shape of the output."""
        return input_shape


class Dense(Layer):
    """y = activation(x W + b), x (N, D) -> y (N, units). Weights: kernel W (D, units) and bias b (units,).

    The kernel starts uniform in +-sqrt(6 / (D + units)), the bias from 0: Glorot and Bengio (2010), formula 16.
    """

    def __init__(self, units, activation=None):
        super().__init__()
        _check_whole_number("units", units)
        self.units, self.activation = units, Activation(activation)

    def build(self, input_shape, rng, dtype):
        _check(len(input_shape) == 1, "x of Dense", "of shape (N, D); put Flatten before it", (None, *input_shape))
        shape = (*input_shape, self.units)
        limit = math.sqrt(6 / sum(shape))
        self.kernel = np.zeros(shape, dtype) if rng is None else rng.uniform(-limit, limit, shape).astype(dtype)
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
    """`dropout_forward` in training mode, with the generator of the net; nothing in inference mode. Any shape."""

    def __init__(self, rate):
        super().__init__()
        _check_number("rate", rate, 0, 1)
        self.rate = rate

    def build(self, input_shape, rng, dtype):
        self.rng = rng
        return input_shape

    def forward(self, x, training):
        if not training:
            return x
        y, self.mask = dropout_forward(x, self.rate, self.rng)
        return y

    def backward(self, dy):
        return dropout_backward(dy, self.mask)


class BatchNormalization(Layer):
    """`batch_norm_train` and a step of the moving averages in training mode, else `batch_norm_inference`; x (..., C).

    Weights, all (C,): gamma from 1 and beta from 0 are trained, moving_mean from 0 and moving_variance from 1 are not.
    """

    def __init__(self, momentum=0.99, epsilon=1e-3):
        super().__init__()
        _check_number("momentum", momentum, 0, 1)
        _check_number("epsilon", epsilon, 0)
        self.momentum, self.epsilon = momentum, epsilon

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
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy):
        return dy.reshape(self.shape)


# --- optimizers ---


class SGD:
    """Stochastic gradient descent: w <- w - learning_rate * g."""

    def __init__(self, learning_rate=0.01):
        _check_number("learning_rate", learning_rate, 0)
        self.learning_rate = learning_rate

    def apply(self, gradients, parameters):
        """Change each of the arrays `parameters` in place by its gradient, an array of the same shape."""
        for g, w in zip(gradients, parameters, strict=True):
            w -= self.learning_rate * g


class Adam:
    """Adam, with epsilon where Keras has it: added to the root of a v that is not corrected yet ("epsilon hat").

    In step t: m <- beta_1 m + (1 - beta_1) g and v <- beta_2 v + (1 - beta_2) g^2, both from 0, then
    w <- w - learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon).
    Source: Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, end of section 2.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        _check_number("learning_rate", learning_rate, 0)
        _check(0 <= beta_1 < 1, "beta_1", "a number in [0, 1)", beta_1)
        _check(0 <= beta_2 < 1, "beta_2", "a number in [0, 1)", beta_2)
        _check_number("epsilon", epsilon, 0)
        self.learning_rate, self.beta_1, self.beta_2, self.epsilon = learning_rate, beta_1, beta_2, epsilon
        self.iterations, self.parameters = 0, []

    def apply(self, gradients, parameters):
        """Change each of the arrays `parameters` in place by its gradient, an array of the same shape.

        Raises ValueError for other arrays than in the first call: m and v belong to those.
        """
        if not self.iterations:
            self.parameters = list(parameters)
            self.m, self.v, self.buffers = ([np.zeros_like(w) for w in parameters] for _ in range(3))
        known = [id(w) for w in self.parameters] == [id(w) for w in parameters]
        _check(known, "parameters", "the arrays of the first call; another net needs another Adam", "other arrays")
        self.iterations += 1
        t, rest_1, rest_2 = self.iterations, 1 - self.beta_1, 1 - self.beta_2
        # m and v are kept without their factors (1 - beta), which two scalars take up instead, and nothing is
        # allocated: with a million weights, the time of a step is that of the passes over them.
        alpha = self.learning_rate * rest_1 / (1 - self.beta_1**t) * math.sqrt((1 - self.beta_2**t) / rest_2)
        epsilon = self.epsilon / math.sqrt(rest_2)
        for g, w, m, v, buffer in zip(gradients, parameters, self.m, self.v, self.buffers, strict=True):
            m *= self.beta_1
            m += g
            v *= self.beta_2
            v += np.square(g, out=buffer)
            np.sqrt(v, out=buffer)
            buffer += epsilon
            np.divide(m, buffer, out=buffer)
            buffer *= alpha
            w -= buffer


# --- the net ---


class Input:
    """The first of a net's layers: the shape of one row of x, for example Input((11,))."""

    def __init__(self, shape):
        self.shape = tuple(shape)


class History:
    """What `fit` returns: `history` maps "loss" and "val_loss" to lists with a value for every epoch."""

    def __init__(self):
        self.history = {"loss": []}


_OPTIMIZERS = {"sgd": SGD, "adam": Adam}
_LOSSES = {
    "mean_absolute_error": (mean_absolute_error, mean_absolute_error_gradient),
    "mean_squared_error": (mean_squared_error, mean_squared_error_gradient),
}
_LOSSES |= {"mae": _LOSSES["mean_absolute_error"], "mse": _LOSSES["mean_squared_error"]}


class Sequential:
    """Layers, each fed with the output of the one before.

    layers : list of an Input and the layers.
    rng : the np.random.Generator that draws initial weights, the order of the rows and the masks of dropout, in
        this order. Without one, the weights must come from `set_weights` and nothing random may be asked for.
    dtype : of weights and data; "float64" is for checking gradients.
    """

    def __init__(self, layers, rng=None, dtype="float32"):
        if rng is not None:
            _check_generator(rng, "or None")
        first, *self.layers = layers or [None]
        _check(isinstance(first, Input), "layers", "a list that begins with Input(shape)", first)
        self.rng, self.dtype, self.has_weights = rng, np.dtype(dtype), rng is not None
        self.shapes = [first.shape]
        for layer in self.layers:
            self.shapes.append(layer.build(self.shapes[-1], rng, self.dtype))
        self.optimizer = None

    def compile(self, optimizer, loss):
        """Choose the optimizer (an SGD or Adam, or its name) and the loss ("mae", "mse" or in full); return the net."""
        if isinstance(optimizer, str):
            _check(optimizer in _OPTIMIZERS, "optimizer", f"an optimizer or one of {list(_OPTIMIZERS)}", optimizer)
            optimizer = _OPTIMIZERS[optimizer]()
        _check(loss in _LOSSES, "loss", f"one of {list(_LOSSES)}", loss)
        self.optimizer, (self.loss, self.loss_gradient) = optimizer, _LOSSES[loss]
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
        """Take over weights in the order of `get_weights`, for example those of a Keras model.

        Raises ValueError for another number or other shapes of arrays, and then changes nothing.
        """
        weights = [np.asarray(weight, self.dtype) for weight in weights]
        wanted, given = [weight.shape for weight in self.weights], [weight.shape for weight in weights]
        _check(given == wanted, "weights", f"arrays of the shapes {wanted}", given)
        for own, weight in zip(self.weights, weights, strict=True):
            own[:] = weight
        self.has_weights = True

    def forward(self, x, training):
        """The output for the rows x, in training mode or in inference mode."""
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def backward(self, dy):
        """From dL/d(output), after `forward` in training mode: the `gradients` of all layers, and dL/dx."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def fit(self, x, y, batch_size=32, epochs=1, validation_data=None, shuffle=True, verbose=1):
        """Train on rows x with targets y, shaped like the output; return a History.

        "loss" is the mean over an epoch's rows while the weights change and dropout is on; "val_loss", given
        validation_data = (x, y), is measured after the epoch in inference mode. verbose=1 shows a progress bar.
        Raises ValueError for an argument out of range, data of the wrong shape, numbers that are not finite and a
        net without loss or weights. Training that diverges raises nothing: its loss is inf or nan, as in Keras.
        """
        _check_whole_number("batch_size", batch_size)
        _check_whole_number("epochs", epochs)
        _check(verbose in (0, 1), "verbose", "0 or 1", verbose)
        x, y = self._checked(x, y)
        if validation_data is not None:
            validation_data = self._checked(*validation_data, within="validation_data ")
        if shuffle:
            _check_generator(self.rng, "where shuffle is True")
        _keep_freed_memory()
        result = History()
        steps = epochs * math.ceil(len(x) / batch_size)
        with (
            tqdm(total=steps, unit="step", file=sys.stdout, disable=not verbose) as bar,
            np.errstate(over="ignore", invalid="ignore"),
        ):
            for _ in range(epochs):
                total = 0.0
                for x_batch, y_batch in minibatches(x, y, batch_size, self.rng if shuffle else None):
                    total += len(x_batch) * self._step(x_batch, y_batch)
                    bar.update()
                result.history["loss"].append(total / len(x))
                if validation_data is not None:
                    result.history.setdefault("val_loss", []).append(self._loss(*validation_data, batch_size))
                bar.set_postfix({name: f"{values[-1]:.4f}" for name, values in result.history.items()})
        return result

    def evaluate(self, x, y, batch_size=256):
        """The loss over all rows in inference mode; `batch_size` only bounds the memory."""
        _check_whole_number("batch_size", batch_size)
        return self._loss(*self._checked(x, y), batch_size)

    def predict(self, x, batch_size=256):
        """The output for all rows in inference mode; `batch_size` only bounds the memory."""
        _check_whole_number("batch_size", batch_size)
        x = self._checked_array("x", x, self.shapes[0])
        return np.concatenate([self.forward(batch, training=False) for batch, _ in minibatches(x, x, batch_size)])

    def summary(self):
        """Print every layer with the shape of its output and the number of its weights."""
        print(f"{'Layer':<20} {'Output shape':<20} {'Param #':>12}")
        for layer, shape in zip(self.layers, self.shapes[1:], strict=True):
            print(f"{type(layer).__name__:<20} {str((None, *shape)):<20} {_count(layer.weights):>12,}")
        print(f"Total params: {_count(self.weights):,}")
        print(f"Trainable params: {_count(self.trainable_weights):,}")
        print(f"Non-trainable params: {_count(self.weights) - _count(self.trainable_weights):,}")

    def _step(self, x, y):
        """One step of training on one batch; return the loss before it."""
        y_pred = self.forward(x, training=True)
        loss = self.loss(y, y_pred)
        self.backward(self.loss_gradient(y, y_pred))
        self.optimizer.apply(self.gradients, self.trainable_weights)
        return float(loss)

    def _loss(self, x, y, batch_size):
        """The mean loss over all rows, in inference mode."""
        total = 0.0
        for x_batch, y_batch in minibatches(x, y, batch_size):
            total += len(x_batch) * float(self.loss(y_batch, self.forward(x_batch, training=False)))
        return total / len(x)

    def _checked(self, x, y, within=""):
        """x and y as arrays that fit the net, and each other."""
        if self.optimizer is None:
            raise ValueError("the net has no loss yet: call compile(optimizer, loss) first")
        x = self._checked_array(f"{within}x", x, self.shapes[0])
        y = self._checked_array(f"{within}y", y, self.shapes[-1])
        _check(len(y) == len(x), f"{within}y", f"of {len(x)} rows, as x", len(y))
        return x, y

    def _checked_array(self, argument, values, row_shape):
        """An array of finite numbers in the dtype of the net, of at least one row of the given shape."""
        if not self.has_weights:
            raise ValueError("the net has no weights yet: give it an rng to draw them from, or call set_weights first")
        try:
            array = np.asarray(values, self.dtype)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{argument} must be an array of numbers: {error}") from error
        _check(
            array.ndim and len(array) and array.shape[1:] == row_shape,
            argument,
            f"of shape {(None, *row_shape)}",
            array.shape,
        )
        finite = np.isfinite(array)
        if not finite.all():
            first = tuple(map(int, np.argwhere(~finite)[0]))
            raise ValueError(f"{argument} must hold finite numbers only, got {array[first]} at {first}")
        return array


# --- arguments and memory ---


def _check(condition, argument, allowed, given):
    if not condition:
        raise ValueError(f"{argument} must be {allowed}, got {given!r}")


def _check_number(argument, value, low, high=math.inf):
    allowed = f"a number in [{low}, {high}]" if math.isfinite(high) else f"a number from {low} up"
    _check(isinstance(value, numbers.Real) and low <= value <= high, argument, allowed, value)


def _check_whole_number(argument, value):
    _check(isinstance(value, numbers.Integral) and value >= 1, argument, "a whole number from 1 up", value)


def _check_generator(rng, purpose):
    _check(isinstance(rng, np.random.Generator), "rng", f"an np.random.Generator {purpose}", rng)


def _check_channels(x, gamma):
    _check(x.ndim >= 2 and x.shape[-1] == len(gamma), "x", f"of shape (N, ..., {len(gamma)})", x.shape)


def _check_same_shape(y_true, y_pred):
    # NumPy would broadcast (N,) with (N, 1) to (N, N) without a word.
    _check(y_true.shape == y_pred.shape, "y_pred", f"of the shape of y_true, {y_true.shape}", y_pred.shape)


def _count(weights):
    return sum(weight.size for weight in weights)


def _keep_freed_memory():
    """Free one large array, after which the C library of Linux (glibc) keeps the memory of arrays up to its size.

    Before, it gives their memory back and fetches new pages for the next ones, a third of the time of a step.
    """
    np.empty(31 * 2**20, np.uint8)
