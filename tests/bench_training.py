"""Time the training of the course's red-wine net in `helpers.scratch` against other libraries (`make bench`).

The net: 3 x (1024 units, ReLU, dropout .3, batch normalization) and one unit, Adam, mean absolute error, 1119 rows,
batches of 256. Every contender trains in a process of its own, all of them in turn, round after round, so that the
ratios hold while the machine's speed drifts: quote the ratios, not the milliseconds. Only the floor does less: it is
the matrix products of one epoch and nothing else.
"""

import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
import warnings
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
from rich.console import Console
from rich.table import Table

from helpers import load_dataset
from helpers.course import ROOT

UNITS, ROWS, BATCH_SIZE, RATE = 1024, 1119, 256, 0.3
EPOCHS = 10  # timed, after one that is not
ROUNDS = 5
LESSON = {"units": 64, "rows": 1000, "epochs": 100}
RESULT = ROOT / "build" / "bench" / "training.json"


def wine(rows=ROWS):
    """Simulated red wine, which every machine has: x (rows, 11) and y (rows, 1), float32, not standardized."""
    table = load_dataset("red-wine", source="simulated", show=False).to_numpy(np.float32)[:rows]
    return np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1:])


# --- contenders: each builds its net and returns a function that trains it for some epochs ---


def scratch_net(units):
    from helpers import scratch

    layers = [scratch.Input((11,))]
    for _ in range(3):
        layers += [scratch.Dense(units, activation="relu"), scratch.Dropout(RATE), scratch.BatchNormalization()]
    return scratch.Sequential([*layers, scratch.Dense(1)], np.random.default_rng(0)).compile("adam", "mae")


def keras_net(units):
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.Input((11,))]
    for _ in range(3):
        layers += [
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(RATE),
            keras.layers.BatchNormalization(),
        ]
    net = keras.Sequential([*layers, keras.layers.Dense(1)])
    net.compile(optimizer="adam", loss="mae")
    return net


def train_scratch(x, y, units=UNITS, batch_size=BATCH_SIZE):
    net = scratch_net(units)
    return lambda epochs: net.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)


def train_keras(x, y, units=UNITS, batch_size=BATCH_SIZE):
    net = keras_net(units)
    return lambda epochs: net.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)


def train_sklearn(x, y):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    warnings.simplefilter("ignore", ConvergenceWarning)  # a few epochs are all that is asked for
    settings = {"tol": 0, "n_iter_no_change": 10**6, "warm_start": True, "random_state": 0}
    net = MLPRegressor(hidden_layer_sizes=3 * (UNITS,), batch_size=BATCH_SIZE, **settings)
    return lambda epochs: net.set_params(max_iter=epochs).fit(x, y.ravel())


def train_torch(x, y):
    import torch

    torch.manual_seed(0)
    layers, features = [], 11
    for _ in range(3):
        layers += [
            torch.nn.Linear(features, UNITS),
            torch.nn.ReLU(),
            torch.nn.Dropout(RATE),
            torch.nn.BatchNorm1d(UNITS),
        ]
        features = UNITS
    net = torch.nn.Sequential(*layers, torch.nn.Linear(UNITS, 1)).train()
    optimizer, loss = torch.optim.Adam(net.parameters()), torch.nn.L1Loss()
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def train(epochs):
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(BATCH_SIZE):
                optimizer.zero_grad()
                loss(net(x[rows]), y[rows]).backward()
                optimizer.step()

    return train


def matrix_products(x, y):
    """The products of forward and backward pass, less the gradient by x, which training does not need."""
    rng = np.random.default_rng(0)
    sizes = [11, UNITS, UNITS, UNITS, 1]
    weights = [rng.random(shape, dtype=np.float32) for shape in zip(sizes[:-1], sizes[1:], strict=True)]
    inputs = [rng.random((BATCH_SIZE, size), dtype=np.float32) for size in sizes[:-1]]
    gradients = [rng.random((BATCH_SIZE, size), dtype=np.float32) for size in sizes[1:]]
    batches = [min(BATCH_SIZE, len(x) - start) for start in range(0, len(x), BATCH_SIZE)]

    def train(epochs):
        for rows in epochs * batches:
            for layer in range(4):
                inputs[layer][:rows] @ weights[layer]
            for layer in reversed(range(4)):
                inputs[layer][:rows].T @ gradients[layer][:rows]
                if layer:
                    gradients[layer][:rows] @ weights[layer].T

    return train


