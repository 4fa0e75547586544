"""Click options made from the settings, grouped by stage in ``--help``, and the configuration made from them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from segment.cli.command_help import OptionMaker, StagedOption
from segment.cli.config_option import CONFIG, Options, leave_out_contradicted, leave_out_unused, split_by_source
from segment.cli.parameter_types import NamedPath, NumberOrWord
from segment.cli.terminal import print_message
from segment.config.config import SegmentConfig, list_settings
from segment.config.conflicts import reject_unused
from segment.config.entry_points import ENTRY_POINTS, START, EntryPoint, reject_ignored
from segment.config.products import describe_products
from segment.config.setting import Setting, Span
from segment.runs.path_checks import refuse_file_output, refuse_product_inputs

if TYPE_CHECKING:
    from segment.runs.workers.dask_client import Cluster
    from segment.segmenter.class_model.class_model import ClassModel

__all__ = [
    "DEBUG",
    "INPUTS",
    "JSON",
    "OUTPUT",
    "SCHEDULER",
    "START_MODEL",
    "Options",
    "add_setting_options",
    "connect_cluster",
    "describe_default_k",
    "load_start",
    "make_config",
]

Function = TypeVar("Function", bound=Callable[..., object])


def _check_inputs(_context: click.Context, _parameter: click.Parameter, inputs: tuple[Path, ...]) -> tuple[Path, ...]:
    """Refuse inputs that are likely to be meant otherwise."""
    refuse_product_inputs(inputs)
    return inputs


def _check_output(context: click.Context, _parameter: click.Parameter, output: Path) -> Path:
    """Refuse a folder for results that is likely to be meant otherwise."""
    refuse_file_output(output, can_pipe=context.info_name == "run")
    return output


INPUTS = click.argument(
    "inputs", nargs=-1, required=True, type=NamedPath(path_type=Path), metavar="INPUT...", callback=_check_inputs
)
OUTPUT = click.option(
    "-o",
    "--output",
    type=NamedPath(path_type=Path),
    callback=_check_output,
    default=Path("outputs"),
    show_default=True,
    metavar="FOLDER",
    help="Folder for the results.",
)
START_MODEL = click.option(
    "--start",
    type=NamedPath(path_type=Path),
    default=None,
    metavar="FILE",
    help="Start the fit from the classes of a saved model; their number, names and order are kept.",
)
JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print the run as one JSON document instead of tables, for scripts."
)
DEBUG = click.option("--debug", is_flag=True, help="Show the traceback of an error.")
SCHEDULER = click.option(
    "--scheduler",
    default="",
    metavar="tcp://HOST:PORT",
    help="Work on the Dask cluster of this scheduler. Its workers must see the same files under the same paths. Needs "
    "an extra: pip install 'gmm-segment[dask]'.",
)


def add_setting_options(entry_point: str, *, leave_out: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Give a command an option for every setting.

    Those that the command does not use are not in its help. They are accepted all the same, so that the answer to them
    is a sentence that says what to do instead.

    Parameters
    ----------
    entry_point : str
        The command, a key of :data:`segment.config.entry_points.ENTRY_POINTS`.
    leave_out : tuple of str
        Settings that have no option, as the command has one of its own for them.

    Returns
    -------
    callable
        A decorator.
    """

    def make() -> list[StagedOption]:
        command = ENTRY_POINTS[entry_point]
        return [_make_option(setting, command) for setting in list_settings() if setting.name not in leave_out]

    def decorate(function: Function) -> Function:
        return CONFIG(click.option("--settings", cls=OptionMaker, make=make)(function))

    return decorate


def make_config(entry_point: str, options: Options, **defaults: Any) -> SegmentConfig:
    """Make the configuration of a command; an option that would be ignored is refused.

    Parameters
    ----------
    entry_point : str
        The command, a key of :data:`segment.config.entry_points.ENTRY_POINTS`.
    options : dict
        The options by their settings.
    **defaults
        Defaults that are not the usual ones: the settings of a saved model.
    """
    command = ENTRY_POINTS[entry_point]
    defaults = {**command.fixed, **defaults}
    given, from_file = split_by_source(options)
    # Before they meet the defaults: those of a model might seem to contradict an option that is not used at all.
    reject_ignored(given, command, defaults, has_defaults=True)
    from_file = leave_out_unused(from_file, command, defaults)
    for values in (given, from_file):
        if "save" in values:  # what a command writes in any case comes first
            values["save"] = tuple(dict.fromkeys((*command.fixed.get("save", ()), *values["save"])))
    if from_file:
        from_file = leave_out_contradicted(from_file, given, defaults)
    config = SegmentConfig.from_values(**{**defaults, **from_file, **given})
    # An option that was given is refused where another makes it useless, even if it has its default value.
    reject_unused(config, [setting for setting in list_settings() if setting.name in given])
    return config


