"""The engine in a process of its own: what kills it costs one completion, and no daemon."""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from glcic_backend.daemon import engine_process
from glcic_backend.daemon.distant_engine import DistantEngine
from glcic_backend.daemon.engine import EngineError
from glcic_backend.daemon.engine_process import MOST_DEATHS, EngineProcess
from glcic_backend.errors import CancelledError, InvalidInputError, ModelFileError
from glcic_backend.wire.geometry import Rectangle

from .conftest import picture, wait_until
from .engine_program import DEAF, DEFECT, EXITS, KILLED, LEAVES_HOLES, PRINTS, WAITS
from .fake_engine import negative

pytestmark = pytest.mark.skipif(os.name != "posix", reason="about signals of Unix")

COMMAND = [sys.executable, str(Path(__file__).with_name("engine_program.py"))]


@pytest.fixture
def process():
    process = EngineProcess(COMMAND)
    yield process
    process.close()


@pytest.fixture
def engine(process):
    return DistantEngine(process, (Path("beach"), 1, 2))


def complete(engine, seed=0, image=None, mask=None, heard=None, cancelled=lambda: False, sources=None):
    image, mask = picture() if image is None else (image, mask)

    def listen(stage, share):
        if heard is not None:
            heard.append(stage)

    options = {"blend": True, "quality": "best", "context": "automatic", "linear": False}
    options |= {"sample_from": "automatic", "distance": 0, "lines": []}
    return engine.complete(image, mask, sources=sources, seed=seed, **options, progress=listen, cancelled=cancelled)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 4])
def test_the_image_comes_back_as_the_engine_made_it(engine, dtype, channels):
    image, mask = picture(channels=channels, dtype=dtype)
    heard = []

    completed = complete(engine, image=image, mask=mask, heard=heard)

    assert np.array_equal(completed, np.where(mask[..., None] > 0, negative(image), image))
    assert heard == ["plan", "network", "blend"]


def test_the_model_is_described_and_the_context_is_known_without_asking_the_process(engine, process):
    os.kill(process._child.pid, signal.SIGSTOP)
    try:
        assert (engine.model.info.name, engine.device) == ("beach", "cpu")
        options = {"quality": "best", "context": "automatic", "distance": 0}
        assert engine.context(4000, 3000, Rectangle(900, 900, 20, 20), **options).width < 600
    finally:
        os.kill(process._child.pid, signal.SIGCONT)


def test_what_the_engine_refuses_is_refused_here_in_the_same_words(engine):
    image, mask = picture()

    with pytest.raises(InvalidInputError, match=r"^The mask is empty: 0 pixels are above 0\.$"):
        complete(engine, image=image, mask=mask * 0)


def test_a_model_that_cannot_be_loaded_is_told(process):
    with pytest.raises(ModelFileError, match=r"^The file is damaged\.$"):
        DistantEngine(process, (Path("damaged"), 1, 2))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("defect", r" \(RuntimeError: a library cannot begin\)\. The daemon's log says where\."),
        ("killed", r": the engine's process \d+ was ended by SIGKILL\. .* again, look into the daemon's log\."),
    ],
)
def test_what_fails_while_a_model_is_loaded_is_not_called_a_completion(process, name, told):
    with pytest.raises(EngineError, match=f"^The model could not be loaded{told}$"):
        DistantEngine(process, (Path(name), 1, 2))


def test_a_defect_is_told_with_its_reason_and_the_log_has_its_place(engine, process, caplog):
    pid = process._child.pid
    with caplog.at_level(logging.ERROR), pytest.raises(EngineError, match="ValueError: a defect"):
        complete(engine, DEFECT)

    wait_until(lambda: "engine_program.py" in caplog.text and "Traceback" in caplog.text)
    assert complete(engine) is not None
    assert process._child.pid == pid


def test_what_a_library_prints_does_not_disturb(engine):
    assert complete(engine, PRINTS) is not None


