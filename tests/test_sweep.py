"""`course sweep`: how often claims hold over seeds, and what `course check` makes of the committed table."""

import csv
import json
import shutil
from types import SimpleNamespace

import pytest
from tiny import course, write_notebook

from helpers.course import sweep
from helpers.course.notebooks import find_notebooks

PARAMETERS = 'seed = 0\nfast = False\ndata_source = "auto"\nrate = 0.5'
CLAIMS = """\
from helpers import claim, load_dataset

wine = load_dataset("red-wine", source=data_source, show=False)
claim(seed != 3, en="It is not three.", zh="不是三。", value={"seed": seed, "rate": rate})
claim(rate < 1, en="The rate is small.", zh="比率小。")
"""
FINE = 'claim(True, en="Fine structure.", zh="细微结构。", only_on="real")'
TWICE = 'for _ in range(2):\n    claim(seed >= 0, en="It is a seed.", zh="是种子。")'
BREAKS = "assert seed != 1"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A course of one lesson that makes claims and of one exercise that makes none, executed."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COURSE_FAST", "COURSE_CLAIMS"):
            patch.delenv(name, raising=False)
        blank, notebooks, output = (tmp_path_factory.mktemp(name) for name in ("blank", "notebooks", "output"))
        write_notebook(blank / "01_claims.ipynb", CLAIMS, FINE, TWICE, BREAKS, parameters=PARAMETERS)
        write_notebook(notebooks / "exercises/01_claims.ipynb", "1", parameters=PARAMETERS)
        status, said = course(blank, "run", "--output", output)
        assert status == 0, said
        shutil.copy(output / "01_claims.ipynb", notebooks)
        (notebooks / "source").mkdir()
        yield notebooks


SENTENCES = ["It is not three.", "The rate is small.", "Fine structure.", "It is a seed.", "It is a seed. (2)"]


@pytest.fixture(scope="module")
def swept(built, tmp_path_factory):
    """Seeds 0 to 3 on the simulated data: seed 3 breaks a claim, seed 1 breaks off after all claims."""
    output = tmp_path_factory.mktemp("sweep")
    status, said = course(
        built, "sweep", "--seeds", "0-3", "--source", "simulated", "--jobs", 2, "--output", output / "s"
    )
    facts = json.loads((output / "s/sweep.json").read_text(encoding="utf-8"))
    claims = {claim["claim"]: claim for claim in facts["claims"]}
    page = (output / "s/sweep.html").read_text(encoding="utf-8")
    return SimpleNamespace(status=status, said=said, facts=facts, claims=claims, page=page, output=output / "s")


def test_a_sweep_counts_every_claim(swept):
    assert list(swept.claims) == SENTENCES
    counts = {name: (claim["held"], claim["of"], claim["missed"]) for name, claim in swept.claims.items()}
    assert counts == {
        "It is not three.": (3, 4, [3]),
        "The rate is small.": (4, 4, []),
        "Fine structure.": (0, 0, []),
        "It is a seed.": (4, 4, []),
        "It is a seed. (2)": (4, 4, []),
    }
    assert swept.claims["It is not three."]["values"] == {"seed": [0, 1, 2, 3], "rate": [0.5] * 4}


def test_a_sweep_says_what_was_checked_and_fails_for_a_claim_that_holds_too_seldom(swept):
    assert swept.claims["It is not three."]["condition"] == "seed != 3"
    assert swept.claims["It is a seed. (2)"]["condition"] == "seed >= 0"
    assert swept.status == 1 and "✗ 3/4" in swept.said and "4/4" in swept.said and "not checked" in swept.said


def test_a_run_that_breaks_off_is_told(swept):
    (sentence,) = swept.facts["unfinished"]
    assert "01_claims (simulated, seed=1), code cell 5 (assert seed != 1): failed: AssertionError" in sentence
    assert sentence in swept.said and "assert seed != 1" in swept.page


