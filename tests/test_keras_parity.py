"""`helpers.scratch` computes what Keras computes: layers, gradients, moving statistics, Adam, and whole trainings."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import load_dataset, scratch, standardize

ONE_LAYER = 1e-6
FIFTY_STEPS = 1e-5


def random(shape, seed=0, mean=0.0, std=1.0):
    return (mean + std * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def assert_close(ours, theirs, atol=ONE_LAYER):
    """Within atol, in float32, and of the same shape (allclose alone would broadcast)."""
    theirs = np.asarray(theirs)
    assert ours.dtype == np.float32 and ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


def forward_and_backward(layer, x, dy, training):
    """Output of a Keras layer, and the gradients of sum(dy * output) by x and by the layer's trainable weights."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=training)
        loss = tf.reduce_sum(dy * y)
    # Where all is dropped, the output does not depend on x, and the tape would answer None.
    dx, dweights = tape.gradient(loss, [x, list(layer.trainable_variables)], unconnected_gradients="zero")
    return y.numpy(), dx.numpy(), [gradient.numpy() for gradient in dweights]


def twin(layer, keras_layer, x):
    """Our layer with the weights of a Keras layer, which is built for x."""
    keras_layer.build((None, *x.shape[1:]))
    net = scratch.Sequential([scratch.Input(x.shape[1:]), layer], np.random.default_rng(0))
    for number, variable in enumerate(keras_layer.weights):
        # Weights as they are after training, not the zeros and ones of the start; a variance is positive.
        variable.assign(np.abs(random(variable.shape, seed=number)) + 0.5)
    net.set_weights(keras_layer.get_weights())
    return net


def assert_same_layer(layer, keras_layer, x, training):
    net = twin(layer, keras_layer, x)
    y = net.forward(x, training)
    # Divided by the rows, as the gradient of a mean loss is: sums over the batch then stay near 1.
    dy = random(y.shape, seed=1) / np.float32(len(x))
    keras_y, keras_dx, keras_dweights = forward_and_backward(keras_layer, x, dy, training)
    assert_close(y, keras_y)
    if training:
        assert_close(net.backward(dy), keras_dx)
        assert len(net.gradients) == len(keras_dweights)
        for ours, theirs in zip(net.gradients, keras_dweights, strict=True):
            assert_close(ours, theirs)
    for ours, theirs in zip(net.get_weights(), keras_layer.get_weights(), strict=True):
        assert_close(ours, theirs)


# --- layers ---


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_dense(activation, training):
    x = random((32, 11), std=0.3)
    assert_same_layer(scratch.Dense(16, activation), keras.layers.Dense(16, activation), x, training)


@pytest.mark.parametrize("name", ["relu", "linear"])
def test_activation(name):
    x = random((8, 5))
    x[0] = 0  # where ReLU has no derivative
    assert_same_layer(scratch.Activation(name), keras.layers.Activation(name), x, training=True)


@pytest.mark.parametrize("training", [True, False])
def test_flatten(training):
    assert_same_layer(scratch.Flatten(), keras.layers.Flatten(), random((5, 4, 3, 2)), training)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("settings", [{}, {"momentum": 0.5, "epsilon": 0.5}], ids=["defaults", "settings"])
@pytest.mark.parametrize("shape", [(64, 6), (8, 5, 6), (4, 5, 3, 6)], ids=["rows", "sequences", "images"])
def test_batch_normalization(shape, settings, training):
    x = random(shape, mean=1.0, std=2.0)
    ours, theirs = scratch.BatchNormalization(**settings), keras.layers.BatchNormalization(**settings)
    assert_same_layer(ours, theirs, x, training)


def defaults(function):
    """{argument: default} of those arguments that have a number as default."""
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in parameters if isinstance(each.default, int | float | bool)}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (scratch.BatchNormalization, keras.layers.BatchNormalization),
        (scratch.batch_norm_train, keras.layers.BatchNormalization),
        (scratch.batch_norm_inference, keras.layers.BatchNormalization),
        (scratch.update_moving, keras.layers.BatchNormalization),
        (scratch.SGD, keras.optimizers.SGD),
        (scratch.Adam, keras.optimizers.Adam),
    ],
)
def test_defaults_are_those_of_keras(ours, theirs):
    mine, keras_defaults = defaults(ours), defaults(theirs)
    assert mine and mine == {name: keras_defaults[name] for name in mine}


