"""Every lesson in a real JupyterLab in a real browser: it runs, and a learner sees all of it in either language."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import lab
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
SCREENSHOTS = ROOT / "build" / "screenshots"
LESSONS = sorted(
    path.relative_to(NOTEBOOKS).as_posix()
    for path in NOTEBOOKS.rglob("*.ipynb")
    if ".ipynb_checkpoints" not in path.parts
)

SWITCH = "from helpers import language_switch\n\nlanguage_switch()"
PROSE = (
    '# A heading · 标题\n\n<div lang="en">\n\nDropout (暂退法) keeps $p$ of them, and `$HOME` is code.\n\n</div>\n'
    '<div lang="zh">\n\n暂退法保留其中的 $p$ ，而 `$HOME` 是代码。\n\n</div>'
)
FIGURE = """\
import matplotlib.pyplot as plt

from helpers import show_figure

show_figure(plt.figure(figsize=(1, 1)), en="A caption.", zh="图题。", alt_en="Nothing.", alt_zh="空白。")"""

PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


# Not of session scope: as long as Playwright is open, no other test could start an event loop.
@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the server shows: `run` has the lessons without outputs, `stored` as they are; others may be added."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(NOTEBOOKS, folder / "stored", ignore=shutil.ignore_patterns("source", ".ipynb_checkpoints"))
    shutil.copytree(folder / "stored", folder / "run")
    for path in (folder / "run").rglob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, path)
    return folder


@pytest.fixture(scope="module")
def server(folder, tmp_path_factory):
    with lab.lab_server(folder, tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture(scope="module")
def browser():
    with ExitStack() as stack:
        try:
            browser = stack.enter_context(lab.browser())
        except lab.NoBrowser as failure:
            pytest.skip(
                "nobody has seen whether the lessons work in JupyterLab: there is no browser. Install Chromium "
                f"(apt-get install chromium) or Google Chrome (https://www.google.com/chrome). {failure}"
            )
        yield browser


@pytest.fixture(scope="module")
def page(browser, server):
    """One JupyterLab for all notebooks, one after the other, as a learner has it open."""
    with lab.lab_page(browser, server) as page:
        yield page


@pytest.fixture(scope="module", params=LESSONS)
def lesson(request, page):
    """A lesson in which all cells were run, with `run_problems`; where a test of it fails, screenshots are taken."""
    failures, sound = request.session.testsfailed, False
    with lab.open_notebook(page, f"run/{request.param}") as notebook:
        try:
            notebook.run_problems = notebook.run_all()
            yield notebook
            sound = request.session.testsfailed == failures
        finally:
            if not sound:
                take_screenshots(notebook, request.param.removesuffix(".ipynb").replace("/", "-"))


def take_screenshots(notebook, name):
    for language in ("en", "zh"):
        if notebook.count(".course-language"):
            notebook.choose(language)
        notebook.screenshot(SCREENSHOTS / f"{name}-{language}.png")


def test_lesson_runs(lesson):
    assert not lesson.run_problems, "\n".join(lesson.run_problems)
    assert lesson.output_problems() == []


def test_figures_and_formulas_of_the_lesson_are_shown(lesson):
    assert lesson.figure_problems() == []
    assert lesson.math_problems() == []


def test_lesson_in_each_language(lesson):
    for shown in ("both", "en", "zh", "en", "both"):
        lesson.choose(shown)
        assert lesson.language_problems(shown) == []


def test_switch_of_the_lesson_works_without_a_kernel(lesson):
    lesson.shut_kernel_down()
    for shown in ("zh", "en", "both"):
        lesson.choose(shown)
        assert lesson.language_problems(shown) == []


# An exercise is stored without outputs: there is nothing in it that could be trusted or not.
@pytest.mark.parametrize("name", [name for name in LESSONS if not name.startswith("exercises/")])
def test_untrusted_lesson_is_readable_in_both_languages(name, folder, page):
    """As after a fresh clone: outputs are there, but JupyterLab does not trust them and no cell was run."""
    stored = nbformat.read(folder / "stored" / name, as_version=4)
    outputs = [output for cell in stored.cells for output in cell.get("outputs", [])]
    images = sum(output.get("data", {}).get("text/html", "").count("<img ") for output in outputs)
    with lab.open_notebook(page, f"stored/{name}") as notebook:
        assert notebook.count(".jp-mod-trusted") == 0
        assert notebook.figure_problems() == []
        assert notebook.count(".jp-OutputArea-output img") == images
        assert notebook.math_problems() == []
        assert notebook.language_problems("both") == []
        assert notebook.output_problems() == []


def write_notebook(path, *cells):
    path.parent.mkdir(exist_ok=True)
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)


def html_cell(markup):
    return new_code_cell(f"from IPython.display import HTML\n\nHTML({markup!r})")


def test_notebooks_side_by_side_have_switches_of_their_own(folder, page):
    cells = new_code_cell(SWITCH), new_markdown_cell(PROSE)
    write_notebook(folder / "tiny" / "left.ipynb", *cells, new_code_cell(FIGURE))
    write_notebook(folder / "tiny" / "right.ipynb", *cells)
    with ExitStack() as stack:
        left = stack.enter_context(lab.open_notebook(page, "tiny/left.ipynb"))
        assert left.run_all() == []
        assert left.count(".jp-mod-trusted") > 0
        right = stack.enter_context(lab.open_notebook(page, "tiny/right.ipynb", mode="split-right"))
        assert right.run_all() == []
        left.choose("en")
        right.choose("zh")
        assert left.language_problems("en") == []
        assert right.language_problems("zh") == []
        right.choose("both")
        assert left.language_problems("en") == []
        assert right.language_problems("both") == []
        for notebook in (left, right):
            assert notebook.figure_problems() + notebook.math_problems() + notebook.output_problems() == []


FRAMES = """\
import matplotlib.pyplot as plt

