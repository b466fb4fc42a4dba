// The incidents of the page, with what each of them cost.

import { withLoss } from './answer';
import type { Envelope, Impact, Incident } from './documents';
import { api, type Page } from './page';
import type { Answer } from './poller';

export interface Incidents {
  answers: [Answer<Envelope<Incident[]>>, Answer<Envelope<Impact>>];
  incidents: Incident[];
  worst: Incident | null;  // of those that fire
}

// `id`: this one alone, also when it is over.
export function readIncidents({ read }: Page, id: string | null = null): Incidents {
  const answer = read<Incident[]>(id === null ? api('incidents', { state: 'open', limit: 100 }) : api('incidents', { id, state: 'all' }));
  const impact = read<Impact>(api('impact', { limit: 1 }));
  const incidents = (answer.data?.data ?? []).map((each) => withLoss(each, impact.data?.data ?? null));
  return { answers: [answer, impact], incidents, worst: incidents.find((each) => each.state === 'firing') ?? null };
}
