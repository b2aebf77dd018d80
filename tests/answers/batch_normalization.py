"""Unit 05: right answers in many styles, and wrong ones written independently of the questions."""

import keras
import numpy as np

from helpers import scratch

# --- batch_norm_train ---


def with_var(X, g, b, eps=1e-3):
    mu, var = np.mean(X, axis=0), np.var(X, axis=0)
    return g * (X - mu) / np.sqrt(var + eps) + b, None, mu, var


def float32(x, gamma, beta, epsilon):
    x = x.astype(np.float32)
    mean = x.mean(0)
    variance = np.square(x - mean).mean(0)
    x_hat = (x - mean) / (variance + epsilon) ** 0.5
    return [(gamma * x_hat + beta).astype(np.float32), {"x_hat": x_hat}, mean, variance]


def column_by_column(x, gamma, beta, epsilon):
    n, channels = x.shape
    y, mean, variance = np.zeros(x.shape), [], []
    for c in range(channels):
        m = sum(x[:, c]) / n
        v = sum((value - m) ** 2 for value in x[:, c]) / n
        for i in range(n):
            y[i, c] = gamma[c] * (x[i, c] - m) / (v + epsilon) ** 0.5 + beta[c]
        mean.append(m)
        variance.append(v)
    return y, (), mean, variance


def as_keras_computes(x, gamma, beta, epsilon, axis=0):
    mean, mean_of_squares = x.mean(axis=axis), (x * x).mean(axis=axis)
    variance = mean_of_squares - mean**2
    inv = gamma / np.sqrt(variance + epsilon)
    return x * inv + (beta - mean * inv), "nothing", mean, variance


def transposed(x, gamma, beta, epsilon):
    columns = x.T
    mean = columns.mean(axis=1)
    variance = columns.var(axis=1)
    x_hat = (columns - mean[:, None]) / np.sqrt(variance[:, None] + epsilon)
    return (gamma[:, None] * x_hat + beta[:, None]).T, x_hat, mean, variance


def keras_layer(x, gamma, beta, epsilon):
    mean, variance = keras.ops.moments(x, axes=[0])
    y = keras.ops.batch_normalization(x, mean, variance, 1, beta, gamma, epsilon)
    return tuple(keras.ops.convert_to_numpy(t) if t is not None else None for t in (y, None, mean, variance))


def by_variance(x, gamma, beta, epsilon):
    mu = x.mean(0)
    centred = x - mu
    var = (centred**2).mean(0)
    return gamma * centred / (var + epsilon) + beta, None, mu, var


def epsilon_after_root(x, gamma, beta, epsilon):
    mu, sigma = x.mean(axis=0), x.std(axis=0)
    return (x - mu) / (sigma + epsilon) * gamma + beta, None, mu, sigma**2


def no_epsilon(x, gamma, beta, epsilon):
    return gamma * ((x - x.mean(0)) / x.std(0)) + beta, None, x.mean(0), x.var(0)


def no_epsilon_but_safe(x, gamma, beta, epsilon):
    std = x.std(0)
    std[std == 0] = 1
    return gamma * ((x - x.mean(0)) / std) + beta, None, x.mean(0), x.var(0)


def bessel(x, gamma, beta, epsilon):
    mu = x.mean(0)
    var = ((x - mu) ** 2).sum(0) / (len(x) - 1)
    return gamma * (x - mu) / np.sqrt(var + epsilon) + beta, None, mu, var


def bessel_in_the_returned_variance(x, gamma, beta, epsilon):
    y, cache, mu, _ = with_var(x, gamma, beta, epsilon)
    return y, cache, mu, np.var(x, axis=0, ddof=1)


def layer_norm(x, gamma, beta, epsilon):
    mu = np.array([row.mean() for row in x])[:, np.newaxis]
    var = np.array([row.var() for row in x])[:, np.newaxis]
    return gamma * (x - mu) / np.sqrt(var + epsilon) + beta, None, mu, var


def layer_norm_squeezed(x, gamma, beta, epsilon):
    y, cache, mu, var = layer_norm(x, gamma, beta, epsilon)
    return y, cache, mu.squeeze(1), var.squeeze(1)


def last_axis(x, gamma, beta, epsilon):
    mean = np.mean(x, axis=-1)
    variance = np.mean((x - mean) ** 2, axis=-1)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, None, mean, variance


def one_mean(x, gamma, beta, epsilon):
    mean, var = np.mean(x), np.var(x)
    return gamma * (x - mean) / np.sqrt(var + epsilon) + beta, None, float(mean), float(var)


def one_mean_repeated(x, gamma, beta, epsilon):
    y, cache, mean, var = one_mean(x, gamma, beta, epsilon)
    return y, cache, mean * np.ones(len(gamma)), var * np.ones(len(gamma))


