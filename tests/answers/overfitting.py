"""Unit 03: right answers in many styles, and wrong ones written independently of the questions."""

import keras
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit
from sklearn.preprocessing import StandardScaler

from helpers import data

# --- standardize ---


def plain(train, validation):
    mu, sigma = train.mean(0), train.std(0)
    sigma[sigma == 0] = 1
    return (train - mu) / sigma, (validation - mu) / sigma


def unbiased(train, validation):
    mu, sigma = np.mean(train, axis=0, keepdims=True), np.std(train, axis=0, ddof=1, keepdims=True)
    sigma = np.where(sigma > 0, sigma, 1.0)
    return [(train - mu) / sigma, (validation - mu) / sigma]


def single_precision(train, validation, dtype=np.float32):
    return plain(train.astype(dtype), validation.astype(dtype))


def column_by_column(X_train, X_val):
    a, b = np.empty_like(X_train), np.empty_like(X_val)
    for j in range(X_train.shape[1]):
        column = X_train[:, j]
        scale = column.std() or 1.0
        a[:, j] = (column - column.mean()) / scale
        b[:, j] = (X_val[:, j] - column.mean()) / scale
    return a, b


def with_pandas(train, validation):
    a, b = pd.DataFrame(train), pd.DataFrame(validation)
    std = a.std().replace(0, 1)
    return ((a - a.mean()) / std).to_numpy(), ((b - a.mean()) / std).to_numpy()


def with_scaler(train, validation):
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(validation)


def fitted_on_everything(train, validation):
    scaler = StandardScaler().fit(np.vstack([train, validation]))
    return scaler.transform(train), scaler.transform(validation)


def fitted_twice(train, validation):
    return StandardScaler().fit_transform(train), StandardScaler().fit_transform(validation)


def fitted_twice_by_hand(train, validation):
    def scaled(x):
        return (x - np.average(x, axis=0)) / np.sqrt(np.var(x, axis=0))

    return scaled(train), scaled(validation)


def one_mean(train, validation):
    m, s = np.mean(train), np.std(train)
    return (train - m) / s, (validation - m) / s


def variance(train, validation):
    centred = train - train.mean(0)
    var = (centred**2).mean(0)
    return centred / var, (validation - train.mean(0)) / var


def safe_variance(train, validation):
    var = train.var(0)
    var[var == 0] = 1
    return (train - train.mean(0)) / var, (validation - train.mean(0)) / var


def other_axis(train, validation):
    return (train - train.mean(1)) / train.std(1), (validation - train.mean(1)) / train.std(1)


def every_row(train, validation):
    return tuple(((x.T - x.mean(1)) / x.std(1)).T for x in (train, validation))


def min_max(train, validation):
    low, high = train.min(0), train.max(0)
    return (train - low) / (high - low), (validation - low) / (high - low)


def tiny_epsilon(train, validation, eps=1e-8):
    m, s = train.mean(0), train.std(0) + eps
    return (train - m) / s, (validation - m) / s


def nothing_done_to_validation(train, validation):
    return plain(train, validation)[0], validation


def not_shifted(train, validation):
    s = train.std(0)
    s[s == 0] = 1
    return train / s, validation / s


# --- split_without_leakage ---


def by_set(groups, train_size, rng):
    names = sorted(set(groups.tolist()))
    rng.shuffle(names)
    chosen = set(names[: int(train_size * len(names))])
    train = [row for row, name in enumerate(groups) if name in chosen]
    return train, [row for row, name in enumerate(groups) if name not in chosen]


def with_sklearn(groups, train_size, rng):
    splitter = GroupShuffleSplit(1, train_size=train_size, random_state=int(rng.integers(2**31)))
    return next(splitter.split(groups, groups=groups))


def a_coin_for_each_group(groups, train_size, rng):
    names, inverse = np.unique(groups, return_inverse=True)
    in_train = (rng.random(len(names)) < train_size)[inverse]
    return np.where(in_train)[0], np.where(~in_train)[0]


def masks(groups, train_size, rng, replace=False):
    names = np.unique(groups)
    chosen = rng.choice(names, size=int(np.ceil(train_size * len(names))), replace=replace)
    in_train = np.isin(groups, chosen)
    return in_train, ~in_train


