"""The simulated twins: made by their generator, true to their summary figures, with the traps the course teaches."""

import hashlib
import importlib.util
import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupShuffleSplit

DATASETS = Path(__file__).parent.parent / "datasets"
SUMMARY = json.loads((DATASETS / "summary.json").read_text(encoding="utf-8"))
REGISTRY = tomllib.loads((DATASETS / "registry.toml").read_text(encoding="utf-8"))
NAMES = ["red-wine", "concrete", "songs"]

# Validation MAE on the real tables (the files whose sha256 stands in registry.toml), on the splits of the tests below,
# measured with scikit-learn 1.9.1, NumPy 2.4.6 and pandas 3.1.1; both tree models with random_state=0.
REAL = {
    "wine": {"median": 0.6646, "linear": 0.4938, "boosting": 0.4309, "forest": 0.4171},
    "wine without repeats": {"median": 0.7059, "linear": 0.5106, "boosting": 0.5382, "forest": 0.5164},
    "concrete": {"median": 13.574, "linear": 8.336, "boosting": 3.277, "forest": 3.661},
    "songs": {"median": 0.2070, "linear": 0.1993, "boosting": 0.1964},
    "songs with genre": {"median": 0.2070, "linear": 0.1973, "boosting": 0.1944},
}
# Spearman correlations of the real strength with the other columns of the real concrete table, in their order.
STRENGTH = [0.478, 0.164, -0.078, -0.308, 0.348, -0.184, -0.180, 0.596]
AUDIO = list(SUMMARY["songs"]["columns"])[1:]


def load(name, folder=DATASETS):
    file = folder / REGISTRY[name]["simulated"]["file"]
    return pd.read_csv(file, sep=REGISTRY[name]["separator"])


