"""What a Keras model is and does, in quantities that do not depend on how it was written.

Its weights are set to known numbers, so that two models which compute the same give the same outputs, whether they
were built with `activation=` or with `Activation` layers, Sequential or functional. Public API only. Keras is imported
where it is used: the units import this module, and `import helpers.exercises` must stay fast.
"""

import numpy as np

from helpers.exercises.engine.judge import Quantity, Violation
from helpers.exercises.engine.run import unstoppable
from helpers.language import Bilingual

INPUT = Quantity("shape of the input", "输入的形状")
OUTPUT = Quantity("shape of the output", "输出的形状")
PARAMETERS = Quantity(
    "number of parameters",
    "参数个数",
    says=Bilingual(
        "The model does not have as many parameters as asked: compare the layers, and the units of each, with the "
        "question.",
        "模型的参数个数与要求不符：请对照题目检查有哪些层、每层有多少个单元。",
    ),
)
TRAINED = Quantity("number of them that are trained", "其中参与训练的个数")
SHAPES = Quantity(
    "shapes of the weights, in order",
    "各权重的形状（依次）",
    says=Bilingual(
        "The number of parameters is right, but they are not arranged as asked: compare the layers and their order "
        "with the question.",
        "参数个数是对的，但排列方式与要求不同：请对照题目检查有哪些层、顺序如何。",
    ),
    secret=True,
)
RATES = Quantity("rates of the dropout layers", "各暂退层的丢弃率")
PREDICTIONS = Quantity(
    "outputs in inference mode, for given weights and rows",
    "推断模式下的输出（给定权重和若干行）",
    atol=1e-3,
    says=Bilingual(
        "The weights have the right shapes, but the model computes something else in inference mode. Look at the "
        "activations, the last one too, and at the order of the layers.",
        "各权重的形状是对的，但模型在推断模式下算出的不是要求的结果。请检查激活函数（包括最后一个）以及各层的顺序。",
    ),
    secret=True,
)
NEGATIVE = Quantity("the output can be negative", "输出可以是负数")
ZEROS = Quantity("share of outputs that are 0 in training mode", "训练模式下输出为 0 的比例", atol=0.05)
SPREAD = Quantity(
    "spread of the outputs in training mode, for equal rows",
    "训练模式下输出的离散程度（各行输入相同）",
    atol=1e-4,
    rtol=0.1,
    says=Bilingual(
        "In inference mode the model is right, but in training mode its outputs are not spread as they should be: "
        "compare the place of each dropout layer and its rate with the question.",
        "模型在推断模式下是对的，但在训练模式下，输出的离散程度不对：请对照题目检查每个暂退层的位置和丢弃率。",
    ),
    secret=True,
)

_EQUAL_ROWS = 4096  # each with masks of its own: their spread is known to about 2 %


def quantities(model, rng, further=None):
    """{Quantity: value} of a Keras model, which is left as it was.

    further : function of the model and a np.random.Generator that returns more of them.
    Raises Violation for anything but a model that knows its input.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise Violation("no model", got=type(model).__name__)
    if not model.built or not _input_shape(model):
        raise Violation("not built")
    output = outputs(model, np.zeros(_rows_shape(model, 2), np.float32))  # a subclass may have no weights before
    before = model.get_weights()
    known = [_known_weight(weight.shape, rng) for weight in before]
    try:
        found = _configured(model) | {OUTPUT: str((None, *output.shape[1:]))}
        for measure in (_in_inference_mode, _in_training_mode, further):
            model.set_weights(known)  # each time: a call in training mode changes moving averages
            found |= measure(model, rng) if measure else {}
        return found
    finally:
        with unstoppable():
            model.set_weights(before)


def layers_of(model):
    """All layers in order, those of models inside the model too."""
    import keras

    for layer in model.layers:
        yield from layers_of(layer) if isinstance(layer, keras.Model) else (layer,)


def outputs(model, x, training=False):
    """The output for the rows x as an array."""
    import keras

    return keras.ops.convert_to_numpy(model(x, training=training))


def _input_shape(model):
    """Of any number of rows; a subclass of keras.Model knows it only as what it was built with."""
    shape = getattr(model, "input_shape", None) or (model.get_build_config() or {}).get("input_shape")
    return shape and (None, *shape[1:])


def _configured(model):
    import keras

    rates = {layer.rate for layer in layers_of(model) if isinstance(layer, keras.layers.Dropout) and layer.rate}
    return {
        INPUT: str(_input_shape(model)),
        PARAMETERS: model.count_params(),
        TRAINED: sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        SHAPES: str([tuple(weight.shape) for weight in model.get_weights()]),
        RATES: ", ".join(f"{rate:g}" for rate in sorted(rates)) or "–",
    }


def _known_weight(shape, rng):
    """Numbers that keep activations of the size of 1; vectors are positive, because some of them are variances."""
    if len(shape) == 1:
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1]))).astype(np.float32)


def _in_inference_mode(model, rng):
    """The outputs for some rows, and those with the weights of the last dense layer negated: an activation that
    changes nothing on the one side of 0 shows on the other.
    """
    x = _rows(model, rng, 64)
    y, weights = outputs(model, x), model.get_weights()
    last = max((number for number, weight in enumerate(weights) if weight.ndim == 2), default=0)
    model.set_weights([-w if last <= number <= last + 1 else w for number, w in enumerate(weights)])
    y = np.stack([y, outputs(model, x)])
    return {PREDICTIONS: y, NEGATIVE: bool((y < 0).any())}


def _in_training_mode(model, rng):
    x = _rows(model, rng, 1)
    # Without dropout equal rows give equal outputs. So do a few rows by chance, if only the output itself is dropped.
    y = outputs(model, np.repeat(x, 128, axis=0), training=True)
    if np.ptp(y) > 1e-5 * np.abs(y).max():  # more than rounding
        y = outputs(model, np.repeat(x, _EQUAL_ROWS, axis=0), training=True)
    return {ZEROS: float((y == 0).mean()), SPREAD: float(y.std())}


def _rows(model, rng, count):
    return rng.standard_normal(_rows_shape(model, count)).astype(np.float32)


def _rows_shape(model, count):
    return count, *(size or 1 for size in _input_shape(model)[1:])
