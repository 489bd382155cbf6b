"""All checks, each kept from spoiling the others."""

from collections.abc import Callable, Iterator

from glcic_backend.doctor import daemon_checks, engine_checks, gimp_checks
from glcic_backend.doctor.finding import FAILED, Finding, redact
from glcic_backend.errors import GlcicError

Check = Callable[[], list[Finding]]

CHECKS: dict[str, Check] = {
    "versions": engine_checks.check_versions,
    "disk": engine_checks.check_disk,
    "GIMP": gimp_checks.check_gimps,
    "plug-in": gimp_checks.check_plugins,
    "model": engine_checks.check_models,
    "device": engine_checks.check_device,
    "socket": daemon_checks.check_socket,
    "daemon": daemon_checks.check_daemon,
}
"""By the name under which a check that breaks down is told."""


def examine(checks: dict[str, Check] | None = None) -> Iterator[Finding]:
    """Run the checks one after the other; what they find is redacted."""
    for name, check in (checks or CHECKS).items():
        try:
            findings = check()
        except GlcicError as error:
            findings = [Finding(name, FAILED, str(error), "Run `python3 install.py` again if this does not help.")]
        except Exception as error:
            text = f"the check broke down: {type(error).__name__}: {error}"
            findings = [Finding(name, FAILED, text, "Run `python3 install.py` again, to repair the installation.")]
        yield from map(redact, findings)
