"""What goes wrong around a run, done for real: kernels killed, memory eaten, disks full, schedulers gone."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest
from distributed import LocalCluster
from filelock import FileLock
from tiny import CLAIM, course, printed, read, write_notebook

import helpers.course.resume
from helpers.course.notebooks import code_cells

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX signals")
COMMAND = [sys.executable, "-m", "helpers.course.cli"]
# Prints the names of all files in a folder, and fails for a notebook that breaks off.
READ_ALL = """\
import json, pathlib, sys
for path in pathlib.Path(sys.argv[1]).iterdir():
    path.suffix == ".ipynb" and json.loads(path.read_text())
    print(path.name)
"""
# A cell that says which process runs it, and then takes its time.
SLOW = """\
import os, pathlib, time

pathlib.Path({folder!r}, f"{name}.pid").write_text(str(os.getpid()))
time.sleep({seconds})
"""
ENDLESS = """\
while True:
    try:
        sum(range(10**9))
    except KeyboardInterrupt:
        pass
"""
GREEDY = "eaten = []\nwhile True:\n    eaten.append(bytearray(20_000_000))"
# The memory is that of a process which the kernel has started.
GREEDY_CHILD = f"import subprocess, sys\n\nsubprocess.run([sys.executable, '-c', {GREEDY!r}])"


@pytest.fixture(autouse=True)
def nothing_of_the_callers_shell(monkeypatch):
    for name in ("COURSE_FAST", "COURSE_CLAIMS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


def facts_of(output):
    """{name: facts} of a report, which holds every notebook exactly once, in JSON and in JUnit."""
    notebooks = json.loads((output / "report.json").read_text(encoding="utf-8"))["notebooks"]
    suites = ElementTree.parse(output / "report.xml").getroot()
    names = [notebook["name"] for notebook in notebooks]
    assert names == [suite.get("name") for suite in suites] == sorted(set(names))
    page = (output / "report.html").read_text(encoding="utf-8")
    assert all(page.count(f'<h2 id="{name}">') == 1 for name in names)
    return dict(zip(names, notebooks, strict=True))


def statuses(output):
    return {name: facts["status"] for name, facts in facts_of(output).items()}


def wait_for(what, seconds=90):
    """The first true answer of `what`; what never comes fails the test."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.05)
    return found


def pid_in(file):
    """The number that a cell writes into a file, once it is there."""
    return int(wait_for(lambda: file.exists() and file.read_text(encoding="utf-8")))


