// Writes by POST, with the token that this page got.

import type { Session } from './documents';
import { reasonOf } from './poller';

async function session(): Promise<Session> {
  const response = await fetch('/api/v1/session', { cache: 'no-store' });
  if (!response.ok) throw new Error(await reasonOf(response));
  return ((await response.json()) as { data: Session }).data;
}

// Null, or why it was not written.
export async function send(name: string, body: Record<string, unknown>): Promise<string | null> {
  try {
    const { token, writable, problem } = await session();
    if (!writable) return problem ?? 'operator.db cannot be written';
    const response = await fetch(`/api/v1/${name}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Rollcall-Token': token },
      body: JSON.stringify(body),
    });
    return response.ok ? null : await reasonOf(response);
  } catch (error) {
    return error instanceof TypeError ? 'rollcall does not answer' : String((error as Error).message);
  }
}
