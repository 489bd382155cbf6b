"""A man in the middle for tests: passes bytes between a client and an endpoint, a few at a time, and keeps them."""

import contextlib
import socket
import threading


def _connect(endpoint):
    scheme, address = endpoint.split("://")
    if scheme == "ipc":
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(address)
        return connection
    host, port = address.split(":")
    return socket.create_connection((host, int(port)))


class Proxy:
    """Listens on loopback TCP. `from_client` collects what the client has sent."""

    def __init__(self, endpoint, chunk=1 << 16):
        self.endpoint_behind, self.chunk = endpoint, chunk
        self.from_client = bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = _connect(self.endpoint_behind)
                for connection in (client, server):
                    if connection.family != getattr(socket, "AF_UNIX", None):
                        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open += [client, server]
                for pair in ((client, server, self.from_client), (server, client, bytearray())):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, target, seen):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                seen += data
                for begin in range(0, len(data), self.chunk):
                    target.sendall(data[begin : begin + self.chunk])
            target.shutdown(socket.SHUT_WR)