def ended(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def write_slow(folder, names, seconds=60):
    for name in names:
        write_notebook(folder / f"{name}.ipynb", SLOW.format(folder=str(folder), name=name, seconds=seconds), "1")


@contextlib.contextmanager
def running(notebooks, output, *options):
    """`course run` in a process of its own, killed at the end if it is still there."""
    command = [*COMMAND, "--notebooks", notebooks, "run", "--output", output, *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


# --- kernels ---


@pytest.mark.parametrize("command", ["kernel_of_ours", "ordinary_kernel"])
def test_a_cell_that_never_ends_and_cannot_be_interrupted_is_ended(command, tmp_path, monkeypatch):
    if command == "ordinary_kernel":
        monkeypatch.setattr("helpers.course.kernels._NAME", "no such provisioner")
    write_notebook(tmp_path / "01_endless.ipynb", SLOW.format(folder=str(tmp_path), name="endless", seconds=0), ENDLESS)
    write_notebook(tmp_path / "02_fine.ipynb", "1")
    status, said = course(tmp_path, "run", "--timeout", 3, "--output", tmp_path / "run")
    assert status == 1 and "01_endless, code cell 3 (while True:): timed out" in said
    assert statuses(tmp_path / "run") == {"01_endless": "timed out", "02_fine": "passed"}
    assert wait_for(lambda: ended(pid_in(tmp_path / "endless.pid")))


def test_a_kernel_killed_from_outside_fails_its_notebook_alone(tmp_path):
    write_slow(tmp_path, ["01_killed"])
    write_notebook(tmp_path / "02_fine.ipynb", "1")
    with running(tmp_path, tmp_path / "run", "--jobs", 2) as process:
        os.kill(pid_in(tmp_path / "01_killed.pid"), signal.SIGKILL)
        assert process.wait(60) == 1
    facts = facts_of(tmp_path / "run")
    assert (facts["01_killed"]["status"], facts["02_fine"]["status"]) == ("kernel died", "passed")
    assert facts["01_killed"]["failure"]["cell"] == 2


@pytest.mark.parametrize("cell", [GREEDY, GREEDY_CHILD], ids=["kernel", "child"])
def test_a_notebook_that_eats_memory_is_ended_at_its_limit(cell, tmp_path):
    write_notebook(tmp_path / "01_greedy.ipynb", cell)
    write_notebook(tmp_path / "02_fine.ipynb", "1")
    status, said = course(tmp_path, "run", "--memory", 1.2, "--output", tmp_path / "run")
    assert status == 1 and "more than its limit of 1.20 GB" in said
    facts = facts_of(tmp_path / "run")
    assert (facts["01_greedy"]["status"], facts["02_fine"]["status"]) == ("out of memory", "passed")
    # It may take some before it is noticed, but not as much as a second's worth of eating.
    assert 1.2e9 < facts["01_greedy"]["peak_memory"] < 4e9
    assert 5e7 < facts["02_fine"]["peak_memory"] < 1.2e9


def test_kernels_end_with_a_runner_that_is_killed(tmp_path):
    write_slow(tmp_path, ["01_slow", "02_slow"])
    with running(tmp_path, tmp_path / "run", "--jobs", 2) as process:
        kernels = [pid_in(tmp_path / f"{name}.pid") for name in ("01_slow", "02_slow")]
        process.kill()
        for pid in kernels:
            assert wait_for(lambda pid=pid: ended(pid))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_its_kernels_and_writes_a_partial_report(number, status, tmp_path):
    write_notebook(tmp_path / "01_fine.ipynb", "1")
    write_slow(tmp_path, ["02_slow", "03_slow"])
    write_notebook(tmp_path / "04_waiting.ipynb", "1")
    with running(tmp_path, tmp_path / "run", "--jobs", 2) as process:
        kernels = [pid_in(tmp_path / f"{name}.pid") for name in ("02_slow", "03_slow")]
        process.send_signal(number)
        assert process.wait(60) == status
        said = process.stdout.read()
    assert all(ended(pid) for pid in kernels)
    assert statuses(tmp_path / "run") == {
        "01_fine": "passed", "02_slow": "interrupted", "03_slow": "interrupted", "04_waiting": "not run",
    }  # fmt: skip
    assert "report: " in said and "Traceback" not in said
    suites = {suite.get("name"): suite for suite in ElementTree.parse(tmp_path / "run/report.xml").getroot()}
    assert suites["04_waiting"].get("errors") == "1" and suites["01_fine"].get("errors") == "0"


# --- disks and folders ---


def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path):
    """On a file system of 300 KB, in a mount namespace of its own."""
    ways = ["unshare", "-rm"], ["sudo", "-n", "unshare", "-m"]
    usable = [
        way for way in ways if shutil.which(way[0]) and not subprocess.call([*way, "true"], stderr=subprocess.DEVNULL)
    ]
    if not usable:
        pytest.skip("a small file system can be made on Linux alone, where unshare is allowed to")
    notebooks, output = tmp_path / "notebooks", tmp_path / "small"
    write_notebook(notebooks / "01_small.ipynb", "1")
    write_notebook(notebooks / "02_large.ipynb", "print('x' * 400_000)", CLAIM.format(holds=True))
    output.mkdir()
    run = f"{sys.executable} -m helpers.course.cli --notebooks {notebooks} run --output {output}/run; echo status $?"
    look = f"{sys.executable} -c '{READ_ALL}' {output}/run"
    script = f"mount -t tmpfs -o size=300k tmpfs {output} && {{ {run}; {look}; }}"
    finished = subprocess.run([*usable[0], "sh", "-c", script], capture_output=True, text=True, timeout=120)
    said = finished.stdout
    assert finished.returncode == 0 and "status 1" in said and "Traceback" not in said + finished.stderr
    assert "02_large: failed: OSError: the notebook cannot be saved: [Errno 28] No space left on device" in said
    # What is there can be read: perhaps the second notebook as it was before the cell that was too much.
    files = said.partition("status 1")[2].split()
    assert "01_small.ipynb" in files and not [file for file in files if file.endswith(".new")]


def test_a_report_that_cannot_be_written_leaves_the_earlier_one(tmp_path, monkeypatch):
    write_notebook(tmp_path / "01_fine.ipynb", "1")
    assert course(tmp_path, "run", "--output", tmp_path / "run")[0] == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").glob("report.*")}
    (tmp_path / "run/report.json.new").mkdir()
    status, said = course(tmp_path, "run", "--output", tmp_path / "run")
    assert status == 1 and "Error: the report cannot be written: " in said
    assert {name: (tmp_path / "run" / name).read_bytes() for name in before} == before


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    write_notebook(tmp_path / "01_fine.ipynb", "1")
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    status, said = course(tmp_path, "run", "--output", tmp_path / "taken/run")
    assert status == 1 and "cannot be written to" in said
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "mine"


def test_two_runs_at_once_do_not_share_a_folder(tmp_path):
    write_slow(tmp_path, ["01_slow"], seconds=6)
    with running(tmp_path, tmp_path / "run") as process:
        pid_in(tmp_path / "01_slow.pid")
        status, said = course(tmp_path, "run", "--output", tmp_path / "run")
        assert status == 2 and "another run writes to" in said and "--output" in said
        assert course(tmp_path, "run", "--timeout", 30, "--output", tmp_path / "other")[0] == 0
        assert process.wait(60) == 0
    assert statuses(tmp_path / "run") == statuses(tmp_path / "other") == {"01_slow": "passed"}


def test_a_lock_left_by_a_run_that_was_killed_is_no_hindrance(tmp_path):
    write_notebook(tmp_path / "01_fine.ipynb", "1")
    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run/.lock"):
        pass
    assert (tmp_path / "run/.lock").exists()
    assert course(tmp_path, "run", "--output", tmp_path / "run")[0] == 0


# --- resume ---

COUNTED = """\
from pathlib import Path

log = Path({log!r})
log.write_text(log.read_text() + "x" if log.exists() else "x")
print(seed)
"""
TWIN = 'from helpers import load_dataset\n\nwine = load_dataset("red-wine", source="simulated")'


@pytest.fixture
def counted(tmp_path):
    """A course of one good notebook, one that reads data and one that fails, each of which counts how often it ran."""

    def runs(*options):
        for name in names:
            (tmp_path / f"{name}.log").unlink(missing_ok=True)
        status, said = course(tmp_path, "run", "--output", tmp_path / "run", *options)
        ran = [name for name in names if (tmp_path / f"{name}.log").exists()]
        assert set(facts_of(tmp_path / "run")) == set(names)
        return status, said, ran

    names = {"01_fine": "1", "02_data": TWIN, "03_fails": "1 / 0"}
    for name, cell in names.items():
        write_notebook(tmp_path / f"{name}.ipynb", COUNTED.format(log=str(tmp_path / f"{name}.log")), cell)
    helpers.course.resume._data_digest.cache_clear()
    helpers.course.resume._course.cache_clear()
    status, _, ran = runs()
    assert status == 1 and ran == list(names)
    return runs


def test_resume_runs_again_only_what_did_not_succeed(counted, tmp_path):
    first = facts_of(tmp_path / "run")
    status, said, ran = counted("--resume")
    assert status == 1 and ran == ["03_fails"]
    again = facts_of(tmp_path / "run")
    assert again["01_fine"] == first["01_fine"] | {"reused": again["01_fine"]["reused"]}
    assert again["01_fine"]["reused"] and again["03_fails"]["reused"] is None
    assert "01_fine: passed, 3 of 3 cells" in said and "from the run of" in said


def test_without_resume_everything_runs_again(counted):
    assert counted()[2] == ["01_fine", "02_data", "03_fails"]


def change_source(tmp_path, monkeypatch):
    write_notebook(tmp_path / "01_fine.ipynb", COUNTED.format(log=str(tmp_path / "01_fine.log")), "2")
    return ["01_fine", "03_fails"]


def change_data(tmp_path, monkeypatch):
    helpers.course.resume._data_digest.cache_clear()
    monkeypatch.setattr(helpers.course.resume, "load_dataset", other_data)
    return ["02_data", "03_fails"]


def other_data(name, **_):
    raise helpers.course.resume.DataError(f"{name} is another file now")


def change_libraries(tmp_path, monkeypatch):
    monkeypatch.setattr(helpers.course.resume, "library_versions", lambda: {"keras": "99"})
    return ["01_fine", "02_data", "03_fails"]


def change_course(tmp_path, monkeypatch):
    monkeypatch.setattr(helpers.course.resume, "_course", lambda: "another digest of helpers/")
    return ["01_fine", "02_data", "03_fails"]


def remove_output(tmp_path, monkeypatch):
    (tmp_path / "run/02_data.ipynb").unlink()
    return ["02_data", "03_fails"]


@pytest.mark.parametrize("change", [change_source, change_data, change_libraries, change_course, remove_output])
def test_resume_runs_again_what_may_have_changed(change, counted, tmp_path, monkeypatch):
    expected = change(tmp_path, monkeypatch)
    assert counted("--resume")[2] == expected


def test_resume_runs_again_for_other_parameters(counted, tmp_path):
    assert counted("--resume", "-p", "seed", "7")[2] == ["01_fine", "02_data", "03_fails"]
    assert printed(code_cells(read(tmp_path / "run/01_fine.ipynb"))[1]) == "7\n"
    # The second run wrote over the first one's notebooks, so what is recorded of that one no longer counts.
    assert counted("--resume")[2] == ["01_fine", "02_data", "03_fails"]


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe\n", b'{"date": "2026", "result": {}}\n', b"null\n"])
def test_a_corrupt_record_is_told_and_runs_again(damage, counted, tmp_path):
    record = tmp_path / "run/record.jsonl"
    lines = record.read_bytes().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if b"01_fine" in line)
    # The line of the first notebook breaks off or is something else; that of the second is whole.
    lines[first] = damage or lines[first][:50] + b"\n"
    record.write_bytes(b"".join(lines))
    status, said, ran = counted("--resume")
    assert status == 1 and ran == ["01_fine", "03_fails"]
    assert f"record.jsonl, line {first + 1} cannot be read" in said
    assert counted("--resume")[2] == ["03_fails"]