def test_defaults_of_fit_are_those_of_keras():
    parameters = inspect.signature(keras.Model.fit).parameters
    assert defaults(scratch.Sequential.fit) == {"batch_size": 32, "epochs": 1, "shuffle": True, "verbose": 1}
    # Keras' own words for 32 and 1 are None and "auto".
    assert [parameters[name].default for name in ("batch_size", "epochs", "shuffle", "verbose")] == [
        None,
        1,
        True,
        "auto",
    ]


def test_batch_of_one_gives_beta():
    x = random((1, 6))
    layer, keras_layer = scratch.BatchNormalization(), keras.layers.BatchNormalization()
    net = twin(layer, keras_layer, x)
    y = net.forward(x, training=True)
    assert_close(y, keras_layer(x, training=True))
    assert np.array_equal(y[0], layer.beta)


# A column whose standard deviation is near sqrt(epsilon) shows where epsilon stands; one of std 1 would not.
WRONG_PLACES = {
    "outside the root": lambda x, mean, variance: (x - mean) / (np.sqrt(variance) + 1e-3),
    "forgotten": lambda x, mean, variance: (x - mean) / np.sqrt(variance),
    "1e-5": lambda x, mean, variance: (x - mean) / np.sqrt(variance + 1e-5),
    "no root": lambda x, mean, variance: (x - mean) / (variance + 1e-3),
}


def test_epsilon_of_batch_normalization_stands_where_keras_has_it():
    x = random((64, 1), std=0.03)
    net = scratch.Sequential([scratch.Input((1,)), scratch.BatchNormalization()], np.random.default_rng(0))
    theirs = keras.layers.BatchNormalization()(x, training=True).numpy()
    assert_close(net.forward(x, training=True), theirs)
    for wrong in WRONG_PLACES.values():
        assert np.abs(wrong(x, x.mean(0), x.var(0)) - theirs).max() > 0.01


@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("momentum", [0.99, 0.5])
@pytest.mark.parametrize("shape", [(33, 6), (4, 5, 3, 6)], ids=["rows", "images"])
def test_moving_statistics(shape, momentum, steps):
    layer, keras_layer = scratch.BatchNormalization(momentum), keras.layers.BatchNormalization(momentum=momentum)
    net = scratch.Sequential([scratch.Input(shape[1:]), layer], np.random.default_rng(0))
    for step in range(steps):
        x = random(shape, seed=step, mean=0.5)
        net.forward(x, training=True)
        keras_layer(x, training=True)
    assert not np.allclose(layer.moving_mean, 0) and not np.allclose(layer.moving_variance, 1)
    assert_close(layer.moving_mean, keras_layer.moving_mean)
    assert_close(layer.moving_variance, keras_layer.moving_variance)
    x = random(shape, seed=99)
    assert_close(net.forward(x, training=False), keras_layer(x, training=False))


@pytest.mark.parametrize("rate", [0, 0.3, 0.5, 1])
def test_dropout(rate):
    """With the mask of Keras: its values, its output, its gradient, and nothing in inference mode."""
    x = random((50, 40))
    dy = random(x.shape, seed=1)
    keras_layer = keras.layers.Dropout(rate, seed=3)
    mask = keras.layers.Dropout(rate, seed=3)(np.ones_like(x), training=True).numpy()
    keras_y, keras_dx, _ = forward_and_backward(keras_layer, x, dy, training=True)
    y, ours = scratch.dropout_forward(x, rate, np.random.default_rng(0))
    assert ours.dtype == np.float32 and set(np.unique(ours)) == set(np.unique(mask))
    # Both drop the input of their own mask: what stays is multiplied by the same number.
    assert_close(y[(ours > 0) & (mask > 0)], keras_y[(ours > 0) & (mask > 0)])
    assert_close(scratch.dropout_backward(dy, mask), keras_dx)
    net = scratch.Sequential([scratch.Input((40,)), scratch.Dropout(rate)])
    assert np.array_equal(net.forward(x, training=False), keras_layer(x, training=False))


def test_initial_weights_have_the_distribution_of_keras():
    dense, keras_dense = scratch.Dense(1024), keras.layers.Dense(1024)
    scratch.Sequential([scratch.Input((11,)), dense], np.random.default_rng(0))
    keras_dense.build((None, 11))
    ours, theirs = dense.kernel, keras_dense.kernel.numpy()
    limit = np.sqrt(6 / (11 + 1024))
    assert 0.99 * limit < np.abs(theirs).max() <= limit and 0.99 * limit < np.abs(ours).max() <= limit
    # 11,264 draws: the standard error of a uniform distribution's standard deviation is 0.4 %.
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    assert not dense.bias.any() and not keras_dense.bias.numpy().any()


