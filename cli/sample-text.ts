/** A sample as text for a person: sections of at most the terminal's width. */
import type { Listed } from '../data/samples/find.ts';
import type { Behaviour } from '../data/samples/knew.ts';
import type { Kind } from '../data/samples/open.ts';
import type { ListedItem, ShownSample } from '../data/samples/show-sample.ts';
import { featureLines } from './sample-features-text.ts';
import { labels, localTime, span, value } from './sample-words.ts';
import { paragraph, type TableColumn, table, wrap } from './text-table.ts';

const WIDE = 110;
const right = (head: string): TableColumn => ({ head, align: 'right' });
const title = (name: string): string => name.replaceAll('_', ' ');

/** @param width columns of the terminal */
export function sampleText(sample: ShownSample, width: number): string {
  const { kind, id, user, date, decision_ts, utc_offset_minutes: offset, moment } = sample;
  const facts = Object.entries(moment).map(([name, of]) =>
    name === 'target_started' && typeof of === 'number'
      ? `target started ${span(of - decision_ts)} after the decision`
      : `${title(name)} ${value(of)}`,
  );
  const lines = [
    ...wrap([`${kind} sample ${id}`, `user ${user}…`], width, ''),
    `${date}, ${localTime(decision_ts, offset)}`,
    ...wrap(facts, width, '  ', ' · '),
  ];
  for (const [name, items] of Object.entries(sample.lists)) {
    lines.push('', `${title(name).toUpperCase()} (${items.length})`);
    if (items.length > 0) lines.push(...itemLines(items, width));
  }
  lines.push('', 'WHAT THE PHONE KNEW, newest first');
  for (const [name, entries] of Object.entries(sample.knew)) {
    lines.push(`  ${title(name)}: ${entries.length === 0 ? 'none' : entries.length}`);
    lines.push(...behaviourLines(entries, width));
  }
  lines.push('', `WHAT THE CLOUD KNEW OF THE USER before ${date}`, ...userLines(sample, width));
  lines.push('', 'WHAT IT DID NOT KNOW', ...unknownLines(sample, width));
  const all = Object.entries(sample.labels).map(
    ([name, label]) => `${title(name)} ${label === null ? 'no label' : value(label)}`,
  );
  lines.push('', 'LABELS', ...wrap(all, width, '  ', ' · '));
  lines.push('', 'FEATURES', ...encodedLines(sample, width));
  lines.push(...featureLines(sample.features, width));
  return `${lines.join('\n')}\n`;
}

const rowText = ({ rows }: ListedItem): string => {
  if (!rows) return '';
  return rows.item > 0 ? String(rows.item) : 'unknown';
};

function itemLines(items: readonly ListedItem[], width: number): string[] {
  const wide = width >= WIDE;
  const facts = ({ attributes: a }: ListedItem): string[] => {
    const duration = a?.duration_ms ?? null;
    return [
      ...[a?.category ?? '–', a?.brand ?? '–', a?.creator ?? '–', a?.kind ?? '–'],
      a === null || a.price_level === null ? '–' : `p${a.price_level}`,
      duration === null ? '–' : span(duration),
    ];
  };
  const about = wide ? ['category', 'brand', 'creator', 'kind', 'price', 'length'] : ['attributes'];
  return table(
    [
      ...[right('#'), { head: 'item', keep: true }, right('pos'), right('score')],
      ...about.map((head) => ({ head })),
      ...[right('row'), { head: items.some((item) => item.labels) ? 'labels' : '' }],
    ],
    items.map((item, k) => [
      ...[String(k + 1), item.item, item.position === null ? '–' : String(item.position)],
      item.score === null ? '–' : value(item.score),
      ...(wide ? facts(item) : [facts(item).join(' ')]),
      ...[rowText(item), labels(item.labels)],
    ]),
    width,
  );
}