# --- a Dask cluster ---


@pytest.fixture
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster


def test_a_worker_killed_in_mid_run_costs_no_notebook(cluster, tmp_path):
    names = [f"0{number}_slow" for number in range(1, 6)]
    write_slow(tmp_path, names, seconds=3)
    with running(tmp_path, tmp_path / "run", "--scheduler", cluster.scheduler_address) as process:
        kernel = psutil.Process(pid_in(tmp_path / "02_slow.pid"))
        worker = psutil.Process(kernel.ppid())
        worker.kill()
        assert wait_for(lambda: ended(kernel.pid)), "the kernel of a dead worker must not go on"
        said, _ = process.communicate(timeout=180)
        assert process.returncode == 0, said
    assert statuses(tmp_path / "run") == dict.fromkeys(names, "passed")
    assert all(f"{name}: passed, 3 of 3 cells" in said for name in names)


def test_a_cluster_gives_the_same_results_as_threads(cluster, tmp_path):
    write_notebook(
        tmp_path / "01_fine.ipynb", CLAIM.format(holds=True), "import os\n\nprint(os.environ['OMP_NUM_THREADS'])"
    )
    write_notebook(tmp_path / "02_broken.ipynb", CLAIM.format(holds=False))
    for place, options in {"threads": ["--jobs", 2], "dask": ["--scheduler", cluster.scheduler_address]}.items():
        status, said = course(tmp_path, "run", "--output", tmp_path / place, *options)
        assert status == 1 and "02_broken: started, 2 cells" in said
    of_threads, of_dask = facts_of(tmp_path / "threads"), facts_of(tmp_path / "dask")
    for name, facts in of_threads.items():
        for key in ("status", "cells", "cells_run", "claims", "data"):
            assert facts[key] == of_dask[name][key]
        assert of_dask[name]["peak_memory"] > 5e7


