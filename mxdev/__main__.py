"""`python -m mxdev` is `mx`."""

import sys

if not sys.flags.safe_path:
    # Python put the current folder first: a module of the project's must not stand for one of mx or of a plugin.
    del sys.path[0]

from mxdev.cli import main

if __name__ == "__main__":
    main()
