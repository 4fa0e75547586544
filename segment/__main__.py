"""The entry point of the program, as ``segment`` and as ``python -m segment``."""

from segment.cli.signals import exit_on_signals

__all__ = ["main"]


def main() -> None:
    """Load the command line and run it."""
    with exit_on_signals():
        from segment.core.process_memory import collect_rarely  # loads ctypes, which takes a while itself

        collect_rarely()  # before the command line is loaded, which takes a sixth longer otherwise
        from segment.cli.main import main as run
    run()


if __name__ == "__main__":
    main()
