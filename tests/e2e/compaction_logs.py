"""What real compaction logs say, read without any of rollcall's code, and what is wrong with them when
one thing in them is changed. Standard library only; used by check_real_logs.py.

A truth is {"runs": [...], "actual": {partition: records}, "broken": [...]}: every finished run with its
counts and files, what is live in the end, and the identities of research/mission.md section 2 that do
not hold. All are empty of breaks for the logs as they are.
"""

import json
import re

MARKER = "EVENT_LOG_v1 "


def event_of(line):
    at = line.find(MARKER)
    return json.loads(line[at + len(MARKER):]) if at >= 0 else None


def with_event(line, event):
    at = line.find(MARKER)
    return line[:at + len(MARKER)] + json.dumps(event)


def rocksdb_truth(lines):
    """R1, R2 and R3 of one session, by `time_micros`."""
    events = sorted((e for e in map(event_of, lines) if e), key=lambda e: e["time_micros"])
    families = {}                      # of jobs, by the files that they write
    files, live, consumed, outputs, inputs = {}, {}, set(), {}, {}
    truth = {"runs": [], "actual": {}, "broken": []}
    for event in events:
        name, job = event["event"], event["job"]
        if name == "table_file_creation":
            counts = event["table_properties"]
            files[event["file_number"]] = (counts["num_entries"], counts["num_range_deletions"])
            outputs.setdefault(job, []).append(event["file_number"])
            families[job] = event["cf_name"]
        elif name == "compaction_started":
            inputs[job] = [n for key in event if key.startswith("files_L") for n in event[key]]
        elif name in ("flush_finished", "compaction_finished"):
            merges = name == "compaction_finished"
            read, wrote = inputs.pop(job, []), outputs.pop(job, [])
            kept = sum(files[n][0] - files[n][1] for n in wrote)
            held = sum(files[n][0] for n in read if n in files)
            if merges and held != event["num_input_records"]:
                truth["broken"].append(("R1", job))
            if merges and kept != event["num_output_records"]:
                truth["broken"].append(("R2", job))
            truth["broken"] += [("R3", n) for n in read if n not in live]
            for n in read:
                live.pop(n, None)
                consumed.add(n)
            live.update((n, families[job]) for n in wrote)
            truth["runs"].append({
                "partition": families[job], "kind": "compaction" if merges else "flush",
                "run": str(job), "existing": event["num_input_records"] if merges else 0,
                "fresh": 0 if merges else sum(files[n][0] for n in wrote), "written": kept,
                "inputs": sorted(map(str, read)), "outputs": sorted(map(str, wrote))})
        elif name == "table_file_deletion" and event["file_number"] not in consumed:
            truth["broken"].append(("R3", event["file_number"]))
    for n, family in live.items():
        truth["actual"][family] = truth["actual"].get(family, 0) + files[n][0]
    return truth


COMPACTED = re.compile(
    r"\[(?P<thread>[^]]+)\] \S+ \S+ \S+ - Compacted (?P<count>\d+) sstables to \[(?P<out>[^]]*)\]\.  .*  "
    r"(?P<before>[\d,]+) total partitions merged to (?P<after>[\d,]+)\.  "
    r"Partition merge counts were \{(?P<counts>[^}]*)\}")
COMPACTING = re.compile(r"\[(?P<thread>[^]]+)\] \S+ \S+ \S+ - Compacting \[(?P<files>.*)\]")
FLUSHED = re.compile(r"Completed flushing (?P<file>/\S+)-Data\.db")


def number(text):
    return int(text.replace(",", ""))


def sstable(path):
    return path.strip().removesuffix("-Data.db").replace("-tmp-", "-").replace("-tmplink-", "-")


def table_of(path):
    keyspace, table = path.split("/")[-3:-1]
    return f"{keyspace}.{table.rsplit('-', 1)[0]}"


def cassandra_truth(lines):
    """C1, C2 and C3 of a 2.1 log; `deficit` is what C2 lacks in each table."""
    live, waiting = set(), {}
    truth = {"runs": [], "deficit": {}, "broken": []}
    for line in lines:
        if found := FLUSHED.search(line):
            output = sstable(found["file"])
            live.add(output)
            truth["runs"].append({"partition": table_of(output), "kind": "flush", "existing": None,
                                  "fresh": None, "written": None, "inputs": [], "outputs": [output]})
        elif found := COMPACTING.search(line):
            waiting[found["thread"]] = [sstable(path) for path in re.findall(r"path='([^']*)'", line)]
        elif found := COMPACTED.search(line):
            read = waiting.pop(found["thread"], [])
            wrote = [sstable(path) for path in found["out"].split(",") if path.strip()]
            table = table_of((wrote or read)[0])
            counts = {int(k): int(c) for k, c in re.findall(r"(\d+):(\d+)", found["counts"])}
            before, after = number(found["before"]), number(found["after"])
            total = sum(k * c for k, c in counts.items())
            lacking = sum(counts.values()) - after
            truth["broken"] += [("C1", table)] if total != before else []
            truth["broken"] += [("C2", table)] if lacking < 0 else []
            truth["broken"] += [("C3", path) for path in read if path not in live]
            if lacking:
                truth["deficit"][table] = truth["deficit"].get(table, 0) + lacking
            live.difference_update(read)
            live.update(wrote)
            truth["runs"].append({"partition": table, "kind": "compaction", "existing": total,
                                  "fresh": 0, "written": after, "inputs": sorted(read),
                                  "outputs": sorted(wrote)})
    return truth