def changed(place, **arguments):
    """with_var with one of its results replaced."""

    def answer(x, gamma, beta, epsilon):
        results = list(with_var(x, gamma, beta, epsilon))
        results[place] = arguments["to"](x, gamma, beta, epsilon, *results[2:])
        return tuple(results)

    return answer


def in_place(x, gamma, beta, epsilon):
    mean, variance = x.mean(0), x.var(0)
    x -= mean
    x /= np.sqrt(variance + epsilon)
    return gamma * x + beta, x, mean, variance


# --- update_moving ---


def value_by_value(moving, batch, momentum):
    return [momentum * old + (1 - momentum) * new for old, new in zip(moving, batch, strict=True)]


def average(moving, batch, momentum):
    return np.average([moving, batch], axis=0, weights=[momentum, 1 - momentum])


# --- moving_statistics ---


def with_scratch(batches, momentum):
    layer = scratch.BatchNormalization(momentum)
    layer.build((batches[0].shape[1],), None, np.float64)
    for batch in batches:
        layer.forward(batch, training=True)
    return layer.moving_mean, layer.moving_variance


def with_keras(batches, momentum):
    layer = keras.layers.BatchNormalization(momentum=momentum)
    for batch in batches:
        layer(batch.astype("float32"), training=True)
    return [keras.ops.convert_to_numpy(layer.moving_mean), keras.ops.convert_to_numpy(layer.moving_variance)]


def scalars_to_begin_with(batches, m, mean=0, var=1):
    for b in batches:
        mean = mean * m + np.mean(b, 0) * (1 - m)
        var = var * m + np.var(b, 0) * (1 - m)
    return mean, var


def weights_of_all_steps(batches, momentum):
    steps = len(batches)
    weights = np.array([(1 - momentum) * momentum ** (steps - 1 - k) for k in range(steps)])
    means, variances = np.array([b.mean(0) for b in batches]), np.array([b.var(0) for b in batches])
    return weights @ means, momentum**steps + weights @ variances


def recursive(batches, momentum):
    if not batches:
        return 0.0, 1.0
    mean, variance = recursive(batches[:-1], momentum)
    last = batches[-1].astype(np.float32)
    step = 1 - momentum
    return mean + step * (last.mean(axis=0) - mean), variance + step * (last.var(axis=0) - variance)


def moving(mean, variance, statistics=lambda x: (x.mean(0), x.var(0)), keep=None, take=None):
    """Begin at (mean, variance); keep and take : functions of momentum, the weights of the old value and the new."""

    def answer(batches, momentum):
        old = keep(momentum) if keep else momentum
        new = take(momentum) if take else 1 - momentum
        mu, var = mean, variance
        for batch in batches:
            m, v = statistics(batch)
            mu, var = old * mu + new * m, old * var + new * v
        return mu, var

    return answer


def first_batch_first(batches, momentum):
    mean = variance = None
    for batch in batches:
        if mean is None:
            mean, variance = batch.mean(0), batch.var(0)
        else:
            mean = momentum * mean + (1 - momentum) * batch.mean(0)
            variance = momentum * variance + (1 - momentum) * batch.var(0)
    return mean, variance


def all_rows(batches, momentum):
    rows = np.vstack(batches)
    return np.mean(rows, axis=0), np.var(rows, axis=0)


def mean_of_means(batches, momentum):
    return sum(b.mean(0) for b in batches) / len(batches), sum(b.var(0) for b in batches) / len(batches)


def bessel_statistics(x):
    return x.mean(0), ((x - x.mean(0)) ** 2).sum(0) / (len(x) - 1)


def rows_into_zeros(batches, momentum):
    mean, variance = np.zeros(batches[0].shape[1]), np.ones(batches[0].shape[1])
    for batch in batches:
        mean = momentum * mean + (1 - momentum) * np.mean(batch, axis=-1)
        variance = momentum * variance + (1 - momentum) * np.var(batch, axis=-1)
    return mean, variance


def one_number_into_zeros(batches, momentum):
    mean, variance = np.zeros(batches[0].shape[1]), np.ones(batches[0].shape[1])
    for batch in batches:
        mean = momentum * mean + (1 - momentum) * np.mean(batch)
        variance = momentum * variance + (1 - momentum) * np.var(batch)
    return mean, variance


# --- batch_norm_inference ---


def factor_and_offset(x, gamma, beta, mean, variance, epsilon):
    factor = gamma / np.sqrt(variance + epsilon)
    return factor * x + (beta - factor * mean)


def row_by_row(x, gamma, beta, moving_mean, moving_variance, epsilon):
    return [list(gamma * (row - moving_mean) * (moving_variance + epsilon) ** -0.5 + beta) for row in x]


def in_float32(x, gamma, beta, moving_mean, moving_variance, epsilon, dtype=np.float32):
    x, gamma, beta, m, v = (array.astype(dtype) for array in (x, gamma, beta, moving_mean, moving_variance))
    return gamma * ((x - m) / np.sqrt(v + dtype(epsilon))) + beta


