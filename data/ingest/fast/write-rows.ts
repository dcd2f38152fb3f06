/** Code that reads lines one after another and puts each as a row behind the columns of its table. */
import { LEAF, OBJECT, RECORD, SHAPE, STATE, STOP, slotAt, TABLE, USER } from './memory.ts';
import {
  block,
  br,
  brIf,
  type Code,
  call,
  choose,
  f64,
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

const DAY_MS = 86_400_000;

/** Appends the value in a slot to the data of a column. Copies run over by up to 15 bytes. */
const putValue: WasmFunction = {
  name: 'putValue',
  params: { leaf: 'i32', slot: 'i32' },
  locals: { to: 'i32', from: 'i32', end: 'i32', length: 'i32' },
  body: [
    set('to', i32.load('leaf', LEAF.data)),
    choose(i32.load('leaf', LEAF.kind), [
      [
        set('from', i32.load('slot')),
        set('length', i32.load('slot', 4)),
        i32.store('to', 'length'),
        set('to', i32.add('to', 4)),
        set('end', i32.add('to', 'length')),
        loop(
          'copy',
          v128.store('to', v128.load('from')),
          set('to', i32.add('to', 16)),
          set('from', i32.add('from', 16)),
          brIf('copy', i32.ltU('to', 'end')),
        ),
        i32.store('leaf', 'end', LEAF.data),
      ],
      [i32.store('to', i32.load('slot')), i32.store('leaf', i32.add('to', 4), LEAF.data)],
      [i64.store('to', i64.load('slot')), i32.store('leaf', i32.add('to', 8), LEAF.data)],
    ]),
  ],
};

const bitOf = (bits: Code | string, bit: Code): Code =>
  i32.and(i32.ofLong(i64.shrU(bits, i64.ofInt(bit))), 1);
const slotOf = i32.add('record', i32.load('leaf', LEAF.slot));
const hasValue = bitOf('present', i32.load('leaf', LEAF.bit));

/** Adds one level: a definition, and whether the entry continues the row before it. */
const level = (definition: Code | number | string): Code =>
  seq(i32.store8('levels', definition), set('levels', i32.add('levels', 1)));

/** One row's elements of a list. */
const putList: Code = when(
  i32.eqz(hasValue),
  [i32.store8(i32.add('levels', i32.load('leaf', LEAF.repetition)), 0), level(0)],
  [
    set('at', i32.load(slotOf)),
    set('count', i32.load(slotOf, 4)),
    set('again', 0),
    when(
      i32.eqz('count'),
      [i32.store8(i32.add('levels', i32.load('leaf', LEAF.repetition)), 0), level(1)],
      [
        loop(
          'elements',
          i32.store8(i32.add('levels', i32.load('leaf', LEAF.repetition)), 'again'),
          set('again', 1),
          when(
            i32.eqz(i32.load('leaf', LEAF.innerSlot)),
            [call('putValue', 'leaf', 'at'), level(2)],
            [
              when(
                bitOf(i64.load('at', RECORD.present), i32.load('leaf', LEAF.innerBit)),
                [
                  call('putValue', 'leaf', i32.add('at', i32.load('leaf', LEAF.innerSlot))),
                  level(i32.add(2, i32.load('leaf', LEAF.innerOptional))),
                ],
                [level(2)],
              ),
            ],
          ),
          set('at', i32.add('at', i32.load('leaf', LEAF.elementSize))),
          set('count', i32.sub('count', 1)),
          brIf('elements', 'count'),
        ),
      ],
    ),
  ],
);

const SHAPES: Code[][] = [];
SHAPES[SHAPE.scalar] = [when(hasValue, [call('putValue', 'leaf', slotOf), level(1)], [level(0)])];
SHAPES[SHAPE.member] = [
  when(
    hasValue,
    [
      set('at', i32.load(slotOf)),
      when(
        bitOf(i64.load('at', RECORD.present), i32.load('leaf', LEAF.innerBit)),
        [
          call('putValue', 'leaf', i32.add('at', i32.load('leaf', LEAF.innerSlot))),
          level(i32.add(1, i32.load('leaf', LEAF.innerOptional))),
        ],
        [level(1)],
      ),
    ],
    [level(0)],
  ),
];
SHAPES[SHAPE.list] = [putList];

/** Appends a record as a row. A column that has little room left makes the table full. */
const putRow: WasmFunction = {
  name: 'putRow',
  params: { table: 'i32', record: 'i32' },
  locals: {
    ...{ leaf: 'i32', n: 'i32', levels: 'i32', at: 'i32', count: 'i32', again: 'i32' },
    ...{ full: 'i32', present: 'i64' },
  },
  body: [
    set('leaf', i32.add('table', TABLE.leaves)),
    set('n', i32.load('table', TABLE.leafCount)),
    set('present', i64.load('record', RECORD.present)),
    loop(
      'leaves',
      set('levels', i32.load('leaf', LEAF.levels)),
      choose(i32.load('leaf', LEAF.shape), SHAPES),
      i32.store('leaf', 'levels', LEAF.levels),
      set('full', i32.or('full', i32.gtU('levels', i32.load('leaf', LEAF.levelsFull)))),
      set(
        'full',
        i32.or('full', i32.gtU(i32.load('leaf', LEAF.data), i32.load('leaf', LEAF.dataFull))),
      ),
      set('leaf', i32.add('leaf', LEAF.size)),
      set('n', i32.sub('n', 1)),
      brIf('leaves', 'n'),
    ),
    set('n', i32.add(i32.load('table', TABLE.rows), 1)),
    i32.store('table', 'n', TABLE.rows),
    i32.store('table', i32.or('full', i32.geU('n', i32.load('table', TABLE.maxRows))), TABLE.full),
  ],
};

/** Places and numbers that the code holds as constants. */
export interface LinePlaces {
  /** Record of the line, and where list elements begin. */
  record: number;
  elements: number;
  /** Index of known users: entries by hash, 0 where there is none. */
  userIndex: number;
  userIndexBits: number;
  /** Fields that all events have. */
  user: number;
  ts: number;
  received: number;
  /** Fields that the reader adds. */
  rowNo: number;
  day: number;
  bucket: number;
}

/** Hash of the bytes of a user id, for its place in the index. */
const hashUser: WasmFunction = {
  name: 'hashUser',
  params: { p: 'i32', n: 'i32' },
  result: 'i32',
  locals: { h: 'i32', end: 'i32' },
  body: [
    set('h', 0x811c9dc5),
    set('end', i32.add('p', 'n')),
    block(
      'done',
      loop(
        'bytes',
        brIf('done', i32.geU('p', 'end')),
        set('h', i32.mul(i32.add(i32.load8('p'), i32.mul('h', 31)), 0x01000193)),
        set('p', i32.add('p', 1)),
        br('bytes'),
      ),
    ),
    give(i32.add('h', i32.shrU('h', 15))),
  ],
};

/** (start, length) of an id → its entry, or 0. */
const findUser = (places: LinePlaces): WasmFunction => ({
  name: 'findUser',
  params: { p: 'i32', n: 'i32' },
  result: 'i32',
  locals: { h: 'i32', at: 'i32', entry: 'i32', i: 'i32' },
  body: [
    set('h', call('hashUser', 'p', 'n')),
    set('at', 'h'),
    loop(
      'probe',
      set('at', i32.and('at', 2 ** places.userIndexBits - 1)),
      set('entry', i32.load(i32.add(places.userIndex, i32.shl('at', 2)))),
      when(i32.eqz('entry'), [give(0)]),
      set('at', i32.add('at', 1)),
      brIf('probe', i32.ne(i32.load('entry', USER.hash), 'h')),
      brIf('probe', i32.ne(i32.load('entry', USER.length), 'n')),
      set('i', 0),
      loop(
        'bytes',
        brIf(
          'probe',
          i32.ne(i32.load8(i32.add('entry', 'i'), USER.id), i32.load8(i32.add('p', 'i'))),
        ),
        set('i', i32.add('i', 1)),
        brIf('bytes', i32.ltU('i', 'n')),
      ),
    ),
    give('entry'),
  ],
});

const stop = (reason: number): Code => seq(i32.store(0, reason, STATE.reason), give('p'));
const refuseIf = (condition: Code): Code => when(condition, [stop(STOP.refused)]);

/** The clocks, as `event-sink.ts` judges them. */
const checkClocks = (places: LinePlaces): Code => {
  const late = f64.sub(f64.ofLong(i64.load(places.record, slotAt(places.received))), 'ts');
  return seq(
    set('ts', f64.ofLong(i64.load(places.record, slotAt(places.ts)))),
    when(
      bitOf('present', i32.add(places.received, 0)),
      [
        refuseIf(f64.gt(f64.neg(late), f64.load(0, STATE.maxAhead))),
        refuseIf(f64.gt(late, f64.load(0, STATE.maxLate))),
      ],
      [
        refuseIf(f64.gt('ts', f64.load(0, STATE.latest))),
        refuseIf(f64.lt('ts', f64.load(0, STATE.earliest))),
      ],
    ),
  );
};

const checkInterval = (places: LinePlaces): Code => {
  const ended = i32.load('object', OBJECT.ended);
  const started = i32.load('object', OBJECT.started);
  return when(started, [
    when(bitOf('present', i32.shrU(i32.sub(ended, RECORD.slots), 4)), [
      refuseIf(
        i64.ltS(i64.load(i32.add(places.record, ended)), i64.load(i32.add(places.record, started))),
      ),
    ]),
  ]);
};

/**
 * Reads lines from p to end, where a newline stands before end, until one cannot be taken.
 * Returns where that line begins, or end; `STATE.reason` says why.
 */
const run = (places: LinePlaces): WasmFunction => ({
  name: 'run',
  params: { p: 'i32', end: 'i32' },
  result: 'i32',
  locals: {
    ...{ q: 'i32', object: 'i32', user: 'i32', table: 'i32', bucket: 'i32' },
    ...{ present: 'i64', ts: 'f64' },
  },
  body: [
    loop(
      'lines',
      when(i32.geU('p', 'end'), [stop(STOP.end)]),
      i32.store(0, places.elements, STATE.bump),
      set('q', call('readObject', i32.load(0, STATE.object), 'p', places.record)),
      refuseIf(i32.eqz('q')),
      set('q', i32.add('q', i32.eq(i32.load8('q'), 0x0d))),
      refuseIf(i32.ne(i32.load8('q'), 0x0a)),
      refuseIf(i32.gtU(i32.sub('q', 'p'), i32.load(0, STATE.maxLine))),
      set('object', i32.load(0, STATE.object)),
      set('present', i64.load(places.record, RECORD.present)),
      checkInterval(places),
      checkClocks(places),
      i32.store(0, i32.load(places.record, slotAt(places.user)), STATE.userStart),
      i32.store(0, i32.load(places.record, slotAt(places.user) + 4), STATE.userLength),
      set('user', call('findUser', i32.load(0, STATE.userStart), i32.load(0, STATE.userLength))),
      when(i32.eqz('user'), [stop(STOP.user)]),
      set('bucket', i32.load('user', USER.bucket)),
      set('table', i32.load(i32.add(i32.load('object', OBJECT.tables), i32.shl('bucket', 2)))),
      i32.store(0, 'table', STATE.table),
      when(i32.load('table', TABLE.full), [stop(STOP.full)]),
      i32.store(places.record, i32.add('user', USER.key), slotAt(places.user)),
      i32.store(places.record, 32, slotAt(places.user) + 4),
      i64.store(places.record, i64.load(0, STATE.rowNo), slotAt(places.rowNo)),
      i64.store(
        places.record,
        i64.divS(
          i64.add(i64.load(places.record, slotAt(places.ts)), i64.load(0, STATE.offset)),
          i64.const(DAY_MS),
        ),
        slotAt(places.day),
      ),
      i64.store(places.record, i64.ofInt('bucket'), slotAt(places.bucket)),
      i64.store(
        places.record,
        i64.or(
          'present',
          i64.const(
            (1n << BigInt(places.rowNo)) |
              (1n << BigInt(places.day)) |
              (1n << BigInt(places.bucket)),
          ),
        ),
        RECORD.present,
      ),
      call('putRow', 'table', places.record),
      i64.store(0, i64.add(i64.load(0, STATE.rowNo), i64.const(1)), STATE.rowNo),
      set('p', i32.add('q', 1)),
      br('lines'),
    ),
  ],
});

export const rowFunctions = (places: LinePlaces): WasmFunction[] => [
  putValue,
  putRow,
  hashUser,
  findUser(places),
  run(places),
];
