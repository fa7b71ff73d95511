"""``python -m eigenspace.cli``: the same as the command ``eigenspace``."""

from . import main

if __name__ == "__main__":
    main()
