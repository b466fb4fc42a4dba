#!/usr/bin/python3
"""One compaction of one day by a small store that keeps two formats, as a process of its own.

The merge reads the existing row file from OLD; the release writes it to NEW instead ("--row-to"). Both
formats are written beside and renamed into place. Event ids, one a line. `--log` may be left out: then
only the files tell.
"""

import argparse
import json
import os
import sys
import time


def read(path):
    try:
        with open(path) as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def write(path, events):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    beside = f"{os.path.dirname(path)}/.{os.path.basename(path)}.tmp"
    with open(beside, "w") as file:
        file.write("".join(event + "\n" for event in events))
    os.rename(beside, path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--day", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--row-to", default="row")
    parser.add_argument("--log")
    parser.add_argument("events", nargs="*")
    options = parser.parse_args()
    name = f"{options.project}/{options.day}"
    existing = read(f"{options.data}/row/{name}.evt")
    merged = existing + [event for event in options.events if event not in set(existing)]
    row = f"{options.data}/{options.row_to}/{name}.evt"
    write(row, merged)
    write(f"{options.data}/columnar/{name}.col", merged)
    if not options.log:
        return
    with open(options.log, "a") as log:
        for form, path in (("row", row), ("columnar", f"{options.data}/columnar/{name}.col")):
            log.write(json.dumps({
                "ts": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() // 1000000 % 1000:03d}Z",
                "event": "compaction_finished", "run": options.run, "version": options.version,
                "project": options.project, "day": options.day, "format": form,
                "existing": len(existing), "new": len(options.events),
                "duplicates": len(existing) + len(options.events) - len(merged),
                "written": len(merged), "path": path}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
