// The documents of the API (dashboards/openapi.json), as far as the page reads them. Unknown is null.

export interface Ledger {
  id: string | null;
  server: string | null;
  path: string;
  readable: boolean;
  problem: string | null;
  written_at: string | null;
  head_seq: number | null;
  writer_running: boolean | null;
}

export interface Envelope<T> {
  data: T;
  next: string | null;
  complete: boolean;
  as_of: string | null;
  ledgers: Ledger[];
}

export interface Totals {
  projects: number;
  project_days: number;
  events_missing: number;
  events_expected: number;
  certain: boolean;
  unit: string;
  events_recoverable: number;
}

export interface Counts {
  pending: number;
  firing: number;
}

export interface Summary {
  verdict: 'clear' | 'firing' | 'unknown';
  reasons: string[];
  totals: Totals & { unknown_copies: number; other_units: Totals[] };
  incidents: number;
  alerts: { critical: Counts; warning: Counts };
  servers: number;
  projects: number;
  first_loss_at: string | null;
  last_loss_at: string | null;
}

export interface Acknowledgement {
  id: string;
  at: string | null;
  incident: string;
  by: string | null;
  text: string | null;
  state: string;
}

export interface Incident {
  id: string;
  state: 'pending' | 'firing' | 'resolved';
  severity: 'critical' | 'warning';
  rules: string[];
  cause: string | null;
  version: string | null;
  previous_version: string | null;
  summary: string;
  runbook: string;
  servers: string[];
  projects: number;
  project_days: number;
  events_missing: number | null;
  unit: string | null;
  starts_at: string | null;
  last_at: string | null;
  ends_at: string | null;
  alerts: Counts & { resolved: number };
  acknowledgements: Acknowledgement[];
}

// As far as it tells what incidents cost.
export interface RecoverySource {
  kind: string;
  server: string;
  format: string;
  events: number | null;
  copy: string | null;
  until: string | null;
}

export interface Impact {
  projects: {
    project: string;
    days: { day: string; events_missing: number; recoverable: { events: number | null; sources: RecoverySource[] } }[];
  }[];
  incidents: { id: string; cause: string | null; version: string | null; previous_version: string | null; servers: number }[];
}

export interface Alert {
  rule: string;
  severity: string;
  state: string;
  cause: string | null;
  version: string | null;
  previous_version: string | null;
  incident: string;
  labels: { server?: string; project?: string; day?: string; format?: string; source?: string };
  summary: string;
  description: string;
  runbook: string;
  starts_at: string | null;
  ends_at: string | null;
}

export interface Project {
  project: string;
  verdict: string;
  events_missing: number | null;
  events_expected: number | null;
  certain: boolean;
  unit: string | null;
  days_missing: number;
  unknown_copies: number;
  first_loss_at: string | null;
  last_loss_at: string | null;
  alerts: Counts;
}

export interface CalendarDay {
  day: string;
  verdict: string;
  retired: boolean;
  format: string | null;
  unit: string;
  events_expected: number | null;
  events_actual: number | null;
  events_missing: number | null;
  surplus: number;
  deviation: number | null;
  certain: boolean;
  copies: number;
  unknown_copies: number;
}

export interface Calendar {
  project: string;
  days: CalendarDay[];
}

export interface Partition {
  server: string;
  project: string;
  day: string;
  format: string;
  unit: string;
  expected: number | null;
  actual: number | null;
  missing: number;
  surplus: number;
  opening: string;
  verdict: string;
  uncertain: boolean;
  retired: boolean;
  observed_until: string | null;
}

// One of any kind: what a kind does not have is undefined.
export interface TimelineEntry {
  kind: string;
  at: string | null;
  server?: string | null;
  project?: string | null;
  day?: string | null;
  format?: string | null;
  version?: string | null;
  seq?: number;
  detail?: Record<string, unknown>;
  // of runs
  unit?: string;
  run?: string | null;
  before?: number | null;
  existing?: number | null;
  fresh?: number | null;
  recovered?: number | null;
  duplicates?: number | null;
  deleted?: number | null;
  written?: number | null;
  after?: number | null;
  lost?: number;
  cause?: string | null;
  missing?: number;
  superseded?: boolean;
  // of alerts
  rule?: string;
  severity?: string;
  state?: string;
  incident?: string;
  summary?: string;
  starts_at?: string | null;
  ends_at?: string | null;
  // of blind intervals
  source?: string | null;
  from?: string | null;
  to?: string | null;
  reason?: string | null;
}

export interface Actor {
  pid: number | null;
  process: string | null;
  executable: string | null;
  unit: string | null;
  confidence: string;
}

export interface Generation {
  at: string;
  change: string;
  size_bytes: number | null;
  previous_size_bytes: number | null;
  rows: number | null;
  run: string | null;
  version: string | null;
  by: Actor | null;
  opened_before: boolean;
  renamed_to: string | null;
  problem: string | null;
  seq: number;
}

export interface CanonicalFile {
  server: string;
  day: string;
  format: string;
  path: string;
  present: boolean;
  size_bytes: number | null;
  rows: number | null;
  generations: Generation[];
  readers: { executable: string | null; process: string | null; unit: string | null; reads: number; opens: number;
    first_at: string; last_at: string }[];
}

export interface Files {
  project: string;
  day: string | null;
  files: CanonicalFile[];
}

export interface Blind {
  server: string | null;
  source: string | null;
  from: string | null;
  to: string | null;
  reason: string | null;
  projects: number | null;
  quarantined_lines: number;
}

export interface Source {
  source: string;
  shape: string;
  unit: string;
  state: 'watched' | 'blind' | 'never_read' | 'unknown';
  reason: string | null;
  read_at: string | null;
  watched_since: string | null;
  blind_since: string | null;
  lines: number;
  ignored_lines: number;
  quarantined_lines: number;
  blind_seconds: number;
}

export interface Server {
  server: string | null;
  ledger: Ledger;
  sources: Source[];
  blind: Blind[];
  blind_spans: number;
}

export interface Format {
  format: string;
  reads: string | null;
  serving: boolean;
  dead: boolean;
  dead_watched_since: string | null;
  runs: number;
  failed_runs: number;
  events_written: number;
  events_missing: number;
}

export interface Audit {
  verdict: 'unread' | 'read' | 'unknown';
  since: string | null;
  covered_seconds: number;
  blind_seconds: number;
  cycles: { runs: number; late_reruns: number };
  readers: { executable: string | null; process: string | null; unit: string | null; confidence: string;
    reads: number; opens: number; files: number; first_at: string; last_at: string; sample_paths: string[];
    server: string; format: string }[];
  replaced_after_read: number;
  access_time_evidence_void: number;
  files: number;
  reasons: string[];
}

export interface Permit {
  id: string;
  kind: string;
  at: string | null;
  server: string | null;
  project: string | null;
  day: string | null;
  format: string | null;
  events: number | null;
  left: number | null;
  from_server: string | null;
  to_server: string | null;
  expires_at: string | null;
  reason: string | null;
  state: string;
}

export interface Annotation {
  id: string;
  kind: string;
  at: string | null;
  server: string | null;
  project: string | null;
  version: string | null;
  text: string | null;
  state: string;
}

export interface Session {
  token: string;
  version: string;
  writable: boolean;
  problem: string | null;
}
