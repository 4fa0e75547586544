"""Click options made from the settings, grouped by stage in ``--help``."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from segment.config.config import GROUPS, SegmentConfig, list_settings
from segment.config.conflicts import reject_unused
from segment.config.setting import Setting, Span
from segment.core.errors import SettingsError

if TYPE_CHECKING:
    from segment.segmenter.class_model.class_model import ClassModel
import contextlib
from collections.abc import Iterator

from segment.cli.terminal import say
from segment.runs.workers.dask_client import Cluster

__all__ = [
    "BANDS",
    "DEBUG",
    "JSON",
    "OUTPUT",
    "RASTER_GROUPS",
    "SCHEDULER",
    "START",
    "StagedCommand",
    "cluster_at",
    "config_from",
    "mention_default",
    "options_of",
    "setting_options",
    "started",
]


Function = TypeVar("Function", bound=Callable[..., Any])
OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs"),
    show_default=True,
    metavar="FOLDER",
    help="Folder for the results.",
)
START = click.option(
    "--start",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="Start the fit from the classes of a saved model; their number, names and order are kept.",
)
JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print the run as one JSON document instead of tables, for scripts."
)
DEBUG = click.option("--debug", is_flag=True, help="Show the traceback of an error.")


class NumberOrWord(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from Click 8.3 on
    """A number, or one of the words that may stand for it."""

    def __init__(self, kind: type, words: tuple[str, ...]) -> None:
        self._number = click.types.convert_type(kind)
        self.name = " or ".join((self._number.name, *words))
        self._words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word as it is, anything else as a number."""
        if value in self._words:
            return value
        try:
            return self._number.convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)


class StagedOption(click.Option):
    """An option that knows which stage it belongs to."""

    def __init__(self, *args: Any, group: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class StagedCommand(click.Command):
    """A command whose help lists the options stage by stage."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of each stage under its heading, those of no stage last."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        for group in (*GROUPS, ""):
            rows = [option.get_help_record(ctx) for option in options if getattr(option, "group", "") == group]
            shown_rows = [row for row in rows if row]
            if shown_rows:
                with formatter.section(group or "Other"):
                    formatter.write_dl(shown_rows, col_max=28)


def setting_options(function: Function) -> Function:
    """Give a command an option for every setting."""
    return options_of(*GROUPS)(function)


def options_of(
    *groups: str, besides: tuple[str, ...] = (), leave_out: tuple[str, ...] = ()
) -> Callable[[Function], Function]:
    """Give a command an option for every setting of these groups and those named besides, but for some left out."""

    def decorate(function: Function) -> Function:
        for setting in reversed(list_settings()):
            if (setting.group in groups or setting.name in besides) and setting.name not in leave_out:
                function = _option(setting)(function)
        return function

    return decorate


def config_from(given: dict[str, Any], **defaults: Any) -> SegmentConfig:
    """The configuration of the options that were given, and of other defaults than usual where they were not."""
    values = {name: value for name, value in given.items() if value not in (None, ())}
    config = SegmentConfig.of(**{**defaults, **values})
    reject_unused(config, [setting for setting in list_settings() if setting.name in values])
    return config


def started(start: Path | None, given: dict[str, Any]) -> tuple[ClassModel | None, SegmentConfig]:
    """The model to start from, if there is one, and the settings."""
    if start is None:
        return None, config_from(given)
    if given["regions"] is not None:
        raise SettingsError(f"regions (--regions): not with --start; got {given['regions']}. Leave one out.")
    from segment.segmenter.class_model.storage import load_class_model

    model = load_class_model(start)
    config = config_from(given, **model.settings)
    model.refuse_settings(config)
    return model, config


def mention_default(given: dict[str, Any], config: SegmentConfig, model: ClassModel | None) -> None:
    """Say how many classes there will be where nobody said so."""
    if given["k"] is None and model is None and config.regions == 0:
        click.echo(f"No -k given: {config.k} classes.", err=True)


def _option(setting: Setting) -> Callable[[Function], Function]:
    names = (setting.option, setting.name)
    common: dict[str, Any] = {"cls": StagedOption, "group": setting.group, "default": None}
    if setting.type is bool:
        return click.option(*names, is_flag=True, help=setting.help, **common)
    words = ",".join(setting.default) or "none" if setting.type is tuple else _number(setting.default)
    text = f"{setting.help} [default: {words}]"
    if setting.choices and setting.type is str:
        return click.option(*names, type=click.Choice(setting.choices), help=text, **common)
    if setting.type is tuple and not setting.choices:
        return click.option(*names, multiple=True, metavar=setting.form.text, help=text, **common)
    if setting.type is tuple:
        return click.option(*names, metavar=",".join(setting.choices), help=text, **common)
    if setting.type is Span:
        return click.option(*names, metavar="LOW..HIGH", help=text, **common)
    kind = int if setting.type is int else float
    number = NumberOrWord(kind, setting.choices) if setting.choices else kind
    metavar = "|".join((_range(setting), *setting.choices))
    return click.option(*names, type=number, metavar=metavar, help=text, **common)


def _number(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _range(setting: Setting) -> str:
    if math.isinf(setting.high):
        return f">={setting.low:g}"
    return f"{setting.low:g}..{setting.high:.10g}"


RASTER_GROUPS = ("Classes", "Preprocessing", "Features", "Mixture", "Space", "Clean-up")


def _band_numbers(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:  # noqa: ARG001
    """The numbers in a text such as 4,3,2."""
    try:
        numbers = tuple(int(part) for part in value.split(",")) if value else ()
    except ValueError:
        numbers = (0,)
    if any(number < 1 for number in numbers) or len(set(numbers)) < len(numbers):
        raise SettingsError(
            f"bands (--bands): numbers from 1, each once, with commas between them, such as 4,3,2; got {value!r}."
        )
    return numbers


BANDS = click.option(
    "--bands",
    callback=_band_numbers,
    default="",
    metavar="NUMBER,...",
    help="Bands to use, counted from 1. Three are red, green and blue. [default: all]",
)
SCHEDULER = click.option(
    "--scheduler",
    default="",
    metavar="tcp://HOST:PORT",
    help="Work on the Dask cluster of this scheduler. Its workers must see the same files under the same paths. Needs "
    "Dask: pip install distributed.",
)


@contextlib.contextmanager
def cluster_at(scheduler: str) -> Iterator[Cluster | None]:
    """The cluster of a scheduler, of which warnings are told; None where there is none."""
    if not scheduler:
        yield None
        return
    with Cluster(scheduler) as cluster:
        for note in cluster.notes:
            say(f"Warning: {note}.")
        yield cluster
