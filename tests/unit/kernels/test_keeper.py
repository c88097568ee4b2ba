"""Of a kernel's keeper, alone."""

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no keeper elsewhere")

KEPT = "import os\nfrom galley.kernels.keeper import keep\nkeep()\nprint('kept', flush=True)\nos._exit(0)"


def test_a_keeper_that_is_told_to_end_again_and_again_while_its_kernel_ends_does_so_in_silence():
    for _ in range(20):
        keeper = subprocess.Popen(
            [sys.executable, "-c", KEPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert keeper.stdout.readline() == "kept\n"
        while keeper.poll() is None:
            keeper.send_signal(signal.SIGTERM)
        assert (keeper.returncode in (0, -signal.SIGKILL), keeper.communicate()[1]) == (True, "")
