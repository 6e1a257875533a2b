"""TLS, graded by testssl."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.attacks.conftest import ROWS, Site

TESTSSL = shutil.which("testssl")
EXCEPTIONS = {
    "cert_chain_of_trust": "the certificate of the tests is signed by itself",
    "cert_revocation": "so nobody tells whether it is revoked",
    "DNS_CAArecord": "localhost has no DNS",
}
PARTS = [
    pytest.param(("-p", "-s", "-f"), 12, id="protocols and ciphers", marks=pytest.mark.heavy),
    pytest.param(("-S", "-h"), 8, id="server and header fields", marks=pytest.mark.nightly),
    pytest.param(("-U",), 15, id="known attacks", marks=pytest.mark.nightly),
]


@pytest.mark.skipif(TESTSSL is None, reason="no testssl: apt-get install testssl.sh")
@pytest.mark.parametrize(("flags", "good"), PARTS)
def test_testssl_finds_nothing_weak(site: Site, tmp_path: Path, flags: tuple[str, ...], good: int) -> None:
    report = tmp_path / "report.json"
    quiet = ["--quiet", "--warnings", "off", "--ip", "127.0.0.1", "--jsonfile", str(report)]
    # Its status counts what it could not tell for sure, which differs from run to run; what it found is in the report.
    subprocess.run([str(TESTSSL), *quiet, *flags, site.nginx.url], check=False, capture_output=True)
    found = {finding["id"]: finding["severity"] for finding in json.loads(report.read_text())}
    ROWS.append((f"testssl {' '.join(flags)}", "", "", "", f"{list(found.values()).count('OK')} OK"))
    assert list(found.values()).count("OK") >= good
    assert {name for name, severity in found.items() if severity not in {"OK", "INFO"}} <= EXCEPTIONS.keys()
