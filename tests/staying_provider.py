"""A Terraform provider for all Terraforms of a test process. Started for each of them anew, Python takes most of their time.

    staying_provider.py TOOL SCHEMA

TOOL is the program that serves SCHEMA to the Terraform that starts it. Here it is started first and Terraform finds it: the
output has the value of TF_REATTACH_PROVIDERS (https://developer.hashicorp.com/terraform/plugin/debugging). It ends with its
standard input.
"""

from __future__ import annotations

import _thread
import os
import runpy
import sys
import threading
from typing import Any


def stay(tool: str, schema: str) -> None:
    """Serve until the process that started this one is gone."""
    import tf.provider
    import tf.runner

    run = tf.runner.run_provider

    def run_for_all(provider: Any, argv: list[str]) -> None:
        servicer = tf.provider.ProviderServicer
        servicer.GetProviderSchema = _once(servicer.GetProviderSchema)
        run(provider, [*argv, "--dev"])

    tf.runner.run_provider = run_for_all
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.argv = [tool, "serve", schema]
    try:
        runpy.run_path(tool, run_name="__main__")
    except KeyboardInterrupt:
        os._exit(0)  # the folder of its socket is gone, and nothing else is to be kept


def _once(answer: Any) -> Any:
    """The same answer to every request, put together for the first."""
    answers: list[Any] = []

    def first(servicer: Any, request: Any, context: Any) -> Any:
        if not answers:
            answers.append(answer(servicer, request, context))
        return answers[0]

    return first


def _end_with_input() -> None:
    sys.stdin.read()
    _thread.interrupt_main()


if __name__ == "__main__":
    stay(*sys.argv[1:])
