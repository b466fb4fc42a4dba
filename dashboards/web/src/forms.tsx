// What people tell rollcall: acknowledgements, permits, remarks; and the way to a silence in Alertmanager.

import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import { usePage } from './page';
import { recall, remember } from './storage';
import { visible } from './text';
import { formatUtc, parseTime } from './time';
import { send } from './writer';

// Empty fields are left out; `read` makes the body of what was filled in, or says what is wrong with it.
export function WriteForm({ name, action, done, children, read }: {
  name: string; action: string; done: string; children: ComponentChildren;
  read: (field: (name: string) => string | undefined) => Record<string, unknown> | string;
}): JSX.Element {
  const { refresh } = usePage();
  const [said, say] = useState<{ text: string; good: boolean } | null>(null);
  const [busy, work] = useState(false);
  return <form class="write" onSubmit={async (event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const body = read((field) => String(data.get(field) ?? '').trim() || undefined);
    if (typeof body === 'string') return say({ text: body, good: false });
    work(true);
    const problem = await send(name, body);
    work(false);
    say(problem === null ? { text: done, good: true } : { text: `Not written: ${problem}.`, good: false });
    if (problem !== null) return;
    form.reset();
    refresh();
  }}>
    {children}
    <button type="submit" disabled={busy}>{action}</button>
    <p role="status" class={said === null ? 'unseen' : said.good ? 'done' : 'problem'}>{said === null ? '' : visible(said.text, 400)}</p>
  </form>;
}

export function AcknowledgeForm({ incident }: { incident: string }): JSX.Element {
  return <WriteForm name="acknowledgements" action="Acknowledge" done="Acknowledged. It goes on firing while data is missing."
    read={(field) => {
      const by = field('by');
      if (by) remember('rollcall.name', by);
      return { incident, by, text: field('text') };
    }}>
    <label>Your name <input name="by" autocomplete="name" defaultValue={recall('rollcall.name')} maxLength={200} /></label>
    <label class="wide">What you are doing about it <input name="text" maxLength={2000} /></label>
  </WriteForm>;
}

export function alertmanagerUrl(): string {
  const url = recall('rollcall.alertmanager');
  return /^https?:\/\/[^\s]+$/.test(url) ? url.replace(/\/+$/, '') : `${location.protocol}//${location.hostname}:9093`;
}

// Alertmanager writes silences, and keeps who made them; rollcall does not.
export function SilenceLink({ incident }: { incident: string }): JSX.Element {
  const matcher = `{incident="${incident.replace(/["\\]/g, '\\$&')}"}`;
  return <>
    <a class="button" rel="noreferrer" href={`${alertmanagerUrl()}/#/silences/new?filter=${encodeURIComponent(matcher)}`}>Silence in Alertmanager</a>
    {/^[0-9a-f]+$/.test(incident) && <code class="command">amtool silence add incident={incident} --duration=2h --comment=…</code>}
  </>;
}

export function AlertmanagerForm(): JSX.Element {
  const [saved, save] = useState(false);
  return <form class="write" onSubmit={(event) => {
    event.preventDefault();
    remember('rollcall.alertmanager', String(new FormData(event.currentTarget as HTMLFormElement).get('url')).trim());
    save(true);
  }}>
    <label class="wide">Address of Alertmanager <input name="url" type="url" defaultValue={alertmanagerUrl()} /></label>
    <button type="submit">Keep</button>
    <p role="status" class={saved ? 'done' : 'unseen'}>{saved ? 'Kept in this browser.' : ''}</p>
  </form>;
}

const whenWrong = 'Times are written like 2016-02-22T17:00Z, in UTC.';

export function PermitForm({ project, day }: { project: string | null; day: string | null }): JSX.Element {
  const [kind, choose] = useState('decrease');
  return <WriteForm name="permits" action="Permit" done="Permitted. The running watch takes it within a second." read={(field) => {
    const expires = field('expires_at');
    const time = expires === undefined ? undefined : parseTime(expires, Date.now());
    if (time === null) return whenWrong;
    const events = field('events');
    if (events !== undefined && !/^[1-9]\d{0,15}$/.test(events)) return 'How many events is a number.';
    return {
      kind, project: field('project'), day: field('day'), format: field('format'), server: field('server'),
      events: events === undefined ? undefined : Number(events), to_server: field('to_server'),
      expires_at: time === undefined ? undefined : formatUtc(time), reason: field('reason'),
    };
  }}>
    <label>Kind <select name="kind" onChange={(event) => choose((event.currentTarget as HTMLSelectElement).value)}>
      <option value="decrease">a wanted decrease</option>
      <option value="rehomed">moved to another server</option>
      <option value="move">a format is written elsewhere</option>
    </select></label>
    {kind !== 'move' && <>
      <label>Project <input name="project" required defaultValue={project ?? ''} /></label>
      <label>Day <input name="day" placeholder="any" pattern="\d{4}-\d{2}-\d{2}" defaultValue={day ?? ''} /></label>
    </>}
    {kind === 'decrease' && <label>How many events, from each copy <input name="events" required inputMode="numeric" /></label>}
    <label>Format <input name="format" placeholder={kind === 'move' ? '' : 'any'} required={kind === 'move'} /></label>
    <label>{kind === 'rehomed' ? 'Server that it left' : 'Server'} <input name="server" placeholder={kind === 'rehomed' ? '' : 'any'} required={kind === 'rehomed'} /></label>
    {kind === 'rehomed' && <label>Server where to <input name="to_server" required /></label>}
    <label>Expires <input name="expires_at" placeholder="never" /></label>
    <label class="wide">Reason, for those who read it later <input name="reason" required maxLength={2000} /></label>
  </WriteForm>;
}

export function AnnotationForm(): JSX.Element {
  return <WriteForm name="annotations" action="Put on the timeline" done="Written. The running watch takes it within a second." read={(field) => {
    const at = field('at');
    const time = at === undefined ? undefined : parseTime(at, Date.now());
    if (time === null) return whenWrong;
    return { text: field('text'), project: field('project'), server: field('server'), version: field('version'),
      at: time === undefined ? undefined : formatUtc(time) };
  }}>
    <label class="wide">Remark <input name="text" required maxLength={2000} /></label>
    <label>Project <input name="project" placeholder="all" /></label>
    <label>Server <input name="server" placeholder="this one" /></label>
    <label>Version, if it is a deploy <input name="version" /></label>
    <label>When <input name="at" placeholder="now" /></label>
  </WriteForm>;
}
