"""The incident on real files and real processes, beside `rollcall watch`: who reads the format that is
thought dead, which row files are missing and where they are instead, and the first lossy re-run told by
the files alone, when no log is written. Truth is kept here; nothing is shared with rollcall.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECTS = [f"p{n}" for n in range(8)]
DAYS = ["2016-02-20", "2016-02-21", "2016-02-22"]
PATIENCE = 60  # s


class Store:
    """The compactor's data, and how many events each day must hold."""

    def __init__(self, directory, logged):
        self.data = f"{directory}/data"
        self.log = f"{directory}/compactd.log" if logged else None
        self.expected, self.runs, self.written = {}, 0, {}

    def compact(self, project, day, version, count, row_to="row"):
        key = (project, day)
        first = self.expected.get(key, 0)
        self.expected[key] = first + count
        self.runs += 1
        events = [f"{project}-{day}-{n}" for n in range(first, first + count)]
        command = ["/usr/bin/python3", f"{HERE}/compactor.py", "--data", self.data, "--project", project,
                   "--day", day, "--version", version, "--run", f"r{self.runs}", "--row-to", row_to]
        if self.log:
            command += ["--log", self.log]
        subprocess.run(command + events, check=True)

    def lines(self, project, day):
        with open(f"{self.data}/columnar/{project}/{day}.col") as file:
            return sum(1 for _ in file)


def configure(directory, port, more=""):
    config = f"""
server: data-1
ledger: {directory}/ledger.db
listen: 127.0.0.1:{port}
compaction_logs:
  - name: compactd
    paths: [{directory}/compactd.log]
    match: {{event: compaction_finished}}
    fields: {{time: ts, run: run, project: project, day: day, format: format, existing: existing, fresh: new,
              duplicates: duplicates, written: written, version: version, path: path}}
canonical_files:
  - {{format: columnar, path: "{directory}/data/columnar/{{project}}/{{day}}.col", reads: row, serving: true,
      required: true, grace: 3s, recount: lines}}
  - {{format: row, path: "{directory}/data/row/{{project}}/{{day}}.evt", required: true, grace: 3s, recount: lines,
      dead: {{since: 2016-02-01}}}}
same_events: [row, columnar]
{more}"""
    with open(f"{directory}/rollcall.yml", "w") as file:
        file.write(config)


class Watch:
    all = []

    def __init__(self, rollcall, directory, port):
        self.rollcall, self.directory = rollcall, directory
        self.errors = open(f"{directory}/watch.err", "a")
        self.process = subprocess.Popen(
            [rollcall, "watch", "--config", f"{directory}/rollcall.yml"], stderr=self.errors)
        self.port = port
        self.all.append(self)
        self.wait("to be ready", self.ready)

    def ready(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5).status == 200
        except OSError:
            return False

    def say(self, *words):
        done = subprocess.run([self.rollcall, *words, "--config", f"{self.directory}/rollcall.yml",
                               "--format", "json"], capture_output=True, text=True)
        return json.loads(done.stdout) if done.stdout else None

    def alerts(self, rule):
        return [alert for alert in self.say("alerts") if alert["rule"] == rule]

    def wait(self, what, condition):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"FAILED: waited in vain for {what}; {self.directory} has what there is")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.errors.close()


def check(holds, what):
    if not holds:
        raise SystemExit(f"FAILED: {what}")
    print(f"  {what}")


def level_of(watch):
    text = urllib.request.urlopen(f"http://127.0.0.1:{watch.port}/metrics", timeout=5).read().decode()
    return next((line for line in text.splitlines() if line.startswith("rollcall_file_events_level{")), "")


def dead_reads(rollcall, directory, port):
    """Before the release: everybody thinks that the row files are not read."""
    store = Store(directory, logged=True)
    for project in PROJECTS:
        for day in DAYS:
            store.compact(project, day, "1", 20)
    watch = Watch(rollcall, directory, port)
    runs = store.runs
    for project in PROJECTS:
        for day in DAYS:
            store.compact(project, day, "1", 2)
    late = store.runs - runs
    alert = watch.wait("a read of a dead file", lambda: watch.alerts("dead_file_read"))[0]
    check("python3" in (alert["evidence"]["executable"] or ""), "the reader of dead files is named by its executable")
    voided = sum(1 for project in PROJECTS for day in DAYS
                 if abs(os.stat(f"{store.data}/row/{project}/{day}.evt").st_atime
                        - os.stat(f"{store.data}/row/{project}/{day}.evt").st_mtime) < 0.01)
    check(voided == late, f"all {late} row files look unread: their access time is that of their creation")
    audit = watch.wait("all reads to be audited", lambda: (
        lambda found: found if found["readers"] and found["readers"][0]["files"] == late else None)(watch.say("audit", "row")))
    check(audit["verdict"] == "read", f"the audit says that they are read, all {late}")
    check(audit["replaced_after_read"] == late, "each by the process that then replaced it")
    check(audit["access_time_evidence_void"] == late, "and that their access times prove nothing")
    check(watch.say("audit", "columnar")["verdict"] == "unknown",
          "nobody claims that a format is unread whose reads are not watched")
    check(not watch.alerts("missing_canonical_file"), "no file is missing")
    check(not watch.alerts("count_drop"), "no event is missing")
    return store, watch


