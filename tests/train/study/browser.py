"""A headless Chromium for tests, driven by ChromeDriver through its own protocol (W3C WebDriver: JSON over HTTP)."""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The last four keep the browser from looking for servers of its maker.
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to run as root with it, as in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--window-size=1200,900",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ARROW_LEFT, ARROW_RIGHT = "\ue012", "\ue014"
PATIENCE = 60  # seconds: the machine may be busy


def missing_programs() -> list[str]:
    """What of Debian's packages chromium and chromium-driver is not installed."""
    return [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]


class Browser:
    """One browser window with a profile of its own."""

    def __init__(self) -> None:
        # All files of it lie there. A short path: a Unix socket is among them.
        self._folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        self._driver = subprocess.Popen(
            ["chromedriver", "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"TMPDIR": self._folder.name},
        )
        try:
            self._base = self._start(Path(self._folder.name) / "profile")
        except BaseException:
            self._end()
            raise

    def _start(self, profile: Path) -> str:
        """Address of a new session."""
        assert self._driver.stdout is not None
        for line in self._driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                break
        else:
            raise RuntimeError("chromedriver did not start")
        self._base = f"http://127.0.0.1:{found[1]}/session"
        options = {"binary": shutil.which("chromium"), "args": [*ARGUMENTS, f"--user-data-dir={profile}"]}
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
        return f"{self._base}/{self._send('POST', '', {'capabilities': capabilities})['sessionId']}"

    def close(self) -> None:
        """End the browser and its driver."""
        try:
            self._send("DELETE", "")
        finally:
            self._end()

    def open(self, url: str) -> None:
        self._send("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Value that a JavaScript function body returns."""
        return self._send("POST", "/execute/sync", {"script": script, "args": arguments})

    def text(self, selector: str) -> str:
        return str(self._send("GET", f"/element/{self._find(selector)}/text"))

    def click(self, selector: str) -> None:
        self._send("POST", f"/element/{self._find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        self._send("POST", f"/element/{self._find(selector)}/value", {"text": text})

    def press(self, key: str) -> None:
        """Press a key, wherever the focus is."""
        keys = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._send("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": keys}]})

    def wait_until(self, script: str, *arguments: Any) -> Any:
        """The first true value that a JavaScript function body returns."""
        return wait_until(lambda: self.run(script, *arguments), script)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))

    def _end(self) -> None:
        self._driver.terminate()
        with self._driver:  # waits, and closes its output
            pass
        self._folder.cleanup()

    def _find(self, selector: str) -> str:
        return str(next(iter(self._send("POST", "/element", {"using": "css selector", "value": selector}).values())))

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {json.load(error)['value']['message']}") from error


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of a condition, asked again and again for a minute."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {PATIENCE} s: {what}"
        time.sleep(0.02)
    return value


def skip_reason() -> str | None:
    """Why there can be no browser here; where everything is to be tested (.ci/run), that is no excuse."""
    missing = missing_programs()
    if not missing or os.environ.get("GLCIC_TEST_EVERYTHING"):
        return None
    return f"{', '.join(missing)} not installed (Debian: apt-get install chromium chromium-driver)"
