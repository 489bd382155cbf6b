"""What is derived from the secret, as docs/workshop/protocol.md defines it."""

import hashlib
import hmac

from glcic_backend.wire import credentials

SECRET, NONCE, ENDPOINT = "5a" * 32, "c3" * 32, "tcp://127.0.0.1:5555"


def hmac_sha256(key, message):
    return hmac.digest(key, message, hashlib.sha256)


def test_the_password_is_the_hmac_of_its_label_under_the_secret():
    expected = hmac_sha256(bytes.fromhex(SECRET), b"glcic plain password").hex()

    assert credentials.derive_password(SECRET) == expected


def test_the_proof_is_the_hmac_of_nonce_and_endpoint_under_a_key_of_its_own():
    key = hmac_sha256(bytes.fromhex(SECRET), b"glcic proof key")

    proof = credentials.prove(SECRET, NONCE, ENDPOINT)

    assert proof == hmac_sha256(key, bytes.fromhex(NONCE) + ENDPOINT.encode()).hex()


def test_the_password_does_not_serve_to_make_the_proof():
    caught = credentials.derive_password(SECRET)

    assert credentials.prove(caught, NONCE, ENDPOINT) != credentials.prove(SECRET, NONCE, ENDPOINT)


def test_another_nonce_or_endpoint_needs_another_proof():
    proofs = {
        credentials.prove(SECRET, NONCE, ENDPOINT),
        credentials.prove(SECRET, "c4" * 32, ENDPOINT),
        credentials.prove(SECRET, NONCE, "tcp://127.0.0.1:5556"),
    }

    assert len(proofs) == 3


def test_secrets_and_nonces_are_fresh_and_64_digits_long():
    made = {credentials.new_secret(), credentials.new_secret(), credentials.new_nonce(), credentials.new_nonce()}

    assert len(made) == 4
    assert {len(bytes.fromhex(value)) for value in made} == {32}
