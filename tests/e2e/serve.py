"""Runs `rollcall serve` beside `rollcall watch` and asks its API as a page does.

Exit 1 with what was wrong. Python 3.11, standard library only. As root it also serves as another user.
"""
import argparse
import gzip
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse

CONFIG = """server: data-1
ledger: {directory}/ledger.db
listen: 127.0.0.1:0
compaction_logs:
  - name: compactd
    paths: [{directory}/compactd.log]
    format: json
    fields: {{time: ts, run: run, project: project, day: day, format: format, existing: existing,
             fresh: new, written: written, version: version, path: path}}
"""
SHORT = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)",
         "javascript:alert(1)", "a\r\nSet-Cookie: stolen=1\r\n\r\n<b>", "</style><style>*{display:none}",
         "\x1b[31mred\x1b[0m", "\u202egnirts", "\u2066left\u2069", "\ufeffbom", "line\u2028separator",
         "a\tb\nc", "%3Cscript%3E", "{{7*7}}", "${jndi:ldap://x}", "=cmd|' /C calc'!A0", "../../etc/passwd",
         "a&project=b", "#fragment", "?x=y", "\\", "\\u0000", "'; DROP TABLE fact;--", "zero\u200bwidth"]


def hostile_names():
    """Two hundred of them, one of 64,000 bytes: a line of a log holds no more."""
    names = [f"{payload} {i}" for i in range(9) for payload in SHORT][:199]
    return names + ["n" * 64_000]


class Role:
    """A process of rollcall that serves HTTP; its port is read from its log."""

    def __init__(self, command, log, **options):
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(command, stderr=out, stdout=out, **options)
        wait(lambda: self.port_said() or self.process.poll() is not None, f"{command[1]} starts")
        if self.process.poll() is not None:
            sys.exit(f"serve.py: {command[1]} ended: {open(log).read()}")
        self.port = int(self.port_said()[1])

    def port_said(self):
        return re.search(r" port=(\d+) ", open(self.log, errors="replace").read())

    def ask(self, path, method="GET", body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    def document(self, path):
        status, _, content = self.ask(path)
        if status != 200:
            sys.exit(f"serve.py: {path}: {status} {content[:300]}")
        return json.loads(content)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60) != 0:
            sys.exit(f"serve.py: ended with {self.process.returncode}: {open(self.log).read()}")


def wait(condition, what):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if condition():
            return
    sys.exit(f"serve.py: {what}: not within a minute")


def expect(right, what):
    if not right:
        sys.exit(f"serve.py: wrong: {what}")


def run_line(run, project, existing, new, written, version):
    return json.dumps({"ts": f"2016-02-22T12:{run // 60 % 60:02d}:{run % 60:02d}Z", "run": f"r{run}-{version}",
                       "project": project, "day": "2016-02-22", "format": "row", "existing": existing,
                       "new": new, "written": written, "version": version,
                       "path": f"/data/row/{project[:40]}/2016-02-22.evt"}) + "\n"


def write_log(directory, names):
    with open(f"{directory}/compactd.log", "w") as log:
        for i, name in enumerate(names):
            log.write(run_line(i, name, 0, 100, 100, "1"))
        for i, name in enumerate(names[:10]):
            log.write(run_line(600 + i, name, 0, 7, 7, "<b>2</b>\r\nX: y"))


def check_hostile(serve, names):
    seen, cursor = [], None
    while True:
        page = serve.document("/api/v1/projects?limit=50" + (f"&cursor={cursor}" if cursor else ""))
        seen += [row["project"] for row in page["data"]]
        cursor = page["next"]
        if cursor is None:
            break
    expect(sorted(seen) == sorted(names), "the projects are not those of the log")
    for name in names[:-1]:
        path = "/api/v1/timeline?project=" + urllib.parse.quote(name, safe="")
        status, headers, content = serve.ask(path)
        expect(status == 200 and json.loads(content)["data"], f"no timeline of {name!r}")
        expect(headers["Content-Type"] == "application/json", "a document is not called JSON")
        expect(headers["X-Content-Type-Options"] == "nosniff", "a document may be sniffed")
        expect(headers["Set-Cookie"] is None and headers["X"] is None, f"{name!r} wrote a header")
    incident = serve.document("/api/v1/incidents")["data"][0]
    expect(incident["version"] == "<b>2</b>\r\nX: y", "the version is not as the log said it")
    expect(serve.document("/api/v1/summary")["data"]["totals"]["events_missing"] == 1000,
           "1000 events are missing")
    status, headers, content = serve.ask("/api/v1/alerts?format=csv&limit=3")
    expect(status == 200 and 'rel="next"' in headers["Link"], "there is no next page of CSV")
    expect("\n" not in headers["Link"], "a header of two lines")


def check_answers(serve):
    status, headers, content = serve.ask("/api/v1/projects", headers={"Accept-Encoding": "gzip"})
    expect(headers["Content-Encoding"] == "gzip" and json.loads(gzip.decompress(content)), "no gzip")
    tag = headers["ETag"]
    expect(serve.ask("/api/v1/projects", headers={"If-None-Match": tag})[0] == 304, "no 304")
    expect(serve.ask("/api/v1/projects", "HEAD")[2] == b"", "HEAD has a body")
    expect(serve.ask("/api/v1/projects", "DELETE")[0] == 405, "DELETE is taken")
    expect(serve.ask("/api/v1/projects", headers={"Host": "evil.example"})[0] == 403, "any host is served")
    expect(serve.ask("/api/v1/none")[0] == 404, "there is no such path")
    for path in ("/", "/servers", "/incident/abc", "/project/" + urllib.parse.quote("<script>", safe="")):
        status, headers, content = serve.ask(path)
        expect(b"<script>alert" not in content, "a page repeats its address")
        expect("default-src 'self'" in headers["Content-Security-Policy"], f"{path} has no policy")


