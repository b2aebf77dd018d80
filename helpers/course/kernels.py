"""Kernels of a run: what they inherit, how they start in a moment, and what ends them early.

Most of a short notebook's time goes into importing Keras, scikit-learn, pandas and matplotlib. On Linux they are
imported once a run, by Python's own fork server; elsewhere, and for other kernels, all is as jupyter_client does it.
"""

import contextlib
import itertools
import multiprocessing
import os
import signal
import sys
import threading

import psutil
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

from helpers.exercises.engine.progress import MEMORY

IMPORTED = ["helpers.plotting", "helpers.exercises", "keras", "sklearn.ensemble", "sklearn.linear_model", "ipykernel"]
_NAME = "course-forked"  # of the class below, for jupyter_client (pyproject.toml)
_LAUNCHER = [sys.executable, "-m", "ipykernel_launcher"]


def environment(threads):
    """The environment of a kernel that may use so many cores, and that keeps out of the learner's record."""
    share = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), str(threads))
    # The backend is as a kernel sets it; but matplotlib reads it when it is imported, in a forked kernel before that.
    settings = {"COURSE_PROGRESS": MEMORY, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    return os.environ | share | settings


@contextlib.contextmanager
def forked(threads):
    """Let this process start its kernels by forking, where the system can (Linux).

    What the fork server imports counts the cores at that moment, so it has the kernels' environment.
    """
    factory = KernelProvisionerFactory.instance()
    before, variables = factory.default_provisioner_name, dict(os.environ)
    # An installation from before the name was declared does not know it; a daemon (a worker of Dask) may have no child.
    if sys.platform == "linux" and _NAME in factory.provisioners and not multiprocessing.current_process().daemon:
        factory.default_provisioner_name = _NAME
    os.environ.update(environment(threads))
    try:
        yield
    finally:
        factory.default_provisioner_name = before
        os.environ.clear()
        os.environ.update(variables)


# --- what ends a kernel before its notebook's end ---

STOPPED, OUT_OF_MEMORY = "stopped", "out of memory"
_PERIOD = 0.1  # seconds; a kernel can take a few hundred MB meanwhile
_stopped_runs = set()


def stop(run):
    """End all kernels of this run in this process, those that would start later too."""
    _stopped_runs.add(run)


def is_stopped(run):
    return run in _stopped_runs


class Watch(threading.Thread):
    """Follows the memory of a kernel and all it started; kills them over the limit, or when their run is stopped.

    pid : of the kernel.
    limit : bytes of resident memory. A spike shorter than a tenth of a second may pass unseen.

    peak : the most memory seen, in bytes.
    reason : why the kernel was killed, STOPPED or OUT_OF_MEMORY; None as long as it was not.
    """

    def __init__(self, pid, limit, run):
        super().__init__(name=f"watch of kernel {pid}", daemon=True)
        self.peak, self.reason = 0, None
        self._kernel, self._limit, self._run_name = psutil.Process(pid), limit, run
        self._over = threading.Event()

    def run(self):
        for turn in itertools.count():
            # Looking for children means reading the list of all processes.
            if turn % 10 == 0:
                family = self._family()
            memory = sum(_resident(process) for process in family)
            self.peak = max(self.peak, memory)
            if is_stopped(self._run_name) or memory > self._limit:
                self.reason = OUT_OF_MEMORY if memory > self._limit else STOPPED
                for process in self._family():
                    _kill(process)
                return
            if self._over.wait(_PERIOD) or not self._kernel.is_running():
                return

    def end(self):
        """Call it when the notebook is over."""
        self._over.set()
        self.join()

    def _family(self):
        try:
            return [self._kernel, *self._kernel.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _resident(process):
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def _kill(process):
    # It may have ended by itself in the meantime.
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


# --- forked kernels ---


class ForkedProvisioner(LocalProvisioner):
    """Starts IPython kernels of this Python by forking; any other kernel as LocalProvisioner does."""

    async def launch_kernel(self, cmd, **kwargs):
        if cmd[:3] != _LAUNCHER:
            return await super().launch_kernel(cmd, **kwargs)
        self.process = _Forked(cmd[3:], kwargs["env"], kwargs.get("cwd"))
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs.get("cwd")
        return self.connection_info


class _Forked:
    """A forked kernel, with what LocalProvisioner uses of subprocess.Popen."""

    stdin = stdout = stderr = None

    def __init__(self, arguments, environment, folder):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        self._process = context.Process(target=_be_a_kernel, args=(arguments, environment, folder))
        self._process.start()
        self.pid = self._process.pid

    def poll(self):
        return self._process.exitcode

    def wait(self):
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


def _be_a_kernel(arguments, environment, folder):
    from ipykernel.kernelapp import launch_new_instance

    # A group of its own, as jupyter_client gives it: signals reach the kernel and what it has started.
    os.setsid()
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    # Processes that the kernel starts by itself start as usual.
    multiprocessing.set_start_method(None, force=True)
    os.environ.update(environment)
    if folder:
        os.chdir(folder)
    # The process that is named to the kernel as its parent is not; the fork server is.
    launch_new_instance(argv=[*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])


def _end_with(runner):
    """ipykernel ends with its parent, but that is the fork server, and that lives as long as any of its kernels."""
    runner.join()
    os.killpg(0, signal.SIGKILL)
