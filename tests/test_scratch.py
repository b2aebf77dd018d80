"""`helpers.scratch`: the books that layers and training keep, what they refuse, and what holds for any input."""

import ast
import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from helpers import scratch


def rng(seed=0):
    return np.random.default_rng(seed)


def course_layers(units=8, rate=0.3, features=11):
    layers = [scratch.Input((features,))]
    for _ in range(3):
        layers += [scratch.Dense(units, activation="relu"), scratch.Dropout(rate), scratch.BatchNormalization()]
    return [*layers, scratch.Dense(1)]


def course_net(seed=0, **settings):
    return scratch.Sequential(course_layers(**settings), rng(seed)).compile("adam", "mae")


def linear_net(features=3, optimizer="sgd", loss="mse"):
    return scratch.Sequential([scratch.Input((features,)), scratch.Dense(1)], rng()).compile(optimizer, loss)


def wine_like(rows=50, features=11, seed=0):
    """x (rows, features) and y (rows, 1), float32."""
    generator = rng(seed)
    return generator.random((rows, features), dtype=np.float32), generator.random((rows, 1), dtype=np.float32)


# --- the worked example of the lesson on batch normalization ---


def test_worked_example_of_the_moving_averages():
    """Inputs 0 and 1, one unit, momentum .5, one step: moving mean 0.3514931, moving variance 0.74709475.

    The weight printed afterwards, 1.404974, does not give them: the optimizer had moved it. The weight before does.
    """
    x = np.array([[0.0], [1.0]], np.float32)

    def moving_after(weight):
        dense, normalization = scratch.Dense(1), scratch.BatchNormalization(momentum=0.5)
        net = scratch.Sequential([scratch.Input((1,)), dense, normalization], rng())
        dense.kernel[:], dense.bias[:] = weight, 0
        net.forward(x, training=True)
        return str(normalization.moving_mean[0]), str(normalization.moving_variance[0])

    # From mean 0: moving mean = .5 * 0 + .5 * weight / 2, so the weight was 4 times the moving mean.
    weight_before = 4 * 0.3514931
    assert moving_after(weight_before) == ("0.3514931", "0.74709475")
    assert moving_after(1.404974) == ("0.3512435", "0.746744")
    # In between lies one step of Adam, a little less than its learning rate of .001.
    assert 0.0009 < weight_before - 1.404974 < 0.001


def test_a_hundred_steps_leave_37_percent_of_the_start():
    moving = np.ones(1)
    for _ in range(100):
        moving = scratch.update_moving(moving, np.zeros(1), momentum=0.99)
    assert moving[0] == pytest.approx(0.366, abs=0.001)


# --- dtype ---


def arrays_of(thing):
    """Every array that an object holds, by the name of its attribute; lists and tuples are looked into."""
    for name, value in vars(thing).items():
        values = value if isinstance(value, (list, tuple)) else [value]
        for number, each in enumerate(values):
            if isinstance(each, np.ndarray):
                yield f"{type(thing).__name__}.{name}[{number}]", each
            elif isinstance(each, scratch.Layer) and thing is not each:
                yield from arrays_of(each)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", ["mae", "mse"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_one_dtype_throughout(optimizer, loss, dtype):
    """Activations, masks, caches, gradients, moments: one float64 among them would make all that follows float64."""
    net = scratch.Sequential(course_layers(), rng(), dtype).compile(optimizer, loss)
    x, y = wine_like()
    net.fit(x.astype(np.float64), y.astype(np.float64), batch_size=20, epochs=2, verbose=0)
    held = [*arrays_of(net), *arrays_of(net.optimizer)]
    assert len(held) > 50
    assert {name for name, array in held if array.dtype != dtype} == set()
    assert net.predict(x).dtype == dtype and {array.dtype.name for array in net.get_weights()} == {dtype}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_compute_in_the_dtype_of_their_input(dtype):
    x, dy, y_true = (array.astype(dtype) for array in rng().random((3, 6, 4)))
    weights, bias, gamma, beta = (rng().random(shape).astype(dtype) for shape in [(4, 4), 4, 4, 4])
    y, mask = scratch.dropout_forward(x, 0.3, rng())
    normalized, cache, mean, variance = scratch.batch_norm_train(x, gamma, beta)
    computed = [
        scratch.dense_forward(x, weights, bias),
        *scratch.dense_backward(dy, x, weights),
        scratch.relu(x),
        scratch.relu_backward(dy, x),
        *(y, mask, scratch.dropout_backward(dy, mask)),
        *(normalized, *cache, mean, variance),
        *scratch.batch_norm_backward(dy, cache),
        scratch.batch_norm_inference(x, gamma, beta, mean, variance),
        scratch.update_moving(mean, variance),
        scratch.mean_absolute_error(y_true, x),
        scratch.mean_absolute_error_gradient(y_true, x),
        scratch.mean_squared_error(y_true, x),
        scratch.mean_squared_error_gradient(y_true, x),
    ]
    assert {array.dtype for array in computed} == {np.dtype(dtype)}


