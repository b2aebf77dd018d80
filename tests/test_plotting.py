"""helpers/plotting.py: figures that speak both languages, warn of simulated data and leave nothing behind."""

import base64
import html
import io
import json
import logging
import re
import warnings
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import helpers.language
import helpers.plotting
from helpers import draw_network, plot_learning_curves, plot_results, show_figure, show_frames
from helpers.plotting import COLORS, chinese_font, label, use_course_style

TEXTS = {"en": "The caption.", "zh": "图注。", "alt_en": "A line rises.", "alt_zh": "一条线上升。"}
CHINESE = re.compile("[\u4e00-\u9fff]")
RESULTS = pd.DataFrame(
    [(v, i, d, k, 0.5 + 0.01 * k) for v in ("none", "both") for i in ("raw", "scaled") for d in (1, 2) for k in (0, 1)],
    columns=["variant", "inputs", "split", "run", "mae"],
)
COLUMNS = {"x": "variant", "y": "mae", "hue": "inputs", "panel": "split"}
NAMES = {"none": ("none", "都不加"), "both": ("both", "两者"), "raw": ("raw", "原始"), "scaled": ("scaled", "标准化")}
NAMES |= {1: ("leaked", "有泄漏"), 2: ("clean", "无泄漏")}


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Every test starts and ends without an open figure, on real data, in the course's style."""
    monkeypatch.setattr(helpers.plotting, "sources_in_use", dict)
    plt.switch_backend("agg")
    plt.close("all")
    with matplotlib.rc_context():
        use_course_style()
        yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch):
    """What a test displays: the bundle, and the figure as it was when it was saved."""
    bundles = []
    monkeypatch.setattr(helpers.language, "display", lambda shown: bundles.append(shown._repr_mimebundle_()))
    return bundles


@pytest.fixture
def figures(monkeypatch):
    saved, savefig = [], matplotlib.figure.Figure.savefig

    def keep(figure, *args, **kwargs):
        saved.append(figure)
        return savefig(figure, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    return saved


@pytest.fixture
def english_only(monkeypatch):
    """A machine that has no font with Chinese."""
    names = [name for name in matplotlib.font_manager.get_font_names() if name not in helpers.plotting._CJK_FONTS]
    monkeypatch.setattr(helpers.plotting.font_manager, "get_font_names", lambda: names)
    use_course_style()


@pytest.fixture
def chinese():
    if chinese_font() is None:
        pytest.skip("no font with Chinese is installed: Chinese labels of figures are not checked")


@pytest.fixture
def complaints(capfd, caplog):
    """A function that returns all that was warned, logged or printed while the test ran."""
    caplog.set_level(logging.INFO)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield (
            lambda: [str(warning.message) for warning in caught] + caplog.messages + [*filter(None, capfd.readouterr())]
        )


def labels(figure):
    """All texts drawn in a figure."""
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def draw(texts=TEXTS):
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3], label=label("training $p = 0.3$", "训练 $p = 0.3$"))
    axes.set_xlabel(label("epoch", "轮"))
    axes.set_title(label(r"variance $\frac{1}{2}$, $-1$", r"方差 $\frac{1}{2}$，$-1$"))
    axes.legend()
    show_figure(figure, **texts)


def curves(start=2.0):
    return {"loss": [start, 0.7, 0.5], "val_loss": [3 * start, 1.1, 0.6]}


def draw_curves():
    plot_learning_curves({"A": curves(), "B": curves(3)}, baselines={label("median", "中位数"): 0.65}, **TEXTS)


def draw_results():
    names = {value: label(*texts) for value, texts in NAMES.items()}
    plot_results(RESULTS, **COLUMNS, names=names, baselines={1: {"linear": 0.4}, 2: {"linear": 0.6}}, **TEXTS)


DRAWINGS = [draw, draw_curves, draw_results]


# --- one figure ---


def test_a_figure_is_an_image_with_caption_and_alternative_text(shown):
    draw()
    (bundle,) = shown
    source, alternative = re.search(r'<img src="([^"]*)" alt="([^"]*)"', bundle["text/html"]).groups()
    image = plt.imread(io.BytesIO(base64.b64decode(source.removeprefix("data:image/png;base64,"))))
    assert image.std() > 0.01
    assert alternative == "A line rises. · 一条线上升。"
    assert '"><div lang="en">The caption.</div><div lang="zh">图注。</div></figcaption>' in bundle["text/html"]
    assert bundle["text/plain"] == "[A line rises.\n一条线上升。]\nThe caption.\n图注。"
    assert "image/png" not in bundle


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_a_shown_figure_is_closed(drawing, shown):
    drawing()
    assert len(shown) == 1 and plt.get_fignums() == []


