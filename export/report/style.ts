/** The one style sheet of the report: light, readable on a phone and on a desk, printable. */
export const STYLE = `
:root { color-scheme: light; --ink: #22303c; --faint: #5b6975; --line: #dfe5ea; --paper: #ffffff;
  --ground: #f4f6f8; --accent: #0a6aa1; --good: #27693a; --bad: #a8321f; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 16px; }
header { padding: 12px 0 4px; }
h1 { margin: 0 0 4px; font-size: 1.6rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 32px 0 10px; font-size: 1.2rem; }
h3 { margin: 18px 0 6px; font-size: 1rem; }
p { margin: 6px 0; }
.faint, figcaption { color: var(--faint); }
figcaption strong { color: var(--ink); }
code { font: 0.85em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.badge { display: inline-block; padding: 1px 9px; border-radius: 99px; border: 1px solid;
  font-size: 0.82rem; font-weight: 600; background: var(--paper); }
.badge.good { color: var(--good); } .badge.bad { color: var(--bad); } .badge.note { color: #7a5200; }
.tiles { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
  margin: 16px 0; padding: 0; list-style: none; }
.tiles li, figure, .scroll, .note-box { background: var(--paper); border: 1px solid var(--line);
  border-radius: 10px; }
.tiles li { padding: 10px 14px; }
.tiles b { display: block; font-size: 1.45rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--faint); font-size: 0.86rem; }
.grid { display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr));
  align-items: start; }
figure { margin: 0; padding: 12px 14px; min-width: 0; }
figcaption { font-size: 0.88rem; margin-bottom: 8px; }
figure svg { display: block; width: 100%; height: auto; }
.scroll { overflow-x: auto; margin: 10px 0; }
.scroll:focus-visible { outline: 2px solid var(--accent); }
figure .scroll { border: 0; margin: 4px -6px 0; }
table { border-collapse: collapse; width: 100%; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 8px 12px 4px; color: var(--faint); }
figure caption { display: none; }
tbody th { min-width: 7em; }
th, td { padding: 5px 12px; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { border-top: 0; white-space: nowrap; }
tbody th { font-weight: 500; }
.number { text-align: right; white-space: nowrap; }
details { margin-top: 8px; font-size: 0.88rem; }
summary { cursor: pointer; color: var(--accent); }
.note-box { padding: 10px 14px; border-left: 4px solid #c9a227; margin: 10px 0; }
ul.plain { margin: 6px 0; padding-left: 20px; }
@media print { body { background: #fff; } main { max-width: none; } figure { break-inside: avoid; } }
`;
