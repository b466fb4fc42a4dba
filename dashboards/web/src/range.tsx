// The range of time that a view shows: an hour, a week, from one time to another.

import type { JSX } from 'preact';
import { usePage } from './page';
import { formatUtc, parseRange, parseTime } from './time';
import { Choice } from './parts';

const step = 60_000;

export interface Asked {
  since: string | null;
  until: string | null;
  slot: string;  // the range as it is written, which stays while time goes on
}

// As the API takes it. `the last hour` moves once a minute.
export function useRange(): Asked {
  const { place, now } = usePage();
  const { since, until } = parseRange(place.query, Math.floor(now / step) * step);
  return {
    since: since === null ? null : formatUtc(since),
    until: until === null ? null : formatUtc(until),
    slot: `${place.query.get('since') ?? ''}/${place.query.get('until') ?? ''}`,
  };
}

const lengths: [string | null, string][] = [['1h', '1 h'], ['24h', '24 h'], ['7d', '7 d'], ['30d', '30 d']];

// `without`: what is shown where no range is chosen; all, unless it is one of the lengths.
export function RangeChoice({ without = 'All' }: { without?: string }): JSX.Element {
  const { place, set, address, now } = usePage();
  const since = place.query.get('since');
  const until = place.query.get('until');
  const fixed = until !== null || (since !== null && !/^\d+[mhd]$/.test(since));
  const wrong = [since, until].some((text) => text !== null && parseTime(text, now) === null);
  return <span class="range">
    <Choice name="since" label="Range" values={without === 'All' ? [[null, without], ...lengths]
      : lengths.map(([value, text]) => (text === without ? [null, text] : [value, text]))} />
    <details class="between" open={fixed}>
      <summary>From – to</summary>
      <form onSubmit={(event) => {
        event.preventDefault();
        const data = new FormData(event.currentTarget as HTMLFormElement);
        set({ since: String(data.get('since')).trim(), until: String(data.get('until')).trim() });
      }}>
        <label>From <input name="since" key={since ?? ''} defaultValue={since ?? ''} placeholder="2016-02-22T17:00Z or 24h" /></label>
        <label>to <input name="until" key={until ?? ''} defaultValue={until ?? ''} placeholder="now" /></label>
        <button type="submit">Show</button>
        {fixed && <a href={address({ since: null, until: null })}>Whole span</a>}
      </form>
    </details>
    {wrong && <span class="problem">not a time: see <a href="/help">help</a></span>}
  </span>;
}
