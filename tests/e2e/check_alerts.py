#!/usr/bin/env python3
"""Compares the document of `rollcall alerts --state all --format json` with truth.json of incident.py
and prints each difference. Exit 0 when they agree, 1 when they differ, 2 on a usage error.

    rollcall alerts --state all --format json … | check_alerts.py DIR/truth.json

Every partition with a loss has one count_drop, firing while events are missing, from its first loss
on; every server that ran the lossy release has one output_moved of it, from before anything was
lost, which ends only where the release was taken back. There is nothing else.
"""

import argparse
import json
import sys
from collections import Counter


def key_of(alert):
    return tuple(alert["labels"].get(name, "") for name in ("server", "project", "day", "format"))


def drops(truth):
    for p in truth["partitions"]:
        if p["losses"]:
            yield ((p["server"], p["project"], p["day"], p["format"]),
                   {"state": "firing" if p["missing"] else "resolved", "severity": "critical",
                    "cause": "existing_not_read", "version": p["version"],
                    "previous_version": p["previous_version"], "starts_at": p["first_loss_at"]})


def moves(truth):
    """By server: what the alert about its row format must say."""
    ended = truth["ending"] == "revert"
    steps = {}
    for release in truth["releases"]:
        steps.setdefault(release["server"], []).append(release)
    for server, (steady, lossy, _) in steps.items():
        yield ((server, "", "", "row"),
               {"state": "resolved" if ended else "firing", "severity": "critical",
                "cause": "moved", "version": lossy["version"],
                "previous_version": steady["version"]})


def compare(rule, expected, alerts):
    seen = {key_of(a): a for a in alerts if a["rule"] == rule}
    for key in sorted(expected.keys() | seen.keys()):
        what = f"{rule} {'/'.join(filter(None, key))}"
        if key not in seen:
            yield f"{what}: not reported"
        elif key not in expected:
            yield f"{what}: reported, and nothing is wrong: {seen[key]['summary']}"
        else:
            for name, value in expected[key].items():
                if seen[key][name] != value:
                    yield f"{what}: {name} is {value}, reported {seen[key][name]}"


def differences(truth, alerts):
    yield from compare("count_drop", dict(drops(truth)), alerts)
    yield from compare("output_moved", dict(moves(truth)), alerts)
    for alert in alerts:
        if alert["rule"] not in ("count_drop", "output_moved"):
            yield f"{alert['rule']}: reported, and nothing is wrong: {alert['summary']}"
    for key, count in Counter((a["rule"], key_of(a)) for a in alerts).items():
        if count > 1:
            yield f"{key[0]} {'/'.join(filter(None, key[1]))}: reported {count} times"
    incidents = {}
    for alert in alerts:
        incidents.setdefault(alert["incident"], set()).add(alert["version"])
    if any(len(versions) > 1 for versions in incidents.values()) or \
            len(incidents) != len({a["version"] for a in alerts}):
        yield f"a version is not one incident: {incidents}"
    losses = [p["first_loss_at"] for p in truth["partitions"] if p["losses"]]
    moved = [a["starts_at"] for a in alerts if a["rule"] == "output_moved"]
    if losses and moved and min(moved) >= min(losses):
        yield f"the first output_moved is of {min(moved)}, the first loss of {min(losses)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("truth")
    args = parser.parse_args()
    try:
        with open(args.truth, encoding="utf-8") as file:
            truth = json.load(file)
        alerts = json.load(sys.stdin)
        found = list(differences(truth, alerts))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"check_alerts: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    for line in found:
        print(line)
    print(f"{len(found)} differences; {len(alerts)} alerts", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