@pytest.mark.parametrize("missing", TEXTS)
def test_caption_and_alternative_text_are_asked_for_in_both_languages(missing, shown):
    texts = {name: text for name, text in TEXTS.items() if name != missing}
    with pytest.raises(TypeError, match=rf"'{missing}'"):
        draw(texts)
    with pytest.raises(ValueError, match=rf"{missing[-2:]} must be a non-empty text, got ''"):
        draw(texts | {missing: ""})
    assert shown == []


def test_texts_of_a_figure_are_escaped(shown):
    alt_en, caption = 'the "best" <b> & the rest', "if a < b"
    draw(TEXTS | {"alt_en": alt_en, "en": caption})
    markup = shown[0]["text/html"]
    alternative = re.search(r'alt="([^"]*)" style', markup)[1]
    assert html.unescape(alternative) == f"{alt_en} · 一条线上升。"
    assert "<b>" not in markup and "if a &lt; b" in markup


@pytest.mark.parametrize(
    ("in_use", "stamp"),
    [
        ({}, None),
        ({"red-wine": "real"}, None),
        ({"red-wine": "simulated"}, "(red-wine)"),
        ({"songs": "simulated", "red-wine": "real", "concrete": "simulated"}, "(concrete, songs)"),
    ],
)
@pytest.mark.parametrize("drawing", DRAWINGS)
def test_simulated_data_are_stamped_on_the_figure(drawing, in_use, stamp, shown, figures, monkeypatch):
    monkeypatch.setattr(helpers.plotting, "sources_in_use", lambda: in_use)
    drawing()
    stamps = [text for text in labels(figures[0]) if "simulated" in text]
    assert stamps == ([] if stamp is None else [f"{label('simulated data', '模拟数据')} {stamp}"])


# --- languages and fonts ---


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_without_a_chinese_font_labels_are_english(drawing, english_only, shown, figures, monkeypatch, complaints):
    monkeypatch.setattr(helpers.plotting, "sources_in_use", lambda: {"red-wine": "simulated"})
    assert chinese_font() is None and label("epoch", "轮") == "epoch"
    drawing()
    assert labels(figures[0]) and not CHINESE.search("".join(labels(figures[0])))
    assert CHINESE.search(shown[0]["text/html"])  # the caption is the browser's
    assert complaints() == []


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_with_a_chinese_font_labels_are_in_both_languages(drawing, chinese, shown, figures, monkeypatch, complaints):
    monkeypatch.setattr(helpers.plotting, "sources_in_use", lambda: {"red-wine": "simulated"})
    drawing()
    drawn = "".join(labels(figures[0]))
    assert CHINESE.search(drawn) and re.search("[a-z]", drawn)
    assert complaints() == []


def test_a_missing_glyph_would_be_noticed(english_only, shown, complaints):
    """The two tests above can fail."""
    figure, axes = plt.subplots()
    axes.set_xlabel("轮")
    show_figure(figure, **TEXTS)
    assert any("missing from font" in complaint for complaint in complaints())


# --- learning curves ---


def lines(figure):
    axes = figure.axes[0]
    return {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}


@pytest.mark.parametrize("history", [curves(), SimpleNamespace(history=curves(), epoch=[0, 1, 2])])
def test_learning_curves_of_one_history(history, english_only, shown, figures):
    plot_learning_curves(history, baselines={"median": 0.65}, **TEXTS)
    drawn = lines(figures[0])
    assert drawn.pop("median") == [0.65, 0.65]
    assert drawn == {"training": curves()["loss"], "validation": curves()["val_loss"]}
    assert list(figures[0].axes[0].get_lines()[0].get_xdata()) == [1, 2, 3]
    assert figures[0].axes[0].get_ylabel() == "mean absolute error"
    legend = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert legend == ["training", "validation", "median"]


def test_learning_curves_of_several_histories(english_only, shown, figures):
    histories = {"plain": curves(1.0), "dropout": SimpleNamespace(history=curves(4.0))}
    plot_learning_curves(histories, ylabel="error", **TEXTS)
    assert lines(figures[0]) == {
        "plain training": curves(1.0)["loss"],
        "plain validation": curves(1.0)["val_loss"],
        "dropout training": curves(4.0)["loss"],
        "dropout validation": curves(4.0)["val_loss"],
    }
    drawn = figures[0].axes[0].get_lines()
    assert [line.get_color() for line in drawn] == [COLORS[0], COLORS[0], COLORS[1], COLORS[1]]
    dashes = [list(line._dash_pattern[1] or ()) for line in drawn]  # get_linestyle() calls every own pattern "--"
    assert dashes[0] and not dashes[1] and dashes[2:] == dashes[:2]  # training dashed, validation solid
    assert figures[0].axes[0].get_ylabel() == "error"