def check_post(serve, project):
    body = json.dumps({"project": project, "events": 93, "reason": "<script>alert(1)</script>"})
    sent = {"Content-Type": "application/json"}
    expect(serve.ask("/api/v1/permits", "POST", body, sent)[0] == 403, "a POST without token is taken")
    session = serve.document("/api/v1/session")["data"]
    expect(session["writable"], "operator.db cannot be written")
    sent["X-Rollcall-Token"] = session["token"]
    evil = dict(sent, Origin="http://evil.example")
    expect(serve.ask("/api/v1/permits", "POST", body, evil)[0] == 403, "another site may POST")
    status, _, content = serve.ask("/api/v1/permits", "POST", body, sent)
    expect(status == 201, f"a permit is refused: {content}")
    wait(lambda: [row["state"] for row in serve.document("/api/v1/permits")["data"]] == ["used"],
         "the watch takes the permit")
    wait(lambda: serve.document("/api/v1/summary")["data"]["totals"]["events_missing"] == 907,
         "what a permit explains is missing no more")


def check_second_user(args, names):
    if os.geteuid() != 0:
        print("SKIPPED serve_as_another_user: not root")
        return
    user = pwd.getpwnam("nobody")
    serve = Role([args.rollcall, "serve", "--ledger", f"{args.directory}/ledger.db", "--listen", "127.0.0.1:0"],
                 f"{args.directory}/second.log", user=user.pw_uid, group=user.pw_gid, extra_groups=[])
    wait(lambda: serve.ask("/api/v1/summary")[0] == 200, "another user reads")
    expect(serve.document("/api/v1/summary")["data"]["projects"] == len(names), "another user sees less")
    session = serve.document("/api/v1/session")["data"]
    expect(not session["writable"] and session["problem"], "another user may write operator.db")
    status, _, content = serve.ask("/api/v1/annotations", "POST", '{"text":"x"}',
                                   {"Content-Type": "application/json", "X-Rollcall-Token": session["token"]})
    expect(status == 503 and json.loads(content)["error"]["code"] == "not_writable", "a write that cannot be")
    serve.stop()


def replace_ledger(args):
    other = f"{args.directory}/other"
    os.mkdir(other)
    with open(f"{other}/compactd.log", "w") as log:
        log.write(run_line(1, "replaced", 0, 5, 5, "1"))
    with open(f"{other}/rollcall.yml", "w") as config:
        config.write(CONFIG.format(directory=other))
    subprocess.run([args.rollcall, "ingest", "--quiet", "--config", f"{other}/rollcall.yml"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([args.rollcall, "backup", "--ledger", f"{other}/ledger.db", f"{other}/copy.db"], check=True,
                   stdout=subprocess.DEVNULL)
    for end in ("-wal", "-shm", ".head"):
        if os.path.exists(f"{args.directory}/ledger.db{end}"):
            os.remove(f"{args.directory}/ledger.db{end}")
    shutil.move(f"{other}/copy.db", f"{args.directory}/ledger.db")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rollcall", required=True)
    parser.add_argument("--directory", required=True)
    args = parser.parse_args()
    names = hostile_names()
    with open(f"{args.directory}/rollcall.yml", "w") as config:
        config.write(CONFIG.format(directory=args.directory))
    write_log(args.directory, names)
    serve_command = [args.rollcall, "serve", "--config", f"{args.directory}/rollcall.yml", "--listen", "127.0.0.1:0"]
    serve = Role(serve_command, f"{args.directory}/serve.log")
    expect(serve.ask("/api/v1/summary")[0] == 503, "there is an answer without a ledger")
    watch = Role([args.rollcall, "watch", "--config", f"{args.directory}/rollcall.yml"], f"{args.directory}/watch.log")
    wait(lambda: watch.ask("/-/ready")[0] == 200, "the watch is ready")
    wait(lambda: serve.ask("/-/ready")[0] == 200, "a ledger that comes later is read")
    wait(lambda: serve.ask("/api/v1/summary")[0] == 200
         and serve.document("/api/v1/summary")["data"]["projects"] == len(names), "all projects are seen")
    expect(serve.document("/api/v1/servers")["data"][0]["sources"][0]["state"] == "watched", "it is watched")
    check_hostile(serve, names)
    check_answers(serve)
    check_post(serve, names[0])
    check_second_user(args, names)
    watch.stop()
    wait(lambda: serve.document("/api/v1/servers")["data"][0]["sources"][0]["state"] == "unknown",
         "a watch that has ended is noticed")
    replace_ledger(args)
    wait(lambda: [row["project"] for row in serve.document("/api/v1/projects")["data"]] == ["replaced"],
         "a ledger that is replaced is read")
    serve.stop()
    print(f"serve: {len(names)} hostile names, POST, a second user, a ledger that comes, goes and is replaced")


main()
