"""The embedded Kafka's certificate: signed by an authority of this data directory alone, which consumers are given to trust.

Called by the Kafka node before it starts, and for the brokers of docker-compose.yml as `python -m ops.embedded.tls FOLDER UID NAME...`;
writes `secrets/kafka-ca.pem` (for consumers), `kafka-ca-key.pem` and `kafka-tls.pem`.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ops.keys import replace_secret

AUTHORITY = "Warbler: Kafka of one data directory"
AUTHORITY_FOR = timedelta(days=3_650)
SERVER_FOR = timedelta(days=398)  # what strict clients still accept
RENEW_BEFORE = timedelta(days=60)
CLOCK_SLACK = timedelta(hours=1)  # a consumer's clock may be behind ours
OWN_NAMES = ("localhost", "127.0.0.1")


def ca_path(home: Path) -> Path:
    """What consumers trust; no secret."""
    return home / "secrets" / "kafka-ca.pem"


def server_path(home: Path) -> Path:
    """The server's private key and certificate in one file, as Kafka's PEM key store wants them."""
    return home / "secrets" / "kafka-tls.pem"


def ensure(home: Path, now: datetime, names: Sequence[str] = OWN_NAMES) -> None:
    """Make the authority once, and the server's certificate whenever it is missing, of another authority or name, or soon over."""
    key_path = home / "secrets" / "kafka-ca-key.pem"
    if not (key_path.exists() and ca_path(home).exists()):
        key = ec.generate_private_key(ec.SECP256R1())
        replace_secret(key_path, pem(key))
        replace_secret(ca_path(home), authority(key, now).public_bytes(Encoding.PEM))
    ca = x509.load_pem_x509_certificate(ca_path(home).read_bytes())
    if not serves_until(server_path(home), ca, now + RENEW_BEFORE, names):
        ca_key = load_pem_private_key(key_path.read_bytes(), None)
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)  # written above
        replace_secret(server_path(home), server_pem(ca, ca_key, now, names))


def serves_until(path: Path, ca: x509.Certificate, moment: datetime, names: Sequence[str]) -> bool:
    """Whether the file holds a certificate of this authority for these names that is still good then."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        certificate.verify_directly_issued_by(ca)
        said = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - missing, cut short, or another authority's: a new one is made
        return False
    return said == alternatives(names) and certificate.not_valid_after_utc > moment


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """A certificate that signs itself, and others."""
    name = named(AUTHORITY)
    return (
        built(name, name, key.public_key(), now, AUTHORITY_FOR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def server_pem(ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, now: datetime, names: Sequence[str]) -> bytes:
    """A new key and its certificate for these names."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        built(named(names[0]), ca.subject, key.public_key(), now, SERVER_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .add_extension(alternatives(names), critical=False)
        .sign(ca_key, SHA256())
    )
    return pem(key) + certificate.public_bytes(Encoding.PEM)


def alternatives(names: Sequence[str]) -> x509.SubjectAlternativeName:
    """Host names and IP addresses, each once."""
    return x509.SubjectAlternativeName([_alternative(name) for name in dict.fromkeys(names)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def built(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(now - CLOCK_SLACK).not_valid_after(now + lasts)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def main(folder: str, uid: str, *names: str) -> None:
    """Makes what is missing, and gives it to the user that Kafka runs as."""
    home = Path(folder)
    ensure(home, datetime.now(UTC), names or OWN_NAMES)
    for path in (home / "secrets", *(home / "secrets").iterdir()):
        os.chown(path, int(uid), -1)


if __name__ == "__main__":
    main(*sys.argv[1:])
