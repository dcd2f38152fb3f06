/**
 * Code that reads one value: (field, position, slot) → position behind it, or 0 when the value is not
 * surely valid. Lines end with a newline, so no reading loop leaves the input.
 */
import { FIELD, KEYS, MAX_KEYS, OPTION, POWERS, STATE } from './memory.ts';
import { MAX_RECORD_BYTES } from './schema.ts';
import {
  block,
  br,
  brIf,
  type Code,
  call,
  f64,
  give,
  i32,
  i64,
  loop,
  seq,
  set,
  type ValueType,
  v128,
  type WasmFunction,
  when,
} from './wasm.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DELETE = 0x7f;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const MAX_DIGITS = 15;
const refuse = give(0);
const refuseIf = (condition: Code | string): Code => when(condition, [refuse]);

/** Puts the position of the first quote, backslash, control or delete character at or after `q` in `q`. */
const scan = loop(
  'scan',
  set('v', v128.load('q')),
  set(
    'm',
    v128.bitmask(
      v128.or(
        v128.or(v128.eq('v', v128.splat(QUOTE)), v128.eq('v', v128.splat(BACKSLASH))),
        v128.or(v128.ltU('v', v128.splat(0x20)), v128.eq('v', v128.splat(DELETE))),
      ),
    ),
  ),
  set('h', v128.bitmask('v')),
  when(
    'm',
    [
      set('m', i32.ctz('m')),
      set('high', i32.or('high', i32.and('h', i32.sub(i32.shl(1, 'm'), 1)))),
      set('q', i32.add('q', 'm')),
    ],
    [set('high', i32.or('high', 'h')), set('q', i32.add('q', 16)), br('scan')],
  ),
);

/**
 * A string without escapes. Bytes are at least as many as UTF-16 units, so a text that is not too long
 * in bytes is not too long. C2 begins the control characters from U+0080, so it is refused.
 */
const readString: WasmFunction = {
  name: 'readString',
  params: { field: 'i32', p: 'i32', slot: 'i32' },
  result: 'i32',
  locals: { q: 'i32', m: 'i32', h: 'i32', high: 'i32', v: 'v128', i: 'i32' },
  body: [
    refuseIf(i32.ne(i32.load8('p'), QUOTE)),
    set('q', i32.add('p', 1)),
    set('p', 'q'),
    scan,
    refuseIf(i32.ne(i32.load8('q'), QUOTE)),
    set('m', i32.sub('q', 'p')),
    refuseIf(i32.ltU('m', i32.load('field', FIELD.min))),
    refuseIf(i32.gtU('m', i32.load('field', FIELD.max))),
    when('high', [
      refuseIf(i32.eqz(i32.load(0, STATE.utf8))),
      set('i', 'p'),
      loop(
        'bytes',
        refuseIf(i32.eq(i32.load8('i'), 0xc2)),
        set('i', i32.add('i', 1)),
        brIf('bytes', i32.ltU('i', 'q')),
      ),
    ]),
    i32.store('slot', 'p'),
    i32.store('slot', 'm', 4),
    give(i32.add('q', 1)),
  ],
};

const sameBytes = (p: string, option: string): Code =>
  i32.eqz(
    v128.anyTrue(
      v128.and(
        v128.xor(v128.load(p), v128.load(option, OPTION.bytes)),
        v128.load(option, OPTION.mask),
      ),
    ),
  );

const readOption: WasmFunction = {
  name: 'readOption',
  params: { field: 'i32', p: 'i32', slot: 'i32' },
  result: 'i32',
  locals: { q: 'i32', m: 'i32', h: 'i32', high: 'i32', v: 'v128', option: 'i32', n: 'i32' },
  body: [
    refuseIf(i32.ne(i32.load8('p'), QUOTE)),
    set('q', i32.add('p', 1)),
    set('p', 'q'),
    scan,
    refuseIf(i32.ne(i32.load8('q'), QUOTE)),
    set('m', i32.sub('q', 'p')),
    set('option', i32.load('field', FIELD.inner)),
    set('n', i32.load('field', FIELD.max)),
    loop(
      'options',
      when(i32.eq(i32.load('option', OPTION.length), 'm'), [
        when(sameBytes('p', 'option'), [
          i32.store('slot', 'p'),
          i32.store('slot', 'm', 4),
          give(i32.add('q', 1)),
        ]),
      ]),
      set('option', i32.add('option', OPTION.size)),
      set('n', i32.sub('n', 1)),
      brIf('options', 'n'),
    ),
    refuse,
  ],
};

