"""The page of the manual that lies beside the plug-in."""

import html.parser
import re

import pytest

from glcic_backend.installer.manual_page import read_manual, to_html

from ..gimp.machine import REPOSITORY

PAGE = REPOSITORY / "docs" / "manual" / "gimp.md"


def body(markdown):
    return re.search(r"<body>\n(.*?)\n?</body>", to_html(markdown), re.DOTALL).group(1).strip()


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("# A <title>", "<h1>A &lt;title&gt;</h1>"),
        ("one\ntwo\n\nthree", "<p>one\ntwo</p>\n<p>three</p>"),
        ("- one\n  more\n- two", "<ul><li>one\n  more</li><li>two</li></ul>"),
        ("a *b* **c** 2 * 3 * 4", "<p>a <em>b</em> <strong>c</strong> 2 * 3 * 4</p>"),
        ("`a *b* <c>` d", "<p><code>a *b* &lt;c&gt;</code> d</p>"),
        ("```sh\na *b*\n\n<c>\n```", "<pre>a *b*\n\n&lt;c&gt;</pre>"),
        ("![what](../images/a-b.png)", '<p><img src="a-b.png" alt="what"></p>'),
        ("[there](https://example.org/) [here](models.md#x)", '<p><a href="https://example.org/">there</a> here</p>'),
        (
            "| a | b |\n|---|---|\n| c | *d* |",
            "<table><tr><th>a</th><th>b</th></tr><tr><td>c</td><td><em>d</em></td></tr></table>",
        ),
    ],
)
def test_what_the_page_uses_of_markdown_is_shown(markdown, shown):
    assert body(markdown) == shown


class Balance(html.parser.HTMLParser):
    """Checks that each element that is opened is closed, and gathers pictures and text."""

    def __init__(self):
        super().__init__()
        self.open, self.pictures, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.pictures.append(dict(attributes)["src"])
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("code", "pre", "style"):
            self.text += data


def test_the_page_itself_is_whole_and_its_pictures_lie_beside_it():
    files = read_manual(PAGE)
    page = Balance()

    page.feed(files["gimp.html"].decode())

    assert page.open == []
    assert len(page.pictures) >= 4
    assert set(page.pictures) == set(files) - {"gimp.html"}
    assert all(files[name].startswith(b"\x89PNG") for name in page.pictures)
    assert not re.search(r"\*\*|\]\(|^#|^\|", page.text, re.MULTILINE)
