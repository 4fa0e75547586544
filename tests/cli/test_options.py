"""Options: they are the settings, their help shows the defaults, and they reach the configuration."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from program_runs import Program, read_labels, take_one_line

from segment.cli.commands import cli
from segment.config.config import GROUPS, list_settings
from segment.config.setting import Span

SETTINGS = {setting.name: setting for setting in list_settings()}


COMMANDS = ("run", "batch")


COMMAND_OPTIONS = {"config", "scheduler", "as_json", "inputs", "folder", "recursive", "start", "output", "debug"}


COMMAND_OPTIONS |= {"help_all", "jobs", "resume", "timeout", "watch", "model_option", "align"}


def make_context(command: str, **given: int) -> click.Context:
    """The context of a command below its program, from which Click takes, once and for all, the names of its help."""
    program = click.Context(cli, **cli.context_settings)
    context = click.Context(cli.commands[command], parent=program, info_name=command, **given)
    context.meta["help_all"] = True
    return context


def get_help(command: str) -> str:
    """All that the help of a command has, unwrapped to one line."""
    return " ".join(cli.commands[command].get_help(make_context(command)).split())


@pytest.mark.parametrize("command", COMMANDS)
def test_options_are_the_settings_and_those_of_the_command(command: str) -> None:
    params = {param.name: param for param in cli.commands[command].params}
    assert params.keys() - COMMAND_OPTIONS == SETTINGS.keys()
    for name, setting in SETTINGS.items():
        assert params[name].opts == list(setting.options)
        assert params[name].required is False


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_every_default(command: str) -> None:
    options = [param for param in cli.commands[command].params if isinstance(param, click.Option)]
    text = get_help(command)
    assert "-h, --help" in text
    for option in options:
        assert option.help
        assert " ".join(option.help.split()) in text
    for setting in list_settings():
        if setting.type is bool:
            assert setting.default is False  # a flag that is not given is off
        else:
            shown = ",".join(setting.default) or "none" if setting.type is tuple else setting.default
            (tail,) = re.findall(re.escape(setting.help) + r" \[default: ([^]]*)\]", text)
            if setting.type is Span:
                assert setting.check(tail) == setting.default
            else:
                assert (
                    setting.type is tuple
                    or setting.is_text
                    or tail in setting.choices
                    or setting.type(tail) == setting.default
                )
                assert (setting.type is not tuple and tail not in setting.choices) or tail == shown


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_groups_in_order_and_options_under_their_group(command: str) -> None:
    context = make_context(command, max_content_width=200, terminal_width=200)
    lines = cli.commands[command].get_help(context).splitlines()
    headings = [line[:-1] for line in lines if re.fullmatch(r"\S.*:", line)]
    assert headings == ["Examples", *GROUPS, "Other"]
    for setting in list_settings():
        (place,) = [i for i, line in enumerate(lines) if re.match(rf"  {re.escape(setting.option)}(,| |$)", line)]
        heading = max(i for i, line in enumerate(lines[:place]) if re.fullmatch(r"\S.*:", line))
        assert lines[heading] == f"{setting.group}:"


def test_default_number_of_classes_is_printed(run_program: Program) -> None:
    result = run_program("run", "a.png", "-o", "out")
    assert (result.code, result.err) == (0, "No -k given: 4 classes.\n")
    assert read_labels("out/a_labels.png").max() == 4
    assert run_program("batch", ".", "-o", "again").err.startswith("No -k given: 4 classes.\n")
    # What cannot be read has no classes.
    assert run_program("run", "no.png", "a.png", "-o", "two").err.splitlines()[0].startswith("Error: no.png: ")
    assert "No -k given" not in run_program("fit", "no.png").err


def test_a_product_that_a_report_lacks_is_named_alone(run_program: Program) -> None:
    result = run_program("report", "a.png", "--save", "panel")
    line = "Error: save (--save): not used by segment report; got panel. Give it to segment run.\n"
    assert (result.code, result.err) == (2, line)


def test_chosen_number_of_classes_is_explained_on_stderr(run_program: Program) -> None:
    result = run_program("run", "a.png", "-k", "auto", "-o", "out")
    assert result.code == 0
    assert take_one_line(result.err).startswith("a.png: k = 4 chosen of 1..4: its BIC of ")
    assert take_one_line(result.err).endswith("; runner-up 3.")
    assert read_labels("out/a_labels.png").max() == 4
    assert "k = " in run_program("compare", "a.png", "-k", "auto", "--k-range", "2..3", "-o", "out").err
    assert run_program("fit", "a.png", "-k", "auto", "-o", "model.json").err == result.err.replace("a.png: ", "")
    again = run_program("batch", ".", "-k", "auto", "--k-range", "2..3", "--criterion", "icl", "-o", "again")
    assert again.err.startswith("a.png: k = 3 chosen of 2..3: its ICL of ")


def test_criterion_is_refused_without_auto(run_program: Program) -> None:
    result = run_program("run", "a.png", "-k", "3", "--criterion", "icl")
    assert result.code == 2
    assert "criterion (--criterion): only with k = auto" in take_one_line(result.err)


@pytest.mark.parametrize("words", [["--grayscale"], ["--greyscale"]])
def test_both_spellings_of_options_are_accepted(words: list[str], run_program: Program) -> None:
    colors = ["--seed-colour" if words == ["--grayscale"] else "--seed-color", "#ffffff"]
    result = run_program("run", "a.png", "-k", "2", "--palette", "gray", *words, *colors, "--save", "labels")
    assert (result.code, result.err) == (0, "")
    assert read_labels("outputs/a_labels.png").max() == 2


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["a.png", "-k", "3"], "Did you mean: segment run a.png -k 3?"),
        (["two words.jpg"], "Did you mean: segment run 'two words.jpg'?"),
        (["."], "Did you mean: segment batch .?"),
        (["rnu", "a.png"], "Did you mean: segment run a.png?"),
        (["segmentation"], "See 'segment --help'."),
    ],
)
def test_an_unknown_command_is_answered_with_what_may_be_meant(
    run_program: Program, arguments: list[str], hint: str
) -> None:
    result = run_program(*arguments)
    assert (result.code, result.out) == (2, "")
    line = take_one_line(result.err)
    known = ", ".join(cli.list_commands(click.Context(cli)))
    assert line.startswith(f"Error: COMMAND: one of {known}; got {arguments[0]}. ")
    assert line.endswith(hint)


def test_an_output_with_the_name_of_a_file_is_asked_about(run_program: Program) -> None:
    result = run_program("run", "a.png", "-o", "result.PNG")
    assert result.code == 2
    line = take_one_line(result.err)
    assert line.startswith(
        "Error: output (-o): a folder, in which files are named after their input; got result.PNG. Is "
    )
    assert line.endswith("such as -o result, or -o - > result.PNG for one picture.")
    assert "-o -" not in run_program("batch", ".", "-o", "result.png").err
    Path("maps.png").mkdir()
    assert run_program("run", "a.png", "-k", "2", "-o", "maps.png").code == 0


def test_products_may_have_spaces_after_their_commas(run_program: Program) -> None:
    result = run_program("run", "a.png", "-k", "2", "--save", "overlay, labels", "-o", "out")
    assert (result.code, result.err) == (0, "")
    assert sorted(path.name for path in Path("out").iterdir()) == ["a_labels.png", "a_overlay.png"]


def test_products_without_a_comma_are_explained(run_program: Program) -> None:
    result = run_program("run", "a.png", "--save", "overlay", "panel")
    assert result.code == 2
    line = take_one_line(result.err)
    assert line.startswith("Error: save (--save): one text of products with commas between them")
    assert line.endswith("got panel as an input, which is no file. Put a comma in place of the space before it.")


def test_names_of_classes_are_explained(run_program: Program) -> None:
    def run(*names: str) -> str:
        result = run_program(
            "run", "a.png", "-k", "4", "-o", "out", *(word for name in names for word in ("--name", name))
        )
        return result.err

    assert "got 9. There is no class 9: give another number." in take_one_line(run("9=sky"))
    assert "a name has no comma, because commas separate names; got '4=sky, clouds'." in take_one_line(
        run("4=sky, clouds")
    )
    assert "at most once; got 1 twice." in take_one_line(run("1=a", "1=b"))
    assert run("4=sky, 1=land") == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-k", "1_0"), "k (-k): a whole number from 1 to 255 or auto; got '1_0'."),
        (("-k", f"1_{309 * '0'}"), "0'."),  # no float is as large
        (("--max-size", "1_000"), "; got '1_000'."),
        (("--smoothness", "\u0663"), "; got '\u0663'."),
    ],
)
def test_what_only_python_takes_for_a_number_is_refused(
    words: tuple[str, ...], message: str, run_program: Program
) -> None:
    code, _, err = run_program("run", "a.png", *words)
    assert (code, message in err) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("batch", ".", "--jobs", "1_0"),
        ("batch", ".", "--timeout", "1_0"),
        *(("serve", option, "1_0") for option in ("--port", "--workers", "--max-waiting", "--max-upload", "--timeout")),
    ],
)
def test_options_that_are_no_settings_take_no_other_numbers(words: tuple[str, ...], run_program: Program) -> None:
    code, _, err = run_program(*words)
    kind = "float" if "--timeout" in words else "integer"
    assert (code, f"'1_0' is not a valid {kind}." in err) == (2, True)


def test_products_of_every_save_are_written(run_program: Program) -> None:
    result = run_program("run", "a.png", "-k", "2", "--save", "labels,config", "--save", "classes")
    assert result.code == 0
    assert sorted(path.name for path in Path("outputs").iterdir()) == ["a_classes.csv", "a_config.toml", "a_labels.png"]
    again = run_program("run", "a.png", "--config", "outputs/a_config.toml", "--save", "mean", "-o", "again")
    assert again.code == 0
    assert [path.name for path in Path("again").iterdir()] == ["a_mean.png"]
