"""The page itself: `mx serve demo` shows it. Streamlit runs this file anew for everything that somebody does on it."""

import os

import streamlit as st
from torch import Tensor

from everything.demo import model, upload

PROJECT = "everything"
MODEL = os.environ.get("MODEL_NAME", "everything")
ALIAS = os.environ.get("MODEL_ALIAS", "candidate")


# An alias that moves is seen after five minutes.
@st.cache_resource(ttl=300, show_spinner="Loading the model")
def loaded(name: str, alias: str) -> model.Shown:
    """The model, for all who look at the page."""
    return model.load(name, alias, PROJECT)


def asked(shown: model.Shown) -> Tensor | None:
    """What somebody wants to be predicted; None: nothing yet."""
    example = st.toggle("Use the example that the model was logged with")
    given = st.file_uploader(upload.ASKS_FOR, type=list(upload.TYPES), disabled=example)
    if example:
        return shown.example
    if given is None:
        return None
    try:
        return upload.read(given.getvalue(), shown.size)
    except upload.UploadError as problem:
        st.error(str(problem))
        return None


def show_predictions(shown: model.Shown, inputs: Tensor) -> None:
    """What the model makes of the inputs: one with the shares of all classes, several as a table."""
    predictions = model.predict(shown, inputs)
    first = predictions[0]
    st.image(upload.picture(inputs), caption="What the model sees")
    if len(predictions) > 1:
        rows = [{"prediction": one.label, "confidence": one.confidence} for one in predictions]
        st.dataframe(rows)
        return
    left, right = st.columns(2)
    left.metric("Prediction", first.label)
    right.metric("Confidence", f"{first.confidence:.1%}")
    st.bar_chart(first.shares, y_label="share", height=240)


def show_origin(shown: model.Shown) -> None:
    """Which model it is, how good it was on the test data, and what it was made of."""
    st.subheader("The model")
    st.write(f"Version {shown.version} of {MODEL}, trained on {shown.trained:%d %B %Y}.")
    for name, value in sorted(shown.metrics.items()):
        st.metric(f"{name} on the test data", f"{value:.4g}")
    st.caption("Version of the data")
    st.code(shown.data or "not noted", language=None)
    st.caption("Run, and commit of the code")
    st.code(f"{shown.run_id}\n{shown.commit or 'not noted'}", language=None)


def main() -> None:
    """Put the page together."""
    st.set_page_config(page_title=f"{PROJECT}: demo", layout="wide")
    st.title(PROJECT)
    try:
        shown = loaded(MODEL, ALIAS)
    except model.NoModelError as problem:
        st.error(str(problem))
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        inputs = asked(shown)
        if inputs is not None:
            show_predictions(shown, inputs)
    with right:
        show_origin(shown)


main()
