"""What the units are written in: `code`, `value`, `model` and `prediction` make a question of a function and its data.

The decorated function is the reference and, as it stands, the solution that learners are shown. Everything else is
data: cases, misconceptions, hints, texts in both languages.
"""

import functools
import inspect
import textwrap
from dataclasses import dataclass

import numpy as np

from helpers.exercises.engine import feedback, models, progress
from helpers.exercises.engine.feedback import Feedback
from helpers.exercises.engine.judge import Case, diagnose, observe
from helpers.exercises.engine.run import TimeUp, contained, restore_numpy
from helpers.language import Bilingual

# Ours is not stopped by the limit of an answer: the first call of a Keras model may take a while.
_OWN_SECONDS = 120
_SHOW_ME = "show me"
_MISSING = object()


def code(**data):
    """Make a `Code` question of the function below."""
    return lambda reference: Code(reference, **data)


def value(**data):
    """Make a `Value` question of the function below, which returns one right answer."""
    return lambda reference: Value(reference, **data)


def model(**data):
    """Make a `Model` question of the function below, which builds a Keras model."""
    return lambda reference: Model(reference, **data)


def prediction(**data):
    """Make a `Prediction` of the function below, which measures the answer."""
    return lambda measure: Prediction(measure, **data)


class Question:
    """What all questions share: a name, a task, hints, a solution, a place in the record of progress.

    en, zh : the task. given : code that belongs to it, shown with it. hints : list of (en, zh).
    analysis : (en, zh), why the solution works and what goes wrong.
    """

    def __init__(self, function, *, en, zh, given="", hints=(), analysis):
        self.function, self.name = function, function.__name__
        self.unit = function.__module__.rpartition(".")[2]
        self.key = f"{self.unit}.{self.name}"
        self.task, self.given, self.analysis = Bilingual(en, zh), given, Bilingual(*analysis)
        self.hints, self._hints_given = [Bilingual(*hint) for hint in hints], 0
        self.__doc__ = inspect.getdoc(function)

    def _repr_mimebundle_(self, include=None, exclude=None):
        card = self._task_card()
        return {"text/html": card.to_html(), "text/plain": str(card)}

    def __repr__(self):
        return str(self._task_card())

    def hint(self):
        """Show the next hint; after the last one, the first again."""
        if not self.hints:
            return self._note("There are no hints for this question.", "这道题没有提示。")
        number = self._hints_given % len(self.hints)
        self._hints_given += 1
        counted = f"{number + 1} / {len(self.hints)}"
        return Feedback("hint", [self.hints[number]], counted=counted).show(self.key)

    def solution(self, word=None):
        """Show the solution: after an attempt, or with the word "show me"."""
        tried, notes = progress.entry(self.key)
        if not tried["attempts"] and word != _SHOW_ME:
            return self._note(
                f'Try first: one attempt opens the solution. To see it without one: `.solution("{_SHOW_ME}")`.',
                f'先试一试：作答一次之后就能看参考答案。想直接看，用 `.solution("{_SHOW_ME}")`。',
                notes,
            )
        return self._solution_card(notes).show(self.key)

    def _task_card(self):
        return Feedback("question", [self.task], code=self.given)

    def _solution_card(self, notes):
        return Feedback("solution", notes, code=self.source(), after_code=(self.analysis,))

    def source(self):
        """The solution as text."""
        lines = textwrap.dedent(inspect.getsource(self.function)).splitlines()
        start = next(number for number, line in enumerate(lines) if line.startswith("def "))
        return "\n".join(lines[start:])

    def _note(self, en, zh, notes=()):
        Feedback("note", [*notes, Bilingual(en, zh)]).show(self.key)


