"""`glcic-backend selftest`: what it checks, and that it leaves no daemon behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from glcic_backend.doctor.selftest import SelfTestError, before_and_after, check_completion, load_sample, run_self_test
from glcic_backend.errors import DaemonError
from glcic_backend.image_files import read_picture
from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.errors import WireError

MAIN = [sys.executable, "-c", "from glcic_backend.cli import main; main()"]


def run_command(*arguments: str | Path, temporary: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*MAIN, "selftest", *map(str, arguments)],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_sample_is_a_photograph_with_a_hole_of_the_size_that_the_model_is_trained_for() -> None:
    sample = load_sample()

    rows, columns = np.nonzero(sample.mask)
    assert sample.image.shape == (*sample.mask.shape, 3)
    assert sample.image.dtype == sample.mask.dtype == np.uint8
    assert set(np.unique(sample.mask)) == {0, 255}
    assert 30 <= np.ptp(rows) + 1 <= 110
    assert 30 <= np.ptp(columns) + 1 <= 110


def test_the_samples_origin_and_licence_are_told() -> None:
    credits_text = (Path(sys.modules["glcic_backend"].__file__).parent / "sample" / "CREDITS.md").read_text()

    assert "CC0 1.0" in credits_text


def test_a_filled_hole_with_an_untouched_rest_passes() -> None:
    sample = load_sample()
    completed = sample.image.copy()
    completed[sample.mask > 0] ^= 255

    check_completion(sample, completed)


def test_one_changed_sample_outside_the_hole_fails() -> None:
    sample = load_sample()
    completed = sample.image.copy()
    completed[sample.mask > 0] ^= 255
    completed[0, 0, 2] ^= 1

    with pytest.raises(SelfTestError, match="1 pixels outside"):
        check_completion(sample, completed)


def test_a_hole_that_looks_as_before_fails() -> None:
    sample = load_sample()

    with pytest.raises(SelfTestError, match="Only 0 of"):
        check_completion(sample, sample.image)


def test_the_picture_shows_the_outlined_hole_beside_the_completion() -> None:
    sample = load_sample()
    completed = np.zeros_like(sample.image)

    picture = before_and_after(sample, completed)

    width = sample.image.shape[1]
    hole = sample.mask > 0
    changed = (picture[:, :width] != sample.image).any(axis=2)
    assert changed.any()
    assert not (changed & hole).any()
    assert (picture[:, -width:] == completed).all()


def test_the_command_completes_the_sample_and_leaves_only_the_picture(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    process = run_command("--device", "cpu", "--out", tmp_path / "out", temporary=temporary)
    output, _ = process.communicate()

    assert process.returncode == 0, output
    for part in ("daemon ready after", "completed in", "network", "blend", "daemon stopped", str(tmp_path / "out")):
        assert part in output
    height, width = load_sample().mask.shape
    assert read_picture(tmp_path / "out" / "before-after.png").pixels.shape == (height, 2 * width + 8, 3)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["before-after.png"]
    assert list(temporary.iterdir()) == []


def test_stopped_by_a_signal_it_ends_its_daemon(tmp_path: Path) -> None:
    process = run_command("--device", "cpu", "--out", tmp_path / "out", temporary=tmp_path)
    while not (homes := [path.parent.parent for path in tmp_path.glob("glcic-*/run/daemon.json")]):
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)
    try:
        daemon = DaemonClient.connect(homes[0], software="test")
    except WireError as error:
        pytest.fail(f"the self test was over before it could be stopped: {error}")

    process.send_signal(signal.SIGTERM)

    process.communicate(timeout=30)
    assert process.returncode == 130
    with daemon, pytest.raises(WireError):
        daemon.status()
    assert list(tmp_path.iterdir()) == []


def test_a_daemon_that_cannot_start_is_reported_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said: list[str] = []

    with pytest.raises(DaemonError, match=r"ended with code 2 while it started\. It said:\n.*(?i:cuda)"):
        run_self_test(tmp_path, device="cuda", tell=said.append)

    assert said == []
    assert list(tmp_path.iterdir()) == []
