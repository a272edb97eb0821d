"""A release that is trained: built once with counters in it, driven with the benches' own loads, built again with what was seen, so that
the code that requests run through lies together and the rest out of the way."""

import hashlib
import os
import pathlib
import subprocess
import sys

from . import documents, proxies, rounds, tools
from .scenarios import SCENARIOS

# What is driven: each protocol, the plugins that most have, answers and bodies of all sizes.
LOADS = ("plain", "work", "10 plugins", "TLS", "TLS handshakes", "h2", "100 KB", "POST 1 KB")
# So many routes are read at a start.
ROUTES = 20_000


def build(seconds=3):
    """Builds a trained release and returns the binary. It trains again only when the code has changed."""
    host = next(line.split()[1] for line in tools.said("rustc", "-vV").splitlines() if line.startswith("host:"))
    folder = tools.target() / "trained"
    raw = folder / "raw"
    watched = cargo(folder / "watched", host, f"-Cprofile-generate={raw}")
    profile = profile_of(watched, folder)
    if not profile.exists():
        merge = merger(host)
        for old in [*folder.glob("*.profdata"), *raw.glob("*")]:
            old.unlink()
        train(watched, seconds)
        subprocess.run([merge, "merge", "-o", profile, raw], check=True)
    return cargo(folder / "built", host, f"-Cprofile-use={profile}")


def profile_of(watched, folder):
    """Named after the binary: another one's profile is never taken, and cargo sees that it is another."""
    with open(watched, "rb") as binary:
        digest = hashlib.file_digest(binary, "sha256")
    return folder / f"{digest.hexdigest()[:16]}.profdata"


def cargo(folder, host, flags):
    """With a target named, cargo does not pass the flags on to what only runs while building. Both builds have the same profile, or their
    symbols would have other names and nothing that was seen would be found again."""
    command = ["cargo", "build", "--release", "--locked", "--package", "gibbon", "--target", host, "--target-dir", folder]
    subprocess.run(command, cwd=tools.TOP, check=True, env=os.environ | {"RUSTFLAGS": flags})
    return folder / host / "release" / "gibbon"


def merger(host):
    """The tool that makes one profile of many; it comes with the compiler, as a component of its own."""
    tool = pathlib.Path(tools.said("rustc", "--print", "sysroot")) / "lib" / "rustlib" / host / "bin" / "llvm-profdata"
    if not tool.exists():
        subprocess.run(["rustup", "component", "add", "llvm-tools"], cwd=tools.TOP)
    return tool if tool.exists() else sys.exit(f"`{tool}` is needed: rustup component add llvm-tools")


def train(watched, seconds):
    """Drives the binary with each load; it writes what it has seen when it ends."""
    core = max(os.sched_getaffinity(0))
    for scenario in (one for one in SCENARIOS if one.name in LOADS):
        drive(watched, core, scenario.text, scenario.document, lambda gibbon: [
            scenario.load.run(gibbon, connections, seconds, core) for connections in (8, 64)])
    many = lambda upstream: documents.many(ROUTES, upstream)
    drive(watched, core, f"a start with {ROUTES:,} routes", many, lambda gibbon: None, documents.asks(0))


def drive(watched, core, what, document, load, request=rounds.REQUEST):
    print(f"training: {what}", file=sys.stderr)
    with tools.folder() as folder:
        rounds.make_certificate(folder)
        with proxies.upstream(folder, core) as upstream:
            with proxies.gibbon(watched, folder, core, document(upstream.port)) as gibbon:
                gibbon.wait(request)
                load(gibbon)
