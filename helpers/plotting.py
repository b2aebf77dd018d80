"""Figures in the course's look, each with a caption and alternative text in both languages."""

import base64
import html
import io
import itertools
import json
import logging
from collections.abc import Mapping

# On a machine's first import matplotlib lists the fonts and says so on stderr, in a learner's notebook.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

import matplotlib  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib import font_manager  # noqa: E402
from PIL import Image  # noqa: E402

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
    _show_picture(_image(figure, bbox_inches="tight"), caption, alternative)


def show_frames(figures, *, en, zh, alt_en, alt_zh, still=-1):
    """Display figures of one size as the frames of an animation, to be played or stepped through.

    figures : list of at least 2 matplotlib figures, which are closed afterwards.
    still : index of the frame that is seen first, and alone where no script runs (an untrusted notebook, GitHub).
    en, zh, alt_en, alt_zh : as in `show_figure`, one set for all frames; so a frame says in its title what it shows.
    Raises ValueError for fewer than 2 figures, figures of unequal size, a `still` that is none of them, or a missing
    text.
    """
    caption, alternative = Bilingual(en, zh), Bilingual(alt_en, alt_zh)
    figures = list(figures)
    if len(figures) < 2:
        raise ValueError(f"figures must be at least 2, got {len(figures)}")
    sizes = {tuple(figure.get_size_inches()) for figure in figures}
    if len(sizes) > 1:
        raise ValueError(f"figures must all have one size, got {sorted(sizes)} inches")
    if not -len(figures) <= still < len(figures):
        raise ValueError(f"still must be the index of one of {len(figures)} figures, got {still}")
    frames = [_image(figure) for figure in figures]
    data = json.dumps({"frames": frames, "first": still % len(frames)})
    player = f'<script type="application/json">{data}</script><script>{_PLAYER}</script>'
    _show_picture(frames[still], caption, alternative, f' class="{_PLAYED}"', player)


