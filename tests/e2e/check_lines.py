#!/usr/bin/env python3
"""Random lines in the formats json, logfmt and regex, ordinary and impossible ones, through `rollcall
ingest` and through Python's own json, re, datetime and zoneinfo, which share no code with it: each line must be
the same fact, ignored, or quarantined. Prints each difference; exit 1 when there is one.

    check_lines.py --rollcall PATH [--seed N] [--lines N]
"""

import argparse
import datetime
import fractions
import json
import math
import pathlib
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import zoneinfo

MAX_COUNT = 2**53
COUNTS = ("existing", "fresh", "recovered", "duplicates", "deleted", "written")
TEXTS = ("server", "project", "format", "run", "batch", "version")
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)


class Impossible(Exception):
    """The line is to be quarantined."""


# ---- Lines to values: {key: text}, or an object; absent and null are None. ----

class Number(str):
    """A JSON number as it is spelt."""


def read_json(line):
    def first_counts(pairs):
        found = {}
        for key, value in pairs:
            found.setdefault(key, value)
        return found

    def refuse(word):
        raise ValueError(word)
    try:
        value = json.loads(line, object_pairs_hook=first_counts, parse_int=Number, parse_float=Number,
                           parse_constant=refuse)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, UnicodeEncodeError) as error:
        raise Impossible("not json") from error
    if not isinstance(value, dict):
        raise Impossible("not json")
    return value


def at_path(value, path):
    """The longest literal key first; null is absent, and so is what lies within an array."""
    if not isinstance(value, dict):
        return None
    if value.get(path) is not None:
        return value[path]
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        found = at_path(value.get(".".join(parts[:cut])), ".".join(parts[cut:]))
        if found is not None:
            return found
    return None


PAIR = re.compile(r'([^\x00-\x20="]+)(?:=("(?:[^"\\\x00-\x1f]|\\.)*"|[^\x00-\x20"]*))?(?=[\x00-\x20]|$)')


def read_logfmt(line):
    values, at, any_value = {}, 0, False
    while at < len(line):
        if line[at] <= " ":
            at += 1
            continue
        found = PAIR.match(line, at)
        if not found:
            raise Impossible("not logfmt")
        key, value, at = found[1], found[2], found.end()
        any_value = any_value or value is not None
        if value is not None and value.startswith('"'):
            try:
                value = json.loads(value)
                value.encode()
            except ValueError as error:
                raise Impossible("not logfmt") from error
        elif value in ("", "null"):
            value = None
        values.setdefault(key, value)
    if not any_value:
        raise Impossible("not logfmt")
    return values


# ---- Values to facts. ----

def text_of(value):
    if isinstance(value, (dict, list)):
        raise Impossible("no text")
    return {True: "true", False: "false", None: ""}.get(value, value) if not isinstance(value, str) else value


def count_of(value):
    if isinstance(value, bool) or not isinstance(value, str) or not re.fullmatch("[0-9]{1,18}", value):
        raise Impossible("no count")
    if int(value) > MAX_COUNT:
        raise Impossible("no count")
    return int(value)


RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:[Zz]|([+-])(\d\d):?(\d\d))",
                     re.ASCII)


def rfc3339(text):
    found = RFC3339.fullmatch(text)
    if not found:
        raise Impossible("no time")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    if hour > 23 or minute > 59 or second > 60 or int(found[9] or 0) > 23 or int(found[10] or 0) > 59:
        raise Impossible("no time")
    start = datetime.datetime(year, month, day, hour, minute, tzinfo=UTC)
    offset = datetime.timedelta(hours=int(found[9] or 0), minutes=int(found[10] or 0))
    start += datetime.timedelta(seconds=second) - (-offset if found[8] == "-" else offset)
    return start + datetime.timedelta(milliseconds=int((found[7] or "0").ljust(3, "0")[:3]))


