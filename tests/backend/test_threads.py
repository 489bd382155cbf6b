"""The threads that compute: they sleep while they wait, and a forked process is told that it has none."""

import os
import subprocess
import sys

import pytest

NO_POLICY = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "KMP_"))}

MEASURE = """
import os, sys, time
if sys.argv[1] == "sleeping":
    from glcic_backend.threads import wait_without_spinning
    assert wait_without_spinning()
import torch
# Two threads on one core: what spins, spins while the other one has work to do, as on a machine full of programs.
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
network = torch.nn.Sequential(*[torch.nn.Conv2d(16, 16, 3, padding=1) for _ in range(20)])
took = {1: [], 2: []}
with torch.inference_mode():
    # Beside another program a core is slower for a while, which must reach both alike: they take turns, and the best of
    # many short rounds is the code's own time.
    for threads in [1, 2] * int(sys.argv[2]):
        torch.set_num_threads(threads)
        network(torch.zeros(1, 16, 60, 60))
        begun = time.process_time()
        network(torch.zeros(1, 16, 60, 60))
        took[threads].append(time.process_time() - begun)
print(min(took[2]) / min(took[1]))
"""

FORK = """
import os, sys
import numpy as np
from glcic_backend import Inpainter
from glcic_backend.errors import InvalidInputError
engine = Inpainter.load(device="cpu", threads=2)
image, mask = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8)
mask[10:20, 10:20] = 255
engine.complete(image, mask)
child = os.fork()
if child == 0:
    try:
        engine.complete(image, mask)
    except InvalidInputError as error:
        print(error, flush=True)
        os._exit(0)
    os._exit(1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, env=NO_POLICY, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="binds a process to one core")
def test_two_threads_that_share_a_core_use_little_more_of_it_than_one():
    sleeping, spinning = (float(run(MEASURE, *how)) for how in (("sleeping", "100"), ("spinning", "5")))

    assert sleeping < 1.5, f"two threads use {sleeping:.2f} times the processor time of one"
    assert spinning > 3, "the measurement would not notice threads that spin"


def test_the_command_has_threads_that_sleep():
    script = (
        "import os, sys; from glcic_backend.cli import main; sys.argv = ['glcic-backend', '--version']\n"
        "try: main()\nfinally: print(os.environ['OMP_WAIT_POLICY'])"
    )

    assert run(script).split()[-1] == "PASSIVE"


def test_the_engines_process_has_threads_that_sleep(tmp_path):
    heard = tmp_path / "policy"
    child = f"import os; open({str(heard)!r}, 'w').write(os.environ['OMP_WAIT_POLICY'])"
    script = (
        "import sys; from glcic_backend.daemon.engine_process import EngineProcess\n"
        "EngineProcess([sys.executable, '-c', sys.argv[1]])._child.wait()"
    )

    run(script, child)

    assert heard.read_text() == "PASSIVE"


def test_a_setting_of_the_users_stays():
    script = (
        "import os; from glcic_backend.threads import wait_without_spinning as wait\n"
        "print(wait(), os.environ['OMP_WAIT_POLICY'])"
    )
    env = {**NO_POLICY, "OMP_WAIT_POLICY": "ACTIVE"}

    heard = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=60).stdout

    assert heard.split() == ["True", "ACTIVE"]


def test_a_setting_that_comes_too_late_is_told():
    script = "import torch; from glcic_backend.threads import wait_without_spinning as wait; print(wait())"

    assert run(script).split() == ["False"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_process_that_was_forked_after_loading_is_told_what_to_do_instead_of_waiting_forever():
    heard = run(FORK)

    assert "was forked from the one that loaded the model" in heard
    assert "spawn" in heard
