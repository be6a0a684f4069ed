"""``python -m stream`` is the command ``usage-stream``."""

from stream.cli import main

if __name__ == "__main__":
    main()
