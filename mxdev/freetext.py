"""The public address of free text; the code is in `mxdev.generator.freetext`."""

from mxdev.generator.freetext import FreeText, FreeTextError, conceal, contains, is_safe, reveal

__all__ = ["FreeText", "FreeTextError", "conceal", "contains", "is_safe", "reveal"]
