"""The plugin that the benchmark generates with."""

from mxdev import hookimpl, lazy


@hookimpl
def mx_generators():
    return [lazy("mx_bench.generator:Bench", "Forty files of sixty lines.")]
