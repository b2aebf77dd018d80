"""Load a data set and prove that it is the right one, split it, standardize it."""

import hashlib
import io
import math
import numbers
import os
import socket
import time
import tomllib
import uuid
import zipfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pooch
import requests

from helpers.language import Bilingual, show_text

# The mime type under which a run finds which data a cell loaded.
MIME_TYPE = "application/vnd.course.data+json"
REGISTRY = Path(__file__).resolve().parents[1] / "datasets" / "registry.toml"
SOURCES = ("auto", "real", "simulated")
CONNECT_TIMEOUT = 3.0  # seconds until a server must have taken the connection
READ_TIMEOUT = 5.0  # seconds until the next piece of its answer must have come
RETRY_PAUSE = 0.5  # seconds before the second and last attempt at an address

_in_use = {}


class DataError(ValueError):
    """Data that cannot be had or used; what is said about a file is said in both languages."""


def load_dataset(name, source="auto", *, show=True):
    """Return the data set `name` ("red-wine", "concrete" or "songs") as a DataFrame.

    source="real" looks in the folder `COURSE_DATA` names, then in the cache (`COURSE_CACHE`
    moves it), then downloads; "simulated" reads the course's own twin; "auto" is what the
    registry calls the default, and falls back to the twin when the real data cannot be had.
    No byte is used before its hash is verified.

    The DataFrame's `attrs` hold name, source ("real" or "simulated"), sha256, licence, citation.
    A line says which data it is; show=False drops it, but never the news of a fallback.

    Raises DataError for an unknown name or source, a `COURSE_DATA` that is no folder or holds
    another file than the published one, a damaged twin, and "real" data that cannot be had.
    """
    _check_choice("source", source, SOURCES)
    real, twin = _entries(name)
    wanted = real["default"] if source == "auto" else source
    notes = []
    entry, content = real, None
    if wanted == "real":
        content = _real_content(real, notes)
    if content is None and source == "real":
        raise DataError(str(_without_real_data(name, notes)))
    if content is None:
        entry, content = twin, _twin_content(twin)
    data = _parse(content, entry)
    data.attrs = {key: entry[key] for key in ("name", "source", "sha256", "licence", "citation")}
    _in_use[name] = entry["source"]
    fell_back = entry["source"] != wanted
    if show or fell_back:
        _announce(data, real, notes, fell_back, by_default=source == "auto" and wanted == "simulated")
    return data


def sources_in_use():
    """Return {name: "real" or "simulated"}: the last load of each data set in this process."""
    return dict(_in_use)


def default_source(name):
    """Return what source="auto" stands for: "real", or "simulated" where the real table is used only on demand."""
    return _entries(name)[0]["default"]


def random_split(data, train_size=0.7, seed=0):
    """Shuffle the rows of a DataFrame into (train, validation).

    `train_size` is the share of rows in train. Index and attrs are kept.
    Raises DataError for an argument out of range and for too few rows.
    """
    from sklearn.model_selection import train_test_split  # only here: it takes a second, and not every notebook splits

    _check_split(data, train_size, seed)
    _check_count(len(data), "rows", train_size)
    train, validation = train_test_split(data, train_size=train_size, random_state=seed)
    return _with_attrs(train, data), _with_attrs(validation, data)


def group_split(data, groups, train_size=0.7, seed=0):
    """Split a DataFrame into (train, validation) so that no group stands in both.

    `groups` is a column or a list of columns; rows equal in all of them are a group, and missing
    values equal each other. `train_size` is the share of groups, not of rows, in train.
    Index and attrs are kept. Raises DataError for an argument out of range, an unknown column
    and too few groups.
    """
    from sklearn.model_selection import GroupShuffleSplit

    _check_split(data, train_size, seed)
    columns = groups if isinstance(groups, list) else [groups]
    if not columns or any(column not in data.columns for column in columns):
        raise DataError(f"groups must be one or more of the columns {list(data.columns)}, got {groups!r}")
    labels = data.groupby(columns, dropna=False, sort=False, observed=True).ngroup().to_numpy()
    _check_count(len(np.unique(labels)), "groups", train_size)
    splitter = GroupShuffleSplit(n_splits=1, train_size=train_size, random_state=seed)
    train, validation = next(splitter.split(data, groups=labels))
    return _with_attrs(data.iloc[train], data), _with_attrs(data.iloc[validation], data)


