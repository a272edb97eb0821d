"""The machine: the programs that are needed, what it is, where the tree stands. Installs from Debian what is missing."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGES = {"nginx": "nginx-light", "haproxy": "haproxy", "wrk": "wrk", "h2load": "nghttp2-client", "taskset": "util-linux"}
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def find(program):
    """Debian keeps nginx and haproxy where not everybody looks."""
    return shutil.which(program, path=PATH) or sys.exit(f"`{program}` is needed: apt-get install {PACKAGES.get(program, program)}")


def install():
    """Installs the programs that are not there."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program, path=PATH)]
    if not missing:
        return
    print(f"installing {', '.join(missing)}", file=sys.stderr)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = [] if os.geteuid() == 0 else ["sudo"]
    for words in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing]):
        subprocess.run(command + words, check=True, env=environment, stdout=sys.stderr)


@contextlib.contextmanager
def folder():
    """A folder for a while, which servers that drop privileges can read."""
    with tempfile.TemporaryDirectory(prefix="gibbon-bench-") as made:
        os.chmod(made, 0o755)
        yield pathlib.Path(made)


def target():
    """Where cargo builds."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target")).resolve()


def build_router():
    """Builds the program that measures the router alone, and returns it; none when that fails."""
    command = ["cargo", "build", "--profile", "counts", "--locked", "--package", "gibbon-proxy", "--example", "scale"]
    built = subprocess.run(command, cwd=TOP).returncode == 0
    return target() / "counts" / "examples" / "scale" if built else None


def said(*command):
    done = subprocess.run(command, capture_output=True, text=True, cwd=TOP)
    return (done.stdout + done.stderr).strip()


def commit():
    return said("git", "rev-parse", "--short=12", "HEAD")


def machine():
    """One paragraph: commit, processor, kernel, versions."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) / 1e6
    changed = " with changes" if said("git", "status", "--porcelain", "--untracked-files=no") else ""
    versions = ", ".join([
        said(find("nginx"), "-v").rpartition(": ")[2],
        re.search(r"version (\S+)", said(find("haproxy"), "-v"))[0].replace("version", "HAProxy"),
        said(find("h2load"), "--version").replace("h2load ", ""),
        said("rustc", "--version").partition(" (")[0],
    ])
    return (f"Commit {commit()}{changed}. {cpu[1] if cpu else 'Unknown processor'}, {os.cpu_count()} cores, {memory:.0f} GB, "
            f"Linux {os.uname().release}; {versions}. Load average at the start: {os.getloadavg()[0]:.1f}.")
