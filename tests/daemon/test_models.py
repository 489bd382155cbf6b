"""Models by name: loaded on demand, kept for a while, and refused in a sentence."""

import shutil

import pytest
import torch

from glcic_backend.daemon.engine import UnknownModelError
from glcic_backend.daemon.engine_process import EngineProcess, engine_command
from glcic_backend.daemon.installed_models import InstalledModels
from glcic_backend.daemon.model_room import ModelRoom
from glcic_backend.errors import ModelFileError
from glcic_backend.model_files.library import import_model, models_folder, remove_model, use_model
from glcic_backend.model_files.model_file import ModelInfo, save_model
from glcic_backend.network.completion_network import CompletionNetwork
from glcic_backend.wire.codec import decode, encode
from glcic_backend.wire.errors import CancelledError, RequestError
from glcic_backend.wire.geometry import Rectangle
from glcic_backend.wire.messages import REPLIES, Cancel, Context

from .conftest import as_request, picture, wait_until
from .fake_engine import FakeEngine, FakeLibrary

HOLE = Rectangle(3, 2, 5, 4)


def never():
    return False


def load(room, name):
    return room.engine(name, lambda: None, never)


@pytest.fixture
def daemon(start_daemon):
    """A daemon with the models negative (its default), beach and forest."""
    return start_daemon(others=[FakeEngine(name="beach"), FakeEngine(name="forest")])


# The daemon


def test_the_list_has_every_model_and_marks_the_default(client):
    assert client.models() == [
        {"name": "negative", "title": "Negative", "default": True},
        {"name": "beach", "title": "Beach", "default": False},
        {"name": "forest", "title": "Forest", "default": False},
    ]


def test_a_completion_is_done_by_the_model_that_was_named_or_by_the_default(client):
    named = client.complete(**as_request(*picture()), model="beach")
    unnamed = client.complete(**as_request(*picture()))

    assert (named.model, unnamed.model) == ("beach", "negative")


def test_a_model_is_loaded_when_it_is_asked_for_and_then_kept(client, daemon):
    assert daemon.library.loaded == ["negative"]

    first = client.complete(**as_request(*picture()), model="beach")
    second = client.complete(**as_request(*picture()), model="beach")

    assert daemon.library.loaded == ["negative", "beach"]
    assert "load" in first.milliseconds and "load" not in second.milliseconds


def test_the_answering_thread_does_not_wait_for_a_model_that_is_being_loaded(client, daemon):
    daemon.library.gate.clear()
    job = client.submit(**as_request(*picture()), model="beach")
    wait_until(lambda: "beach" in daemon.library.loaded)

    assert client.status().state == "busy"
    assert client.context(20, 20, HOLE)  # of the default, which is loaded
    assert client.cancel(job)
    daemon.library.gate.set()
    with pytest.raises(CancelledError):
        client.wait(job)


def test_the_client_hears_that_its_model_is_being_loaded(client, daemon):
    daemon.library.gate.clear()
    heard = []

    def listen(stage, _fraction):
        heard.append(stage)
        if stage == "load":
            daemon.library.gate.set()

    crop = client.context(20, 20, HOLE, model="beach", progress=listen)

    assert crop == client.context(20, 20, HOLE)
    assert "load" in heard


def test_the_context_of_a_loaded_model_is_answered_while_another_job_runs(client, daemon):
    daemon.engine.hold()
    client.submit(**as_request(*picture()))
    daemon.engine.started.wait(5)

    assert client.context(20, 20, HOLE) == Rectangle(1, 0, 9, 8)


def test_a_context_that_waits_for_its_model_can_be_cancelled_and_counts_as_no_completion(client, daemon):
    daemon.engine.hold()
    client.submit(**as_request(*picture()))
    connection = daemon.raw_connection()

    connection.send(encode(Context(1, 20, 20, HOLE, "best", "automatic", 0, "beach")), 5)
    connection.send(encode(Cancel(2, 1)), 5)

    replies = []
    while len(replies) < 2:
        reply = decode(connection.receive(5), REPLIES)
        replies += [reply] if reply.TYPE != "progress" else []
    connection.close()
    assert {(reply.id, reply.TYPE, getattr(reply, "code", "")) for reply in replies} == {
        (1, "error", "cancelled"),
        (2, "cancel_reply", ""),
    }
    assert client.status().cancelled == 0


@pytest.mark.parametrize("ask", ["context", "complete"])
def test_a_model_that_is_not_installed_is_refused_at_once_with_the_command_that_lists_them(client, daemon, ask):
    daemon.engine.hold()
    client.submit(**as_request(*picture()))

    with pytest.raises(RequestError, match="glcic-backend models list") as caught:
        if ask == "context":
            client.context(20, 20, HOLE, model="desert")
        else:
            client.complete(**as_request(*picture()), model="desert")

    assert caught.value.code == "unknown_model"