def standardize(train, *others):
    """Shift and scale every column by the mean and standard deviation it has in `train`.

    Takes DataFrames or arrays of shape (rows, columns), all with the columns of `train`, and
    returns them as a tuple in the same order (`(train,) = standardize(train)` for one alone):
    DataFrames stay DataFrames, float32 stays float32, all else becomes float64. A column that
    is constant in `train` is only shifted. Raises DataError for anything but finite numbers.
    """
    from sklearn.preprocessing import StandardScaler

    tables = {"train": train} | {f"others[{i}]": other for i, other in enumerate(others)}
    for argument, table in tables.items():
        _check_table(argument, table)
        _check_same_columns(argument, table, train)
    values = {argument: _finite_numbers(argument, table) for argument, table in tables.items()}
    scaler = StandardScaler().fit(values["train"])
    # A computed mean misses a constant by a rounding error; what should be 0 would not be 0.
    constant = np.ptp(values["train"], axis=0) == 0
    scaler.mean_[constant], scaler.scale_[constant] = values["train"][0, constant], 1.0
    return tuple(_like(table, scaler.transform(values[argument])) for argument, table in tables.items())


def _entries(name):
    """What the registry says of the real table and of its twin, both in the same terms."""
    registry = tomllib.loads(REGISTRY.read_text(encoding="utf-8"))
    _check_choice("name", name, registry)
    real = registry[name] | {"name": name, "source": "real"}
    twin = real | real["simulated"] | {"source": "simulated", "licence": "CC BY 4.0"}
    twin["citation"] = f"this course; simulated from published summary figures of: {real['citation']}"
    return real, twin


def _real_content(entry, notes):
    """The published table's bytes from the first place that has them, or None; `notes` gets what went wrong."""
    content = _from_course_data(entry, notes) or _from_cache(entry, notes)
    if content is None:
        content = _from_addresses(entry, notes)
        if content is not None:
            _keep(content, entry, notes)
    return content


def _from_course_data(entry, notes):
    folder, file = os.environ.get("COURSE_DATA"), entry["file"]
    if not folder:
        return None
    path = Path(folder).expanduser()
    if not path.is_dir():
        en = f"COURSE_DATA is {folder!r}, which is not a folder. Correct it, or unset it to download the data."
        zh = f"环境变量 COURSE_DATA 的值是 {folder!r}，这个文件夹不存在。请改正它，或者取消设置以便下载数据。"
        raise DataError(str(Bilingual(en, zh)))
    if not os.path.lexists(path / file):
        en = f"the folder `COURSE_DATA` names has no `{file}`"
        notes.append(Bilingual(en, f"`COURSE_DATA` 指定的文件夹中没有 `{file}`"))
        return None
    en = f"COURSE_DATA is {folder!r}: put the published file there, or unset it to download the data."
    zh = f"COURSE_DATA 的值是 {folder!r}：请在其中放入公开发布的原始文件，或者取消设置以便下载数据。"
    return _read_verified(path / file, entry, Bilingual(en, zh))


def _twin_content(entry):
    en = "This simulated table is part of the course, in `datasets`: restore it with git."
    remedy = Bilingual(en, "这份模拟数据是课程 `datasets` 文件夹的一部分：请用 git 恢复它。")
    return _read_verified(REGISTRY.parent / entry["file"], entry, remedy)


