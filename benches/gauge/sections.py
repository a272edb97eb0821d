"""What is measured beside ratios, a section each: a text for the report, and the figures that budgets look at."""

import json

from . import documents, proxies, rounds, scale, still, tools
from .report import table


def with_upstream(section):
    """Gives a section an upstream that answers on a core of its own, and a certificate."""
    def run(options, folder):
        rounds.make_certificate(folder)
        with proxies.upstream(folder, options.load_core) as upstream:
            return section(options, folder, upstream.port)
    return run


@with_upstream
def memory_and_start(options, folder, upstream):
    rows, figures = [], {}
    sizes = sorted({1, 1000, 10_000, options.routes})
    found = {count: still.of_routes(options, folder, upstream, count, times=3 if count == options.routes else 1) for count in sizes}
    for count in sizes:
        one = found[count]
        each = (one["memory"] - found[1]["memory"]) / count if count > 1 else 0
        rows.append((f"{count:,}", "JSON", f"{one['file'] / 1e6:.1f}", f"{one['start']:.2f}", f"{one['memory'] / 1e6:.1f}", f"{each:,.0f}"))
    many = still.of_routes(options, folder, upstream, options.routes, "yaml")
    rows.append((f"{options.routes:,}", "YAML", f"{many['file'] / 1e6:.1f}", f"{many['start']:.2f}", f"{many['memory'] / 1e6:.1f}", ""))
    figures["memory 1000"] = found[1000]["memory"] / 1e6
    figures["a route"] = (found[options.routes]["memory"] - found[1]["memory"]) / options.routes
    figures["start json"] = found[options.routes]["start"]
    more = scale.match(options, folder, upstream, options.routes)
    alone = scale.router(options)
    figures["match"] = more if alone is None else alone
    text = table(("routes", "file", "MB", "s until the first answer", "RSS MB", "bytes a route"), rows)
    text += f"\n\nA request among {options.routes:,} routes takes {more:.2f} µs of CPU more than the same with one route."
    if alone is not None:
        text += f" Finding a route among 100,000 takes {alone:.2f} µs of it, asked for 50,000 in turn."
    return text, figures


@with_upstream
def idle(options, folder, upstream):
    found = still.idle_connections(options, folder, upstream)
    rows = [(proxy, kind, f"{value:,.0f}") for (proxy, kind), value in found.items()]
    return table(("proxy", "connections", f"bytes each of {options.idle:,}"), rows), {"idle plain": found["gibbon", "plain"]}


@with_upstream
def live(options, folder, upstream):
    few, calm = scale.live(options, folder, upstream, 1000, options.times)
    many, busy = scale.live(options, folder, upstream, options.routes, options.times)
    rows = [(kind, f"{few[kind][0]:.1f}", f"{few[kind][1]:.1f}", f"{many[kind][0]:.1f}", f"{many[kind][1]:.1f}") for kind in few]
    head = ("change until live, ms", "1,000 routes: median", "longest", f"{options.routes:,} routes: median", "longest")
    texts = [table(head, rows), "\nEmbedded database. p99 at rest and at 50 changes a second, a fixed load of about a third of what one core can do:\n"]
    keys = list(calm)
    texts.append(table(("routes", *keys), [("1,000", *shown(calm)), (f"{options.routes:,}", *shown(busy))]))
    figures = {
        "change median": max(median for median, _ in many.values()),
        "calm": calm["changing p99"] - 1.1 * calm["rest p99"],
        "control": busy["control"],
        "switch": max(calm["longest switch"], busy["longest switch"]),
    }
    return "\n".join(texts), figures


def shown(found):
    return [f"{value:,.0f}" if key == "rate" else f"{value:.2f}" for key, value in found.items()]


@with_upstream
def bulk(options, folder, upstream):
    found = scale.bulk(options, folder, upstream, options.routes)
    rows = [(way, *(f"{one[key]:.2f}" for key in ("seconds", "rest p99", "loading p99", "loading max"))) for way, one in found.items()]
    text = table((f"{options.routes:,} routes through", "s", "p99 ms before", "p99 ms while loading", "longest ms"), rows)
    return text + "\n\n500 requests a second ran beside it; none failed.", {f"bulk {way}": one["seconds"] for way, one in found.items()}


def counts(options, folder):
    """Instructions and allocations, as CI guards them."""
    stored = json.loads((tools.TOP / "benches" / "counts.json").read_text())
    rows = [(name, f"{one['instructions']:,}", one.get("allocations", "")) for name, one in stored.items() if isinstance(one, dict)]
    text = table(("what", "instructions", "allocations"), rows)
    return text + "\n\nThese are the stored counts, which `benches/counts` compares with the tree.", {}


SECTIONS = {
    "Memory and start": memory_and_start,
    "Idle connections": idle,
    "Changes": live,
    "Bulk load": bulk,
    "Counts": counts,
}
