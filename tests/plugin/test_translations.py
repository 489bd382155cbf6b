"""The catalogues of translations."""

import ast
import gettext
import string
import subprocess
import sys

import pytest

from .conftest import REPOSITORY

PLUGIN = REPOSITORY / "gimp_plugin" / "inpaint-selection"
CATALOGUES = sorted(PLUGIN.glob("locale/*/LC_MESSAGES/inpaint-selection.po"))


def texts_in_the_code():
    """Every text that the plug-in passes to `_`."""
    calls = [node for path in PLUGIN.rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    calls = [node for node in calls if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_"]
    return {ast.literal_eval(call.args[0]) for call in calls}


def read_source(path):
    """The texts of a .po file, by their English."""
    entries, part = [], None
    for line in path.read_text(encoding="utf-8").splitlines():
        keyword, _blank, quoted = line.partition(" ")
        if keyword in ("msgid", "msgstr"):
            if keyword == "msgid":
                entries.append({"msgid": "", "msgstr": ""})
            part, line = keyword, quoted
        if line.startswith('"'):
            entries[-1][part] += ast.literal_eval(line)
    return {entry["msgid"]: entry["msgstr"] for entry in entries}


def placeholders(text):
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}


def test_there_are_german_and_japanese():
    assert [path.parts[-3] for path in CATALOGUES] == ["de", "ja"]


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-3])
def test_every_text_of_the_plugin_is_translated_with_its_placeholders(catalogue):
    translations = read_source(catalogue)

    assert set(translations) == texts_in_the_code() | {""}
    for english, translated in translations.items():
        assert translated
        assert english == "" or placeholders(translated) == placeholders(english)


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-3])
def test_the_compiled_catalogue_is_that_of_its_source(catalogue):
    # After a change: msgfmt -o inpaint-selection.mo inpaint-selection.po
    with open(catalogue.with_suffix(".mo"), "rb") as file:
        compiled = gettext.GNUTranslations(file)

    assert {english: compiled.gettext(english) for english in texts_in_the_code()} | {"": compiled.gettext("")} == (
        read_source(catalogue)
    )


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-3])
def test_underlined_letters_are_unique_and_there_where_the_english_has_them(catalogue):
    translations = read_source(catalogue)
    labels = [english for english in translations if "_" in english and not english.endswith("...")]
    letters = [translations[english].partition("_")[2][:1].lower() for english in labels]

    assert all(letters)
    assert len(set(letters)) == len(letters)


@pytest.mark.parametrize(
    ("language", "expected"), [("de", "Schnell"), ("de_AT", "Schnell"), ("ja", "高速"), ("xx", "Fast")]
)
def test_the_language_of_the_environment_is_used(installed, language, expected):
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); from inpaint_selection.texts import _; print(_('Fast'))"
    )

    said = subprocess.run(
        [sys.executable, "-I", "-c", code],
        env={"LANGUAGE": language, "PYTHONUTF8": "1", "LANG": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
    )

    assert said.stdout.strip() == expected, said.stderr
