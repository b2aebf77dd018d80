"""helpers/data.py: every way a data set can be had or not be had, splits, standardization."""

import hashlib
import http.server
import io
import json
import os
import re
import shutil
import socket
import tempfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers import data as module
from helpers.data import (
    DataError,
    group_split,
    load_dataset,
    random_split,
    sources_in_use,
    standardize,
)

pytestmark = pytest.mark.filterwarnings("error")

COLUMNS = ["acidity", "sugar", "quality"]


def table(offset):
    rows = [f"{i + offset};{i * 0.5};{i % 3}\n" for i in range(40)]
    return (";".join(COLUMNS) + "\n" + "".join(rows)).encode()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def zipped(member, content):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(member, content)
    return archive.getvalue()


REAL, TWIN, OTHER = table(0), table(1000), table(7)
ARCHIVE = zipped("wine.csv", REAL)


class Server(http.server.ThreadingHTTPServer):
    """Answers each path with its scripted answers in turn, the last one for ever, and counts the requests."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.requests, self.closing = {}, [], threading.Event()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request, client_address):
        """A client that gives up is what many of these tests are about."""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        answers = self.server.answers[self.path]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, int):
            self.send_error(answer)
        elif answer == "silent":
            self.server.closing.wait(30)
        elif answer == "dropped":
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.send(answer)

    def send(self, answer):
        content = answer if isinstance(answer, bytes) else REAL
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if isinstance(answer, bytes) else content[: len(content) // 2])
        if answer == "stalls":
            self.server.closing.wait(30)

    def log_message(self, *args):
        pass


class World:
    """A registry of one small table, its twin, a cache, a folder for COURSE_DATA and a server."""

    def __init__(self, folder, server, monkeypatch):
        self.folder, self.server, self.monkeypatch = folder, server, monkeypatch
        self.cache, self.course_data = folder / "cache", folder / "mine"
        self.registry = folder / "datasets" / "registry.toml"
        (folder / "datasets" / "simulated").mkdir(parents=True)
        self.twin = folder / "datasets" / "simulated" / "wine.csv"
        self.twin.write_bytes(TWIN)
        monkeypatch.setattr(module, "REGISTRY", self.registry)
        monkeypatch.setattr(module, "RETRY_PAUSE", 0)
        monkeypatch.setattr(module, "_in_use", {})
        monkeypatch.setenv("COURSE_CACHE", str(self.cache))
        monkeypatch.delenv("COURSE_DATA", raising=False)
        for variable in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(variable, "127.0.0.1")
        self.register()

    def register(self, *addresses, default="real"):
        addresses = addresses or [{"url": self.server.url("/wine.csv"), "sha256": sha256(REAL)}]
        entry = {
            "file": "wine.csv",
            "separator": ";",
            "rows": 40,
            "sha256": sha256(REAL),
            "default": default,
            "licence": "CC BY 4.0",
            "citation": "Somebody (2009)",
        }
        text = "[wine]\n" + toml(entry)
        text += "".join(f"[[wine.addresses]]\n{toml(address)}" for address in addresses)
        text += "[wine.simulated]\n" + toml({"file": "simulated/wine.csv", "sha256": sha256(TWIN)})
        self.registry.write_text(text, encoding="utf-8")

    def zip_address(self, archive=ARCHIVE):
        return {"url": self.server.url("/wine.zip"), "sha256": sha256(archive), "member": "wine.csv"}

    def answer(self, *answers, path="/wine.csv"):
        self.server.answers[path] = list(answers)

    def impatient(self):
        self.monkeypatch.setattr(module, "CONNECT_TIMEOUT", 0.4)
        self.monkeypatch.setattr(module, "READ_TIMEOUT", 0.4)

    def use_course_data(self, content=None):
        self.course_data.mkdir(exist_ok=True)
        if content is not None:
            (self.course_data / "wine.csv").write_bytes(content)
        self.monkeypatch.setenv("COURSE_DATA", str(self.course_data))

    def cached(self):
        """Everything below the cache folder: {name: content}."""
        files = [path for path in self.cache.rglob("*") if path.is_file()] if self.cache.is_dir() else []
        return {path.name: path.read_bytes() for path in files}


def toml(entry):
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in entry.items())


@pytest.fixture
def server():
    opened = Server()
    thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield opened
    opened.closing.set()
    opened.shutdown()
    opened.server_close()
    thread.join()


@pytest.fixture
def world(tmp_path, server, monkeypatch):
    return World(tmp_path, server, monkeypatch)


@pytest.fixture
def said(capfd):
    """What was displayed since the last call: its English and its Chinese line; stderr must be empty."""

    def lines():
        out, err = capfd.readouterr()
        assert err == ""
        if not out:
            return "", ""
        en, zh = out.splitlines()
        check_chinese(zh)
        assert not re.search("[\u4e00-\u9fff]", en)
        return en, zh

    return lines


def check_chinese(text):
    assert re.search("[\u4e00-\u9fff]", text)
    assert not re.search("[\u4e00-\u9fff][,:;()?!]|[,:;()?!][\u4e00-\u9fff]", text), text
    assert not re.search("[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]", text), text


def parsed(content):
    return pd.read_csv(io.BytesIO(content), sep=";")


def check_real(loaded, texts):
    assert loaded.equals(parsed(REAL))
    assert loaded.attrs["source"] == "real" and loaded.attrs["sha256"] == sha256(REAL)
    assert sources_in_use() == {"wine": "real"}
    en, zh = texts
    assert "real, 40 rows" in en and "simulated" not in en and "CC BY 4.0" in en and "Somebody (2009)" in en
    assert "真实数据" in zh and "40 行" in zh and "模拟" not in zh and "CC BY 4.0" in zh and "Somebody (2009)" in zh


def check_fallback(loaded, texts):
    assert loaded.equals(parsed(TWIN))
    assert loaded.attrs["source"] == "simulated" and loaded.attrs["sha256"] == sha256(TWIN)
    assert sources_in_use() == {"wine": "simulated"}
    en, zh = texts
    assert en.startswith("**Attention: simulated data stands in") and "**simulated**, 40 rows" in en
    assert zh.startswith("**注意") and "模拟数据代替了真实数据" in zh and "**模拟数据**" in zh


def real_error():
    """The two lines that `real` raises with."""
    with pytest.raises(DataError) as caught:
        load_dataset("wine", "real")
    assert sources_in_use().get("wine") != "real"
    en, zh = str(caught.value).splitlines()
    check_chinese(zh)
    return en, zh


# Real data, from where it should come


def test_a_download_is_kept_and_the_server_not_asked_again(world, said):
    world.answer(REAL)
    check_real(load_dataset("wine"), said())
    assert world.cached() == {"wine.csv": REAL}
    check_real(load_dataset("wine", "real"), said())
    assert world.server.requests == ["/wine.csv"]


def test_attrs_say_all_and_nothing_of_this_machine(world):
    world.answer(REAL)
    attrs = load_dataset("wine", show=False).attrs
    assert attrs == {
        "name": "wine",
        "source": "real",
        "sha256": sha256(REAL),
        "licence": "CC BY 4.0",
        "citation": "Somebody (2009)",
    }
    assert str(world.folder) not in repr(load_dataset("wine", "simulated", show=False).attrs)


def test_show_false_is_silent(world, said):
    world.answer(REAL)
    load_dataset("wine", show=False)
    load_dataset("wine", "simulated", show=False)
    assert said() == ("", "")


def test_the_news_of_a_fallback_cannot_be_switched_off(world, said):
    world.answer(404)
    check_fallback(load_dataset("wine", show=False), said())


@pytest.mark.parametrize("first", [500, "dropped", "truncated"])
def test_one_more_attempt_where_that_makes_sense(world, said, first):
    world.answer(first, REAL)
    check_real(load_dataset("wine"), said())
    assert world.server.requests == ["/wine.csv"] * 2
    assert world.cached() == {"wine.csv": REAL}


def test_the_archive_stands_in_for_the_first_address(world, said):
    world.register({"url": world.server.url("/wine.csv"), "sha256": sha256(REAL)}, world.zip_address())
    world.answer(404)
    world.answer(ARCHIVE, path="/wine.zip")
    loaded, (en, zh) = load_dataset("wine", "real"), said()
    check_real(loaded, (en, zh))
    assert "error 404" in en and "错误 404" in zh
    assert world.cached() == {"wine.csv": REAL}


@pytest.mark.parametrize(
    ("archive", "served", "en_reason", "zh_reason"),
    [
        (ARCHIVE, ARCHIVE[:-1], "not the expected file", "不是预期的文件"),
        (zipped("wine.csv", OTHER), None, "not the expected file", "不是预期的文件"),
        (zipped("beer.csv", REAL), None, "no `wine.csv` in the archive", "压缩包中没有"),
        (b"no archive", None, "no `wine.csv` in the archive", "压缩包中没有"),
    ],
    ids=["other archive", "other member", "no member", "no archive"],
)
def test_an_archive_is_not_trusted(world, said, archive, served, en_reason, zh_reason):
    world.register(world.zip_address(archive))
    world.answer(served or archive, path="/wine.zip")
    loaded, (en, zh) = load_dataset("wine"), said()
    check_fallback(loaded, (en, zh))
    assert en_reason in en and zh_reason in zh
    assert world.cached() == {}


# Addresses that give nothing

FAILURES = {
    "other content": (OTHER, 1, "not the expected file", "不是预期的文件"),
    "nothing": (b"", 1, "not the expected file (0 bytes", "0 字节"),
    "a log-in page": (b"<html>please log in</html>", 1, "not the expected file", "不是预期的文件"),
    "truncated": ("truncated", 2, "the connection broke off", "连接中断"),
    "404": (404, 1, "the server answers with error 404", "服务器返回错误 404"),
    "503": (503, 2, "the server answers with error 503", "服务器返回错误 503"),
    "dropped": ("dropped", 2, "the connection failed", "连接失败"),
    "silent": ("silent", 1, "no answer in time", "服务器没有及时响应"),
    "stalls": ("stalls", 1, "no answer in time", "服务器没有及时响应"),
}


@pytest.fixture(params=FAILURES.values(), ids=FAILURES)
def failure(request, world):
    answer, attempts, en_reason, zh_reason = request.param
    if answer in ("silent", "stalls"):
        world.impatient()
    world.answer(answer)
    return attempts, f"`{world.server.url('/wine.csv')}`: {en_reason}", zh_reason


def test_auto_falls_back_and_says_so(world, said, failure):
    attempts, en_reason, zh_reason = failure
    loaded, (en, zh) = load_dataset("wine"), said()
    check_fallback(loaded, (en, zh))
    assert en_reason in en and zh_reason in zh
    assert len(world.server.requests) == attempts
    assert world.cached() == {}


def test_real_raises_and_never_falls_back(world, said, failure):
    attempts, en_reason, zh_reason = failure
    en, zh = real_error()
    assert en_reason in en and zh_reason in zh
    assert said() == ("", "")
    assert len(world.server.requests) == attempts
    assert world.cached() == {}


def closed_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def test_a_server_that_is_gone_is_asked_once_for_all_its_addresses(world, said):
    gone = f"http://127.0.0.1:{closed_port()}"
    addresses = [{"url": f"{gone}/{name}", "sha256": sha256(REAL)} for name in ("a.csv", "b.csv")]
    world.register(*addresses)
    loaded, (en, zh) = load_dataset("wine"), said()
    check_fallback(loaded, (en, zh))
    assert f"`{gone}/a.csv`: the server refuses connections" in en and "服务器拒绝连接" in zh
    assert f"`{gone}/b.csv`: the same server, not tried again" in en and "同一台服务器" in zh
    world.register(*addresses, world.zip_address())
    world.answer(ARCHIVE, path="/wine.zip")
    check_real(load_dataset("wine"), said())


def test_a_silent_address_does_not_condemn_its_server(world, said):
    world.impatient()
    world.register({"url": world.server.url("/wine.csv"), "sha256": sha256(REAL)}, world.zip_address())
    world.answer("silent")
    world.answer(ARCHIVE, path="/wine.zip")
    loaded, (en, zh) = load_dataset("wine"), said()
    check_real(loaded, (en, zh))
    assert "no answer in time" in en and "服务器没有及时响应" in zh


def test_a_name_that_is_not_found(world, said, monkeypatch):
    def fail(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    loaded, (en, zh) = load_dataset("wine"), said()
    check_fallback(loaded, (en, zh))
    assert "the server is not found, perhaps no network" in en and "找不到服务器" in zh


def test_certificates_that_are_not_there_are_a_reason_too(world, said, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(world.folder / "gone.pem"))
    world.register({"url": f"https://127.0.0.1:{world.server.server_port}/wine.csv", "sha256": sha256(REAL)})
    check_fallback(load_dataset("wine"), said())


def test_a_certificate_nobody_signed_or_no_tls_at_all(world, said):
    world.register({"url": f"https://127.0.0.1:{world.server.server_port}/wine.csv", "sha256": sha256(REAL)})
    loaded, (en, zh) = load_dataset("wine"), said()
    check_fallback(loaded, (en, zh))
    assert "no secure connection" in en and "无法建立安全连接" in zh


def test_a_programming_error_is_no_reason_to_fall_back(world, monkeypatch):
    class Broken:
        def __init__(self, **kwargs):
            pass

        def __call__(self, url, output_file, pooch):
            raise AttributeError("a bug")

    monkeypatch.setattr(module.pooch, "HTTPDownloader", Broken)
    with pytest.raises(AttributeError, match="a bug"):
        load_dataset("wine")


# The cache


@pytest.mark.parametrize("corrupt", [b"", OTHER, REAL[:-5]], ids=["empty", "other", "truncated"])
def test_a_corrupt_cached_file_is_replaced(world, said, corrupt):
    world.cache.mkdir()
    (world.cache / "wine.csv").write_bytes(corrupt)
    world.answer(REAL)
    loaded, (en, zh) = load_dataset("wine", "real"), said()
    check_real(loaded, (en, zh))
    assert "the copy in the cache was damaged" in en and "缓存中的副本已损坏" in zh
    assert world.cached() == {"wine.csv": REAL}
    check_real(load_dataset("wine"), said())
    assert world.server.requests == ["/wine.csv"]


def test_a_corrupt_cached_file_goes_even_when_nothing_replaces_it(world, said):
    world.cache.mkdir()
    (world.cache / "wine.csv").write_bytes(OTHER)
    world.answer(404)
    check_fallback(load_dataset("wine"), said())
    assert world.cached() == {}


def test_nothing_half_written_stays_in_the_cache(world, said, monkeypatch):
    def interrupted(source, target):
        raise KeyboardInterrupt

    world.answer(REAL)
    monkeypatch.setattr(module.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_dataset("wine")
    assert world.cached() == {} and sources_in_use() == {}


def check_not_kept(loaded, texts):
    check_real(loaded, texts)
    en, zh = texts
    assert "the download could not be kept" in en and "COURSE_CACHE" in en
    assert "无法存入缓存" in zh and "COURSE_CACHE" in zh


def test_a_cache_that_cannot_be_a_folder(world, said, monkeypatch):
    (world.folder / "file").write_bytes(b"in the way")
    monkeypatch.setenv("COURSE_CACHE", str(world.folder / "file" / "cache"))
    world.answer(REAL)
    check_not_kept(load_dataset("wine", "real"), said())
    assert (world.folder / "file").read_bytes() == b"in the way"


def test_a_full_disk(world, said, monkeypatch):
    def full(path, content):
        with open(path, "wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    world.answer(REAL)
    check_not_kept(load_dataset("wine"), said())
    assert world.cached() == {}


@pytest.mark.skipif(os.name == "nt", reason="NOT TESTED: Windows folders ignore the read-only bit")
def test_a_read_only_cache_folder(world, said, monkeypatch):
    # pytest's own folders are closed to the other user that root has to become to be refused anything.
    public = Path(tempfile.mkdtemp())
    try:
        shutil.copytree(world.folder / "datasets", public / "datasets")
        monkeypatch.setattr(module, "REGISTRY", public / "datasets" / "registry.toml")
        cache = public / "cache"
        cache.mkdir()
        monkeypatch.setenv("COURSE_CACHE", str(cache))
        public.chmod(0o755)
        cache.chmod(0o555)
        world.answer(REAL)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            loaded = load_dataset("wine", "real")
        finally:
            if root:
                os.seteuid(0)
        check_not_kept(loaded, said())
        assert list(cache.iterdir()) == []
    finally:
        (public / "cache").chmod(0o755)
        shutil.rmtree(public)


# COURSE_DATA


def test_course_data_comes_first(world, said):
    world.use_course_data(REAL)
    check_real(load_dataset("wine"), said())
    check_real(load_dataset("wine", "real"), said())
    assert world.server.requests == [] and world.cached() == {}


def test_course_data_without_the_file_goes_on_and_says_so(world, said):
    world.use_course_data()
    world.answer(REAL)
    loaded, (en, zh) = load_dataset("wine"), said()
    check_real(loaded, (en, zh))
    assert "the folder `COURSE_DATA` names has no `wine.csv`" in en and "`COURSE_DATA` 指定的文件夹中没有" in zh


def test_an_empty_course_data_is_as_good_as_none(world, said):
    world.monkeypatch.setenv("COURSE_DATA", "")
    world.answer(REAL)
    texts = load_dataset("wine"), said()
    check_real(*texts)
    assert "COURSE_DATA" not in "".join(texts[1])


@pytest.mark.parametrize("source", ["auto", "real"])
def test_course_data_that_is_no_folder(world, said, source):
    world.monkeypatch.setenv("COURSE_DATA", str(world.folder / "gone"))
    world.answer(REAL)
    with pytest.raises(DataError) as caught:
        load_dataset("wine", source)
    en, zh = str(caught.value).splitlines()
    check_chinese(zh)
    for line in (en, zh):
        assert "COURSE_DATA" in line and repr(str(world.folder / "gone")) in line
    assert "not a folder" in en and "文件夹不存在" in zh
    assert world.server.requests == [] and said() == ("", "")


RESAVED = REAL.replace(b"0.0;", b"0;")
WRONG_FILES = {
    "empty": (b"", "it is empty", "文件是空的"),
    "truncated": (REAL[: len(REAL) // 2], "it was cut short", "文件不完整"),
    "a column dropped": (re.sub(rb";[^;]*;", b";", REAL), "no column 'sugar'", "缺少列 'sugar'"),
    "a web page": (b"<html>\nnot found</html>\n", "it starts with '<html>'", "文件开头是 '<html>'"),
    "another separator": (REAL.replace(b";", b","), "it starts with 'acidity,sugar,quality'", "缺少列"),
    "re-saved": (RESAVED, f"(sha256 {sha256(RESAVED)}, expected {sha256(REAL)})", "内容有改动"),
    "line endings": (REAL.replace(b"\n", b"\r\n"), "its line endings were changed", "换行符"),
    "no text": (bytes(range(128, 256)) * 3, "cannot be read as a table", "无法按表格读取"),
    "more columns in a row": (REAL + b"1;2;3;4;5;6\n", "cannot be read as a table", "无法按表格读取"),
}


@pytest.mark.parametrize("source", ["auto", "real"])
@pytest.mark.parametrize(("content", "en_reason", "zh_reason"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_wrong_file_in_course_data_is_never_swapped(world, said, source, content, en_reason, zh_reason):
    world.use_course_data(content)
    world.answer(REAL)
    with pytest.raises(DataError) as caught:
        load_dataset("wine", source)
    en, zh = str(caught.value).splitlines()
    check_chinese(zh)
    assert en.startswith("wine.csv: ") and en_reason in en and "unset it to download" in en
    assert zh_reason in zh and "取消设置" in zh
    assert (world.course_data / "wine.csv").read_bytes() == content
    assert world.server.requests == [] and sources_in_use() == {} and said() == ("", "")


def test_a_folder_where_the_file_should_be(world):
    world.use_course_data()
    (world.course_data / "wine.csv").mkdir()
    with pytest.raises(DataError, match="it cannot be read"):
        load_dataset("wine")


# Simulated data


@pytest.mark.parametrize("source", ["simulated", "auto"])
def test_simulated_on_demand_or_by_default(world, said, source):
    world.use_course_data(OTHER)
    world.register(default="simulated")
    loaded, (en, zh) = load_dataset("wine", source), said()
    assert loaded.equals(parsed(TWIN))
    assert loaded.attrs["source"] == "simulated" and sources_in_use() == {"wine": "simulated"}
    assert loaded.attrs["licence"] == "CC BY 4.0"
    assert loaded.attrs["citation"].endswith("simulated from published summary figures of: Somebody (2009)")
    assert "**simulated**, 40 rows" in en and "Attention" not in en and "Somebody (2009)" in en
    assert "**模拟数据**" in zh and "注意" not in zh and "Somebody (2009)" in zh
    assert ('`source="real"`' in en) == ('`source="real"`' in zh) == (source == "auto")
    assert world.server.requests == []


def test_real_on_demand_where_the_default_is_simulated(world, said):
    world.register(default="simulated")
    world.answer(REAL)
    check_real(load_dataset("wine", "real"), said())


@pytest.mark.parametrize("content", [b"", OTHER, None], ids=["empty", "other", "gone"])
@pytest.mark.parametrize("source", ["simulated", "auto"])
def test_a_damaged_twin_is_not_used(world, said, source, content):
    world.twin.unlink() if content is None else world.twin.write_bytes(content)
    world.answer(404)
    with pytest.raises(DataError, match="restore it with git") as caught:
        load_dataset("wine", source)
    check_chinese(str(caught.value).splitlines()[1])
    assert sources_in_use() == {} and said() == ("", "")


def test_the_last_load_counts_and_the_answer_is_a_copy(world):
    world.answer(REAL)
    load_dataset("wine", show=False)
    load_dataset("wine", "simulated", show=False)
    sources_in_use()["wine"] = "real"
    assert sources_in_use() == {"wine": "simulated"}


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("beer", "auto", "name must be one of 'wine', got 'beer'"),
        (["wine"], "auto", r"name must be one of 'wine', got \['wine'\]"),
        ("wine", "fake", "source must be one of 'auto', 'real', 'simulated', got 'fake'"),
        ("wine", None, "source must be one of 'auto', 'real', 'simulated', got None"),
    ],
)
def test_unknown_names_and_sources(world, name, source, message):
    with pytest.raises(DataError, match=message):
        load_dataset(name, source)


# The course's own tables

SHAPES = {"red-wine": (1599, 12), "concrete": (1030, 9), "songs": (32833, 23)}


@pytest.mark.skipif(not os.environ.get("COURSE_DATA"), reason="NOT TESTED: the real tables, COURSE_DATA is not set")
def test_the_real_tables(said, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    for name, shape in SHAPES.items():
        loaded, (en, zh) = load_dataset(name, "real"), said()
        assert loaded.shape == shape and loaded.attrs["source"] == "real"
        assert f"real, {shape[0]} rows" in en and f"{shape[0]} 行" in zh


def test_the_committed_twins(said):
    for name, shape in SHAPES.items():
        loaded, (en, zh) = load_dataset(name, "simulated"), said()
        assert loaded.shape[1] == shape[1] and loaded.attrs["source"] == "simulated"
        assert f"**simulated**, {len(loaded)} rows" in en and f"{len(loaded)} 行" in zh


@pytest.mark.skipif(not os.environ.get("COURSE_DATA"), reason="NOT TESTED: twin against real, COURSE_DATA is not set")
@pytest.mark.parametrize("name", SHAPES)
def test_a_twin_has_the_columns_of_the_real_table(name):
    real, twin = load_dataset(name, "real", show=False), load_dataset(name, "simulated", show=False)
    assert list(twin.columns) == list(real.columns)
    kinds = [[pd.api.types.is_numeric_dtype(dtype) for dtype in data.dtypes] for data in (real, twin)]
    assert kinds[0] == kinds[1]


# Splits


@pytest.fixture
def songs():
    frame = pd.DataFrame({"artist": list("aabbccddee") * 2, "year": [1, 2] * 10, "value": range(20)})
    frame.index = [f"row {i}" for i in range(20)]
    frame.attrs = {"name": "songs", "source": "simulated"}
    return frame


def check_split(whole, train, validation):
    assert sorted([*train.index, *validation.index]) == sorted(whole.index)
    assert train.attrs == validation.attrs == whole.attrs
    for part in (train, validation):
        pd.testing.assert_frame_equal(part, whole.loc[part.index])


def test_random_split_keeps_every_row_once(songs):
    train, validation = random_split(songs)
    assert (len(train), len(validation)) == (14, 6)
    check_split(songs, train, validation)


def test_random_split_is_decided_by_the_seed(songs):
    first, again, other = (random_split(songs, 0.5, seed)[0] for seed in (3, 3, np.int64(4)))
    assert list(first.index) == list(again.index) != list(other.index)


def test_group_split_keeps_groups_together(songs):
    for seed in range(10):
        train, validation = group_split(songs, "artist", 0.6, seed)
        assert (train["artist"].nunique(), validation["artist"].nunique()) == (3, 2)
        assert not set(train["artist"]) & set(validation["artist"])
        check_split(songs, train, validation)


def test_group_split_by_several_columns(songs):
    train, validation = group_split(songs, ["artist", "year"], 0.7, 1)
    pairs = [set(zip(part["artist"], part["year"], strict=True)) for part in (train, validation)]
    assert (len(pairs[0]), len(pairs[1])) == (7, 3) and not pairs[0] & pairs[1]
    check_split(songs, train, validation)


@pytest.mark.parametrize("groups", [["artist"], ["artist", "year"]])
def test_missing_values_are_a_group_like_any_other(songs, groups):
    songs.loc[songs["artist"] == "c", "artist"] = None
    songs["year"] = songs["year"].where(songs["year"] == 1).astype(float)
    for seed in range(10):
        train, validation = group_split(songs, groups, 0.5, seed)
        check_split(songs, train, validation)
        keys = [{str(row) for row in part[groups].to_numpy().tolist()} for part in (train, validation)]
        assert not keys[0] & keys[1]


@pytest.mark.parametrize("split", [random_split, lambda data, *rest: group_split(data, "artist", *rest)])
@pytest.mark.parametrize("train_size", [0, 1, 1.0, -0.1, 1.5, float("nan"), "0.7", None, True])
def test_train_size_out_of_range(songs, split, train_size):
    with pytest.raises(DataError, match=f"train_size must be a number between 0 and 1.*got {train_size!r}"):
        split(songs, train_size)


@pytest.mark.parametrize("seed", [-1, 0.5, "0", None, True, 2**32])
def test_seeds_out_of_range(songs, seed):
    with pytest.raises(DataError, match=re.escape(f"seed must be an integer from 0 to 2**32 - 1, got {seed!r}")):
        random_split(songs, seed=seed)


@pytest.mark.parametrize("groups", ["singer", ["artist", "singer"], [], None, 3])
def test_unknown_groups(songs, groups):
    wanted = re.escape(f"columns ['artist', 'year', 'value'], got {groups!r}")
    with pytest.raises(DataError, match=wanted):
        group_split(songs, groups)


def test_too_little_to_split(songs):
    for rows in (0, 1):
        with pytest.raises(DataError, match="too few rows"):
            random_split(songs[:rows])
    with pytest.raises(DataError, match="too few rows.*of 20 puts 0 in train and 20 in validation"):
        random_split(songs, 0.01)
    with pytest.raises(DataError, match="too few groups.*of 1 puts 0 in train and 1 in validation"):
        group_split(songs.assign(artist="a"), "artist")
    with pytest.raises(DataError, match="data must be a pandas DataFrame, got ndarray"):
        random_split(songs.to_numpy())


# Standardization


def test_standardize_uses_the_training_set_only():
    train = pd.DataFrame({"x": [1.0, 3.0], "n": [10, 30]}, index=["a", "b"])
    train.attrs = {"name": "toy"}
    validation = pd.DataFrame({"x": [5.0], "n": [20]}, index=["c"])
    scaled, other = standardize(train, validation)
    pd.testing.assert_frame_equal(scaled, pd.DataFrame({"x": [-1.0, 1.0], "n": [-1.0, 1.0]}, index=["a", "b"]))
    pd.testing.assert_frame_equal(other, pd.DataFrame({"x": [3.0], "n": [0.0]}, index=["c"]))
    assert scaled.attrs == {"name": "toy"} and train["n"].tolist() == [10, 30]


def test_standardize_alone_and_many():
    (alone,) = standardize(np.array([[0.0], [2.0]]))
    assert alone.tolist() == [[-1.0], [1.0]]
    assert len(standardize(alone, alone, alone)) == 3


@pytest.mark.parametrize("wrap", [np.asarray, pd.DataFrame])
@pytest.mark.parametrize(("given", "wanted"), [("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("?", "f8")])
def test_float32_stays_float32(wrap, given, wanted):
    values = wrap(np.array([[0, 1], [1, 1], [1, 0]], dtype=given))
    for part in standardize(values, values[:1]):
        assert type(part) is type(values)
        assert set(np.atleast_1d(part.dtypes if wrap is pd.DataFrame else part.dtype)) == {np.dtype(wanted)}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-30, 1e9 + 0.1, -1e30])
def test_a_constant_column_becomes_zero(dtype, constant):
    train = np.full((7, 1), constant, dtype)
    scaled, other = standardize(train, train[:1] + np.asarray(2, dtype))
    assert scaled.tolist() == [[0.0]] * 7
    assert np.isfinite(other).all()


def test_standardize_names_what_is_wrong():
    good = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    cases = {
        r"others\[0\] must have the columns of train in the same order, \['x', 'y'\], got \['y', 'x'\]": (
            good,
            good[["y", "x"]],
        ),
        r"others\[1\] must have the columns of train.*got \['x'\]": (good, good, good[["x"]]),
        r"others\[0\] must have the columns of train.*\[0, 1\], got \[0\]": (np.eye(2), np.eye(2)[:, :1]),
        "column 'y' of train must hold numbers, got": (good.assign(y=["a", "b"]),),
        r"column 'y' of others\[0\] must hold finite numbers only, got 1 missing": (good, good.assign(y=[1, np.nan])),
        "column 'x' of train must hold finite numbers only, got 2 missing": (good.assign(x=[np.inf, -np.inf]),),
        "column 'x' of train must hold finite": (good.assign(x=pd.array([1, None], dtype="Int64")),),
        "column 1 of train must hold finite": (np.array([[1, np.nan]]),),
        "column 0 of train must hold numbers, got": (np.array([["a"]], dtype=object),),
        r"train must have shape \(rows, columns\) with at least 1 of each, got \(0, 2\)": (good[:0],),
        r"others\[0\] must have shape .* got \(0, 2\)": (good, good[:0]),
        r"train must have shape .* got \(3,\)": (np.zeros(3),),
        r"others\[0\] must be a DataFrame like train, got ndarray": (good, good.to_numpy()),
        "train must be a DataFrame or a NumPy array, got list": ([[1.0]],),
        "train must be a DataFrame or a NumPy array, got Series": (good["x"],),
    }
    for message, tables in cases.items():
        with pytest.raises(DataError, match=message):
            standardize(*tables)
