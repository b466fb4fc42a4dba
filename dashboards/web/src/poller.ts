// What the API last said, and how old that is. A view reads documents by address while it is drawn; those
// read are kept fresh, the others are let go. A document that could not be refreshed stays, with the reason.

export interface Answer<T> {
  data: T | null;
  at: number | null;  // when the API last confirmed it
  error: string | null;  // of the last attempt
}

interface Entry {
  url: string;
  answer: Answer<unknown>;
  etag: string | null;
  running: boolean;
}

export const pollInterval = 5_000;
const patience = 10_000;  // for one answer
export const staleAfter = 3 * pollInterval;

export class Poller {
  private readonly entries = new Map<string, Entry>();
  private wanted = new Set<string>();

  // `changed` is called whenever something was learned, also that nothing could be.
  constructor(private readonly changed: () => void) {}

  // To be called while drawing, between `begin` and `end`. A slot keeps its last answer while its address
  // moves on, as that of `the last hour` does.
  read<T>(url: string, slot = url): Answer<T> {
    this.wanted.add(slot);
    let entry = this.entries.get(slot);
    if (!entry) {
      entry = { url, answer: { data: null, at: null, error: null }, etag: null, running: false };
      this.entries.set(slot, entry);
      void this.fetch(entry);
    } else if (entry.url !== url) {
      entry.url = url;
      entry.etag = null;
    }
    return entry.answer as Answer<T>;
  }

  begin(): void {
    this.wanted = new Set();
  }

  end(): void {
    for (const slot of this.entries.keys()) {
      if (!this.wanted.has(slot)) this.entries.delete(slot);
    }
  }

  // Asks again for all that is shown: at every tick, and at once after something was written.
  refresh(): void {
    for (const entry of this.entries.values()) void this.fetch(entry);
  }

  private async fetch(entry: Entry): Promise<void> {
    if (entry.running) return;
    entry.running = true;
    const { url } = entry;
    try {
      const headers: Record<string, string> = { Accept: 'application/json' };
      if (entry.etag !== null) headers['If-None-Match'] = entry.etag;
      const response = await fetch(url, { headers, cache: 'no-store', signal: AbortSignal.timeout(patience) });
      if (response.status === 304) {
        entry.answer = { ...entry.answer, at: Date.now(), error: null };
      } else if (response.ok) {
        const data: unknown = await response.json();
        entry.answer = { data, at: Date.now(), error: null };
        if (entry.url === url) entry.etag = response.headers.get('ETag');
      } else {
        entry.answer = { ...entry.answer, error: await reasonOf(response) };
      }
    } catch (error) {
      entry.answer = { ...entry.answer, error: reasonOfFailure(error) };
    }
    entry.running = false;
    this.changed();
  }
}

function reasonOfFailure(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'rollcall did not answer in time';
  if (error instanceof SyntaxError) return 'the answer was cut short';
  return 'rollcall does not answer';
}

export async function reasonOf(response: Response): Promise<string> {
  try {
    const body = (await response.json()) as { error?: { message?: unknown } };
    if (typeof body.error?.message === 'string') return body.error.message;
  } catch {
    // Not one of our errors: a proxy's, say.
  }
  return `rollcall answers ${response.status}`;
}

export function isStale(answer: Answer<unknown>, now: number): boolean {
  return answer.error !== null || answer.at === null || now - answer.at > staleAfter;
}
