import { expect, it } from 'vitest';
import { parseFeaturesConfig } from './config.ts';

const source = (name: string) => ({ op: 'source', name });
const declare = (expression: unknown, name = 'mine') => ({ declare: [{ name, expression }] });

/** What the error says, with where and fix. */
function refused(value: unknown): string {
  try {
    parseFeaturesConfig(value, 'settings.json');
  } catch (error) {
    const { code, message, where, fix } = error as Record<string, string>;
    expect([code, where]).toEqual(['bad-config', 'settings.json']);
    expect(fix).toContain('docs/guide/features.md');
    return message!;
  }
  throw new Error('nothing was refused');
}

it('takes what is declared, with statistics given or left open', () => {
  const expression = {
    ...{ op: 'bucketise', of: source('cart.ended') },
    boundaries: { quantiles: 4 },
  };
  expect(parseFeaturesConfig(declare(expression), '').declare).toEqual([
    { name: 'mine', expression },
  ]);
  expect(parseFeaturesConfig({}, '')).toMatchObject({
    declare: [],
    inputs: { exposure: [], page_view: [], dense: [], context: [], decisionContext: [] },
  });
});

it.each([
  [
    'a source that is not there, with those that are',
    { op: 'bucketise', of: source('cart.dwell'), boundaries: [1] },
    [/no source cart\.dwell; there are .*cart\.ended/, /declare\[0\]\.expression\.of\.name/],
  ],
  [
    'an operand of another kind',
    { op: 'bucketise', of: source('cart.category'), boundaries: [1] },
    [/bucketise takes number as `of`, not id/, /declare\[0\]\.expression/],
  ],
  [
    'a number that may be null',
    { op: 'log1p', of: source('order.ts') },
    [/may be null: wrap it in standardise/, /declare\[0\]\.expression/],
  ],
  [
    'an unknown operator',
    { op: 'bucketize', of: source('order.ts'), boundaries: [1] },
    [/no operator bucketize; there are .*bucketise/, /declare\[0\]\.expression\.op/],
  ],
  [
    'boundaries that do not ascend',
    { op: 'bucketise', of: source('order.ts'), boundaries: [2, 1] },
    [/strictly ascending/, /declare\[0\]\.expression\.boundaries/],
  ],
  [
    'lists that nothing pairs',
    {
      op: 'bucketise',
      of: { op: 'difference', of: source('cart.ended'), minus: source('order.ts') },
      boundaries: [0],
    },
    [/cart and order cannot be combined/],
  ],
  [
    'sources that no moment has together',
    {
      op: 'cross',
      left: { op: 'bucketise', of: source('moment.depth'), boundaries: [3] },
      right: { op: 'bucketise', of: source('moment.network_kbps'), boundaries: [100] },
    },
    [/no kind of samples .* has all of moment\.depth, moment\.network_kbps/],
  ],
  [
    'a table that is not there',
    { op: 'id', of: source('cart.category'), table: 'categories' },
    [/Unknown table categories/],
  ],
  ['a raw text', source('moment.scene'), [/a category or a number, not a text/]],
])('refuses %s', (_, expression, patterns) => {
  const message = refused(declare(expression));
  for (const pattern of patterns) expect(message).toMatch(pattern);
});

it('refuses names that are taken, unknown or in a group that they do not fit', () => {
  const hour = { op: 'bucketise', of: source('moment.hour'), boundaries: [12] };
  expect(refused(declare(hour, 'watched_decay'))).toContain('watched_decay is taken');
  expect(refused({ inputs: { context: ['trigger_hash'] }, shipped: false })).toContain(
    'no feature trigger_hash is declared',
  );
  expect(refused(declare(hour, 'Mine'))).toContain('lower case');
  expect(refused({ inputs: { context: ['nothing'] } })).toContain(
    'inputs.context[0]: no feature nothing is declared',
  );
  expect(refused({ ...declare(hour), inputs: { dense: ['mine'] } })).toContain(
    'inputs.dense[0]: mine cannot join: it is a category of the moment',
  );
  // An encoder's state does not change when time goes by.
  expect(refused({ inputs: { exposure: ['time_difference'] } })).toContain(
    'it reads moment.now, which changes after a behaviour was encoded',
  );
  expect(refused({ ...declare(hour), inputs: { context: ['mine', 'mine'] } })).toContain(
    'mine is named twice',
  );
});
