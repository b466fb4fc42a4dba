// Documents as the API gives them, whole and calm unless said otherwise; `documents_fit` in states.test.mjs holds them
// to dashboards/openapi.json.

const at = '2016-02-23T11:59:00.000Z';

export const ledger = (fields) => ({
  id: 'a1', server: 'data-1', path: '/var/lib/rollcall/ledger.db', readable: true, problem: null, written_at: at, head_seq: 9,
  writer_running: true, ...fields,
});

export const envelope = (data, fields = {}) => ({ data, next: null, complete: true, as_of: at, ledgers: [ledger({})], ...fields });

export const totals = (fields) => ({
  projects: 1, project_days: 1, events_missing: 0, events_expected: 100, certain: true, unit: 'events', events_recoverable: 0, ...fields,
});

export const summary = ({ events_missing = 0, events_recoverable = 0, certain = true, critical = 0, ...fields }) => ({
  verdict: 'clear', reasons: [], totals: { ...totals({ events_missing, events_recoverable, certain }), unknown_copies: 0, other_units: [] }, incidents: 0,
  alerts: { critical: { pending: 0, firing: critical }, warning: { pending: 0, firing: 0 } }, servers: 1, projects: 1,
  first_loss_at: null, last_loss_at: null, ...fields,
});

export const incident = (fields) => ({
  id: 'abcdef0123456789', state: 'firing', severity: 'critical', rules: ['count_drop'], cause: 'existing_not_read', version: 'v2',
  previous_version: 'v2', summary: '5 events missing', runbook: 'runbooks/count_drop.md', servers: ['data-1'], projects: 1, project_days: 1,
  events_missing: 5, unit: 'events', starts_at: at, last_at: at, ends_at: null, alerts: { pending: 0, firing: 1, resolved: 0 },
  acknowledgements: [], ...fields,
});

export const impact = (incidents) => ({
  window: { since: null, until: null, version: null, project: null }, as_of: at, totals: { ...totals({}), unknown_copies: 0, other_units: [] },
  incidents: incidents.map((each) => ({ cause: 'existing_not_read', first_at: at, last_at: at, servers: 1, projects: 1, project_days: 1,
    events_missing: 5, unit: 'events', ...each })),
  projects: [], partitions: [], unknown: [],
});

export const alert = (fields) => ({
  rule: 'count_drop', severity: 'critical', state: 'firing', cause: 'existing_not_read', version: 'v2', incident: 'abcdef0123456789',
  labels: { server: 'data-1', project: 'p', day: '2016-02-22', format: 'row' }, summary: '5 events missing', description: 'Expected 100.',
  runbook: 'runbooks/count_drop.md', starts_at: at, ends_at: null, evidence: {}, previous_version: 'v2', ...fields,
});

export const project = (fields) => ({
  project: 'p', verdict: 'clear', events_missing: 0, events_expected: 0, certain: true, unit: 'events', days_missing: 0, unknown_copies: 0,
  first_loss_at: null, last_loss_at: null, alerts: { pending: 0, firing: 0 }, ...fields,
});

export const calendarDay = (fields) => ({
  day: '2016-02-22', verdict: 'clear', retired: false, format: 'columnar', unit: 'events', events_expected: 100, events_actual: 100,
  events_missing: 0, surplus: 0, deviation: 0, certain: true, copies: 4, unknown_copies: 0, ...fields,
});

export const run = (fields) => ({
  kind: 'run', at, server: 'data-1', project: 'p', day: '2016-02-22', format: 'row', unit: 'events', run: 'r1', version: 'v2', before: 100,
  existing: 100, fresh: 5, recovered: 0, duplicates: 0, deleted: 0, written: 105, after: 105, lost: 0, cause: null, missing: 0, verdict: 'clear',
  path: '/data/row/{project}/{day}.evt', batch: 'b1', superseded: false, seq: 1, ...fields,
});

export const partition = (fields) => ({
  server: 'data-1', project: 'p', day: '2016-02-22', format: 'row', unit: 'events', expected: 100, actual: 100, missing: 0, surplus: 0,
  opening: 'known', verdict: 'clear', uncertain: false, retired: false, observed_until: at, ...fields,
});

export const source = (fields) => ({
  source: 'compactd', shape: 'rewrite', unit: 'events', state: 'watched', reason: null, read_at: at, watched_since: '2016-02-01T00:00:00.000Z',
  blind_since: null, lines: 10, ignored_lines: 1, quarantined_lines: 0, blind_seconds: 0, ...fields,
});

export const server = (fields) => ({ server: 'data-1', ledger: ledger({}), sources: [source({})], blind: [], blind_spans: 0, ...fields });

export const blind = (fields) => ({ server: 'data-1', source: 'compactd', from: at, to: null, reason: 'the log is gone', projects: 3, quarantined_lines: 0, ...fields });

export const format = (fields) => ({
  format: 'row', reads: null, serving: false, retention_seconds: null, dead: true, dead_watched_since: at, runs: 3, failed_runs: 0,
  events_written: 300, events_missing: 0, ...fields,
});

