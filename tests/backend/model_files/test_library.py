"""The user's models: names, paths, the chosen default, and imports that are whole or not there."""

import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from glcic_backend.errors import InvalidInputError, ModelFileError, OutputError
from glcic_backend.model_files import library as model_library
from glcic_backend.model_files.library import (
    SHIPPED,
    default_name,
    import_model,
    installed_names,
    list_models,
    models_folder,
    remove_model,
    resolve_model,
    use_model,
)
from glcic_backend.model_files.model_file import ModelInfo, default_model_path, load_model, save_model

from .torch7_writer import completion_content, completion_layers, write_torch7


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home folder of the test's own, which does not exist yet."""
    monkeypatch.setenv("GLCIC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def model_file(tmp_path_factory, trained_network):
    path = tmp_path_factory.mktemp("models") / "beach.safetensors"
    info = ModelInfo("Beach", (0.5, 0.4, 0.3), (16, 64), ("rectangle",), "made up", "CC0-1.0", "nobody", "random")
    save_model(path, trained_network, info)
    return path


def pretend_installed(*names):
    """Files by the names of models; what is in them does not matter."""
    models_folder().mkdir(parents=True, exist_ok=True)
    for name in names:
        (models_folder() / f"{name}.safetensors").write_bytes(b"")


class TestResolving:
    def test_without_a_choice_the_shipped_model_is_used(self):
        assert resolve_model() == default_model_path()

    def test_shipped_is_a_name(self):
        assert resolve_model(SHIPPED) == default_model_path()

    def test_installed_model_is_found_by_its_name(self, home):
        pretend_installed("beach")

        assert resolve_model("beach") == home / "models" / "beach.safetensors"

    @pytest.mark.parametrize("path", ["./beach", "folder/beach", "beach.safetensors", "/beach"])
    def test_text_with_a_folder_or_the_ending_is_a_path_even_if_a_model_has_the_name(self, path):
        pretend_installed("beach")

        assert str(resolve_model(path)) == str(model_library.Path(path))

    def test_unknown_name_is_refused_and_the_nearest_offered(self):
        pretend_installed("beach", "forest")

        with pytest.raises(ModelFileError, match=r"'beech'.*Did you mean beach\?"):
            resolve_model("beech")

    @pytest.mark.parametrize("name", ["..", "", "beach\0"])
    def test_odd_names_are_refused_like_unknown_ones(self, name):
        with pytest.raises(ModelFileError, match="No model of the name"):
            resolve_model(name)


class TestImport:
    def test_model_file_is_copied_as_it_is(self, model_file):
        entry = import_model(model_file)

        assert (entry.name, entry.info.name, entry.is_default) == ("beach", "Beach", False)
        assert resolve_model("beach").read_bytes() == model_file.read_bytes()

    def test_model_for_facades_of_this_repository_can_be_installed(self):
        source = Path(__file__).parents[3] / "models" / "facade.safetensors"

        entry = import_model(source)

        assert source.stat().st_size <= 16 * 2**20
        assert (entry.name, entry.problem) == ("facade", "")
        assert entry.info.name == "facade"
        assert "facades" in entry.info.training_data
        assert entry.info.licence == "CC BY-SA 4.0"
        assert [entry.name for entry in list_models()] == [SHIPPED, "facade"]

    def test_torch7_file_is_converted_and_states_its_licence(self, tmp_path, trained_network):
        source = write_torch7(tmp_path / "places.t7", completion_content(completion_layers(trained_network)))

        entry = import_model(source, "places2")

        model = load_model(resolve_model("places2"))
        x = torch.rand(1, 4, 32, 32)
        with torch.inference_mode():
            assert (model.network(x) - trained_network(x.double())).abs().max() < 2 / 255
        assert entry.info == model.info
        np.testing.assert_allclose(model.info.mean_pixel, (0.47, 0.44, 0.4), atol=1e-6)
        assert "CC BY-NC-SA 4.0" in model.info.licence and "places.t7" in model.info.recipe

    def test_file_that_is_no_model_is_refused_and_nothing_is_left(self, tmp_path):
        source = tmp_path / "text.safetensors"
        source.write_text("not a model")

        with pytest.raises(ModelFileError):
            import_model(source)

        assert not models_folder().exists()

    @pytest.mark.parametrize("name", ["", "../up", "a b", "-x", "x" * 65, "model.safetensors", "ä"])
    def test_names_that_could_lead_astray_are_refused(self, model_file, name):
        with pytest.raises(InvalidInputError, match="cannot name a model"):
            import_model(model_file, name)

    def test_home_folder_that_cannot_be_made_is_named(self, model_file, home):
        home.write_text("a file is in the way")

        with pytest.raises(OutputError, match="GLCIC_HOME"):
            import_model(model_file)

    @pytest.mark.parametrize("name", ["Beach", "shipped"])
    def test_taken_names_are_refused_whatever_their_capitals(self, model_file, name):
        pretend_installed("beach")

        with pytest.raises(InvalidInputError, match="there already"):
            import_model(model_file, name)


class TestDefault:
    def test_chosen_model_is_the_one_without_a_name(self, model_file):
        import_model(model_file)

        use_model("beach")

        assert default_name() == "beach"
        assert load_model(resolve_model()).info.name == "Beach"

    def test_shipped_model_can_be_chosen_again(self, model_file):
        import_model(model_file)
        use_model("beach")

        use_model(SHIPPED)

        assert resolve_model() == default_model_path()

    def test_damaged_model_is_not_chosen(self):
        pretend_installed("broken")

        with pytest.raises(ModelFileError):
            use_model("broken")

        assert default_name() == SHIPPED

    def test_damaged_choice_is_named_with_its_remedy(self):
        pretend_installed()
        (models_folder() / "default.json").write_text("[]")

        with pytest.raises(ModelFileError, match="models use NAME"):
            resolve_model()

    def test_chosen_model_that_has_gone_is_reported_instead_of_another_being_used(self, model_file):
        import_model(model_file)
        use_model("beach")
        resolve_model().unlink()

        with pytest.raises(ModelFileError, match="No model of the name 'beach'"):
            resolve_model()


class TestListAndRemove:
    def test_list_has_the_shipped_model_first_and_marks_the_default_and_the_damaged(self, model_file):
        import_model(model_file)
        use_model("beach")
        pretend_installed("another")

        entries = list_models()

        assert [(entry.name, entry.is_default) for entry in entries] == [
            (SHIPPED, False),
            ("another", False),
            ("beach", True),
        ]
        assert entries[1].info is None and "another.safetensors" in entries[1].problem

    def test_removed_model_is_gone(self):
        pretend_installed("beach", "forest")

        remove_model("beach")

        assert installed_names() == ["forest"]

    def test_shipped_model_cannot_be_removed(self):
        with pytest.raises(InvalidInputError, match="part of the program"):
            remove_model(SHIPPED)

        assert default_model_path().is_file()

    def test_model_in_use_cannot_be_removed(self, model_file):
        import_model(model_file)
        use_model("beach")

        with pytest.raises(InvalidInputError, match="in use"):
            remove_model("beach")

        assert installed_names() == ["beach"]

    def test_unknown_model_cannot_be_removed(self):
        with pytest.raises(ModelFileError, match="No model"):
            remove_model("nothing")


# Whom the models are believed


def bad_model(folder, file, **metadata):
    from .test_description import GOOD, write

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = write(folder / f"{file}.safetensors", GOOD | metadata)
    path.chmod(0o600)
    return path


needs_modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of this kind")


@needs_modes
def test_whatever_the_umask_models_and_the_choice_are_closed_to_others(model_file):
    before = os.umask(0)
    try:
        import_model(model_file, "mine")
        use_model("mine")
    finally:
        os.umask(before)

    folder = models_folder()
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@needs_modes
@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_a_model_that_others_may_change_is_refused_with_the_command_that_mends_it(model_file, what, mode):
    entry = import_model(model_file, "mine")
    path = entry.path if what == "file" else entry.path.parent
    path.chmod(path.stat().st_mode | mode)

    with pytest.raises(ModelFileError, match=r"is open to other users.*Close it with: chmod 0\d00 ") as caught:
        resolve_model("mine")

    (listed,) = [entry for entry in list_models() if entry.name == "mine"]
    assert listed.info is None and "chmod" in listed.problem
    os.system(str(caught.value).partition("Close it with: ")[2])
    assert resolve_model("mine") == entry.path


def test_a_bad_model_is_named_as_damaged_and_the_others_are_listed(model_file):
    import_model(model_file, "good")
    bad_model(models_folder(), "endless", hole_range="[1, Infinity]")
    bad_model(models_folder(), "noisy", name="\x1b[2J")
    if hasattr(os, "mkfifo"):
        os.mkfifo(models_folder() / "pipe.safetensors")

    problems = {entry.name: entry.problem for entry in list_models()}

    assert problems["good"] == problems[SHIPPED] == ""
    assert all(problems[name] for name in ("endless", "noisy", *["pipe"] * hasattr(os, "mkfifo")))
    assert all(problem.isprintable() for problem in problems.values())


CHOICES = ['{"default": 5}', '{"default": "../x"}', '{"default": ""}', "[" * 4000, "[" * 5000, "{"]


@pytest.mark.parametrize("content", CHOICES)
def test_a_choice_that_names_no_model_is_told_with_the_command_that_mends_it(model_file, content):
    import_model(model_file, "mine")
    (models_folder() / "default.json").write_text(content)
    (models_folder() / "default.json").chmod(0o600)

    with pytest.raises(ModelFileError, match="glcic-backend models use"):
        default_name()