@pytest.mark.parametrize("seed, how", [(KILLED, "ended by SIGKILL"), (EXITS, "ended with code 3")])
def test_the_death_of_the_process_is_told_and_the_next_completion_is_right(engine, process, seed, how):
    first = process._child.pid

    with pytest.raises(EngineError, match=rf"process {first} (was )?{how}.*try once more"):
        complete(engine, seed)

    image, mask = picture()
    assert np.array_equal(complete(engine)[mask > 0], negative(image)[mask > 0])
    assert process._child.pid != first and not psutil.pid_exists(first)


def test_a_death_between_two_completions_costs_neither(engine, process):
    complete(engine)
    process._child.kill()
    process._child.wait()

    assert complete(engine) is not None


def test_after_five_deaths_in_a_row_it_is_not_started_again_and_says_what_to_do(engine, process):
    for _ in range(MOST_DEATHS - 1):
        with pytest.raises(EngineError):
            complete(engine, KILLED)
        assert not process.is_dead
    with pytest.raises(EngineError, match="not started again"):
        complete(engine, KILLED)

    assert process.is_dead
    with pytest.raises(EngineError, match=r"died 5 times in a row.*glcic-backend stop"):
        complete(engine)
    assert psutil.Process().children() == []


def test_a_success_between_deaths_begins_the_count_anew(engine, process):
    for _ in range(MOST_DEATHS + 1):
        with pytest.raises(EngineError):
            complete(engine, KILLED)
        complete(engine)

    assert not process.is_dead


def test_a_cancel_is_heard_and_the_process_goes_on(engine, process):
    pid, heard = process._child.pid, []

    with pytest.raises(CancelledError):
        complete(engine, WAITS, heard=heard, cancelled=lambda: "network" in heard)

    assert process._child.pid == pid


def test_a_computation_that_cannot_be_interrupted_is_cancelled_by_ending_its_process(engine, process, monkeypatch):
    monkeypatch.setattr(engine_process, "GRACE_SECONDS", 0.5)
    first, begun = process._child.pid, time.monotonic()

    with pytest.raises(CancelledError):
        complete(engine, DEAF, cancelled=lambda: time.monotonic() > begun + 0.3)  # when it has begun

    assert 0.7 < time.monotonic() - begun < 3
    assert not psutil.pid_exists(first)
    assert complete(engine) is not None
    assert not process.is_dead


@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
def test_the_memory_that_is_free_is_given_back_when_nothing_was_asked_for_a_second(engine, process):
    complete(engine)
    before = psutil.Process(process._child.pid).memory_info().rss
    complete(engine, LEAVES_HOLES)

    wait_until(lambda: psutil.Process(process._child.pid).memory_info().rss < before + 20_000_000, 5)


def test_an_answer_for_which_there_is_no_memory_costs_its_completion_and_keeps_nobody_waiting(
    engine, process, monkeypatch
):
    receive = engine_process.engine_pipe.receive

    def short_of_memory(pipe):
        message = receive(pipe)
        if message is not None and message[0]["say"] == "completed":
            raise MemoryError
        return message

    monkeypatch.setattr(engine_process.engine_pipe, "receive", short_of_memory)
    with pytest.raises(EngineError, match=r"being started again: try once more"):
        complete(engine)
    monkeypatch.undo()

    assert complete(engine).any()


def test_the_process_ends_when_the_daemon_is_killed():
    script = (
        "import sys, time; from glcic_backend.daemon.engine_process import EngineProcess; "
        "process = EngineProcess(sys.argv[1:]); process.ask({'do': 'load', 'file': ['beach']}); "
        "print(process._child.pid, flush=True); time.sleep(60)"
    )
    daemon = psutil.Popen([sys.executable, "-c", script, *COMMAND], stdout=-1)
    pid = int(daemon.stdout.readline())

    daemon.kill()
    daemon.communicate()

    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 5)


def test_closing_ends_the_process_even_in_a_long_computation(engine, process):
    pid, outcome = process._child.pid, []

    def run():
        try:
            complete(engine, DEAF)
        except EngineError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.2)
    process.close()
    thread.join(5)

    assert outcome and not psutil.pid_exists(pid)
    assert psutil.Process().children() == []


# An engine that does not listen


