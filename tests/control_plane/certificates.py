"""Keys and certificates of a control plane of the tests. It lives for minutes, so one key serves everything."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Certificates:
    """Certificates with one key, which is also the one that signs the tokens of service accounts."""

    key: rsa.RSAPrivateKey

    @classmethod
    def new(cls) -> Certificates:
        """With a new key."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def key_pem(self) -> bytes:
        """The key, in the only form that operators' own rotation of certificates reads."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )

    def pem(self, name: str, issuer: str, authority: bool = False) -> bytes:
        """A certificate for a host name (127.0.0.1 and localhost are in it too)."""
        now = datetime.datetime.now(datetime.UTC)
        hosts = [
            x509.DNSName(name),
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(issuer))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            # Operators replace a certificate that ends within months.
            .not_valid_after(now + datetime.timedelta(days=3650))
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """`server.crt` (its own authority) and `server.key` in `folder`; their paths."""
        crt, key = folder / "server.crt", folder / "server.key"
        crt.write_bytes(self.pem("kubernetes.default.svc", "kubernetes.default.svc", authority=True))
        key.touch(mode=0o600)
        key.write_bytes(self.key_pem())
        return crt, key

    def webhook(self, service: str, authority: str) -> dict[str, bytes]:
        """What the Secret of an operator's webhook holds. `service`: `NAME.NAMESPACE.svc`; `authority`: a name."""
        key = self.key_pem()
        return {
            "ca.crt": self.pem(authority, authority, authority=True),
            "ca.key": key,
            "tls.crt": self.pem(service, authority),
            "tls.key": key,
        }


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