CONTENDERS = {
    "matrix products": matrix_products,
    "scratch": train_scratch,
    "Keras": train_keras,
    "scikit-learn": train_sklearn,
    "PyTorch": train_torch,
}
NOTES = {
    "matrix products": "the floor: nothing but the products",
    "scratch": "helpers.scratch, NumPy",
    "Keras": "fit",
    "scikit-learn": "MLPRegressor: dense layers and ReLU only, squared error",
    "PyTorch": "a loop over batches, eager",
}


# --- one measurement, in its own process ---


def peak_megabytes():
    """Largest memory of this process so far; macOS counts bytes, Linux kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def measure_training(contender):
    train = CONTENDERS[contender](*wine())
    train(1)
    started = time.perf_counter()
    train(EPOCHS)
    return {"ms": 1000 * (time.perf_counter() - started) / EPOCHS, "peak_mb": peak_megabytes()}


def measure_lesson(contender, batch_size):
    """Everything that a lesson waits for: building, compiling and 100 epochs, only the imports are done before."""
    x, y = wine(LESSON["rows"])
    if contender == "Keras":
        import keras  # noqa: F401
    started = time.perf_counter()
    CONTENDERS[contender](x, y, units=LESSON["units"], batch_size=int(batch_size))(LESSON["epochs"])
    return {"ms": 1000 * (time.perf_counter() - started), "peak_mb": peak_megabytes()}


PARTS = {
    "dense layers": ["dense_forward", "dense_backward"],
    "ReLU": ["relu", "relu_backward"],
    "dropout": ["dropout_forward", "dropout_backward"],
    "batch normalization": ["batch_norm_train", "batch_norm_backward", "update_moving"],
    "Adam": ["apply"],
}


def measure_parts():
    """Milliseconds an epoch that the scratch training spends in each of its parts, and what bounds the larger ones."""
    from helpers import scratch

    seconds = dict.fromkeys(PARTS, 0.0)

    def timed(part, function):
        def wrapper(*arguments, **settings):
            started = time.perf_counter()
            result = function(*arguments, **settings)
            seconds[part] += time.perf_counter() - started
            return result

        return wrapper

    for part, names in PARTS.items():
        for name in names:
            owner = scratch.Adam if name == "apply" else scratch
            setattr(owner, name, timed(part, getattr(owner, name)))
    x, y = wine()
    train = train_scratch(x, y)
    train(1)
    seconds.update(dict.fromkeys(PARTS, 0.0))
    started = time.perf_counter()
    train(EPOCHS)
    total = time.perf_counter() - started
    parts = {part: 1000 * spent / EPOCHS for part, spent in seconds.items()}
    return parts | {"everything else": 1000 * total / EPOCHS - sum(parts.values())} | {"bounds": bounds(x, y)}


def milliseconds(function, repetitions=20):
    """Median over calls, after one that is not counted."""
    function()
    times = []
    for _ in range(repetitions):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def bounds(x, y):
    """How fast this machine does, in the same process, the one thing that the larger parts cannot do without."""
    rng = np.random.default_rng(0)
    products = matrix_products(x, y)
    steps = math.ceil(ROWS / BATCH_SIZE)
    weights = 11 * UNITS + 2 * UNITS**2 + UNITS
    # Two products of a layer run forward and backward, a third gives the gradient by x, except in the first layer.
    flops = 2 * ROWS * (3 * weights - 11 * UNITS)
    source, target = np.ones(4 * weights, np.float32), np.ones(4 * weights, np.float32)
    copy = milliseconds(lambda: np.copyto(target, source))
    return {
        "products_ms": milliseconds(lambda: products(1)),
        "flops": flops,
        "random_ms": 3 * ROWS / BATCH_SIZE * milliseconds(lambda: rng.random((BATCH_SIZE, UNITS), dtype=np.float32)),
        # w, m, v and the gradient are read, w, m and v are written.
        "adam_bytes": steps * 7 * 4 * weights,
        "copy_gb_per_s": 2 * source.nbytes / copy / 1e6,
    }


# --- all measurements, in turn ---


def in_own_process(*arguments):
    """What one measurement prints, from a process that has done nothing else."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def rounds(jobs):
    """{name: its measurements} of {name: arguments}, every round through all of them."""
    results = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, arguments in jobs.items():
            results[name].append(in_own_process(*arguments))
    return results