def test_the_page_shows_counts_and_spread_in_both_languages(swept):
    for text in ("It is not three.", "不是三。", "3/4", "0 … 1.5 … 3", "not checked", "未检验", "模拟数据"):
        assert text in swept.page
    assert swept.page.count("<circle") == 8


def test_a_sweep_is_taken_up_again(swept, built):
    before = {path: path.read_bytes() for path in swept.output.rglob("*.ipynb")}
    assert len(before) == 4
    options = ["--seeds", "0-3", "--source", "simulated", "--jobs", 2, "--output", swept.output, "--resume"]
    course(built, "sweep", *options)
    changed = [path.parent.name for path, content in before.items() if path.read_bytes() != content]
    # Seed 3, at which a claim is broken, has said what there was to say.
    assert changed == ["seed=1"]


def test_claims_that_a_failed_run_does_not_come_to_are_missed(tmp_path, built):
    notebooks = shutil.copytree(built, tmp_path / "notebooks")
    text = (notebooks / "01_claims.ipynb").read_text(encoding="utf-8")
    (notebooks / "01_claims.ipynb").write_text(
        text.replace("claim(rate < 1,", "assert seed != 2\\nclaim(rate < 1,"), encoding="utf-8"
    )
    course(notebooks, "sweep", "--seeds", "0,2", "--source", "simulated", "--output", tmp_path / "s")
    claims = json.loads((tmp_path / "s/sweep.json").read_text(encoding="utf-8"))["claims"]
    assert [(claim["held"], claim["of"], claim["missed"]) for claim in claims[:2]] == [(2, 2, []), (1, 2, [2])]


def test_a_grid_is_swept_combination_by_combination(built, tmp_path):
    grid = ["--p", "rate=0.1,2", "--p", "fast=true"]
    course(built, "sweep", "01", "--seeds", "0", "--source", "simulated", *grid, "--output", tmp_path / "s")
    claims = json.loads((tmp_path / "s/sweep.json").read_text(encoding="utf-8"))["claims"]
    small = {claim["parameters"]["rate"]: claim["held"] for claim in claims if claim["claim"] == "The rate is small."}
    assert small == {0.1: 1, 2: 0}
    assert all(claim["parameters"]["fast"] is True for claim in claims)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "5-2"], "'5-2' runs backwards"),
        (["--seeds", "one"], "'one' is not a list of seeds such as 0-19 or 0,3,7-9"),
        (["--p", "rate"], "'rate' is not NAME=V1,V2"),
        (["--p", "rat=1"], "01_claims has no parameter rat; it has data_source, fast, rate, seed"),
        (["--p", "rate=[1"], "'[1' is not a value for 'rate'"),
        (["--source", "reel"], "'reel' is not one of"),
        (["01_clams"], "the nearest is 01_claims"),
        (["exercises/01"], "no claim is made in exercises/01_claims"),
        (["--keep", "--seeds", "0-3"], "--keep wants full runs at 20 seeds or more"),
        (["--keep", "--fast"], "--keep wants full runs"),
        (["--keep", "--p", "rate=1"], "--keep wants full runs"),
    ],
)
def test_wrong_arguments(arguments, message, built, tmp_path):
    status, said = course(built, "sweep", *arguments, "--output", tmp_path / "s")
    assert status == 2 and message in " ".join(said.split())
    assert not (tmp_path / "s").exists()


# --- the committed table ---


def counts(**changes):
    """Counts of the built lesson's claims as a good sweep would find them, one of them changed."""
    conditions = ["seed != 3", "rate < 1", "True", "seed >= 0", "seed >= 0"]
    found = []
    for source, n in sweep.SEEDS.items():
        for sentence, condition in zip(SENTENCES, conditions, strict=True):
            of = 0 if source == "simulated" and sentence == "Fine structure." else n
            found.append(sweep.Count("01_claims", sentence, "", condition, source, {}, held=of, of=of))
    for name, value in changes.items():
        setattr(found[0], name, value)
    return found


def problems(built, whole=True):
    notebooks = {name: path for name, path in find_notebooks(built).items() if "/" not in name}
    return [problem for _, problem in sweep.table_problems(built, notebooks, whole)]