def unix(units):
    def read(text):
        if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?", text):
            raise Impossible("no time")
        return EPOCH + datetime.timedelta(milliseconds=math.floor(fractions.Fraction(text) * 1000 / units))
    return read


def pattern(form, zone):
    def read(text):
        local = datetime.datetime.strptime(text, form)
        if local.tzinfo:
            return local.astimezone(UTC)
        there = local.replace(tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)
        if there.astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None) != local:
            raise Impossible("clocks skipped it")
        return there
    return read


def time_of(source, value):
    if isinstance(value, bool) or not isinstance(value, str):
        raise Impossible("no time")
    try:
        time = source["read_time"](value)
    except (ValueError, OverflowError) as error:
        raise Impossible("no time") from error
    if time <= EPOCH:
        raise Impossible("no time")
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z"


def day_of(source, value):
    if isinstance(value, bool) or not isinstance(value, str):
        raise Impossible("no day")
    digits = {"%Y-%m-%d": r"\d{4}-\d\d-\d\d", "%Y%m%d": r"\d{8}", "%d.%m.%Y": r"\d\d\.\d\d\.\d{4}"}
    if not re.fullmatch(digits[source["day_format"]], value, re.ASCII):
        raise Impossible("no day")
    try:
        return datetime.datetime.strptime(value, source["day_format"]).strftime("%Y-%m-%d")
    except ValueError as error:
        raise Impossible("no day") from error


def fact_of(source, line):
    """The fact, None where the line is not selected; Impossible."""
    if not line.strip(" \t\r"):
        return None
    if source["format"] == "regex":
        found = source["compiled"].search(line)
        if not found:
            return None
        get = lambda path: found[path] or None
    elif source["format"] == "logfmt":
        get = read_logfmt(line).get
    else:
        line_object = read_json(line)
        get = lambda path: at_path(line_object, path)
    for path, wanted in source.get("match", {}).items():
        value = get(path)
        if value is None or isinstance(value, (dict, list)) or text_of(value) not in wanted:
            return None

    def value_of(field):
        value = get(source["fields"][field]) if field in source["fields"] else None
        return source.get("constants", {}).get(field) if value is None else value

    fact = {field: text_of(value_of(field)) or None for field in TEXTS}
    if "server" in source["fields"] and fact["server"] is None:
        raise Impossible("no server")
    fact["server"] = fact["server"] or "here"
    if fact["project"] is None:
        raise Impossible("no project")
    fact["at"] = time_of(source, value_of("time"))
    fact["format"] = fact["format"] or "-"
    fact["day"] = "-" if source["day_format"] == "-" else day_of(source, value_of("day"))
    for field in COUNTS:
        value = value_of(field)
        rare = field in ("recovered", "duplicates", "deleted")
        fact[field] = (0 if rare else None) if value is None else count_of(value)
    status = get(source["outcome"]) if "outcome" in source else None
    status = None if isinstance(status, (dict, list)) else text_of(status)
    fact["kind"] = {"failed": "failed_run", "begun": "started_run"}.get(status, "run")
    if fact["kind"] == "run" and fact["written"] is None:
        raise Impossible("no written")
    return fact


# ---- Random lines. ----

class Maker:
    def __init__(self, source, chance):
        self.source, self.random, self.runs = source, chance, 0

    def one_in(self, n):
        return self.random.randrange(n) == 0

    def value(self, field):
        """What a log might hold there; one in forty is odd. Each run is another, lest two be one fact."""
        r = self.random
        if field == "run":
            self.runs += 1
            return r.choice([f"r{self.runs}", self.runs, f"läuft {self.runs}"])
        if self.one_in(40):
            return r.choice(ODD)
        if field in COUNTS:
            return r.choice([MAX_COUNT, MAX_COUNT - 1]) if self.one_in(100) else r.choice([0, 7, r.randrange(10**6)])
        if field == "time":
            return r.choice(self.source["times"])
        if field == "day":
            return r.choice(self.source["days"])
        return r.choice(["acme", "eu/acme", "project-101", "größe", "x y", "😀", 'a"b', "a\\b", "17"])

    def values(self):
        values = {path: self.value(field) for field, path in self.source["fields"].items()
                  if not self.one_in(40)}
        for path, wanted in self.source.get("match", {}).items():
            values[path] = self.random.choice(wanted) if not self.one_in(6) else self.random.choice(ODD)
        if "outcome" in self.source and self.one_in(3):
            values[self.source["outcome"]] = self.random.choice(["failed", "begun", "ok", None, 7])
        return values