def filled_row_by_row(groups, train_size, rng):
    """Groups are added until there are enough rows."""
    train, validation = [], []
    for name in rng.permutation(np.unique(groups)):
        rows = np.flatnonzero(groups == name)
        (train if len(train) < train_size * len(groups) else validation).extend(rows)
    return np.array(train), np.array(validation)


def shuffled_rows_of_pandas(groups, train_size, rng):
    table = pd.Series(groups)
    names = table.drop_duplicates().sample(frac=train_size, random_state=rng)
    in_train = table.isin(names)
    return table.index[in_train], table.index[~in_train]


def global_random_groups(groups, train_size, rng):
    names = list(set(groups))
    np.random.shuffle(names)
    names = names[: round(train_size * len(names))]
    in_train = np.array([name in names for name in groups])
    return in_train.nonzero()[0], (~in_train).nonzero()[0]


def ordinary_split(groups, train_size, rng):
    in_train = rng.random(len(groups)) < train_size
    return np.flatnonzero(in_train), np.flatnonzero(~in_train)


def cut_at_a_row(groups, train_size, rng):
    n = int(train_size * len(groups))
    return range(n), range(n, len(groups))


def only_first_rows(groups, train_size, rng):
    rows = pd.Series(groups).drop_duplicates().sample(frac=1, random_state=rng).index
    return rows[: int(train_size * len(rows))], rows[int(train_size * len(rows)) :]


def some_groups_forgotten(groups, train_size, rng):
    names = rng.permutation(np.unique(groups))
    n, m = int(train_size * len(names)), int((1 - train_size) * len(names)) - 2
    return np.flatnonzero(np.isin(groups, names[:n])), np.flatnonzero(np.isin(groups, names[-m:]))


def always_the_last(groups, train_size, rng):
    names = np.unique(groups)[::-1]
    in_train = np.isin(groups, names[: int(train_size * len(names))])
    return np.flatnonzero(in_train), np.flatnonzero(~in_train)


def seed_inside(groups, train_size, rng):
    return by_set(groups, train_size, np.random.default_rng(42))


def names_returned(groups, train_size, rng):
    names = np.unique(groups)
    rng.shuffle(names)
    return list(names[: int(0.5 + train_size * len(names))]), list(names[int(0.5 + train_size * len(names)) :])


def numbers_of_groups(groups, train_size, rng):
    """Places in the list of groups, taken for rows."""
    order = rng.permutation(len(np.unique(groups)))
    n = int(train_size * len(order))
    return order[:n], order[n:]


def half_and_half(groups, train_size, rng):
    return by_set(groups, 0.4, rng)


def twice(groups, train_size, rng):
    train, validation = by_set(groups, train_size, rng)
    return train + train[:1], validation


# --- early_stopping ---


class Stub:
    """As much of a model as the real callback touches."""

    def __init__(self):
        self.metrics, self.stop_training, self.weights = [], False, None

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


def real_callback(val_losses, weights, patience, min_delta):
    """The proof: Keras itself."""
    callback = keras.callbacks.EarlyStopping(patience=patience, min_delta=min_delta, restore_best_weights=True)
    model = Stub()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, (loss, now) in enumerate(zip(val_losses, weights, strict=True)):
        model.set_weights([now])
        callback.on_epoch_end(epoch, {"val_loss": loss})
        if model.stop_training:
            break
    callback.on_train_end()
    return epoch + 1, model.get_weights()[0]


def by_distance(val_losses, weights, patience, min_delta):
    best = 0
    for e in range(1, len(val_losses)):
        if val_losses[best] - val_losses[e] > min_delta:
            best = e
        elif e - best == patience:
            return e + 1, weights[best]
    return len(val_losses), weights[best]


def with_while(losses, all_weights, patience=3, min_delta=0.0, verbose=False):
    epoch, wait, best, kept = 0, 0, float("inf"), None
    while epoch < len(losses) and wait < patience:
        if losses[epoch] + min_delta < best:
            best, kept, wait = losses[epoch], all_weights[epoch].copy(), 0
        else:
            wait += 1
        epoch += 1
    return epoch, kept


