"""The help of the commands: examples first, then the options that most people need, or all of them stage by stage."""

from __future__ import annotations

import difflib
import inspect
import platform
import shlex
from collections.abc import Callable, Sequence
from typing import Any

import click

from segment.config.config import GROUPS
from segment.config.setting_names import OTHER_NAMES
from segment.core.errors import SettingsError, printable_path
from segment.core.version import __version__, find_version
from segment.runs.path_checks import guess_command

__all__ = ["COMMON", "OptionMaker", "StagedCommand", "StagedOption", "SuggestingGroup", "print_version"]

# Parameters in --help, in this order; --help-all has all options.
COMMON = (
    *("recursive", "model_option", "resume", "jobs"),
    *("k", "regions", "merge", "name", "mask", "smoothness", "save", "palette", "output", "overwrite"),
)
# Commands in `segment --help`: first those for pictures and folders, then those for saved classes and labels.
COMMANDS = ("run", "batch", "explore", "compare", "report", "serve", "fit", "apply", "relabel", "raster", "doctor")
MAX_HELP = 130  # characters of an option in --help
# Click breaks lines at hyphens, which would cut options and commands to copy in two; at these it does not.
_HYPHEN = "\N{NON-BREAKING HYPHEN}"


class StagedOption(click.Option):
    """The option of a setting, which knows which stage it belongs to, and what may be chosen."""

    def __init__(self, *args: Any, group: str = "", choices: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group
        self.choices = choices

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Convert what was given; what cannot be converted stays as it is, and the setting says what is allowed.

        Parameters
        ----------
        ctx : click.Context
        value : str or list of str

        Returns
        -------
        object
        """
        try:
            return super().type_cast_value(ctx, value)
        except click.BadParameter:
            return value


class OptionMaker(click.Option):
    """Options of a command that are made when the command is used; made for all commands, they would delay every start.

    Parameters
    ----------
    names : sequence of str
        An option that nobody sees.
    make : callable
        Returns the options, in the order of the help.
    """

    def __init__(self, names: Sequence[str], *, make: Callable[[], list[StagedOption]]) -> None:
        super().__init__(names)
        self.make = make


class StagedCommand(click.Command):
    """A command with a short help, and a long one in which options stand stage by stage.

    The docstring of its function is its help. The function returns the exit code.

    Parameters
    ----------
    *args, **kwargs
        Those of :class:`click.Command`.
    examples : tuple of str
        Commands that begin the help.
    usual : tuple of str
        Parameters of this command that are in --help before those that are usual for all.
    """

    _given: list[click.Parameter]

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), usual: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = inspect.cleandoc(self.help or "")
        self.examples = examples
        self.usual = usual
        self._given.append(
            click.Option(
                ["--help-all"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_print_full_help,
                help="Show all options, stage by stage.",
            )
        )

    @property
    def params(self) -> list[click.Parameter]:
        """Its arguments and options."""
        if any(isinstance(param, OptionMaker) for param in self._given):
            made = [param.make() if isinstance(param, OptionMaker) else [param] for param in self._given]
            self._given = [param for part in made for param in part]
        return self._given

    @params.setter
    def params(self, given: list[click.Parameter]) -> None:
        self._given = given

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; for an unknown option suggest what it is called here, or the command that has it.

        Parameters
        ----------
        ctx : click.Context
        args : list of str
            The arguments of the command.

        Returns
        -------
        list of str
            The arguments that are left.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hint = self._suggest_option(error.option_name, ctx)
            raise click.NoSuchOption(error.option_name, f"{error.message}{hint}", ctx=error.ctx) from None

    def _suggest_option(self, given: str, ctx: click.Context) -> str:
        """Suggest an option of this command, or of another one, for one that it does not have."""
        shown = self.list_shown()
        name = given.lstrip("-").replace("-", "_")
        setting = OTHER_NAMES.get(name)
        named = [param.opts[0] for param in shown if param.name == setting or f"-{name}" in param.opts]
        if named:
            return f" Did you mean {named[0]!r}?"
        group = ctx.parent.command if ctx.parent else None
        others = group.commands.values() if isinstance(group, click.Group) else ()
        for other in sorted(others, key=lambda command: COMMANDS.index(command.name or "")):
            if isinstance(other, StagedCommand) and any(given in param.opts for param in other.list_shown()):
                return f" It is an option of 'segment {other.name}'."
        if isinstance(group, click.Group) and any(given in param.opts for param in group.params):
            return " It is an option of 'segment' alone."
        # Without the hyphens, which all have.
        options = {option.lstrip("-"): option for param in shown for option in param.opts}
        near = difflib.get_close_matches(given.lstrip("-").lower(), options, n=1, cutoff=0.7)
        return f" Did you mean {options[near[0]]!r}?" if near else ""

    def list_shown(self) -> list[click.Parameter]:
        """List the options that the help shows, and the arguments."""
        return [param for param in self.params if not getattr(param, "hidden", False)]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help, in which words with hyphens stay whole.

        Parameters
        ----------
        ctx : click.Context
        formatter : click.HelpFormatter
            Where it is written.
        """
        super().format_help(ctx, formatter)
        formatter.buffer[:] = [text.replace(_HYPHEN, "-") for text in formatter.buffer]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the first sentence, the examples, and what else is to be said.

        Parameters
        ----------
        ctx : click.Context
        formatter : click.HelpFormatter
            Where they are written.
        """
        first, _, rest = (self.help or "").partition("\n\n")
        _write_text(formatter, first)
        write_examples(formatter, self.examples)
        _write_text(formatter, rest)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options that most people need, or after ``--help-all`` those of each stage under its heading.

        Parameters
        ----------
        ctx : click.Context
        formatter : click.HelpFormatter
            Where they are written.
        """
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        if not ctx.meta.get("help_all"):
            by_name = {option.name: option for option in options}
            usual = [by_name[name] for name in dict.fromkeys((*self.usual, *COMMON, "help_all")) if name in by_name]
            # Click adds its option for the help last.
            usual.append(options[-1])
            # A command of few options shows them all.
            self._write_section(ctx, formatter, "Options", usual if len(options) > len(COMMON) else options, short=True)
            return
        for group in (*GROUPS, ""):
            members = [option for option in options if getattr(option, "group", "") == group]
            self._write_section(ctx, formatter, group or "Other", members, short=False)

    def _write_section(
        self,
        ctx: click.Context,
        formatter: click.HelpFormatter,
        title: str,
        options: list[click.Option],
        *,
        short: bool,
    ) -> None:
        """Write options under a heading; those that are hidden have no record."""
        records = [(option, *record) for option in options if (record := option.get_help_record(ctx))]
        if records:
            rows = [(names, _shorten(text, option) if short else text) for option, names, text in records]
            with formatter.section(title):
                formatter.write_dl([(names, text.replace("-", _HYPHEN)) for names, text in rows], col_max=28)


class SuggestingGroup(click.Group):
    """The program: its commands in the order of :data:`COMMANDS`, and an unknown one answered with what may be meant.

    Parameters
    ----------
    *args, **kwargs
        Those of :class:`click.Group`.
    examples : tuple of str
        Commands that begin the help.
    """

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """List the names of the commands, the most usual first."""
        return sorted(self.commands, key=COMMANDS.index)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the program does, and the examples.

        Parameters
        ----------
        ctx : click.Context
        formatter : click.HelpFormatter
            Where they are written.
        """
        super().format_help_text(ctx, formatter)
        write_examples(formatter, self.examples)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names.

        Parameters
        ----------
        ctx : click.Context
        args : list of str
            The arguments of the program.

        Returns
        -------
        tuple of (str, Command, list of str)
            Its name, itself, and the arguments that are left.
        """
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            known = self.list_commands(ctx)
            near = difflib.get_close_matches(name, known, n=1)
            # A path in place of a command, or a command with a slip.
            guess = guess_command(name)
            words = [guess, *args] if guess else [*near, *args[1:]]
            hint = f"Did you mean: segment {shlex.join(words)}?" if guess or near else "See 'segment --help'."
            shown = printable_path(name)
            raise SettingsError(f"COMMAND: one of {', '.join(known)}; got {shown}. {printable_path(hint, limit=500)}")
        return super().resolve_command(ctx, args)


def print_version(ctx: click.Context, _parameter: click.Parameter, is_given: bool) -> None:
    """Print the version of the program, of Python and of the libraries on which results depend, and end.

    Parameters
    ----------
    ctx : click.Context
    is_given : bool
        Whether ``--version`` is given.
    """
    if not is_given or ctx.resilient_parsing:
        return
    # Loaded here: the metadata of packages take a tenth of the time of a start.
    from segment.runs.installation import REQUIRED

    click.echo(f"segment, version {__version__}")
    click.echo(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    # Without loading them: that would take a second, and fail for a library that is broken.
    click.echo(", ".join(f"{name} {find_version(name) or 'missing'}" for name in REQUIRED))
    ctx.exit()


def write_examples(formatter: click.HelpFormatter, examples: tuple[str, ...]) -> None:
    """Write commands under the heading "Examples", a line each.

    Parameters
    ----------
    formatter : click.HelpFormatter
        Where they are written.
    examples : tuple of str
    """
    if examples:
        with formatter.section("Examples"):
            for example in examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


def _print_full_help(ctx: click.Context, _parameter: click.Parameter, is_given: bool) -> None:
    """Print the long help and end."""
    if is_given and not ctx.resilient_parsing:
        ctx.meta["help_all"] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


def _write_text(formatter: click.HelpFormatter, text: str) -> None:
    """Write paragraphs, indented."""
    if text:
        indent = " " * formatter.indent_increment
        unbroken = text.replace("-", _HYPHEN)
        wrapped = click.wrap_text(unbroken, formatter.width, indent, indent, preserve_paragraphs=True)
        formatter.write(f"\n{wrapped}\n")


def _shorten(text: str, option: click.Option) -> str:
    """Keep the first sentence of what an option does, or the beginning of a long one, and its default."""
    text, bracket, default = text.partition(" [default: ")
    first = text.split(". ")[0].rstrip(".")
    if len(first) > MAX_HELP:
        # Those that stand beside the option's name already are not said again.
        choices = "" if "|" in str(option.metavar) else ", ".join(getattr(option, "choices", ()))
        first = first.partition(":")[0] + (f": {choices}" if choices else "")
    return f"{first}." if default in ("", "none]") else f"{first}.{bracket}{default}"
