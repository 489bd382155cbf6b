"""The command line of the trainer, as a user meets it."""

import io
import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from glcic_backend.model_files.model_file import load_model
from glcic_train import cli
from glcic_train.cli.progress import progress_bar
from glcic_train.config import load_config, named_configs, parse_config

from ..conftest import QUICK


def invoke(monkeypatch, capfd, *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and error of `glcic-train WORDS`."""
    monkeypatch.setattr("sys.argv", ["glcic-train", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, error = capfd.readouterr()
    return ended.value.code, out, error


def as_options(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def test_a_dry_run_prints_the_whole_configuration_and_trains_nothing(monkeypatch, capfd):
    code, out, _ = invoke(monkeypatch, capfd, "run", "places2", "--set", "run.batch=8", "--dry-run")
    assert code == 0
    assert parse_config(tomllib.loads(out), "printed") == load_config("places2", ["run.batch=8"])


def test_configurations_are_listed_with_what_they_are_for(monkeypatch, capfd):
    code, out, _ = invoke(monkeypatch, capfd, "configs")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == named_configs()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "tyny"], "nearest is 'tiny'"),
        (["run", "tiny", "--set", "run.bach=1"], "nearest is 'batch'"),
        (["run", "tiny"], "No photographs are named"),
        (["run", "tiny", "somewhere"], "Add --out"),
        (["resume", "nowhere"], "nowhere"),
        (["export", "nowhere", "model.safetensors"], "nowhere"),
        (["export", "nowhere", "model.safetensors", "--share", "0.5"], "Name that run with --origin"),
    ],
)
def test_wrong_use_gives_one_paragraph_and_exit_code_2(monkeypatch, capfd, tmp_path, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, error = invoke(monkeypatch, capfd, *words)
    assert (code, out) == (2, "")
    assert message in error
    assert "Traceback" not in error


def test_a_debug_run_shows_the_traceback(monkeypatch, capfd):
    code, _, error = invoke(monkeypatch, capfd, "--debug", "run", "tyny")
    assert code == 2
    assert "Traceback" in error


def test_every_command_explains_itself():
    runner = CliRunner()
    for command in cli.group.commands:
        result = runner.invoke(cli.group, [command, "--help"])
        assert result.exit_code == 0
        assert len(result.output.splitlines()) > 4, command


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal, True), (io.StringIO, False)])
def test_a_bar_appears_with_the_first_report_and_in_a_terminal_only(monkeypatch, stream, shown):
    monkeypatch.setattr("sys.stderr", stream())
    with progress_bar("Scoring") as show:
        assert sys.stderr.getvalue() == ""
        show(1, 4)
        show(4, 4)

    written = sys.stderr.getvalue()
    assert ("Scoring" in written and "4/4" in written) == shown
    assert bool(written) == shown


def test_from_photographs_to_a_model_file(monkeypatch, capfd, photos, tmp_path):
    run, model = tmp_path / "run", tmp_path / "model.safetensors"
    settings = as_options(*QUICK, "validation.count=2", "run.pictures_every=5")

    assert invoke(monkeypatch, capfd, "run", "tiny", photos, "--out", run, *settings)[0] == 0
    assert invoke(monkeypatch, capfd, "resume", run)[0] == 0
    assert invoke(monkeypatch, capfd, "preview", run, "--count", "2")[0] == 0
    code, out, _ = invoke(monkeypatch, capfd, "export", run, model, "--name", "mine")

    assert code == 0
    assert "mine" in out
    assert load_model(model).info.name == "mine"
    # Two rows of four pictures of 32 pixels, with gaps of 4.
    preview = cv2.imread(str(run / "preview.png"))
    assert preview.shape == (2 * 32 + 4, 4 * 32 + 3 * 4, 3)
    shown, completed, blended, truth = (preview[:32, left : left + 32] for left in range(0, 4 * 36, 36))
    hole = (shown != truth).any(axis=2)
    assert 8 * 8 <= hole.sum() <= 16 * 16  # one rectangle of `tiny`
    assert np.ptp(shown[hole], axis=0).max() == 0  # the mean pixel
    for result in (completed, blended):
        assert (result[~hole] == truth[~hole]).all() and (result[hole] != shown[hole]).any()
    assert (run / "pictures" / "000000005.png").is_file()


@pytest.mark.usefixtures("narrow_module")
def test_the_profile_measures_every_phase(monkeypatch, capfd, photos, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, _ = invoke(monkeypatch, capfd, "run", "tiny", photos, *as_options(*QUICK), "--profile")
    assert code == 0
    header, *rows = [line.split() for line in out.splitlines()]
    assert header == ["phase", "crop", "batch", "samples/s", "waiting", "GFLOP/s"]
    assert [row[0] for row in rows] == ["completion", "discriminator", "joint"]
    assert all(float(row[3]) > 0 and 0 <= float(row[4].rstrip("%")) <= 100 and float(row[5]) > 0 for row in rows)
    assert list(Path.cwd().iterdir()) == []