@pytest.fixture(scope="module")
def twins():
    return {name: load(name) for name in NAMES}


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("make_simulated", DATASETS / "make_simulated.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def errors(features, target, train, valid, forest=False):
    """Validation MAE of the median, of linear regression and of trees."""
    models = {"linear": LinearRegression(), "boosting": HistGradientBoostingRegressor(random_state=0)}
    if forest:
        models["forest"] = RandomForestRegressor(200, random_state=0, n_jobs=1)
    features, target = np.asarray(features, float), np.asarray(target, float)
    mae = {"median": np.abs(target[valid] - np.median(target[train])).mean()}
    for name, model in models.items():
        predicted = model.fit(features[train], target[train]).predict(features[valid])
        mae[name] = np.abs(target[valid] - predicted).mean()
    return mae


def random_split(table):
    """Positions of the rows that `sample(frac=0.7, random_state=0)` takes for training, and of the others."""
    train = table.index.get_indexer(table.sample(frac=0.7, random_state=0).index)
    return train, np.setdiff1d(np.arange(len(table)), train)


def assert_close_to_real(measured, name, names=("median", "linear"), tolerance=0.15):
    for model in names:
        assert measured[model] == pytest.approx(REAL[name][model], rel=tolerance), (name, model)


def largest_rank_difference(table, columns, spearman):
    return np.abs(table[columns].corr("spearman").to_numpy() - np.array(spearman)).max()


# Made by the generator.


@pytest.mark.parametrize("name", NAMES)
def test_registry_knows_the_file(name):
    content = (DATASETS / REGISTRY[name]["simulated"]["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == REGISTRY[name]["simulated"]["sha256"]


@pytest.mark.parametrize("name", NAMES)
def test_generator_makes_the_committed_table(name, twins, generator, tmp_path):
    """Text equal; of the numbers at most one in a thousand may be off by one unit: machines differ in the last bit."""
    (tmp_path / "simulated").mkdir()
    generator.write(name, tmp_path / "simulated")
    made, committed = load(name, tmp_path), twins[name]
    assert made.columns.equals(committed.columns) and made.dtypes.equals(committed.dtypes)
    numbers = committed.select_dtypes("number").columns
    texts = committed.columns.difference(numbers)
    pd.testing.assert_frame_equal(made[texts], committed[texts])
    different = 0
    for column in numbers:
        a, b = made[column].to_numpy(float), committed[column].to_numpy(float)
        figures = SUMMARY[name]["columns"].get(column, {"step": 1})
        if "digits" in figures:
            unit = 10.0 ** (np.floor(np.log10(np.maximum(np.maximum(a, b), 1e-9))) - figures["digits"] + 1)
        else:
            unit = figures["step"]
        assert np.all(np.abs(a - b) <= 1.001 * unit), column
        different += (a != b).sum()
    assert different <= committed[numbers].size / 1000


def test_writing_twice_gives_the_same_bytes(generator, tmp_path):
    first = generator.write("songs", tmp_path).read_bytes()
    assert generator.write("songs", tmp_path).read_bytes() == first
    assert len(first) < 2_000_000
    assert first[3] == 0 and first[4:8] == bytes(4), "the gzip header holds a file name or a time"


def test_generator_does_not_touch_the_global_random_state(generator):
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    generator.make("concrete")
    assert np.array_equal(before, np.random.get_state()[1])


def test_register_changes_one_line(generator, tmp_path):
    registry, file = tmp_path / "registry.toml", tmp_path / "twin.csv"
    registry.write_bytes((DATASETS / "registry.toml").read_bytes())
    file.write_text("another table", encoding="utf-8")
    digest = generator.register("concrete", file, registry)
    old = (DATASETS / "registry.toml").read_bytes().splitlines()
    new = registry.read_bytes().splitlines()
    assert [line for line in new if line not in old] == [f'sha256 = "{digest}"'.encode()] and len(new) == len(old)
    assert tomllib.loads(registry.read_text(encoding="utf-8"))["concrete"]["simulated"]["sha256"] == digest


# Columns, ranges, resolution, counts.


@pytest.mark.parametrize("name", NAMES)
def test_rows_and_ranges(name, twins):
    table = twins[name]
    assert len(table) == REGISTRY[name]["rows"]
    for column, figures in SUMMARY[name]["columns"].items():
        assert table[column].min() == figures["quantiles"][0], column
        assert table[column].max() == figures["quantiles"][-1], column


@pytest.mark.parametrize("name", NAMES)
def test_medians_and_zeros(name, twins):
    table = twins[name]
    middle = SUMMARY["levels"].index(0.5)
    for column, figures in SUMMARY[name]["columns"].items():
        spread = figures["quantiles"][-2] - figures["quantiles"][1]
        assert abs(table[column].median() - figures["quantiles"][middle]) <= 0.05 * spread, column
        if "zeros" in figures:
            assert (table[column] == 0).mean() == pytest.approx(figures["zeros"], abs=0.01), column


@pytest.mark.parametrize("name", NAMES)
def test_resolution(name, twins):
    for column, figures in SUMMARY[name]["columns"].items():
        values = twins[name][column].to_numpy(float)
        if "digits" in figures:
            rounded = np.array([float(f"{value:.{figures['digits']}g}") for value in values])
        else:
            step = figures.get("fine", [figures["step"]])[0]
            rounded = np.round(values / step) * step
        assert np.allclose(values, rounded, rtol=0, atol=1e-9), column


def test_types(twins):
    integers = {
        "red-wine": ["quality"],
        "concrete": ["Age"],
        "songs": ["track_popularity", "key", "mode", "duration_ms"],
    }
    for name, table in twins.items():
        numbers = table.select_dtypes("number")
        assert list(numbers.columns[numbers.dtypes == "int64"]) == integers[name]
        assert set(numbers.dtypes.astype(str)) == {"int64", "float64"}
    assert list(twins["songs"].columns[11:]) == AUDIO


@pytest.mark.parametrize(("name", "tolerance"), [("red-wine", 0.05), ("concrete", 0.12), ("songs", 0.05)], ids=str)
def test_rank_correlations(name, tolerance, twins):
    """Wider for concrete: its rows are not independent, a recipe stands in up to eight of them."""
    table, spearman = twins[name], SUMMARY[name]["spearman"]
    columns = list(SUMMARY[name]["columns"])
    columns = {"red-wine": [*columns, "quality"], "concrete": columns[:-1], "songs": columns}[name]
    assert largest_rank_difference(table, columns, spearman) < tolerance


# Red wine: repeats that leak.


def test_wine_classes_and_repeats(twins):
    wine = twins["red-wine"]
    assert wine["quality"].value_counts().to_dict() == {3: 10, 4: 53, 5: 681, 6: 638, 7: 199, 8: 18}
    assert wine.duplicated().sum() == 240
    assert wine.drop(columns="quality").duplicated().sum() == 240


def test_wine_leaks_about_90_rows(twins):
    features = twins["red-wine"].drop(columns="quality")
    train, valid = random_split(features)
    wine = features.groupby(list(features.columns)).ngroup().to_numpy()
    assert len(valid) == 480
    assert 75 <= np.isin(wine[valid], wine[train]).sum() <= 105


def test_trees_win_on_wine_only_by_the_leak(twins):
    def measure(table):
        return errors(table.drop(columns="quality"), table["quality"], *random_split(table), forest=True)

    leaking, clean = measure(twins["red-wine"]), measure(twins["red-wine"].drop_duplicates())
    assert_close_to_real(leaking, "wine", ["median", "linear", "boosting", "forest"])
    assert_close_to_real(clean, "wine without repeats", ["median", "linear", "boosting", "forest"])
    for trees in ("forest", "boosting"):
        assert leaking[trees] < 0.93 * leaking["linear"]
        assert clean[trees] == pytest.approx(clean["linear"], rel=0.08)


# Concrete: recipes and physics.


def test_concrete_recipes_ages_and_repeats(twins):
    concrete = twins["concrete"]
    components = list(concrete.columns[:7])
    assert len(concrete[components].drop_duplicates()) == 427
    assert concrete.duplicated().sum() == 25
    assert concrete[[*components, "Age"]].duplicated().sum() == 38
    assert set(concrete["Age"]) == {1, 3, 7, 14, 28, 56, 90, 91, 100, 120, 180, 270, 360, 365}


def test_concrete_random_split_leaks_recipes(twins):
    concrete = twins["concrete"]
    train, valid = random_split(concrete)
    recipe = concrete.groupby(list(concrete.columns[:7])).ngroup().to_numpy()
    assert np.isin(recipe[valid], recipe[train]).mean() > 0.6


def test_concrete_physics(twins):
    concrete = twins["concrete"]
    strength = concrete.columns[-1]
    correlations = concrete.corr("spearman")[strength].to_numpy()[:-1]
    assert np.abs(correlations - STRENGTH).max() < 0.1
    month = concrete[concrete["Age"] == 28]
    binder = month["Cement"] + 0.8 * month["Blast Furnace Slag"] + 0.4 * month["Fly Ash"]
    assert (month["Water"] / binder).corr(month[strength], method="spearman") < -0.7
    means = concrete.groupby("Age")[strength].mean()
    assert means[3] < means[7] < means[28] < means[56]
    by_recipe = concrete.groupby([*concrete.columns[:7]])[["Age", strength]]
    rises = [
        group.sort_values("Age")[strength].is_monotonic_increasing
        for _, group in by_recipe
        if group["Age"].nunique() == len(group) > 2
    ]
    assert np.mean(rises) > 0.85


def test_concrete_yardsticks(twins):
    concrete = twins["concrete"]
    measured = errors(concrete.iloc[:, :-1], concrete.iloc[:, -1], *random_split(concrete), forest=True)
    assert_close_to_real(measured, "concrete", ["median", "linear", "boosting", "forest"])


# Songs: artists, noise, missing names.


def test_songs_counts(twins):
    songs = twins["songs"]
    genres = {"edm": 6043, "rap": 5746, "pop": 5507, "r&b": 5431, "latin": 5155, "rock": 4951}
    assert songs["playlist_genre"].value_counts().to_dict() == genres
    assert songs[["playlist_genre", "playlist_subgenre"]].drop_duplicates().shape[0] == 24
    assert songs["track_id"].nunique() == 28_356
    assert songs["track_artist"].nunique() == 10_692
    assert songs["playlist_id"].nunique() == 471
    assert (songs["track_popularity"] == 0).sum() == 2_703
    assert not songs.duplicated().any()


def test_songs_missing_values(twins):
    missing = twins["songs"].isna()
    assert missing.sum()[missing.any()].to_dict() == {"track_name": 5, "track_artist": 5, "track_album_name": 5}
    assert missing.any(axis=1).sum() == 5


def test_songs_repeat_their_track(twins):
    """What a track is does not change from playlist to playlist."""
    songs = twins["songs"].dropna()
    fixed = songs.groupby("track_id")[["track_artist", "track_popularity", "track_album_id", *AUDIO]].nunique()
    assert (fixed == 1).all(axis=None)


def test_songs_of_an_artist_resemble_each_other(twins):
    songs = twins["songs"].dropna()
    popularity = songs["track_popularity"] - songs["track_popularity"].mean()
    between = popularity.groupby(songs["track_artist"]).transform("mean")
    assert (between**2).sum() / (popularity**2).sum() == pytest.approx(0.553, abs=0.05)
    shuffled = popularity.sample(frac=1, random_state=0).to_numpy()
    by_chance = pd.Series(shuffled).groupby(songs["track_artist"].to_numpy()).transform("mean")
    assert (by_chance**2).sum() / (shuffled**2).sum() < 0.45


def test_songs_random_split_leaks_artists(twins):
    songs = twins["songs"].dropna()
    train, valid = random_split(songs)
    artist = songs["track_artist"].to_numpy()
    assert np.isin(artist[valid], artist[train]).mean() > 0.7


@pytest.mark.parametrize("name", ["songs", "songs with genre"])
def test_songs_yardsticks(name, twins):
    songs = twins["songs"].dropna()
    features = songs[AUDIO].to_numpy(float)
    if name == "songs with genre":
        features = np.hstack([features, pd.get_dummies(songs["playlist_genre"]).to_numpy(float)])
    splitter = GroupShuffleSplit(1, test_size=0.25, random_state=0)
    train, valid = next(splitter.split(features, groups=songs["track_artist"]))
    measured = errors(features, songs["track_popularity"] / 100, train, valid)
    assert_close_to_real(measured, name, ["median", "linear", "boosting"], tolerance=0.05)
    assert measured["boosting"] < 0.993 * measured["linear"]
    assert measured["linear"] < 0.98 * measured["median"]
