"""What is promised, a line each, and whether a run keeps it."""

import dataclasses

# Noise of a ratio; a median may be above its limit by this.
NOISE = 0.02


@dataclasses.dataclass(frozen=True)
class Line:
    """A promise: each of these figures is at most `limit`."""

    text: str
    figures: tuple
    limit: float
    unit: str = ""
    noise: float = 0.0

    def judge(self, figures):
        """A row: what is promised, the figures, the verdict. Fewer routes than promised judge nothing."""
        found = [figures[name] for name in self.figures if name in figures]
        if not found:
            return self.text, f"≤ {self.limit:g}{self.unit}", "—", "not measured"
        met = max(found) <= self.limit + self.noise
        verdict = "met" if met else "**not met**"
        if "100,000" in self.text and figures.get("routes") != 100_000:
            verdict = f"not judged: {figures.get('routes', 0):,} routes"
        shown = ", ".join(f"{value:.2f}" if value < 100 else f"{value:,.0f}" for value in found)
        return self.text, f"≤ {self.limit:g}{self.unit}", shown + self.unit, verdict


def ratio(text, scenario, limit, connections=(8, 64)):
    return Line(f"{text}, {' and '.join(map(str, connections))} connections", tuple(f"ratio {scenario} {n}" for n in connections), limit, " × nginx", NOISE)


BUDGET = [
    ratio("plain proxying", "plain", 0.82),
    ratio("1,000 routes + key-auth + rate-limiting (local)", "work", 0.90),
    Line("one more plugin that finds nothing to do", ("plugin",), 100, " ns"),
    ratio("TLS", "TLS", 1.0),
    ratio("TLS handshakes", "TLS handshakes", 1.0),
    ratio("HTTP/2", "h2", 1.0),
    Line("memory of a node with 1,000 routes", ("memory 1000",), 30, " MB"),
    Line("an idle connection", ("idle plain",), 3000, " bytes"),
    Line("a route among 100,000, all counted", ("a route",), 2048, " bytes"),
    Line("a match among 100,000 routes", ("match",), 1, " µs"),
    Line("start from JSON with 100,000 routes", ("start json",), 3, " s"),
    Line("each kind of change live among 100,000 routes, median", ("change median",), 20, " ms"),
    Line("POST /config with 100,000 routes", ("bulk POST /config",), 5, " s"),
    Line("config db_import with 100,000 routes", ("bulk config db_import",), 5, " s"),
    Line("p99 at 50 changes a second, 1,000 routes: above 1.1 × rest by", ("calm",), 0.3, " ms"),
    Line("control work at 50 changes a second, 100,000 routes", ("control",), 0.25, " cores"),
    Line("longest that a worker took to go over to a change, at 50 a second", ("switch",), 2, " ms"),
]
