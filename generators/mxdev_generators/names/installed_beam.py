"""What Apache Beam with Google's part brings to the environments of rendered projects, besides what is there without it."""

from __future__ import annotations

# fmt: off
BEAM_DISTRIBUTIONS = frozenset(
    [
        "apache-beam", "asn1crypto", "backports-tarfile", "beartype", "cloud-sql-python-connector", "distro",
        "dnspython", "docstring-parser", "fastavro", "fasteners", "google-apitools", "google-auth-httplib2",
        "google-cloud-aiplatform", "google-cloud-bigquery", "google-cloud-bigquery-storage",
        "google-cloud-bigtable", "google-cloud-build", "google-cloud-dataflow-client",
        "google-cloud-datastore", "google-cloud-dlp", "google-cloud-kms", "google-cloud-language",
        "google-cloud-monitoring", "google-cloud-pubsub", "google-cloud-recommendations-ai",
        "google-cloud-resource-manager", "google-cloud-secret-manager", "google-cloud-spanner",
        "google-cloud-sql", "google-cloud-videointelligence", "google-cloud-vision", "google-genai",
        "grpc-interceptor", "httpcore", "httplib2", "httpx", "jaraco-classes", "jaraco-context",
        "jaraco-functools", "jeepney", "jsonpickle", "keyring", "keyrings-google-artifactregistry-auth",
        "mmh3", "more-itertools", "oauth2client", "objsize", "opentelemetry-resourcedetector-gcp", "orjson",
        "pg8000", "pymongo", "pymysql", "python-tds", "pytz", "regex", "rsa", "scramp", "secretstorage",
        "sniffio", "sortedcontainers", "tenacity", "websockets", "zstandard",
    ]
)
BEAM_MODULES = frozenset(
    [
        "agentplatform", "apache_beam", "apitools", "asn1crypto", "backports", "beartype", "bson", "distro",
        "dns", "docstring_parser", "fastavro", "fasteners", "google_artifactregistry_auth",
        "google_auth_httplib2", "google_crc32c", "gridfs", "grpc", "grpc_interceptor", "grpc_status",
        "httpcore", "httplib2", "httpx", "jaraco", "jeepney", "jsonpickle", "keyring", "keyrings", "mmh3",
        "more_itertools", "oauth2client", "objsize", "orjson", "pg8000", "proto", "pymongo", "pymysql",
        "pytds", "pytz", "regex", "rsa", "scramp", "secretstorage", "sniffio", "sortedcontainers", "tenacity",
        "vertex_ray", "vertexai", "websockets", "zstandard",
    ]
)
# fmt: on
