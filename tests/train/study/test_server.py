"""The study's web server: what it serves, and whom it serves."""

import http.client
import json
import threading

import pytest

from glcic_backend.errors import InvalidInputError
from glcic_train.study.answers import read_answers
from glcic_train.study.server import StudyServer
from glcic_train.study.session import Session

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def server(make_study):
    session = Session(make_study(3, ("real", "ours")))
    with StudyServer(session, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
    session.close()


@pytest.fixture
def request_to(server):
    def send(method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        data = json.dumps(body) if isinstance(body, dict) else body
        connection.request(method, path, data, headers if headers is not None else JSON)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply, content

    return send


def answer(**changes):
    body = {"participant": "anna", "trial": 0, "judged_real": True, "seconds": 2, "disturbed": False}
    return body | changes


def test_it_listens_on_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/", "/study.js", "/study.css", "/results"])
def test_the_page_needs_nothing_from_elsewhere(request_to, path):
    reply, content = request_to("GET", path)

    assert reply.status == 200
    assert b"//" not in content.replace(b"http://www.w3.org/2000/svg", b"").replace(b" //", b"").replace(b"\n//", b"")
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_whole_visit(request_to, server):
    _, content = request_to("POST", "/start", {"participant": "anna"})
    state = json.loads(content)
    assert state == {"participant": "anna", "total": 3, "answered": 0, "trial": 0, "following": 1}

    reply, picture = request_to("GET", "/picture?participant=anna&trial=0")
    assert reply.headers["Content-Type"] == "image/png" and picture.startswith(b"\x89PNG")

    reply, content = request_to("POST", "/answer", answer(judged_real=False))
    assert json.loads(content)["answered"] == 1
    (given,), _ = read_answers(server.session.pictures.folder)
    assert (given.judged_real, given.seconds) == (False, 2.0)
    assert b"Answers of 1 person" in request_to("GET", "/results")[1]


def test_an_address_does_not_tell_what_it_shows(request_to):
    headers = [request_to("GET", f"/picture?participant=anna&trial={number}")[0].headers for number in range(3)]

    assert all(set(one) == set(headers[0]) for one in headers)
    assert not any("ours" in str(one) or "real" in str(one) for one in headers)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/../study.html", None, 404),
        ("GET", "/answers.jsonl", None, 404),
        ("GET", "/picture?participant=anna", None, 400),
        ("GET", "/picture?participant=anna&trial=99", None, 400),
        ("POST", "/start", {"participant": ""}, 400),
        ("POST", "/start", {"name": "anna"}, 400),
        ("POST", "/start", "[" * 3000, 400),
        ("POST", "/start", "x" * 5000, 400),
        ("POST", "/answer", answer(trial=3), 400),
        ("POST", "/answer", answer(trial=True), 400),
        ("POST", "/answer", answer(judged_real="yes"), 400),
        ("POST", "/answer", answer(seconds=-1), 400),
        ("POST", "/elsewhere", {}, 404),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(request_to, server, method, path, body, status):
    reply, content = request_to(method, path, body)

    assert reply.status == status
    assert len(json.loads(content)["error"]) > 10
    assert read_answers(server.session.pictures.folder) == ([], 0)


def test_other_sites_cannot_answer(request_to, server):
    # A form of another site sends plain text; a name of its own that points here arrives in Host.
    form = request_to("POST", "/answer", json.dumps(answer()), {"Content-Type": "text/plain"})
    rebound = request_to("POST", "/answer", answer(), JSON | {"Host": f"evil.example:{server.server_port}"})

    assert (form[0].status, rebound[0].status) == (404, 403)
    assert read_answers(server.session.pictures.folder) == ([], 0)


def test_a_port_in_use_is_named(server):
    with pytest.raises(InvalidInputError, match=rf"Port {server.server_port} cannot be used.*--port"):
        StudyServer(server.session, server.server_port)
