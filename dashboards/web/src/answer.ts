// "Is data missing now?", in one line, and what to do. Pure. A calm answer must prove what it looked at: whatever is
// old, incomplete or unwatched makes it unknown, and what is missing stays missing.

import type { Envelope, Impact, Incident, Ledger, Summary, Totals } from './documents';
import { isStale, type Answer } from './poller';
import { formatAge } from './time';
import { count, percent, plural, visible } from './text';

export type Tone = 'missing' | 'risk' | 'unknown' | 'clear';

export interface Verdict {
  tone: Tone;
  short: string;  // for the bar and the title
  headline: string;
  detail: string | null;
  doubts: string[];  // why nobody can say, or why it may be more
}

export function answerOf(answer: Answer<Envelope<Summary>>, worst: Incident | null, now: number): Verdict {
  const { data: envelope } = answer;
  if (envelope === null) {
    const waiting = answer.error === null;
    return {
      tone: 'unknown', short: waiting ? 'asking…' : 'cannot tell', detail: null,
      headline: waiting ? 'Asking whether data is missing…' : 'Cannot tell whether data is missing.',
      doubts: answer.error === null ? [] : [`${capital(answer.error)}.`],
    };
  }
  const summary = envelope.data;
  const doubts = doubtsOf(answer, envelope, now);
  if (summary.verdict === 'firing') return missing(summary, doubts, now);
  const critical = summary.alerts.critical.firing;
  if (critical > 0) {
    return {
      tone: 'risk', short: 'at risk', doubts,
      headline: doubts.length > 0 ? 'No loss is known, but something is wrong.' : 'No data is missing yet, but it may be soon.',
      detail: worst ? sentence(visible(worst.summary)) : `${plural(critical, 'critical alert')} firing.`,
    };
  }
  if (summary.verdict !== 'clear' || doubts.length > 0) {
    return { tone: 'unknown', short: 'cannot tell', headline: 'Cannot tell whether data is missing.', doubts,
      detail: 'No loss is known. That is not the same as none.' };
  }
  return {
    tone: 'clear', short: 'nothing missing', headline: 'No data is missing.', doubts,
    detail: `${plural(summary.projects, 'project')} on ${plural(summary.servers, 'server')}: everything was watched, and all is there.`,
  };
}

function missing(summary: Summary, doubts: string[], now: number): Verdict {
  const { totals } = summary;
  const units = [totals, ...totals.other_units].filter((each) => each.events_missing > 0);
  const amounts = units.map((each) => `${count(each.events_missing)} ${visible(each.unit)}`).join(' and ');
  const least = units.some((each) => !each.certain) ? 'At least ' : '';
  const since = summary.first_loss_at === null ? '' :
    `, the first ${formatAge(now - Date.parse(summary.first_loss_at))} ago`;
  return {
    tone: 'missing', short: `${amounts} missing`,
    headline: `${least}${amounts} ${totals.events_missing === 1 && units.length === 1 ? 'is' : 'are'} missing.`,
    detail: `${percent(totals.events_missing, totals.events_expected)} of what ${plural(totals.projects, 'project')} should have on ` +
      `${plural(totals.project_days, 'project-day')}${since}.${recoverable(totals)}`,
    doubts,
  };
}

function recoverable(totals: Totals): string {
  if (totals.events_recoverable === 0) return '';
  const all = totals.events_recoverable >= totals.events_missing;
  return ` ${all ? 'All' : count(totals.events_recoverable)} of them can be put back: rollcall restore PROJECT DAY.`;
}

function doubtsOf(answer: Answer<Envelope<Summary>>, envelope: Envelope<Summary>, now: number): string[] {
  const doubts: string[] = [];
  if (isStale(answer, now)) {
    const age = answer.at === null ? '' : `, last asked with success ${formatAge(now - answer.at)} ago`;
    doubts.push(`${capital(answer.error ?? 'rollcall did not answer')}${age}.`);
  }
  doubts.push(...envelope.data.reasons.map((reason) => sentence(capital(visible(reason, 300)))));
  if (envelope.data.reasons.length > 0) return doubts;  // which speak of the ledgers too
  for (const ledger of envelope.ledgers) {
    const doubt = ledgerDoubt(ledger, now);
    if (doubt !== null) doubts.push(doubt);
  }
  if (!envelope.complete && doubts.length === 0) doubts.push('A ledger could not be read.');
  return doubts;
}

// Why a ledger does not tell the present; null: it does.
export function ledgerDoubt(ledger: Ledger, now: number): string | null {
  const name = `The ledger of ${visible(ledger.server ?? ledger.path)}`;
  if (!ledger.readable) return `${name} cannot be read: ${visible(ledger.problem ?? 'unknown why')}.`;
  if (ledger.problem !== null) return `${name}: ${sentence(visible(ledger.problem))}`;
  const written = ledger.written_at === null ? 'nothing was ever written' :
    `last written ${formatAge(now - Date.parse(ledger.written_at))} ago`;
  if (ledger.writer_running === false) return `${name} is not being written: no rollcall watch runs (${written}).`;
  if (ledger.writer_running === null) return `${name} is a copy, or nobody can tell whether it is being written (${written}).`;
  return null;
}

// An incident begins with its first alert, which may be a warning of the loss to come; what was lost says by what.
export function withLoss(incident: Incident, impact: Impact | null): Incident {
  const loss = impact?.incidents.find((each) => each.id === incident.id);
  if (!loss) return incident;
  const runbook = incident.rules.includes('count_drop') ? 'runbooks/count_drop.md' : incident.runbook;
  return { ...incident, cause: loss.cause, version: loss.version, previous_version: loss.previous_version, runbook };
}

// What to do first. The runbook has the rest.
export function adviceFor(incident: Incident): string {
  const version = incident.version === null ? null : visible(incident.version);
  const previous = incident.previous_version === null ? null : visible(incident.previous_version);
  const has = (rule: string) => incident.rules.includes(rule);
  if (has('count_drop') || incident.cause === 'existing_not_read' || incident.cause === 'dropped_in_merge') {
    if (version === null) return 'Stop compaction before its next run, and keep what is on disk.';
    if (previous !== null && previous !== version) {
      return `Stop compaction, keep what is on disk: ${version} or ${previous} reads or writes in the wrong place.`;
    }
    return `Stop compaction by version ${version} on every server before its next run, and keep what is on disk.`;
  }
  if (has('output_moved')) {
    return `Stop the release${version === null ? '' : ` ${version}`} before any day is compacted again, or confirm the move by a permit.`;
  }
  if (has('dead_file_read')) return 'Do not remove or move these files: somebody reads them.';
  if (has('missing_canonical_file')) return 'Find where the file went before anything writes there again; keep what is on disk.';
  if (has('blind')) return 'Make the source readable again: until then nobody knows what happens there.';
  return 'Follow the runbook.';
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
const sentence = (text: string) => (/[.!?…]$/.test(text) ? text : `${text}.`);
