"""The socket that clients connect to: connections counted, messages bounded, nobody waited for."""

import errno
import logging
import selectors
import socket
import time
from collections.abc import Callable
from functools import partial
from itertools import count

from glcic_backend.daemon.peer import Intake, Letter, Peer, PeerGoneError
from glcic_backend.wire.codec import encode
from glcic_backend.wire.frames import message_pieces
from glcic_backend.wire.messages import Message

HANDSHAKE_SECONDS = 10.0
STALL_SECONDS = 30.0
"""So long a handshake may take, and a message may stand still."""

MOST_UNREAD_BYTES = 1 << 26
"""So much is kept for a client that does not read, or a single reply of any size; then the client is dropped."""

_MOST_TURNS = 16  # messages of one client before the others have theirs
_FULL_SECONDS = 1.0  # between two attempts where the system has no file left for a connection
_FAREWELL_SECONDS, _FAREWELL_POLL_SECONDS = 1.0, 0.01
_BACKLOG = 128
_IPC = "ipc://"

log = logging.getLogger(__name__)


class Mailbox:
    """Listens, lets in who knows the password, and hands over whole messages.

    Who has not given the password yet makes room for the next one when all places are taken, the oldest first; who has
    given it keeps the place. So a flood of strangers costs strangers only.

    Args:
        selector: polled by the owner, who calls what is registered there as `data`.
        password: of the handshake.
        max_bytes: of one message, all frames together, and of all unfinished messages together.
        most: connections.
        deliver: takes the number of a client and its message.
        lost: told the number of a client that has gone.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        password: str,
        max_bytes: int,
        most: int,
        deliver: Callable[[int, Letter], None],
        lost: Callable[[int], None],
    ) -> None:
        self.max_bytes = max_bytes
        self._selector, self._password, self._most = selector, password, most
        self._deliver, self._lost = deliver, lost
        self._listener: socket.socket | None = None
        self._listens_again = 0.0  # if it has stopped for a while: when it begins again
        self._peers: dict[int, Peer] = {}
        self._more: set[int] = set()  # peers of which more has arrived than had its turn
        self._numbers = count(1)
        self._intake = Intake(max_bytes)

    def bind(self, endpoint: str) -> str:
        """Listens. Returns the endpoint with the port that `tcp://127.0.0.1:*` was given. Raises OSError."""
        if endpoint.startswith(_IPC):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(endpoint.removeprefix(_IPC))
        else:
            listener = socket.socket(socket.AF_INET)
            listener.bind(("127.0.0.1", 0))
            endpoint = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        return endpoint

    def patience(self) -> float | None:
        """Seconds until `attend` has something to do; None if that is not to be foreseen."""
        if self._more:
            return 0.0
        due = [self._due(peer) for peer in self._peers.values() if peer.is_amid]
        due += [self._listens_again] * bool(self._listens_again)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def attend(self) -> None:
        """What is due: messages that wait for their turn, and connections whose time is up."""
        for number in list(self._more):
            self._take_letters(number)
        now = time.monotonic()
        for number, peer in list(self._peers.items()):
            if peer.is_amid and now >= self._due(peer):
                self._drop(number, "it has begun something and does not go on")
        if self._listens_again and now >= self._listens_again:
            self._listen_again()

    def send(self, client: int, message: Message) -> bool:
        """Sends without waiting. Returns False if the client is gone, or is dropped now because it does not read."""
        peer = self._peers.get(client)
        if peer is None:
            return False
        pieces = message_pieces(encode(message))
        size = sum(map(len, pieces))
        if peer.unsent and peer.unsent + size > MOST_UNREAD_BYTES:
            log.warning("a client does not read; %d bytes wait for it, and it is dropped", peer.unsent)
            self._drop(client, "it does not read")
            return False
        return self._try(client, lambda: peer.post(pieces))

    def stop_listening(self) -> None:
        """Let nobody in any more but those who have connected already."""
        if self._listener is not None:
            self._accept(selectors.EVENT_READ)
            if not self._listens_again:
                self._selector.unregister(self._listener)
            self._listener.close()
            self._listener, self._listens_again = None, 0.0

    def close(self) -> None:
        """Close all connections, after what was sent has left, if that takes no longer than a second."""
        self.stop_listening()
        deadline = time.monotonic() + _FAREWELL_SECONDS
        while any(peer.unsent for peer in self._peers.values()) and time.monotonic() < deadline:
            for number, peer in list(self._peers.items()):
                self._try(number, peer.flush)
            time.sleep(_FAREWELL_POLL_SECONDS)
        for number in list(self._peers):
            self._drop(number, "the daemon ends")

    # Connections.

    def _accept(self, _events: int) -> None:
        for _ in range(_BACKLOG):
            assert self._listener is not None
            try:
                connected, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    log.warning("no connection can be taken: %s", error.strerror)
                    if not self._make_room():
                        self._stop_for_a_while()
                return
            if len(self._peers) >= self._most and not self._make_room():
                connected.close()
                continue
            if connected.family == socket.AF_INET:
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number = next(self._numbers)
            try:
                peer = Peer(number, connected, self._password, self.max_bytes, self._intake)
            except PeerGoneError:
                connected.close()
                continue
            self._peers[number] = peer
            self._selector.register(connected, selectors.EVENT_READ, partial(self._serve, number))

    def _make_room(self) -> bool:
        """Ends the oldest connection that has not given the password. Returns False if there is none."""
        for number, peer in self._peers.items():
            if not peer.is_let_in:
                self._drop(number, "others need its place, and it has not given the password")
                return True
        return False

    def _stop_for_a_while(self) -> None:
        assert self._listener is not None
        self._selector.unregister(self._listener)
        self._listens_again = time.monotonic() + _FULL_SECONDS

    def _listen_again(self) -> None:
        assert self._listener is not None
        self._listens_again = 0.0
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def _due(self, peer: Peer) -> float:
        """When an unfinished handshake or message is given up."""
        return peer.moved + STALL_SECONDS if peer.is_let_in else peer.begun + HANDSHAKE_SECONDS

    def _serve(self, number: int, events: int) -> None:
        peer = self._peers.get(number)
        if peer is None:
            return  # dropped since the poll
        if events & selectors.EVENT_WRITE and not self._try(number, peer.flush):
            return
        if events & selectors.EVENT_READ and self._try(number, peer.read):
            self._take_letters(number)

    def _take_letters(self, number: int) -> None:
        self._more.discard(number)
        peer = self._peers.get(number)
        if peer is None:
            return

        def take() -> None:
            for turn, letter in enumerate(peer.letters(), start=1):
                if letter is not None:
                    self._deliver(number, letter)
                if number not in self._peers:
                    return
                if turn == _MOST_TURNS:
                    self._more.add(number)
                    return

        self._try(number, take)

    def _try(self, number: int, action: Callable[[], None]) -> bool:
        """Does something with a connection. Returns False if that has ended it."""
        peer = self._peers[number]
        try:
            action()
        except PeerGoneError as error:
            self._drop(number, str(error))
        except Exception:
            # A defect, or memory that ran out, must cost one connection, not the daemon with everybody's jobs.
            log.exception("a connection failed")
            self._drop(number, "it failed")
        if number not in self._peers:
            return False
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.unsent else 0)
        key = self._selector.get_key(peer.socket)
        if key.events != wanted:
            self._selector.modify(peer.socket, wanted, key.data)
        return True

    def _drop(self, number: int, why: str) -> None:
        peer = self._peers.pop(number)
        self._more.discard(number)
        log.debug("connection %d ends: %s", number, why)
        self._selector.unregister(peer.socket)
        peer.close()
        self._lost(number)
