"""What is fuzzed: for each target valid inputs, and a function that may only return or raise what it promises."""

import atexit
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import safetensors.numpy

from glcic_backend.daemon.peer import Intake, Peer, PeerGoneError
from glcic_backend.errors import InvalidInputError, ModelFileError
from glcic_backend.image_files import Picture, exif, read_mask, read_picture
from glcic_backend.image_files.writing import write_picture
from glcic_backend.model_files import model_file
from glcic_backend.model_files.description import description_of
from glcic_backend.model_files.header import read_file
from glcic_backend.model_files.model_file import ModelInfo
from glcic_backend.model_files.torch7.reader import read_torch7
from glcic_backend.wire.checked import MAX_SIDE
from glcic_backend.wire.codec import PROTOCOL_VERSION, decode, encode
from glcic_backend.wire.credentials import USERNAME
from glcic_backend.wire.errors import DaemonLostError, HandshakeError, MessageError, ProtocolMismatchError
from glcic_backend.wire.frames import command, greeting, message_pieces, metadata, short
from glcic_backend.wire.messages import REPLIES, REQUESTS
from glcic_backend.wire.zmtp import ZmtpConnection

from ..backend.image_files.image_samples import exif_block, noise
from ..backend.model_files.test_description import GOOD
from ..backend.model_files.torch7_writer import write_torch7
from ..wire.test_messages import EXAMPLES

_MAX_PIXELS = 10_000
_PASSWORD = "ab" * 32
_SEPARATOR = b"\0--frame--\0"


@dataclass(frozen=True)
class Target:
    """Attributes:
    seeds: makes the valid inputs.
    run: takes an input.
    promised: the exceptions that it may raise.
    """

    seeds: Callable[[], list[bytes]]
    run: Callable[[bytes], object]
    promised: tuple[type[Exception], ...]


def _messages() -> list[bytes]:
    return [_SEPARATOR.join(bytes(frame) for frame in encode(message)) for message in EXAMPLES]


def _decode(data: bytes) -> None:
    for kinds in (REQUESTS, REPLIES):
        try:
            message = decode(data.split(_SEPARATOR), kinds)
        except MessageError as error:
            assert 0 <= error.request < 2**53 and len(str(error)) <= 2000
        except ProtocolMismatchError:
            pass
        else:
            # What was accepted can be sent on unchanged.
            assert json.loads(bytes(encode(message)[0]))["protocol"] == PROTOCOL_VERSION


@cache
def _work_file() -> Path:
    """The input as a file; after a crash of the whole process it holds the culprit."""
    folder = tempfile.mkdtemp(prefix="glcic-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    atexit.register(shutil.rmtree, folder)
    return Path(folder) / "input"


def _with_file(action: Callable[[Path], object]) -> Callable[[bytes], object]:
    def run(data: bytes) -> object:
        _work_file().write_bytes(data)
        return action(_work_file())

    return run


def _model_files() -> list[bytes]:
    info = ModelInfo("name", (0.4, 0.5, 0.6), (8, 64), ("rectangle",), "none", "none", "none", "none")
    values = vars(replace(info, sha256="ab" * 32))
    metadata = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    weights = {"a": np.ones((2, 3), np.float16), "b": np.zeros(4, np.float32), "c": np.array(3.0)}
    return [safetensors.numpy.save(weights, metadata | {"glcic_format": "1"})]


def _read_model(path: Path) -> None:
    model_file._weights(path, read_file(path))
    model_file.read_info(path)


def _torch7_files() -> list[bytes]:
    table = {1: "text", 2.5: None, "inner": {"flag": True, "numbers": np.arange(6.0).reshape(2, 3)}}
    table["bytes"] = np.arange(4, dtype=np.uint8)
    return [write_torch7(_work_file(), value).read_bytes() for value in (table, np.ones((2, 2), np.float32), "text")]


def _pictures(all_channels: tuple[int, ...] = (1, 2, 3, 4)) -> list[bytes]:
    files = []
    for suffix, kind in (("png", "uint8"), ("png", "uint16"), ("jpg", "uint8"), ("webp", "uint8"), ("tif", "float32")):
        for channels in all_channels if suffix in ("png", "tif") else all_channels[:1]:
            path = _work_file().with_suffix(f".{suffix}")
            pixels = noise(7, 5, channels, kind)
            write_picture(path, Picture(pixels, exif=exif_block() if kind == "uint8" else None))
            files.append(path.read_bytes())
    return files


def _tiff_files() -> list[bytes]:
    path = _work_file().with_suffix(".tif")
    files = []
    for channels, kind in ((1, "uint8"), (3, "uint16"), (4, "float32")):
        write_picture(path, Picture(noise(7, 5, channels, kind), exif=exif_block()))
        files.append(path.read_bytes())
    return files


def _read_exif(data: bytes) -> None:
    before = bytes(data)
    exif.is_sound(data)
    assert 1 <= exif.orientation(data) <= 8
    exif.resolution(data)
    for turned in (False, True):
        assert len(exif.upright(data, turned)) <= len(data)
    assert data == before


def _descriptions() -> list[bytes]:
    return [json.dumps(GOOD).encode()]


def _describe(data: bytes) -> None:
    try:
        metadata = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values()):
        values = description_of(metadata, 4)
        assert values["name"].isprintable() and values["hole_range"][1] <= MAX_SIDE
        assert all(0 <= channel <= 1 for channel in values["mean_pixel"])


