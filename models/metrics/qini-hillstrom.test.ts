/**
 * The uplift metrics on a real randomised experiment: Hillstrom's e-mail test, 64,000 customers in
 * three arms. Set EDGELOOM_SHARED_DATA to the folder that holds `hillstrom/hillstrom.csv`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { averageTreatmentEffect, upliftByQuantile } from './qini.ts';
import { qiniBootstrap } from './qini-bootstrap.ts';

const file = join(process.env.EDGELOOM_SHARED_DATA ?? '../shared/data', 'hillstrom/hillstrom.csv');

interface Customers {
  features: number[][];
  segment: string[];
  visit: number[];
}

function read(): Customers {
  const [header, ...lines] = readFileSync(file, 'utf8').trim().split(/\r?\n/);
  const at = Object.fromEntries(header!.split(',').map((name, i) => [name, i]));
  // The only quoted field, the history segment, holds commas and is not used here.
  const table = lines.map((line) => line.replace(/"[^"]*"/, 'quoted').split(','));
  const column = (name: string): string[] => table.map((row) => row[at[name]!]!);
  const number = (name: string): number[] => column(name).map(Number);
  const is = (name: string, value: string): number[] =>
    column(name).map((v) => (v === value ? 1 : 0));
  const columns = [
    number('recency').map((v) => v / 12),
    number('history').map((v) => Math.log1p(v) / 8),
    number('mens'),
    number('womens'),
    number('newbie'),
    is('zip_code', 'Rural'),
    is('zip_code', 'Urban'),
    is('channel', 'Web'),
    is('channel', 'Phone'),
  ];
  const features = table.map((_, i) => [1, ...columns.map((c) => c[i]!)]);
  return { features, segment: column('segment'), visit: number('visit') };
}

/** Logistic regression by gradient descent with momentum; enough for ten features. */
function logistic(x: number[][], y: number[]): (row: number[]) => number {
  const w = Array<number>(x[0]!.length).fill(0);
  const velocity = [...w];
  const predict = (row: number[]): number =>
    1 / (1 + Math.exp(-row.reduce((z, v, k) => z + v * w[k]!, 0)));
  for (let step = 0; step < 300; step++) {
    const gradient = Array<number>(w.length).fill(0);
    x.forEach((row, i) => {
      const error = (predict(row) - y[i]!) / x.length;
      for (let k = 0; k < w.length; k++) gradient[k]! += error * row[k]!;
    });
    for (let k = 0; k < w.length; k++) {
      velocity[k] = 0.9 * velocity[k]! - gradient[k]!;
      w[k]! += velocity[k]!;
    }
  }
  return predict;
}

describe.skipIf(!existsSync(file))(`Hillstrom's e-mail test (skipped without ${file})`, () => {
  let customers: Customers;
  beforeAll(() => {
    customers = read();
  });

  it('holds the published numbers of customers, and e-mails raise visits', () => {
    expect(customers.visit.length).toBe(64_000);
    const effect = (segment: string): number => {
      const keep = customers.segment.flatMap((s, i) =>
        s === segment || s === 'No E-Mail' ? [i] : [],
      );
      return averageTreatmentEffect({
        score: keep.map(() => 0),
        outcome: keep.map((i) => customers.visit[i]!),
        arm: keep.map((i) => (customers.segment[i] === segment ? 1 : 0)),
      });
    };
    // Visits and customers per segment, counted with Python's csv module.
    expect(effect('Mens E-Mail')).toBeCloseTo(3894 / 21307 - 2262 / 21306, 12);
    expect(effect('Womens E-Mail')).toBeCloseTo(3238 / 21387 - 2262 / 21306, 12);
  });

  it('tells a two-model logistic regression from a random score', () => {
    const { features, segment, visit } = customers;
    const keep = segment.flatMap((s, i) => (s === 'Mens E-Mail' ? [] : [i]));
    const random = Random.of(1, 'hillstrom');
    random.shuffle(keep);
    const half = keep.length >> 1;
    const train = keep.slice(0, half);
    const test = keep.slice(half);
    const regress = (arm: string) => {
      const rows = train.filter((i) => segment[i] === arm);
      return logistic(
        rows.map((i) => features[i]!),
        rows.map((i) => visit[i]!),
      );
    };
    const treated = regress('Womens E-Mail');
    const control = regress('No E-Mail');
    const rows = {
      outcome: test.map((i) => visit[i]!),
      arm: test.map((i) => (segment[i] === 'Womens E-Mail' ? 1 : 0)),
    };
    const scores = {
      twoModel: test.map((i) => treated(features[i]!) - control(features[i]!)),
      random: test.map(() => random.uniform()),
    };
    const found = qiniBootstrap(rows, scores, { seed: 1, replicates: 100 });
    const { twoModel, random: noise } = found.scores;
    expect(twoModel!.qini.low).toBeGreaterThan(0);
    expect(noise!.qini.low).toBeLessThan(0);
    expect(noise!.qini.high).toBeGreaterThan(0);
    const bins = upliftByQuantile({ ...rows, score: scores.twoModel }, 4);
    expect(bins[0]!.uplift).toBeGreaterThan(bins[3]!.uplift);
  });
});