def test_a_model_whose_file_turns_out_to_be_damaged_is_refused_and_the_daemon_goes_on(client, daemon, monkeypatch):
    def fail(_name, _cancelled):
        raise UnknownModelError("The model cannot be used.")

    monkeypatch.setattr(daemon.library, "load", fail)

    with pytest.raises(RequestError, match="cannot be used") as caught:
        client.complete(**as_request(*picture()), model="beach")

    assert caught.value.code == "unknown_model"
    assert client.complete(**as_request(*picture()))
    assert client.status().failed == 1


# The room


@pytest.fixture
def library():
    return FakeLibrary(*(FakeEngine(name=name) for name in ("a", "b", "c")))


def test_the_room_keeps_two_models_and_lets_the_least_recently_used_one_go(library):
    room = ModelRoom(library)
    load(room, "b")
    room.loaded("a")  # used again, so that b is now the older one
    load(room, "c")

    assert [name for name in "abc" if room.loaded(name)] == ["a", "c"]
    assert library.loaded == ["a", "b", "c"]


def test_a_model_whose_file_was_replaced_is_loaded_anew(library):
    room = ModelRoom(library)
    library.versions["a"] = 1

    assert room.loaded("a") is None
    assert load(room, "") is library.engines["a"]
    assert library.loaded == ["a", "a"]


# The installed models


@pytest.fixture(scope="module")
def beach(tmp_path_factory):
    """A model file that calls itself "A long day"."""
    path = tmp_path_factory.mktemp("models") / "beach.safetensors"
    torch.manual_seed(0)
    info = ModelInfo("A long day", (0.4, 0.5, 0.6), (8, 64), ("rectangle",), "none", "none", "none", "random weights")
    save_model(path, CompletionNetwork(), info)
    return path


@pytest.fixture
def installed(beach, tmp_path, monkeypatch):
    """A folder with that file, and a home folder in which it is installed as beach."""
    monkeypatch.setenv("GLCIC_HOME", str(tmp_path / "home"))
    shutil.copy(beach, tmp_path)
    import_model(tmp_path / "beach.safetensors", "beach")
    return tmp_path


@pytest.fixture(scope="module")
def process():
    """The process that models are loaded in."""
    process = EngineProcess(engine_command("cpu", None))
    yield process
    process.close()


def names(models):
    return [(model["name"], model["default"]) for model in models.listed()]


def test_the_installed_models_are_listed_with_what_they_call_themselves(installed, process):
    models = InstalledModels(None, process)

    assert names(models) == [("shipped", True), ("beach", False)]
    assert models.listed()[1]["title"] == "A long day"
    assert models.load("beach", never).model.info.name == "A long day"


def test_the_default_is_the_model_in_use_or_the_one_that_was_given(installed, process):
    assert names(InstalledModels("beach", process)) == [("shipped", False), ("beach", True)]
    use_model("beach")
    assert names(InstalledModels(None, process)) == [("shipped", False), ("beach", True)]


def test_a_default_given_by_its_path_has_the_empty_name(installed, process):
    models = InstalledModels(str(installed / "beach.safetensors"), process)

    assert names(models) == [("", True), ("shipped", False), ("beach", False)]
    assert models.load("", never).model.info.name == "A long day"


@pytest.mark.parametrize("name", ["desert", "../beach", "beach.safetensors", "/etc/passwd", "{path}"])
def test_a_client_can_name_installed_models_only_and_no_path(installed, process, name):
    models = InstalledModels(None, process)

    with pytest.raises(UnknownModelError, match=r"2 are: shipped, beach.*glcic-backend models list"):
        models.find(name.format(path=installed / "beach.safetensors"))


def test_a_model_installed_or_removed_while_the_daemon_runs_is_noticed(installed, process):
    models = InstalledModels(None, process)
    models.find("beach")

    remove_model("beach")

    assert names(models) == [("shipped", True)]
    with pytest.raises(UnknownModelError):
        models.find("beach")


def test_a_replaced_file_is_told_apart_from_the_old_one(installed, process):
    models = InstalledModels(None, process)
    before = models.find("beach")
    (models_folder() / "beach.safetensors").write_bytes(b"something shorter")

    assert models.find("beach") != before
    assert names(models) == [("shipped", True)]
    with pytest.raises(UnknownModelError, match="cannot be used"):
        models.load("beach", never)


def test_a_default_that_is_not_installed_is_told_at_the_start(installed, process):
    with pytest.raises(ModelFileError, match="desert"):
        InstalledModels("desert", process)
