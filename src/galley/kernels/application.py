"""Kernel application: ipykernel's, losing no output and leaving no process.

Kernels start by `python -m galley.kernels.application`.
"""

import inspect
import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn

if __name__ == "__main__" and sys.path[0] == str(Path.cwd()):
    del sys.path[0]  # as ipykernel_launcher does: what lies beside a notebook must not stand in for a library

from galley import errors
from galley.kernels import late
from galley.kernels.keeper import keep

if __name__ == "__main__":
    keep()  # before there is more to fork
    late.delay()

import zmq
from ipykernel.compiler import XCachingCompiler
from ipykernel.kernelapp import IPKernelApp
from IPython.core.autocall import ZMQExitAutocall

_NO_CODE = "exit without a code does not say whether all is done. Write exit(0) if it is."

_INLINE = ("inline", "module://matplotlib_inline.backend_inline")


class Compiler(XCachingCompiler):
    """Says of each cell which module it belongs to."""

    def get_code_name(self, raw_code: str, code: str, number: int) -> str:
        """The file name that stands in a cell's traceback."""
        name = str(super().get_code_name(raw_code, code, number))  # type: ignore[no-untyped-call]
        # Else inspect looks for it in every module, once for each line of a traceback: three thousand lines long after
        # an endless recursion, times three thousand modules in a warm kernel.
        inspect.modulesbyfile[name] = "__main__"
        return name


class Leave(ZMQExitAutocall):
    """`exit` and `quit`: they end the notebook at once, as sys.exit does.

    Without a code they are what people leave in a notebook after a look at its first half, so that fails the stage.
    """

    def __call__(self, code: Any = _NO_CODE) -> NoReturn:
        """Leave."""
        sys.exit(code)


def _naming(execute: Any) -> Any:
    """The kernel's `do_execute`, whose answer says of an error below galley's tree what it is there."""

    async def do_execute(*arguments: Any, **options: Any) -> Any:
        reply = await execute(*arguments, **options)
        error = getattr(sys, "last_value", None)
        if isinstance(error, BaseException) and type(error).__name__ == reply.get("ename"):
            reply["ename"] = errors.name_of(error)
        return reply

    return do_execute


def _leave_figures_to_be_shown() -> None:
    """Keep pyplot from drawing after a cell what the inline backend draws a moment later, when it shows it.

    That was a third of the time of each figure, for a window that there is not.
    """
    matplotlib, pyplot = sys.modules.get("matplotlib"), sys.modules.get("matplotlib.pyplot")
    if matplotlib and pyplot and matplotlib.get_backend(auto_select=False) in _INLINE:
        for manager in matplotlib._pylab_helpers.Gcf.get_all_fig_managers():
            manager.canvas.figure.stale = False


class KernelApplication(IPKernelApp):
    """A kernel whose outputs wait until they are taken."""

    def init_iopub(self, context: Any) -> None:
        """Open the socket for outputs."""
        # Beyond a thousand that wait, ZeroMQ would drop the next ones without a word, a stage's conclusion among them.
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)  # type: ignore[no-untyped-call]

    def init_kernel(self) -> None:
        """Make the kernel."""
        # IPython says so whenever a cell exits, however it did.
        warnings.filterwarnings("ignore", "To exit: use 'exit'")
        super().init_kernel()  # type: ignore[no-untyped-call]
        shell = self.kernel.shell
        shell.compile, shell.exiter = Compiler(), Leave(shell)  # type: ignore[no-untyped-call]
        shell.init_user_ns()  # which has `exit` and `quit`
        shell.events.register("post_execute", _leave_figures_to_be_shown)  # before pyplot's own
        self.kernel.do_execute = _naming(self.kernel.do_execute)


if __name__ == "__main__":
    KernelApplication.launch_instance()
