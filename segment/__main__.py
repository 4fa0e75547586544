"""``python -m segment``."""

from segment.cli.main import main

if __name__ == "__main__":
    main()