def restarts(store, watch):
    """A reload loses nothing of what is seen; a restart leaves a blind interval."""
    check(level_of(watch).startswith('rollcall_file_events_level{level="full"}'), "file events are seen in full")
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{watch.port}/-/reload", method="POST"), timeout=30)
    watch.wait("the reload", watch.ready)
    check(level_of(watch).startswith('rollcall_file_events_level{level="full"}'), "also after a reload")
    reads = watch.say("audit", "row")["readers"][0]["reads"]
    store.compact(PROJECTS[0], DAYS[0], "1", 1)
    watch.wait("a read after the reload", lambda: watch.say("audit", "row")["readers"][0]["reads"] > reads)
    check(watch.say("audit", "row")["blind_seconds"] == 0, "without a blind second")
    watch.stop()
    again = Watch(watch.rollcall, watch.directory, watch.port)
    again.wait("the blind interval", lambda: again.say("audit", "row")["blind_seconds"] > 0)
    check(True, "what happened while nobody watched is unknown")
    return again


def release(store, watch):
    """The release writes row files elsewhere; its merge still reads the old place."""
    day = "2016-02-23"
    for project in PROJECTS:
        store.compact(project, day, "2", 30, row_to="row-v2")
    missing = watch.wait("missing row files", lambda: (
        lambda found: found if len(found) == len(PROJECTS) else None)(watch.alerts("missing_canonical_file")))
    for alert in missing:
        project = alert["labels"]["project"]
        check(alert["evidence"]["found_at"] == f"{store.data}/row-v2/{project}/{day}.evt",
              f"the row file of {project} is missing, and named where it is instead")
    check(bool(watch.alerts("output_moved")), "the move is called out before anything is lost")
    store.compact(PROJECTS[0], day, "2", 3, row_to="row-v2")
    alert = watch.wait("the loss", lambda: watch.alerts("count_drop"))[0]
    check(alert["version"] == "2" and alert["evidence"]["missing"] == 30, "the first lossy re-run is told with its count")


def files_alone(rollcall, directory, port):
    """No log at all: the files tell."""
    open(f"{directory}/compactd.log", "w").close()
    store = Store(directory, logged=False)
    project, day = "p0", "2016-02-23"
    store.compact(project, day, "2", 500, row_to="row-v2")
    watch = Watch(rollcall, directory, port)

    def counted():
        files = watch.say("files", project, day)
        return files and any(file["rows"] == 500 for file in files["files"])

    watch.wait("the first count", counted)
    before = time.monotonic()
    store.compact(project, day, "2", 7, row_to="row-v2")
    check(store.lines(project, day) == 7, "the day was replaced by its late events alone")
    alert = watch.wait("the loss", lambda: watch.alerts("file_disagrees"))[0]
    check(alert["severity"] == "critical" and alert["evidence"]["missing"] == 493,
          f"it pages with what was counted in the files, {time.monotonic() - before:.1f} s later")
    watch.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rollcall", required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--port", type=int, default=39731)
    options = parser.parse_args()
    for name in ("logged", "alone"):
        directory = f"{options.directory}/{name}"
        for part in ("row", "columnar"):
            os.makedirs(f"{directory}/data/{part}")
        configure(directory, options.port)
        print(name)
        if name == "alone":
            files_alone(options.rollcall, directory, options.port)
            continue
        store, watch = dead_reads(options.rollcall, directory, options.port)
        watch = restarts(store, watch)
        release(store, watch)
        watch.stop()
        checked = subprocess.run([options.rollcall, "check", "ledger", "--rebuild", "--ledger",
                                  f"{directory}/ledger.db"], capture_output=True, text=True)
        check(checked.returncode == 0, "the ledger can be made again from its facts " + checked.stdout.strip())


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        for watch in Watch.all:
            if watch.process.poll() is None:
                watch.process.kill()
