/** Lines as no phone should write them: mutations of valid events, random JSON, random bytes. */
import type { Random } from '../../lib/random.ts';
import { exampleEvents } from '../contracts/example-events.ts';

const NEWLINE = 0x0a;

const ODD_VALUES: unknown[] = [
  ...[null, true, false, 0, -1, 1, 0.5, 1e-320, 1e308, 2 ** 53, -(2 ** 63), 1_650_812_741, 'x', ''],
  ...['\u0000', '\ud800', '😀', '__proto__', 'constructor', 'NaN', '2026-03-02', 'x'.repeat(300)],
  ...[[], {}, [[]], [null], { a: { b: { c: [] } } }, [{ item_id: 'i' }], { ctr: 'high' }],
];
const ODD_TEXTS = [
  '1e400',
  '-1e400',
  'NaN',
  'Infinity',
  '0x10',
  '01',
  '.5',
  "'x'",
  '\u2028',
  '{',
  ']',
];
const ODD_KEYS = [
  '__proto__',
  'constructor',
  'toString',
  '',
  'TS',
  'ts ',
  'type',
  'user_id',
  'a\u0000',
];

/** An event with ids that repeat now and then, so that duplicates occur. */
function validEvent(random: Random): Record<string, unknown> {
  const event = structuredClone(exampleEvents[random.below(exampleEvents.length)]!);
  return { ...event, event_id: `e-${random.below(20_000)}`, user_id: `u-${random.below(500)}` };
}

/** Changes one property, at the top or inside a nested object or list. */
function mutateValue(value: Record<string, unknown>, random: Random): void {
  let target: Record<string, unknown> = value;
  for (let depth = 0; depth < 3; depth++) {
    const nested = Object.values(target).filter((v) => typeof v === 'object' && v !== null);
    if (nested.length === 0 || random.chance(0.6)) break;
    target = nested[random.below(nested.length)] as Record<string, unknown>;
  }
  const keys = Object.keys(target);
  const key = keys[random.below(Math.max(1, keys.length))] ?? 'x';
  const odd = structuredClone(ODD_VALUES[random.below(ODD_VALUES.length)]);
  const kind = random.below(4);
  if (kind === 0) {
    Reflect.deleteProperty(target, key);
    return;
  }
  // Defined, not assigned: `__proto__` becomes a key of its own, as JSON.parse makes it.
  const name = kind === 1 ? ODD_KEYS[random.below(ODD_KEYS.length)]! : key;
  Object.defineProperty(target, name, {
    ...{ value: odd, enumerable: true, writable: true, configurable: true },
  });
}

/** Cuts, doubles, swaps, overwrites or inserts bytes. */
function mutateBytes(line: Buffer, random: Random): Buffer {
  const at = random.below(line.length + 1);
  const to = Math.min(line.length, at + random.below(20));
  const noise = Buffer.from(Array.from({ length: random.below(4) + 1 }, () => random.below(256)));
  const parts = [
    [line.subarray(0, at)],
    [line.subarray(0, to), line.subarray(at)],
    [line.subarray(0, at), line.subarray(to)],
    [line.subarray(0, at), noise, line.subarray(to)],
    [
      line.subarray(0, at),
      Buffer.from(ODD_TEXTS[random.below(ODD_TEXTS.length)]!),
      line.subarray(to),
    ],
    [line.subarray(0, at), Buffer.from('\r'), line.subarray(at)],
  ];
  return Buffer.concat(parts[random.below(parts.length)]!);
}

function randomJson(random: Random, depth: number): unknown {
  const kind = random.below(depth > 0 ? 6 : 4);
  if (kind === 4)
    return Array.from({ length: random.below(4) }, () => randomJson(random, depth - 1));
  if (kind === 5) {
    const keys = ['type', 'ts', 'user_id', 'event_id', 'items', `k${random.below(9)}`];
    return Object.fromEntries(
      Array.from({ length: random.below(5) }, () => [
        keys[random.below(keys.length)]!,
        randomJson(random, depth - 1),
      ]),
    );
  }
  return ODD_VALUES[random.below(ODD_VALUES.length)];
}

function oneLine(random: Random): Buffer {
  const kind = random.below(10);
  if (kind < 3) return Buffer.from(JSON.stringify(validEvent(random)));
  if (kind < 6) {
    const event = validEvent(random);
    for (let i = random.below(3); i >= 0; i--) mutateValue(event, random);
    return Buffer.from(JSON.stringify(event));
  }
  if (kind < 8) return mutateBytes(Buffer.from(JSON.stringify(validEvent(random))), random);
  if (kind < 9) return Buffer.from(JSON.stringify(randomJson(random, 4)));
  return Buffer.from(Array.from({ length: random.below(80) + 1 }, () => random.below(256)));
}

/** A line that counts as one row: not blank, without 0x0A inside, without its newline. */
export function fuzzedLine(random: Random): Buffer {
  for (;;) {
    const line = oneLine(random).filter((byte) => byte !== NEWLINE);
    const blank = line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
    if (!blank) return Buffer.from(line);
  }
}

/** `count` lines, each with its newline, as one buffer. */
export function fuzzedLines(random: Random, count: number): Buffer {
  const newline = Buffer.from('\n');
  return Buffer.concat(Array.from({ length: count }, () => [fuzzedLine(random), newline]).flat());
}