def test_an_interrupted_run_ends_the_kernels_of_a_cluster(cluster, tmp_path):
    write_slow(tmp_path, ["01_slow", "02_slow", "03_waiting"])
    with running(tmp_path, tmp_path / "run", "--scheduler", cluster.scheduler_address) as process:
        kernels = [pid_in(tmp_path / f"{name}.pid") for name in ("01_slow", "02_slow")]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert all(wait_for(lambda pid=pid: ended(pid)) for pid in kernels)
    assert statuses(tmp_path / "run") == {"01_slow": "interrupted", "02_slow": "interrupted", "03_waiting": "not run"}


def test_a_scheduler_that_goes_away_leaves_a_report(tmp_path):
    write_slow(tmp_path, ["01_slow", "02_slow"])
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]
    scheduler += ["--scheduler-file", str(tmp_path / "scheduler.json")]
    with subprocess.Popen(scheduler, stderr=subprocess.DEVNULL) as boss:
        address = wait_for(lambda: _address(tmp_path / "scheduler.json"))
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]
        with subprocess.Popen([*worker, "--death-timeout", "10"], stderr=subprocess.DEVNULL) as work:
            try:
                with running(tmp_path, tmp_path / "run", "--scheduler", address) as process:
                    kernel = pid_in(tmp_path / "01_slow.pid")
                    boss.kill()
                    said, _ = process.communicate(timeout=120)
                assert process.returncode == 1 and "Traceback" not in said
                assert statuses(tmp_path / "run") == dict.fromkeys(["01_slow", "02_slow"], "not run")
                assert "01_slow: not run: NotRun: the Dask scheduler is gone" in said
            finally:
                work.kill()
        assert wait_for(lambda: ended(kernel))


