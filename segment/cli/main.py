"""The ``segment`` program: run a command, turn what stops it into one line and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback

import click

from segment.cli.commands import cli
from segment.cli.signals import get_exit_code, interrupt_on_signals
from segment.cli.terminal import print_message
from segment.core.errors import SegmentError, describe_fault, describe_os_error, get_write_remedy, printable_path
from segment.core.process_memory import keep_freed_memory

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the program and exit.

    The exit code is 0 when all is done, 1 when an image or the run failed, 2 for wrong usage, 130 when it was
    interrupted, 143 by SIGTERM.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the command line; by default those of the process.
    """
    # The engine's matrices are small: more BLAS threads cost time and memory, and gain nothing.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        # A file name with letters that the encoding of the terminal lacks is printed with escapes.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # A test that runs the program in its own process passes arguments and keeps its memory settings.
    is_program = arguments is None
    if arguments is None:
        arguments = sys.argv[1:]
        keep_freed_memory()
    try:
        with interrupt_on_signals(ends_process=is_program):
            code = cli.main(args=arguments, prog_name="segment", standalone_mode=False)
    # Click turns an interruption into an Abort, whose cause says which signal it was.
    except (KeyboardInterrupt, click.Abort) as stop:
        print_message("Interrupted.")
        code = get_exit_code(stop.__cause__ or stop)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except Exception as error:
        if "--debug" in arguments:
            print_message(traceback.format_exc())
        print_message(f"Error: {_describe_error(error)}")
        # Any other error is a fault of the program or of the system.
        code = error.exit_code if isinstance(error, (click.ClickException, SegmentError)) else 1
    sys.exit(code)


def _describe_error(error: Exception) -> str:
    """Describe whatever stops the program in one line."""
    if isinstance(error, SegmentError):
        return str(error)
    if isinstance(error, click.ClickException):
        message = printable_path(error.format_message(), limit=1000)
        context = getattr(error, "ctx", None)
        return f"{message} See '{context.command_path} --help'." if context else message
    if isinstance(error, OSError) and error.strerror:
        if error.errno == errno.ENOSPC:
            return f"cannot go on; {describe_os_error(error)}. Make room where stdout goes, and for temporary files."
        remedy = f" {get_write_remedy(error)}" if error.errno == errno.EMFILE else ""
        return f"cannot go on; {describe_os_error(error)}.{remedy}"
    return describe_fault(error)
