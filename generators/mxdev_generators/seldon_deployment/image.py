"""The stage of the project's Dockerfile that is the image of a model server."""

from __future__ import annotations

KSERVE = "kserve>=0.21,<0.22"

# What the base has stays as it is: the model is to run on the versions that it was trained with. The server comes before the
# code, so that a commit changes the last layer only.
STAGE = """\
FROM base AS {{ label }}
USER 0
RUN --mount=from=uv,source=/uv,target=/bin/uv \\
    --mount=from=requirements,source=/requirements/versions.txt,target=/run/versions.txt \\
    --mount=type=secret,id=uv_index \\
    if test -f /run/secrets/uv_index; then UV_INDEX=$(cat /run/secrets/uv_index) && export UV_INDEX; fi \\
    && uv pip install --system --no-cache --link-mode hardlink --constraint /run/versions.txt "{{ kserve }}"
USER 1000
COPY MLproject pyproject.toml ./
COPY src src
ENV PYTHONPATH=/app/src
ARG GIT_COMMIT=none
ENV GIT_COMMIT=$GIT_COMMIT
LABEL org.opencontainers.image.title="{{ project.name }}: {{ label }}" \\
      org.opencontainers.image.revision=$GIT_COMMIT
EXPOSE {{ port }}
CMD ["python", "-m", "{{ package }}.{{ name }}"]
"""