def _address(file):
    return file.exists() and file.stat().st_size and json.loads(file.read_text(encoding="utf-8"))["address"]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "no address"])
def test_a_scheduler_that_does_not_answer_is_a_wrong_argument(address, tmp_path):
    write_notebook(tmp_path / "01_fine.ipynb", "1")
    status, said = course(tmp_path, "run", "--scheduler", address, "--output", tmp_path / "run")
    assert status == 2 and f"no Dask scheduler answers at {address}" in " ".join(said.split())
    assert not (tmp_path / "run/report.html").exists()


# --- names ---


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("01_tinny", "01_tiny"),
        ("tiny", "01_tiny"),
        ("dropuot", "04_dropout"),
        ("solutions/04_dropuot", "solutions/04_dropout"),
        ("4_dropout.ipynb", "04_dropout"),
        ("Dropout", "04_dropout"),
    ],
)
def test_a_name_that_does_not_exist_is_answered_with_the_nearest(name, nearest, tmp_path):
    for known in ("01_tiny", "04_dropout", "solutions/04_dropout"):
        write_notebook(tmp_path / f"{known}.ipynb", "1")
    status, said = course(tmp_path, "run", name, "--output", tmp_path / "run")
    assert status == 2 and f"no notebook begins with '{name}'; the nearest is {nearest}\n" in said
    assert not Path(tmp_path / "run").exists()