def test_learning_curves_of_another_metric(english_only, shown, figures):
    plot_learning_curves(curves() | {"mae": [0.3, 0.2], "val_mae": [0.4, 0.3]}, metric="mae", **TEXTS)
    assert lines(figures[0]) == {"training": [0.3, 0.2], "validation": [0.4, 0.3]}


@pytest.mark.parametrize("yscale", ["log", "linear"])
def test_learning_curves_on_either_axis(yscale, figures, shown):
    plot_learning_curves(curves(), yscale=yscale, **TEXTS)
    (axes,) = figures[0].axes
    assert axes.get_yscale() == yscale
    ticks = [text.get_text() for text in axes.get_yticklabels()]
    assert all(re.fullmatch(r"[\d.]+", tick) for tick in ticks if tick), ticks  # no power of ten


def test_another_axis_is_refused(shown):
    with pytest.raises(ValueError, match='yscale must be "log" or "linear", got \'logit\''):
        plot_learning_curves(curves(), yscale="logit", **TEXTS)


@pytest.mark.parametrize(
    ("histories", "metric", "message"),
    [
        ({"loss": [1.0]}, "loss", r"history must hold 'val_loss', it holds \['loss'\]"),
        (SimpleNamespace(history={"loss": [1.0]}), "loss", "history must hold 'val_loss'"),
        ({"A": curves(), "B": {"val_loss": [1.0]}}, "loss", r"history must hold 'loss', it holds \['val_loss'\]"),
        (SimpleNamespace(history=curves()), "mae", r"history must hold 'mae', it holds \['loss', 'val_loss'\]"),
        ({str(k): curves() for k in range(7)}, "loss", "histories must be at most 6, .* got 7"),
    ],
)
def test_histories_that_cannot_be_drawn(histories, metric, message, shown):
    with pytest.raises(ValueError, match=message):
        plot_learning_curves(histories, metric=metric, **TEXTS)
    assert shown == [] and plt.get_fignums() == []  # no empty figure below the error


# --- results ---


def test_results_show_every_run_and_every_mean(english_only, shown, figures):
    draw_results()
    panels = figures[0].axes
    assert [axes.get_title() for axes in panels] == ["leaked", "clean"]
    assert [text.get_text() for text in panels[0].get_xticklabels()] == ["none", "both"]
    for axes, linear in zip(panels, (0.4, 0.6), strict=True):
        baseline = [line for line in axes.get_lines() if line.get_label() == "linear"]
        assert [list(line.get_ydata()) for line in baseline] == [[linear, linear]]
        dots = [line for line in axes.get_lines() if line not in baseline]
        assert len(dots) == len(axes.collections) == 4  # two variants, two kinds of inputs
        assert all(sorted(line.get_ydata()) == [0.5, 0.51] for line in dots)
        heights = [collection.get_segments()[0][0][1] for collection in axes.collections]
        np.testing.assert_allclose(heights, 0.505)
        markers = {line.get_color(): line.get_marker() for line in dots}
        assert len(set(markers.values())) == len(markers) == 2  # not by colour alone
    legend = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert legend == ["raw", "scaled", "linear"]


def test_results_are_drawn_in_the_order_of_the_names(english_only, shown, figures):
    names = {
        "both": "both",
        "none": "none",
        2: "clean",
        1: "leaked",
        "raw": "raw",
        "scaled": "scaled",
        "unused": "unused",
    }
    plot_results(RESULTS, **COLUMNS, names=names, **TEXTS)
    assert [axes.get_title() for axes in figures[0].axes] == ["clean", "leaked"]
    assert [text.get_text() for text in figures[0].axes[0].get_xticklabels()] == ["both", "none"]


@pytest.mark.parametrize(
    ("results", "columns", "names", "message"),
    [
        (RESULTS, COLUMNS | {"y": "loss"}, NAMES, r"results must have the columns \['loss'\], it has \['variant'"),
        (RESULTS.drop(columns="split"), COLUMNS, NAMES, r"must have the columns \['split'\]"),
        (
            RESULTS,
            COLUMNS,
            {k: v for k, v in NAMES.items() if k != "raw"},
            r"every value of 'inputs', it lacks \['raw'\]",
        ),
        (
            RESULTS.assign(inputs=list("abcdefgh") * 2),
            COLUMNS,
            NAMES | {letter: (letter, letter) for letter in "abcdefgh"},
            "'inputs' must have at most 6 values",
        ),
    ],
)
def test_results_that_cannot_be_drawn(results, columns, names, message, shown):
    with pytest.raises(ValueError, match=message):
        plot_results(results, **columns, names={value: en for value, (en, _) in names.items()}, **TEXTS)
    assert shown == [] and plt.get_fignums() == []


