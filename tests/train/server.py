"""A web server on the loopback for shards: one that answers range requests, or one that does not, as many do not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@contextmanager
def serve(folder: Path, *, ranges: bool = True, asked: list[str] | None = None) -> Iterator[str]:
    """Serve the files of a folder at the address that is given.

    Args:
        ranges: whether parts of a file can be had.
        asked: a list to which the name of the file of each request for content is appended.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(False)

        def do_GET(self) -> None:
            self._answer(True)

        def _answer(self, with_content: bool) -> None:
            name = self.path.lstrip("/")
            path = folder / name
            if not path.is_file():
                self.send_error(404)
                return
            content, wanted = path.read_bytes(), self.headers.get("Range")
            if ranges and wanted:
                first, last = wanted.removeprefix("bytes=").split("-")
                part = content[int(first) : int(last) + 1]
                self.send_response(206)
                end = int(first) + len(part) - 1
                self.send_header("Content-Range", f"bytes {first}-{end}/{len(content)}")
            else:
                part = content
                self.send_response(200)
            if ranges:
                self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            if with_content:
                if asked is not None:
                    asked.append(name)
                self.wfile.write(part)

        def log_message(self, *_: Any) -> None:
            """Keep silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
