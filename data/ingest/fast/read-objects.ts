/** Code that reads objects and lists by their descriptions, and a whole line. */
import { FIELD, KIND, OBJECT, OPTION, RECORD, STATE } from './memory.ts';
import {
  block,
  br,
  brIf,
  type Code,
  call,
  choose,
  give,
  i32,
  i64,
  loop,
  seq,
  set,
  v128,
  type WasmFunction,
  when,
} from './wasm.ts';

const refuse = give(0);
const refuseIf = (condition: Code | string): Code => when(condition, [refuse]);
const COMMA = 0x2c;
const SPACE = 0x20;
const skipSpace = set('p', i32.add('p', i32.eq(i32.load8('p'), SPACE)));
/** `"type":"` and `null` as little-endian words. */
const TYPE_TOKEN = Buffer.from('"type":"').readBigInt64LE(0);
const NULL_TOKEN = Buffer.from('null').readInt32LE(0);

/** 1 when `"name":` of a field stands at p. */
const matches: WasmFunction = {
  name: 'matches',
  params: { field: 'i32', p: 'i32' },
  result: 'i32',
  body: [
    give(
      i32.eqz(
        v128.anyTrue(
          v128.or(
            v128.and(
              v128.xor(v128.load('p'), v128.load('field', FIELD.token)),
              v128.load('field', FIELD.mask),
            ),
            v128.and(
              v128.xor(v128.load('p', 16), v128.load('field', FIELD.token + 16)),
              v128.load('field', FIELD.mask + 16),
            ),
          ),
        ),
      ),
    ),
  ],
};

/** The field of an object whose name stands at p, or 0. */
const findField: WasmFunction = {
  name: 'findField',
  params: { object: 'i32', p: 'i32' },
  result: 'i32',
  locals: { field: 'i32', n: 'i32' },
  body: [
    set('field', i32.load('object', OBJECT.fields)),
    set('n', i32.load('object', OBJECT.fieldCount)),
    loop(
      'fields',
      when(call('matches', 'field', 'p'), [give('field')]),
      set('field', i32.add('field', FIELD.size)),
      set('n', i32.sub('n', 1)),
      brIf('fields', 'n'),
    ),
    refuse,
  ],
};

/** The first field named `type` in the line tells which type to try; 0 when there is none. */
const guessType: WasmFunction = {
  name: 'guessType',
  params: { field: 'i32', p: 'i32' },
  result: 'i32',
  locals: { option: 'i32' },
  body: [
    loop(
      'bytes',
      when(i64.eq(i64.load('p'), i64.const(TYPE_TOKEN)), [
        set(
          'option',
          call(
            'readType',
            i32.load('field', FIELD.inner),
            i32.load('field', FIELD.max),
            i32.add('p', 7),
          ),
        ),
        refuseIf(i32.eqz('option')),
        give(i32.load('option', OPTION.object)),
      ]),
      set('p', i32.add('p', 1)),
      brIf('bytes', i32.ne(i32.load8('p'), 0x0a)),
    ),
    refuse,
  ],
};

/** Lists: elements follow one another at `bump`; the slot holds where they begin and how many. */
const readList: WasmFunction = {
  name: 'readList',
  params: { field: 'i32', p: 'i32', slot: 'i32', ofObjects: 'i32' },
  result: 'i32',
  locals: { element: 'i32', size: 'i32', at: 'i32', count: 'i32', c: 'i32' },
  body: [
    refuseIf(i32.ne(i32.load8('p'), 0x5b)),
    set('p', i32.add('p', 1)),
    set('element', i32.load('field', FIELD.inner)),
    set('at', i32.load(0, STATE.bump)),
    i32.store('slot', 'at'),
    set('size', RECORD.slotSize),
    when('ofObjects', [set('size', i32.load('element', OBJECT.recordSize))]),
    block(
      'done',
      brIf('done', i32.eq(i32.load8('p'), 0x5d)),
      loop(
        'elements',
        refuseIf(i32.geU('count', i32.load('field', FIELD.max))),
        when(
          'ofObjects',
          [set('p', call('readObject', 'element', 'p', 'at'))],
          [set('p', call('readString', 'element', 'p', 'at'))],
        ),
        refuseIf(i32.eqz('p')),
        set('at', i32.add('at', 'size')),
        set('count', i32.add('count', 1)),
        set('c', i32.load8('p')),
        brIf('done', i32.eq('c', 0x5d)),
        refuseIf(i32.ne('c', COMMA)),
        set('p', i32.add('p', 1)),
        skipSpace,
        br('elements'),
      ),
    ),
    refuseIf(i32.ltU('count', i32.load('field', FIELD.min))),
    i32.store(0, 'at', STATE.bump),
    i32.store('slot', 'count', 4),
    give(i32.add('p', 1)),
  ],
};

/** Only fields that every type has may stand before the type. */
const changeType = (found: string): Code =>
  seq(
    refuseIf(i64.ne(i64.and('seen', i64.load('object', OBJECT.envelope)), 'seen')),
    set('object', found),
  );

/** Whether the object is an event. */
const isEvent = i32.ne(i32.load('object', OBJECT.type), -1);

