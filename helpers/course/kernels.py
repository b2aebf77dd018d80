"""Kernels that start in a moment: forked from one process that has imported what nearly every notebook imports.

Most of a short notebook's time goes into importing Keras, scikit-learn, pandas and matplotlib. On Linux they are
imported once a run, by Python's own fork server; elsewhere, and for other kernels, all is as jupyter_client does it.
"""

import contextlib
import multiprocessing
import os
import signal
import sys

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

IMPORTED = ["helpers.plotting", "helpers.exercises", "keras", "sklearn.ensemble", "sklearn.linear_model", "ipykernel"]
_NAME = "course-forked"  # of the class below, for jupyter_client (pyproject.toml)
_LAUNCHER = [sys.executable, "-m", "ipykernel_launcher"]


@contextlib.contextmanager
def forked():
    """Let this process start its kernels by forking, where the system can (Linux)."""
    factory = KernelProvisionerFactory.instance()
    before = factory.default_provisioner_name
    # An installation from before the name was declared does not know it.
    if sys.platform == "linux" and _NAME in factory.provisioners:
        factory.default_provisioner_name = _NAME
    try:
        yield
    finally:
        factory.default_provisioner_name = before


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
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


def _be_a_kernel(arguments, environment, folder):
    from ipykernel.kernelapp import launch_new_instance

    # A group of its own, as jupyter_client gives it: signals reach the kernel and what it has started.
    os.setsid()
    # Processes that the kernel starts by itself start as usual.
    multiprocessing.set_start_method(None, force=True)
    os.environ.update(environment)
    if folder:
        os.chdir(folder)
    # The kernel ends when its parent is gone, which is the fork server, not the process that is named to it.
    launch_new_instance(argv=[*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])
