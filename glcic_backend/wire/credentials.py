"""What both sides derive from the secret of the connection file: the client's password and the daemon's proof.

The password travels in clear text in the PLAIN handshake, before the client knows whom it talks to. It is therefore
not the secret, and does not lead to it; whoever catches it still cannot make the proof.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

USERNAME = "glcic"
"""User name of the PLAIN handshake."""

NONCE_BYTES = 32
SECRET_BYTES = 32

_PASSWORD_LABEL = b"glcic plain password"
_PROOF_LABEL = b"glcic proof key"


def new_secret() -> str:
    """A fresh secret of a daemon: 32 random bytes as 64 lower-case hexadecimal digits."""
    return secrets.token_hex(SECRET_BYTES)


def new_nonce() -> str:
    """A fresh challenge of a client: 32 random bytes as 64 lower-case hexadecimal digits."""
    return secrets.token_hex(NONCE_BYTES)


def derive_password(secret: str) -> str:
    """Password of the PLAIN handshake: HMAC-SHA256 of a label under the secret, 64 hexadecimal digits."""
    return _hmac(bytes.fromhex(secret), _PASSWORD_LABEL).hex()


def prove(secret: str, nonce: str, endpoint: str) -> str:
    """The daemon's proof that it holds `secret` and is bound to `endpoint`, 64 hexadecimal digits.

    HMAC-SHA256 under the proof key (HMAC-SHA256 of a label under the secret) of the nonce's 32 bytes followed by the
    endpoint in UTF-8. The endpoint is part of it so that an impostor at another endpoint gains nothing by
    passing the challenge on to the true daemon.
    """
    proof_key = _hmac(bytes.fromhex(secret), _PROOF_LABEL)
    return _hmac(proof_key, bytes.fromhex(nonce) + endpoint.encode("utf-8")).hex()


def same(left: str, right: str) -> bool:
    """Compares two credentials in constant time."""
    return hmac.compare_digest(left.encode("utf-8"), right.encode("utf-8"))


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
