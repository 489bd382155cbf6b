"""The study as a participant meets it: a real browser, the real command, and a kill in the middle."""

import re
import signal
import socket
import subprocess
import sys

import pytest

from glcic_train.study.answers import read_answers

from .browser import ARROW_LEFT, ARROW_RIGHT, Browser, skip_reason, wait_until
from .conftest import COLOURS

pytestmark = pytest.mark.skipif(skip_reason() is not None, reason=str(skip_reason()))

READY = "return !document.getElementById('real').disabled && !document.getElementById('trial').hidden"
# Colour in the middle of the picture on the screen.
COLOUR = """
const image = document.querySelector("#frame img"), canvas = document.createElement("canvas");
canvas.width = canvas.height = 1;
const context = canvas.getContext("2d");
context.drawImage(image, -image.naturalWidth / 2, -image.naturalHeight / 2);
return Array.from(context.getImageData(0, 0, 1, 1).data).slice(0, 3);
"""
SHOWN = "return !document.getElementById(arguments[0]).hidden"


@pytest.fixture
def browser():
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def serve():
    """Starts `glcic-train study serve`; gives the process and its address."""
    started = []

    def start(folder, port=0):
        command = [sys.executable, "-m", "glcic_train", "study", "serve", str(folder), "--port", str(port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        line = process.stdout.readline()
        return process, re.search(r"http://127\.0\.0\.1:\d+/", line)[0]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def begin(browser, url, name):
    browser.open(url)
    browser.type("#participant", name)
    browser.click("#start button")


def judge(browser, by_key):
    """Answer truthfully, from what is on the screen."""
    browser.wait_until(READY)
    real = tuple(browser.run(COLOUR)) == COLOURS["real"]
    count = browser.text("#count")
    if by_key:
        browser.press(ARROW_LEFT if real else ARROW_RIGHT)
    else:
        browser.click("#real" if real else "#completed")
    browser.wait_until("return document.getElementById('count').textContent !== arguments[0] || "
                       "!document.getElementById('thanks').hidden", count)  # fmt: skip
    return real


def test_two_people_take_part_and_the_results_are_plotted(browser, serve, make_study):
    folder = make_study(8, ("real", "ours", "theirs"))
    process, url = serve(folder)
    for name, by_key in (("anna", True), ("ben & <co>", False)):
        begin(browser, url, name)
        for _ in range(8):
            judge(browser, by_key)
        browser.wait_until(SHOWN, "thanks")
        assert "all 8 pictures" in browser.text("#summary")

    answers, damaged = read_answers(folder)
    assert damaged == 0
    assert [a.participant for a in answers] == ["anna"] * 8 + ["ben & <co>"] * 8
    assert all(a.judged_real == (a.method == "real") for a in answers)
    assert all(0 < a.seconds < 60 and not a.disturbed for a in answers)

    browser.click("#thanks a")
    browser.wait_until("return document.querySelectorAll('svg').length === 2")
    rows = browser.run("return Array.from(document.querySelectorAll('tr'), r => r.innerText.split(/\\s+/).slice(0, 3))")
    assert rows[1:] == [["real", "8", "100.0%"], ["ours", "4", "0.0%"], ["theirs", "4", "0.0%"]]
    loaded = browser.run("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert loaded and all(name.startswith(url) for name in loaded)

    process.send_signal(signal.SIGINT)
    assert "glcic-train study report" in process.communicate(timeout=30)[0]
    assert process.returncode == 0


def test_a_kill_of_the_server_costs_no_answer_and_the_participant_goes_on(browser, serve, make_study):
    folder = make_study(4)
    process, url = serve(folder)
    begin(browser, url, "anna")
    judge(browser, by_key=True)
    browser.wait_until(READY)
    process.kill()
    process.wait()

    real = tuple(browser.run(COLOUR)) == COLOURS["real"]
    browser.click("#real" if real else "#completed")
    browser.wait_until(SHOWN, "trouble")
    assert "Is it still running?" in browser.text("#message")
    assert len(read_answers(folder)[0]) == 1
    serve(folder, port=int(url.rstrip("/").rpartition(":")[2]))
    browser.click("#again")
    browser.wait_until(SHOWN.replace("return !", "return "), "trouble")
    for _ in range(2):
        judge(browser, by_key=True)

    wait_until(lambda: len(read_answers(folder)[0]) == 4, "four answers")
    assert all(a.judged_real == (a.method == "real") for a in read_answers(folder)[0])


def test_a_visit_broken_off_is_resumed_by_the_name(browser, serve, make_study):
    folder = make_study(4)
    _, url = serve(folder)
    begin(browser, url, "anna")
    judge(browser, by_key=False)
    begin(browser, url, "anna")
    browser.wait_until(READY)

    assert browser.text("#count") == "Picture 2 of 4"


def test_no_answer_is_taken_before_the_picture_is_there(browser, serve, make_study):
    folder = make_study(4)
    _, url = serve(folder)
    begin(browser, url, "anna")
    # The keys come while the screen is empty.
    browser.run("for (let n = 0; n < 5; n++) document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'}))")
    browser.wait_until(READY)

    assert browser.text("#count") == "Picture 1 of 4"
    assert read_answers(folder) == ([], 0)


def test_the_time_is_measured_from_the_pictures_appearance(browser, serve, make_study):
    folder = make_study(4)
    _, url = serve(folder)
    begin(browser, url, "anna")
    browser.wait_until(READY)
    # The browser's own clock, so that a busy machine does not matter: half a second after the picture appeared.
    browser.run("""
        const until = performance.now() + 500;
        while (performance.now() < until);
        document.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"}));
    """)
    (given,) = wait_until(lambda: read_answers(folder)[0], "an answer")

    assert 0.5 <= given.seconds < 60


def test_an_answer_after_the_page_was_hidden_is_marked(browser, serve, make_study):
    folder = make_study(4)
    _, url = serve(folder)
    begin(browser, url, "anna")
    browser.wait_until(READY)
    browser.run("""
        Object.defineProperty(document, "hidden", {configurable: true, value: true});
        document.dispatchEvent(new Event("visibilitychange"));
        Object.defineProperty(document, "hidden", {configurable: true, value: false});
    """)
    browser.press(ARROW_RIGHT)
    (given,) = wait_until(lambda: read_answers(folder)[0], "an answer")

    assert given.disturbed


def test_a_port_in_use_ends_the_command_with_a_sentence(make_study):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "glcic_train", "study", "serve", str(make_study(2)), "--port", port]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 2
    assert f"Port {port} cannot be used" in ended.stderr
