"""What incident.py writes: logs, the configuration that reads them, and the truth."""

import gzip
import json
import os

COUNTS = ("existing", "new", "duplicates", "deleted", "recovered", "written")
ROOT = "/data"


def stamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def path_of(fmt, pd, version):
    directory, suffix = ("columnar", "col") if fmt == "columnar" else (version.writes, "evt")
    return f"{ROOT}/{directory}/{pd.project}/{pd.day:%Y-%m-%d}.{suffix}"


# Log files ---------------------------------------------------------------------------------------

def as_json(kind, fields):
    return json.dumps(fields, separators=(",", ":"))


def as_logfmt(kind, fields):
    return " ".join(f"{key}={value}" for key, value in fields.items())


def as_text(kind, fields):
    """A line for the regular expression of REGEX."""
    head = f"{fields['ts']} {fields['level'].upper()} compactd@{fields['host']}: {fields['event']}"
    rest = {k: v for k, v in fields.items() if k not in ("ts", "level", "host", "event")}
    if kind == "noise":
        return f"{head} {rest}"
    subject = f"{head} run {rest['run']} batch {rest['batch']} of {rest['project']}/{rest['day']}"
    subject += f" as {rest['format']} by {rest['version']}"
    if kind == "failed":
        return f"{subject} after {rest['duration_ms']} ms: {rest['error']}"
    counts = " ".join(f"{name}={rest[name]}" for name in COUNTS)
    return f"{subject} {counts} to {rest['path']} in {rest['duration_ms']} ms"


REGEX = (r"^(?P<time>\S+) \S+ compactd@(?P<server>[^:]+): (?P<event>compaction_finished|compaction_failed)"
         r" run (?P<run>\S+) batch (?P<batch>\S+) of (?P<project>[^/]+)/(?P<day>\S+)"
         r" as (?P<format>\S+) by (?P<version>\S+)"
         r"(?: existing=(?P<existing>\d+) new=(?P<fresh>\d+) duplicates=(?P<duplicates>\d+)"
         r" deleted=(?P<deleted>\d+) recovered=(?P<recovered>\d+) written=(?P<written>\d+)"
         r" to (?P<path>\S+))?")
WRITERS = {"json": as_json, "logfmt": as_logfmt, "regex": as_text}


def write_logs(sim, directory):
    write = WRITERS[sim.args.format]
    for server, lines in zip(sim.servers, sim.lines):
        folder = os.path.join(directory, "logs", server)
        os.makedirs(folder, exist_ok=True)
        cuts = (0, len(lines) * 2 // 5, len(lines) * 3 // 4, len(lines))
        for name, begin, end in zip(("compactd.log.2.gz", "compactd.log.1", "compactd.log"),
                                    cuts, cuts[1:]):
            text = "".join(write(kind, fields) + "\n" for _, _, kind, fields in lines[begin:end])
            content = text.encode()
            if name.endswith(".gz"):
                content = gzip.compress(content, compresslevel=6, mtime=0)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)


# Configuration -----------------------------------------------------------------------------------

FIELDS = {"time": "ts", "server": "host", "run": "run", "batch": "batch", "project": "project",
          "day": "day", "format": "format", "existing": "existing", "fresh": "new",
          "recovered": "recovered", "duplicates": "duplicates", "deleted": "deleted",
          "written": "written", "version": "version", "path": "path"}


def write_config(sim, directory):
    if sim.args.format == "regex":
        mapping = [f"    pattern: '{REGEX}'"]
    else:
        mapping = ["    match: {event: [compaction_finished, compaction_failed]}",
                   "    fields: {" + ", ".join(f"{k}: {v}" for k, v in FIELDS.items()) + "}"]
    text = "\n".join([
        "server: collected",
        f"ledger: {json.dumps(os.path.join(directory, 'ledger.db'))}",
        "compaction_logs:",
        "  - name: compactd",
        f"    paths: [{json.dumps(os.path.join(directory, 'logs/*/compactd.log'))}]",
        f"    format: {sim.args.format}",
        "    shape: rewrite",
        "    conservation: strict",
        "    unit: events",
        "    time_format: rfc3339",
        *mapping,
        "    outcome: {field: event, failed: [compaction_failed]}",
        "canonical_files:",
        "  - format: columnar",
        f"    path: {ROOT}/columnar/{{project}}/{{day}}.col",
        "    reads: row",
        "    serving: true",
        "    required: false",
        "  - format: row",
        f"    path: {ROOT}/row/{{project}}/{{day}}.evt",
        "    serving: false",
        "    required: false",
        "same_events: [row, columnar]", ""])
    with open(os.path.join(directory, "rollcall.yml"), "w", encoding="utf-8") as file:
        file.write(text)


# Truth -------------------------------------------------------------------------------------------

def partitions_of(sim):
    for pd in sim.project_days:
        for copy in pd.copies:
            for fmt, tally in copy.tallies.items():
                if tally.runs + tally.failed_runs == 0:
                    continue  # the logs say nothing of it
                held, losses = copy.held(fmt), tally.losses
                first, last = (losses[0], losses[-1]) if losses else ({}, {})
                yield {"server": sim.servers[copy.server], "project": pd.project,
                       "day": f"{pd.day:%Y-%m-%d}", "format": fmt,
                       "expected": len(copy.should), "actual": len(held),
                       "missing": len(copy.should - held), "surplus": len(held - copy.should),
                       "runs": tally.runs, "failed_runs": tally.failed_runs,
                       "superseded_runs": tally.superseded_runs, "lossy_runs": len(losses),
                       "first_loss_at": first.get("at"), "last_loss_at": last.get("at"),
                       "version": first.get("version"),
                       "previous_version": first.get("previous_version"), "losses": losses}


def customers_of(partitions):
    """Project-days counted once: serving format, over copies, those with events missing."""
    copies = {}
    for p in partitions:
        if p["format"] == "columnar":
            copies.setdefault((p["project"], p["day"]), []).append(p)
    projects = {}
    for (project, day), ps in sorted(copies.items()):
        expected = max(p["expected"] for p in ps)
        missing = expected - max(min(p["actual"], p["expected"]) for p in ps)
        if missing:
            projects.setdefault(project, []).append(
                {"day": day, "events_missing": missing, "events_expected": expected})
    return [{"project": project, "events_missing": sum(d["events_missing"] for d in days),
             "events_expected": sum(d["events_expected"] for d in days), "days": days}
            for project, days in projects.items()]


def write_truth(sim, directory):
    partitions = list(partitions_of(sim))
    projects = customers_of(partitions)
    kinds = [kind for lines in sim.lines for _, _, kind, _ in lines]
    truth = {
        "seed": sim.args.seed, "mode": "healthy" if sim.args.healthy else "incident",
        "ending": sim.ending, "old_files": sim.args.old_files, "format": sim.args.format,
        "lines": {kind: kinds.count(kind) for kind in ("run", "failed", "noise")},
        "releases": [{"server": sim.servers[s], "at": stamp(at), "version": version.name}
                     for s, plan in enumerate(sim.releases) for at, version in plan],
        "totals": {"projects": len(projects),
                   "project_days": sum(len(p["days"]) for p in projects),
                   "events_missing": sum(p["events_missing"] for p in projects),
                   "events_expected": sum(p["events_expected"] for p in projects)},
        "projects": projects, "partitions": partitions}
    with open(os.path.join(directory, "truth.json"), "w", encoding="utf-8") as file:
        json.dump(truth, file, indent=1)
    return truth
