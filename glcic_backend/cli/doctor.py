"""`glcic-backend doctor`: is all there that a completion in GIMP needs?"""

import json
from dataclasses import asdict

import click

from glcic_backend.doctor.examination import examine
from glcic_backend.doctor.finding import FAILED, Finding
from glcic_backend.errors import as_options


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check GIMP, the plug-in, the daemon, the model, the device and the disk; nothing is changed.

    One line each: ok, warning or failed, what was found, and after an arrow what to do. The daemon's secret and your
    name are left out, so the output can be shown to others. Exit codes: 0 nothing failed, 1 something did.
    """
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            click.echo(_line(finding))
    failed = sum(finding.state == FAILED for finding in findings)
    if as_json:
        click.echo(json.dumps({"ok": not failed, "findings": [asdict(finding) for finding in findings]}, indent=2))
    ctx.exit(1 if failed else 0)


def _line(finding: Finding) -> str:
    advice = f" -> {finding.advice}" if finding.advice else ""
    return as_options(f"{finding.state:7}  {finding.name}: {finding.text}{advice}")
