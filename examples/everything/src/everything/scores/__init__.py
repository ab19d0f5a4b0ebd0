"""The model behind an endpoint, by the Open Inference Protocol: `python -m everything.scores`, or `mx serve scores`."""

from . import request_log, signature, weights

__all__ = ["request_log", "signature", "weights"]
