"""`mx up`, `mx down`: the whole way from rendered files to what runs, and back."""

STAGES = ("preflight", "infra", "connect", "deploy", "plugins", "check")
