"""Every message of the protocol.

A message is a frozen dataclass. Making one checks it, so a message that exists is valid on both sides. `codec` turns
messages into frames and back; docs/workshop/protocol.md describes the same, field by field.
"""

# ruff: noqa: RUF009 (the functions of `checked` return dataclasses.field, which ruff cannot see)
from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Union

from . import checked
from .checked import MAX_MODEL_TITLE, MAX_NAME, MAX_SIDE, MAX_STAGE, ListedModel
from .errors import MessageError
from .geometry import Rectangle

if TYPE_CHECKING:
    from collections.abc import Sequence

Buffer = Union[bytes, bytearray, memoryview]  # noqa: UP007 (Python 3.9 knows no other form)

MAX_ID = (1 << 53) - 1

MAX_TEXT = 2000
"""Longest text of an error reply, in characters."""

ITEM_BYTES = {"u8": 1, "u16": 2, "f32": 4}
"""Bytes of one sample by its type; u16 and f32 are little-endian."""

CURVES = ("perceptual", "linear")

QUALITIES = ("fast", "best")
"""How holes larger than the model's are filled: enlarged from a smaller scale, or with texture of the picture too."""

CONTEXTS = ("automatic", "more", "all")
"""How much of the picture round a hole is looked at."""

SIDES = ("automatic", "sides", "above-and-below")
"""Where texture comes from: all round the hole; left and right of it; above and below it."""

MAX_SEED = (1 << 32) - 1
STATES = ("idle", "busy", "stopping", "dead")


class ErrorCode:
    """Codes of an error reply."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    UNKNOWN_TYPE = "unknown_type"
    PROTOCOL_MISMATCH = "protocol_mismatch"
    BUSY = "busy"
    CANCELLED = "cancelled"
    STOPPING = "stopping"
    UNKNOWN_MODEL = "unknown_model"
    INVALID_INPUT = "invalid_input"
    ENGINE_FAILED = "engine_failed"


@dataclass(frozen=True)
class Message:
    """A message of the protocol. Raises `MessageError` (malformed) when made with a value out of its range."""

    TYPE: ClassVar[str]
    STATUS: ClassVar[str | None] = None
    """`ok` or `error` for replies, none for requests and events."""

    id: int = checked.integer(0, MAX_ID)
    """Chosen by the client, from 1; every reply and event carries the id of its request."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            try:
                value = field.metadata["check"](getattr(self, field.name))
            except (ValueError, TypeError) as error:
                raise self._malformed(f'field "{field.name}" of "{self.TYPE}" {error}') from None
            object.__setattr__(self, field.name, value)
        self._check_together()

    def _check_together(self) -> None:
        """Checks what no single field can tell."""

    def _malformed(self, text: str) -> MessageError:
        return MessageError(ErrorCode.MALFORMED, f"The message breaks the protocol: {text}.", request_id(self.id))

    def _check_length(self, name: str, expected: int) -> None:
        length = len(getattr(self, name))
        if length != expected:
            raise self._malformed(f'frame "{name}" of "{self.TYPE}" must have {expected} bytes, but has {length}')


# Requests, from the client.


@dataclass(frozen=True)
class Hello(Message):
    """Asks the daemon to prove itself."""

    TYPE = "hello"
    nonce: str = checked.hex_digits(64)
    software: str = checked.text(100)


@dataclass(frozen=True)
class Status(Message):
    """Asks how the daemon is; answered at once, also during a completion."""

    TYPE = "status"


@dataclass(frozen=True)
class Context(Message):
    """Asks which part of an image must be sent to have a hole completed as with the whole image.

    Attributes:
        quality, context, distance, model: those of the `Complete` that will follow.
    """

    TYPE = "context"
    width: int = checked.integer(1, MAX_SIDE)
    height: int = checked.integer(1, MAX_SIDE)
    hole: Rectangle = checked.rectangle()
    quality: str = checked.choice(*QUALITIES)
    context: str = checked.choice(*CONTEXTS)
    distance: int = checked.integer(0, MAX_SIDE)
    model: str = checked.text(MAX_NAME, 0)

    def _check_together(self) -> None:
        if not Rectangle(0, 0, self.width, self.height).contains(self.hole):
            raise self._malformed(f"the hole {list(self.hole)} leaves the image of {self.width} x {self.height} pixels")


@dataclass(frozen=True)
class Complete(Message):
    """Asks to complete the holes of an image.

    Attributes:
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha; alpha is straight.
        dtype: u8, u16 (full range) or f32 (0..1).
        curve: whether the values are perceptual (such as sRGB) or linear light.
        blend: whether to blend the completion into its surroundings (paper, section 3.5.1).
        quality: one of `QUALITIES`.
        context: one of `CONTEXTS`.
        sample_from: one of `SIDES`.
        distance: how far from a hole texture may come from, in pixels; 0 leaves it to `context`.
        lines: drawn lines that lead into a hole and are to be continued in it, as the x and y of their corners.
        seed: of what is left to chance; the same seed gives the same result.
        model: name of an installed model, or nothing for the daemon's default.
        pixels: `height` rows from the top, of `width` pixels, of `channels` samples, without gaps.
        mask: u8, `height` rows of `width`: 0 known, 255 hole, between: share of the completion in the result.
        sources: u8, likewise: where texture may be copied from (above 0), or not (0); empty for anywhere.
    """

    TYPE = "complete"
    width: int = checked.integer(1, MAX_SIDE)
    height: int = checked.integer(1, MAX_SIDE)
    channels: int = checked.integer(1, 4)
    dtype: str = checked.choice(*ITEM_BYTES)
    curve: str = checked.choice(*CURVES)
    blend: bool = checked.flag()
    quality: str = checked.choice(*QUALITIES)
    context: str = checked.choice(*CONTEXTS)
    sample_from: str = checked.choice(*SIDES)
    distance: int = checked.integer(0, MAX_SIDE)
    lines: Sequence[Sequence[float]] = checked.lines()
    seed: int = checked.integer(0, MAX_SEED)
    model: str = checked.text(MAX_NAME, 0)
    pixels: Buffer = checked.buffer()
    mask: Buffer = checked.buffer()
    sources: Buffer = checked.buffer()

    def _check_together(self) -> None:
        self._check_length("pixels", self.width * self.height * self.channels * ITEM_BYTES[self.dtype])
        self._check_length("mask", self.width * self.height)
        if len(self.sources):
            self._check_length("sources", self.width * self.height)