def on_a_copy(x, gamma, beta, mu, var, eps):
    y = x.copy()
    y -= mu
    y /= np.sqrt(np.add(var, eps))
    y *= gamma
    y += beta
    return y


def a_matrix(x, gamma, beta, mu, var, eps):
    return (x - mu) @ np.diag(gamma / np.sqrt(var + eps)) + beta


def inference_of_keras(x, gamma, beta, mu, var, eps):
    layer = keras.layers.BatchNormalization(epsilon=eps)
    layer.build(x.shape)
    layer.set_weights([gamma, beta, mu, var])
    return keras.ops.convert_to_numpy(layer(x.astype("float32"), training=False))


# --- batch_norm_forward ---


def all_written_out(x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon):
    if training:
        mean, variance = x.mean(0), x.var(0)
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_variance = momentum * moving_variance + (1 - momentum) * variance
    else:
        mean, variance = moving_mean, moving_variance
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, moving_mean, moving_variance


def weight_of_the_batch(x, g, b, mm, mv, training=True, momentum=0.99, eps=1e-3):
    step = (1 - momentum) * bool(training)
    mu, var = np.where(training, x.mean(0), mm), np.where(training, x.var(0), mv)
    y = g * (x - mu) * (var + eps) ** -0.5 + b
    return [y, mm + step * (x.mean(0) - mm), mv + step * (x.var(0) - mv)]


def of_scratch(x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon):
    layer = scratch.BatchNormalization(momentum, epsilon)
    layer.build(x.shape[1:], None, np.float32)
    for weight, value in zip(layer.weights, (gamma, beta, moving_mean, moving_variance), strict=True):
        weight[:] = value
    return layer.forward(x.astype(np.float32), training), layer.moving_mean, layer.moving_variance


def of_keras(x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon):
    layer = keras.layers.BatchNormalization(momentum=momentum, epsilon=epsilon)
    layer.build(x.shape)
    layer.set_weights([gamma, beta, moving_mean, moving_variance])
    y = layer(x.astype("float32"), training=training)
    return tuple(map(keras.ops.convert_to_numpy, (y, layer.moving_mean, layer.moving_variance)))


def two_inner_functions(x, gamma, beta, moving_mean, moving_variance, training, momentum, epsilon):
    def normalize(mean, variance):
        return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta

    def step(old, new):
        return old * momentum + new * (1 - momentum)

    if training is False:
        return normalize(moving_mean, moving_variance), moving_mean.copy(), moving_variance.copy()
    _, _, mean, variance = with_var(x, gamma, beta, epsilon)
    return normalize(mean, variance), step(moving_mean, mean), step(moving_variance, variance)


def always_the_batch(x, gamma, beta, mm, mv, training, momentum, epsilon):
    y = with_var(x, gamma, beta, epsilon)[0]
    return y, *all_written_out(x, gamma, beta, mm, mv, training, momentum, epsilon)[1:]


def without_flag(x, gamma, beta, mm, mv, training, momentum, epsilon):
    return all_written_out(x, gamma, beta, mm, mv, True, momentum, epsilon)


def always_the_averages(x, gamma, beta, mm, mv, training, momentum, epsilon):
    y = factor_and_offset(x, gamma, beta, mm, mv, epsilon)
    return y, *all_written_out(x, gamma, beta, mm, mv, training, momentum, epsilon)[1:]


def averages_first(x, gamma, beta, mm, mv, training, momentum, epsilon):
    _, mm, mv = all_written_out(x, gamma, beta, mm, mv, training, momentum, epsilon)
    return factor_and_offset(x, gamma, beta, mm, mv, epsilon), mm, mv


def not_training(x, gamma, beta, mm, mv, training, momentum, epsilon):
    return all_written_out(x, gamma, beta, mm, mv, not training, momentum, epsilon)


def updates_always(x, gamma, beta, mm, mv, training, momentum, epsilon):
    y = all_written_out(x, gamma, beta, mm, mv, training, momentum, epsilon)[0]
    return y, *all_written_out(x, gamma, beta, mm, mv, True, momentum, epsilon)[1:]


def updates_never(x, gamma, beta, mm, mv, training, momentum, epsilon):
    return all_written_out(x, gamma, beta, mm, mv, training, momentum, epsilon)[0], mm, mv


def updates_at_inference(x, gamma, beta, mm, mv, training, momentum, epsilon):
    y = all_written_out(x, gamma, beta, mm, mv, training, momentum, epsilon)[0]
    return y, *all_written_out(x, gamma, beta, mm, mv, not training, momentum, epsilon)[1:]


def momentum_of_pytorch(x, gamma, beta, mm, mv, training, momentum, epsilon):
    return all_written_out(x, gamma, beta, mm, mv, training, 1 - momentum, epsilon)