def first_set_apart(val_losses, weights, patience, min_delta):
    n, best, kept, wait = 1, val_losses[0], weights[0], 0
    for loss, w in zip(val_losses[1:], weights[1:], strict=True):
        n += 1
        wait = 0 if loss < best - min_delta else wait + 1
        if wait == 0:
            best, kept = loss, w
        if wait == patience:
            break
    return [n, kept]


def recursive(val_losses, weights, patience, min_delta, epoch=0, best=0, wait=0):
    if epoch == len(val_losses) or wait == patience:
        return np.int64(epoch), weights[best].astype(np.float32)
    if epoch == 0 or val_losses[epoch] < val_losses[best] - min_delta:
        return recursive(val_losses, weights, patience, min_delta, epoch + 1, epoch, 0)
    return recursive(val_losses, weights, patience, min_delta, epoch + 1, best, wait + 1)


def from_lists(val_losses, weights, patience, min_delta):
    return by_distance([float(loss) for loss in val_losses], [w.tolist() for w in weights], patience, min_delta)


def last_kept(val_losses, weights, patience, min_delta):
    n, _ = by_distance(val_losses, weights, patience, min_delta)
    return n, weights[n - 1]


def end_of_the_long_run_kept(val_losses, weights, patience, min_delta):
    return by_distance(val_losses, weights, patience, min_delta)[0], weights[-1]


def as_in_keras_2(val_losses, weights, patience, min_delta):
    best, kept, wait = np.inf, None, 0
    for e, loss in enumerate(val_losses):
        wait += 1
        if loss + min_delta < best:
            best, kept, wait = loss, weights[e], 0
        elif wait >= patience:
            return e + 1, kept
    return len(val_losses), weights[-1]


def too_late(val_losses, weights, patience, min_delta):
    best = 0
    for e in range(len(val_losses)):
        if val_losses[best] - val_losses[e] > min_delta:
            best = e
        if e - best > patience:
            return e + 1, weights[best]
    return len(val_losses), weights[best]


def too_early(val_losses, weights, patience, min_delta):
    return by_distance(val_losses, weights, patience - 1, min_delta)


def checked_before_counting(val_losses, weights, patience, min_delta):
    best, kept, wait = np.inf, None, 0
    for e, loss in enumerate(val_losses, start=1):
        if loss < best - min_delta:
            best, kept, wait = loss, weights[e - 1], 0
        else:
            if wait == patience:
                break
            wait += 1
    return e, kept


def keras_stopped_epoch(val_losses, weights, patience, min_delta):
    n, kept = by_distance(val_losses, weights, patience, min_delta)
    return n - 1, kept


def stopped_epoch_or_length(val_losses, weights, patience, min_delta):
    best = 0
    for e in range(1, len(val_losses)):
        if val_losses[best] - val_losses[e] > min_delta:
            best = e
        elif e - best >= patience:
            return e, weights[best]
    return len(val_losses), weights[best]


def number_of_the_best(val_losses, weights, patience, min_delta):
    kept = by_distance(val_losses, weights, patience, min_delta)[1]
    return [w is kept for w in weights].index(True) + 1, kept


def any_fall_counts(val_losses, weights, patience, min_delta):
    return with_while(val_losses, weights, patience, 0)


def harder_made_easier(val_losses, weights, patience, min_delta):
    return by_distance(val_losses, weights, patience, -min_delta)


def not_strict(val_losses, weights, patience, min_delta):
    best = 0
    for e in range(1, len(val_losses)):
        if val_losses[best] - val_losses[e] >= min_delta:
            best = e
        elif e - best == patience:
            return e + 1, weights[best]
    return len(val_losses), weights[best]


def neighbours(val_losses, weights, patience, min_delta):
    wait, kept = 0, weights[0]
    for e in range(1, len(val_losses)):
        if val_losses[e - 1] - val_losses[e] > min_delta:
            wait, kept = 0, weights[e]
        else:
            wait += 1
        if wait == patience:
            break
    return e + 1, kept


def neighbours_but_smallest_kept(val_losses, weights, patience, min_delta):
    n, _ = neighbours(val_losses, weights, patience, min_delta)
    return n, weights[int(np.argmin(val_losses[:n]))]


def never_patient_again(val_losses, weights, patience, min_delta):
    best, bad = 0, 0
    for e in range(1, len(val_losses)):
        if val_losses[e] < val_losses[best] - min_delta:
            best = e
        else:
            bad += 1
        if bad == patience:
            break
    return e + 1, weights[best]


