"""Figures in the course's look, each with a caption and alternative text in both languages."""

import base64
import html
import io
import itertools
import logging
from collections.abc import Mapping

# On a machine's first import matplotlib lists the fonts and says so on stderr, in a learner's notebook.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

import matplotlib  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib import font_manager  # noqa: E402

from helpers.data import sources_in_use  # noqa: E402
from helpers.language import Bilingual, show  # noqa: E402

# The names under which matplotlib knows fonts with simplified Chinese, the usual one of each system first.
_CJK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    # Of a font collection matplotlib may know the first face only; it has the simplified glyphs too.
    "Noto Sans CJK JP",
    "Arial Unicode MS",
)

# Okabe and Ito's colours, told apart with the common kinds of colour blindness (jfly.uni-koeln.de/color).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# A second sign beside the colour, for print and for those who see no difference.
_MARKERS = ("o", "s", "^", "D", "v", "P")
_DASHES = ((0, ()), (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))


def chinese_font():
    """The name of an installed font with Chinese glyphs, or None."""
    installed = set(font_manager.get_font_names())
    return next((name for name in _CJK_FONTS if name in installed), None)


def use_course_style():
    """Set matplotlib's defaults to the course's look; called once, when this module is imported."""
    matplotlib.rcParams.update(
        {
            "figure.dpi": 110,
            "figure.figsize": (7.2, 3.8),
            "figure.constrained_layout.use": True,
            # The Chinese font stands first: in the other order the glyphs it lacks come out as boxes.
            "font.family": [name for name in (chinese_font(), "DejaVu Sans") if name],
            "axes.unicode_minus": False,
            "axes.prop_cycle": matplotlib.cycler(color=COLORS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#dddddd",
            "grid.linewidth": 0.6,
            "axes.axisbelow": True,
            "legend.frameon": False,
        }
    )


use_course_style()


def label(en, zh):
    """A label for an axis or a legend: both languages, or English alone where no font has Chinese."""
    return f"{en} · {zh}" if chinese_font() else en


# Told apart from the prose below it; JupyterLab keeps inline styles in notebooks it does not trust yet.
_CAPTION_STYLE = "font-size: 0.92em; color: #555; margin: 0 0.4em 0.8em"


def show_figure(figure, *, en, zh, alt_en, alt_zh):
    """Display a figure with its caption (`en`, `zh`) and its alternative text (`alt_en`, `alt_zh`).

    The caption says what the figure means, the alternative text what is to be seen in it. A
    figure made after simulated data were loaded says so. The figure is closed afterwards.
    Raises ValueError when one of the four texts is missing.
    """
    caption, alternative = Bilingual(en, zh), Bilingual(alt_en, alt_zh)
    simulated = sorted(name for name, source in sources_in_use().items() if source == "simulated")
    if simulated:
        figure.text(
            1, 0, label("simulated data", "模拟数据") + f" ({', '.join(simulated)})",
            ha="right", va="bottom", fontsize=8, color="#b42318",
        )  # fmt: skip
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", facecolor="white")
    plt.close(figure)
    image = base64.b64encode(buffer.getvalue()).decode("ascii")
    # HTML and not a bare PNG: neither JupyterLab nor nbconvert gives a PNG output alternative text.
    markup = (
        f'<figure style="margin: 0.5em 0"><img src="data:image/png;base64,{image}" '
        f'alt="{html.escape(f"{alternative.en} · {alternative.zh}")}" style="max-width: 100%">'
        f'<figcaption style="{_CAPTION_STYLE}">{caption.to_html()}</figcaption></figure>'
    )
    show({"text/html": markup, "text/plain": f"[{alternative}]\n{caption}"})


def plot_learning_curves(histories, *, baselines=None, metric="loss", ylabel=None, **texts):
    """Show training and validation curves, epoch by epoch.

    histories : one Keras `History` (or its `.history` dict), or a dict {name: History} for several.
    baselines : dict {name: value} drawn as horizontal lines.
    metric : the key of the training curve; the validation curve is `val_` + metric.
    texts : the caption and alternative text of `show_figure`.
    Raises ValueError when a history lacks the curve, and for more histories than colours.
    """
    if not isinstance(histories, Mapping) or metric in histories:
        histories = {"": histories}
    if len(histories) > len(COLORS):
        raise ValueError(f"histories must be at most {len(COLORS)}, the number of colours, got {len(histories)}")
    all_curves = {name: getattr(history, "history", history) for name, history in histories.items()}
    lines = (
        (metric, label("training", "训练"), _DASHES[1]),
        (f"val_{metric}", label("validation", "验证"), _DASHES[0]),
    )
    for key, curves in itertools.product([key for key, *_ in lines], all_curves.values()):
        if key not in curves:
            raise ValueError(f"history must hold {key!r}, it holds {sorted(curves)}")
    figure, axes = plt.subplots()
    for color, marker, (name, curves) in zip(COLORS, _MARKERS, all_curves.items(), strict=False):
        for key, word, dashes in lines:
            epochs = range(1, len(curves[key]) + 1)
            style = {"color": color, "linestyle": dashes, "label": f"{name} {word}".strip()}
            if len(all_curves) > 1:
                style |= {"marker": marker, "markevery": 0.1}
            axes.plot(epochs, curves[key], **style)
    _draw_baselines(axes, baselines or {})
    # Errors fall by a factor of ten and more in the first epochs and by little afterwards.
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    axes.set_xlabel(label("epoch", "轮"))
    axes.set_ylabel(ylabel or label("mean absolute error", "平均绝对误差"))
    _legend_beside(axes)
    show_figure(figure, **texts)


def plot_results(results, *, x, y, hue, panel, names, baselines=None, ylabel=None, **texts):
    """Show a results table with its spread: a dot for every seed, a bar at every mean.

    results : DataFrame, one row a training; `y` is the column of the measured value, `x`, `hue`
        and `panel` are the columns that give place, colour and panel.
    names : dict {value in those columns: label}, in the order in which they are drawn.
    baselines : dict {panel value: {name: value}} drawn as horizontal lines.
    texts : the caption and alternative text of `show_figure`.
    Raises ValueError when a column or a name is missing, and for more hues than colours.
    """
    missing = [column for column in (x, y, hue, panel) if column not in results]
    if missing:
        raise ValueError(f"results must have the columns {missing}, it has {list(results)}")
    levels = {column: _in_order(results[column], names) for column in (x, hue, panel)}
    if len(levels[hue]) > len(COLORS):
        raise ValueError(f"{hue!r} must have at most {len(COLORS)} values, the number of colours, got {levels[hue]}")
    figure, all_axes = plt.subplots(
        1, len(levels[panel]), figsize=(4.6 * len(levels[panel]), 4.2), sharey=True, squeeze=False
    )
    for axes, panel_value in zip(all_axes[0], levels[panel], strict=True):
        rows = results[results[panel] == panel_value]
        for k, hue_value in enumerate(levels[hue]):
            shift = 0.18 * (2 * k - len(levels[hue]) + 1)
            for place, x_value in enumerate(levels[x]):
                values = rows.loc[(rows[hue] == hue_value) & (rows[x] == x_value), y]
                axes.plot(
                    [place + shift] * len(values), values, _MARKERS[k], color=COLORS[k], alpha=0.6,
                    label=names[hue_value] if place == 0 else None,
                )  # fmt: skip
                axes.hlines(values.mean(), place + shift - 0.14, place + shift + 0.14, color=COLORS[k], linewidth=2.5)
        _draw_baselines(axes, (baselines or {}).get(panel_value, {}))
        axes.set_title(names[panel_value], fontsize=11)
        axes.set_xticks(range(len(levels[x])), [names[value].replace(" · ", "\n") for value in levels[x]])
        axes.grid(axis="x", visible=False)
    all_axes[0, 0].set_ylabel(ylabel or label("mean absolute error", "平均绝对误差"))
    handles, labels = all_axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    show_figure(figure, **texts)


def _in_order(column, names):
    unnamed = sorted(set(column) - set(names))
    if unnamed:
        raise ValueError(f"names must name every value of {column.name!r}, it lacks {unnamed}")
    return [value for value in names if value in set(column)]


def _draw_baselines(axes, baselines):
    for k, (name, value) in enumerate(baselines.items()):
        axes.axhline(value, color="#555555", linestyle=_DASHES[(k + 1) % len(_DASHES)], linewidth=1.2, label=name)


def _legend_beside(axes):
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", fontsize=9)