def batch_stored(x, gamma, beta, mm, mv, training, momentum, epsilon):
    y, *kept = all_written_out(x, gamma, beta, mm, mv, training, momentum, epsilon)
    return (y, x.mean(0), x.var(0)) if training else (y, *kept)


def a_tenth_of_the_batch(x, gamma, beta, mm, mv, training, momentum, epsilon):
    y, *kept = all_written_out(x, gamma, beta, mm, mv, training, momentum, epsilon)
    rest = 1 - momentum
    return (y, rest * x.mean(0), rest * x.var(0)) if training else (y, *kept)


def as_pytorch_does(x, gamma, beta, mm, mv, training, momentum, epsilon):
    y, mm, new = all_written_out(x, gamma, beta, mm, mv, training, momentum, epsilon)
    return y, mm, mv * momentum + np.var(x, axis=0, ddof=1) * (1 - momentum) if training else new


def with_divisor(divide):
    def answer(x, gamma, beta, mm, mv, training, momentum, epsilon):
        _, *kept = all_written_out(x, gamma, beta, mm, mv, training, momentum, epsilon)
        mean, variance = (np.mean(x, 0), np.var(x, 0)) if training else (mm, mv)
        return (x - mean) / divide(variance, epsilon) * gamma + beta, *kept

    return answer


def averages_in_place(x, gamma, beta, mm, mv, training, momentum, epsilon):
    y, new_mean, new_variance = all_written_out(x, gamma, beta, mm, mv, training, momentum, epsilon)
    mm[:] = new_mean
    mv[:] = new_variance
    return y, mm, mv


# --- batch_norm_backward ---


def through_the_graph(dy, cache):
    """Variance and mean by the chain rule, as in the paper, with x - mean and std recovered from the cache."""
    x_hat, inverse_std, gamma = cache
    n = dy.shape[0]
    centred = x_hat / inverse_std
    dx_hat = dy * gamma
    dvariance = (dx_hat * centred * -0.5 * inverse_std**3).sum(axis=0)
    dmean = (-dx_hat * inverse_std).sum(axis=0) + dvariance * (-2 * centred).mean(axis=0)
    dx = dx_hat * inverse_std + dvariance * 2 * centred / n + dmean / n
    return dx, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


def with_means(dy, cache):
    x_hat, inv, gamma = cache
    d = dy * gamma
    dx = inv * (d - d.mean(0) - x_hat * np.mean(d * x_hat, axis=0))
    return [dx, np.einsum("nc,nc->c", dy, x_hat), np.add.reduce(dy)]


def factored(dout, saved, batch=None):
    xhat, istd, gamma = saved
    N = batch or len(dout)
    dgamma, dbeta = np.sum(xhat * dout, axis=0), np.sum(dout, axis=0)
    return (gamma * istd / N) * (N * dout - xhat * dgamma - dbeta), dgamma, dbeta


def loops(dy, cache):
    x_hat, inverse_std, gamma = cache
    n, channels = dy.shape
    dx = np.zeros((n, channels))
    dgamma = [sum(dy[i, c] * x_hat[i, c] for i in range(n)) for c in range(channels)]
    dbeta = [sum(dy[i, c] for i in range(n)) for c in range(channels)]
    for i in range(n):
        for c in range(channels):
            rest = dy[i, c] - dbeta[c] / n - x_hat[i, c] * dgamma[c] / n
            dx[i, c] = gamma[c] * inverse_std[c] * rest
    return dx, dgamma, dbeta


def jacobian(dy, cache):
    x_hat, inverse_std, gamma = cache
    n = len(dy)
    columns = []
    for c in range(dy.shape[1]):
        h = x_hat[:, c]
        columns.append(gamma[c] * inverse_std[c] * (np.eye(n) - 1 / n - np.outer(h, h) / n) @ dy[:, c])
    return np.stack(columns, axis=1).astype(np.float32), (dy * x_hat).sum(0), dy.sum(0)


def backward(dx, sums=lambda dy, x_hat: (np.sum(dy * x_hat, axis=0), np.sum(dy, axis=0))):
    def answer(dy, cache):
        x_hat, inverse_std, gamma = cache
        return dx(dy, x_hat, inverse_std, gamma), *sums(dy, x_hat)

    return answer


def true_dx(dy, x_hat, inverse_std, gamma):
    return factored(dy, (x_hat, inverse_std, gamma))[0]


def averaged_and_used(dy, cache):
    x_hat, inverse_std, gamma = cache
    n = len(dy)
    dgamma, dbeta = np.mean(dy * x_hat, 0), np.mean(dy, 0)
    return inverse_std * gamma * (dy - dbeta / n - x_hat * dgamma / n), dgamma, dbeta


def variance_is_constant(dy, cache):
    x_hat, inverse_std, gamma = cache
    dx_hat = dy * gamma
    dmean = -(dx_hat * inverse_std).sum(axis=0)
    return dx_hat * inverse_std + dmean / len(dy), (dy * x_hat).sum(axis=0), dy.sum(axis=0)


