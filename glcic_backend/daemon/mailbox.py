"""The socket that clients connect to: bounded messages in, messages out, nobody waited for."""

import logging

import zmq

from glcic_backend.wire.codec import MAX_FRAMES, encode
from glcic_backend.wire.messages import Buffer, Message

log = logging.getLogger(__name__)


class Mailbox:
    """A ROUTER socket with the mechanism PLAIN.

    Attributes:
        socket: to be polled; `receive` is to be called when it is readable.
        max_bytes: of one message, all frames together.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.socket = context.socket(zmq.ROUTER)
        self.socket.plain_server = True
        self.socket.zap_domain = b"glcic"
        self.socket.maxmsgsize = max_bytes
        self.socket.handshake_ivl = 10_000
        self.socket.router_mandatory = True
        self.socket.linger = 1000

    def bind(self, endpoint: str) -> str:
        """Binds the socket. Returns the endpoint with the port that `tcp://127.0.0.1:*` was given."""
        self.socket.bind(endpoint)
        return self.socket.get_string(zmq.LAST_ENDPOINT).rstrip("\0")

    def receive(self) -> tuple[bytes, list[Buffer]]:
        """Routing id and frames of one message; no frames if it has too many or too large ones, which are dropped."""
        client = self.socket.recv()
        frames: list[Buffer] = []
        count = total = 0
        while self.socket.rcvmore:
            frame = self.socket.recv(copy=False)
            count += 1
            total += len(frame)
            if count > MAX_FRAMES or total > self.max_bytes:
                frames.clear()
            else:
                frames.append(frame.buffer)
        return client, frames if count <= MAX_FRAMES and total <= self.max_bytes else []

    def send(self, client: bytes, message: Message) -> bool:
        """Sends without waiting. Returns False if the client is gone; drops what a deaf client does not take."""
        try:
            self.socket.send_multipart([client, *encode(message)], zmq.DONTWAIT, copy=False)
        except zmq.Again:
            log.warning("a client does not read; dropped a %s", message.TYPE)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return False
        return True
