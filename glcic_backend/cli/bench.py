"""`glcic-backend bench`: speed as medians and ratios of one run."""

import json
from dataclasses import asdict

import click

from glcic_backend.cli.engine_options import engine_options
from glcic_backend.inpainter import Inpainter
from glcic_backend.measuring import benchmark
from glcic_backend.measuring.benchmark import PAPER_TABLE_4_CPU, SCENES, WHOLE_OVER_REGION_GOALS, Report
from glcic_backend.measuring.waits import Wait, measure_waits


@click.command(name="bench")
@engine_options
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="Measured rounds.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--waits", is_flag=True, help="Only how long users wait, for holes of all kinds, beside others; minutes.")
def command(model: str | None, device: str, threads: int | None, rounds: int, as_json: bool, waits: bool) -> None:
    """Measure the speed of completion and blending on this machine.

    The network is computed with all channels of Table 2, also where the model needs only some of them.
    Compared things take turns in one run; the figures are medians. Takes one to three minutes on two CPU cores, and
    about 3 GB of memory for the whole images and the sparse LU that are compared with. Load disturbs it.
    """
    if waits:
        engine = Inpainter.load(model, device=device, threads=threads)
        measured = measure_waits(engine, rounds, lambda line: click.echo(f"  {line} ...", err=True))
        click.echo(json.dumps([asdict(wait) for wait in measured]) if as_json else format_waits(measured))
        return
    engine = benchmark.at_full_width(Inpainter.load(model, device=device, threads=threads))
    report = benchmark.run_benchmark(engine, rounds, lambda line: click.echo(f"  {line} ...", err=True))
    if as_json:
        click.echo(json.dumps(asdict(report)))
        return
    click.echo(format_report(report))


def format_waits(waits: list[Wait]) -> str:
    """Seconds of each method as text, and how many times as long as ours the others take."""
    lines = ["Medians: seconds by the clock, seconds of all processors, and these as multiples of ours."]
    for case in dict.fromkeys(wait.case for wait in waits):
        lines += ["", f"{case}:"]
        of_case = {wait.method: wait for wait in waits if wait.case == case}
        for name, wait in of_case.items():
            ratios = ", ".join(
                f"{wait.processor_s / of_case[quality].processor_s:.2f} x {quality}" for quality in ("fast", "best")
            )
            lines.append(f"  {name:<28} {wait.clock_s:8.2f} s {wait.processor_s:8.2f} s   {ratios}")
    return "\n".join(lines)


def format_report(report: Report) -> str:
    """The report as text, one line per figure."""
    lines = [
        f"Device {report.device}, {report.threads} threads, medians of {report.rounds} rounds.",
        "",
        "Exact region against the whole image (network only):",
    ]
    for result, goal in zip(report.regions, WHOLE_OVER_REGION_GOALS, strict=True):
        note = ", whole extrapolated from 1024 x 1024 by pixels" if result.extrapolated else ""
        lines.append(
            f"  {result.scene.name:<22} region {result.region_s:7.3f} s   whole {result.whole_s:8.3f} s   "
            f"ratio {result.ratio:6.1f} (goal {goal:g}){note}"
        )
    share = report.regions[-1].region_gflops / report.matrix_gflops
    blend_share = report.blend_200.blend_s / report.regions[-1].region_s
    lines += [
        "",
        f"Matrix product, {report.matrix_gflops:.0f} GFLOP/s; region {SCENES[-1].name}: "
        f"{report.regions[-1].region_gflops:.0f} GFLOP/s, {share:.0%} of it (goal 75 %)",
        f"Blending a 200 x 200 hole: {report.blend_200.blend_s * 1e3:.0f} ms, {blend_share:.1%} of the network's time "
        f"there (goal at most 15 %)",
        _format_sparse_lu(report),
        "",
        "Whole image, as in the paper's Table 4:",
    ]
    for side, seconds in report.whole_image_s.items():
        lines.append(f"  {side:>4} x {side:<4} {seconds:7.3f} s   (paper, 8 cores: {PAPER_TABLE_4_CPU[side]:.3f} s)")
    return "\n".join(lines)


def _format_sparse_lu(report: Report) -> str:
    blend = report.blend_800
    text = f"Blending an 800 x 800 hole: {blend.blend_s:.2f} s"
    if blend.sparse_lu_s is None:
        return f"{text}; sparse LU not measured: scipy is not installed"
    return f"{text}; sparse LU {blend.sparse_lu_s:.2f} s, {blend.sparse_lu_s / blend.blend_s:.1f} times as long"