def _read_verified(path, entry, remedy):
    try:
        content = path.read_bytes()
    except OSError as error:
        wrong = Bilingual(f"it cannot be read ({error.strerror})", f"无法读取（{error.strerror}）")
    else:
        if _sha256(content) == entry["sha256"]:
            return content
        wrong = _what_is_wrong(content, entry)
    raise DataError(str(Bilingual(f"{path.name}: {wrong.en}. {remedy.en}", f"{path.name}：{wrong.zh}。{remedy.zh}")))


def _what_is_wrong(content, entry):
    """Why `content` has another hash than it should, in the most helpful terms that can be told."""
    if not content:
        return Bilingual("it is empty", "文件是空的")
    unix = content.replace(b"\r\n", b"\n")
    if entry["sha256"] in (_sha256(unix), _sha256(unix.replace(b"\n", b"\r\n"))):
        return Bilingual("its line endings were changed, by git or an editor", "换行符被 git 或编辑器改动过")
    try:
        table = _parse(content, entry)
    except (ValueError, OSError, EOFError):
        return Bilingual("it cannot be read as a table", "无法按表格读取")
    missing = ", ".join(repr(column) for column in _published_columns(entry) if column not in table.columns)
    if missing:
        start = content[:60].decode("utf-8", "replace").partition("\n")[0]
        return Bilingual(f"no column {missing}; it starts with {start!r}", f"缺少列 {missing}；文件开头是 {start!r}")
    if len(table) < entry["rows"]:
        en = f"it was cut short, {len(table)} rows of {entry['rows']}"
        return Bilingual(en, f"文件不完整，只有 {len(table)} 行，应有 {entry['rows']} 行")
    hashes = _sha256(content), entry["sha256"]
    en = "its content differs, perhaps re-saved by a spreadsheet (sha256 {}, expected {})".format(*hashes)
    return Bilingual(en, "内容有改动，可能被电子表格软件重新保存过（sha256 是 {}，应为 {}）".format(*hashes))


def _published_columns(entry):
    """The columns of the twin, which are those of the real table; none when it cannot be read."""
    twin = entry | entry["simulated"]
    with suppress(OSError, ValueError, EOFError):
        return list(_parse((REGISTRY.parent / twin["file"]).read_bytes(), twin).columns)
    return []


def _parse(content, entry):
    compression = "gzip" if entry["file"].endswith(".gz") else None
    return pd.read_csv(io.BytesIO(content), sep=entry["separator"], compression=compression, low_memory=False)


def _sha256(content):
    return hashlib.sha256(content).hexdigest()


def _cache_path(entry):
    folder = os.environ.get("COURSE_CACHE") or pooch.os_cache("dense-dropout-batchnorm")
    return Path(folder).expanduser() / entry["file"]


def _from_cache(entry, notes):
    path = _cache_path(entry)
    with suppress(OSError):
        content = path.read_bytes()
        if _sha256(content) == entry["sha256"]:
            return content
        notes.append(Bilingual("the copy in the cache was damaged and not used", "缓存中的副本已损坏，没有使用"))
        path.unlink()
    return None


def _keep(content, entry, notes):
    """Put verified bytes into the cache in one move, so that it never holds half a file."""
    path = _cache_path(entry)
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        en = f"the download could not be kept ({error.strerror}); let `COURSE_CACHE` name a folder that can be written"
        zh = f"下载的数据无法存入缓存（{error.strerror}）；可以用 `COURSE_CACHE` 指定一个可写的文件夹"
        notes.append(Bilingual(en, zh))


def _from_addresses(entry, notes):
    unreachable = set()
    for address in entry["addresses"]:
        url, server = address["url"], urlsplit(address["url"]).netloc
        try:
            # Offline, every further wait for the same server is for nothing.
            if server in unreachable:
                raise _Unavailable("the same server, not tried again", "同一台服务器，不再尝试")
            return _download(address, entry)
        except _Unavailable as failure:
            notes.append(Bilingual(f"`{url}`: {failure.why.en}", f"`{url}`：{failure.why.zh}"))
            if failure.then == "skip server":
                unreachable.add(server)
    return None


