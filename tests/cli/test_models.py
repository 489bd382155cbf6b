"""`glcic-backend models`: what a user sees and does."""

import json
import sys

import pytest

from glcic_backend import cli
from glcic_backend.model_files.model_file import ModelInfo, save_model
from glcic_backend.network.completion_network import CompletionNetwork


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs the command line in this process with a home of its own; returns exit code, output, errors."""
    monkeypatch.setenv("GLCIC_HOME", str(tmp_path / "home"))

    def run_command(*arguments):
        monkeypatch.setattr(sys, "argv", ["glcic-backend", "models", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run_command


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "beach.safetensors"
    info = ModelInfo("Beach", (0.5, 0.4, 0.3), (16, 64), ("blob",), "made up", "CC0-1.0", "nobody", "random weights")
    save_model(path, CompletionNetwork(normalised=False), info)
    return path


def test_model_goes_from_import_to_use_to_removal(run, model_file):
    code, out, _ = run("import", model_file)
    assert code == 0 and "models use beach" in out and "Licence: CC0-1.0" in out

    assert run("use", "beach")[0] == 0
    _, out, _ = run("list")
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [["*", "beach"]]
    assert out.startswith("  shipped")

    assert run("remove", "beach")[0] == 2
    assert run("use", "shipped")[0] == 0
    assert run("remove", "beach")[0] == 0
    assert len(run("list")[1].splitlines()) == 1


def test_an_imported_model_can_be_used_at_once(run, model_file):
    code, out, _ = run("import", model_file, "--use")

    assert code == 0 and "beach is in use" in out
    assert run("list")[1].splitlines()[1].startswith("* beach")


def test_list_as_json_names_every_model_with_its_description(run, model_file):
    run("import", model_file, "--name", "shore")

    _, out, _ = run("list", "--json")

    entries = json.loads(out)
    assert [(entry["name"], entry["is_default"]) for entry in entries] == [("shipped", True), ("shore", False)]
    assert entries[1]["info"]["licence"] == "CC0-1.0"


def test_info_shows_every_field_of_a_file(run, model_file):
    code, out, _ = run("info", model_file)

    assert code == 0
    for text in ("Beach", "RGB 0.5000 0.4000 0.3000", "16 to 64 pixels", "blob", "made up", "CC0-1.0", "nobody"):
        assert text in out
    assert "random weights" in out and "glcic-table2" in out and "sha256" in out


def test_info_as_json_holds_every_field(run, model_file):
    _, out, _ = run("info", model_file, "--json")

    stated = json.loads(out)
    assert {"path", *ModelInfo.__dataclass_fields__} == stated.keys()
    assert stated["mean_pixel"] == [0.5, 0.4, 0.3]


def test_unknown_name_ends_with_2_and_one_paragraph(run):
    code, out, err = run("use", "nothing")

    assert (code, out) == (2, "")
    assert err.startswith("Error: No model of the name 'nothing'") and "Traceback" not in err