ODD = [None, True, False, -1, 1.5, 2**53 + 1, 10**30, "", "null", "007", "1e3", "1,000", " 1", "-0", "٣", [1],
       {"a": 1}, "2016-02-30", "yesterday", "2016-02-30T00:00:00Z", "1969-12-31T23:59:59Z", 0]


class JsonMaker(Maker):
    def spelt(self, value):
        r = self.random
        if isinstance(value, str):
            text = json.dumps(value, ensure_ascii=self.one_in(2))
            return text.replace("/", "\\/") if self.one_in(5) else text
        if isinstance(value, int) and not isinstance(value, bool) and self.one_in(8):
            return r.choice([f"{value}.0", f"{value}e0", f'"{value}"', f"0{value}", f"{value}"])
        return json.dumps(value)

    def members(self, values):
        """Dotted paths as nested objects or as literal keys, in any order."""
        nested, members = {}, []
        for path, value in values.items():
            head, dot, rest = path.partition(".")
            if dot and self.one_in(2):
                nested.setdefault(head, {})[rest] = value
            else:
                members.append((path, self.spelt(value)))
        members += [(head, "{" + self.members(inner) + "}") for head, inner in nested.items()]
        if not self.one_in(4):
            members.sort()
        else:
            self.random.shuffle(members)
        if self.one_in(10):
            members.append(self.random.choice(members))  # a doubled key
        if self.one_in(3):
            members.insert(0, ("x", self.random.choice(["[1,{}]", "{}", "null", "-0.5e+3", '"\\ud83d\\ude00"'])))
        if self.one_in(60):
            members.append(("bad", self.random.choice(['"\\ud800"', "01", "NaN", "tru", '"\t"', "[1,]", ""])))
        space = self.random.choice(["", "", "", " ", "\t"])
        return ("," + space).join(json.dumps(key) + space + ":" + space + value for key, value in members)

    def line(self):
        line = "{" + self.members(self.values()) + "}"
        if self.one_in(40):
            line = self.random.choice([line[:-1], line + "}", line + " {}", "[" + line + "]", "x" + line, " ", "7"])
        return line


class LogfmtMaker(Maker):
    def line(self):
        pairs = []
        for path, value in self.values().items():
            text = value if isinstance(value, str) else json.dumps(value)
            bare = re.fullmatch(r'[^\x00-\x20"]*', text) and not self.one_in(4)
            pairs.append(path + "=" + (text if bare else json.dumps(text, ensure_ascii=self.one_in(2))))
        if self.one_in(4):
            self.random.shuffle(pairs)
        if self.one_in(10):
            pairs.append(self.random.choice(pairs))
        if self.one_in(20):
            pairs.insert(0, self.random.choice(["flag", "x=", 'x="', "=1", 'a"b=1', "panic: out of memory", 'x="\\q"']))
        return self.random.choice([" ", " ", " ", "  ", "\t"]).join(pairs)


class RegexMaker(Maker):
    def line(self):
        values = {field: self.value(field) for field in self.source["fields"]}
        word = lambda field: re.sub(r"\s", "_", str(values[field])) or "_"
        line = (f"{values['time']} | merged {word('fresh')} into {word('existing')} -> {word('written')} "
                f"project={word('project')} day={word('day')}")
        line += f" run={word('run')}" if self.one_in(2) else ""
        return self.random.choice(["compactor started", "", "x" + line]) if self.one_in(10) else line