class _Unavailable(Exception):
    """Why an address gave nothing, and what `then` makes sense: "retry", "skip server" or "next" address."""

    def __init__(self, en, zh, then="next"):
        super().__init__(en)
        self.why, self.then = Bilingual(en, zh), then


def _download(address, entry):
    try:
        content = _fetch(address["url"])
    except _Unavailable as failure:
        if failure.then != "retry":
            raise
        time.sleep(RETRY_PAUSE)
        content = _fetch(address["url"])
    _check_download(content, address["sha256"])
    if "member" in address:
        content = _unzip(content, address["member"])
    _check_download(content, entry["sha256"])
    return content


def _fetch(url):
    """The bytes at `url`, in memory: what is not on a disk cannot be left there half done."""
    received, responses = io.BytesIO(), []
    hooks = {"response": lambda response, *args, **kwargs: responses.append(response)}
    downloader = pooch.HTTPDownloader(timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), hooks=hooks)
    try:
        downloader(url, received, None)
    except (OSError, ValueError) as error:
        raise _explained(error) from error
    finally:
        # pooch leaves the connection of a failed request open.
        for response in responses:
            response.close()
    return received.getvalue()


_SILENCE = "no answer in time", "服务器没有及时响应"
_REASONS = (
    (requests.exceptions.ProxyError, "the proxy gives no connection", "代理服务器无法连接", "next"),
    (requests.exceptions.SSLError, "no secure connection", "无法建立安全连接", "next"),
    (requests.ConnectTimeout, *_SILENCE, "skip server"),
    ((requests.Timeout, TimeoutError), *_SILENCE, "next"),
    (socket.gaierror, "the server is not found, perhaps no network", "找不到服务器，可能没有联网", "skip server"),
    (ConnectionRefusedError, "the server refuses connections", "服务器拒绝连接", "skip server"),
    (requests.ConnectionError, "the connection failed", "连接失败", "retry"),
    (requests.exceptions.ChunkedEncodingError, "the connection broke off", "连接中断", "retry"),
)


def _explained(error):
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code
        then = "retry" if status >= 500 else "next"
        return _Unavailable(f"the server answers with error {status}", f"服务器返回错误 {status}", then)
    root = error
    while root.__cause__ or root.__context__:
        root = root.__cause__ or root.__context__
    for kinds, en, zh, then in _REASONS:
        if isinstance(error, kinds) or isinstance(root, kinds):
            return _Unavailable(en, zh, then)
    kind = type(error).__name__
    return _Unavailable(f"the request failed ({kind})", f"请求失败（{kind}）")


def _check_download(content, expected):
    given = _sha256(content)
    if given != expected:
        en = f"not the expected file ({len(content)} bytes, sha256 {given[:12]}…, expected {expected[:12]}…)"
        zh = f"不是预期的文件（{len(content)} 字节，sha256 是 {given[:12]}…，应为 {expected[:12]}…）"
        raise _Unavailable(en, zh)


def _unzip(archive, member):
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            return opened.read(member)
    except (KeyError, zipfile.BadZipFile):
        raise _Unavailable(f"no `{member}` in the archive", f"压缩包中没有 `{member}`") from None


