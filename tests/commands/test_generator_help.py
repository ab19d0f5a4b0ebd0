"""What a generator's USAGE.md is in its help."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from mxdev.commands.generator_command import make
from mxdev.generator.generator import Generator

USAGE = """\
# Thing

It adds a thing
to the project.

## Steps
Each begins
with a line:

- build it, which
  takes a while:
  ```console
  $ docker build . \\
      --tag thing
  # then
  $ docker push thing
  ```
  and wait
- or do

      make all
  - and a part
    of it

```yaml
# a comment

thing:
  - size: 1
- last
```
At the end
a paragraph.

~~~
```
~~~
"""
SHOWN = """
It adds a thing to the project.

Steps:
Each begins with a line:

- build it, which takes a while:
  $ docker build . \\
      --tag thing
  # then
  $ docker push thing
  and wait
- or do

      make all
  - and a part
    of it

# a comment

thing:
  - size: 1
- last
At the end a paragraph.

```
"""


def test_code_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("a_module_with_usage")
    module.__file__ = str(tmp_path / "generator.py")
    (tmp_path / "USAGE.md").write_text(USAGE)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    command = make(type("Thing", (Generator,), {"__module__": module.__name__, "__doc__": "A thing."}))
    shown = command.get_help(click.Context(command, info_name="Thing", terminal_width=80))
    assert shown[shown.index("\nIt adds") :] == SHOWN.rstrip("\n")