def along_rows(dy, cache):
    x_hat, inverse_std, gamma = cache
    return true_dx(dy, x_hat, inverse_std, gamma), np.sum(dy * x_hat, 1), np.sum(dy, -1)


# --- batch_norm_conv ---


def as_a_table(x, gamma, beta, epsilon):
    table = x.reshape(-1, x.shape[-1])
    y, _, mean, variance = with_var(table, gamma, beta, epsilon)
    return y.reshape(x.shape), mean, variance


def of_scratch_for_images(x, gamma, beta, epsilon):
    y, _, mean, variance = scratch.batch_norm_train(x, gamma, beta, epsilon)
    return y, mean, variance


def keeping_dimensions(x, gamma, beta, epsilon):
    mean, var = x.mean((0, 1, 2), keepdims=True), x.var((0, 1, 2), keepdims=True)
    y = gamma.reshape(1, 1, 1, -1) * (x - mean) / np.sqrt(var + epsilon) + beta.reshape(1, 1, 1, -1)
    return y, mean.flatten(), np.squeeze(var, (0, 1, 2))


def channel_by_channel(x, gamma, beta, epsilon):
    y = np.empty_like(x, dtype=np.float32)
    mean, variance = [], []
    for c in range(x.shape[3]):
        pixels = x[..., c]
        mean.append(pixels.mean())
        variance.append(pixels.var())
        y[..., c] = gamma[c] * (pixels - mean[-1]) / np.sqrt(variance[-1] + epsilon) + beta[c]
    return y, mean, variance


def moved_to_the_front(x, gamma, beta, epsilon):
    first = np.moveaxis(x, -1, 0)
    flat = first.reshape(len(gamma), -1)
    mean, variance = flat.mean(1), ((flat - flat.mean(1, keepdims=True)) ** 2).mean(1)
    y = (first.T - mean) / np.sqrt(variance + epsilon) * gamma + beta
    return np.transpose(y, (2, 1, 0, 3)), mean, variance


def mean_of_means_of_equal_size(x, gamma, beta, epsilon):
    mean = x.mean(0).mean(0).mean(0)
    variance = ((x - mean) ** 2).mean(0).mean(0).mean(0)
    return (x - mean) * gamma / np.sqrt(variance + epsilon) + beta, mean, variance


def conv(axes, squeeze=False, keepdims=True, **more):
    def answer(x, gamma, beta, epsilon):
        mean, var = np.mean(x, axis=axes, keepdims=keepdims), np.var(x, axis=axes, keepdims=keepdims, **more)
        y = gamma * (x - mean) / np.sqrt(var + epsilon) + beta
        return (y, mean.ravel(), var.ravel()) if squeeze else (y, mean, var)

    return answer


def channels_first(x, gamma, beta, epsilon):
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    var = x.var(axis=(0, 2, 3), keepdims=True)
    y = gamma.reshape(1, -1, 1, 1) * (x - mean) / np.sqrt(var + epsilon) + beta.reshape(1, -1, 1, 1)
    return y, mean.reshape(-1), var.reshape(-1)


def conv_by(divide, shift=lambda h, gamma, beta: h * gamma + beta):
    def answer(x, gamma, beta, epsilon):
        table = x.reshape(-1, x.shape[-1])
        mean, variance = table.mean(0), table.var(0)
        return shift((x - mean) / divide(variance, epsilon), gamma, beta), mean, variance

    return answer


# --- mended_model ---

BN, Dense = keras.layers.BatchNormalization, keras.layers.Dense


def in_a_loop():
    model = keras.Sequential([keras.Input(shape=(8,))])
    for _ in range(3):
        model.add(BN())
        model.add(Dense(512, activation="relu"))
    model.add(BN())
    model.add(Dense(1))
    return model


def functional():
    inputs = keras.Input((8,), name="raw")
    x = inputs
    for units, activation in ((512, "relu"), (512, "relu"), (512, "relu"), (1, None)):
        x = Dense(units, activation=activation)(BN()(x))
    return keras.Model(inputs, x)


def separate_activations():
    layers = [keras.Input((8,)), BN(name="first")]
    for _ in range(3):
        layers += [Dense(512), keras.layers.Activation("relu"), BN()]
    return keras.Sequential([*layers, Dense(1, activation="linear")])


def nested():
    blocks = [keras.Sequential([keras.Input((size,)), BN(), Dense(512, "relu")]) for size in (8, 512, 512)]
    return keras.Sequential([keras.Input((8,)), *blocks, BN(momentum=0.99, epsilon=1e-3, axis=-1), Dense(1)])


def compiled():
    model = functional()
    model.compile(optimizer=keras.optimizers.SGD(), loss="mae", metrics=["mae"])
    return model


