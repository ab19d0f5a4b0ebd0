"""One image for all three: on Lambda it takes messages, with INPUT it is a batch, and otherwise it serves by HTTP."""

from __future__ import annotations

import os
import runpy
import sys


def main() -> None:
    """Start what this container is meant to be."""
    if os.environ.get("AWS_LAMBDA_RUNTIME_API"):
        sys.argv = ["awslambdaric", "serving.queued.handler"]
        runpy.run_module("awslambdaric", run_name="__main__")
    elif os.environ.get("INPUT"):
        from serving.batch import main as batch

        sys.exit(batch())
    else:
        from serving.rest import main as rest

        rest()


if __name__ == "__main__":
    main()
