/**
 * Stage `check-data`: are lake and samples of the day fit to learn from? The result is kept whatever it
 * says; its gate is what ends the day, so that a report of every check is there to read.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { checkData as check, type QualityReport } from '../data/quality/check.ts';
import { qualityConfig } from '../data/quality/config.ts';
import { describeReport, messages, tally } from '../data/quality/verdict.ts';
import { defineStage } from './runtime/stage.ts';

/** Messages that travel in the summary, which stands in Temporal's history. */
const MOST_MESSAGES = 20;

export const checkData = defineStage({
  name: 'check-data',
  describe:
    'check lake and samples: expectations, drift, volumes, arms; what fails can end the day',
  inputs: ['lake', 'samples'],
  params: qualityConfig.extend({
    date: z.iso.date().optional().describe("the day to judge; the dataset's last unless given"),
    dates: z
      .array(z.iso.date())
      .min(1)
      .optional()
      .describe('the days that are learnt from; the week that ends with date unless given'),
  }),
  module: import.meta.url,
  async run({ inputs, outDir, machine, signal, onProgress }, { date, dates, ...config }) {
    const report = await check({
      lakeDir: inputs.lake!,
      samplesDir: inputs.samples!,
      outDir,
      day: date,
      window: dates,
      config,
      ...(machine.memoryLimitMb === undefined ? {} : { memoryLimitMb: machine.memoryLimitMb }),
      signal,
      onProgress,
    });
    const stops = messages(report, 'stop');
    return {
      rows: report.checks.length,
      summary: {
        day: report.day,
        ...tally(report),
        stops: stops.slice(0, MOST_MESSAGES),
        warnings: messages(report, 'warn').slice(0, MOST_MESSAGES),
        ...(report.unknown.length > 0 ? { unknownChecks: report.unknown } : {}),
      },
    };
  },
  gate({ summary, ref }) {
    const stops = summary.stops as string[];
    if (stops.length === 0) return undefined;
    const more = Number(summary.stopped) - stops.length;
    return {
      code: 'data-checks-failed',
      what: `The data of ${String(summary.day)} failed ${String(summary.stopped)} checks; nothing is trained or released.\n${stops.map((line) => `- ${line}`).join('\n')}${more > 0 ? `\n- and ${more} more` : ''}`,
      where: `quality.json in ${ref.uri}`,
      fix: 'mend the logs and run again; or, in the section quality of the settings, give checks["<name>"] another limit, the severity warn, or switch it off with a reason',
    };
  },
  async present(folder) {
    const text = await readFile(join(folder, 'quality.json'), 'utf8');
    return describeReport(JSON.parse(text) as QualityReport);
  },
});