from helpers import show_frames

figures = [plt.figure(figsize=(1, 1), facecolor=color) for color in ("red", "green", "blue")]
for number, figure in enumerate(figures):
    figure.text(0.5, 0.5, str(number))
show_frames(figures, still=1, en="A caption.", zh="图题。", alt_en="A number.", alt_zh="一个数。")"""


def test_frames_are_stepped_through_and_played(folder, page):
    write_notebook(folder / "tiny" / "frames.ipynb", *map(new_code_cell, [SWITCH, FRAMES, FRAMES]))
    with lab.open_notebook(page, "tiny/frames.ipynb") as notebook:
        assert notebook.run_all() == []
        assert notebook.figure_problems() + notebook.output_problems() + notebook.language_problems("both") == []
        first, second = notebook.root.locator("figure.course-frames").all()
        assert (first.locator("button").count(), second.locator("button").count()) == (3, 3)
        image, slider, place = first.locator("img"), first.locator("input"), first.locator("span", has_text="/ 3")
        back, play, following = first.locator("button").all()
        pictures = {}
        for click, shown in [
            (None, "2 / 3"),
            (following, "3 / 3"),
            (following, "3 / 3"),
            (back, "2 / 3"),
            (back, "1 / 3"),
        ]:
            if click:
                click.click()
            assert place.inner_text() == shown
            assert pictures.setdefault(shown, image.get_attribute("src")) == image.get_attribute("src")
        assert len(set(pictures.values())) == 3
        slider.fill("3")
        assert place.inner_text() == "3 / 3"
        play.click()
        assert place.inner_text() == "1 / 3"  # from the end it begins anew
        place.filter(has_text="3 / 3").wait_for(timeout=10_000)
        assert image.get_attribute("src") == pictures["3 / 3"]
        assert second.locator("span", has_text="2 / 3").count() == 1  # the other one has not moved


def test_frames_without_a_script_are_one_picture(folder, page):
    with lab.open_notebook(page, "stored/00_start_here.ipynb") as notebook:
        assert notebook.count(".jp-mod-trusted") == 0 and notebook.count("figure") > 0
        assert notebook.count("figure button, figure input") == 0


ANSWERS = [
    "from helpers import progress\nfrom helpers.exercises import dropout as ask",
    "ask.dropout_backward",
    "ask.dropout_backward.check(lambda dy, mask: dy)",
    "ask.dropout_backward.check(lambda dy, mask: dy @ mask)",
    "def endless(dy, mask):\n    while True:\n        pass\n\nask.dropout_backward.check(endless)",
    "def right(dy, mask):\n    print('here')\n    return dy * mask\n\nask.dropout_backward.check(right)",
    "ask.dropout_backward.hint()",
    "ask.dropout_backward.solution()",
    "ask.variance_at_rate_half",
    "ask.variance_at_rate_half.predict('A')",
    "progress()",
]


def test_answers_to_answers_are_shown_in_each_language(folder, page):
    write_notebook(folder / "tiny" / "answers.ipynb", *map(new_code_cell, [SWITCH, *ANSWERS]))
    with lab.open_notebook(page, "tiny/answers.ipynb") as notebook:
        assert notebook.run_all() == []
        assert notebook.output_problems() == []
        for shown in ("both", "zh", "en"):
            notebook.choose(shown)
            assert notebook.language_problems(shown) == []


# Faults and what must be said of them, # standing for the number of the cell.
FAULTS = [
    (new_code_cell("import sys\n\nprint('Beware', file=sys.stderr)"), "cell # writes to standard error: Beware"),
    (html_cell("<script>throw new Error('a script failed')</script>"), "JavaScript: a script failed"),
    (html_cell('<img src="data:image/png;base64,AAAA" alt="a curve">'), "cell #: an image cannot be loaded: a curve"),
    (html_cell(f'<img src="{PIXEL}" width="0" alt="a dot">'), "cell #: an image is not visible: a dot"),
    (html_cell(f'<img src="{PIXEL}" width="9" alt=" ">'), "cell #: an image has no alternative text: "),
    (
        html_cell('<figure><figcaption><b lang="en">One.</b></figcaption></figure>'),
        'cell #: a figure has no caption in "zh"',
    ),
    (new_markdown_cell('<div lang="en">\n\nA $$\\frac{1}{2}.\n\n</div>'), "cell #: raw formula: A $$\\frac{1}{2}."),
    (new_markdown_cell('<div lang="en">\n\nA $\\frac{1}$ .\n\n</div>'), "cell #: MathJax: Missing argument for \\frac"),
    (new_markdown_cell('<div lang="en">\n\nA $\\fraq{1}{2}$ .\n\n</div>'), "cell #: MathJax: unknown \\fraq"),
    (html_cell('<b lang="zh" style="display: block !important">12</b>'), 'cell #: "zh" is visible: 12'),
    (html_cell('<b lang="en" style="display: none">One.</b>'), 'cell #: "en" is not visible: One.'),
    (new_markdown_cell("One for all."), "cell #: no switch reaches: One for all."),
    (new_code_cell("print('中文')"), "cell #: Chinese in English alone: 中文"),
    (new_code_cell("1 / 0"), "cell # raised ZeroDivisionError: division by zero\n1 / 0"),
]


def test_each_fault_is_found_and_nothing_else(folder, page):
    cells = [new_code_cell(SWITCH), *(cell for cell, _ in FAULTS), new_code_cell("'never run'")]
    write_notebook(folder / "tiny" / "faults.ipynb", *cells)
    with lab.open_notebook(page, "tiny/faults.ipynb", patience=1) as notebook:
        found = notebook.run_all()
        notebook.choose("en")
        found += notebook.output_problems() + notebook.figure_problems() + notebook.math_problems()
        found += notebook.language_problems("en")
    assert sorted(found) == sorted(text.replace("#", str(k)) for k, (_, text) in enumerate(FAULTS, start=1))