# ---- Sources. ----

PATTERN = (r"^(?P<time>[^|]+) \| merged (?P<fresh>\S+) into (?P<existing>\S+) -> (?P<written>\S+) "
           r"project=(?P<project>\S+) day=(?P<day>\S+)(?: run=(?P<run>\S*))?")
FIELDS = {"time": "ts", "run": "run", "batch": "meta.batch", "project": "project", "day": "day", "format": "format",
          "existing": "counts.existing", "fresh": "counts.new", "recovered": "counts.recovered",
          "duplicates": "counts.dup.all", "deleted": "deleted", "written": "counts.written", "version": "version"}
DAYS = {"%Y-%m-%d": ["2016-02-21", "2016-02-29", "2015-02-29", "2016-2-1"],
        "%Y%m%d": ["20160221", "20160229", "20150229", "2016221"],
        "%d.%m.%Y": ["21.02.2016", "29.02.2016", "30.02.2016"], "-": ["whatever"]}
TIMES = [
    ("rfc3339", "UTC", rfc3339,
     ["2016-02-22T17:02:11Z", "2016-02-22T17:02:11.123Z", "2016-02-22 17:02:11.123456789+05:30",
      "2016-12-31T23:59:60Z", "2016-02-29t00:00:00,5z", "2016-02-22T17:02:11-0800", "2016-02-22T24:00:00Z",
      "2016-02-22T17:02:11", "2016-13-22T17:02:11Z", "2016-02-22T17:02:11.Z", "2016-02-22T17:02:11+25:00"]),
    ("unix_s", "UTC", unix(1), [1456160531, "1456160531.1239", "1456160531.", "253402300800", "-5", "12a"]),
    ("unix_ms", "UTC", unix(1000), [1456160531123, "1456160531123", "1", "1456160531123.9"]),
    ("unix_us", "UTC", unix(10**6), [1456160531123999, "999"]),
    ("%Y-%m-%d %H:%M:%S", "Europe/Berlin", pattern("%Y-%m-%d %H:%M:%S", "Europe/Berlin"),
     ["2016-02-22 17:02:11", "2016-03-27 02:30:00", "2016-03-27 03:00:00", "2016-10-30 02:30:00",
      "2016-02-30 00:00:00", "2016-02-22 17:02:11x"]),
    ("%d/%b/%Y:%H:%M:%S %z", "America/New_York", pattern("%d/%b/%Y:%H:%M:%S %z", "UTC"),
     ["22/Feb/2016:17:02:11 +0530", "13/Mar/2016:02:30:00 -0500", "22/Fub/2016:17:02:11 +0530"]),
]


def sources(chance):
    for number, (time_format, zone, read_time, times) in enumerate(TIMES):
        for name in ("json", "logfmt", "regex"):
            day_format = chance.choice(list(DAYS))
            source = {"name": f"{name}-{number}", "format": name, "time_format": time_format, "time_zone": zone,
                      "read_time": read_time, "times": times, "day_format": day_format, "days": DAYS[day_format]}
            if name == "regex":
                groups = ("time", "fresh", "existing", "written", "project", "day", "run")
                source |= {"fields": {group: group for group in groups}, "pattern": PATTERN,
                           "compiled": re.compile(PATTERN, re.ASCII), "constants": {"format": "row"}}
            else:
                source["fields"] = dict(FIELDS)
                source["match"] = {"event.kind": ["done", "7", "true"]}
                source["outcome"] = "event.status"
                if chance.randrange(2):
                    source["fields"]["server"] = "host"
                if chance.randrange(2):
                    del source["fields"]["version"], source["fields"]["existing"]
                    source["constants"] = {"version": "1.0", "existing": "5"}
            yield source


