"""The Markdown that a run prints and writes."""

from .budget import BUDGET

HEAD = """| scenario | connections | proxy | ratio to nginx | of rounds | CPU µs/request | requests/s | p50 ms | p99 ms | RSS MB |
|---|---|---|---|---|---|---|---|---|---|"""


def line(row):
    return (
        f"| {row['scenario']} | {row['connections']} | {row['proxy']} | {row['ratio']:.2f} | {row['low']:.2f}–{row['high']:.2f} "
        f"| {row['cpu']:.2f} | {row['rate']:,.0f} | {row['p50']:.2f} | {row['p99']:.2f} | {row['memory']:.1f} |"
    )


def table(head, rows):
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(map(str, row))} |" for row in rows])


def budget(figures):
    return table(("promise", "budget", "measured", "verdict"), [line.judge(figures) for line in BUDGET])


def write(title, machine, method, figures, sections):
    """The whole report: sections are pairs of a heading and its text."""
    parts = [f"# {title}", machine, method, "## Budget", budget(figures)]
    for heading, text in sections:
        parts += [f"## {heading}", text]
    return "\n\n".join(parts) + "\n"
