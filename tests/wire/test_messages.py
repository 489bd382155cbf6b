"""Messages: what may be in them, and that nothing else gets through."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glcic_backend.wire.checked import FARTHEST_CORNER, MAX_CORNERS, MAX_LINES, MAX_MODELS, MAX_NAME, MAX_TITLE
from glcic_backend.wire.codec import MAX_FRAMES, MAX_HEADER_BYTES, PROTOCOL_VERSION, decode, encode
from glcic_backend.wire.errors import MessageError, ProtocolMismatchError
from glcic_backend.wire.geometry import Rectangle
from glcic_backend.wire.messages import (
    MAX_SEED,
    MAX_SIDE,
    REPLIES,
    REQUESTS,
    Cancel,
    CancelReply,
    Complete,
    CompleteReply,
    Context,
    ContextReply,
    ErrorReply,
    Hello,
    HelloReply,
    Models,
    ModelsReply,
    Progress,
    Status,
    StatusReply,
    Stop,
    StopReply,
)

EXAMPLES = [
    Hello(1, "0a" * 32, "test 1.0"),
    Status(2),
    Context(3, 640, 480, Rectangle(10, 20, 30, 40), "best", "all", 70, "beach"),
    Complete(
        4,
        3,
        2,
        4,
        "u16",
        "linear",
        False,
        "fast",
        "more",
        "sides",
        9,
        [[-7.5, 1.0, 3.25, 2.0]],
        7,
        "beach",
        bytes(48),
        bytes(6),
        bytes(6),
    ),
    Complete(
        4,
        3,
        2,
        1,
        "f32",
        "perceptual",
        True,
        "best",
        "automatic",
        "automatic",
        0,
        [],
        MAX_SEED,
        "",
        bytes(24),
        bytes(6),
        b"",
    ),
    Cancel(5, 4),
    Stop(6),
    HelloReply(1, 1 << 30, "ff" * 32, "glcic-backend 0.1.0"),
    StatusReply(2, "idle", 0, 8, "cpu", "m", "ab" * 32, "glcic-backend 0.1.0", 123, 1.5, 1, 2, 3, 4),
    ContextReply(3, Rectangle(0, 0, 200, 200)),
    CompleteReply(4, Rectangle(1, 1, 2, 1), 3, "u8", "m", "cpu", {"network": 12.5}, b"abcdef"),
    CancelReply(5, True),
    StopReply(6),
    ErrorReply(0, "malformed", "Why."),
    Progress(4, "network", 0.5),
    Models(7),
    ModelsReply(7, [{"name": "", "title": "Beach", "default": True}]),
]


def header(message=None, **changes):
    """The header of a message as a dictionary, with some fields changed; a change to `...` removes the field."""
    values = json.loads(encode(message or Status(7))[0]) | changes
    return {name: value for name, value in values.items() if value is not ...}


def frame(values):
    return json.dumps(values).encode()


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.TYPE)
def test_a_message_survives_the_way_over_the_wire(message):
    frames = [bytes(part) for part in encode(message)]

    assert decode(frames, REQUESTS if message.TYPE in REQUESTS else REPLIES) == message


def test_every_type_of_message_has_an_example_here():
    assert {message.TYPE for message in EXAMPLES} == set(REQUESTS) | set(REPLIES)


def small_completion(pixels):
    return Complete(
        4,
        2,
        1,
        3,
        "u8",
        "perceptual",
        True,
        "best",
        "automatic",
        "sides",
        7,
        [[0, 1, 2, 0.5]],
        9,
        "",
        pixels,
        b"\xff\x00",
        b"",
    )


def test_the_frames_of_a_completion_are_its_header_its_pixels_and_its_masks():
    frames = encode(small_completion(b"RGBrgb"))

    assert bytes(frames[0]) == (
        b'{"protocol":4,"type":"complete","id":4,"width":2,"height":1,"channels":3,"dtype":"u8",'
        b'"curve":"perceptual","blend":true,"quality":"best","context":"automatic","sample_from":"sides","distance":7,'
        b'"lines":[[0.0,1.0,2.0,0.5]],"seed":9,"model":""}'
    )
    assert [bytes(part) for part in frames[1:]] == [b"RGBrgb", b"\xff\x00", b""]


def test_as_many_and_as_long_lines_as_there_may_be_fit_into_a_header():
    longest = -1 / 3 * 10**-300  # as long a number as JSON has
    lines = [[longest] * (2 * MAX_CORNERS - 4 * (MAX_LINES - 1))] + [[longest] * 4] * (MAX_LINES - 1)
    frames = encode(dataclasses.replace(EXAMPLES[3], lines=lines))

    assert len(frames[0]) <= MAX_HEADER_BYTES
    assert decode(frames, REQUESTS).lines == lines


def test_pixels_are_not_copied_on_their_way_into_frames():
    pixels = bytearray(6)

    frames = encode(small_completion(pixels))
    pixels[0] = 9

    assert frames[1][0] == 9


@pytest.mark.parametrize(
    "message, changes",
    [
        (EXAMPLES[0], {"nonce": "0A" * 32}),
        (EXAMPLES[0], {"nonce": "0a" * 31}),
        (EXAMPLES[0], {"software": ""}),
        (EXAMPLES[1], {"id": -1}),
        (EXAMPLES[1], {"id": 1 << 53}),
        (EXAMPLES[1], {"id": True}),
        (EXAMPLES[1], {"id": 1.0}),
        (EXAMPLES[1], {"id": ...}),
        (EXAMPLES[1], {"surplus": 1}),
        (EXAMPLES[1], {"status": "ok"}),
        (EXAMPLES[1], {"protocol": "1"}),
        (EXAMPLES[1], {"protocol": True}),
        (EXAMPLES[1], {"protocol": ...}),
        (EXAMPLES[1], {"type": ["status"]}),
        (EXAMPLES[2], {"hole": [10, 20, 30]}),
        (EXAMPLES[2], {"hole": [10, 20, 0, 40]}),
        (EXAMPLES[2], {"hole": [-1, 20, 30, 40]}),
        (EXAMPLES[2], {"hole": [630, 20, 30, 40]}),
        (EXAMPLES[3], {"width": 0}),
        (EXAMPLES[3], {"width": MAX_SIDE + 1}),
        (EXAMPLES[3], {"width": 4}),
        (EXAMPLES[3], {"height": "2"}),
        (EXAMPLES[3], {"channels": 5}),
        (EXAMPLES[3], {"dtype": "u8"}),
        (EXAMPLES[3], {"dtype": "float64"}),
        (EXAMPLES[3], {"curve": None}),
        (EXAMPLES[3], {"blend": 1}),
        (EXAMPLES[2], {"quality": "good"}),
        (EXAMPLES[2], {"context": ["all"]}),
        (EXAMPLES[2], {"model": None}),
        (EXAMPLES[3], {"quality": ...}),
        (EXAMPLES[3], {"context": "less"}),
        (EXAMPLES[2], {"distance": -1}),
        (EXAMPLES[3], {"sample_from": "left"}),
        (EXAMPLES[3], {"distance": MAX_SIDE + 1}),
        (EXAMPLES[3], {"lines": ...}),
        (EXAMPLES[3], {"lines": {}}),
        (EXAMPLES[3], {"lines": "0,0,1,1"}),
        (EXAMPLES[3], {"lines": [0, 0, 1, 1]}),
        (EXAMPLES[3], {"lines": [[0, 0]]}),
        (EXAMPLES[3], {"lines": [[0, 0, 1, 1, 2]]}),
        (EXAMPLES[3], {"lines": [[0, 0, 1, "1"]]}),
        (EXAMPLES[3], {"lines": [[0, 0, 1, True]]}),
        (EXAMPLES[3], {"lines": [[0, 0, 1, float("nan")]]}),
        (EXAMPLES[3], {"lines": [[0, 0, 1, float("inf")]]}),
        (EXAMPLES[3], {"lines": [[0, 0, 1, FARTHEST_CORNER + 1]]}),
        (EXAMPLES[3], {"lines": [[0, 0, 1, -FARTHEST_CORNER - 1]]}),
        (EXAMPLES[3], {"lines": [[0, 0, 1, 1]] * (MAX_LINES + 1)}),
        (EXAMPLES[3], {"lines": [[0, 0] * (MAX_CORNERS - 1), [0, 0] * 2]}),
        (EXAMPLES[3], {"seed": -1}),
        (EXAMPLES[3], {"seed": MAX_SEED + 1}),
        (EXAMPLES[3], {"model": "x" * 65}),
        (EXAMPLES[5], {"job": "4"}),
        (EXAMPLES[8], {"uptime_seconds": float("nan")}),
        (EXAMPLES[10], {"milliseconds": {"network": -1}}),
        (EXAMPLES[10], {"milliseconds": {str(stage): 1 for stage in range(17)}}),
        (EXAMPLES[14], {"fraction": 1.01}),
        (EXAMPLES[16], {"models": {}}),
        (EXAMPLES[16], {"models": [{"name": "a", "title": "A"}]}),
        (EXAMPLES[16], {"models": [{"name": "a", "title": "A", "default": 1}]}),
        (EXAMPLES[16], {"models": [{"name": "a", "title": "", "default": True}]}),
        (EXAMPLES[16], {"models": [{"name": "a", "title": "A", "default": False}] * 41}),
    ],
)
def test_a_field_that_is_missing_unknown_or_out_of_range_is_malformed(message, changes):
    frames = [frame(header(message, **changes)), *encode(message)[1:]]

    with pytest.raises(MessageError) as caught:
        decode(frames, REQUESTS if message.TYPE in REQUESTS else REPLIES)

    assert caught.value.code == ("unknown_type" if "type" in changes else "malformed")
    assert caught.value.request == (0 if "id" in changes else message.id)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 15000, b'{"a":' * 3000, b"9" * 5000, b" " * (MAX_HEADER_BYTES + 1)],
    ids=lambda raw: f"{raw[:6]!r}x{len(raw)}",
)
def test_a_header_that_is_no_short_json_object_is_malformed(raw):
    with pytest.raises(MessageError) as caught:
        decode([raw], REQUESTS)

    assert caught.value.code == "malformed"


@pytest.mark.parametrize("count", [0, 2, MAX_FRAMES + 1])
def test_frames_that_do_not_belong_to_the_message_are_malformed(count):
    with pytest.raises(MessageError) as caught:
        decode([frame(header())] * count, REQUESTS)

    assert caught.value.code == "malformed"


@pytest.mark.parametrize(
    "sizes", [(47, 6, 6), (49, 6, 6), (0, 6, 6), (48, 5, 6), (48, 7, 6), (48, 6, 5), (48, 6, 7), (48, 6, 1)]
)
def test_a_frame_of_another_length_than_the_header_says_is_malformed(sizes):
    with pytest.raises(MessageError, match="must have"):
        decode([encode(EXAMPLES[3])[0], *map(bytes, sizes)], REQUESTS)


def test_a_reply_is_not_taken_for_a_request():
    with pytest.raises(MessageError) as caught:
        decode(encode(StopReply(3)), REQUESTS)

    assert (caught.value.code, caught.value.request) == ("unknown_type", 3)


def test_another_protocol_version_is_told_apart_whatever_the_message_holds():
    with pytest.raises(ProtocolMismatchError, match=f"protocol 99.*protocol {PROTOCOL_VERSION}") as caught:
        decode([frame({"protocol": 99, "type": "dream", "id": 5, "new": [1]})], REQUESTS)

    assert caught.value.request == 5


def test_the_longest_list_of_models_fits_into_a_header():
    model = {"name": "\U0001f3d6" * MAX_NAME, "title": "\U0001f3d6" * MAX_TITLE, "default": False}

    (frame,) = encode(ModelsReply(1, [model] * MAX_MODELS))

    assert len(frame) <= MAX_HEADER_BYTES


def test_a_message_cannot_be_made_with_a_wrong_value():
    with pytest.raises(MessageError, match="fraction"):
        dataclasses.replace(EXAMPLES[14], fraction=2.0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    message=st.sampled_from(EXAMPLES[:7]),
    field=st.sampled_from(
        ["protocol", "type", "id", "width", "hole", "dtype", "nonce", "job", "blend", "seed", "model", "x"]
    ),
    value=json_values,
    buffers=st.lists(st.binary(max_size=50), max_size=9),
)
def test_whatever_is_sent_is_a_valid_message_or_a_protocol_error(message, field, value, buffers):
    try:
        decoded = decode([frame(header(message, **{field: value})), *buffers], REQUESTS)
    except (MessageError, ProtocolMismatchError) as error:
        assert error.request >= 0
    else:
        assert type(decoded) in REQUESTS.values()