def _announce(data, real, notes, fell_back, by_default):
    name, licence, size = data.attrs["name"], data.attrs["licence"], len(data)
    if data.attrs["source"] == "real":
        en = f"Data: `{name}`, real, {size} rows. Licence: {licence}. Source: {real['citation']}."
        zh = f"数据：`{name}`，真实数据，{size} 行。许可：{licence}。来源：{real['citation']}。"
    else:
        en = f"Data: `{name}`, **simulated**, {size} rows. Licence: {licence}. Source: {data.attrs['citation']}."
        zh = f"数据：`{name}`，**模拟数据**，{size} 行。许可：{licence}。来源：本课程，"
        zh += f"根据已发表的统计摘要模拟，原始数据见 {real['citation']}。"
    if by_default:
        en += f' The real table is used only on demand, `source="real"`; its licence: {real["licence"]}.'
        zh += f'只有指定 `source="real"` 才会使用真实数据；其许可：{real["licence"]}。'
    if fell_back:
        without = _without_real_data(name, notes)
        en = f"**Attention: simulated data stands in for the real data.** {without.en} {en}"
        zh = f"**注意：这里用模拟数据代替了真实数据。**{without.zh}{zh}"
    elif notes:
        en, zh = f"{en} Note: {_joined(notes).en}.", f"{zh}说明：{_joined(notes).zh}。"
    show_text(en, zh, record=(MIME_TYPE, {"name": name, "source": data.attrs["source"]}))


def _without_real_data(name, notes):
    en = f"The real data of `{name}` cannot be had: {_joined(notes).en}."
    return Bilingual(en, f"无法获得 `{name}` 的真实数据：{_joined(notes).zh}。")


def _joined(notes):
    return Bilingual("; ".join(note.en for note in notes), "；".join(note.zh for note in notes))


def _check_choice(argument, value, allowed):
    if value not in list(allowed):
        raise DataError(f"{argument} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def _check_split(data, train_size, seed):
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data must be a pandas DataFrame, got {type(data).__name__}")
    if isinstance(train_size, bool) or not isinstance(train_size, numbers.Real) or not 0 < train_size < 1:
        raise DataError(f"train_size must be a number between 0 and 1, both excluded, got {train_size!r}")
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or not 0 <= seed < 2**32:
        raise DataError(f"seed must be an integer from 0 to 2**32 - 1, got {seed!r}")


def _check_count(count, what, train_size):
    in_train = math.floor(train_size * count)
    if not 0 < in_train < count:
        parts = f"{in_train} in train and {count - in_train} in validation"
        raise DataError(
            f"data has too few {what}: train_size={train_size!r} of {count} puts {parts}, each must be at least 1"
        )


def _check_table(argument, table):
    if not isinstance(table, (pd.DataFrame, np.ndarray)):
        raise DataError(f"{argument} must be a DataFrame or a NumPy array, got {type(table).__name__}")
    if table.ndim != 2 or 0 in table.shape:
        raise DataError(f"{argument} must have shape (rows, columns) with at least 1 of each, got {table.shape}")


def _check_same_columns(argument, table, train):
    if isinstance(table, pd.DataFrame) != isinstance(train, pd.DataFrame):
        raise DataError(f"{argument} must be a {type(train).__name__} like train, got {type(table).__name__}")
    wanted, given = (list(pd.DataFrame(each).columns) for each in (train, table))
    if given != wanted:
        raise DataError(f"{argument} must have the columns of train in the same order, {wanted}, got {given}")


def _finite_numbers(argument, table):
    for column, values in pd.DataFrame(table).items():
        where = f"column {column!r} of {argument}"
        if not pd.api.types.is_numeric_dtype(values.dtype):
            raise DataError(f"{where} must hold numbers, got {values.dtype}")
        bad = ~np.isfinite(values.to_numpy(dtype=float, na_value=np.nan))
        if bad.any():
            raise DataError(f"{where} must hold finite numbers only, got {bad.sum()} missing or infinite")
    return pd.DataFrame(table).to_numpy(dtype=float)


def _like(table, values):
    dtypes = set(table.dtypes) if isinstance(table, pd.DataFrame) else {table.dtype}
    values = values.astype(np.float32 if dtypes == {np.dtype(np.float32)} else np.float64)
    if isinstance(table, np.ndarray):
        return values
    return _with_attrs(pd.DataFrame(values, index=table.index, columns=table.columns), table)


def _with_attrs(part, whole):
    part.attrs = dict(whole.attrs)
    return part