def _servers_words() -> list[bytes]:
    reply = next(message for message in EXAMPLES if message.TYPE == "hello_reply")
    ready = command(b"READY", metadata(b"Socket-Type", b"ROUTER"))
    start = greeting(as_server=True) + command(b"WELCOME") + ready + command(b"PING", b"\0\0x")
    return [start + b"".join(bytes(piece) for piece in message_pieces(encode(reply)))]


def _clients_words() -> list[bytes]:
    hello = short(USERNAME.encode()) + short(_PASSWORD.encode())
    initiate = metadata(b"Socket-Type", b"DEALER") + metadata(b"Identity", b"")
    start = greeting(as_server=False) + command(b"HELLO", hello) + command(b"INITIATE", initiate)
    return [start + b"".join(bytes(piece) for piece in message_pieces(encode(message))) for message in EXAMPLES[:4]]


def _as_client(data: bytes) -> None:
    """A client hears what a server says that was damaged."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        connection = ZmtpConnection(ours, 1 << 16)
        try:
            connection._handshake("glcic", _PASSWORD, time.monotonic() + 2)
            while (frames := connection.receive(2)) is not None:
                decode(frames, REPLIES)
        except DaemonLostError:
            pass  # at the end of the data
        finally:
            connection.close()


def _as_daemon(data: bytes) -> None:
    """The daemon hears what a client says that was damaged."""
    ours, theirs = socket.socketpair()
    intake = Intake(1 << 20)
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        peer = Peer(1, ours, _PASSWORD, 1 << 20, intake)
        try:
            while True:
                peer.read()
                for letter in peer.letters():
                    assert letter is None or peer.is_let_in
        except PeerGoneError:
            pass  # at the end of the data, if not before
        finally:
            peer.close()
            assert intake.held == 0


TARGETS = {
    "message": Target(_messages, _decode, ()),
    "safetensors": Target(_model_files, _with_file(_read_model), (ModelFileError,)),
    "torch7": Target(_torch7_files, _with_file(lambda path: read_torch7(path, {"nn.ReLU"})), (ModelFileError,)),
    "image": Target(_pictures, _with_file(lambda path: read_picture(path, _MAX_PIXELS)), (InvalidInputError,)),
    "mask": Target(
        lambda: _pictures((1, 2)), _with_file(lambda path: read_mask(path, _MAX_PIXELS)), (InvalidInputError,)
    ),
    "tiff": Target(_tiff_files, _with_file(lambda path: read_picture(path, _MAX_PIXELS)), (InvalidInputError,)),
    "exif": Target(lambda: [exif_block(), exif_block(">", 6, b"thumbnail")], _read_exif, ()),
    "description": Target(_descriptions, _describe, (ValueError,)),
    "client": Target(_servers_words, _as_client, (HandshakeError, MessageError, ProtocolMismatchError)),
    "daemon": Target(_clients_words, _as_daemon, ()),
}
