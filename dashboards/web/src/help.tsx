// How to read this page, and its keys.

import type { JSX } from 'preact';
import { AlertmanagerForm } from './forms';
import { Panel, State } from './parts';
import { CalendarKey } from './project';

export const keys: [key: string, does: string][] = [
  ['/', 'filter'],
  ['j', 'next row'],
  ['k', 'previous row'],
  ['Enter', 'open the row'],
  ['t', 'times: relative, UTC, local'],
  ['d', 'dark or light'],
  ['?', 'this help'],
  ['Esc', 'leave the filter; clear it; one level up'],
];

export function HelpView(): JSX.Element {
  return <>
    <h1>Help</h1>
    <Panel id="keys" title="Keys">
      <dl class="keys">{keys.map(([key, does]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{does}</dd></div>)}</dl>
    </Panel>
    <Panel id="words" title="What it says">
      <dl class="words">
        <div><dt><State of="firing" /></dt><dd>events are missing, or a rule is broken now</dd></div>
        <div><dt><State of="unknown" /></dt><dd>nobody can tell: something was not watched, or not understood. It is not the same as clear</dd></div>
        <div><dt><State of="clear" /></dt><dd>everything was watched, and all is there</dd></div>
        <div><dt>stale</dt><dd>the page could not ask again, or the ledger is not being written: what is shown was so, and may not be so now</dd></div>
        <div><dt>≥</dt><dd>a lower bound: at least so many</dd></div>
      </dl>
      <CalendarKey />
    </Panel>
    <Panel id="addresses" title="Addresses">
      <p>The address of the page is all that it shows: send it to somebody, and they see the same. Ranges are <code>since</code> and <code>until</code>: <code>24h</code>,{' '}
        <code>7d</code>, <code>2016-02-22</code>, or <code>2016-02-22T17:00Z</code>. Times are <code>times=relative</code>, <code>utc</code> or <code>local</code>.
        Drag over a chart to see a part of it.</p>
      <p>The documents behind it are at <a href="/api/v1/openapi.json" target="_self">/api/v1/openapi.json</a>.</p>
    </Panel>
    <Panel id="silences" title="Silences">
      <p>An acknowledgement is a word to colleagues, and silences nothing. Silences are Alertmanager’s; its address is kept in this browser.</p>
      <AlertmanagerForm />
    </Panel>
  </>;
}
