"""`mx completion SHELL`: the script that makes a shell complete mx's commands and generators."""

from __future__ import annotations

import click

from mxdev.system import console

_HOW = {
    "bash": 'eval "$(mx completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(mx completion zsh)"    # in ~/.zshrc',
    "fish": "mx completion fish | source     # in ~/.config/fish/config.fish",
}
# What click's scripts get wrong, and what stands there instead.
_MENDED = {
    # Behind `region=` the value is typed, without a blank.
    "bash": ("    return 0\n", "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n\n    return 0\n"),
    # What an option does may have commas in it.
    "fish": ('string split "," $completion', 'string split --max 1 "," $completion'),
}


@click.command(epilog="\b\n" + "\n".join(_HOW.values()))
@click.argument("shell", type=click.Choice(list(_HOW)))
def completion(shell: str) -> None:
    """Print the completion script of SHELL. Put one of these lines into the shell's start-up file:"""
    from click.shell_completion import get_completion_class

    from mxdev.cli import root

    cls = get_completion_class(shell)
    assert cls is not None  # click has these three
    script = cls(root, {}, "mx", "_MX_COMPLETE").source().replace(*_MENDED.get(shell, ("", "")))
    console.out(script, data=True)