# ---- One thing changed. Each gives the lines and the alerts that must come of it: partition, rule,
# cause, severity and records missing. ----

def nth(lines, name, wanted=0, where=lambda event: True):
    """Index and event of the nth line that tells of this event."""
    found = [(i, e) for i, e in enumerate(map(event_of, lines))
             if e and e["event"] == name and where(e)]
    return found[wanted]


def replaced(lines, index, *instead):
    return lines[:index] + list(instead) + lines[index + 1:]


def middle_compaction(lines):
    """A compaction of the middle of the log: its lines, its inputs and its family."""
    started, event = nth(lines, "compaction_started", 30)
    finished, _ = nth(lines, "compaction_finished", where=lambda e: e["job"] == event["job"])
    created, output = nth(lines, "table_file_creation", where=lambda e: e["job"] == event["job"])
    inputs = [n for key in event if key.startswith("files_L") for n in event[key]]
    return started, finished, created, inputs, output["cf_name"]


def rocksdb_changes(lines):
    started, finished, created, inputs, family = middle_compaction(lines)
    loss = lambda cause, records: {(family, "count_drop", cause, "critical", records)}

    origin, event = nth(lines, "table_file_creation", where=lambda e: e["file_number"] == inputs[0])
    yield "an input was never seen to be made", replaced(lines, origin), set()
    event["table_properties"]["num_entries"] += 7
    yield ("an input held more than was read",
           replaced(lines, origin, with_event(lines[origin], event)), loss("existing_not_read", 7))

    event = event_of(lines[finished])
    event["num_output_records"] += 7
    yield ("a merge says that it wrote more than its files hold",
           replaced(lines, finished, with_event(lines[finished], event)), loss("dropped_in_merge", 7))
    event["num_output_records"] -= 14
    yield ("a merge says that it wrote less than its files hold",
           replaced(lines, finished, with_event(lines[finished], event)),
           {(family, "count_drop", "duplicated", "warning", 0)})
    event = event_of(lines[finished])
    event["num_input_records"] -= 7
    status = lines[finished - 1].replace(f"records in: {event['num_input_records'] + 7}",
                                         f"records in: {event['num_input_records']}")
    yield ("a merge says that it read less than its inputs hold",
           replaced(replaced(lines, finished, with_event(lines[finished], event)), finished - 1, status),
           loss("existing_not_read", 7))

    yield "an output was written elsewhere", replaced(lines, created), set()
    event = event_of(lines[finished])
    event["num_output_files"] -= 1
    kept = event["num_output_records"]
    yield ("an output is gone", replaced(replaced(lines, finished, with_event(lines[finished], event)),
                                         created), loss("dropped_in_merge", kept))

    # Its inputs are deleted all the same, and the database is closed.
    yield ("a merge never ends", replaced(lines, finished),
           loss("deleted_unmerged", event_of(lines[finished])["num_input_records"]))

    # The last job deletes the file that this family got last and nobody has merged.
    last, event = nth(lines, "table_file_deletion", -1)
    live = [e for e in map(event_of, lines) if e and e["event"] == "table_file_creation"
            and e["cf_name"] == family][-1]
    event["file_number"] = live["file_number"]
    yield ("a live file is deleted", replaced(lines, last, lines[last], with_event(lines[last], event)),
           loss("deleted_unmerged", live["table_properties"]["num_entries"]))

    # A file is merged that an earlier merge had consumed.
    start, end = event_of(lines[started]), event_of(lines[finished])
    made = {e["file_number"]: e for e in map(event_of, lines[:started])
            if e and e["event"] == "table_file_creation" and e["cf_name"] == family}
    again = [e["file_number"] for e in map(event_of, lines[:started])
             if e and e["event"] == "table_file_deletion" and e["file_number"] in made][-1]
    start[next(key for key in start if key.startswith("files_L"))].append(again)
    end["num_input_records"] += made[again]["table_properties"]["num_entries"]
    yield ("a consumed file is read again",
           replaced(replaced(lines, started, with_event(lines[started], start)), finished,
                    with_event(lines[finished], end)), loss("existing_not_read", 0))


