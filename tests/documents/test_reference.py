"""docs/manual/glcic-backend.md and glcic-train.md list all commands and options as the programs have them."""

import click
import pytest

from .make_reference import MANUAL, PROGRAMS, commands, page


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_page_is_what_the_program_says_now(program):
    written = (MANUAL / f"{program}.md").read_text(encoding="utf-8")

    assert written == page(program), "run `python -m tests.documents.make_reference`"


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_page_has_every_option_of_every_command(program):
    text = page(program)
    for name, command in commands(PROGRAMS[program][0], program):
        (section,) = (part for part in text.split("\n## ") if part.startswith(f"`{name}`\n"))
        for option in command.params:
            if isinstance(option, click.Option):
                assert all(word in section for word in [*option.opts, *option.secondary_opts]), (name, option.opts)


def test_the_default_number_of_processes_is_not_that_of_this_machine():
    assert "one for each core" in page("glcic-train")