def smallest_until_then(val_losses, weights, patience, min_delta):
    n, _ = by_distance(val_losses, weights, patience, min_delta)
    return n, min(zip(val_losses[:n], weights[:n], strict=True), key=lambda pair: pair[0])[1]


def smallest_ever(val_losses, weights, patience, min_delta):
    return by_distance(val_losses, weights, patience, min_delta)[0], weights[list(val_losses).index(min(val_losses))]


# --- early_stopping_callback ---


def early(**arguments):
    return keras.callbacks.EarlyStopping(**arguments)


class ByHand(keras.callbacks.Callback):
    """Written by a learner who does not trust libraries."""

    def __init__(self, watched="val_loss", patience=5, min_delta=0.001, restore=True):
        super().__init__()
        self.watched, self.patience, self.min_delta, self.restore = watched, patience, min_delta, restore

    def on_train_begin(self, logs=None):
        self.losses, self.kept, self.best = [], [], 0

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs[self.watched])
        self.kept.append(self.model.get_weights())
        if self.losses[self.best] - self.losses[-1] > self.min_delta:
            self.best = epoch
        elif epoch - self.best >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.restore:
            self.model.set_weights(self.kept[self.best])


def used_before():
    """In a run of fit, on another model."""
    callback = early(patience=5, min_delta=1e-3, restore_best_weights=True)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    callback.set_model(model)
    callback.on_train_begin()
    for epoch in range(3):
        callback.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 1.0})
    callback.on_train_end()
    return callback


# --- learning_curve_gap ---


def by_lists(train_losses, val_losses):
    values = list(val_losses)
    return values.index(min(values)) + 1, values[-1] - min(values)


def by_loop(train, val, start=1):
    best_epoch, best = None, float("inf")
    for epoch, loss in enumerate(val, start):
        if loss < best:
            best_epoch, best = epoch, loss
    return best_epoch, loss - best


def wrong_place(train_losses, val_losses):
    best_epoch = int(np.argmin(val_losses)) + 1
    return best_epoch, val_losses[-1] - val_losses[best_epoch]


RIGHT = {
    "standardize": [plain, unbiased, single_precision, column_by_column, with_pandas, with_scaler, data.standardize],
    "split_without_leakage": [by_set, with_sklearn, a_coin_for_each_group, masks, filled_row_by_row,
                              shuffled_rows_of_pandas, global_random_groups],
    "early_stopping": [real_callback, by_distance, with_while, first_set_apart, recursive, from_lists],
    "early_stopping_callback": [
        early(monitor="val_loss", patience=5, min_delta=0.001, restore_best_weights=True),
        lambda: early(patience=5, min_delta=1e-3, restore_best_weights=True),
        lambda: early(patience=5, min_delta=-0.001, mode="min", restore_best_weights=True, verbose=1),
        used_before(),
        ByHand(),
        ByHand,
    ],
    "learning_curve_gap": [
        by_lists,
        by_loop,
        lambda train, val: (1 + val.argmin(), val[-1] - val.min()),
        lambda train, val: [float(np.argmin(val) + 1), np.float32(val[-1]) - np.float32(np.min(val))],
        lambda train, val, unused=None: (np.argsort(val)[0] + 1, np.ptp([val[-1], min(val)])),
        lambda train, val: (pd.Series(val, index=range(1, len(val) + 1)).idxmin(), val[-1] - sorted(val)[0]),
    ],
}  # fmt: skip

