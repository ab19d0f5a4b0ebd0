from mxdev_generators.template.copier_template import CopierTemplate

__all__ = ["CopierTemplate"]