# --- frames ---


def frames(count=3, size=(2, 1)):
    made = []
    for number in range(count):
        figure, axes = plt.subplots(figsize=size)
        axes.plot([0, number])
        made.append(figure)
    return made


def played(markup):
    """What the script of the player is given: the images of the frames and the number of the first."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', markup)[1])


@pytest.mark.parametrize(("still", "first"), [(-1, 2), (0, 0), (1, 1)])
def test_frames_are_different_images_and_one_of_them_stands_alone(shown, still, first):
    show_frames(frames(), still=still, **TEXTS)
    (bundle,) = shown
    data = played(bundle["text/html"])
    assert len(set(data["frames"])) == 3 and data["first"] == first
    assert re.findall(r'<img src="([^"]+)" alt="([^"]+)"', bundle["text/html"]) == [
        (data["frames"][first], "A line rises. · 一条线上升。")
    ]
    assert "The caption." in bundle["text/plain"] and plt.get_fignums() == []


def test_frames_have_one_size(shown):
    show_frames(frames(), **TEXTS)
    sizes = set()
    for image in played(shown[0]["text/html"])["frames"]:
        sizes.add(plt.imread(io.BytesIO(base64.b64decode(image.partition(",")[2]))).shape)
    assert len(sizes) == 1


@pytest.mark.parametrize(
    ("figures", "options", "says"),
    [
        (lambda: frames(1), {}, "figures must be at least 2, got 1"),
        (lambda: frames(2) + frames(1, (3, 1)), {}, "figures must all have one size"),
        (lambda: frames(3), {"still": 3}, "still must be the index of one of 3 figures, got 3"),
        (lambda: frames(3), {"zh": ""}, "zh must be a non-empty text"),
    ],
)
def test_frames_that_cannot_be_played_are_refused(shown, figures, options, says):
    with pytest.raises(ValueError, match=says):
        show_frames(figures(), **TEXTS | options)
    assert shown == []


# --- networks ---


def drawn(sizes, names=None):
    figure, axes = plt.subplots()
    draw_network(axes, sizes, names)
    figure.canvas.draw()
    circles = [len(column.get_offsets()) for column in axes.collections]
    return circles, len(axes.lines), [text.get_text() for text in axes.texts]


def test_a_network_has_a_circle_for_every_unit_and_a_line_for_every_weight():
    assert drawn([3, 4, 1], ["inputs", "hidden", "output"]) == (
        [3, 4, 1],
        3 * 4 + 4 * 1,
        ["inputs", "hidden", "output"],
    )


def test_a_long_column_is_shortened_and_says_so():
    assert drawn([8, 1]) == ([6, 1], 6, ["⋮"])
    assert drawn([7, 1]) == ([7, 1], 7, [])


def test_a_dropped_unit_has_no_lines_and_a_cross():
    masks = [np.array([True, True, True]), [True, False, False, True], None]
    figure, axes = plt.subplots()
    draw_network(axes, [3, 4, 1], kept=masks)
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert [list(line.get_xydata().round(1).ravel()) for line in crosses] == [[1, 0.5, 1, -0.5]]
    assert len(axes.lines) - len(crosses) == 3 * 2 + 2 * 1
    dashed = [sum(dashes is not None for _, dashes in column.get_linestyle()) for column in axes.collections]
    assert dashed == [0, 2, 0]


@pytest.mark.parametrize(
    ("sizes", "names", "says"),
    [
        ([3], None, r"sizes must be a list of at least 2 whole numbers from 1 up, got \[3\]"),
        ([3, 0], None, "sizes must be"),
        ([3, 1.5], None, "sizes must be"),
        ([3, 1], ["inputs"], "names must be as many as sizes, 2, got 1"),
    ],
)
def test_a_network_that_cannot_be_drawn_is_refused(sizes, names, says):
    with pytest.raises(ValueError, match=says):
        draw_network(plt.subplots()[1], sizes, names)


@pytest.mark.parametrize(
    ("sizes", "kept", "says"),
    [
        ([2, 1], [None], "kept must be as many masks as sizes, 2, got 1"),
        ([2, 1], [[True], None], "as many bool as the column has units, at most 7; got 1 for 2 units"),
        ([8, 1], [[True] * 8, None], "at most 7; got 8 for 8 units"),
    ],
)
def test_a_mask_that_does_not_fit_the_network_is_refused(sizes, kept, says):
    with pytest.raises(ValueError, match=says):
        draw_network(plt.subplots()[1], sizes, kept=kept)
