"""The web page of a study: standard library only, for browsers on this machine only."""

import json
import os
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from glcic_backend.errors import GlcicError, InvalidInputError
from glcic_train.study.report import results_page
from glcic_train.study.session import Session

_PAGE = Path(__file__).parent / "page"
_FILES = {
    "/": ("study.html", "text/html; charset=utf-8"),
    "/study.css": ("study.css", "text/css; charset=utf-8"),
    "/study.js": ("study.js", "text/javascript; charset=utf-8"),
}
_LARGEST_REQUEST = 4096  # bytes; an answer has about 150
# Nothing is loaded from anywhere else, whatever a picture's name or a participant's may contain.
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'"


class StudyServer(ThreadingHTTPServer):
    """Serves one study on 127.0.0.1.

    Args:
        session: the study.
        port: 0 takes a free one.

    Raises:
        InvalidInputError: the port is taken.
    """

    daemon_threads = True
    # Elsewhere this frees the port at once after a kill; on Windows it would let two servers have the same one.
    allow_reuse_address = os.name != "nt"

    def __init__(self, session: Session, port: int) -> None:
        self.session = session
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise InvalidInputError(
                f"Port {port} cannot be used: {error.strerror}. Give another with --port, or 0 for any."
            ) from error

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: StudyServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if not self._is_for_us():
            return
        if url.path in _FILES:
            name, kind = _FILES[url.path]
            self._send(HTTPStatus.OK, (_PAGE / name).read_bytes(), kind)
        elif url.path == "/results":
            self._answer(lambda: (results_page(self.server.session.pictures), "text/html; charset=utf-8"))
        elif url.path == "/picture":
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            self._answer(lambda: self._picture(query))
        else:
            self._send_error(HTTPStatus.NOT_FOUND, f"There is no page {url.path}.")

    def do_POST(self) -> None:
        if not self._is_for_us():
            return
        actions = {"/start": self._start, "/answer": self._take_answer}
        action = actions.get(self.path)
        # A page of another site cannot send this type without asking first, which this server never allows.
        if action is None or self.headers.get_content_type() != "application/json":
            self.close_connection = True
            self._send_error(HTTPStatus.NOT_FOUND, f"There is nothing to do at {self.path}.")
            return
        self._answer(lambda: (json.dumps(action(self._body())).encode(), "application/json"))

    def _start(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.server.session.state(_field(body, "participant", str))

    def _take_answer(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.server.session.answer(
            _field(body, "participant", str),
            _field(body, "trial", int),
            judged_real=_field(body, "judged_real", bool),
            seconds=_field(body, "seconds", float),
            disturbed=_field(body, "disturbed", bool),
        )

    def _picture(self, query: dict[str, str]) -> tuple[bytes, str]:
        try:
            return self.server.session.picture(query["participant"], int(query["trial"]))
        except (KeyError, ValueError) as error:
            raise InvalidInputError("The address of a picture names its participant and its trial.") from error

    def _body(self) -> dict[str, Any]:
        try:
            length = int(self.headers.get("Content-Length", ""))
            if not 0 < length <= _LARGEST_REQUEST:
                raise ValueError(f"{length} bytes")
            value = json.loads(self.rfile.read(length))
        except (ValueError, RecursionError) as error:
            self.close_connection = True
            raise InvalidInputError(f"The request is not JSON of at most {_LARGEST_REQUEST} bytes.") from error
        if not isinstance(value, dict):
            raise InvalidInputError("The request is no JSON object.")
        return value

    def _is_for_us(self) -> bool:
        """Refuse what another site sends under a name of its own that it let point to this machine."""
        if self.headers.get("Host") in {f"{name}:{self.server.server_port}" for name in ("127.0.0.1", "localhost")}:
            return True
        self.close_connection = True
        self._send_error(HTTPStatus.FORBIDDEN, f"Open {self.server.url} on the machine where the study runs.")
        return False

    def _answer(self, work: Any) -> None:
        try:
            content, kind = work()
        except InvalidInputError as error:
            self._send_error(HTTPStatus.BAD_REQUEST, str(error))
        except GlcicError as error:
            self._send_error(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        else:
            self._send(HTTPStatus.OK, content, kind)

    def _send_error(self, status: HTTPStatus, text: str) -> None:
        self._send(status, json.dumps({"error": text}).encode(), "application/json")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing about each request: the terminal is for the user."""


def _field(body: dict[str, Any], name: str, kind: type) -> Any:
    value = body.get(name)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise InvalidInputError(f"The request has no {name} of type {kind.__name__}.")
    return value
