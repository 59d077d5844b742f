"""Our own signing keys, read from PEM files that only we can read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from gateway.errors import ConfigurationError
from gateway.ports import Keyring
from gateway.seal.keys import FileKey, SigningKey
from gateway.shell.demo_ca import is_demo

_EC: Final = {"secp256r1": ("ecdsa-sha256",), "secp384r1": ("ecdsa-sha384",), "secp521r1": ("ecdsa-sha512",)}
_RSA: Final = tuple(f"rsa-{pss}{digest}" for pss in ("", "pss-") for digest in ("sha256", "sha384", "sha512"))


class FileKeyring:
    """Keys by the algorithms they can sign with; the first file that fits serves."""

    def __init__(self, files: Iterable[Path], *, production: bool = False) -> None:
        self._keys: dict[str, FileKey] = {}
        for file in files:
            for key in read_keys(file, production=production):
                self._keys.setdefault(key.algorithm, key)

    def key(self, algorithm: str) -> FileKey:
        """Raises ConfigurationError when we hold no key of this algorithm."""
        found = self._keys.get(algorithm)
        if found is None:
            raise ConfigurationError(f"we hold no key for {algorithm}")
        return found

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What we can sign with."""
        return tuple(sorted(self._keys))

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """Our certificates, DER, each once."""
        return tuple(dict.fromkeys(key.certificate for key in self._keys.values()))


def own_certificates(keyring: Keyring) -> tuple[bytes, ...]:
    """Our certificates, DER, from a keyring that tells them; one in memory tells none."""
    found: tuple[bytes, ...] = getattr(keyring, "certificates", ())
    return found


def read_keys(file: Path, *, production: bool = False) -> list[FileKey]:
    """One key per algorithm a PEM file (private key and certificate) can serve. Raises ConfigurationError."""
    try:
        shared = file.stat().st_mode & 0o077
        content = b"" if shared else file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    if shared:
        raise ConfigurationError(f"{file} can be read by others; say chmod 600")
    try:
        private = load_pem_private_key(content, None)
        certificate = x509.load_pem_x509_certificate(content)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{file} must hold a private key and its certificate in PEM: {error}") from None
    if production and is_demo(certificate):
        raise ConfigurationError(f"{file} is a demo key; it cannot sign in production")
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise ConfigurationError(f"{file} holds a key of a kind that cannot sign here")
    der = certificate.public_bytes(Encoding.DER)
    return [FileKey(private, der, algorithm) for algorithm in _algorithms(private)]


def _algorithms(key: SigningKey) -> tuple[str, ...]:
    if isinstance(key, rsa.RSAPrivateKey):
        return _RSA
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _EC.get(key.curve.name, ())
    return ("ed25519",)