export const audit = (fields) => ({
  verdict: 'read', since: at, covered_seconds: 60, blind_seconds: 0, cycles: { runs: 5, late_reruns: 2 }, readers: [{
    executable: '/usr/bin/python3', process: 'python3', unit: 'compactd.service', confidence: 'held', reads: 3, opens: 0, files: 2, first_at: at,
    last_at: at, sample_paths: ['/data/row/p/2016-02-22.evt'], server: 'data-1', format: 'row' }],
  replaced_after_read: 1, access_time_evidence_void: 1, files: 2, reasons: [], ...fields,
});

export const file = (fields) => ({
  server: 'data-1', day: '2016-02-22', format: 'row', path: '/data/row/p/2016-02-22.evt', present: true, size_bytes: 500, rows: 5,
  generations: [9000, 500].map((size_bytes, i) => ({
    at, change: i === 0 ? 'found' : 'replaced', size_bytes, previous_size_bytes: i === 0 ? null : 9000, rows: null, run: `r${i}`, version: 'v2',
    by: { pid: 7, process: 'compactd', executable: '/usr/bin/compactd', unit: 'compactd.service', confidence: 'held' }, opened_before: false,
    renamed_to: null, problem: null, seq: i })),
  readers: [{ executable: '/usr/bin/python3', process: 'python3', unit: 'x.service', confidence: 'held', reads: 1, opens: 0, first_at: at, last_at: at }],
  ...fields,
});

export const permit = (fields) => ({
  id: '1', kind: 'decrease', at, server: null, project: 'p', day: null, format: null, events: 10, left: 10, from_server: null, to_server: null,
  expires_at: null, reason: 'a purge', state: 'in_force', seq: 4, ...fields,
});

export const annotation = (fields) => ({ id: '2', kind: 'deploy', at, server: 'data-1', project: null, version: 'v2', text: 'rolled out', state: 'taken', seq: 5, ...fields });

export const acknowledgement = (fields) => ({ id: '3', at, incident: 'abcdef0123456789', by: 'Ada', text: 'on it', state: 'taken', ...fields });

// What the API would answer of a world in which `fields` are in every document that takes them.
export function world({ name = 'p', loss = false, changes = {} } = {}) {
  const missing = loss ? 60 : 0;
  const verdict = loss ? 'firing' : 'clear';
  const documents = {
    impact: impact(loss ? [{ id: 'abcdef0123456789', version: name, previous_version: name }] : []),
    summary: summary({ verdict, events_missing: missing, critical: loss ? 1 : 0 }),
    incidents: loss ? [incident({ version: name, previous_version: name, summary: name, servers: [name], events_missing: missing, acknowledgements: [acknowledgement({ by: name, text: name })] })] : [],
    alerts: loss ? [alert({ version: name, summary: name, description: name, labels: { server: name, project: name, day: '2016-02-22', format: name } })] : [],
    projects: [project({ project: name, verdict, events_missing: missing, events_expected: 100, days_missing: loss ? 1 : 0 })],
    calendar: { project: name, days: [calendarDay({ verdict, events_missing: missing, events_actual: 100 - missing }), calendarDay({ day: '2016-02-21' })] },
    timeline: [run({ server: name, project: name, format: name, version: name, run: name, lost: missing, cause: loss ? name : null }),
      { kind: 'blind', at, server: name, source: name, from: at, to: null, reason: name, quarantined_lines: 0 },
      { kind: 'annotation', at, server: name, project: name, day: null, format: null, version: null, detail: { text: name }, seq: 7 },
      { kind: 'file', at, server: name, project: name, day: '2016-02-22', format: name, version: null, detail: { change: name, name, size_bytes: 1 }, seq: 8 },
      { kind: 'read', at, server: name, project: name, day: '2016-02-22', format: name, version: null, detail: { name, by: { executable: name } }, seq: 9 },
      { kind: name, at, server: name, project: name, day: '2016-02-22', format: name, version: name, detail: { reason: name }, seq: 10 }],
    partitions: [partition({ server: name, project: name, format: name, verdict, missing, actual: 100 - missing })],
    servers: [server({ server: name, ledger: ledger({ server: name, path: name }), sources: [source({ source: name })], blind: [blind({ source: name, reason: name, to: at })], blind_spans: 1 })],
    formats: [format({ format: name })],
    files: { project: name, day: '2016-02-22', files: [file({ server: name, format: name, path: name })] },
    audit: audit({ readers: audit({}).readers.map((reader) => ({ ...reader, executable: name, process: name, unit: name, server: name, format: name, sample_paths: [name] })), reasons: [name] }),
    permits: [permit({ project: name, reason: name, server: name })],
    annotations: [annotation({ text: name, version: name, server: name, project: name })],
    acknowledgements: [acknowledgement({ by: name, text: name })],
  };
  return { ...documents, ...changes };
}