def yaml_of(source, path):
    flow = lambda mapping: "{" + ", ".join(f"{k}: {json.dumps(v)}" for k, v in mapping.items()) + "}"
    lines = [f"  - name: {source['name']}", f"    paths: ['{path}']", f"    format: {source['format']}",
             f"    time_format: '{source['time_format']}'", f"    time_zone: {source['time_zone']}",
             f"    day_format: '{source['day_format']}'"]
    if source["format"] == "regex":
        lines.append(f"    pattern: '{source['pattern']}'")
    else:
        lines += [f"    fields: {flow(source['fields'])}", f"    match: {flow(source['match'])}",
                  "    outcome: {field: event.status, failed: failed, started: begun}"]
    if "constants" in source:
        lines.append(f"    constants: {flow(source['constants'])}")
    return "\n".join(lines) + "\n"


def expected_of(source, text):
    """What must come of each line, by its position."""
    facts, quarantined, offset = {}, set(), 0
    for line in text.split("\n")[:-1]:
        try:
            fact = fact_of(source, line)
            if fact:
                facts[offset] = fact
        except Impossible:
            quarantined.add(offset)
        offset += len(line.encode()) + 1
    return facts, quarantined


def compare(source, text, ledger):
    database = sqlite3.connect(ledger)
    database.row_factory = sqlite3.Row
    facts, quarantined = expected_of(source, text)
    rows = {row["position"]: row for row in
            database.execute("SELECT * FROM runs WHERE log LIKE ?", (f"%/{source['name']}.log",))}
    refused = {row[0] for row in database.execute(
        "SELECT f.position FROM fact f JOIN source s ON s.id = f.source WHERE f.kind = 'quarantined' AND s.name = ?",
        (source["name"],))}
    raw = text.encode()
    for at in sorted(facts.keys() | rows.keys() | quarantined | refused):
        line = raw[at:raw.index(b"\n", at)].decode()
        wanted = facts.get(at) or ("quarantined" if at in quarantined else "ignored")
        got = "quarantined" if at in refused else "ignored"
        if at in rows:
            got = {name: rows[at][name] for name in facts.get(at, ())} or dict(rows[at])
            got = {name: str(value) if name in TEXTS and value is not None else value for name, value in got.items()}
        if got != wanted:
            yield f"{source['name']} at {at}: {line}\n  got      {got}\n  expected {wanted}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rollcall", required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    parser.add_argument("--lines", type=int, default=2000)
    options = parser.parse_args()
    print(f"seed {options.seed}")
    chance = random.Random(options.seed)
    makers = {"json": JsonMaker, "logfmt": LogfmtMaker, "regex": RegexMaker}
    failures = 0
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        texts, config = {}, "server: here\ncompaction_logs:\n"
        all_sources = list(sources(chance))
        for source in all_sources:
            maker = makers[source["format"]](source, chance)
            lines = (maker.line() for _ in range(options.lines))
            # A tail's line is not empty of meaning: no newline within, and nothing that is no UTF-8.
            texts[source["name"]] = "".join(line.replace("\n", " ") + "\n" for line in lines)
            path = directory / f"{source['name']}.log"
            path.write_text(texts[source["name"]], newline="")
            config += yaml_of(source, path)
        (directory / "rollcall.yml").write_text(config)
        done = subprocess.run([options.rollcall, "ingest", "--config", directory / "rollcall.yml", "--ledger",
                               directory / "ledger.db", "--format", "json"], stdout=subprocess.PIPE, text=True)
        if done.returncode not in (0, 1):
            return 1
        counts = json.loads(done.stdout)
        for source in all_sources:
            for difference in compare(source, texts[source["name"]], directory / "ledger.db"):
                failures += 1
                if failures <= 20:
                    print(difference)
    print(f"{counts['lines']} lines: {counts['facts'] - counts['quarantined_lines']} facts, "
          f"{counts['ignored_lines']} ignored, {counts['quarantined_lines']} quarantined; {failures} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
