"""The version of mx."""

__version__ = "0.1.0"


def compatible() -> str:
    """The range of versions that reads a project of this one: up to the next that may break, its pre-releases left out.

    Below 1.0 every second number may break (https://semver.org, 4).
    """
    first, second, *_ = __version__.split(".")
    following = f"0.{int(second) + 1}" if first == "0" else f"{int(first) + 1}"
    return f">={__version__},<{following}"
