"""Compares h2spec's JUnit report of one listener with the list of skips: LISTENER REPORT SKIPS.

Fails if a test fails that is not listed, if a listed one passes, or if fewer tests ran than there are.
"""
import sys
import xml.etree.ElementTree as tree

ALL = 145

listener, report, skips = sys.argv[1:]
skipped = {}
for line in open(skips):
    words = line.split(maxsplit=2)
    if words and words[0] == listener:
        skipped[words[1]] = words[2].strip()

ran, failed = 0, set()
for suite in tree.parse(report).getroot().iter("testsuite"):
    for number, case in enumerate(suite.iter("testcase"), 1):
        ran += 1
        if any(case.find(kind) is not None for kind in ("failure", "error")):
            failed.add(f"{suite.get('package')}/{number}")

wrong = [f"failed: {name}" for name in sorted(failed - skipped.keys())]
wrong += [f"listed, but passes: {name}" for name in sorted(skipped.keys() - failed)]
if ran < ALL:
    wrong.append(f"only {ran} of {ALL} tests ran")
print(f"h2spec {listener}: {ran - len(failed)} of {ran} passed, {len(failed & skipped.keys())} skipped")
print("\n".join(wrong), file=sys.stderr)
sys.exit(bool(wrong))
