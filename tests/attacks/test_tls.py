"""TLS, checked by testssl."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.attacks.site import Site, rows

TESTSSL = shutil.which("testssl")
EXCEPTIONS = {
    "cert_chain_of_trust": "the tests' certificate is self-signed",
    "cert_revocation": "a self-signed certificate has no revocation information",
    "DNS_CAArecord": "localhost has no DNS",
    "engine_problem": "an OpenSSL without GOST ciphers",
}
SCANS = [
    pytest.param(("-p", "-s", "-f"), 12, id="protocols and ciphers", marks=pytest.mark.heavy),
    pytest.param(("-S", "-h"), 8, id="server and header fields", marks=pytest.mark.nightly),
    pytest.param(("-U",), 15, id="known attacks", marks=pytest.mark.nightly),
]


@pytest.mark.skipif(TESTSSL is None, reason="no testssl: apt-get install testssl.sh")
@pytest.mark.parametrize(("flags", "minimum"), SCANS)
def test_testssl_finds_no_weakness(site: Site, tmp_path: Path, flags: tuple[str, ...], minimum: int) -> None:
    report = tmp_path / "report.json"
    options = ["--quiet", "--warnings", "off", "--ip", "127.0.0.1", "--jsonfile", str(report)]
    # The exit status counts inconclusive checks, which vary from run to run; the report has the findings.
    subprocess.run([str(TESTSSL), *options, *flags, site.nginx.url], check=False, capture_output=True)
    findings = {finding["id"]: finding["severity"] for finding in json.loads(report.read_text())}
    passed = list(findings.values()).count("OK")
    rows.append((f"testssl {' '.join(flags)}", "", "", "", f"{passed} OK"))
    assert passed >= minimum
    assert {name for name, severity in findings.items() if severity not in {"OK", "INFO"}} <= EXCEPTIONS.keys()