class Code(Question):
    """A function to write; right is whatever gives the reference's quantities in all cases.

    returns : the names of what it returns, in order; free : those that may be anything. cases : list of Case.
    misconceptions : list of Misconception, the first that fits is named. seconds : after so many the answer is stopped.
    """

    def __init__(self, reference, *, returns=("y",), free=(), cases, misconceptions=(), seconds=5, **shared):
        super().__init__(reference, **shared)
        self.reference, self.returns, self.free, self.cases = reference, tuple(returns), tuple(free), list(cases)
        self.misconceptions, self.seconds = list(misconceptions), seconds
        # Of the reference and the wrong implementations; they do the same every time.
        self._known_outcomes = functools.cache(self._outcomes)

    def __call__(self, *arguments):
        """What the reference returns: solutions of later questions are built from earlier ones."""
        return self.reference(*arguments)

    def check(self, answer=_MISSING):
        """Say whether `answer`, the function itself, is right, and if not, what is wrong with it."""
        if answer is _MISSING or answer is self:
            return self._note(
                f"Pass your own function: `.check({self.name})`.", f"请传入你自己的函数：`.check({self.name})`。"
            )
        card = self.judge(answer)
        if card.status not in ("not answered", "note"):
            card.texts += progress.record(self.key, right=card.status == "right")
        return card.show(self.key)

    def judge(self, answer, seed=0):
        """The Feedback for an answer, which is neither shown nor recorded. seed : of the numbers in the cases."""
        if answer is None or answer is ...:
            return feedback.not_answered()
        if not callable(answer):
            return self._not_a_function(answer)
        replaced = restore_numpy()
        if replaced:
            return feedback.numpy_replaced(replaced)
        with contained(_OWN_SECONDS):
            expected = self._known_outcomes(self.reference, seed)
        try:
            with contained(self.seconds) as printed:
                outcomes = self._outcomes(answer, seed)
        except TimeUp:
            restore_numpy()
            return feedback.stopped(self.seconds, printed.text())
        replaced = restore_numpy()
        if replaced:
            return feedback.numpy_replaced(replaced)
        with contained(_OWN_SECONDS):
            wrong = functools.partial(self._known_outcomes, seed=seed)
            finding = diagnose(self.cases, outcomes, expected, self.misconceptions, wrong)
        if finding is None:
            card = self._right()
        else:
            where = finding.case if len(self.cases) > 1 else None
            card = feedback.from_finding(finding, self._inputs(finding.case, seed), where)
        card.printed = printed.text()
        return card

    def _outcomes(self, answer, seed):
        return [observe(case, answer, self.reference, self.returns, self.free, seed) for case in self.cases]

    def _inputs(self, case, seed):
        """The arguments of a case, by name, if the answer is called with just these."""
        if case is None or case.experiment is not None:
            return {}
        names = inspect.signature(self.reference).parameters
        return dict(zip(names, case.arguments(np.random.default_rng(seed)), strict=False))

    def _right(self):
        en = f"Checked: {'; '.join(case.en for case in self.cases)}."
        zh = f"检查过的情形：{'；'.join(case.zh for case in self.cases)}。"
        return Feedback("right", [Bilingual(en, zh)])

    def _not_a_function(self, answer):
        kind = f"{type(answer).__name__}"
        en = f"Pass the function itself, without parentheses: `.check({self.name})`. This is of type `{kind}`."
        zh = f"请传入函数本身，不要加括号调用：`.check({self.name})`。现在传入的类型是 `{kind}`。"
        return Feedback("note", [Bilingual(en, zh)])


class Value(Code):
    """Something to hand in that is no function: a table, a history, a callback.

    The answer is the thing itself, or a function without arguments that returns it.
    observe : function of the answer and a np.random.Generator that returns {Quantity: value}; en_case, zh_case : what
    it looks at.
    """

    def __init__(self, reference, *, observe, en_case, zh_case, **shared):
        case = Case(en_case, zh_case, lambda rng: (rng,), lambda answer, rng: observe(answer(), rng))
        super().__init__(reference, cases=[case], returns=("answer",), free=("answer",), **shared)

    def judge(self, answer, seed=0):
        # A function builds the thing; a Keras model, which can be called too, is one.
        builds = callable(answer) and (inspect.isclass(answer) or not hasattr(answer, "get_config"))
        return super().judge(answer if builds or answer is None or answer is ... else lambda: answer, seed)


