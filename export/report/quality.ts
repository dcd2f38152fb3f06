/** The checks of the data, for the report's section of data and the card. */
import { folded, html, type Markup, table } from './html.ts';
import type { Quality, ReportInput } from './input.ts';
import { count, decimal } from './numbers.ts';

type Check = Quality['checks'][number];

const judged = ({ checks }: Quality): Check[] =>
  checks.filter(({ unjudged }) => unjudged === undefined);
const failedOf = (quality: Quality): Check[] => quality.checks.filter(({ passed }) => !passed);

/** Reasons of the settings; other checks that were not judged lack data, and have no value. */
const switchedOff = ({ checks }: Quality): Check[] =>
  checks.filter(({ unjudged, value }) => unjudged !== undefined && value !== null);

/** `241 of 243 checks passed; warnings: …; switched off: … (reason)` */
export function qualitySentence({ quality }: Pick<ReportInput, 'quality'>): string | null {
  if (!quality) return null;
  const failed = failedOf(quality);
  const all = judged(quality).length;
  const names = (checks: Check[]): string => checks.map(({ check }) => check).join(', ');
  const off = switchedOff(quality).map(({ check, unjudged }) => `${check} (${unjudged})`);
  return [
    `${count(all - failed.length)} of ${count(all)} checks of the data passed`,
    ...(failed.length > 0 ? [`warnings: ${names(failed)}`] : []),
    ...(off.length > 0 ? [`switched off: ${off.join(', ')}`] : []),
  ].join('; ');
}

const columns = [
  { head: 'Check', cell: ({ check }: Check) => html`<code>${check}</code>` },
  {
    head: 'Result',
    cell: ({ passed, severity }: Check) =>
      passed
        ? html`<span class="badge good">passed</span>`
        : html`<span class="badge ${severity === 'stop' ? 'bad' : 'note'}">${severity === 'stop' ? 'failed' : 'warning'}</span>`,
  },
  { head: 'Value', cell: ({ value }: Check) => decimal(value), numeric: true },
  { head: 'Limit', cell: ({ bound }: Check) => decimal(bound), numeric: true },
];

interface Drift {
  name: string;
  psi: number | null;
  js: number | null;
  limit: number | null;
}

/** Columns by their PSI, largest first. */
function driftTable({ checks, day, reference }: Quality): Markup | null {
  const rows = checks
    .filter(({ check, value }) => check.startsWith('psi/') && value !== null)
    .map(
      ({ table: of, column, numbers, bound }): Drift => ({
        name: `${of}.${column}`,
        psi: numbers?.psi ?? null,
        js: numbers?.js ?? null,
        limit: bound,
      }),
    )
    .sort((a, b) => (b.psi ?? 0) - (a.psi ?? 0));
  if (rows.length === 0) return null;
  const drift = table(
    `Drift of ${rows.length} columns on ${day} against ${reference[0]} … ${reference.at(-1)}`,
    [
      { head: 'Column', cell: ({ name }) => name },
      { head: 'PSI', cell: ({ psi }) => decimal(psi), numeric: true },
      { head: 'Limit', cell: ({ limit }) => decimal(limit), numeric: true },
      { head: 'Jensen–Shannon, bits', cell: ({ js }) => decimal(js), numeric: true },
    ],
    rows,
  );
  return folded(
    `Drift of ${rows.length} columns; most in ${rows[0]!.name}, PSI ${decimal(rows[0]!.psi)}`,
    drift,
  );
}

function volumeTable({ volumes }: Quality): Markup | null {
  if (volumes.length === 0) return null;
  const types = [...new Set(volumes.flatMap(({ byType }) => Object.keys(byType)))];
  const days = table(
    'Events by type, and active users, on each day',
    [
      { head: 'Day', cell: ({ date }) => date },
      { head: 'Users', cell: ({ users }) => count(users), numeric: true },
      ...types.map((type) => ({
        head: type,
        cell: ({ byType }: Quality['volumes'][number]) => count(byType[type] ?? 0),
        numeric: true,
      })),
    ],
    volumes,
  );
  return folded('Volumes by day and type', days);
}

/** What the checks found: warnings in full, the rest behind clicks. */
export function qualityPart(input: ReportInput): Markup | null {
  const { quality } = input;
  if (!quality) return null;
  const failed = failedOf(quality);
  const rest = judged(quality).filter(({ passed }) => passed);
  const off = switchedOff(quality).map(
    ({ check, unjudged }) =>
      html`<p class="note-box">Switched off: <code>${check}</code>. ${unjudged}</p>\n`,
  );
  return html`<h3>Checks of ${quality.day}</h3>
<p>${qualitySentence(input)}.</p>
${failed.length > 0 ? table('Failed checks', [...columns, { head: 'Why', cell: ({ message }: Check) => message }], failed) : null}${off}${driftTable(quality)}${volumeTable(quality)}${folded(`The ${rest.length} checks that passed`, table('Passed checks', columns, rest))}\n`;
}