def median(measurements, quantity):
    return statistics.median(measurement[quantity] for measurement in measurements)


def ratio(results, name, other):
    """Median over the rounds of how long `name` took, in units of what `other` took in the same round."""
    return statistics.median(a["ms"] / b["ms"] for a, b in zip(results[name], results[other], strict=True))


def table(title, *columns):
    made = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number == 0 or column in ("what", "bounded by") else "right")
    return made


def training_table(results):
    made = table("One epoch of the 3 x 1024 net", "", "ms", "x Keras", "x floor", "peak MB", "what")
    for name, measurements in results.items():
        ratios = [f"{ratio(results, name, other):.2f}" for other in ("Keras", "matrix products")]
        shown = [f"{median(measurements, quantity):.0f}" for quantity in ("ms", "peak_mb")]
        made.add_row(name, shown[0], *ratios, shown[1], NOTES[name])
    return made


def parts_table(parts):
    limits = parts.pop("bounds")
    epoch = sum(parts.values())
    speed = limits["adam_bytes"] / parts["Adam"] / 1e6
    bounded_by = {
        "dense layers": f"arithmetic: the products alone {limits['products_ms']:.0f} ms, "
        f"{limits['flops'] / limits['products_ms'] / 1e6:.0f} GFLOP/s on all cores",
        "dropout": f"random numbers: {limits['random_ms']:.0f} ms on one core",
        "ReLU": "passes over activations of 1 MB, on one core",
        "batch normalization": "passes over activations of 1 MB, on one core",
        "Adam": f"memory: {limits['adam_bytes'] / 1e6:.0f} MB at {speed:.0f} GB/s on one core; "
        f"a plain copy runs at {limits['copy_gb_per_s']:.0f} GB/s",
        "everything else": "losses, shuffling, Python",
    }
    made = table("Where the time of helpers.scratch goes", "", "ms", "share", "bounded by")
    for part, ms in parts.items():
        made.add_row(part, f"{ms:.1f}", f"{ms / epoch:.0%}", bounded_by[part])
    return made


def lesson_table(results):
    made = table(
        f"{LESSON['units']} units, {LESSON['rows']} rows, {LESSON['epochs']} epochs, first call included",
        "batch size",
        "scratch ms",
        "Keras ms",
        "x Keras",
    )
    for batch_size in (32, 256):
        ours, theirs = f"scratch {batch_size}", f"Keras {batch_size}"
        shown = [f"{median(results[name], 'ms'):.0f}" for name in (ours, theirs)]
        made.add_row(str(batch_size), *shown, f"{ratio(results, ours, theirs):.2f}")
    return made


def main():
    names = [name for name in CONTENDERS if name != "PyTorch" or find_spec("torch")]
    training = rounds({name: ("training", name) for name in names})
    parts = in_own_process("parts")
    lesson = rounds(
        {
            f"{name} {batch_size}": ("lesson", name, batch_size)
            for batch_size in (32, 256)
            for name in ("scratch", "Keras")
        }
    )
    libraries = {name: version(name) for name in ("numpy", "keras", "scikit-learn")}
    libraries |= {"torch": version("torch")} if "PyTorch" in names else {}
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()} | libraries
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    record = {"machine": machine, "training": training, "parts": parts, "lesson": lesson}
    RESULT.write_text(json.dumps(record, indent=1), encoding="utf-8")
    console = Console(width=140)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), f"median of {ROUNDS} rounds")
    if "PyTorch" not in names:
        console.print("PyTorch is not installed and was not timed.")
    for made in (training_table(training), parts_table(parts), lesson_table(lesson)):
        console.print(made)
    console.print(f"All measurements: {RESULT.relative_to(ROOT)}")


MEASUREMENTS = {"training": measure_training, "parts": measure_parts, "lesson": measure_lesson}

if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(MEASUREMENTS[sys.argv[1]](*sys.argv[2:])))
    else:
        main()
