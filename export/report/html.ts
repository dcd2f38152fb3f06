/** HTML in which every value is escaped unless it was made here. */

/** Markup that is safe as it stands. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | number | Markup | readonly Markup[] | null | undefined;

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);

/** Template tag: `html\`<p>${anything}</p>\`` escapes `anything`. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Markup {
  let text = parts[0]!;
  values.forEach((value, i) => {
    text += render(value) + parts[i + 1]!;
  });
  return new Markup(text);
}

function render(value: Value): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(render).join('');
  return escapeHtml(String(value));
}

export interface Column<Row> {
  head: string;
  cell: (row: Row) => string | number | Markup | null;
  /** Numbers stand at the right. */
  numeric?: boolean;
}

/** A table that scrolls sideways on a narrow screen; the first column heads its row. */
export function table<Row>(caption: string, columns: Column<Row>[], rows: Row[]): Markup {
  const align = ({ numeric }: Column<Row>): Markup => (numeric ? html` class="number"` : html``);
  const head = columns.map((column) => html`<th scope="col"${align(column)}>${column.head}</th>`);
  const body = rows.map((row) => {
    const cells = columns.map((column, i) =>
      i === 0
        ? html`<th scope="row"${align(column)}>${column.cell(row)}</th>`
        : html`<td${align(column)}>${column.cell(row) ?? '–'}</td>`,
    );
    return html`<tr>${cells}</tr>\n`;
  });
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${head}</tr></thead>
<tbody>${body}</tbody></table></div>`;
}

/** A table behind a click. */
export const folded = (summary: string, content: Markup): Markup =>
  html`<details><summary>${summary}</summary>${content}</details>`;