@pytest.fixture
def stopped(process, engine):
    """The child, once it is ready, does nothing more."""
    complete(engine)
    child = process._child
    os.kill(child.pid, signal.SIGSTOP)
    yield child
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGCONT)


@pytest.mark.parametrize("side", [12, 700])  # 700 x 700 pixels are more than a pipe holds
def test_a_cancel_reaches_an_engine_that_stopped_reading_whatever_the_size_of_the_picture(
    engine, process, stopped, monkeypatch, side
):
    monkeypatch.setattr(engine_process, "GRACE_SECONDS", 0.5)
    image, mask = picture(side, side)
    begun = time.monotonic()

    with pytest.raises(CancelledError):
        complete(engine, image=image, mask=mask, cancelled=lambda: time.monotonic() > begun + 0.2)

    assert time.monotonic() - begun < 3
    assert not psutil.pid_exists(stopped.pid)
    assert np.array_equal(complete(engine, image=image, mask=mask)[mask > 0], negative(image)[mask > 0])


def test_what_was_cancelled_counts_as_cancelled_though_its_engine_dies(engine, process, stopped):
    def kill():
        time.sleep(0.5)
        os.kill(stopped.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()

    with pytest.raises(CancelledError, match=r"cancelled; the engine's process \d+ was ended by SIGKILL"):
        complete(engine, cancelled=lambda: True)

    killer.join()
    assert complete(engine).any()


def test_whoever_cancels_is_told_within_five_seconds_also_of_an_engine_that_is_stopped(engine, stopped):
    begun = time.monotonic()

    with pytest.raises(CancelledError):
        complete(engine, cancelled=lambda: True)

    assert 3 < time.monotonic() - begun < 5


def test_closing_ends_an_engine_that_stopped_reading_in_the_middle_of_a_picture(engine, process, stopped):
    image, mask = picture(700, 700)
    outcome = []

    def run():
        try:
            complete(engine, image=image, mask=mask)
        except EngineError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.3)

    process.close()

    thread.join(3)
    assert outcome and not psutil.pid_exists(stopped.pid)


def test_a_cancel_while_the_engine_starts_takes_effect_at_once_and_the_next_one_is_right(engine, process):
    process._child.kill()
    process._child.wait()
    image, mask = picture()
    heard, begun = [], time.monotonic()

    with pytest.raises(CancelledError):
        complete(engine, WAITS, heard=heard, cancelled=lambda: True)

    assert time.monotonic() - begun < 0.5 and heard == []
    assert np.array_equal(complete(engine)[mask > 0], negative(image)[mask > 0])


def test_an_engine_that_never_becomes_ready_is_ended(monkeypatch):
    monkeypatch.setattr(engine_process, "START_SECONDS", 0.5)
    process = EngineProcess([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with pytest.raises(EngineError, match="ended by SIGKILL"):
            DistantEngine(process, (Path("beach"), 1, 2))
    finally:
        process.close()


def test_a_death_before_the_engine_has_begun_costs_nothing_because_the_next_one_gets_the_request(
    engine, process, stopped
):
    image, mask = picture()
    # Of the signals only this one ends a process that is stopped: from another it might begin before it dies.
    threading.Timer(0.3, stopped.send_signal, [signal.SIGKILL]).start()

    assert np.array_equal(complete(engine)[mask > 0], negative(image)[mask > 0])
    assert process._child.pid != stopped.pid


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to end the process")
def test_an_engine_that_is_stopped_ends_when_the_daemon_is_killed():
    script = (
        "import os, signal, sys, time; from glcic_backend.daemon.engine_process import EngineProcess; "
        "process = EngineProcess(sys.argv[1:]); process.ask({'do': 'load', 'file': ['beach']}); "
        "os.kill(process._child.pid, signal.SIGSTOP); print(process._child.pid, flush=True); time.sleep(60)"
    )
    daemon = psutil.Popen([sys.executable, "-c", script, *COMMAND], stdout=-1)
    pid = int(daemon.stdout.readline())

    daemon.kill()
    daemon.communicate()

    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 5)
