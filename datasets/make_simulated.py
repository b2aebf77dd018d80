"""Draw the simulated twins of the course's three tables: python datasets/make_simulated.py [red-wine concrete songs]

A twin has the columns, ranges, resolution, counts and traps of the real table, and not one of its rows: it is drawn
from the summary figures in summary.json (quantiles, rank correlations, counts). The same seed gives the same bytes.
"""

import gzip
import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

HERE = Path(__file__).parent
SUMMARY = json.loads((HERE / "summary.json").read_text(encoding="utf-8"))
SEEDS = {"red-wine": 16, "concrete": 21, "songs": 2}


# Every twin: columns that lean on each other like the real ones, each with the real one's distribution.


def quantile_map(share, column):
    """The value below which `share` of the column lies, on a smooth rising curve through the quantiles.

    Zeros, where the column has them, come first; the curve starts behind them, at the least value above zero.
    """
    levels, values = np.array(SUMMARY["levels"]), np.array(column["quantiles"])
    zeros = column.get("zeros", 0)
    if zeros:
        levels, values = np.append(zeros, levels[levels > zeros]), np.append(column["least"], values[levels > zeros])
    return np.where((share <= zeros) & (zeros > 0), 0, PchipInterpolator(levels, values)(np.maximum(share, zeros)))


def round_to_resolution(values, column, rng):
    """Round as the real values are: to significant digits, or to a step that is finer in some of the rows."""
    if "digits" in column:
        return np.array([float(f"{value:.{column['digits']}g}") for value in values])
    coarse, (fine, share) = column["step"], column.get("fine", (column["step"], 1))
    steps = np.where(rng.random(len(values)) < share, fine, coarse)
    steps[[np.argmin(values), np.argmax(values)]] = fine
    rounded = np.clip(np.round(values / steps) * steps, values.min(), values.max())
    return np.round(rounded, max(0, -int(np.floor(np.log10(fine)))))


def spread_by_rank(scores, column, rng, rows=None):
    """Give the scores the column's distribution and keep their order: the lowest gets the minimum, and so on.

    `rows` says in how many rows of the table each score stands (once, by default).
    """
    order = np.argsort(scores, kind="stable")
    upto = np.cumsum(np.ones(len(scores)) if rows is None else rows[order])
    share = np.empty(len(scores))
    share[order] = (upto - upto[0]) / (upto[-1] - upto[0])
    return round_to_resolution(quantile_map(share, column), column, rng)


def untie(spearman, columns):
    """Undo what ties do to rank correlations: values with shares p shrink them by sqrt(1 - sum(p ** 3))."""
    grid = np.linspace(0, 1, 2001)
    shares = [np.unique(quantile_map(grid, column).round(9), return_counts=True)[1] / 2001 for column in columns]
    shrunk = np.sqrt([1 - (share**3).sum() for share in shares])
    return np.clip(np.array(spearman) / np.outer(shrunk, shrunk), -0.98, 0.98)


def normal_correlations(spearman):
    """The correlations of the normal scores behind rank correlations: r = 2 sin(pi rho / 6), ones on the diagonal."""
    correlations = 2 * np.sin(np.pi / 6 * spearman)
    np.fill_diagonal(correlations, 1)
    return correlations


def draw_scores(rng, covariance, rows):
    """Rows of normal scores with the covariance (a Gaussian copula), or with one near it that can exist."""
    values, vectors = np.linalg.eigh(covariance)
    repaired = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    # Cholesky, because an eigenvector may come with either sign and the draws must not depend on the machine.
    draws = rng.standard_normal((rows, len(covariance)))
    # What chance correlates in a small sample is taken out, so that the twin has the published correlations.
    draws = np.linalg.solve(np.linalg.cholesky(np.cov(draws.T)), (draws - draws.mean(axis=0)).T).T
    return draws @ np.linalg.cholesky(repaired).T


# Red wine: the score depends on the features smoothly and weakly, and 240 rows stand in the table twice.


def bend_quality(scores, names):
    """The scores of quality (last column), with a little of what is luck made a matter of the right measure.

    A linear model cannot follow the bend and trees only just: as on the real wines, neither wins without leakage.
    """
    features, quality = scores[:, :-1], scores[:, -1]
    explained = features @ np.linalg.lstsq(features, quality, rcond=None)[0]
    luck = quality - explained
    bend = -(features[:, [names.index(name) for name in ("sulphates", "total sulfur dioxide")]] ** 2).sum(axis=1)
    share = 0.15
    return explained + np.sqrt(1 - share) * luck + np.sqrt(share) * luck.std() * (bend - bend.mean()) / bend.std()


