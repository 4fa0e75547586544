"""Where the program begins, as ``segment`` and as ``python -m segment``."""

from segment.cli.signals import ended_while_loading

__all__ = ["main"]


def main() -> None:
    """Load the command line and run it."""
    with ended_while_loading():
        from segment.cli.main import main as run
    run()


if __name__ == "__main__":
    main()
