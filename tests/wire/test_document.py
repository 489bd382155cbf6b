"""docs/workshop/protocol.md describes what the program does."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from glcic_backend.wire import checked, codec, credentials, messages
from glcic_backend.wire.codec import decode
from glcic_backend.wire.messages import REPLIES, REQUESTS, ErrorCode

DOCUMENT = (Path(__file__).parents[2] / "docs" / "workshop" / "protocol.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (.*?)\n(.*?)(?=^##)", DOCUMENT, re.MULTILINE | re.DOTALL))
CODES = [value for name, value in vars(ErrorCode).items() if name.isupper()]


@pytest.mark.parametrize("kind", [*REQUESTS.values(), *REPLIES.values()], ids=lambda kind: kind.TYPE)
def test_every_message_has_a_section_that_lists_its_fields(kind):
    (section,) = (text for title, text in SECTIONS.items() if f"`{kind.TYPE}`" in title)

    fields = {field.name for field in dataclasses.fields(kind)} - {"id"}

    assert fields <= set(re.findall(r"`(\w+)`", section))


def test_every_error_code_is_explained_and_no_other():
    table = re.search(r"\| code \| meaning \|\n\|---\|---\|\n(.*?)\n\n", DOCUMENT, re.DOTALL).group(1)

    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == CODES


def test_the_examples_are_valid_messages():
    examples = [line for block in re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL) for line in block.splitlines()]

    decoded = [decode([line.encode()], {**REQUESTS, **REPLIES}).TYPE for line in examples]

    assert decoded == ["hello", "hello_reply", "context", "context_reply", "error"]


def test_the_password_and_the_proof_of_the_example_are_right():
    hello = json.loads(re.search(r'\{.*"type":"hello",.*', DOCUMENT).group())
    reply = json.loads(re.search(r'\{.*"type":"hello_reply",.*', DOCUMENT).group())

    assert credentials.derive_password("5a" * 32) in DOCUMENT
    assert credentials.prove("5a" * 32, hello["nonce"], "tcp://127.0.0.1:39161") == reply["proof"]


@pytest.mark.parametrize(
    "sentence, value",
    [
        (r"protocol\s+version \*\*(\d+)\*\*", codec.PROTOCOL_VERSION),
        (r"frames of a message \| (\d+)", codec.MAX_FRAMES),
        (r"header \| (\d+) bytes", codec.MAX_HEADER_BYTES),
        (r"ending at (\d+) or before", checked.MAX_SIDE),
        (r"`message` \| text, 1\.\.(\d+)", messages.MAX_TEXT),
        (r"list of at most (\d+) objects", checked.MAX_MODELS),
        (r"`name` \(text, 0\.\.(\d+) characters\)", checked.MAX_NAME),
        (r"`title` \(text, 1\.\.(\d+) characters\)", checked.MAX_TITLE),
        (r"`seed` \| integer 0\.\.(\d+)", messages.MAX_SEED),
    ],
)
def test_the_limits_are_those_of_the_program(sentence, value):
    assert int(re.search(sentence, DOCUMENT).group(1)) == value