/** What a line tells apart from the item, in words; times stand as ages. */
function detail(entry: Behaviour): string[] {
  const { item: _, age_ms, dated, started: _s, ended: _e, blocks, ...rest } = entry;
  if (!dated) return ['undated history: only the item is known'];
  const known = Object.entries(rest).flatMap(([name, of]) => {
    if (name === 'bought') return of === 1 ? ['BOUGHT by then'] : [];
    if (name === 'delete_reason') return [`DELETED by then (${value(of)})`];
    if (of === 0 && !['position', 'watch_ms', 'duration_ms'].includes(name)) return [];
    if (name === 'duration_ms') return [`for ${span(of as number)}`];
    if (name.endsWith('_ms')) return [`${title(name.slice(0, -3))} ${span(of as number)}`];
    return [`${title(name)} ${value(of)}`];
  });
  const used = Object.entries((blocks ?? {}) as Record<string, Record<string, number | null>>).map(
    ([block, { clicks, dwell_ms }]) => `${block} ×${clicks}${dwell_ms ? ` ${span(dwell_ms)}` : ''}`,
  );
  const ago = age_ms === null ? 'no end' : `${span(age_ms)} ago`;
  return [ago, ...known, ...(used.length > 0 ? [`blocks: ${used.join(', ')}`] : [])];
}

function behaviourLines(entries: readonly Behaviour[], width: number): string[] {
  // The newest is the one that matters most; places count as in the features, from the oldest.
  return entries
    .map((entry, k) => {
      const [first, ...more] = wrap(detail(entry), width, ' '.repeat(10), ' · ');
      const head = `    ${String(k + 1).padStart(2)}  ${entry.item}  `;
      const rest = (first ?? '').trim();
      return head.length + rest.length <= width
        ? [head + rest, ...more]
        : [head.trimEnd(), ...[first!, ...more]];
    })
    .reverse()
    .flat();
}

function userLines({ user_before: before }: ShownSample, width: number): string[] {
  if (!before) return ['  nothing: no event of theirs had arrived'];
  const facts = Object.entries(before).map(([name, of]) => `${title(name)} ${value(of)}`);
  return wrap(facts, width, '  ', ' · ');
}

function unknownLines({ not_known }: ShownSample, width: number): string[] {
  if (!not_known) return ['  (no lake was read: name one with --lake)'];
  const { windowMs, events } = not_known;
  if (events.length === 0) return [`  nothing within ${span(windowMs)} of the decision`];
  const when = (ms: number): string => (ms < 0 ? `${span(ms)} before` : `${span(ms)} after`);
  return table(
    ['  event', 'item', 'began', 'ended', 'why'].map((head) => ({ head })),
    events.map(({ type, item, began_ms, ended_ms, why }) => [
      ...[`  ${title(type)}`, item, when(began_ms)],
      ...[ended_ms === null ? '–' : when(ended_ms), why],
    ]),
    width,
  );
}

function encodedLines({ encoded, fitted, features }: ShownSample, width: number): string[] {
  if (!encoded || !fitted) return ['  (no tensors: run the features stage, or name --tensors)'];
  const dates = fitted.train_dates.join(', ');
  const said = [`Statistics fitted on ${dates} (${fitted.sha256.slice(0, 12)}).`];
  said.push('Computed by device/features from raw values; places count from the oldest.');
  const wrong = features.filter(({ differs }) => differs && differs.length > 0).length;
  if ('why' in encoded) said.push(`Not in the tensors: ${encoded.why}.`);
  else if (wrong === 0) said.push(`Equal to row ${encoded.row} of ${encoded.file}.`);
  else said.push(`WARNING: ${wrong} features differ from row ${encoded.row} of ${encoded.file}.`);
  return paragraph(said.join(' '), width, '  ');
}

/** `edgeloom sample list`. */
export function listText(
  kind: Kind,
  rows: readonly Listed[],
  total: number,
  offsetMinutes: number,
  width: number,
): string {
  if (rows.length === 0) return `no ${kind} sample is like that\n`;
  const lines = table(
    [
      ...[{ head: 'sample', keep: true }, { head: 'time' }, { head: 'user' }, { head: 'scene' }],
      ...[right('items'), right('shown'), right('click')],
    ],
    rows.map(({ id, decision_ts, user, scene, items, exposed, clicked }) => [
      ...[id, localTime(decision_ts, offsetMinutes).slice(0, 16), user, scene ?? '–'],
      ...[items, exposed, clicked].map((n) => (n === null ? '–' : String(n))),
    ]),
    width,
  );
  return `${lines.join('\n')}\n${rows.length} of ${total} ${kind} samples\n`;
}