const findOther: Code = seq(
  set('other', call('findField', 'object', 'p')),
  when(i32.eqz('other'), [
    refuseIf(i32.eqz(isEvent)),
    set('typed', i32.load('object', OBJECT.fields)),
    loop(
      'type field',
      when(i32.load('typed', FIELD.kind), [
        set('typed', i32.add('typed', FIELD.size)),
        br('type field'),
      ]),
    ),
    set('guess', call('guessType', 'typed', 'p')),
    refuseIf(i32.eqz('guess')),
    changeType('guess'),
    // What was learned of one type says nothing of another.
    set('learn', i32.add('object', OBJECT.first)),
    set('other', call('findField', 'object', 'p')),
    refuseIf(i32.eqz('other')),
  ]),
  set('field', 'other'),
);

const nested = (value: Code): Code[] => [set('p', value)];
const VALUES: Code[][] = [];
VALUES[KIND.type] = [
  set('guess', call('readType', i32.load('field', FIELD.inner), i32.load('field', FIELD.max), 'p')),
  refuseIf(i32.eqz('guess')),
  set('p', i32.add('p', i32.load('guess', OPTION.length))),
  set('guess', i32.load('guess', OPTION.object)),
  when(i32.ne('guess', 'object'), [
    changeType('guess'),
    set(
      'field',
      i32.add(
        i32.load('object', OBJECT.fields),
        i32.mul(i32.load('field', FIELD.index), FIELD.size),
      ),
    ),
  ]),
];
VALUES[KIND.string] = nested(call('readString', 'field', 'p', 'slot'));
VALUES[KIND.option] = nested(call('readOption', 'field', 'p', 'slot'));
VALUES[KIND.integer] = nested(call('readInteger', 'field', 'p', 'slot'));
VALUES[KIND.number] = nested(call('readNumber', 'field', 'p', 'slot'));
VALUES[KIND.texts] = nested(call('readList', 'field', 'p', 'slot', 0));
VALUES[KIND.objects] = nested(call('readList', 'field', 'p', 'slot', 1));
VALUES[KIND.object] = [
  set('at', i32.load(0, STATE.bump)),
  i32.store('slot', 'at'),
  i32.store(
    0,
    i32.add('at', i32.load(i32.load('field', FIELD.inner), OBJECT.recordSize)),
    STATE.bump,
  ),
  set('p', call('readObject', i32.load('field', FIELD.inner), 'p', 'at')),
];
VALUES[KIND.record] = nested(call('readRecord', 'field', 'p', 'slot'));

/**
 * (object, position, record) → position behind the object, or 0. Every field at most once, the
 * required ones there, nulls only where they may be. One space after a colon or a comma is taken.
 */
const readObject: WasmFunction = {
  name: 'readObject',
  params: { object: 'i32', p: 'i32', record: 'i32' },
  result: 'i32',
  locals: {
    ...{ field: 'i32', other: 'i32', typed: 'i32', guess: 'i32', learn: 'i32', slot: 'i32' },
    ...{ at: 'i32', c: 'i32', seen: 'i64', present: 'i64', bit: 'i64' },
  },
  body: [
    refuseIf(i32.ne(i32.load8('p'), 0x7b)),
    set('p', i32.add('p', 1)),
    set('learn', i32.add('object', OBJECT.first)),
    loop(
      'fields',
      set('field', i32.load('learn')),
      when(i32.eqz(call('matches', 'field', 'p')), [findOther, i32.store('learn', 'field')]),
      set('p', i32.add('p', i32.load('field', FIELD.tokenLength))),
      skipSpace,
      set('bit', i64.shl(i64.const(1), i64.ofInt(i32.load('field', FIELD.index)))),
      refuseIf(i32.eqz(i64.eqz(i64.and('seen', 'bit')))),
      set('seen', i64.or('seen', 'bit')),
      when(
        i32.eq(i32.load('p'), NULL_TOKEN),
        [refuseIf(i32.eqz(i32.load('field', FIELD.nullable))), set('p', i32.add('p', 4))],
        [
          set(
            'slot',
            i32.add(i32.add('record', RECORD.slots), i32.shl(i32.load('field', FIELD.index), 4)),
          ),
          choose(i32.load('field', FIELD.kind), VALUES),
          refuseIf(i32.eqz('p')),
          set('present', i64.or('present', 'bit')),
        ],
      ),
      set('learn', i32.add('field', FIELD.next)),
      set('c', i32.load8('p')),
      set('p', i32.add('p', 1)),
      when(i32.eq('c', COMMA), [skipSpace, br('fields')]),
    ),
    refuseIf(i32.ne('c', 0x7d)),
    set('bit', i64.load('object', OBJECT.required)),
    refuseIf(i64.ne(i64.and('present', 'bit'), 'bit')),
    i64.store('record', 'present', RECORD.present),
    when(isEvent, [i32.store(0, 'object', STATE.object)]),
    give('p'),
  ],
};

export const OBJECT_FUNCTIONS: WasmFunction[] = [
  matches,
  findField,
  guessType,
  readList,
  readObject,
];