def test_functions_leave_their_arguments_alone():
    x, dy = rng().random((2, 6, 4))
    weights, bias = rng().random((4, 4)), rng().random(4)
    mask = scratch.dropout_forward(x, 0.3, rng())[1]
    _, cache, mean, variance = scratch.batch_norm_train(x, bias, bias)
    given = [x, dy, weights, bias, mask, *cache, mean, variance]
    before = [array.copy() for array in given]
    scratch.dense_forward(x, weights, bias)
    scratch.dense_backward(dy, x, weights)
    scratch.relu(x)
    scratch.relu_backward(dy, x)
    scratch.dropout_backward(dy, mask)
    scratch.batch_norm_backward(dy, cache)
    scratch.batch_norm_train(x, bias, bias)
    scratch.batch_norm_inference(x, bias, bias, mean, variance)
    scratch.update_moving(mean, variance)
    for loss in ("mean_absolute_error", "mean_squared_error"):
        getattr(scratch, loss)(x, dy)
        getattr(scratch, f"{loss}_gradient")(x, dy)
    assert all(np.array_equal(was, array) for was, array in zip(before, given, strict=True))


# --- training ---


def test_dropout_leaves_everything_alone_in_inference_mode():
    x = np.ones((4, 3), np.float32)
    y, mask = scratch.dropout_forward(x, 0.3, None, training=False)
    assert y is x and mask is None


def test_fit_finds_the_line_of_least_squares():
    x = rng().standard_normal((200, 3))
    y = x @ [[1.0], [-2.0], [0.5]] + 3 + 0.1 * rng(1).standard_normal((200, 1))
    net = linear_net(optimizer=scratch.SGD(0.05))
    losses = net.fit(x, y, batch_size=200, epochs=300, verbose=0).history["loss"]
    closed_form, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(200)]), y, rcond=None)
    np.testing.assert_allclose(np.concatenate([net.layers[0].kernel, [net.layers[0].bias]]), closed_form, atol=1e-4)
    assert losses[:50] == sorted(losses[:50], reverse=True) and losses[0] > 100 * losses[50]


def test_epoch_loss_is_weighted_by_the_size_of_the_batches():
    """Where nothing is learnt, the loss of an epoch is the loss of all rows, however they are cut."""
    x, y = wine_like(rows=50, features=3)
    y[48:] += 10  # the last, smaller batch differs
    net = linear_net(optimizer=scratch.SGD(0.0))
    loss = net.fit(x, y, batch_size=16, epochs=1, shuffle=False, verbose=0).history["loss"][0]
    assert (
        loss == pytest.approx(net.evaluate(x, y), rel=1e-6) == pytest.approx(net.evaluate(x, y, batch_size=7), rel=1e-6)
    )
    batches = [net.evaluate(x[start : start + 16], y[start : start + 16]) for start in range(0, 50, 16)]
    assert abs(np.mean(batches) - loss) > 1


def test_loss_of_a_step_is_that_before_the_step():
    x, y = wine_like(features=3)
    net = linear_net(optimizer=scratch.SGD(0.5))
    before = net.evaluate(x, y)
    assert net.fit(x, y, batch_size=50, verbose=0).history["loss"] == [pytest.approx(before, rel=1e-6)]
    assert net.evaluate(x, y) < 0.9 * before


@pytest.mark.parametrize(
    ("loss", "function"),
    [
        ("mae", "mean_absolute_error"),
        ("mean_absolute_error", "mean_absolute_error"),
        ("mse", "mean_squared_error"),
        ("mean_squared_error", "mean_squared_error"),
    ],
)
def test_names_of_losses_and_optimizers(loss, function):
    """One step by name is the step put together by hand."""
    x, y = wine_like(features=3)
    for name, optimizer in {"sgd": scratch.SGD(), "adam": scratch.Adam()}.items():
        net = linear_net(optimizer=name, loss=loss)
        kernel, bias = net.get_weights()
        y_pred = scratch.dense_forward(x, kernel, bias)
        assert net.evaluate(x, y) == pytest.approx(getattr(scratch, function)(y, y_pred), rel=1e-6)
        dy = getattr(scratch, f"{function}_gradient")(y, y_pred)
        optimizer.apply(scratch.dense_backward(dy, x, kernel)[1:], [kernel, bias])
        net.fit(x, y, batch_size=50, shuffle=False, verbose=0)
        for ours, by_hand in zip(net.get_weights(), (kernel, bias), strict=True):
            np.testing.assert_allclose(ours, by_hand, rtol=0, atol=1e-7)


