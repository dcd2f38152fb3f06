/** Peak memory of the loader over an epoch of a short and of a long table. */
import { execFile } from 'node:child_process';
import { link, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '../train/alternate.ts';
import type { Subject } from './subject.ts';

const CHILD = fileURLToPath(new URL('./memory-child.ts', import.meta.url));

export interface LoaderMemory {
  rows: number;
  /** Median over rounds. */
  peakBytes: number;
}

/** A tensors folder that holds every training day `times` times, under later dates. */
async function repeated({ tensorsDir, files }: Subject, times: number): Promise<string> {
  // Beside the tensors: links do not leave a disk.
  const folder = await mkdtemp(join(tensorsDir, '..', 'repeated-'));
  await mkdir(join(folder, 'rerank'));
  await link(join(tensorsDir, 'features.json'), join(folder, 'features.json'));
  for (const path of files) {
    for (let time = 0; time < times; time++) {
      const year = Number(basename(path).slice(0, 4)) + time;
      await link(path, join(folder, 'rerank', `${year}${basename(path).slice(4)}`));
    }
  }
  return folder;
}

/** @param repeats how many times the training days stand in each table */
export async function measureMemory(
  subject: Subject,
  repeats: readonly number[],
  rounds: number,
): Promise<LoaderMemory[]> {
  const folders: string[] = [];
  try {
    for (const times of repeats) folders.push(await repeated(subject, times));
    const peaks = repeats.map((): LoaderMemory[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, folder] of folders.entries()) peaks[i]!.push(await inChild(folder, subject));
    }
    return peaks.map((all) => ({
      rows: all[0]!.rows,
      peakBytes: median(all.map(({ peakBytes }) => peakBytes)),
    }));
  } finally {
    for (const folder of folders) await rm(folder, { recursive: true });
  }
}

async function inChild(folder: string, { params }: Subject): Promise<LoaderMemory> {
  const args = ['--import', 'tsx', CHILD, folder, String(params.batchSize)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as LoaderMemory;
}
