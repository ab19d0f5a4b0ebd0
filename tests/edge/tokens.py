"""What Identity-Aware Proxy signs, signed with a key of our own: Google's nobody else has."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

ISSUER = "https://cloud.google.com/iap"
AUDIENCE = "/projects/4711/global/backendServices/17"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """Signs claims by ES256, as Google does; `jwks` is the public part."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def jwks(self) -> str:
        """The public key, as JSON."""
        numbers = self._key.public_key().public_numbers()
        key = {
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one",
            "x": _encoded(numbers.x.to_bytes(32, "big")), "y": _encoded(numbers.y.to_bytes(32, "big")),
        }  # fmt: skip
        return json.dumps({"keys": [key]})

    def token(self, email: str, **claims: Any) -> str:
        """A token for a person, good for ten minutes unless `claims` say otherwise."""
        now = int(time.time())
        whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "accounts.google.com:1", "email": email,
                 "iat": now - 5, "exp": now + 600, **claims}  # fmt: skip
        head = {"alg": "ES256", "typ": "JWT", "kid": "one"}
        text = ".".join(_encoded(json.dumps(part).encode()) for part in (head, whole))
        r, s = utils.decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