def _image(figure, **options):
    """The figure as the address of a PNG that holds its own bytes; the figure is closed."""
    simulated = sorted(name for name, source in sources_in_use().items() if source == "simulated")
    if simulated:
        figure.text(
            1, 0, label("simulated data", "模拟数据") + f" ({', '.join(simulated)})",
            ha="right", va="bottom", fontsize=8, color="#b42318",
        )  # fmt: skip
    drawn, buffer = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", facecolor="white", **options)
    plt.close(figure)
    # 256 colours are plenty for a drawing, and a third of the bytes in every notebook.
    Image.open(drawn).convert("RGB").quantize(256).save(buffer, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _show_picture(image, caption, alternative, attributes="", player=""):
    # HTML and not a bare PNG: neither JupyterLab nor nbconvert gives a PNG output alternative text.
    markup = (
        f'<figure{attributes} style="margin: 0.5em 0"><img src="{image}" '
        f'alt="{html.escape(alternative.one_line())}" style="max-width: 100%">{player}'
        f'<figcaption style="{_CAPTION_STYLE}">{caption.to_html()}</figcaption></figure>'
    )
    show({"text/html": markup, "text/plain": f"[{alternative}]\n{caption}"})


_PLAYED = "course-frames"
# The controls are made by the script, so that nobody sees a button that does nothing.
_PLAYER = (
    """
for (const figure of document.querySelectorAll('figure.PLAYED:not([data-ready])')) {
  figure.dataset.ready = '';
  const {frames, first} = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const image = figure.querySelector('img');
  const controls = document.createElement('div');
  controls.style.cssText = 'display: flex; align-items: center; gap: 0.6em; max-width: 32em; margin: 0.3em 0';
  const button = (text, name) => {
    const made = document.createElement('button');
    made.type = 'button';
    made.textContent = text;
    made.title = name;
    made.setAttribute('aria-label', name);
    made.style.cssText = 'min-width: 2.4em; cursor: pointer';
    return made;
  };
  const back = button('\u25c0', 'previous \u00b7 \u4e0a\u4e00\u5e27');
  const play = button('\u25b6', 'play, stop \u00b7 \u64ad\u653e\u3001\u505c\u6b62');
  const next = button('\u25b6\u2502', 'next \u00b7 \u4e0b\u4e00\u5e27');
  const slider = document.createElement('input');
  const place = document.createElement('span');
  slider.type = 'range';
  slider.min = 1;
  slider.max = frames.length;
  slider.style.flex = '1';
  slider.setAttribute('aria-label', 'frame \u00b7 \u5e27');
  let shown = first, timer = null;
  const stop = () => { clearInterval(timer); timer = null; play.textContent = '\u25b6'; };
  const go = number => {
    shown = Math.min(Math.max(number, 0), frames.length - 1);
    image.src = frames[shown];
    slider.value = shown + 1;
    place.textContent = `${shown + 1} / ${frames.length}`;
  };
  back.onclick = () => { stop(); go(shown - 1); };
  next.onclick = () => { stop(); go(shown + 1); };
  slider.oninput = () => { stop(); go(slider.value - 1); };
  play.onclick = () => {
    if (timer) return stop();
    if (shown === frames.length - 1) go(0);
    play.textContent = '\u23f8';
    timer = setInterval(() => { go(shown + 1); if (shown === frames.length - 1) stop(); }, 800);
  };
  go(first);
  controls.append(back, play, next, slider, place);
  image.after(controls);
}
"""
).replace("PLAYED", _PLAYED)


def plot_learning_curves(histories, *, baselines=None, metric="loss", ylabel=None, yscale="log", **texts):
    """Show training and validation curves, epoch by epoch.

    histories : one Keras `History` (or its `.history` dict), or a dict {name: History} for several.
    baselines : dict {name: value} drawn as horizontal lines.
    metric : the key of the training curve; the validation curve is `val_` + metric.
    yscale : "log", because errors fall by a factor of ten and more in the first epochs and by little afterwards, or
        "linear".
    texts : the caption and alternative text of `show_figure`.
    Raises ValueError when a history lacks the curve, for more histories than colours, and for another yscale.
    """
    if not isinstance(histories, Mapping) or metric in histories:
        histories = {"": histories}
    if yscale not in ("log", "linear"):
        raise ValueError(f'yscale must be "log" or "linear", got {yscale!r}')
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
    if yscale == "log":
        use_plain_log_axis(axes)
    axes.set_xlabel(label("epoch", "轮"))
    axes.set_ylabel(ylabel or label("mean absolute error", "平均绝对误差"))
    _legend_beside(axes)
    show_figure(figure, **texts)


def use_plain_log_axis(axes):
    """Make the vertical axis logarithmic, with ticks at 1, 2 and 5 that read 0.5 and not 5 x 10^-1."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())


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


_MOST_CIRCLES = 7


def draw_network(axes, sizes, names=None, kept=None):
    """Draw on `axes` a stack of dense layers: a column of circles for each, a line for every weight.

    sizes : list, the number of inputs and then of the units of each layer; a column of more than 7 is shortened to
        circles around dots.
    names : a label for each column, drawn below it.
    kept : a mask for each column, an array of bool from the top down, or None where nothing is dropped. A dropped
        unit is dashed and crossed out and has no lines.
    Raises ValueError for fewer than 2 sizes, a size that is no positive whole number, a wrong number of names or
    masks, and a mask that is not as long as its column or belongs to a shortened one.
    """
    if len(sizes) < 2 or any(not isinstance(size, int) or size < 1 for size in sizes):
        raise ValueError(f"sizes must be a list of at least 2 whole numbers from 1 up, got {sizes!r}")
    if names is not None and len(names) != len(sizes):
        raise ValueError(f"names must be as many as sizes, {len(sizes)}, got {len(names)}")
    columns = [_circles(size) for size in sizes]
    masks = _masks(sizes, columns, kept)
    there = [list(itertools.compress(column, mask)) for column, mask in zip(columns, masks, strict=True)]
    for place, (left, right) in enumerate(itertools.pairwise(there)):
        for start, end in itertools.product(left, right):
            axes.plot([place, place + 1], [start, end], color="#999999", linewidth=0.7, zorder=1)
    for place, (size, column, mask) in enumerate(zip(sizes, columns, masks, strict=True)):
        color = "#ffffff" if place == 0 else COLORS[5]
        axes.scatter(
            [place] * len(column), column, s=260, zorder=2,
            color=[color if is_kept else "#ffffff" for is_kept in mask],
            edgecolor=["#333333" if is_kept else "#999999" for is_kept in mask],
            linestyle=["-" if is_kept else "--" for is_kept in mask],
        )  # fmt: skip
        dropped = [height for height, is_kept in zip(column, mask, strict=True) if not is_kept]
        if dropped:
            axes.plot([place] * len(dropped), dropped, "x", color="#999999", zorder=3)
        if size > len(column):
            axes.text(place, 0, "⋮", ha="center", va="center", fontsize=18)
        if names is not None:
            axes.text(place, -_MOST_CIRCLES / 2 - 0.1, names[place], ha="center", va="top")
    axes.set(xlim=(-0.6, len(sizes) - 0.4), ylim=(-_MOST_CIRCLES / 2 - 1.3, _MOST_CIRCLES / 2 + 0.2))
    axes.axis("off")


def _masks(sizes, columns, kept):
    """For each column of circles a list of bool."""
    if kept is None:
        kept = [None] * len(sizes)
    if len(kept) != len(sizes):
        raise ValueError(f"kept must be as many masks as sizes, {len(sizes)}, got {len(kept)}")
    for size, column, mask in zip(sizes, columns, kept, strict=True):
        if mask is not None and not len(mask) == size == len(column):
            raise ValueError(
                f"kept must hold None or as many bool as the column has units, at most {_MOST_CIRCLES}; "
                f"got {len(mask)} for {size} units"
            )
    return [
        [True] * len(column) if mask is None else [bool(is_kept) for is_kept in mask]
        for column, mask in zip(columns, kept, strict=True)
    ]


def _circles(size):
    """The heights of a column's circles, from the top down, around 0; the middle one is left out of a long column."""
    count = min(size, _MOST_CIRCLES)
    heights = [(count - 1) / 2 - k for k in range(count)]
    return heights if size <= _MOST_CIRCLES else [height for height in heights if height]


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
