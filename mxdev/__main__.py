"""`python -m mxdev` is `mx`."""

from mxdev.cli import main

if __name__ == "__main__":
    main()
