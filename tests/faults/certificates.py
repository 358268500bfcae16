"""An authority that no machine knows, and its certificate for 127.0.0.1."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


def unknown_authority(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context, and the file of the authority that makes a client trust it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    certificate = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(certificate))
    return context, certificate
