"""A generator that is used many times, and one that is in the way of another."""

from __future__ import annotations

from mxdev import Generator, Tree, argument, option


class SampleApp(Generator):
    """Add an app to it, as many as you like."""

    requires = ("SampleBase",)
    arguments = (argument("NAME", help="The app's name."),)
    options = (
        option("--port", type=int, default=80, help="Where it listens."),
        option("--path", default="", help="The file it renders, instead of its own."),
        option("--section", default="", help="The section it renders, instead of its own."),
    )
    instance_argument = "NAME"
    example = "mx generate SampleApp demo"

    def generate(self, tree: Tree) -> None:
        from mxdev.generator.freetext import reveal

        short = self.instance.partition(":")[2]
        path = reveal(self.values.path) or f"apps/{short}.yaml"
        tree.file(path, f"region: {self.values.region}\nport: {self.values.port}\nsize: {self.values.size}\n")
        tree.section(
            "shared.yaml", reveal(self.values.section) or f"apps.{short}", {"port": self.values.port}
        )
        tree.section("notes.txt", self.instance, f"port {self.values.port}")
        tree.next_step("cat shared.yaml", "shows the app")


class SampleClash(Generator):
    """Renders what SampleBase renders."""

    requires = ("SampleBase",)

    def generate(self, tree: Tree) -> None:
        tree.file("README.md", "mine\n")
