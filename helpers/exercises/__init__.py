"""Exercises that answer back: `from helpers.exercises import dropout as ask`, then `ask.dropout_forward.check(...)`."""

from importlib import import_module

from helpers.exercises.engine import progress as records
from helpers.exercises.engine.overview import show_overview, state
from helpers.exercises.engine.question import Question
from helpers.language import Bilingual, show_text

# The units that have questions, in the order of the course, a module each.
UNITS = {
    "dense_layers": Bilingual("01 Dense layers", "01 全连接层"),
    "training": Bilingual("02 Training", "02 训练"),
    "overfitting": Bilingual("03 Overfitting", "03 过拟合"),
    "dropout": Bilingual("04 Dropout", "04 暂退法"),
    "batch_normalization": Bilingual("05 Batch normalization", "05 批量归一化"),
    "red_wine": Bilingual("06 Red wine: both together", "06 红酒：两者并用"),
    "predictor": Bilingual("07 Your own predictor", "07 用权重自己做预测"),
}


def questions(unit):
    """The questions of a unit (a key of UNITS), {name: Question}, in the order in which they stand there."""
    found = vars(import_module(f"helpers.exercises.{unit}")).items()
    return {name: thing for name, thing in found if isinstance(thing, Question) and thing.unit == unit}


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


def reset_progress(word=None):
    """Forget what was recorded: `reset_progress("forget")`; without the word, only say what would be forgotten."""
    if word != "forget":
        path = records.progress_path()
        en = f'This deletes your record, kept in `{path}`. If you mean it: `reset_progress("forget")`.'
        zh = f'这会删除你的记录，它保存在 `{path}`。如果确定，请运行 `reset_progress("forget")`。'
        return show_text(en, zh)
    notes = records.reset()
    for note in notes or [Bilingual("Your record is empty now.", "你的记录已清空。")]:
        show_text(note.en, note.zh)
