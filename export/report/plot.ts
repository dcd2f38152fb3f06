/** Vega-Lite plots as SVG, without canvas and with equal output for equal input. */
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { type Column, folded, html, Markup, table } from './html.ts';

/** Wide enough to read on a phone without turning it. */
export const PLOT_WIDTH = 320;

const INK = '#22303c';
const FAINT = '#e4e9ed';

/** Distinct for the colour-blind as well (after Okabe and Ito). */
export const COLOURS = ['#0a6aa1', '#d55e00', '#4d8f5b', '#8a5a9e', '#7a8893', '#c9a227'];

const config: TopLevelSpec['config'] = {
  background: 'transparent',
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  axis: {
    domainColor: '#9aa7b1',
    gridColor: FAINT,
    labelColor: INK,
    labelFontSize: 11,
    tickColor: '#9aa7b1',
    titleColor: INK,
    titleFontSize: 11,
    titleFontWeight: 'normal',
  },
  legend: {
    labelColor: INK,
    labelFontSize: 11,
    orient: 'top',
    symbolType: 'circle',
    title: null,
  },
  header: { labelColor: INK, labelFontSize: 12, labelFontWeight: 'bold', title: null },
  range: { category: COLOURS },
};

type Spec = Omit<TopLevelSpec & object, '$schema' | 'config'> & Record<string, unknown>;

/** Keeps errors; Vega would print them and draw an empty plot. */
function collecting(errors: string[]): vega.LoggerInterface {
  const ignore = (): vega.LoggerInterface => logger;
  const logger: vega.LoggerInterface = {
    level: ignore as vega.LoggerInterface['level'],
    warn: ignore,
    info: ignore,
    debug: ignore,
    error(...parts: unknown[]) {
      errors.push(parts.map(String).join(' '));
      return logger;
    },
  };
  return logger;
}

/** Renders plots one after the other: identifiers inside the SVGs count up within one page. */
export class Plotter {
  constructor() {
    vega.resetSVGDefIds();
  }

  /** The `<svg>`, which scales with its place and describes itself. */
  async svg(spec: Spec, description: string): Promise<Markup> {
    const errors: string[] = [];
    const logger = collecting(errors);
    const compiled = compile({ ...spec, config } as TopLevelSpec, { logger });
    const view = new vega.View(vega.parse(compiled.spec), { renderer: 'none', logger });
    const text = await view.toSVG();
    view.finalize();
    if (errors.length > 0) throw new Error(`A plot cannot be drawn: ${errors.join('; ')}`);
    const [, width] = /<svg[^>]* width="([\d.]+)"/.exec(text) ?? [];
    const label = html`role="img" aria-label="${description}" style="max-width:${width ?? '400'}px"`;
    return new Markup(
      text
        .replace(/(<svg[^>]*?) width="[\d.]+" height="[\d.]+"/, '$1')
        .replace('<svg', `<svg ${label.text}`),
    );
  }

  /** A plot with its title and, behind a click, its numbers. */
  async figure<Row>(figure: {
    title: string;
    /** One or two sentences: what to see. */
    description: string;
    spec: Spec;
    columns: Column<Row>[];
    rows: Row[];
  }): Promise<Markup> {
    const { title, description, spec, columns, rows } = figure;
    const svg = await this.svg(spec, `${title}. ${description}`);
    return html`<figure><figcaption><strong>${title}</strong><br>${description}</figcaption>
${svg}
${folded('The numbers', table(title, columns, rows))}</figure>\n`;
  }
}
