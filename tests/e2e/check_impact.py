#!/usr/bin/env python3
"""Compares the document of `rollcall impact --format json` with truth.json of incident.py and prints
each difference. Exit 0 when they agree, 1 when they differ, 2 on a usage error.

    rollcall impact --format json … | check_impact.py DIR/truth.json

--since, --until, --version and --project say what rollcall was given; with one of the first three
only partitions and incidents are compared, since no truth says which loss a recovery made good.
"""

import argparse
import json
import sys

TOTALS = ("projects", "project_days", "events_missing", "events_expected")
CUSTOMER = ("events_missing", "events_expected")
PARTITION = ("expected", "actual", "missing", "surplus", "cause", "verdict", "version",
             "previous_version", "first_loss_at", "last_loss_at")
INCIDENT = ("cause", "first_at", "last_at", "servers", "projects", "project_days")


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


def select(truth, window):
    """The truth as rollcall should see it through its options."""
    for p in truth["partitions"]:
        p["selected"] = [loss for loss in p["losses"]
                         if (window.since or "") <= loss["at"] < (window.until or "9")
                         and window.version in (None, loss["version"], loss["previous_version"])]
        lost = p["selected"]
        p["missing"] = p["missing"] if lost else 0
        p["cause"], p["verdict"] = "existing_not_read", "firing"
        p["lossy_runs"] = len(lost)
        first, last = (lost[0], lost[-1]) if lost else ({}, {})
        p["first_loss_at"], p["last_loss_at"] = first.get("at"), last.get("at")
        p["version"] = first.get("version")
        p["previous_version"] = first.get("previous_version")
    if window.project:
        truth["partitions"] = [p for p in truth["partitions"] if p["project"] == window.project]
        truth["projects"] = [p for p in truth["projects"] if p["project"] == window.project]
        truth["totals"] = {
            "projects": len(truth["projects"]),
            "project_days": sum(len(p["days"]) for p in truth["projects"]),
            **{name: sum(p[name] for p in truth["projects"]) for name in CUSTOMER}}


def incidents(truth):
    found = {}
    for p in truth["partitions"]:
        for loss in p["selected"] if p["missing"] else ():
            one = found.setdefault((loss["version"],), {"at": [], "servers": set(),
                                                        "projects": set(), "project_days": set()})
            one["at"].append(loss["at"])
            one["servers"].add(p["server"])
            one["projects"].add(p["project"])
            one["project_days"].add((p["project"], p["day"]))
    return {key: {"cause": "existing_not_read", "first_at": min(one["at"]),
                  "last_at": max(one["at"]),
                  **{name: len(one[name]) for name in ("servers", "projects", "project_days")}}
            for key, one in found.items()}


def customers(truth, impact):
    yield from compare_values("totals", truth["totals"], impact["totals"], TOTALS)
    projects = [{p["project"]: p for p in d["projects"]} for d in (truth, impact)]
    for name in projects[0].keys() & projects[1].keys():
        yield from compare_values(f"project {name}", projects[0][name], projects[1][name], CUSTOMER)
    yield from compare("project-day", by_day(truth), by_day(impact), CUSTOMER)


def differences(truth, impact, args):
    select(truth, args)
    if not (args.since or args.until or args.version):
        yield from customers(truth, impact)
    expected, seen = by_partition(truth["partitions"]), by_partition(impact["partitions"])
    yield from compare("partition", expected, seen, PARTITION)
    yield from compare("incident", incidents(truth),
                       {(i["version"],): i for i in impact.get("incidents", ())}, INCIDENT)
    missing = sum(i["events_missing"] for i in impact.get("incidents", ()))
    if missing != impact["totals"]["events_missing"]:
        yield f"incidents miss {missing} events, the totals {impact['totals']['events_missing']}"
    uncertain = [p["project"] for p in impact["projects"] if p.get("certain") is not True]
    if impact["totals"].get("certain") is not True or impact.get("unknown") or uncertain:
        yield f"all was read, and something is uncertain: {impact.get('unknown')} {uncertain}"
    if args.runs_are == "ignored":
        return
    for key in sorted(expected.keys() & seen.keys()):
        p = expected[key]
        runs = {"logged": p["runs"], "lossy": p["lossy_runs"],
                "effective": p["runs"] - p["superseded_runs"]}[args.runs_are]
        if seen[key].get("runs") != runs:
            yield f"partition {'/'.join(key)}: runs is {runs}, reported {seen[key].get('runs')}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("truth")
    parser.add_argument("impact", nargs="?", default="-", help="default: standard input")
    parser.add_argument("--runs-are", choices=("logged", "effective", "lossy", "ignored"),
                        default="effective",
                        help="what `runs` counts; effective leaves out attempts that a retry replaced")
    for option in ("--since", "--until", "--version", "--project"):
        parser.add_argument(option)
    args = parser.parse_args()
    try:
        with open(args.truth, encoding="utf-8") as file:
            truth = json.load(file)
        with sys.stdin if args.impact == "-" else open(args.impact, encoding="utf-8") as file:
            impact = json.load(file)
        found = list(differences(truth, impact, args))
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