def make_red_wine(rng):
    """Distinct wines from the rank correlations, then the repeats: what trees memorise across a random split."""
    figures, columns = SUMMARY["red-wine"], SUMMARY["red-wine"]["columns"]
    rows, distinct = sum(figures["classes"].values()), sum(figures["distinct_classes"].values())
    quality = np.repeat([int(key) for key in figures["classes"]], list(figures["distinct_classes"].values()))
    levels = [*columns.values(), {"quantiles": np.quantile(quality, SUMMARY["levels"])}]
    scores = draw_scores(rng, normal_correlations(untie(figures["spearman"], levels)), distinct)
    wines = pd.DataFrame({key: spread_by_rank(scores[:, i], columns[key], rng) for i, key in enumerate(columns)})
    wines.loc[np.argsort(bend_quality(scores, list(columns)), kind="stable"), "quality"] = quality
    wines = wines.astype({"quality": int})
    repeats = [
        rng.choice(np.flatnonzero(wines["quality"] == int(key)), figures["classes"][key] - count)
        for key, count in figures["distinct_classes"].items()
    ]
    chosen = np.concatenate([np.arange(distinct), *repeats])
    # A repeat stands a few rows below its original, as in the real table.
    place = chosen + np.where(np.arange(rows) < distinct, 0, rng.uniform(0, 5, rows))
    return wines.iloc[chosen[np.argsort(place, kind="stable")]].reset_index(drop=True)


# Concrete: few recipes, each tested at several ages, and a strength that follows the physics.


def plan_tests(scores, rng):
    """Ages at which each recipe is tested: programmes to day 100 for admixed concrete, beyond day 120 for plain."""
    programmes = [ages for ages, count in SUMMARY["concrete"]["programmes"] for _ in range(count)]
    group = np.array([1 - (ages[-1] == 100) + (ages[-1] >= 120) for ages in programmes])
    admixtures = scores[["Fly Ash", "Superplasticizer"]]
    kind = np.where(admixtures.min(axis=1) > 0, 0, np.where(admixtures.max(axis=1) < 0, 2, 1))
    order = np.lexsort([rng.random(len(scores)), kind])
    middle = slice((group == 0).sum(), (group < 2).sum())
    order[middle] = rng.permutation(order[middle])
    programmes = [programmes[i] for i in np.argsort(group, kind="stable")]
    return np.array([(recipe, age) for recipe, ages in zip(order, programmes, strict=True) for age in ages])


def draw_mixes(rng):
    """Mixes of seven components, in kg per cubic metre of concrete, each at its ages."""
    figures, columns = SUMMARY["concrete"], SUMMARY["concrete"]["columns"]
    *components, _ = columns
    correlations = normal_correlations(untie(figures["spearman"], [columns[name] for name in components]))
    recipes = sum(count for _, count in figures["programmes"])
    scores = pd.DataFrame(draw_scores(rng, correlations, recipes), columns=components)
    tests = plan_tests(scores, rng)
    tests = np.concatenate([tests, tests[rng.choice(len(tests), figures["replicates"], replace=False)]])
    rows = np.bincount(tests[:, 0])
    mixes = {name: spread_by_rank(scores[name], columns[name], rng, rows)[tests[:, 0]] for name in components}
    return pd.DataFrame(mixes).assign(Age=tests[:, 1]), tests[:, 0]


def log_strength(mix):
    """Logarithm of compressive strength: Abrams' law times the growth with age of the CEB-FIP model code.

    Abrams: strength falls exponentially with water over binder. Slag counts almost like cement, fly ash for half.
    Growth: exp(s (1 - sqrt(28 / age))), with a larger s where slag and fly ash harden late.
    """
    slag, ash = mix["Blast Furnace Slag"], mix["Fly Ash"]
    binder = mix["Cement"] + 0.8 * slag + 0.4 * ash
    lateness = 0.3 + 0.2 * (slag + ash) / (mix["Cement"] + slag + ash)
    growth = lateness * (1 - np.sqrt(28 / mix["Age"]))
    fluidity = 0.15 * np.tanh(mix["Superplasticizer"] / 8)
    return -1.3 * mix["Water"] / binder + growth + fluidity


