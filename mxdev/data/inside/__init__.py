"""Scripts that run in the project's interpreter, which has what stores and CVAT need."""