def test_validation_loss_is_taken_after_the_epoch_in_inference_mode():
    x, y = wine_like()
    validation = wine_like(seed=1)
    net = course_net()
    history = net.fit(x, y, batch_size=16, epochs=3, validation_data=validation, verbose=0).history
    assert list(history) == ["loss", "val_loss"] and [len(values) for values in history.values()] == [3, 3]
    assert history["val_loss"][-1] == net.evaluate(*validation) != net.evaluate(x, y)
    # Sums in float32 would lose digits, and a np.float32 is printed with its type.
    assert {type(value) for values in history.values() for value in values} == {type(net.evaluate(x, y))} == {float}


class Recorder(scratch.Layer):
    """Changes nothing, and keeps the first column of every batch it is trained on."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x, training):
        if training:
            self.seen.append(x[:, 0].tolist())
        return x

    def backward(self, dy):
        return dy


@pytest.mark.parametrize("shuffle", [False, True])
def test_shuffle(shuffle):
    x, y = np.arange(60.0).reshape(20, 3) / 64, np.zeros((20, 1))
    recorder = Recorder()
    net = scratch.Sequential([scratch.Input((3,)), recorder, scratch.Dense(1)], rng()).compile("sgd", "mse")
    net.fit(x, y, batch_size=8, epochs=3, shuffle=shuffle, verbose=0)
    assert [len(batch) for batch in recorder.seen] == 3 * [8, 8, 4]
    epochs = [np.concatenate(recorder.seen[start : start + 3]) for start in (0, 3, 6)]
    assert all(np.array_equal(np.sort(epoch), x[:, 0]) for epoch in epochs)
    assert len({epoch.tobytes() for epoch in epochs}) == (3 if shuffle else 1)
    assert np.array_equal(epochs[0], x[:, 0]) == (not shuffle)


def test_training_is_reproducible_and_touches_no_global_generator():
    x, y = wine_like()
    before = np.random.get_state()[1].copy()
    first, second, other = (course_net(seed=seed) for seed in (1, 1, 2))
    for net in (first, second, other):
        net.fit(x, y, batch_size=16, epochs=2, verbose=0)
    assert np.array_equal(first.predict(x), second.predict(x))
    assert not np.allclose(first.predict(x), other.predict(x))
    assert np.array_equal(before, np.random.get_state()[1])


def test_a_new_order_and_new_masks_in_every_epoch():
    x = np.arange(40).reshape(-1, 1)
    generator = rng()
    orders = [np.concatenate([rows for rows, _ in scratch.minibatches(x, x, 16, generator)]).ravel() for _ in range(3)]
    assert all(sorted(order) == list(range(40)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    net = scratch.Sequential([scratch.Input((40,)), scratch.Dropout(0.5)], rng())
    masks = [net.forward(np.ones((5, 40), np.float32), training=True) for _ in range(3)]
    other = scratch.Sequential([scratch.Input((40,)), scratch.Dropout(0.5)], rng(1))
    masks.append(other.forward(np.ones((5, 40), np.float32), training=True))
    assert len({mask.tobytes() for mask in masks}) == 4


def test_rows_of_x_and_y_stay_together():
    x = np.arange(50, dtype=float).reshape(-1, 1)
    for x_batch, y_batch in scratch.minibatches(x, 2 * x, 8, rng()):
        assert np.array_equal(y_batch, 2 * x_batch)


def test_last_batch_holds_what_is_left():
    x = np.arange(10).reshape(-1, 1)
    assert [len(rows) for rows, _ in scratch.minibatches(x, x, 4)] == [4, 4, 2]
    assert np.array_equal(np.concatenate([rows for rows, _ in scratch.minibatches(x, x, 4)]), x)
    assert [len(rows) for rows, _ in scratch.minibatches(x, x, 99)] == [10]


def test_fit_and_predict_leave_the_data_alone():
    x, y = wine_like()
    copies = x.copy(), y.copy()
    net = course_net()
    net.fit(x, y, verbose=0, validation_data=(x, y))
    net.predict(x)
    net.forward(x, training=True)
    assert np.array_equal(x, copies[0]) and np.array_equal(y, copies[1])


def test_training_goes_on_where_it_stopped():
    x, y = wine_like()
    once, twice = course_net(), course_net()
    losses = once.fit(x, y, epochs=4, verbose=0).history["loss"]
    first, second = (twice.fit(x, y, epochs=2, verbose=0).history["loss"] for _ in range(2))
    assert losses == first + second


def test_training_that_diverges_shows_it_in_the_loss_and_prints_nothing():
    x, y = wine_like(features=3)
    net = linear_net(optimizer=scratch.SGD(1e6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = net.fit(x, y, batch_size=8, epochs=5, verbose=0, validation_data=(x, y)).history["loss"]
    assert not np.isfinite(losses[-1])


def test_progress_bar(capsys):
    x, y = wine_like()
    net = course_net()
    net.fit(x, y, batch_size=16, epochs=3, verbose=0)
    assert capsys.readouterr() == ("", "")
    history = net.fit(x, y, batch_size=16, epochs=3, validation_data=(x, y), verbose=1).history
    printed, noise = capsys.readouterr()
    last = [f"{name}={values[-1]:.4f}" for name, values in history.items()]
    assert "12/12" in printed and all(shown in printed for shown in last) and noise == ""


def test_dropout_and_batch_normalization_change_with_the_mode():
    x, _ = wine_like()
    net = course_net()
    before = net.get_weights()
    assert np.array_equal(net.predict(x), net.predict(x))
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))
    first, second = net.forward(x, training=True), net.forward(x, training=True)
    assert not np.allclose(first, second)
    changed = [not np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True)]
    # Per block kernel, bias, gamma, beta, moving mean, moving variance: the forward pass moves the last two alone.
    assert changed == 3 * [False, False, False, False, True, True] + [False, False]


def test_flatten_puts_the_values_of_a_row_side_by_side():
    images = rng().random((5, 4, 3, 2), dtype=np.float32)
    net = scratch.Sequential([scratch.Input((4, 3, 2)), scratch.BatchNormalization(), scratch.Flatten()], rng())
    assert net.shapes[-1] == (24,) and net.predict(images).shape == (5, 24)
    flat = scratch.Flatten()
    assert np.array_equal(flat.forward(images, training=True), images.reshape(5, 24))


def test_summary(capsys):
    layers = [
        scratch.Input((2, 3)),
        scratch.Flatten(),
        scratch.Dense(1024),
        scratch.BatchNormalization(),
        scratch.Dense(1),
    ]
    scratch.Sequential(layers, rng()).summary()
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "Layer Output shape Param #",
        "Flatten (N, 6) 0",
        "Dense (N, 1024) 7,168",
        "BatchNormalization (N, 1024) 4,096",
        "Dense (N, 1) 1,025",
        "Total params: 12,289",
        "Trainable params: 10,241",
        "Non-trainable params: 2,048",
    ]


def test_inference_keeps_no_batch():
    """What only backward needs would hold on to the memory of the last batch."""
    x, y = wine_like()
    net = scratch.Sequential([*course_layers(), scratch.Flatten()], rng()).compile("adam", "mae")
    held = {id(layer): vars(layer).keys() for layer in net.layers}
    net.predict(x)
    net.evaluate(x, y)
    assert {id(layer): vars(layer).keys() for layer in net.layers} == held


def test_compile_again():
    net = linear_net(optimizer="sgd", loss="mse")
    net.compile("adam", "mae")
    assert isinstance(net.optimizer, scratch.Adam) and net.loss is scratch.mean_absolute_error


def test_tables_of_truth_values_and_objects_are_numbers():
    for dtype in (bool, object, np.float16, np.int8):
        assert np.array_equal(linear_net().predict(np.ones((4, 3), dtype)), linear_net().predict(X))


def test_weights_given_out_are_copies():
    net = course_net()
    net.get_weights()[0][:] = 7
    assert not (net.get_weights()[0] == 7).any()


def test_a_net_without_generator_takes_its_weights_from_another():
    x, y = wine_like()
    giver, taker = course_net(), scratch.Sequential(course_layers())
    with pytest.raises(ValueError, match="no weights yet"):
        taker.predict(x)
    taker.set_weights(giver.get_weights())
    assert np.array_equal(taker.predict(x), giver.predict(x))


# --- what is refused ---


def refused(message, call, *arguments, **settings):
    with pytest.raises(ValueError, match=message):
        call(*arguments, **settings)


X = np.ones((4, 3), np.float32)
BAD_ARGUMENTS = [
    (r"rate must be a number in \[0, 1\], got 1.5", lambda: scratch.Dropout(1.5)),
    (r"rate must be a number in \[0, 1\], got -0.1", lambda: scratch.dropout_forward(X, -0.1, rng())),
    (r"rate must be a number in \[0, 1\], got nan", lambda: scratch.Dropout(float("nan"))),
    (r"rate must be a number in \[0, 1\], got 'half'", lambda: scratch.Dropout("half")),
    (r"rng must be an np.random.Generator .*got 0", lambda: scratch.dropout_forward(X, 0.5, 0)),
    (r"rng must be an np.random.Generator", lambda: scratch.Sequential([scratch.Input((3,))], np.random)),
    (r"x must be of shape \(N, 2\), got \(4, 3\)", lambda: scratch.dense_forward(X, np.ones((2, 5)), np.ones(5))),
    (r"x must be of shape \(N, 3\), got \(3,\)", lambda: scratch.dense_forward(X[0], np.ones((3, 5)), np.ones(5))),
    (r"x must be of shape .*3\), got \(4, 1\)", lambda: scratch.batch_norm_train(X[:, :1], np.ones(3), np.ones(3))),
    (r"x must be of shape .*3\), got \(3,\)", lambda: scratch.batch_norm_train(X[0], np.ones(3), np.ones(3))),
    (r"x must be of shape .*2\), got", lambda: scratch.batch_norm_inference(X, *np.ones((4, 2)))),
    (
        r"y_pred must be of the shape of y_true, \(4,\), got \(4, 1\)",
        lambda: scratch.mean_absolute_error(X[:, 0], X[:, :1]),
    ),
    (r"y_pred must be", lambda: scratch.mean_absolute_error_gradient(X[:, 0], X[:, :1])),
    (r"y_pred must be", lambda: scratch.mean_squared_error(X[:, 0], X[:, :1])),
    (r"y_pred must be", lambda: scratch.mean_squared_error_gradient(X[:, 0], X[:, :1])),
    (r"batch_size must be a whole number from 1 up, got 0", lambda: scratch.minibatches(X, X, 0)),
    (r"batch_size must be a whole number from 1 up, got 2.5", lambda: scratch.minibatches(X, X, 2.5)),
    (r"y must be of 4 rows, as x, got 3", lambda: scratch.minibatches(X, X[:3], 2)),
    (r"units must be a whole number from 1 up, got 0", lambda: scratch.Dense(0)),
    (r"activation must be .*got 'softmax'", lambda: scratch.Dense(1, activation="softmax")),
    (r"momentum must be a number in \[0, 1\], got 99", lambda: scratch.BatchNormalization(momentum=99)),
    (r"epsilon must be a number in \[0, inf\), got -1", lambda: scratch.BatchNormalization(epsilon=-1)),
    (r"learning_rate must be a number in \[0, inf\), got -1", lambda: scratch.SGD(-1)),
    (r"learning_rate must be a number in \[0, inf\), got 'fast'", lambda: scratch.Adam("fast")),
    (r"beta_1 must be a number in \[0, 1\), got 1", lambda: scratch.Adam(beta_1=1)),
    (r"beta_1 must be a number in \[0, 1\), got -0.1", lambda: scratch.Adam(beta_1=-0.1)),
    (r"beta_2 must be a number in \[0, 1\), got 1.0", lambda: scratch.Adam(beta_2=1.0)),
    (r"beta_2 must be a number in \[0, 1\), got -0.1", lambda: scratch.Adam(beta_2=-0.1)),
    (r"epsilon must be a number in \[0, inf\), got -1", lambda: scratch.Adam(epsilon=-1)),
    (r"layers must be a list that begins with Input", lambda: scratch.Sequential([scratch.Dense(1)])),
    (r"layers must be a list that begins with Input", lambda: scratch.Sequential([])),
    (r"layers must be new layers.*got <class", lambda: scratch.Sequential([scratch.Input((3,)), scratch.Dense], rng())),
    (r"layers must be new layers.*got 'relu'", lambda: scratch.Sequential([scratch.Input((3,)), "relu"], rng())),
    (r"shape must be a tuple such as \(11,\), got 11", lambda: scratch.Input(11)),
    (r"shape must be a tuple such as \(11,\), got \(\)", lambda: scratch.Input(())),
    (r"shape must be a whole number from 1 up, got -1", lambda: scratch.Input((-1,))),
    (r"dtype must be .*got 'float16'", lambda: scratch.Sequential([scratch.Input((3,))], rng(), "float16")),
    (r"rate must be .*got True", lambda: scratch.Dropout(True)),
    (r"units must be .*got True", lambda: scratch.Dense(True)),
    (r"learning_rate must be .*got inf", lambda: scratch.SGD(np.inf)),
    (r"rng must be an np.random.Generator .*got 0", lambda: scratch.minibatches(X, X, 2, 0)),
    (r"optimizer must be .*got <class", lambda: scratch.Sequential([scratch.Input((3,))]).compile(scratch.Adam, "mse")),
    (r"loss must be .*got \['mse'\]", lambda: scratch.Sequential([scratch.Input((3,))]).compile("sgd", ["mse"])),
    (r"optimizer must be .*got None", lambda: scratch.Sequential([scratch.Input((3,))]).compile(None, "mse")),
    (
        r"loss must be .*got <function",
        lambda: scratch.Sequential([scratch.Input((3,))]).compile("sgd", scratch.mean_squared_error),
    ),
    (
        r"x of Dense must be of shape \(N, D\); put Flatten before it, got .*N, 8, 8\)",
        lambda: scratch.Sequential([scratch.Input((8, 8)), scratch.Dense(1)]),
    ),
    (r"optimizer must be .*got 'rmsprop'", lambda: scratch.Sequential([scratch.Input((3,))]).compile("rmsprop", "mse")),
    (r"loss must be one of .*got 'huber'", lambda: scratch.Sequential([scratch.Input((3,))]).compile("sgd", "huber")),
]


@pytest.mark.parametrize(("message", "call"), BAD_ARGUMENTS, ids=[message for message, _ in BAD_ARGUMENTS])
def test_bad_arguments_are_named(message, call):
    refused(message, call)


def with_value(array, value):
    """The value in two places; the first of them is to be named."""
    changed = array.copy()
    changed[2, array.shape[1] // 2] = changed[3, 0] = value
    return changed


Y = np.ones((4, 1), np.float32)
X64 = X.astype(np.float64)
BAD_DATA = {
    r"x must hold numbers that are finite in float32, got nan at \(2, 1\)": (with_value(X, np.nan), Y),
    r"x must hold numbers that are finite in float32, got inf at \(2, 1\)": (with_value(X, np.inf), Y),
    r"x must hold numbers that are finite in float32, got 1e\+300 at \(2, 1\)": (with_value(X64, 1e300), Y),
    r"y must hold numbers that are finite in float32, got nan at \(2, 0\)": (X, with_value(Y, np.nan)),
    r"x must be of shape \(N, 3\) with N > 0, got \(4, 2\)": (X[:, :2], Y),
    r"x must be of shape \(N, 3\) with N > 0, got \(3,\)": (X[0], Y),
    r"x must be of shape \(N, 3\) with N > 0, got \(0, 3\)": (X[:0], Y[:0]),
    r"x must be of shape \(N, 3\) with N > 0, got \(\)": (1.0, Y),
    r"y must be of shape \(N, 1\) with N > 0 \(reshape\(-1, 1\) makes a column of it\), got \(4,\)": (X, Y[:, 0]),
    r"y must be of shape \(N, 1\) with N > 0, got \(4, 2\)": (X, np.ones((4, 2))),
    r"y must be of 4 rows, as x, got 3": (X, Y[:3]),
    r"x must be an array of numbers: could not convert": (pd.DataFrame([[1, 2, 3], [1, 2, "three"]]), Y[:2]),
    r"x must be an array of numbers, got dtype\('<U": (X.astype(str), Y),
    r"x must be an array of numbers, got dtype\('<M8": (X.astype("datetime64[s]"), Y),
    r"x must be an array of numbers, got dtype\('complex64": (X.astype(np.complex64), Y),
    r"x must be an array of numbers: float\(\) argument": ([[{}, 1, 2]], Y),
    r"y must be an array of numbers": (X, [[1], [2, 3], [4], [5]]),
}


@pytest.mark.parametrize("message", BAD_DATA)
def test_bad_data_are_named_and_change_nothing(message):
    net = linear_net()
    before = net.get_weights()
    x, y = BAD_DATA[message]
    refused(f"^{message}", net.fit, x, y, verbose=0)
    refused(f"^{message}", net.evaluate, x, y)
    refused(f"^validation_data {message}", net.fit, X, Y, validation_data=(x, y), verbose=0)
    if message.startswith("x"):
        refused(f"^{message}", net.predict, x)
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("message", "settings"),
    [
        ("batch_size must be a whole number from 1 up, got 0", {"batch_size": 0}),
        ("batch_size must be a whole number from 1 up, got -4", {"batch_size": -4}),
        ("epochs must be a whole number from 1 up, got 0", {"epochs": 0}),
        ("epochs must be a whole number from 1 up, got 1.5", {"epochs": 1.5}),
        ("verbose must be 0 or 1, got 2", {"verbose": 2}),
        (r"validation_data must be a pair \(x, y\), got 'tuple'", {"validation_data": (X, Y, Y)}),
        (r"validation_data must be a pair \(x, y\), got 'ndarray'", {"validation_data": X}),
    ],
)
def test_bad_settings_of_fit_are_named(message, settings):
    refused(message, linear_net().fit, X, Y, **settings)


def test_batch_size_of_evaluate_and_predict():
    refused("batch_size must be", linear_net().evaluate, X, Y, batch_size=0)
    refused("batch_size must be", linear_net().predict, X, batch_size=0)


def test_fit_before_compile_and_shuffle_without_generator():
    refused("call compile", scratch.Sequential([scratch.Input((3,)), scratch.Dense(1)], rng()).fit, X, Y)
    net = scratch.Sequential([scratch.Input((3,)), scratch.Dense(1)]).compile("sgd", "mse")
    refused("give it an rng", net.fit, X, Y, verbose=0)
    net.set_weights([np.ones((3, 1)), np.ones(1)])
    refused("rng must be .* to shuffle rows or drop values, got None", net.fit, X, Y, verbose=0)
    assert len(net.fit(X, Y, shuffle=False, verbose=0).history["loss"]) == 1


@pytest.mark.parametrize(
    "weights",
    [
        [],
        [np.ones((3, 1))],
        [np.ones((3, 1)), np.ones(1), np.ones(1)],
        [np.ones((1, 3)), np.ones(1)],
        [np.ones((3, 1)), np.ones((1, 1))],
        [np.ones(1), np.ones((3, 1))],
    ],
    ids=["none", "too few", "too many", "transposed", "one axis too many", "order"],
)
def test_mismatched_weights_are_refused_and_change_nothing(weights):
    net = linear_net()
    before = net.get_weights()
    refused(r"weights must be arrays of the shapes \[\(3, 1\), \(1,\)\], got \[", net.set_weights, weights)
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))


def test_an_optimizer_belongs_to_one_net():
    adam = scratch.Adam()
    x, y = wine_like(features=3)
    linear_net(optimizer=adam).fit(x, y, verbose=0)
    other = scratch.Sequential([scratch.Input((3,)), scratch.Dense(1)], rng())
    refused("another net needs another Adam", other.compile, adam, "mse")
    assert other.optimizer is None
    refused("another net needs another Adam", adam.apply, [X], [X.copy()])


@pytest.mark.parametrize("optimizer", [scratch.SGD(), scratch.Adam()])
@pytest.mark.parametrize("gradients", [[X], [X, X, X], [X, X[:, :1]], [X, X[0]]])
def test_gradients_have_the_shapes_of_the_parameters(optimizer, gradients):
    parameters = [X.copy(), X.copy()]
    refused(
        r"gradients must be arrays of the shapes \[\(4, 3\), \(4, 3\)\], got", optimizer.apply, gradients, parameters
    )
    assert all(np.array_equal(parameter, X) for parameter in parameters)


def test_every_layer_is_used_once():
    layer = scratch.Dense(3)
    net = scratch.Sequential([scratch.Input((3,)), layer], rng())
    before = net.get_weights()
    refused("layers must be new layers", scratch.Sequential, [scratch.Input((5,)), layer], rng())
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))
    twice = scratch.Dense(3)
    refused("layers must be new layers", scratch.Sequential, [scratch.Input((3,)), twice, twice], rng())


def test_backward_follows_forward_in_training_mode():
    net = linear_net()
    refused("backward needs forward", net.backward, Y)
    net.forward(X, training=True)
    net.backward(Y)
    net.forward(X, training=False)
    refused("backward needs forward", net.backward, Y)


def test_without_generator_nothing_is_dropped_in_training():
    net = scratch.Sequential(
        [scratch.Input((3,)), scratch.BatchNormalization(), scratch.Dropout(0.5), scratch.Dense(1)]
    )
    net.set_weights([*np.ones((4, 3)), np.ones((3, 1)), np.ones(1)])
    before = net.compile("sgd", "mse").get_weights()
    refused("rng must be .* to shuffle rows or drop values, got None", net.fit, X, Y, shuffle=False, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))
    assert net.predict(X).shape == (4, 1)


def test_settings_of_numpy_types_do_not_make_float64():
    epsilon, rate = np.float64(1e-3), np.float64(0.5)
    layers = [
        scratch.Input((3,)),
        scratch.BatchNormalization(np.float64(0.9), epsilon),
        scratch.Dropout(rate),
        scratch.Dense(1),
    ]
    optimizer = scratch.Adam(*np.array([1e-3, 0.9, 0.999, 1e-7]))
    net = scratch.Sequential(layers, rng()).compile(optimizer, "mse")
    net.fit(X, Y, verbose=0)
    assert {array.dtype for _, array in [*arrays_of(net), *arrays_of(optimizer)]} == {np.dtype(np.float32)}


def test_tables_of_pandas_are_data_too():
    x, y = wine_like(rows=6, features=3)
    table = pd.DataFrame(x, index=[5, 4, 3, 2, 1, 0])
    net, same = linear_net(), linear_net()
    net.fit(table, pd.DataFrame(y), batch_size=2, verbose=0)
    same.fit(x, y, batch_size=2, verbose=0)
    assert np.array_equal(net.predict(table), same.predict(x))
    batches = [rows for rows, _ in scratch.minibatches(table, table[0], 4)]
    assert np.array_equal(np.concatenate(batches), x)


def test_functions_take_whole_numbers():
    """The toy arrays of a lesson, np.arange(8), are no floats."""
    x = np.arange(8).reshape(4, 2)
    y, mask = scratch.dropout_forward(x, 0.5, rng())
    assert set(np.unique(mask)) <= {0.0, 2.0} and np.array_equal(y, x * mask)
    assert np.array_equal(scratch.dense_forward(x, np.ones((2, 1)), np.full(1, 0.5))[:, 0], [1.5, 5.5, 9.5, 13.5])
    normalized = [scratch.batch_norm_train(each, np.ones(2), np.zeros(2))[0] for each in (x, x.astype(float))]
    assert np.array_equal(*normalized)


# --- properties, for any input ---

rates = st.floats(0, 0.95)
seeds = st.integers(0, 2**32 - 1)


def batches(min_rows=2, images=False):
    """float64 arrays (rows, channels), or (N, H, W, C), of values up to 100."""
    dimensions = 4 if images else 2
    shapes = array_shapes(min_dims=dimensions, max_dims=dimensions, min_side=min_rows, max_side=6)
    return arrays(np.float64, shapes, elements=st.floats(-100, 100, allow_subnormal=False))


@given(rates, seeds)
def test_dropout_keeps_the_mean(rate, seed):
    n = 20_000
    y, mask = scratch.dropout_forward(np.ones((n // 10, 10)), rate, rng(seed))
    # The mask has mean 1 and variance rate / (1 - rate); six standard errors are one failure in a billion.
    assert abs(y.mean() - 1) <= 6 * np.sqrt(rate / (1 - rate) / n) + 1e-12
    assert np.array_equal(y, mask)
    np.testing.assert_allclose(np.unique(mask[mask > 0]), 1 / (1 - rate))


@given(batches(), rates, seeds)
def test_dropout_is_repeatable_and_its_gradient_reuses_the_mask(x, rate, seed):
    y, mask = scratch.dropout_forward(x, rate, rng(seed))
    again, same_mask = scratch.dropout_forward(x, rate, rng(seed))
    assert np.array_equal(y, again) and np.array_equal(mask, same_mask)
    assert np.array_equal(y, x * mask) and np.array_equal(scratch.dropout_backward(x, mask), y)


@given(batches(), seeds)
def test_dropout_at_both_ends(x, seed):
    assert np.array_equal(scratch.dropout_forward(x, 0, rng(seed))[0], x)
    assert not scratch.dropout_forward(x, 1, rng(seed))[0].any()


@given(st.one_of(batches(), batches(images=True)), st.floats(0.1, 3), st.floats(-3, 3))
def test_batch_norm_output_has_the_mean_and_variance_of_its_formula(x, gamma, beta):
    channels, axes = x.shape[-1], tuple(range(x.ndim - 1))
    y, _, mean, variance = scratch.batch_norm_train(x, np.full(channels, gamma), np.full(channels, beta))
    np.testing.assert_allclose(mean, x.mean(axes), atol=1e-9)
    np.testing.assert_allclose(variance, x.var(axes), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(y.mean(axes), beta, atol=1e-9)
    np.testing.assert_allclose(y.var(axes), gamma**2 * x.var(axes) / (x.var(axes) + 1e-3), rtol=1e-6, atol=1e-9)


@given(st.one_of(batches(), batches(images=True)), seeds)
def test_gradient_of_batch_norm_sums_to_zero(x, seed):
    """The mean is subtracted again, so moving all values of a channel together changes nothing."""
    dy, channels = rng(seed).standard_normal(x.shape), x.shape[-1]
    cache = scratch.batch_norm_train(x, np.ones(channels), np.zeros(channels))[1]
    dx = scratch.batch_norm_backward(dy, cache)[0]
    axes = tuple(range(x.ndim - 1))
    # Relative to what is summed: where the variance is 0, the gradient is large.
    assert (np.abs(dx.sum(axes)) <= 1e-9 * (1 + np.abs(dx).sum(axes))).all()


@given(batches(min_rows=1), seeds)
def test_order_and_company_do_not_change_inference(x, seed):
    net = scratch.Sequential(course_layers(features=x.shape[1]), rng(seed), dtype="float64")
    for weight in net.weights:
        weight += rng(seed).random(weight.shape)
    order = rng(seed).permutation(len(x))
    together = net.predict(x)
    np.testing.assert_allclose(net.predict(x[order]), together[order], rtol=1e-9)
    np.testing.assert_allclose(np.concatenate([net.predict(row[None]) for row in x]), together, rtol=1e-9)
    np.testing.assert_allclose(net.predict(x, batch_size=2), together, rtol=1e-9)


@given(arrays(np.float32, (1, 5), elements=st.floats(-100, 100, width=32)))
def test_batch_of_one_gives_exactly_beta(x):
    beta = np.arange(5, dtype=np.float32)
    y, _, mean, variance = scratch.batch_norm_train(x, np.full(5, 3, np.float32), beta)
    assert np.array_equal(y[0], beta) and np.array_equal(mean, x[0]) and not variance.any()


@given(st.floats(0.1, 100))
def test_batch_of_two_gives_signs(distance):
    """(x - mean) / std of two values is -1 and 1, whatever they are; epsilon takes a little off."""
    y = scratch.batch_norm_train(np.array([[0.0], [distance]]), np.ones(1), np.zeros(1))[0]
    expected = 1 / np.sqrt(1 + 4e-3 / distance**2)
    np.testing.assert_allclose(y[:, 0], [-expected, expected], rtol=1e-9)


# --- the file itself ---


def test_nothing_but_numpy_and_a_progress_bar_is_imported():
    nodes = list(ast.walk(ast.parse(inspect.getsource(scratch))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert names == {"math", "numbers", "sys", "numpy", "tqdm"}


def test_public_functions_say_what_they_do():
    public = [thing for thing in vars(scratch).values() if inspect.getmodule(thing) is scratch]
    public = [thing for thing in public if not thing.__name__.startswith("_")]
    assert len(public) > 20
    assert [thing.__name__ for thing in public if not thing.__doc__] == []
