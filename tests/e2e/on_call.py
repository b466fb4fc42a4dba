"""Who is called, and when: the files of deploy/prometheus and deploy/alertmanager in a real Prometheus and a
real Alertmanager, with shorter spans, beside `rollcall watch` on the demo's store. One page for the incident;
nothing resolves it while data stays away; a restore does. Then every expression of the dashboards for Grafana
is asked of that Prometheus. Python 3.11, standard library only.
"""
import argparse
import glob
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PATIENCE = 60  # s
URL, RUNBOOKS = "http://roll.test:9718", "http://books.test/runbooks"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def read(path):
    with open(path) as file:
        return file.read()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def ask(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def check(holds, what):
    if not holds:
        raise SystemExit(f"FAILED: {what}")
    print(f"  {what}", flush=True)


def wait(what, condition):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            found = condition()
            if found:
                return found
        except OSError:
            pass  # not listening yet
        time.sleep(0.05)
    raise SystemExit(f"FAILED: waited in vain for {what}")


class Programs:
    """What this test started, ended by pid whatever happens."""

    def __init__(self, directory):
        self.directory, self.running = directory, []

    def start(self, name, *command):
        log = open(f"{self.directory}/{name}.log", "a")
        process = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()
        self.running.append(process)
        return process

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        self.running.remove(process)

    def end(self):
        for process in self.running:
            process.kill()
            process.wait()


class Receiver:
    """The webhook that Alertmanager calls: what it said, by receiver."""

    def __init__(self):
        self.said = {"page": [], "ticket": [], "watchdog": []}
        said = self.said

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                said[self.path.strip("/")].append(json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def tickets(self, status="firing"):
        return {alert["labels"]["alertname"] for said in list(self.said["ticket"]) for alert in said["alerts"]
                if alert["status"] == status}


def replaced(text, *changes):
    for pattern, by in changes:
        text, count = re.subn(pattern, by, text)
        if not count:
            raise SystemExit(f"FAILED: nothing to replace by {by}: {pattern}")
    return text


class Duty:
    """Prometheus, Alertmanager and whom they call, with the configuration of deploy/ in shorter spans."""

    def __init__(self, programs, directory, watch_port):
        self.programs, self.receiver, self.incident = programs, Receiver(), None
        self.prometheus, self.alertmanager = free_port(), free_port()
        write(f"{directory}/rollcall.rules.yml", replaced(
            read(f"{ROOT}/deploy/prometheus/rollcall.rules.yml"),
            (r"for: \d+m", "for: 1s"), (r"\b6h\b", "5s")))
        write(f"{directory}/prometheus.yml", replaced(
            read(f"{ROOT}/deploy/prometheus/prometheus.yml"),
            (r"interval: 15s", "interval: 1s"), (r"rollcall_url: .*", f"rollcall_url: {URL}"),
            (r"rollcall_runbooks: .*", f"rollcall_runbooks: {RUNBOOKS}"),
            (r"127\.0\.0\.1:9093", f"127.0.0.1:{self.alertmanager}"),
            (r"127\.0\.0\.1:9717", f"127.0.0.1:{watch_port}")))
        write(f"{directory}/alertmanager.yml", replaced(
            read(f"{ROOT}/deploy/alertmanager/alertmanager.yml"),
            (r"(group_wait|group_interval): \d+[ms]", r"\1: 1s"),
            (r"127\.0\.0\.1:9099", f"127.0.0.1:{self.receiver.port}")))
        for command in (["promtool", "check", "config", f"{directory}/prometheus.yml"],
                        ["amtool", "check-config", f"{directory}/alertmanager.yml"]):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        programs.start("alertmanager", "prometheus-alertmanager", f"--config.file={directory}/alertmanager.yml",
                       f"--storage.path={directory}/alertmanager", "--cluster.listen-address=",
                       f"--web.listen-address=127.0.0.1:{self.alertmanager}")
        programs.start("prometheus", "prometheus", f"--config.file={directory}/prometheus.yml",
                       f"--storage.tsdb.path={directory}/prometheus", "--rules.alert.resend-delay=1s",
                       f"--web.listen-address=127.0.0.1:{self.prometheus}")
        wait("Alertmanager", lambda: ask(f"http://127.0.0.1:{self.alertmanager}/-/ready"))
        wait("Prometheus", lambda: ask(f"http://127.0.0.1:{self.prometheus}/-/ready"))

    def query(self, expression):
        """The samples, as (labels, value)."""
        url = f"http://127.0.0.1:{self.prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        return [(sample["metric"], float(sample["value"][1])) for sample in json.loads(ask(url))["data"]["result"]]

    def evaluations(self):
        text = ask(f"http://127.0.0.1:{self.prometheus}/metrics")
        return min(float(n) for n in re.findall(r"^prometheus_rule_group_iterations_total\{.*\} (\S+)$", text, re.M))

    def some_evaluations(self):
        """Long enough that what could be said would have been: group_interval is a second, as is an evaluation."""
        until = self.evaluations() + 4
        wait("Prometheus to evaluate", lambda: self.evaluations() >= until)

    def pages(self, status):
        """Of the incident, once it is known: a source that is blind for long pages too."""
        return [said for said in list(self.receiver.said["page"]) if said["status"] == status
                and self.incident in (None, said["groupLabels"]["incident"])]

    def firing(self, name):
        return [alert for alert in json.loads(ask(f"http://127.0.0.1:{self.alertmanager}/api/v2/alerts"))
                if alert["labels"]["alertname"] == name]

    def nothing_resolves(self, while_what):
        self.some_evaluations()
        check(len(self.pages("firing")) == 1 and not self.pages("resolved") and self.firing("RollcallIncident"),
              f"{while_what}: the page stays, is not repeated and does not resolve")


class Watched:
    """`rollcall watch` on the demo's store."""

    def __init__(self, programs, rollcall, directory, port):
        self.programs, self.rollcall, self.directory, self.port = programs, rollcall, directory, port
        self.process = None

    def start(self):
        self.process = self.programs.start("watch", self.rollcall, "watch", "--config", f"{self.directory}/rollcall.yml")
        wait("rollcall watch", lambda: ask(f"http://127.0.0.1:{self.port}/-/ready"))

    def stop(self):
        self.programs.stop(self.process)

    def say(self, *words):
        done = subprocess.run([self.rollcall, *words, "--config", f"{self.directory}/rollcall.yml", "--format", "json"],
                              capture_output=True, text=True)
        return json.loads(done.stdout)

    def restore(self):
        """Each partition that misses events gets a run that puts them back."""
        for number, p in enumerate(self.say("impact")["partitions"]):
            fields = {"ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": "compaction_finished",
                      "host": p["server"], "run": f"restore-{number}", "project": p["project"], "day": p["day"],
                      "format": p["format"], "existing": p["actual"], "new": 0, "recovered": p["missing"],
                      "duplicates": 0, "deleted": 0, "written": p["actual"] + p["missing"],
                      "version": "2016.02.18-3"}
            with open(f"{self.directory}/logs/{p['server']}/compactd.log", "a") as log:
                log.write(json.dumps(fields) + "\n")


def incident(duty, watched, store, truth):
    print("the incident", flush=True)
    page = wait("the page", lambda: duty.pages("firing"))[0]
    check(len(page["alerts"]) == 1, "one alert in the page")
    labels, annotations = page["alerts"][0]["labels"], page["alerts"][0]["annotations"]
    duty.incident = labels["incident"]
    check(labels["version"] == "2016.02.22-1" and "version 2016.02.22-1" in annotations["summary"],
          "it names the version")
    check(re.search(r"(\d+|No) events missing( yet)?, \d+ projects concerned", annotations["summary"]),
          f"and how much: {annotations['summary']}")
    check("project" not in labels and "instance" not in labels, "it is of no project and of no server")
    check(annotations["dashboard_url"] == f"{URL}/incident/{labels['incident']}", "it links its incident's page")
    check(annotations["runbook_url"] == f"{RUNBOOKS}/incident.md", "and its runbook")
    store.wait(timeout=PATIENCE)
    totals = json.loads(read(truth))["totals"]
    known = f"{totals['events_missing']} events missing, {totals['projects']} projects concerned"
    wait(f"Alertmanager to know {known}", lambda: any(
        known in alert["annotations"]["summary"] for alert in duty.firing("RollcallIncident")))
    check(watched.say("impact")["totals"]["events_missing"] == totals["events_missing"] > 0,
          f"in the end it says {known}, as the store itself does")
    duty.some_evaluations()
    check(len(duty.receiver.said["page"]) == 1, "after all that is lost there is exactly one page")
    firing = {labels["alertname"] for labels, _ in duty.query('ALERTS{alertstate="firing"}')}
    check("RollcallCountDrop" in firing and not duty.receiver.tickets() & {"RollcallCountDrop", "RollcallOutputMoved"},
          "what pages opens no ticket too")
    check(duty.receiver.said["watchdog"], "the watchdog has arrived")


def silence(duty, watched, directory):
    print("one thing after the other stops", flush=True)
    # The compactor has ended with the store.
    wait("RollcallLogSilent", lambda: "RollcallLogSilent" in duty.receiver.tickets())
    duty.nothing_resolves("the compactor stops, and the log is told to be silent")

    os.rename(f"{directory}/store/logs", f"{directory}/store/logs-away")
    wait("RollcallBlind", lambda: "RollcallBlind" in duty.receiver.tickets())
    duty.nothing_resolves("the log is gone, and the source is told to be blind")
    os.rename(f"{directory}/store/logs-away", f"{directory}/store/logs")
    wait("the source", lambda: duty.query('rollcall_alerts{rule="blind",state="firing"} == 0'))

    watched.stop()
    watched.start()
    duty.nothing_resolves("rollcall restarts")

    watched.stop()
    wait("RollcallDown", lambda: "RollcallDown" in duty.receiver.tickets())
    check(not duty.query("rollcall_incident_active"), "rollcall stops: Prometheus has no series of it")
    duty.nothing_resolves("rollcall stops, and is told to be down")
    watched.start()
    duty.nothing_resolves("rollcall runs again")


def restored(duty, watched):
    print("the restore", flush=True)
    watched.restore()
    wait("nothing to be missing", lambda: not watched.say("impact")["partitions"])
    resolved = wait("the end of the page", lambda: duty.pages("resolved"))
    duty.some_evaluations()
    check(len(resolved) == len(duty.pages("resolved")) == len(duty.pages("firing")) == 1, "once nothing is missing, the page resolves once")
    check(duty.query(f'rollcall_incident_active{{incident="{duty.incident}"}} == 0'), "by an explicit 0")
    check(not duty.query('rollcall_incident_active{severity="critical"} == 1'), "and nothing else would page")


def inhibition(duty):
    """Asked of Alertmanager itself, since the demo has one server and does not go blind for long."""
    print("what holds back what", flush=True)

    def alert(name, instance, severity="warning", **labels):
        return {"labels": {"alertname": name, "job": "rollcall", "instance": instance, "severity": severity, **labels}}

    alerts = [alert("RollcallBlind", "unseen", rule="blind"),
              alert("RollcallCompactionOverdue", "unseen", rule="compaction_overdue"),
              alert("RollcallCompactionOverdue", "seen", rule="compaction_overdue"),
              alert("RollcallDown", "dead"), alert("RollcallLogSilent", "dead", source="compactd"),
              alert("RollcallBlind", "dead", rule="blind"),
              alert("RollcallCountDrop", "seen", "critical", rule="count_drop"),
              {"labels": {"alertname": "RollcallIncident", "incident": "other", "severity": "critical"}}]
    address = f"http://127.0.0.1:{duty.alertmanager}/api/v2/alerts"
    request = urllib.request.Request(address, json.dumps(alerts).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()

    def held_back():
        states = {(a["labels"]["alertname"], a["labels"].get("instance", "")): a["status"]["state"]
                  for a in json.loads(ask(address))}
        posted = {key: states[key] for key in ((a["labels"]["alertname"], a["labels"].get("instance", "")) for a in alerts)}
        return "unprocessed" not in posted.values() and {key for key, state in posted.items() if state == "suppressed"}

    wanted = {("RollcallCompactionOverdue", "unseen"), ("RollcallLogSilent", "dead"), ("RollcallBlind", "dead"),
              ("RollcallCountDrop", "seen")}
    wait(f"{wanted} to be held back", lambda: held_back() == wanted)
    check(True, "a server that cannot be seen holds back what else is said of it, and no other's; never an incident")
    wait("the page of the other incident", lambda: any(
        said["groupLabels"]["incident"] == "other" for said in list(duty.receiver.said["page"])))


def expressions(panel):
    """Of a part of a dashboard, whatever is called expr, with Grafana's variables filled in."""
    if isinstance(panel, list):
        return [found for part in panel for found in expressions(part)]
    if not isinstance(panel, dict):
        return []
    found = [expression for part in panel.values() for expression in expressions(part)]
    if isinstance(panel.get("expr"), str):
        expression = panel["expr"]
        for variable, value in (("$__rate_interval", "1m"), ("$instance", ".+"), ("$incident", ".+")):
            expression = expression.replace(variable, value)
        if "$" in expression:
            raise SystemExit(f"FAILED: an unknown variable: {expression}")
        found.append(expression)
    return found


def dashboard(name):
    return json.loads(read(f"{ROOT}/dashboards/grafana/{name}.json"))


def shown_while_it_lasts(duty):
    """What is empty while there is an incident would never be seen."""
    for name in ("fleet", "incident"):
        asked = expressions(dashboard(name)["panels"])
        empty = [expression for expression in asked if not duty.query(expression)]
        check(asked and not empty, " | ".join([f"Grafana's {name} shows something in each panel", *empty]))


def every_expression(duty):
    print("the dashboards for Grafana", flush=True)
    exported = set(json.loads(ask(f"http://127.0.0.1:{duty.prometheus}/api/v1/label/__name__/values"))["data"])
    if os.geteuid() != 0:
        exported.add("rollcall_dead_file_reads_total")  # only root sees reads
    for name in ("fleet", "incident", "server"):
        board = dashboard(name)
        check(all(part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
                  for panel in board["panels"] for part in [panel, *panel["targets"]]),
              f"{name}: the data source is a variable")
        asked = expressions(board["panels"])
        variables = [v["query"]["query"] for v in board["templating"]["list"] if v["type"] == "query"]
        unknown = {metric for text in asked + variables for metric in re.findall(r"\brollcall[\w:]+", text)} - exported
        check(not unknown, " ".join([f"{name}: all its metrics are exported", *unknown]))
        for expression in asked:
            try:
                duty.query(expression)
            except urllib.error.HTTPError as error:
                raise SystemExit(f"FAILED: {name}: {expression}: {error.read().decode()}") from error
        check(len(asked) > 10, f"{name}: Prometheus can answer all of {len(asked)} expressions")


def a_read_of_a_dead_file(duty, watched):
    """Which only then has a metric of its own."""
    watched.stop()
    config = f"{watched.directory}/rollcall.yml"
    write(config, replaced(read(config), (r"serving: false", "serving: false\n    dead: {since: 2016-02-01}")))
    watched.start()
    read(glob.glob(f"{watched.directory}/*/row/*/*.evt")[0])
    if os.geteuid() == 0:
        wait("the read", lambda: duty.query("rollcall_dead_file_reads_total"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rollcall", required=True)
    parser.add_argument("--store", required=True)
    parser.add_argument("--directory", required=True)
    options = parser.parse_args()
    directory, began = os.path.abspath(options.directory), time.monotonic()
    programs = Programs(directory)
    try:
        port = free_port()
        duty = Duty(programs, directory, port)
        store = programs.start("store", options.store, "--root", f"{directory}/store")
        config = f"{directory}/store/rollcall.yml"
        wait("the store", lambda: os.path.exists(config))
        write(config, replaced(read(config), (r"listen: .*", f"listen: 127.0.0.1:{port}"))
              + "rules: {blind: {after: 1s}}\n")
        watched = Watched(programs, options.rollcall, f"{directory}/store", port)
        watched.start()
        wait("the first scrape", lambda: duty.query('up{job="rollcall"} == 1'))
        exposition = ask(f"http://127.0.0.1:{port}/metrics")
        linted = subprocess.run(["promtool", "check", "metrics"], input=exposition, text=True, capture_output=True)
        check(linted.returncode == 0 and not linted.stderr, "promtool has nothing to say about the metrics")
        incident(duty, watched, store, f"{directory}/store/truth.json")
        shown_while_it_lasts(duty)
        silence(duty, watched, directory)
        restored(duty, watched)
        inhibition(duty)
        a_read_of_a_dead_file(duty, watched)
        every_expression(duty)
        print(f"{time.monotonic() - began:.0f} s", flush=True)
    finally:
        programs.end()


if __name__ == "__main__":
    sys.exit(main())