/** The name of a type with its quotes: (first option, number of options, position) → option or 0. */
const readType: WasmFunction = {
  name: 'readType',
  params: { option: 'i32', n: 'i32', p: 'i32' },
  result: 'i32',
  body: [
    loop(
      'options',
      when(sameBytes('p', 'option'), [give('option')]),
      set('option', i32.add('option', OPTION.size)),
      set('n', i32.sub('n', 1)),
      brIf('options', 'n'),
    ),
    refuse,
  ],
};

/** Adds digits at `p` to `m`; leaves the first byte that is none at `p`. */
const digits = (label: string): Code =>
  block(
    `${label} end`,
    loop(
      label,
      set('d', i32.sub(i32.load8('p'), ZERO)),
      brIf(`${label} end`, i32.gtU('d', 9)),
      set('m', i64.add(i64.mul('m', i64.const(10)), i64.ofInt('d'))),
      set('p', i32.add('p', 1)),
      br(label),
    ),
  );

/** The integer part of JSON: no leading zero, at least one digit. Leaves its length in `n`. */
const integerPart: Code = seq(
  set('negative', i32.eq(i32.load8('p'), MINUS)),
  set('p', i32.add('p', 'negative')),
  set('s', 'p'),
  digits('integer'),
  set('n', i32.sub('p', 's')),
  refuseIf(i32.eqz('n')),
  when(i32.gtU('n', 1), [refuseIf(i32.eq(i32.load8('s'), ZERO))]),
);

const numberLocals: Record<string, ValueType> = {
  ...{ s: 'i32', n: 'i32', d: 'i32', negative: 'i32', m: 'i64' },
  ...{ from: 'i32', fraction: 'i32', start: 'i32', x: 'f64' },
};

/** An integer of at most 15 digits. What follows it is for the caller to refuse. */
const readInteger: WasmFunction = {
  name: 'readInteger',
  params: { field: 'i32', p: 'i32', slot: 'i32' },
  result: 'i32',
  locals: numberLocals,
  body: [
    integerPart,
    refuseIf(i32.gtU('n', MAX_DIGITS)),
    when('negative', [refuseIf(i64.eqz('m')), set('m', i64.sub(i64.const(0), 'm'))]),
    refuseIf(i64.ltS('m', i64.load('field', FIELD.low))),
    refuseIf(i64.gtS('m', i64.load('field', FIELD.high))),
    i64.store('slot', 'm'),
    give('p'),
  ],
};

/** Fraction and length of all digits, in `fraction` and `n`. */
const fractionPart: Code = seq(
  set('fraction', 0),
  when(i32.eq(i32.load8('p'), POINT), [
    set('p', i32.add('p', 1)),
    set('from', 'p'),
    digits('fraction'),
    set('fraction', i32.sub('p', 'from')),
    refuseIf(i32.eqz('fraction')),
  ]),
  set('n', i32.add('n', 'fraction')),
);

/** `m` over a power of ten: both are exact up to 15 digits, so the quotient is the nearest double. */
const quotient = f64.div(f64.ofLong('m'), f64.load(i32.add(POWERS, i32.shl('fraction', 3))));

const isExponent = i32.eq(i32.or(i32.load8('p'), 0x20), 0x65);

/** A number; JavaScript reads what has an exponent or many digits. */
const readNumber: WasmFunction = {
  name: 'readNumber',
  params: { field: 'i32', p: 'i32', slot: 'i32' },
  result: 'i32',
  locals: numberLocals,
  body: [
    set('start', 'p'),
    integerPart,
    fractionPart,
    when(
      i32.or(isExponent, i32.gtU('n', MAX_DIGITS)),
      [
        when(isExponent, [
          set('p', i32.add('p', 1)),
          set('d', i32.load8('p')),
          when(i32.or(i32.eq('d', 0x2b), i32.eq('d', MINUS)), [set('p', i32.add('p', 1))]),
          set('from', 'p'),
          digits('exponent'),
          refuseIf(i32.eq('p', 'from')),
        ]),
        set('x', call('parseNumber', 'start', 'p')),
      ],
      [set('x', quotient), when('negative', [set('x', f64.neg('x'))])],
    ),
    // Written again, −0 is 0.
    when('negative', [refuseIf(f64.eq('x', f64.const(0)))]),
    refuseIf(i32.eqz(f64.ge('x', f64.load('field', FIELD.low)))),
    refuseIf(i32.eqz(f64.le('x', f64.load('field', FIELD.high)))),
    f64.store('slot', 'x'),
    give('p'),
  ],
};