@pytest.fixture
def fresh(built):
    yield built
    (built / sweep.TABLE).unlink(missing_ok=True)


def test_a_table_that_covers_all_claims_is_no_problem(fresh):
    sweep.update_table(fresh, counts())
    assert problems(fresh) == []


def test_without_a_table_every_claim_is_a_problem(fresh):
    found = problems(fresh)
    assert len(found) == 2 * len(SENTENCES)
    assert "the claim 'It is not three.' was never counted over seeds (real data; source/claims.csv)" in found[0]
    assert "course sweep 01_claims --source real --keep" in found[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held": 17}, "holds at 17 of 20 seeds; change the sentence"),
        ({"held": 18}, None),
        ({"held": 0, "of": 0}, "holds at 0 of 0 seeds"),
        ({"held": 19, "of": 19}, "was counted at 19 seeds only, not 20"),
        ({"condition": "seed != 4"}, "was counted with the condition `seed != 4`, now it is `seed != 3`"),
        ({"claim": "It is three."}, "was never counted over seeds"),
    ],
)
def test_what_the_table_must_say_of_a_claim(changes, message, fresh):
    sweep.update_table(fresh, counts(**changes))
    found = problems(fresh)
    if message is None:
        assert found == []
    else:
        assert "the claim 'It is not three.'" in found[0] and message in found[0]


def test_a_row_without_its_claim_is_a_problem(fresh):
    extra = sweep.Count("01_claims", "Gone.", "", "True", "real", {}, held=20, of=20)
    sweep.update_table(fresh, [*counts(), extra])
    assert problems(fresh) == ["source/claims.csv counts a claim that the notebook does not make (real data): 'Gone.'"]
    other = sweep.Count("02_gone", "Gone.", "", "True", "real", {}, held=20, of=20)
    sweep.update_table(fresh, [*counts(), other])
    assert len(problems(fresh)) == 1 and problems(fresh, whole=False) == []


def test_a_sweep_replaces_the_rows_of_its_notebooks_and_source_alone(fresh, tmp_path, monkeypatch):
    sweep.update_table(fresh, counts(held=19))
    monkeypatch.setattr(sweep, "SEEDS", dict.fromkeys(sweep.SEEDS, 2))
    options = ["--seeds", "4,5", "--source", "simulated", "--keep", "--output", tmp_path / "s"]
    status, said = course(fresh, "sweep", "01", *options)
    assert status == 0 and "kept: " in said
    rows = list(csv.DictReader((fresh / sweep.TABLE).open(encoding="utf-8")))
    assert [row["of"] for row in rows] == ["20"] * 5 + ["2", "2", "0", "2", "2"]
    assert (rows[0]["held"], rows[5]["held"]) == ("19", "2")
    assert rows[5]["values"] == "seed 4 … 4.5 … 5; rate 0.5 … 0.5 … 0.5" and "keras" in rows[5]["libraries"]


def test_nothing_is_kept_of_a_sweep_with_a_failed_run(fresh, tmp_path, monkeypatch):
    sweep.update_table(fresh, counts())
    monkeypatch.setattr(sweep, "SEEDS", dict.fromkeys(sweep.SEEDS, 2))
    before = (fresh / sweep.TABLE).read_bytes()
    status, said = course(
        fresh, "sweep", "--seeds", "0,1", "--source", "simulated", "--keep", "--output", tmp_path / "s"
    )
    assert status == 1 and "kept: " not in said
    assert (fresh / sweep.TABLE).read_bytes() == before


def test_a_table_of_another_shape_is_told(fresh):
    (fresh / sweep.TABLE).write_text("a,b\n1,2\n", encoding="utf-8")
    (fresh / "source/01_claims.md").write_text("# One · 一\n", encoding="utf-8")
    status, said = course(fresh, "check")
    (fresh / "source/01_claims.md").unlink()
    assert status == 1 and "source/claims.csv has the columns" in said
