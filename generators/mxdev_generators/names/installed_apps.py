"""What a project gets when more is generated or its extras are installed: Streamlit, JupyterLab, KServe, s3fs, CVAT's SDK.

A project's name stays; what it can require later must be possible with it. Besides what is there without them.
"""

from __future__ import annotations

# fmt: off
APP_DISTRIBUTIONS = frozenset(
    [
        "aiobotocore", "aiohttp-retry", "aioitertools", "altair", "appnope", "argon2-cffi", "argon2-cffi-bindings", "arrow", "asttokens",
        "async-lru", "bleach", "botocore", "cloudevents", "comm", "cvat-sdk", "debugpy", "defusedxml", "deprecation", "durationpy",
        "executing", "fastjsonschema", "fqdn", "grpcio-tools", "httptools", "ipykernel", "ipython", "ipython-pygments-lexers",
        "isoduration", "jedi", "jmespath", "json5", "jsonpointer", "jsonschema", "jsonschema-specifications", "jupyter-builder", "jupyter-client",
        "jupyter-core", "jupyter-events", "jupyter-lsp", "jupyter-server", "jupyter-server-terminals", "jupyterlab",
        "jupyterlab-pygments", "jupyterlab-server", "kserve", "kubernetes", "lark", "matplotlib-inline", "mistune", "nbclient",
        "nbconvert", "nbformat", "nest-asyncio", "nest-asyncio2", "notebook-shim", "overrides", "pandocfilters", "parso", "pexpect", "prometheus-client",
        "prompt-toolkit", "psutil", "ptyprocess", "pure-eval", "pydeck", "pyjwt", "python-json-logger", "python-multipart", "pywinpty", "pyzmq",
        "referencing", "rfc3339-validator", "rfc3986-validator", "rfc3987-syntax", "rpds-py", "s3fs", "send2trash", "stack-data",
        "streamlit", "tabulate", "terminado", "timing-asgi", "tinycss2", "tornado", "traitlets", "uri-template", "uvloop",
        "watchdog", "watchfiles", "webcolors", "webencodings", "websocket-client", "wrapt",
    ]
)
APP_MODULES = frozenset(
    [
        "aiobotocore", "aiohttp_retry", "aioitertools", "altair", "appnope", "argon2", "arrow", "asttokens", "async_lru", "bleach", "botocore",
        "cloudevents", "comm", "cvat_sdk", "debugpy", "defusedxml", "deprecation", "durationpy", "executing", "fastjsonschema",
        "fqdn", "grpc_tools", "httptools", "ipykernel", "ipython", "isoduration", "jedi", "jmespath", "json5", "jsonpointer",
        "jsonschema", "jsonschema_specifications", "jupyter", "jupyter_builder", "jupyter_client", "jupyter_core", "jupyter_events", "jupyter_lsp",
        "jupyter_server", "jupyter_server_terminals", "jupyterlab", "jupyterlab_pygments", "jupyterlab_server", "jwt", "kserve",
        "kubernetes", "lark", "matplotlib_inline", "mistune", "multipart", "nbclient", "nbconvert", "nbformat", "nest_asyncio",
        "nest_asyncio2", "notebook_shim", "overrides", "pandocfilters", "parso", "pexpect", "prometheus_client", "prompt_toolkit", "psutil", "ptyprocess",
        "pure_eval", "pydeck", "python_multipart", "pythonjsonlogger", "referencing", "rfc3339_validator", "rfc3986_validator",
        "rfc3987_syntax", "rpds", "s3fs", "send2trash", "stack_data", "streamlit", "tabulate", "terminado", "timing_asgi",
        "tinycss2", "tornado", "traitlets", "uri_template", "uvloop", "watchdog", "watchfiles", "webcolors", "webencodings",
        "websocket", "winpty", "wrapt", "zmq",
    ]
)
# fmt: on