/**
 * A number that is written as it would be written again: its text goes to the lake. No exponent, no
 * zero at the end of a fraction, not so small that a writer would choose an exponent.
 */
const readCanonical: WasmFunction = {
  name: 'readCanonical',
  params: { p: 'i32' },
  result: 'i32',
  locals: numberLocals,
  body: [
    set('start', 'p'),
    integerPart,
    fractionPart,
    refuseIf(isExponent),
    when('fraction', [refuseIf(i32.eq(i32.load8(i32.sub('p', 1)), ZERO))]),
    when(
      i32.gtU('n', MAX_DIGITS),
      [refuseIf(i32.eqz(call('isCanonical', 'start', 'p')))],
      [
        when('negative', [refuseIf(i64.eqz('m'))]),
        when('fraction', [refuseIf(f64.lt(quotient, f64.const(1e-4)))]),
      ],
    ),
    give('p'),
  ],
};

/** Refuses the name at `p`, `n` bytes long, when it is among the `count` names before it. */
const refuseKnownKey: Code = seq(
  set('i', 0),
  block(
    'new',
    loop(
      'keys',
      brIf('new', i32.geU('i', 'count')),
      set('key', i32.add(KEYS, i32.shl('i', 3))),
      block(
        'other',
        brIf('other', i32.ne(i32.load('key', 4), 'n')),
        set('a', i32.load('key')),
        set('b', 'p'),
        loop(
          'compare',
          brIf('other', i32.ne(i32.load8('a'), i32.load8('b'))),
          set('a', i32.add('a', 1)),
          set('b', i32.add('b', 1)),
          brIf('compare', i32.ltU('b', 'q')),
        ),
        refuse,
      ),
      set('i', i32.add('i', 1)),
      br('keys'),
    ),
  ),
);

/** `{"ctr":0.03}` without white space: kept as text. Names like 7 would be written first. */
const readRecord: WasmFunction = {
  name: 'readRecord',
  params: { field: 'i32', p: 'i32', slot: 'i32' },
  result: 'i32',
  locals: {
    ...{ q: 'i32', m: 'i32', h: 'i32', high: 'i32', v: 'v128', n: 'i32', count: 'i32' },
    ...{ i: 'i32', key: 'i32', a: 'i32', b: 'i32', c: 'i32', start: 'i32' },
  },
  body: [
    refuseIf(i32.ne(i32.load8('p'), 0x7b)),
    set('start', 'p'),
    set('p', i32.add('p', 1)),
    block(
      'done',
      brIf('done', i32.eq(i32.load8('p'), 0x7d)),
      loop(
        'members',
        refuseIf(i32.ne(i32.load8('p'), QUOTE)),
        refuseIf(i32.eq('count', MAX_KEYS)),
        set('q', i32.add('p', 1)),
        set('p', 'q'),
        scan,
        refuseIf(i32.ne(i32.load8('q'), QUOTE)),
        refuseIf('high'),
        set('n', i32.sub('q', 'p')),
        refuseIf(i32.ltU('n', i32.load('field', FIELD.min))),
        refuseIf(i32.gtU('n', i32.load('field', FIELD.max))),
        refuseIf(i32.ltU(i32.sub(i32.load8('p'), ZERO), 10)),
        // `__proto__` is no name; what begins with two underscores is left to those who can tell.
        when(i32.eq(i32.load8('p'), 0x5f), [refuseIf(i32.eq(i32.load8('p', 1), 0x5f))]),
        refuseKnownKey,
        set('key', i32.add(KEYS, i32.shl('count', 3))),
        i32.store('key', 'p'),
        i32.store('key', 'n', 4),
        set('count', i32.add('count', 1)),
        refuseIf(i32.ne(i32.load8('q', 1), 0x3a)),
        set('p', call('readCanonical', i32.add('q', 2))),
        refuseIf(i32.eqz('p')),
        set('c', i32.load8('p')),
        brIf('done', i32.eq('c', 0x7d)),
        refuseIf(i32.ne('c', 0x2c)),
        set('p', i32.add('p', 1)),
        br('members'),
      ),
    ),
    set('p', i32.add('p', 1)),
    set('n', i32.sub('p', 'start')),
    refuseIf(i32.gtU('n', MAX_RECORD_BYTES)),
    i32.store('slot', 'start'),
    i32.store('slot', 'n', 4),
    give('p'),
  ],
};

export const VALUE_FUNCTIONS: WasmFunction[] = [
  readString,
  readOption,
  readType,
  readInteger,
  readNumber,
  readCanonical,
  readRecord,
];
