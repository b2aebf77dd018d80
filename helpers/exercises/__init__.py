"""Exercises that answer back: `from helpers.exercises import dropout as ask`, then `ask.dropout_forward.check(...)`."""

from contextlib import contextmanager
from importlib import import_module

from helpers.exercises.engine import progress as records
from helpers.exercises.engine.overview import show_overview, state
from helpers.exercises.engine.question import Question
from helpers.language import Bilingual, show_text

# The units that have questions, in the order of the course, a module each.
UNITS = {
    "start_here": Bilingual("00 Start here", "00 从这里开始"),
    "dense_layers": Bilingual("01 Dense layers", "01 全连接层"),
    "training": Bilingual("02 Training", "02 训练"),
    "overfitting": Bilingual("03 Overfitting", "03 过拟合"),
    "dropout": Bilingual("04 Dropout", "04 暂退法"),
    "batch_normalization": Bilingual("05 Batch normalization", "05 批量归一化"),
    "red_wine": Bilingual("06 Red wine: both together", "06 红酒：两者并用"),
    "predictor": Bilingual("07 Your own predictor", "07 用权重自己做预测"),
    "experiment": Bilingual("08 Experiment", "08 做一次实验"),
}


def questions(unit):
    """The questions of a unit (a key of UNITS), {name: Question}, in the order in which they stand there."""
    found = vars(import_module(f"helpers.exercises.{unit}")).items()
    return {name: thing for name, thing in found if isinstance(thing, Question) and thing.unit == unit}


@contextmanager
def look():
    """Look at what was built: run the lines below `with look():`, or say that an answer they need is missing.

    Any other exception is raised, after a hint that an answer may be the reason.
    """
    import matplotlib.pyplot as plt  # only here: importing the questions must stay fast

    try:
        yield
    except NotImplementedError:
        # A figure begun before the missing answer was needed would be shown unfinished.
        plt.close("all")
        show_text(
            "Nothing to look at yet: answer the questions above, then run this cell again.",
            "现在还没有可看的：先回答上面的题目，再运行这个单元格。",
        )
    except Exception:
        plt.close("all")
        show_text(
            "This does not work with your answers so far. Mend those above whose card is not a tick, then run this "
            "cell again. What Python says:",
            "用你目前的答案，这里还运行不了。先把上面卡片不是对勾的答案改好，再运行这个单元格。Python 的提示：",
        )
        raise


def progress():
    """Show a picture of what is done, unit by unit."""
    entries, notes = records.entries()
    show_overview(
        [
            (title, {name: state(entries.get(q.key, records.EMPTY)) for name, q in questions(unit).items()})
            for unit, title in UNITS.items()
        ],
        notes,
    )


_IN_MEMORY = Bilingual("in memory until this kernel ends", "只在内存中，内核结束时就会消失")


def reset_progress(word=None):
    """Forget what was recorded: `reset_progress("forget")`; without the word, only say what would be forgotten."""
    if word != "forget":
        path = records.progress_path()
        place = Bilingual(f"kept in `{path}`", f"保存在 `{path}`") if path else _IN_MEMORY
        en = f'Nothing is deleted yet. Your record is {place.en}. To delete it: `reset_progress("forget")`.'
        zh = f'还没有删除任何内容。你的记录{place.zh}。要删除它，请运行 `reset_progress("forget")`。'
        return show_text(en, zh)
    notes = records.reset()
    for note in notes or [Bilingual("Your record is empty now.", "你的记录已清空。")]:
        show_text(note.en, note.zh)
