#!/usr/bin/env python3
"""Books the JSON logs that incident.py wrote by the per-run arithmetic (before, net, missing) and
prints the result as `rollcall impact --format json` would. It proves that the generator avoids the
cases in which the arithmetic and the sets of events differ, and stands in for rollcall when
check_impact.py itself is tested. It knows neither the truth nor the simulation.
"""

import argparse
import glob
import gzip
import json
import os


def lines_of(server_directory):
    for name in ("compactd.log.2.gz", "compactd.log.1", "compactd.log"):
        path = os.path.join(server_directory, name)
        with (gzip.open if name.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
            yield from file


def finished_runs(directory):
    for server in sorted(glob.glob(os.path.join(directory, "logs", "*"))):
        for line in lines_of(server):
            fields = json.loads(line)
            if fields["event"] == "compaction_finished":
                yield fields


def supersedes(run, earlier):
    """A retry after a crash: the same batch, read from where the earlier attempt started."""
    return (run["batch"] == earlier["batch"] and run["existing"] == earlier["before"]
            and all(run[c] == earlier[c] for c in ("new", "duplicates", "deleted")))


class Partition:
    def __init__(self):
        self.runs = []
        self.missing = self.surplus = 0

    def book(self, run):
        if self.runs and supersedes(run, self.runs[-1]):
            undone = self.runs.pop()
            self.missing, self.surplus = undone["missing_before"], undone["surplus_before"]
        # A partition opens from what its first run read.
        before = self.runs[-1]["written"] if self.runs else run["existing"]
        unread = before - run["existing"]
        net = (before + run["new"] + run["recovered"] - run["duplicates"] - run["deleted"]
               - run["written"])
        kept = {"before": before, "missing_before": self.missing, "surplus_before": self.surplus,
                "lost": max(net, 0), "previous": self.runs[-1]["version"] if self.runs else None}
        if net > 0:
            self.missing += net
        else:
            back = min(self.missing, -net, max(0, -unread))
            self.missing -= back
            self.surplus += -net - back
        self.missing -= min(self.missing, run["recovered"])
        self.runs.append({**run, **kept})


class Incident:
    """What one version lost and is still missing."""

    def __init__(self):
        self.at, self.servers, self.projects, self.days = [], set(), set(), set()
        self.events = 0

    def add(self, run):
        self.at.append(run["ts"])
        self.servers.add(run["host"])
        self.projects.add(run["project"])
        self.days.add((run["project"], run["day"]))

    def row(self, version):
        return {"version": version, "cause": "existing_not_read", "first_at": min(self.at),
                "last_at": max(self.at), "servers": len(self.servers),
                "projects": len(self.projects), "project_days": len(self.days),
                "events_missing": self.events}


def impact(directory):
    partitions = {}
    for run in finished_runs(directory):
        key = (run["host"], run["project"], run["day"], run["format"])
        partitions.setdefault(key, Partition()).book(run)
    rows, copies, incidents = [], {}, {}
    for (server, project, day, fmt), p in sorted(partitions.items()):
        actual = p.runs[-1]["written"]
        expected = actual + p.missing - p.surplus
        losses = [run for run in p.runs if run["lost"]]
        first, last = (losses[0], losses[-1]) if losses else ({}, {})
        if fmt == "columnar":
            copies.setdefault((project, day), []).append((expected, expected - p.missing, first))
        for run in losses if p.missing else ():
            incidents.setdefault(run["version"], Incident()).add(run)
        if p.missing or p.surplus:
            rows.append({"server": server, "project": project, "day": day, "format": fmt,
                         "expected": expected, "actual": actual, "missing": p.missing,
                         "surplus": p.surplus, "runs": len(p.runs), "verdict": "firing",
                         "cause": "existing_not_read",
                         "version": first.get("version"), "previous_version": first.get("previous"),
                         "first_loss_at": first.get("ts"), "last_loss_at": last.get("ts")})
    projects = {}
    for (project, day), counts in sorted(copies.items()):
        expected = max(e for e, _, _ in counts)
        missing = expected - max(a for _, a, _ in counts)
        if missing:  # told by the first version that lost some of it; the sum is what is compared
            incidents[next(run["version"] for _, _, run in counts if run)].events += missing
            projects.setdefault(project, []).append(
                {"day": day, "events_missing": missing, "events_expected": expected})
    entries = [{"project": project, "events_missing": sum(d["events_missing"] for d in days),
                "events_expected": sum(d["events_expected"] for d in days), "certain": True,
                "days": days}
               for project, days in projects.items()]
    totals = {"projects": len(entries), "project_days": sum(len(e["days"]) for e in entries),
              "events_missing": sum(e["events_missing"] for e in entries),
              "events_expected": sum(e["events_expected"] for e in entries), "certain": True}
    return {"totals": totals, "projects": entries, "partitions": rows, "unknown": [],
            "incidents": [incident.row(version) for version, incident in incidents.items()]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", help="what incident.py --out wrote, with --format json")
    print(json.dumps(impact(parser.parse_args().directory)))


if __name__ == "__main__":
    main()