@dataclass(frozen=True)
class Models(Message):
    """Asks which models are installed."""

    TYPE = "models"


@dataclass(frozen=True)
class Cancel(Message):
    """Asks to drop a `complete` or `context` request that this connection has made before."""

    TYPE = "cancel"
    job: int = checked.integer(1, MAX_ID)


@dataclass(frozen=True)
class Stop(Message):
    """Asks the daemon to end."""

    TYPE = "stop"


# Replies, exactly one for each request, and the event.


@dataclass(frozen=True)
class HelloReply(Message):
    """The daemon's proof (see `credentials.prove`), and how many bytes a message to it may have."""

    TYPE = "hello_reply"
    STATUS = "ok"
    max_bytes: int = checked.integer(1, MAX_ID)
    proof: str = checked.hex_digits(64)
    software: str = checked.text(100)


@dataclass(frozen=True)
class StatusReply(Message):
    """How the daemon is; `model` is its default, and `completed` to `refused` count completions since its start."""

    TYPE = "status_reply"
    STATUS = "ok"
    state: str = checked.choice(*STATES)
    waiting: int = checked.integer(0, MAX_ID)
    capacity: int = checked.integer(1, MAX_ID)
    device: str = checked.text(100)
    model: str = checked.text(MAX_MODEL_TITLE)
    model_sha256: str = checked.text(64)
    software: str = checked.text(100)
    pid: int = checked.integer(1, MAX_ID)
    uptime_seconds: float = checked.number(0)
    completed: int = checked.integer(0, MAX_ID)
    failed: int = checked.integer(0, MAX_ID)
    cancelled: int = checked.integer(0, MAX_ID)
    refused: int = checked.integer(0, MAX_ID)


@dataclass(frozen=True)
class ContextReply(Message):
    """The part of the image to send."""

    TYPE = "context_reply"
    STATUS = "ok"
    crop: Rectangle = checked.rectangle()


@dataclass(frozen=True)
class ModelsReply(Message):
    """The models that can be asked for; the default one is the one that an empty name leads to."""

    TYPE = "models_reply"
    STATUS = "ok"
    models: list[ListedModel] = checked.listed_models()


@dataclass(frozen=True)
class CompleteReply(Message):
    """The bounding rectangle of the mask, completed; `rectangle` is its place in the image that was sent."""

    TYPE = "complete_reply"
    STATUS = "ok"
    rectangle: Rectangle = checked.rectangle()
    channels: int = checked.integer(1, 4)
    dtype: str = checked.choice(*ITEM_BYTES)
    model: str = checked.text(MAX_MODEL_TITLE)
    device: str = checked.text(100)
    milliseconds: dict[str, float] = checked.milliseconds()
    pixels: Buffer = checked.buffer()

    def _check_together(self) -> None:
        area = self.rectangle.width * self.rectangle.height
        self._check_length("pixels", area * self.channels * ITEM_BYTES[self.dtype])


@dataclass(frozen=True)
class CancelReply(Message):
    """Whether the job was still waiting or running; if so its own reply, an error `cancelled`, follows."""

    TYPE = "cancel_reply"
    STATUS = "ok"
    found: bool = checked.flag()


@dataclass(frozen=True)
class StopReply(Message):
    """The daemon takes no more work and ends within five seconds."""

    TYPE = "stop_reply"
    STATUS = "ok"


@dataclass(frozen=True)
class ErrorReply(Message):
    """The request was refused or failed; id 0 if the request's id could not be read."""

    TYPE = "error"
    STATUS = "error"
    code: str = checked.text(40)
    message: str = checked.text(MAX_TEXT)


@dataclass(frozen=True)
class Progress(Message):
    """Event: what a `complete` or `context` request is waiting for. Sent at least twice a second until its reply."""

    TYPE = "progress"
    stage: str = checked.text(MAX_STAGE)
    fraction: float = checked.number(0, 1)


def _by_type(*classes: type[Message]) -> dict[str, type[Message]]:
    return {kind.TYPE: kind for kind in classes}


REQUESTS = _by_type(Hello, Status, Models, Context, Complete, Cancel, Stop)
REPLIES = _by_type(
    HelloReply,
    StatusReply,
    ModelsReply,
    ContextReply,
    CompleteReply,
    CancelReply,
    StopReply,
    ErrorReply,
    Progress,
)


def request_id(value: Any) -> int:
    """The id of a request as its header gives it, 0 if that is no id."""
    return value if type(value) is int and 0 <= value <= MAX_ID else 0