def make_concrete(rng):
    """Recipes, tests, strengths; some tests are done twice, and some results are written down twice."""
    figures, columns = SUMMARY["concrete"], SUMMARY["concrete"]["columns"]
    table, recipe = draw_mixes(rng)
    # Luck of a recipe (its cement, its aggregate), which a test of the same recipe shares, and luck of a test.
    luck = rng.normal(0, 0.08, recipe.max() + 1)[recipe] + rng.normal(0, 0.025, len(recipe))
    *_, strength = columns
    table[strength] = spread_by_rank(log_strength(table) + luck, columns[strength], rng)
    repeated = table.sample(figures["repeats"], random_state=rng)
    return pd.concat([table, repeated]).sample(frac=1, random_state=rng, ignore_index=True)


# Songs: much noise, artists whose songs resemble each other, and tracks that stand in several playlists.


def lay_out_playlists(rng):
    """One line per row of the table: genre, subgenre and playlist, in the order of the real table."""
    figures = SUMMARY["songs"]
    genre = [g for g, of in figures["genres"].items() for count in of["subgenres"].values() for _ in range(count)]
    subgenre = [s for of in figures["genres"].values() for s, count in of["subgenres"].items() for _ in range(count)]
    starts = np.flatnonzero(np.array(subgenre[1:]) != np.array(subgenre[:-1])) + 1
    others = np.setdiff1d(np.arange(1, len(genre)), starts)
    more = figures["playlists"] - len(starts) - 1
    evenly = (np.arange(more) + rng.random(more)) / more
    starts = np.concatenate([starts, others[(evenly * len(others)).astype(int)]])
    playlist = np.isin(np.arange(len(genre)), starts).cumsum()
    return pd.DataFrame({"genre": genre, "subgenre": subgenre, "playlist": playlist})


def share_out_artists(genre, rng):
    """An artist for every track: each artist has one genre and at least one track, and a few have very many."""
    artists, artist, used = SUMMARY["songs"]["artists"], np.zeros(len(genre), int), 0
    for code in range(genre.max() + 1):
        tracks = np.flatnonzero(genre == code)
        here = artists - used if code == genre.max() else round(artists * len(tracks) / len(genre))
        fame = (np.arange(here) + 9.0) ** -1.2
        more = rng.choice(here, len(tracks) - here, p=fame / fame.sum())
        artist[tracks] = used + rng.permutation(np.concatenate([np.arange(here), more]))
        used += here
    return artist


def draw_tracks(genre, artist, rng):
    """Normal scores of popularity and sound: a genre's mean, what an artist's tracks share, and the track's own."""
    figures, columns = SUMMARY["songs"], SUMMARY["songs"]["columns"]
    means = np.array([of["scores"] for of in figures["genres"].values()])[genre]
    within = normal_correlations(untie(figures["spearman"], columns.values())) - np.cov(means.T, bias=True)
    shared = np.sqrt([figures["artist_share"].get(name, figures["artist_share"]["audio"]) for name in columns])
    common = draw_scores(rng, within, figures["artists"])[artist]
    scores = means + shared * common + np.sqrt(1 - shared**2) * draw_scores(rng, within, len(genre))
    scores = pd.DataFrame(scores, columns=list(columns))
    # Too quiet or too loud, too short or too long: a weak bend that a linear model cannot follow.
    scores["track_popularity"] -= 0.06 * (scores[["energy", "loudness", "duration_ms"]] ** 2).sum(axis=1)
    return scores


def draw_albums(artist, rng):
    """Album numbers, one artist each, and the albums' release dates (of some only the year or the month is known)."""
    figures = SUMMARY["songs"]
    order = np.argsort(artist, kind="stable")
    chance = (figures["albums"] - figures["artists"]) / (len(artist) - figures["artists"])
    first = np.concatenate([[True], np.diff(artist[order]) > 0])
    album = np.empty(len(artist), int)
    album[order] = (first | (rng.random(len(artist)) < chance)).cumsum() - 1
    days = rng.integers(1, 366, album.max() + 1)
    year = np.interp(rng.random(len(days)), SUMMARY["levels"], figures["release_year"]).round().astype(int)
    days[year == max(year)] = days[year == max(year)] % 29 + 1
    dates = pd.to_datetime((year * 1000 + days).astype(str), format="%Y%j").strftime("%Y-%m-%d").to_numpy()
    length = rng.choice([10, 7, 4], len(days), p=figures["date_lengths"])
    return album, np.array([date[:cut] for date, cut in zip(dates, length, strict=True)])[album]


