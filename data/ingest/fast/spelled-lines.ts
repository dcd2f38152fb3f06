/** Events spelt in many ways, most of them valid: what the line reader must not take for granted. */
import type { Random } from '../../../lib/random.ts';
import { exampleEvents } from '../../contracts/example-events.ts';

const NUMBERS = [
  ...[
    '0',
    '-0',
    '-0.0',
    '0.0',
    '1.0',
    '1',
    '12',
    '-3',
    '01',
    '1.',
    '.5',
    '+1',
    '1e3',
    '1E+2',
    '2e-1',
  ],
  ...[
    '0.1',
    '0.10',
    '0.31',
    '0.0001',
    '0.00012',
    '0.00001',
    '0.000001',
    '1e-7',
    '1e-320',
    '5e-324',
  ],
  ...['0.1234567890123456', '0.12345678901234568', '0.30000000000000004', '123456789012345'],
  ...[
    '1234567890123456',
    '9007199254740993',
    '1e15',
    '1e21',
    '123456789012345680000',
    '1e400',
    '-1e400',
  ],
  ...[
    '100000',
    '100001',
    '999999.5',
    '1000000',
    '1000000000000',
    '1000000000001',
    '0.5000000000000001',
  ],
  ...['1772438400000', '1772438400000.0', '1.7724384e12', '999999999999', '10000000000000'],
];
const TEXTS = [
  ...[
    '"x"',
    '""',
    '"i-1"',
    '"a b"',
    '"\\u0061"',
    '"\\n"',
    '"\\""',
    '"\\\\"',
    '"\\ud800"',
    '"\\ud83d\\ude00"',
  ],
  ...[
    '"ü"',
    '"日本語のテキスト"',
    '"😀"',
    '"\u0080"',
    '"\u009f"',
    '"\u00a0"',
    '"\u00ad"',
    '"\u007f"',
    '"\ufffd"',
  ],
  ...[
    '"\u2028"',
    '"\t"',
    '"\u0001"',
    '"open"',
    '"click"',
    '"control"',
    '"detail"',
    '"like"',
    '"feed"',
  ],
  ...[
    '"__proto__"',
    '"12"',
    '"sixteen bytes ok"',
    '"seventeen bytes x"',
    '"thirty-two bytes, no more, no less"',
  ],
  ...[63, 64, 65, 127, 128, 129, 256, 257].map((n) => `"${'n'.repeat(n)}"`),
  ...[32, 43, 64, 128].map((n) => `"${'ü'.repeat(n)}"`),
];
const OTHERS = ['null', 'true', 'false', '[]', '{}', '[null]', '[[]]', '{"a":1}', 'nul', 'NaN', ''];
const KEYS = [
  'ctr',
  'cvr',
  'ctr',
  'a',
  '1',
  '01',
  '-1',
  '__proto__',
  '__x',
  '',
  'ü',
  'a b',
  'k\\n',
  'long_name_of_a_score',
];

const pick = <T>(list: readonly T[], random: Random): T => list[random.below(list.length)]!;

function number(value: number, random: Random): string {
  if (random.chance(0.9)) return String(value);
  if (random.chance(0.5)) return pick(NUMBERS, random);
  const size = 10 ** (random.below(30) - 12);
  return String(random.chance(0.3) ? Math.round(random.uniform() * size) : random.uniform() * size);
}

function scores(value: object, random: Random): string {
  const entries = Object.entries(value).map(([key, score]) => [
    key,
    random.chance(0.3) ? pick(NUMBERS, random) : number(score as number, random),
  ]);
  while (random.chance(0.2)) entries.push([pick(KEYS, random), number(random.uniform(), random)]);
  return `{${entries.map(([key, score]) => `"${key}":${score}`).join(',')}}`;
}

function spell(value: unknown, random: Random, name = ''): string {
  if (random.chance(0.006)) return pick([...NUMBERS, ...TEXTS, ...OTHERS], random);
  if (typeof value === 'number') return number(value, random);
  if (typeof value === 'string')
    return random.chance(0.03) ? pick(TEXTS, random) : JSON.stringify(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) {
    const items = random.chance(0.05) ? Array.from({ length: 40 }, () => value).flat() : value;
    return `[${items.map((item) => spell(item, random)).join(random.chance(0.1) ? ', ' : ',')}]`;
  }
  if (name === 'scores') return scores(value, random);
  return spellObject(value as Record<string, unknown>, random);
}

function spellObject(value: Record<string, unknown>, random: Random): string {
  let entries = Object.entries(value).filter(() => !random.chance(0.02));
  if (random.chance(0.1)) entries = random.shuffle(entries);
  if (random.chance(0.02)) entries.push(pick(Object.entries(value), random));
  if (random.chance(0.01)) entries.push(['surprise', 1]);
  const spaced = random.chance(0.1);
  const members = entries.map(([key, inner]) => {
    const text = random.chance(0.03) ? 'null' : spell(inner, random, key);
    const shown = random.chance(0.002)
      ? `\\u00${key.charCodeAt(0).toString(16)}${key.slice(1)}`
      : key;
    return `"${shown}":${spaced ? ' ' : ''}${text}`;
  });
  const comma = random.chance(0.005) ? ' ,\t' : spaced ? ', ' : ',';
  return `{${members.join(comma)}}`;
}

/** One line without its newline. */
export function spelledLine(random: Random, id: number): string {
  const event = {
    ...pick(exampleEvents, random),
    event_id: `e-${id}`,
    user_id: `u-${random.below(50)}`,
  };
  const end = random.chance(0.03)
    ? pick(['\r', ' ', '\r\r', '}', ',', '\u0000', ' {}'], random)
    : '';
  return `${random.chance(0.01) ? ' ' : ''}${spellObject(event, random)}${end}`;
}
