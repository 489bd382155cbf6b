"""What holds for all pages: links and pictures lead somewhere, every page can be found, none is too long to read."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
PAGES = [
    *sorted(REPOSITORY.glob("*.md")),
    *(page for part in ("docs", "gimp_plugin", "glcic_backend", "tests") for page in (REPOSITORY / part).rglob("*.md")),
]
MOST_MANUAL_BYTES = 8192
REFERENCE = {"glcic-backend.md", "glcic-train.md"}
"""Pages to look something up in, not to read."""


def name(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def prose(page: Path) -> str:
    """The page without its code, in which brackets are no links."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def links(page: Path) -> list[str]:
    """Targets of links and pictures within the repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [target for target in targets if not target.startswith(("http://", "https://"))]


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    code_free = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", code_free, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_and_picture_leads_somewhere(page):
    broken = []
    for target in links(page):
        file, _, anchor = unquote(target).partition("#")
        path = (page.parent / file).resolve() if file else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("part", ["manual", "workshop"])
def test_the_index_leads_to_every_page_of_its_part(part):
    index = DOCS / part / "README.md"
    reached = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}

    assert {page for page in (DOCS / part).glob("*.md") if page != index} - reached == set()


def test_every_picture_is_shown_on_a_page():
    shown = {(page.parent / target).resolve() for page in PAGES for target in links(page)}

    assert set((DOCS / "images").iterdir()) - shown == set()


def test_the_readme_leads_to_both_indexes():
    assert {"docs/manual/README.md", "docs/workshop/README.md"} <= set(links(REPOSITORY / "README.md"))


def test_a_page_of_the_manual_can_be_read_in_five_minutes():
    pages = [page for page in (DOCS / "manual").glob("*.md") if page.name not in REFERENCE]

    assert {page.name for page in pages if page.stat().st_size > MOST_MANUAL_BYTES} == set()


def test_pages_that_the_program_names_exist():
    sources = [path for part in ("glcic_backend", "train", "gimp_plugin") for path in (REPOSITORY / part).rglob("*.py")]
    named = {(path, page) for path in sources for page in re.findall(r"docs/[\w/-]+\.md", path.read_text("utf-8"))}

    assert len(named) > 5
    assert {page for _, page in named if not (REPOSITORY / page).is_file()} == set()