# {question: {misconception: answers that must be named so}}; None: wrong in a way that has no name.
WRONG = {
    "standardize": {
        "standardised with all rows": [fitted_on_everything],
        "validation standardised by itself": [fitted_twice, fitted_twice_by_hand],
        "statistics of the whole array": [one_mean],
        "divided by variance": [variance, safe_variance],
        "statistics over the wrong axis": [other_axis, every_row],
        "scaled by the range": [min_max],
        "divided by zero for a constant column": [
            tiny_epsilon,
            lambda train, validation: (
                (train - train.mean(0)) / train.std(0),
                (validation - train.mean(0)) / train.std(0),
            ),
        ],
        None: [nothing_done_to_validation, not_shifted],
    },
    "split_without_leakage": {
        "labels instead of row numbers": [names_returned],
        "leaking split": [ordinary_split, cut_at_a_row, numbers_of_groups],
        "rows lost": [only_first_rows, some_groups_forgotten],
        "train and validation exchanged": [
            lambda groups, train_size, rng: by_set(groups, 1 - train_size, rng),
            lambda groups, train_size, rng: masks(groups, train_size, rng)[::-1],
        ],
        "not random": [always_the_last, seed_inside],
        None: [half_and_half, twice, lambda groups, train_size, rng: (np.arange(len(groups)), [])],
    },
    "early_stopping": {
        "best weights not restored": [last_kept, end_of_the_long_run_kept],
        "best weights restored only after a stop": [as_in_keras_2],
        "patience off by one": [too_late, too_early, checked_before_counting],
        "epochs counted from 0": [keras_stopped_epoch, stopped_epoch_or_length],
        "epochs of the best instead of the end": [number_of_the_best],
        "min_delta ignored": [any_fall_counts],
        "min_delta with the wrong sign": [harder_made_easier],
        "a tie counts as an improvement": [not_strict],
        "compared with the previous epoch": [neighbours, neighbours_but_smallest_kept],
        "patience never reset": [never_patient_again],
        "min_delta ignored for the weights": [smallest_until_then],
        "weights from after the end": [smallest_ever],
        None: [
            lambda val_losses, weights, patience, min_delta: (len(val_losses), weights[0]),
            lambda val_losses, weights, patience, min_delta: by_distance(val_losses, weights, 5, min_delta),
            lambda val_losses, weights, patience, min_delta: (int(np.argmin(val_losses)) + 1 + patience, weights[0]),
        ],
    },
    "early_stopping_callback": {
        "watches the training loss": [
            early(monitor="loss", patience=5, min_delta=0.001, restore_best_weights=True),
            ByHand("loss"),
        ],
        "watches for a rise": [
            lambda: early(monitor="val_loss", mode="max", patience=5, min_delta=0.001, restore_best_weights=True)
        ],
        "patience left out": [early(min_delta=0.001, restore_best_weights=True), lambda: early()],
        "patience off by one": [ByHand(patience=6), early(patience=4, min_delta=1e-3, restore_best_weights=True)],
        "best weights not restored": [ByHand(restore=False), early(patience=5), early(patience=5, min_delta=1e-3)],
        "min_delta left out": [ByHand(min_delta=0), early(patience=5, restore_best_weights=True)],
        None: [
            early(patience=5, min_delta=0.01, restore_best_weights=True),
            early(patience=10, min_delta=0.001, restore_best_weights=True),
            early(monitor="val_mae", patience=5, min_delta=0.001, restore_best_weights=True),
            [early(patience=5, min_delta=0.001, restore_best_weights=True)],
            keras.callbacks.TerminateOnNaN(),
            "val_loss",
        ],
    },
    "learning_curve_gap": {
        "counted from 0": [lambda train, val: (val.argmin(), val[-1] - val.min())],
        "taken from the training curve": [
            lambda train, val: by_loop(val, train),
            lambda train, val: (by_lists(val, train)[0], val[-1] - val[by_lists(val, train)[0] - 1]),
        ],
        "gap between the two curves": [
            lambda train, val: (by_lists(train, val)[0], (val - train)[-1]),
            lambda train, val: (by_loop(train, val)[0], (val - train)[val.argmin()]),
        ],
        "gap taken from the epoch after the best": [wrong_place],
        "gap to the worst epoch": [lambda train, val: (by_lists(train, val)[0], max(val) - min(val))],
        "gap with the sign reversed": [lambda train, val: (by_loop(train, val)[0], min(val) - list(val)[-1])],
        None: [
            lambda train, val: (np.argmax(val) + 1, val[-1] - val[0]),
            lambda train, val: (by_loop(train, val)[0], val[-2] - min(val)),
            lambda train, val: (by_loop(train, val)[0], len(val) - by_loop(train, val)[0]),
        ],
    },
}

# What the measured quantities of a prediction must be for the choice that is called right.
MEASURED = {
    "which_split_is_true": lambda first, repeated, others, second: (
        first < second - 0.04 and repeated < others / 2 and abs(others - second) < (second - first) / 2
    )
}
