"""The wrappers of the frameworks. Each imports its framework when it loads, so that an image needs only its own.

What they read is what the training pipeline of the company wrote: a .joblib or a whole .pt runs code when it is loaded. Nothing but the
models' bucket may be named as a source.
"""

from __future__ import annotations

from typing import Any

from serving.inputs import Field, Inputs, InvalidInput
from serving.wrapper import Wrapper


class ScikitLearn(Wrapper):
    """An estimator or a pipeline in `.joblib` or `.pkl`; fields are the columns that it was fitted with.

    `"method": "predict_proba"` in model.json gives probabilities of classes instead of an answer.
    """

    def load(self) -> None:
        """Read the estimator, and learn from it which fields it knows."""
        import joblib

        self.model = joblib.load(self.file(".joblib", ".pkl"))
        self.method = getattr(self.model, str(self.settings.get("method", "predict")))
        self.columns = [str(name) for name in getattr(self.model, "feature_names_in_", ())]
        if not self.inputs.fields:
            width = getattr(self.model, "n_features_in_", 0)
            self.inputs = Inputs(
                tuple(Field(name) for name in self.columns) or _array("x", (width,))
            )

    def transform(self, rows: list[dict[str, Any]]) -> list[Any]:
        """Ask the estimator."""
        if not self.columns:
            return _plain(self.method(_matrix(self.inputs, rows, "float64")))
        import pandas as pd

        frame = pd.DataFrame(rows, columns=self.columns)
        empty = {name: "float64" for name in self.columns if frame[name].isna().all()}
        try:
            return _plain(self.method(frame.astype(empty)))
        except (TypeError, ValueError) as error:
            # Which types it takes, such a model does not say before.
            problems = [
                {"field": f"instances[{number}].{name}", "problem": f"is {value!r}: {error}"}
                for number, row in enumerate(rows)
                for name, value in row.items()
                if isinstance(value, str) and repr(value) in str(error)
            ]
            if problems:
                raise InvalidInput(problems[:20]) from error
            raise


class PyTorch(Wrapper):
    """TorchScript, an exported program in `.pt2`, or a whole module in `.pt`; the row's fields become one tensor of floats."""

    def load(self) -> None:
        """Read the module onto the GPU, if there is one."""
        import torch

        if not self.inputs.fields:
            raise ValueError(
                "model.json must say the inputs: a module of PyTorch does not know them"
            )
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        path = self.file(".pt", ".pth", ".pt2")
        if path.suffix == ".pt2":
            module: Any = torch.export.load(path).module()
        else:
            try:
                module = torch.jit.load(path, map_location=self.device)
            except RuntimeError:  # no TorchScript
                module = torch.load(path, map_location=self.device, weights_only=False)
            module.eval()
        self.module = module.to(self.device)

    def transform(self, rows: list[dict[str, Any]]) -> list[Any]:
        """Ask the module, without gradients."""
        import torch

        with torch.inference_mode():
            tensor = torch.from_numpy(_matrix(self.inputs, rows, "float32")).to(self.device)
            return _plain(self.module(tensor).cpu().numpy())


class Keras(Wrapper):
    """A model in `.keras`, on TensorFlow, PyTorch or JAX, whichever KERAS_BACKEND names."""

    def load(self) -> None:
        """Read the model. Layers that run code of their own are refused."""
        import keras

        self.model = keras.models.load_model(self.file(".keras"), compile=False, safe_mode=True)
        if not self.inputs.fields:
            self.inputs = Inputs(_array("x", tuple(self.model.input_shape[1:])))

    def transform(self, rows: list[dict[str, Any]]) -> list[Any]:
        """Ask the model."""
        return _plain(self.model.predict_on_batch(_matrix(self.inputs, rows, "float32")))


class Onnx(Wrapper):
    """A graph in `.onnx`, run by onnxruntime: one input of all fields, or one for each field by its name."""

    def load(self) -> None:
        """Read the graph, and learn from it which fields it knows."""
        import onnxruntime

        providers = onnxruntime.get_available_providers()
        self.session = onnxruntime.InferenceSession(self.file(".onnx"), providers=providers)
        self.names = [one.name for one in self.session.get_inputs()]
        self.types = [_TYPES.get(one.type, "float32") for one in self.session.get_inputs()]
        self.output = self.session.get_outputs()[0].name
        if not self.inputs.fields:
            shape = tuple(self.session.get_inputs()[0].shape[1:])
            many = tuple(Field(name) for name in self.names)
            self.inputs = Inputs(many if len(many) > 1 else _array(self.names[0], shape))

    def transform(self, rows: list[dict[str, Any]]) -> list[Any]:
        """Run the graph; the answer is its first output."""
        if len(self.names) == 1:
            given = {self.names[0]: _matrix(self.inputs, rows, self.types[0])}
        else:
            given = {
                name: _columns(rows, [name], kind)
                for name, kind in zip(self.names, self.types, strict=True)
            }
        return _plain(self.session.run([self.output], given)[0])


_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(string)": "object",
    "tensor(bool)": "bool",
}
WRAPPERS: dict[str, type[Wrapper]] = {
    "scikit-learn": ScikitLearn,
    "pytorch": PyTorch,
    "keras": Keras,
    "onnx": Onnx,
}
SUFFIXES = {
    ".joblib": "scikit-learn",
    ".pkl": "scikit-learn",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".pt2": "pytorch",
    ".keras": "keras",
    ".onnx": "onnx",
}


def _array(name: str, shape: tuple[Any, ...]) -> tuple[Field, ...]:
    if not all(isinstance(length, int) and length > 0 for length in shape):
        raise ValueError(
            "model.json must say the inputs: the model does not know how long they are"
        )
    return (Field(name, "array", shape),)


def _matrix(inputs: Inputs, rows: list[dict[str, Any]], kind: str) -> Any:
    """Rows as an array: the one field itself when it is an array, all fields side by side otherwise."""
    names = [field.name for field in inputs.fields]
    whole = len(inputs.fields) == 1 and inputs.fields[0].type == "array"
    return _columns(rows, names, kind, whole=whole)


def _columns(
    rows: list[dict[str, Any]], names: list[str], kind: str, *, whole: bool = False
) -> Any:
    """Fields side by side, or the one that is an array as a `whole`. What a row leaves out is NaN, where there is such a thing.

    Raises:
        InvalidInput: a row leaves out what has no NaN, or a value does not fit in the type that the model wants.
    """
    import numpy as np

    if whole or not kind.startswith("float"):
        left_out = [
            {
                "field": f"instances[{number}].{name}",
                "problem": f"is missing: this model has no empty value for {'an array' if whole else kind}",
            }
            for number, row in enumerate(rows)
            for name in names
            if row.get(name) is None
        ]
        if left_out:
            raise InvalidInput(left_out[:20])
    values: list[Any] = [
        row.get(names[0]) if whole else [row.get(name) for name in names] for row in rows
    ]
    try:
        return np.asarray(values, dtype=kind)
    except (OverflowError, TypeError, ValueError) as error:
        problem = f"{', '.join(names)} must be {kind} for this model: {error}"
        raise InvalidInput([{"field": "instances", "problem": problem}]) from error


def _plain(answers: Any) -> list[Any]:
    """NumPy's values as JSON has them."""
    import numpy as np

    return list(np.asarray(answers).tolist())
