/** For tests: what the plain restatements of the rules share. */
import type { FixtureEvent } from './lake-fixture.ts';

/** An event with everything filled in that the fixture fills in. */
export type Of<T extends FixtureEvent['type']> = Extract<FixtureEvent, { type: T }> & {
  event_id: string;
  user: string;
  ts: number;
  device_id: string | null;
  session_id: string | null;
};

export interface NaiveOptions {
  exposuresK: number;
  pageViewsK: number;
  candidatesN: number;
  sinceK: number;
  sessionClicksK: number;
  unexposedK: number;
  watchedK: number;
  orderedK: number;
  effectiveViewMs: number;
  labelWindowMs: number;
  exposureWindowMs: number;
  decisionWindowMs: number;
  latenessMs: number;
}

export const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
export const last = <T>(items: T[], n: number): T[] => items.slice(Math.max(0, items.length - n));
export const firstOfEach = <T>(items: T[], key: (item: T) => string): T[] =>
  items.filter((item, i) => items.findIndex((other) => key(other) === key(item)) === i);

type Action = { user: string; request_id?: string | null | undefined; item_id: string };
export const same = (a: Action, b: Action): boolean =>
  a.user === b.user && !!a.request_id && a.request_id === b.request_id && a.item_id === b.item_id;

type OnDevice = { user: string; device_id: string | null };
export const sameDevice = (a: OnDevice, b: OnDevice): boolean =>
  a.user === b.user && a.device_id === b.device_id;

/** A request, or a rerank of one. */
export interface Slate {
  event: Of<'request'> | Of<'rerank'>;
  kind: 'request' | 'rerank';
}
export interface Listed {
  item: string;
  position: number | null;
  score: number | null;
}

/** A behaviour is written down when it starts or when it ends. */
export const told = (event: { ts: number; started: number }): number =>
  event.ts > event.started ? event.ts : event.started;