# --- losses ---


@pytest.mark.parametrize("name", ["mean_absolute_error", "mean_squared_error"])
@pytest.mark.parametrize("shape", [(9, 1), (6, 4)])
def test_losses(name, shape):
    y_true, y_pred = random(shape), random(shape, seed=1)
    y_pred[0] = y_true[0]  # a tie: |x| has no derivative there, Keras takes 0
    prediction = tf.Variable(y_pred)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.get(name)(y_true, prediction))
    assert_close(np.float32(getattr(scratch, name)(y_true, y_pred)), loss)
    assert_close(getattr(scratch, f"{name}_gradient")(y_true, y_pred), tape.gradient(loss, prediction))


# --- optimizers ---


def assert_same_steps(optimizer, keras_optimizer, gradients, atol):
    """The same parameter after each of the given gradients."""
    ours = random(gradients[0].shape, seed=5, std=0.01)
    theirs = keras.Variable(ours.copy())
    for gradient in gradients:
        optimizer.apply([gradient], [ours])
        keras_optimizer.apply([tf.constant(gradient)], [theirs])
        assert_close(ours, theirs, atol)


@pytest.mark.parametrize("settings", [{}, {"learning_rate": 0.05}])
def test_sgd(settings):
    gradients = [random((5, 4), seed) for seed in range(10)]
    assert_same_steps(scratch.SGD(**settings), keras.optimizers.SGD(**settings), gradients, ONE_LAYER)


@pytest.mark.parametrize("settings", [{}, {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-4}])
@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6])
def test_adam(size, settings):
    gradients = [random((5, 4), seed, std=size) for seed in range(10)]
    assert_same_steps(scratch.Adam(**settings), keras.optimizers.Adam(**settings), gradients, ONE_LAYER)


def test_adam_has_epsilon_where_keras_has_it():
    """Gradients near 1e-6 tell the two forms of the paper apart: algorithm 1 adds epsilon to the corrected root."""
    gradient = random((5, 4), std=1e-6)
    parameter, keras_parameter = np.zeros((5, 4), np.float32), keras.Variable(np.zeros((5, 4), np.float32))
    scratch.Adam().apply([gradient], [parameter])
    keras.optimizers.Adam().apply([tf.constant(gradient)], [keras_parameter])
    assert_close(parameter, keras_parameter, atol=1e-8)
    # After one step, both corrected moments are the gradient itself.
    algorithm_1 = -0.001 * gradient / (np.abs(gradient) + 1e-7)
    assert np.abs(algorithm_1 - keras_parameter.numpy()).max() > 1e-4


# --- whole trainings ---


class ReplayedDropout(scratch.Dropout):
    """Dropout with the masks of a Keras layer: a second one with the same seed draws them in the same order."""

    def __init__(self, rate, seed):
        super().__init__(rate)
        self.twin = keras.layers.Dropout(rate, seed=seed)

    def forward(self, x, training):
        if not training:
            return x
        self.mask = self.twin(np.ones_like(x), training=True).numpy()
        return x * self.mask


def course_nets(units, dtype="float32"):
    """The course's net with the same initial weights and the same masks, in NumPy and in Keras."""
    keras.utils.set_random_seed(0)
    ours, theirs = [scratch.Input((11,))], [keras.Input((11,))]
    for seed in range(3):
        ours += [scratch.Dense(units, activation="relu"), ReplayedDropout(0.3, seed), scratch.BatchNormalization()]
        theirs += [
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(0.3, seed=seed),
            keras.layers.BatchNormalization(),
        ]
    net = scratch.Sequential([*ours, scratch.Dense(1)], np.random.default_rng(0), dtype)
    keras_net = keras.Sequential([*theirs, keras.layers.Dense(1)])
    net.set_weights(keras_net.get_weights())
    return net, keras_net


def wine():
    """Red wine, simulated, rows in random order: x (rows, 11) and y (rows, 1), both standardized."""
    (data,) = standardize(load_dataset("red-wine", source="simulated", show=False).sample(frac=1, random_state=0))
    return data.drop(columns="quality").to_numpy(np.float32), data[["quality"]].to_numpy(np.float32)


