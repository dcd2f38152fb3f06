import { expect, it } from 'vitest';
import { ProgressLines } from './progress-lines.ts';

function spoken(isTTY: boolean, times: number[]): string {
  let text = '';
  let now = 0;
  const out = { isTTY, columns: 10, write: (part: string) => (text += part) };
  const lines = new ProgressLines(out, () => now);
  for (const time of times) {
    now = time;
    lines.say(`at ${time} of a long way`);
  }
  lines.end();
  return text;
}

it('writes a line a second at most where there is no terminal', () => {
  expect(spoken(false, [0, 1, 999, 1000, 1500, 2000])).toBe(
    ['at 0', 'at 1000', 'at 2000'].map((text) => `${text} of a long way\n`).join(''),
  );
});

it('rewrites one line on a terminal and clears it in the end', () => {
  expect(spoken(true, [0, 10])).toBe('\r\x1b[2Kat 0 of a\r\x1b[2K');
});
