#!/usr/bin/env python3
"""Simulates a compacting event store through the release that loses events, and writes what its
servers would have logged (DIR/logs), a configuration that reads it (DIR/rollcall.yml) and the truth
(DIR/truth.json).

The truth is counted from the sets of events that the simulated files hold, never from the counts in
the log lines, and nothing here is shared with rollcall. README.md beside this file states the exact
semantics. Python 3.11, standard library only; the same arguments give the same bytes.
"""

import argparse
import bisect
import heapq
import itertools
import os
import random
from datetime import datetime, timedelta, timezone

from incident_files import WRITERS, path_of, stamp, write_config, write_logs, write_truth
from incident_store import (FIXED, FORMATS, HARMLESS, STEADY, Batch, Copy, ProjectDay, lossy_version,
                            merge)

RELEASE_DAY = datetime(2016, 2, 22, tzinfo=timezone.utc)
CANARY_AT = RELEASE_DAY + timedelta(hours=9)
RELEASE_AT = RELEASE_DAY + timedelta(hours=17)
ENDING_AT = RELEASE_AT + timedelta(hours=16, minutes=47)
RECOVERY_AT = ENDING_AT + timedelta(hours=26)


class Simulation:
    def __init__(self, args):
        self.args = args
        self.random = random.Random(args.seed)
        self.servers = [f"data-{i + 1:02d}" for i in range(args.servers)]
        self.first_day = RELEASE_DAY - timedelta(days=max(args.days - 4, 1))
        self.begin = self.first_day - timedelta(minutes=5)
        self.end = self.first_day + timedelta(days=args.days + 3)
        self.ending = args.ending or ("revert", "fix")[args.seed % 2]
        self.releases = self.plan_releases()
        self.lines = [[] for _ in self.servers]  # (time, order, kind, fields)
        self.order = itertools.count()
        self.next_run = [self.random.randrange(10_000, 90_000) for _ in self.servers]
        self.project_days = []
        self.agenda = []  # heap of (time, order, project day, copy index or None, action)

    # Releases ------------------------------------------------------------------------------------

    def plan_releases(self):
        """Per server, in time order: (time, version)."""
        plans = []
        for i in range(self.args.servers):
            rolled = RELEASE_AT + timedelta(seconds=40 * i % 240)
            bad_from = CANARY_AT if i == 0 else rolled
            bad = HARMLESS if self.args.healthy else lossy_version(self.args.old_files)
            plan = [(self.begin, STEADY), (bad_from, bad)]
            if not self.args.healthy:
                after = STEADY if self.ending == "revert" else FIXED
                plan.append((ENDING_AT + timedelta(seconds=40 * i % 240), after))
            plans.append(plan)
        return plans

    def version(self, server, at):
        plan = self.releases[server]
        return plan[bisect.bisect_right(plan, at, key=lambda step: step[0]) - 1][1]

    def safe(self, at):
        """True where every merge that starts now, or in the hours around it, reads its right base."""
        margin = timedelta(hours=2)
        return self.args.healthy or at + margin < CANARY_AT or at > ENDING_AT + margin

    # Planning ------------------------------------------------------------------------------------

    def plan(self):
        rnd = self.random
        for i in range(self.args.projects):
            project = f"{rnd.choice(('shop', 'game', 'bank', 'news', 'trip', 'chat'))}-{4100 + i}"
            volume = min(3000, max(3, int(rnd.lognormvariate(4.3, 1.2))))
            homes = sorted(rnd.sample(range(self.args.servers), min(2, self.args.servers)))
            for offset in range(-2, self.args.days):
                day = self.first_day + timedelta(days=offset)
                today = max(1, int(volume * rnd.uniform(0.7, 1.3)))
                pd = ProjectDay(project, day, today, [Copy(home) for home in homes])
                self.project_days.append(pd)
                self.plan_runs(pd, older=offset < 0)
        heapq.heapify(self.agenda)

    def plan_runs(self, pd, older):
        rnd = self.random
        next_morning = pd.day + timedelta(days=1, minutes=30)
        if older:  # compacted before the logs begin: they only show its late runs
            self.settle(pd)
            times = []
        else:
            times = [next_morning + timedelta(seconds=rnd.randrange(16 * 3600))]
        late = rnd.choices((0, 1, 2, 3, 5), (15, 25, 30, 20, 10))[0]
        for _ in range(late):  # late data is compacted between 17:05 and 07:00
            evening = pd.day + timedelta(days=rnd.choices((1, 2, 3, 5), (50, 25, 15, 10))[0],
                                         hours=17, minutes=5)
            times.append(evening + timedelta(seconds=rnd.randrange(14 * 3600)))
        times = sorted(t for t in times if self.first_day < t < self.end - timedelta(hours=1))
        busy_until = [self.begin] * len(pd.copies)
        for number, at in enumerate(times):
            batch = []  # filled when the first copy compacts it
            for c in range(len(pd.copies)):
                start = max(at + timedelta(seconds=rnd.randrange(900)),
                            busy_until[c] + timedelta(minutes=5))
                busy_until[c] = self.plan_attempts(pd, c, start, number, batch)
        if not self.args.healthy and rnd.random() < 0.3 and RECOVERY_AT < self.end:
            at = RECOVERY_AT + timedelta(seconds=rnd.randrange(6 * 3600))
            for c in range(len(pd.copies)):
                self.add(max(at, busy_until[c] + timedelta(minutes=5)), pd, c, self.recover)

    def plan_attempts(self, pd, c, start, number, batch):
        fate = self.random.random()
        if fate < 0.02:
            self.add(start, pd, c, lambda *run: self.fail(*run, number, batch))
            start += timedelta(seconds=self.random.randrange(20, 240))
        elif fate < 0.04:
            self.add(start, pd, c, lambda *run: self.crash(*run, number, batch))
            start += timedelta(seconds=self.random.randrange(20, 240))
        self.add(start, pd, c, lambda *run: self.compact(*run, self.batch(*run, number, batch)))
        return start

    def add(self, at, pd, c, action):
        at += timedelta(milliseconds=self.random.randrange(1000))
        self.agenda.append((at, next(self.order), pd, c, action))

    def settle(self, pd):
        events = frozenset(pd.fresh(pd.volume))
        for copy in pd.copies:
            copy.rows["row"] = copy.columnar = copy.should = events
            for tally in copy.tallies.values():
                tally.writer = STEADY.name

    def batch(self, pd, copy, at, number, shared):
        """The batch of a planned run; its content is drawn once, when the first copy needs it."""
        if not shared:
            shared.append(self.draw_batch(pd, at, number))
        return shared[0]

    def draw_batch(self, pd, at, number):
        rnd = self.random
        name = f"b{pd.project.split('-')[1]}.{pd.day:%m%d}.{number}"
        first = all(not copy.rows for copy in pd.copies)
        if not first and rnd.random() < 0.08:
            return Batch(name, 0, frozenset())
        count = pd.volume if first else max(1, int(pd.volume * rnd.uniform(0.01, 0.15)))
        events = set(pd.fresh(count))
        raw = count + (rnd.randrange(1, 3) if rnd.random() < 0.3 else 0)  # sent twice in one batch
        deleted = recovered = frozenset()
        bases = [copy.merge_base(self.version(copy.server, at)) for copy in pd.copies]
        present = sorted(frozenset.intersection(*bases) - pd.removed)
        whole = all(copy.intact(self.version(copy.server, at)) for copy in pd.copies)
        if not first and self.safe(at) and whole and present:
            if rnd.random() < 0.35:
                again = rnd.sample(present, min(len(present), rnd.randrange(1, 5)))
                events.update(again)
                raw += len(again)
            if rnd.random() < 0.10:
                most = max(1, len(present) // 3)
                deleted = frozenset(rnd.sample(present, rnd.randrange(1, most + 1)))
                pd.removed |= deleted
            if rnd.random() < 0.05:
                recovered = frozenset(pd.fresh(rnd.randrange(1, 6)))
        return Batch(name, raw, frozenset(events), deleted, recovered)

    # Compacting ----------------------------------------------------------------------------------

    def compact(self, pd, copy, at, batch):
        version = self.version(copy.server, at)
        base = copy.merge_base(version)
        counts, merged = merge(base, batch)
        before = {f: copy.should - copy.held(f) for f in FORMATS}
        copy.should = (copy.should | batch.events | batch.recovered) - batch.deleted
        copy.rows[version.writes] = merged
        copy.row_at = version.writes
        copy.columnar = merged
        if version.removes_others:
            copy.rows = {version.writes: merged}
        run, times = self.start_run(copy.server, at, len(merged))
        for fmt in FORMATS:
            tally = copy.tallies[fmt]
            lost = len((copy.should - copy.held(fmt)) - before[fmt])
            if lost:
                tally.losses.append({"at": stamp(times[fmt]), "run": run, "version": version.name,
                                     "previous_version": tally.writer, "events": lost})
            tally.writer = version.name
            tally.runs += 1
            self.log_run(pd, copy, fmt, times[fmt], run, batch.batch_id, version, counts)

    def fail(self, pd, copy, at, number, shared):
        batch = self.batch(pd, copy, at, number, shared)
        version = self.version(copy.server, at)
        run, times = self.start_run(copy.server, at, 0)
        for fmt in FORMATS:
            copy.tallies[fmt].failed_runs += 1
            self.log(copy.server, times[fmt], "failed", {
                "event": "compaction_failed", "run": run, "batch": batch.batch_id,
                "project": pd.project, "day": f"{pd.day:%Y-%m-%d}", "format": fmt,
                "version": version.name, "error": "no_space_left_on_device", "duration_ms": 31})

    def crash(self, pd, copy, at, number, shared):
        """Logs the run as finished and dies before the rename: the files stay as they were. Only
        where the merge reads its right base, see README."""
        batch = self.batch(pd, copy, at, number, shared)
        version = self.version(copy.server, at)
        if not self.safe(at) or not copy.intact(version):
            return
        counts, merged = merge(copy.merge_base(version), batch)
        run, times = self.start_run(copy.server, at, len(merged))
        for fmt in FORMATS[:self.random.choice((1, 2))]:
            copy.tallies[fmt].runs += 1
            copy.tallies[fmt].superseded_runs += 1
            self.log_run(pd, copy, fmt, times[fmt], run, batch.batch_id, version, counts)

    def recover(self, pd, copy, at):
        """Puts a part of what was lost back, where the merge reads what is there now."""
        version = self.version(copy.server, at)
        lost = sorted(copy.should - copy.columnar)
        if not lost or copy.merge_base(version) != copy.columnar:
            return
        part = frozenset(self.random.sample(lost, self.random.randrange(1, len(lost) + 1)))
        name = f"recovery-{pd.day:%m%d}-{pd.project}"
        self.compact(pd, copy, at, Batch(name, 0, frozenset(), recovered=part))

    # Logging -------------------------------------------------------------------------------------

    def start_run(self, server, at, events):
        number = self.next_run[server]
        self.next_run[server] += 1
        step = timedelta(milliseconds=3 + events // 40)
        return f"r{number}", {"row": at + step, "columnar": at + 2 * step}

    def log_run(self, pd, copy, fmt, at, run, batch_id, version, counts):
        self.log(copy.server, at, "run", {
            "event": "compaction_finished", "run": run, "batch": batch_id, "project": pd.project,
            "day": f"{pd.day:%Y-%m-%d}", "format": fmt, **counts, "version": version.name,
            "path": path_of(fmt, pd, version), "duration_ms": 3 + counts["written"] // 40})

    def log(self, server, at, kind, fields):
        head = {"ts": stamp(at), "level": "error" if kind == "failed" else "info",
                "host": self.servers[server]}
        self.lines[server].append((at, next(self.order), kind, {**head, **fields}))

    def log_noise(self):
        rnd = self.random
        for server, plan in enumerate(self.releases):
            for at, version in plan:
                self.log(server, at, "noise", {"event": "process_started", "version": version.name})
            at = self.begin
            while at < self.end:
                at += timedelta(milliseconds=rnd.randrange(1_000, 600_000))
                pd = rnd.choice(self.project_days)
                self.log(server, at, "noise", rnd.choice((
                    {"event": "live_log_rolled", "project": pd.project, "bytes": rnd.randrange(1 << 24)},
                    {"event": "query_served", "project": pd.project, "rows": rnd.randrange(1 << 16)},
                    {"event": "compaction_started", "project": pd.project, "format": "row"},
                    {"event": "heartbeat", "queue": rnd.randrange(40)})))

    # The whole -----------------------------------------------------------------------------------

    def run(self):
        self.plan()
        while self.agenda:
            at, _, pd, c, action = heapq.heappop(self.agenda)
            action(pd, pd.copies[c], at)
        self.log_noise()
        for lines in self.lines:
            lines.sort(key=lambda line: line[:2])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True, help="directory to write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--servers", type=int, default=6)
    parser.add_argument("--projects", type=int, default=200)
    parser.add_argument("--days", type=int, default=14, help="event days; the release is 4 before the end")
    parser.add_argument("--format", choices=sorted(WRITERS), default="json")
    parser.add_argument("--healthy", action="store_true", help="the release loses nothing")
    parser.add_argument("--ending", choices=("revert", "fix"), help="default: chosen by the seed")
    parser.add_argument("--old-files", choices=("remove", "keep"), default="remove",
                        help="whether the bad release unlinks the old row file after moving")
    args = parser.parse_args()
    if args.servers < 1 or args.projects < 1 or args.days < 5:
        parser.error("at least 1 server, 1 project and 5 days")
    return args


def main():
    args = arguments()
    directory = os.path.abspath(args.out)
    os.makedirs(directory, exist_ok=True)
    sim = Simulation(args)
    sim.run()
    write_logs(sim, directory)
    write_config(sim, directory)
    truth = write_truth(sim, directory)
    print(f"seed {args.seed}: {sum(truth['lines'].values())} lines, "
          f"{truth['lines']['run']} runs, {truth['totals']['events_missing']} events missing in "
          f"{truth['totals']['project_days']} days of {truth['totals']['projects']} projects")


if __name__ == "__main__":
    main()