def stacked(*layers):
    return lambda: keras.Sequential([keras.Input((8,)), *(layer() for layer in layers)])


def hidden():
    return Dense(512, activation="relu")


def output():
    return Dense(1)


def linear():
    return Dense(512)


RIGHT = {
    "batch_norm_train": [
        with_var,
        float32,
        column_by_column,
        as_keras_computes,
        transposed,
        keras_layer,
        scratch.batch_norm_train,
    ],
    "update_moving": [
        scratch.update_moving,
        value_by_value,
        average,
        lambda moving, batch, momentum: moving + (1 - momentum) * (batch - moving),
        lambda old, new, m=0.99: (new - m * (new - old)).astype(np.float32),
        lambda moving, batch, momentum: np.array([momentum, 1 - momentum]) @ np.stack([moving, batch]),
    ],
    "moving_statistics": [with_scratch, with_keras, scalars_to_begin_with, weights_of_all_steps, recursive],
    "batch_norm_inference": [
        scratch.batch_norm_inference,
        factor_and_offset,
        row_by_row,
        in_float32,
        on_a_copy,
        a_matrix,
        inference_of_keras,
    ],
    "batch_norm_forward": [all_written_out, weight_of_the_batch, of_scratch, of_keras, two_inner_functions],
    "batch_norm_backward": [
        scratch.batch_norm_backward,
        through_the_graph,
        with_means,
        factored,
        loops,
        jacobian,
    ],
    "batch_norm_conv": [
        as_a_table,
        of_scratch_for_images,
        keeping_dimensions,
        channel_by_channel,
        moved_to_the_front,
        mean_of_means_of_equal_size,
    ],
    "mended_model": [in_a_loop, functional, separate_activations, nested, compiled],
}