def train_both(net, keras_net, rows, **settings):
    """Train on the first `rows` rows in the same order; the losses of every epoch must agree. Return all weights."""
    x, y = wine()
    settings |= {"validation_data": (x[rows:], y[rows:]), "shuffle": False, "verbose": 0}
    history = net.fit(x[:rows], y[:rows], **settings).history
    keras_history = keras_net.fit(x[:rows], y[:rows], **settings).history
    assert history.keys() == keras_history.keys() == {"loss", "val_loss"}
    for quantity, losses in history.items():
        np.testing.assert_allclose(losses, keras_history[quantity], rtol=0, atol=FIFTY_STEPS)
    return net.get_weights(), keras_net.get_weights()


def test_fifty_steps_with_adam():
    """10 epochs of 4 batches of 64 rows and one of 44. Few units, because Adam makes a step of full length out of a
    gradient that is nothing but rounding, and in a wide net there is always one: float32 cannot tell there."""
    net, keras_net = course_nets(units=16)
    start = net.get_weights()
    net.compile(scratch.Adam(), "mae")
    keras_net.compile(optimizer=keras.optimizers.Adam(), loss="mae")
    weights, keras_weights = train_both(net, keras_net, rows=300, batch_size=64, epochs=10)
    for before, ours, theirs in zip(start, weights, keras_weights, strict=True):
        assert np.abs(ours - before).max() > 1e-3, "50 steps must have moved the weights"
        assert_close(ours, theirs, FIFTY_STEPS)


def set_dtype(dtype):
    keras.config.set_floatx(dtype)
    # Keras reads floatx for its policy once, at the first layer of a process.
    keras.config.set_dtype_policy(dtype)


@pytest.fixture
def float64():
    set_dtype("float64")
    yield
    set_dtype("float32")


def test_fifty_steps_of_the_full_net_in_float64(float64):
    """3 x 1024 units, 10 epochs of 4 batches of 256 rows and one of 95: without rounding to speak of, to 12 digits."""
    net, keras_net = course_nets(units=1024, dtype="float64")
    start = net.get_weights()
    net.compile(scratch.SGD(0.1), "mae")
    keras_net.compile(optimizer=keras.optimizers.SGD(0.1), loss="mae")
    weights, keras_weights = train_both(net, keras_net, rows=1119, batch_size=256, epochs=10)
    for before, ours, theirs in zip(start, weights, keras_weights, strict=True):
        assert ours.dtype == theirs.dtype == np.float64
        assert np.abs(ours - before).max() > 1e-3, "50 steps must have moved the weights"
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def trained(net, rng):
    """Weights as after a training: a net whose moving statistics are still 0 and 1 would hide a wrong order."""
    return [np.abs(weight + 0.1 * rng.standard_normal(weight.shape)).astype(np.float32) for weight in net.get_weights()]


@pytest.mark.parametrize("direction", ["from Keras", "to Keras"])
def test_predictions_after_set_weights(direction):
    net, keras_net = course_nets(units=32)
    giver, taker = (keras_net, net) if direction == "from Keras" else (net, keras_net)
    giver.set_weights(trained(giver, np.random.default_rng(0)))
    taker.set_weights(giver.get_weights())
    x, y = wine()
    prediction = net.predict(x, batch_size=100)
    assert prediction.std() > 0.1
    # The weights here are larger than trained ones, and with them the predictions: six digits.
    np.testing.assert_allclose(prediction, keras_net.predict(x, verbose=0), rtol=1e-6, atol=1e-6)
    net.compile("adam", "mse")
    keras_net.compile(optimizer="adam", loss="mse")
    assert net.evaluate(x, y) == pytest.approx(keras_net.evaluate(x, y, verbose=0), rel=1e-5)
    for ours, theirs in zip(net.get_weights(), keras_net.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


def test_summary_counts_what_keras_counts(capsys):
    net, keras_net = course_nets(units=1024)
    net.summary()
    printed = capsys.readouterr().out
    assert f"Total params: {keras_net.count_params():,}" in printed and keras_net.count_params() == 2_124_801
    assert "Trainable params: 2,118,657" in printed and "Non-trainable params: 6,144" in printed
    assert sum(weight.size for weight in net.trainable_weights) == sum(
        int(np.prod(weight.shape)) for weight in keras_net.trainable_weights
    )