def place_repeats(scores, home, rows, rng):
    """Which track stands in which row: at home once, and popular ones again in other subgenres, mostly near by."""
    places = rows.assign(track=-1)
    places.loc[home, "track"] = np.arange(len(home))
    weight = np.exp(0.7 * scores["track_popularity"] + rng.normal(0, 0.8, len(home))).to_numpy()
    empty = np.flatnonzero(places["track"] < 0)
    while len(empty):
        places.loc[empty, "track"] = rng.choice(len(home), len(empty), p=weight / weight.sum())
        origin = rows["genre"].to_numpy()[home[places.loc[empty, "track"]]]
        far = (origin != rows.loc[empty, "genre"].to_numpy()) & (rng.random(len(empty)) < 0.8)
        twice = places.duplicated(["track", "subgenre"], keep=False).to_numpy()[empty]
        empty = empty[far | twice]
    return places["track"].to_numpy()


def make_songs(rng):
    """Playlists, artists, tracks, and the rows where they meet."""
    figures, columns = SUMMARY["songs"], SUMMARY["songs"]["columns"]
    rows = lay_out_playlists(rng)
    home = np.sort(rng.choice(len(rows), figures["tracks"], replace=False))
    genre = pd.factorize(rows["genre"])[0][home]
    artist = share_out_artists(genre, rng)
    album, date = draw_albums(artist, rng)
    scores = draw_tracks(genre, artist, rng)
    track = place_repeats(scores, home, rows, rng)
    table = {
        "track_id": numbered("t", track),
        "track_name": numbered("Track ", track),
        "track_artist": numbered("Artist ", artist[track]),
        "track_popularity": None,
        "track_album_id": numbered("a", album[track]),
        "track_album_name": numbered("Album ", album[track]),
        "track_album_release_date": date[track],
        "playlist_name": numbered("Playlist ", rows["playlist"]),
        "playlist_id": numbered("p", rows["playlist"]),
        "playlist_genre": rows["genre"],
        "playlist_subgenre": rows["subgenre"],
    }
    counts = np.bincount(track)
    table |= {name: spread_by_rank(scores[name], columns[name], rng, counts)[track] for name in columns}
    table = pd.DataFrame(table).astype(dict.fromkeys(["track_popularity", "key", "mode", "duration_ms"], int))
    spare = (table["track_popularity"] == 0) & table["track_artist"].duplicated(keep=False)
    nameless = rng.choice(np.flatnonzero(spare), figures["missing"], replace=False)
    table.loc[nameless, ["track_name", "track_artist", "track_album_name"]] = None
    return table


def numbered(prefix, numbers):
    """Invented names: a prefix and a number from 1."""
    return np.char.add(prefix, (np.asarray(numbers) + 1).astype(str))


# Files and their hashes.

MAKERS = {"red-wine": make_red_wine, "concrete": make_concrete, "songs": make_songs}
FILES = {"red-wine": "red-wine.csv", "concrete": "concrete.csv", "songs": "songs.csv.gz"}


def make(name):
    """The twin as a table, the same at every call."""
    return MAKERS[name](np.random.default_rng(SEEDS[name]))


def write(name, folder):
    """Write the twin into the folder and return its path; the gzip header holds no time and no name."""
    path = Path(folder) / FILES[name]
    text = make(name).to_csv(index=False, sep=";" if name == "red-wine" else ",", lineterminator="\n").encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path


def register(name, path, registry=HERE / "registry.toml"):
    """Put the file's sha256 into the table [NAME.simulated] of the registry, and touch nothing else there."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    pattern = rf'(\[{name}\.simulated\]\n[^\[]*?sha256 = ")[^"]*'
    text, found = re.subn(pattern, rf"\g<1>{digest}", registry.read_text(encoding="utf-8"))
    if found != 1:
        raise ValueError(f"{registry.name} has no table [{name}.simulated] with a sha256")
    registry.write_text(text, encoding="utf-8", newline="\n")
    return digest


def main(names):
    """Make the twins named (all of them by default)."""
    (HERE / "simulated").mkdir(exist_ok=True)
    for name in names or MAKERS:
        path = write(name, HERE / "simulated")
        print(f"{name}: {path.stat().st_size:,} bytes, sha256 {register(name, path)}")


if __name__ == "__main__":
    main(sys.argv[1:])