# {question: {misconception: answers that must be named so}}; None: wrong in a way that has no name.
WRONG = {
    "batch_norm_train": {
        "divided by variance": [
            by_variance,
            lambda x, g, b, e: (g * (x - x.mean(0)) / x.var(0) + b, None, x.mean(0), x.var(0)),
        ],
        "epsilon outside the root": [epsilon_after_root],
        "epsilon forgotten": [no_epsilon, no_epsilon_but_safe],
        "unbiased variance": [bessel, bessel_in_the_returned_variance],
        "statistics over the wrong axis": [layer_norm, layer_norm_squeezed, last_axis],
        "statistics of the whole array": [one_mean, one_mean_repeated],
        "gamma and beta exchanged": [lambda x, gamma, beta, epsilon: with_var(x, beta, gamma, epsilon)],
        "gamma or beta forgotten": [
            lambda x, gamma, beta, epsilon: with_var(x, 1, 0, epsilon),
            lambda x, gamma, beta, epsilon: with_var(x, gamma, 0, epsilon),
            lambda x, gamma, beta, epsilon: with_var(x, 1, beta, epsilon),
        ],
        "standard deviation returned instead of variance": [
            changed(3, to=lambda x, g, b, e, mean, var: np.std(x, axis=0)),
        ],
        "epsilon in the returned variance": [changed(3, to=lambda x, g, b, e, mean, var: e + var)],
        "changed its input in place": [in_place],
        None: [
            lambda x, gamma, beta, epsilon: with_var(x, gamma, beta, epsilon)[0],
            lambda x, gamma, beta, epsilon: (x, None, x.mean(0), x.var(0)),
            changed(0, to=lambda x, g, b, e, mean, var: g * x / np.sqrt(var + e) + b),
            lambda x, gamma, beta, epsilon: with_var(x, gamma, beta, 1e-3),
        ],
    },
    "update_moving": {
        "momentum swapped": [lambda old, new, m: old + m * (new - old)],
        "moving average forgets to keep the old value": [
            lambda moving, batch, momentum: (1 - momentum) * batch,
            lambda moving, batch, momentum: batch.copy(),
            lambda moving, batch, momentum: momentum * batch,
        ],
        "plain mean of both": [lambda moving, batch, momentum: np.mean([moving, batch], axis=0)],
        "weights do not add up to 1": [
            lambda moving, batch, momentum: batch + momentum * moving,
            lambda moving, batch, momentum: (1 - momentum) * batch + moving,
            lambda moving, batch, momentum: momentum * batch + moving,
        ],
        None: [
            lambda moving, batch, momentum: moving,
            lambda moving, batch, momentum: moving * momentum - batch * (1 - momentum),
            lambda moving, batch, momentum: moving**momentum * batch ** (1 - momentum),
        ],
    },
    "moving_statistics": {
        "moving averages start from the batch": [first_batch_first],
        "variance begins at 0": [moving(0, 0), moving(np.zeros(1), np.zeros(1))],
        "momentum swapped": [moving(0, 1, keep=lambda m: 1 - m, take=lambda m: m)],
        "moving average forgets to keep the old value": [
            moving(0, 1, keep=lambda m: 0),
            moving(0, 1, keep=lambda m: 0, take=lambda m: 1),
        ],
        "unbiased variance": [moving(0, 1, bessel_statistics), moving(0, 1, lambda x: (x.mean(0), x.var(0, ddof=1)))],
        "statistics of all rows together": [all_rows, lambda b, m: scalars_to_begin_with([np.concatenate(b)], m)],
        "plain mean of the batch statistics": [mean_of_means],
        "standard deviation instead of variance": [moving(0, 1, lambda x: (np.mean(x, 0), np.std(x, 0)))],
        "statistics over the wrong axis": [
            rows_into_zeros,
            moving(0, 1, lambda x: (x.mean(1), x.var(1))),
        ],
        "statistics of the whole array": [one_number_into_zeros, moving(0, 1, lambda x: (np.mean(x), np.var(x)))],
        None: [
            moving(1, 1),
            moving(0, 1, take=lambda m: 1),
            lambda batches, momentum: scalars_to_begin_with(batches[-1:], momentum),
            lambda batches, momentum: scalars_to_begin_with(batches, momentum)[::-1],
        ],
    },
    "batch_norm_inference": {
        "training statistics at inference": [
            lambda x, g, b, mm, mv, e: with_var(x, g, b, e)[0],
            lambda x, g, b, mm, mv, e: factor_and_offset(x, g, b, np.mean(x, axis=0), mv, e),
            lambda x, g, b, mm, mv, e: factor_and_offset(x, g, b, mm, np.var(x, axis=0), e),
        ],
        "divided by variance": [
            lambda x, gamma, beta, mean, variance, epsilon: (x - mean) * gamma / (epsilon + variance) + beta,
            lambda x, gamma, beta, mean, variance, epsilon: (x - mean) * gamma / variance + beta,
        ],
        "epsilon outside the root": [lambda x, g, b, mm, mv, e: g / (e + mv**0.5) * (x - mm) + b],
        "epsilon forgotten": [lambda x, g, b, mm, mv, e: factor_and_offset(x, g, b, mm, mv, 0)],
        "gamma and beta exchanged": [lambda x, g, b, mm, mv, e: factor_and_offset(x, b, g, mm, mv, e)],
        "gamma or beta forgotten": [
            lambda x, g, b, mm, mv, e: factor_and_offset(x, 1, 0, mm, mv, e),
            lambda x, g, b, mm, mv, e: factor_and_offset(x, g, 0, mm, mv, e),
            lambda x, g, b, mm, mv, e: factor_and_offset(x, 1, b, mm, mv, e),
        ],
        "mean not subtracted": [lambda x, g, b, mm, mv, e: x * g / np.sqrt(mv + e) + b],
        None: [
            lambda x, g, b, mm, mv, e: g * (x + mm) / np.sqrt(mv + e) + b,
            lambda x, g, b, mm, mv, e: g * (x - mv) / np.sqrt(mm + e) + b,
            lambda x, g, b, mm, mv, e: x,
        ],
    },
    "batch_norm_forward": {
        "train and inference mode swapped": [
            not_training,
            lambda x, g, b, mm, mv, t, m, e: (
                with_var(x, g, b, e)[0] if not t else factor_and_offset(x, g, b, mm, mv, e),
                *all_written_out(x, g, b, mm, mv, t, m, e)[1:],
            ),
        ],
        "training statistics at inference": [always_the_batch, without_flag],
        "moving statistics at training": [
            always_the_averages,
            averages_first,
            lambda x, g, b, mm, mv, training, m, e: all_written_out(x, g, b, mm, mv, False, m, e),
        ],
        "moving averages updated in inference mode too": [updates_always],
        "moving averages never updated": [updates_never],
        "moving averages updated in inference mode only": [updates_at_inference],
        "momentum swapped": [momentum_of_pytorch],
        "moving average forgets to keep the old value": [batch_stored, a_tenth_of_the_batch],
        "unbiased variance": [as_pytorch_does],
        "divided by variance": [
            with_divisor(lambda variance, epsilon: epsilon + variance),
            with_divisor(lambda variance, epsilon: variance),
        ],
        "epsilon outside the root": [with_divisor(lambda variance, epsilon: epsilon + variance**0.5)],
        "epsilon forgotten": [with_divisor(lambda variance, epsilon: variance**0.5)],
        "changed its input in place": [averages_in_place],
        None: [
            lambda x, g, b, mm, mv, training, m, e: (x, mm, mv),
            lambda x, g, b, mm, mv, t, m, e: all_written_out(x, g, b, mm, mv, t, m, e)[0],
        ],
    },
    "batch_norm_backward": {
        "backward treats the statistics as constants": [
            backward(lambda dy, h, s, gamma: dy * (gamma * s)),
            backward(lambda dy, h, s, gamma: dy * s),
            variance_is_constant,
            backward(lambda dy, h, s, gamma: s * gamma * (dy - h * (dy * h).sum(0) / len(h))),
        ],
        "gamma forgotten in backward": [
            backward(lambda dy, h, s, gamma: s * (dy - dy.sum(0) / len(dy) - h * (dy * h).sum(0) / len(dy)))
        ],
        "inverse_std forgotten in backward": [backward(lambda dy, h, s, gamma: true_dx(dy, h, np.ones(len(s)), gamma))],
        "dgamma and dbeta averaged instead of summed": [
            backward(true_dx, lambda dy, h: ((dy * h).sum(0) / len(dy), dy.sum(0) / len(dy))),
            averaged_and_used,
        ],
        "sums not divided by the number of rows": [
            backward(lambda dy, h, s, gamma: s * gamma * (dy - dy.sum(0) - h * (dy * h).sum(0)))
        ],
        "dgamma and dbeta exchanged": [backward(true_dx, lambda dy, h: (np.sum(dy, 0), np.sum(h * dy, 0)))],
        "x_hat forgotten in dgamma": [backward(true_dx, lambda dy, h: [np.sum(dy, 0)] * 2)],
        "statistics over the wrong axis": [along_rows],
        None: [
            backward(lambda dy, h, s, gamma: -true_dx(dy, h, s, gamma)),
            backward(lambda dy, h, s, gamma: true_dx(dy, h, 1 / s, gamma)),
            backward(lambda dy, h, s, gamma: np.zeros(dy.shape)),
        ],
    },
    "batch_norm_conv": {
        "conv statistics per pixel": [conv(0), conv(0, keepdims=False), conv(0, squeeze=True)],
        "statistics per image": [conv((1, 2)), conv((1, 2), squeeze=True)],
        "statistics of the whole array": [conv(None), conv(None, keepdims=False), conv(None, squeeze=True)],
        "statistics over the wrong axis": [
            conv((0, 2, 3)),
            conv((0, 2, 3), squeeze=True),
            conv((0, 2, 3), keepdims=False),
            channels_first,
            conv(-1),
        ],
        "divided by variance": [conv_by(lambda v, e: e + v), conv_by(lambda v, e: v)],
        "epsilon outside the root": [conv_by(lambda v, e: e + v**0.5)],
        "epsilon forgotten": [conv_by(lambda v, e: v**0.5)],
        "unbiased variance": [conv((0, 1, 2), squeeze=True, ddof=1)],
        "gamma and beta exchanged": [conv_by(lambda v, e: (v + e) ** 0.5, lambda h, gamma, beta: gamma + beta * h)],
        "gamma or beta forgotten": [
            conv_by(lambda v, e: (v + e) ** 0.5, lambda h, gamma, beta: h),
            conv_by(lambda v, e: (v + e) ** 0.5, lambda h, gamma, beta: h * gamma),
            conv_by(lambda v, e: (v + e) ** 0.5, lambda h, gamma, beta: h + beta),
        ],
        None: [
            conv((0, 1, 2)),
            lambda x, gamma, beta, epsilon: as_a_table(x, gamma, beta, epsilon)[0],
            lambda x, gamma, beta, epsilon: (x, x.mean((0, 1, 2)), x.var((0, 1, 2))),
        ],
    },
    "mended_model": {
        "batch norm missing on the input": [
            stacked(hidden, BN, hidden, BN, hidden, BN, output),
            stacked(hidden, BN, hidden, BN, hidden, BN, output, BN),
            stacked(linear, BN, keras.layers.ReLU, linear, BN, keras.layers.ReLU, hidden, BN, output),
            stacked(hidden, hidden, hidden, output),
        ],
        "batch norm after the output layer": [stacked(BN, hidden, BN, hidden, BN, hidden, BN, output, BN)],
        "batch norm between a layer and its activation": [
            stacked(BN, *[linear, BN, keras.layers.ReLU] * 3, output),
        ],
        "softmax on one unit": [stacked(BN, *[hidden, BN] * 3, lambda: Dense(1, activation="softmax"))],
        "ReLU on the output layer": [
            stacked(BN, *[hidden, BN] * 3, lambda: Dense(1, activation="relu")),
            stacked(BN, *[hidden, BN] * 3, output, keras.layers.ReLU),
        ],
        None: [
            stacked(BN, hidden, hidden, hidden, output),
            stacked(BN, hidden, BN, hidden, BN, output),
            stacked(BN, *[linear, BN] * 3, output),
            stacked(BN, *[hidden, BN] * 3, lambda: Dense(1, activation="sigmoid")),
            stacked(BN, *[hidden, BN, lambda: keras.layers.Dropout(0.3)] * 3, output),
            lambda: "a model",
        ],
    },
}

# What the measured quantities of a prediction must be for the choice that is called right.
MEASURED = {"parameters_of_batch_norm": lambda number, trained: (number, trained) == (2048, 1024)}
