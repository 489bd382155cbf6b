"""A page of the manual in; what a browser shows of it out: HTML, and the pictures that it shows.

It knows the little of Markdown that the page uses: headings, paragraphs, lists, tables, fenced code, pictures, links,
emphasis and code. A link to another page of the manual becomes plain text, because that page is not there.
"""

import html
import re
from pathlib import Path

_HEAD = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.5 sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em; }}
img {{ max-width: 100%; }} pre {{ background: #eee; padding: 1em; overflow: auto; }}
table {{ border-collapse: collapse; }} td, th {{ border: 1px solid #bbb; padding: .3em .6em; text-align: left; }}
</style></head><body>
"""
_FOOT = "</body></html>\n"

_INLINE = [
    (re.compile(r"!\[([^\]]*)\]\([^)]*?([^/)]+)\)"), r'<img src="\2" alt="\1">'),
    (re.compile(r"\[([^\]]*)\]\((https?:[^)]*)\)"), r'<a href="\2">\1</a>'),
    (re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\*\*(.+?)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w*])\*([^*\s][^*]*)\*"), r"<em>\1</em>"),
]
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
_CODE = re.compile(r"(`[^`]*`)")


def pictures(text: str) -> list[str]:
    """The paths of the pictures that a page shows, as it names them."""
    return _PICTURE.findall(text)


def read_manual(page: Path) -> dict[str, bytes]:
    """A page of the manual and its pictures, by the names of files that lie in one folder.

    Raises:
        OSError: one of them cannot be read.
    """
    text = page.read_text(encoding="utf-8")
    files = {Path(name).name: (page.parent / name).read_bytes() for name in pictures(text)}
    files[page.with_suffix(".html").name] = to_html(text).encode()
    return files


def to_html(text: str) -> str:
    """The page as HTML."""
    title = re.search(r"^# (.*)$", text, re.MULTILINE)
    blocks = [_block(block) for block in _blocks(text)]
    return _HEAD.format(title=html.escape(title.group(1) if title else "")) + "\n".join(blocks) + "\n" + _FOOT


def _blocks(text: str) -> list[str]:
    """What empty lines part; fenced code is one block whatever it holds."""
    parts = re.split(r"^(```.*?^```)$", text, flags=re.MULTILINE | re.DOTALL)
    blocks = []
    for part in parts:
        blocks += [part] if part.startswith("```") else re.split(r"\n\s*\n", part)
    return [block.strip("\n") for block in blocks if block.strip()]


def _block(block: str) -> str:
    lines = block.split("\n")
    if block.startswith("```"):
        return f"<pre>{html.escape(chr(10).join(lines[1:-1]))}</pre>"
    heading = re.match(r"(#+) (.*)", block)
    if heading:
        level = len(heading.group(1))
        return f"<h{level}>{_inline(heading.group(2))}</h{level}>"
    if block.startswith("|"):
        return _table(lines)
    if block.startswith("- "):
        items = re.split(r"\n(?=- )", block)
        return "<ul>" + "".join(f"<li>{_inline(item[2:])}</li>" for item in items) + "</ul>"
    return f"<p>{_inline(block)}</p>"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    head, _rule, *body = rows
    parts = ["<tr>" + "".join(f"<th>{_inline(cell)}</th>" for cell in head) + "</tr>"]
    parts += ["<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>" for row in body]
    return "<table>" + "".join(parts) + "</table>"


def _inline(text: str) -> str:
    """A paragraph's text; in code nothing is marked up."""
    parts = []
    for part in _CODE.split(text):
        if part.startswith("`") and part.endswith("`") and len(part) > 1:
            parts.append(f"<code>{html.escape(part[1:-1])}</code>")
            continue
        marked = html.escape(part, quote=False)
        for pattern, replacement in _INLINE:
            marked = pattern.sub(replacement, marked)
        parts.append(marked)
    return "".join(parts)