class Model(Value):
    """A Keras model to build, judged by its public configuration and by what it computes.

    observe : function of a model and a np.random.Generator that returns further {Quantity: value}.
    """

    def __init__(self, reference, *, observe=None, seconds=30, **shared):
        def quantities(model, rng):
            return models.quantities(model, rng, observe)

        texts = {"en_case": "the layers and what they compute", "zh_case": "各层以及它们的计算结果"}
        super().__init__(reference, observe=quantities, **texts, seconds=seconds, **shared)

    def judge(self, answer, seed=0):
        import keras  # noqa: F401  not under the time limit, and only here: importing the questions must stay fast

        return super().judge(answer, seed)


@dataclass(frozen=True)
class Choice:
    """One of the answers of a Prediction (en, zh), and what to tell who chose it (en_why, zh_why)."""

    en: str
    zh: str
    en_why: str
    zh_why: str


class Prediction(Question):
    """A choice to make before the answer opens; the first one is kept.

    choices : {letter: Choice}. right : the letter that is true. The decorated function measures it and returns
    {Quantity: value}, or {} where only a lesson has the time to.
    """

    def __init__(self, measure, *, choices, right, analysis=("–", "–"), **shared):
        super().__init__(measure, analysis=analysis, **shared)
        self.measure, self.choices, self.right = measure, choices, right

    def predict(self, choice=None):
        """Commit to one of the choices, for example "B"; then see what is true. `...` stands for no choice yet."""
        if choice is ...:
            return feedback.not_predicted().show(self.key)
        letter = choice.strip().upper() if isinstance(choice, str) else None
        if letter not in self.choices:
            letters = ", ".join(f'"{letter}"' for letter in self.choices)
            return self._note(f"Choose one of `{letters}`.", f"请从 `{letters}` 中选一个。")
        recorded, notes = progress.entry(self.key)
        first = recorded["choice"] or letter
        again = progress.record(self.key, right=first == self.right, choice=letter)
        notes = notes or again  # a file that cannot be read is said once
        return self.answer(letter, first, notes).show(self.key)

    def answer(self, letter, first, notes=()):
        """The Feedback for a choice; `first` is the one that was made first."""
        chosen = self.choices[letter]
        texts = [*notes, Bilingual(f"{letter}: {chosen.en_why}", f"{letter}：{chosen.zh_why}")]
        if letter != self.right:
            true = self.choices[self.right]
            en = f"{self.right} is right: {true.en} {true.en_why}"
            texts.append(Bilingual(en, f"正确的是 {self.right}：{true.zh}{true.zh_why}"))
        if first != letter:
            en = f"Your record keeps your first choice, {first}."
            texts.append(Bilingual(en, f"你的记录里保留的是第一次的选择：{first}。"))
        return Feedback("predicted" if letter == self.right else "mispredicted", texts, measured=self._measured())

    def _measured(self):
        with contained(_OWN_SECONDS):
            return [
                Bilingual(f"{q.en}: {feedback.shown(value)}", f"{q.zh}：{feedback.shown(value)}")
                for q, value in self.measure().items()
            ]

    def _task_card(self):
        choices = [Bilingual(f"{letter}: {c.en}", f"{letter}：{c.zh}") for letter, c in self.choices.items()]
        commit = Bilingual(
            'Commit, for example with `.predict("A")`, before you go on.', '先选定，如 `.predict("A")`，再往下运行。'
        )
        return Feedback("question", [self.task, *choices, commit])

    def _solution_card(self, notes):
        true = self.choices[self.right]
        text = Bilingual(f"{self.right}: {true.en} {true.en_why}", f"{self.right}：{true.zh}{true.zh_why}")
        return Feedback("solution", [*notes, text], measured=self._measured())