def load_start(entry_point: str, start: Path | None, options: Options) -> tuple[ClassModel | None, SegmentConfig]:
    """Load the model to start from, if there is one, and make the configuration.

    Parameters
    ----------
    entry_point : str
        The command, a key of :data:`segment.config.entry_points.ENTRY_POINTS`.
    start : Path or None
        The file of the model.
    options : dict
        The options by their settings.
    """
    if start is None:
        return None, make_config(entry_point, options)
    from segment.segmenter.class_model.storage import load_class_model

    given, from_file = split_by_source(options)
    # Before the model is read: the answer does not depend on it.
    reject_ignored(given, START)
    model = load_class_model(start)
    # A file of settings may be for runs with and without a model: what is left out for this one is said.
    kept = leave_out_unused(from_file, START, model.settings)
    options = {name: value for name, value in options.items() if name not in from_file or name in kept}
    config = make_config(entry_point, options, **model.settings)
    model.check_settings(config)
    return model, config


def describe_default_k(options: Options, config: SegmentConfig, model: ClassModel | None) -> str:
    """Say the number of classes where it was not given.

    Parameters
    ----------
    options : dict
        The options by their settings.
    config : SegmentConfig
    model : ClassModel or None
        A saved model, which has a number of classes.

    Returns
    -------
    str
        A sentence; empty where nothing is to be said.
    """
    missing = options["k"] is None and model is None and config.regions == 0
    return f"No -k given: {config.k} classes." if missing else ""


@contextlib.contextmanager
def connect_cluster(scheduler: str) -> Iterator[Cluster | None]:
    """Connect to the cluster of a scheduler and print its warnings.

    Parameters
    ----------
    scheduler : str
        Its address; empty for none.

    Yields
    ------
    Cluster or None
    """
    if not scheduler:
        yield None
        return
    from segment.runs.workers.dask_client import Cluster

    with Cluster(scheduler) as cluster:
        for note in cluster.notes:
            print_message(f"Warning: {note}.")
        yield cluster


def _make_option(setting: Setting, command: EntryPoint) -> StagedOption:
    """Make the Click option of a setting for a command; its value is None where it is not given."""
    names = (*setting.options, setting.name)
    # The default is None, so that an option that was given can be told from one that was not.
    common: dict[str, Any] = {"group": setting.group, "choices": setting.choices, "default": None}
    if setting.name == "save" and command.products:
        return StagedOption(names, **common, **_describe_products_beside(command))
    common["hidden"] = not command.is_used(setting)
    if setting.type is bool:
        return StagedOption(names, is_flag=True, help=setting.help, **common)
    help_ = setting.help
    if setting.name == "save" and command.saved:
        common["choices"] = tuple(name for name in setting.choices if name in command.saved)
        help_ = f"What to write: {describe_products(command.saved)}."
    default = ",".join(setting.default) if setting.type is tuple else _format_number(setting.default)
    return StagedOption(names, help=f"{help_} [default: {default or 'none'}]", **common, **_describe_value(setting))


def _describe_products_beside(command: EntryPoint) -> dict[str, Any]:
    """Describe the products that may be asked for beside what a command writes in any case, for their option."""
    others = [name for name in command.products if name not in command.fixed.get("save", ())]
    help_ = f"{others[-1]} writes the settings too, as a file for --config."
    if len(others) > 1:
        help_ = f"What to write besides: as for segment run. {help_}"
    return {"metavar": ",".join(others), "help": help_, "multiple": True}


def _describe_value(setting: Setting) -> dict[str, Any]:
    """Describe what an option takes, for Click. Ranges and forms are checked with all other values."""
    form = setting.form.text
    if setting.type is str and setting.choices:
        # Other spellings are accepted and not shown.
        words: dict[str, Any] = {} if form else {"type": click.Choice(setting.words)}
        return {"metavar": f"[{'|'.join(filter(None, (*setting.choices, form)))}]", **words}
    if setting.is_text or (setting.type is tuple and not setting.choices):
        return {"metavar": form.replace(" or ", "|"), "multiple": True}
    if setting.type is tuple:
        return {"metavar": "PRODUCT,...", "multiple": True}
    if setting.type is Span:
        return {"metavar": "LOW..HIGH"}
    # A number with a unit is a text.
    kind = str if form else NumberOrWord(setting.type, setting.choices)
    return {"metavar": "|".join(filter(None, (_format_range(setting), *setting.choices, form))), "type": kind}


def _format_number(value: object) -> str:
    """Write a default in few digits."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _format_range(setting: Setting) -> str:
    """Write the range of a number."""
    if math.isinf(setting.high):
        return f">={setting.low:g}"
    return f"{setting.low:g}..{setting.high:.10g}"
