"""Keeps strangers out: answers libzmq's question about every connection (ZAP, ZeroMQ RFC 27)."""

import zmq

from glcic_backend.wire import credentials

_ZAP_ENDPOINT = "inproc://zeromq.zap.01"


class Authenticator:
    """Lets in who gives the password that follows from the secret. libzmq asks before any message passes.

    Attributes:
        socket: to be polled; `answer` is to be called when it is readable.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", secret: str) -> None:
        self.socket = context.socket(zmq.REP)
        self.socket.bind(_ZAP_ENDPOINT)
        self._password = credentials.derive_password(secret)

    def answer(self) -> None:
        """Takes one question and answers it."""
        version, request, _domain, _address, _identity, mechanism, *given = self.socket.recv_multipart()
        allowed = mechanism == b"PLAIN" and len(given) == 2 and self._is_password(given[0], given[1])
        status, text, user = (b"200", b"OK", given[0]) if allowed else (b"400", b"Refused", b"")
        self.socket.send_multipart([version, request, status, text, user, b""])

    def _is_password(self, username: bytes, password: bytes) -> bool:
        return credentials.same(
            username.decode("latin-1") + ":" + password.decode("latin-1"),
            credentials.USERNAME + ":" + self._password,
        )
