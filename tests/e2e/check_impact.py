#!/usr/bin/env python3
"""Compares the document of `rollcall impact --format json` with truth.json of incident.py and prints
each difference. Exit 0 when they agree, 1 when they differ, 2 on a usage error.

    rollcall impact --format json … | check_impact.py DIR/truth.json
"""

import argparse
import json
import sys

TOTALS = ("projects", "project_days", "events_missing", "events_expected")
CUSTOMER = ("events_missing", "events_expected")
PARTITION = ("expected", "actual", "missing", "surplus", "version", "previous_version",
             "first_loss_at", "last_loss_at")


def by_day(document):
    return {(p["project"], d["day"]): d for p in document["projects"] for d in p["days"]}


def by_partition(rows):
    return {(p["server"], p["project"], p["day"], p["format"]): p for p in rows if p["missing"] > 0}


def compare(kind, truth, seen, names):
    for key in sorted(truth.keys() | seen.keys()):
        if key not in seen:
            yield f"{kind} {'/'.join(key)}: not reported, {describe(truth[key], names)}"
        elif key not in truth:
            yield f"{kind} {'/'.join(key)}: reported, nothing is missing: {describe(seen[key], names)}"
        else:
            yield from compare_values(f"{kind} {'/'.join(key)}", truth[key], seen[key], names)


def compare_values(what, truth, seen, names):
    for name in names:
        if seen.get(name) != truth[name]:
            yield f"{what}: {name} is {truth[name]}, reported {seen.get(name)}"


def describe(entry, names):
    return " ".join(f"{name}={entry.get(name)}" for name in names)


def differences(truth, impact, runs_are):
    yield from compare_values("totals", truth["totals"], impact["totals"], TOTALS)
    projects = [{p["project"]: p for p in d["projects"]} for d in (truth, impact)]
    for name in projects[0].keys() & projects[1].keys():
        yield from compare_values(f"project {name}", projects[0][name], projects[1][name], CUSTOMER)
    yield from compare("project-day", by_day(truth), by_day(impact), CUSTOMER)
    expected, seen = by_partition(truth["partitions"]), by_partition(impact["partitions"])
    yield from compare("partition", expected, seen, PARTITION)
    if runs_are == "ignored":
        return
    for key in sorted(expected.keys() & seen.keys()):
        p = expected[key]
        runs = {"logged": p["runs"], "lossy": p["lossy_runs"],
                "effective": p["runs"] - p["superseded_runs"]}[runs_are]
        if seen[key].get("runs") != runs:
            yield f"partition {'/'.join(key)}: runs is {runs}, reported {seen[key].get('runs')}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("truth")
    parser.add_argument("impact", nargs="?", default="-", help="default: standard input")
    parser.add_argument("--runs-are", choices=("logged", "effective", "lossy", "ignored"),
                        default="effective",
                        help="what `runs` counts; effective leaves out attempts that a retry replaced")
    args = parser.parse_args()
    try:
        with open(args.truth, encoding="utf-8") as file:
            truth = json.load(file)
        with sys.stdin if args.impact == "-" else open(args.impact, encoding="utf-8") as file:
            impact = json.load(file)
        found = list(differences(truth, impact, args.runs_are))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"check_impact: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    for line in found:
        print(line)
    compared = len(by_partition(truth["partitions"]))
    print(f"{len(found)} differences; {compared} partitions and "
          f"{truth['totals']['project_days']} project-days with events missing", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