def rocksdb_rewrites(lines):
    """The same said in another way: nothing may come of it but the same runs."""
    ceph = "2020-05-29T22:56:35.555+0000 7f4a1f7fe700  4 rocksdb: "
    yield "each line has a prefix", [ceph + line for line in lines]

    def modern(line):
        event = event_of(line)
        if event and event["event"].startswith("table_file_"):
            return with_event(line, event | {"status": "OK"})
        return line
    yield "events say how they ended", list(map(modern, lines))

    # What goes through the log's buffer comes later: behind whatever other jobs wrote meanwhile.
    late, held = [], []
    for line in lines:
        event = event_of(line)
        if event and event["event"] in ("flush_finished", "compaction_finished"):
            held.append(line)
            continue
        late.append(line)
        if event and event["event"] in ("flush_started", "table_file_deletion") and held:
            late.append(held.pop(0))
    yield "the ends of jobs come late", late + held


def restarted(lines):
    """Two sessions: the second begins in the middle, where no job is under way, and its job ids at 1."""
    open_jobs, middle = set(), None
    for i, event in enumerate(map(event_of, lines)):
        if event and event["event"].endswith("_started"):
            open_jobs.add(event["job"])
        if event and event["event"].endswith("_finished"):
            open_jobs.discard(event["job"])
        if i > len(lines) * 2 // 3 and event and not open_jobs and event["event"] == "table_file_deletion":
            middle = i + 1
            break
    first = max(e["job"] for e in map(event_of, lines[:middle]) if e)
    head = [line for line in lines[:30] if "DB Session ID" in line or "RocksDB version" in line]
    head = [re.sub(r"(Session ID:\s+)\S+", r"\1SECONDSESSION0000000", line) for line in head]
    stamp = lines[middle - 1][:27]
    head += [f"{stamp} 1f [db/version_set.cc:5445] Recovering from manifest file: MANIFEST-000004",
             f"{stamp} 1f DB pointer 0x5581"]
    tail = []
    for line in lines[middle:]:
        event = event_of(line)
        if event and event["job"] > first:
            line = with_event(line, event | {"job": event["job"] - first})
        line = re.sub(r"\[JOB (\d+)\]",
                      lambda m: f"[JOB {int(m[1]) - first if int(m[1]) > first else m[1]}]", line)
        tail.append(line)
    closed = f"{stamp} 1f [db/db_impl/db_impl.cc:704] Shutdown complete"
    return lines[:middle] + [closed], head + tail


def cassandra_changes(lines):
    def changed(pattern, instead, table=None):
        for i in range(len(lines) // 2, len(lines)):
            found = COMPACTED.search(lines[i])
            if not found or (table and table not in lines[i]) or "compaction_history" in lines[i]:
                continue
            line = re.sub(pattern, instead, lines[i])
            if line == lines[i]:
                continue
            return replaced(lines, i, line), table_of(found["out"].split(",")[0])
        raise ValueError(pattern)

    more = lambda m: f"{number(m[1]) + 3} total partitions merged"
    after, table = changed(r"([\d,]+) total partitions merged", more)
    yield "the total is more than the counts", after, {(table, "count_drop", "existing_not_read", "critical", 3)}
    after, table = changed(r"merged to ([2-9]|\d\d+)\.", lambda m: f"merged to {int(m[1]) - 1}.")
    yield "a partition was purged", after, {(table, "count_drop", "dropped_in_merge", "critical", 1)}
    after, table = changed(r"merged to ([\d,]+)\.", lambda m: f"merged to {number(m[1]) + 2}.")
    yield "more partitions than went in", after, {(table, "count_drop", "duplicated", "warning", 0)}

    flushed = [i for i, line in enumerate(lines) if FLUSHED.search(line)]
    yield "a flush was not seen", replaced(lines, flushed[len(flushed) // 2]), set()

    # What one compaction consumed, a later one of the table reads again.
    seen = {}
    for i, line in enumerate(lines):
        if not (found := COMPACTING.search(line)):
            continue
        files = re.findall(r"path='([^']*)'", line)
        table = table_of(sstable(files[0]))
        ends = COMPACTED.search("\n".join(lines[i:i + 40]))
        if table in seen and ends and ends["thread"] == found["thread"] and table != "system.compaction_history":
            again = line.replace(files[0], seen[table])
            yield ("a consumed sstable is read again", replaced(lines, i, again),
                   {(table, "count_drop", "existing_not_read", "critical", 0)})
            return
        if ends and ends["thread"] == found["thread"]:
            seen[table] = files[0]
