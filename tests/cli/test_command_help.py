"""The help: a dozen options in one order for all commands, examples first, everything with --help-all."""

from __future__ import annotations

import re

import pytest
from program_runs import Program

COMMANDS = ["run", "batch", "explore", "compare", "report", "serve", "fit", "apply", "relabel", "raster", "doctor"]


def list_options(text: str) -> list[str]:
    return re.findall(r"^  (?:-\w, )?(-k|--[\w-]+)", text, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_fits_a_head_and_has_examples_first(run_program: Program, command: str) -> None:
    text = run_program(command, "--help").out
    options = list_options(text)
    assert options[-2:] == ["--help-all", "--help"]
    assert len(options) <= (12 if command == "run" else 16)
    assert max(map(len, text.splitlines())) <= 80
    if command != "doctor":
        assert text.index("\nExamples:\n  segment " + command) < text.index("\nOptions:\n")
    # Without the indentation of the docstring that it is.
    assert not re.search(r"^ {3,}\S", text.partition("\nOptions:\n")[0], re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_the_examples_is_in_the_short_help(run_program: Program, command: str) -> None:
    """An example with an option that the help does not name is a riddle."""
    text = run_program(command, "--help").out
    examples, _, options = text.partition("\nOptions:\n")
    used = set(re.findall(r" (-k|--[\w-]+)(?= |$)", examples.partition("\nExamples:\n")[2].partition("\n\n")[0], re.M))
    assert used <= set(list_options(options))


def test_relabel_lists_the_products_that_labels_give(run_program: Program) -> None:
    for option in ("--help", "--help-all"):
        text = run_program("relabel", option).out
        assert "outline" in text
        assert "uncertainty" not in text


def test_options_stand_in_one_order_in_all_commands(run_program: Program) -> None:
    orders = [list_options(run_program(command, "--help").out) for command in COMMANDS]
    usual = max(orders, key=len)
    for order in orders:
        assert [option for option in usual if option in order] == [option for option in order if option in usual]


def test_the_long_help_has_every_option_of_the_short_one_and_more(run_program: Program) -> None:
    short, long = (run_program("run", option).out for option in ("--help", "--help-all"))
    assert set(list_options(short)) < set(list_options(long))
    assert "\nMixture:\n" in long
    assert "--tol-step" in long
    assert "--tol-step" not in short


def test_what_is_to_be_copied_is_on_one_line(run_program: Program) -> None:
    text = run_program("batch", "--help-all").out
    assert "'gmm-segment[dask]'" in text
    assert not re.search(r"\w-$", text, re.MULTILINE)


def test_a_long_text_is_cut_to_its_subject_and_its_choices(run_program: Program) -> None:
    text = " ".join(run_program("run", "--help").out.split())
    assert "--save PRODUCT,... What to write: panel, overlay, contours, labels, " in text
    assert "--overwrite Replace output files that exist. " in text
    assert "Name of a class in tables, legends and models; may be repeated. --mask PATH " in text


def test_the_program_lists_its_commands_in_the_order_of_use(run_program: Program) -> None:
    text = run_program("--help").out
    assert re.findall(r"^  (\w+)  ", text.partition("\nCommands:\n")[2], re.MULTILINE) == COMMANDS
    assert COMMANDS[:2] == ["run", "batch"]
    assert "\nExamples:\n  segment run landscape.jpg -k 4\n" in text
