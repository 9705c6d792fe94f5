/** Bars beside each other: what each setup makes of plain routing's figure. Readable on light and dark ground. */
import { METRICS, type Metric, type Row } from './findings.ts';

/** Those that mean "more is better", as ratios to plain routing (N = 1). */
const SHOWN: readonly Metric[] = ['tcp', 'tcp4', 'packets'];

const COLORS: Readonly<Record<string, string>> = {
  N: '#8a8a8a',
  B: '#d08a2e',
  F: '#b5533c',
  T: '#3b82c4',
  P: '#3a9d5d',
  K: '#8d6cb8',
  C: '#5fa8a8',
  X: '#c25a8a',
  DT: '#6f9fd8',
  DP: '#6fc08d',
  U: '#a67c52',
  UT: '#2f6690',
  UP: '#2c7a4b',
  UU: '#7a6f9b',
  GT: '#9aa5b1',
  GP: '#7fb77e',
};

const [BAR, GAP, GROUP_GAP, HEIGHT] = [14, 3, 34, 150];
const [LEFT, TOP, BOTTOM] = [44, 26, 30];
const LEGEND_HEIGHT = 40;
const LEAST_WIDTH = 640;

interface Bar {
  readonly letter: string;
  readonly name: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** The bars of one cell of the matrix. */
interface Group {
  readonly cell: string;
  readonly bars: readonly Bar[];
}

/** A panel for each metric, one below the other: its bars stand by cell. */
export function formatChart(rows: readonly Row[]): string {
  const panels = SHOWN.map((metric) => ({ metric, groups: groupsOf(rows, metric) }));
  const widths = panels.map(({ groups }) =>
    groups.reduce((sum, { bars }) => sum + bars.length * (BAR + GAP) + GROUP_GAP, LEFT),
  );
  const width = Math.max(LEAST_WIDTH, legendWidth(rows), ...widths);
  const panelHeight = TOP + HEIGHT + BOTTOM;
  const height = LEGEND_HEIGHT + panels.length * panelHeight;
  const drawn = panels.map(({ metric, groups }, number) => {
    const down = LEGEND_HEIGHT + number * panelHeight;
    return `<g transform="translate(0 ${down})">\n${drawPanel(metric, groups, width)}\n</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width.toFixed(0)} ${height}" font-family="sans-serif" font-size="11" fill="#808080">
<title>Throughput beside plain routing</title>
${drawLegend(rows)}
${drawn.join('\n')}
</svg>
`;
}

function groupsOf(rows: readonly Row[], metric: Metric): Group[] {
  const cells = [...new Set(rows.map(({ cell }) => cell))];
  return cells.flatMap((cell) => {
    const ofCell = rows.filter((row) => row.cell === cell);
    const one = ofCell.find(({ letter }) => letter === 'N')?.values[metric].median;
    if (one === undefined) return [];
    const bars = ofCell.map(({ letter, name, values }) => {
      const { median, min, max } = values[metric];
      return { letter, name, value: median / one, low: min / one, high: max / one };
    });
    return [{ cell, bars }];
  });
}

function drawPanel(metric: Metric, groups: readonly Group[], width: number): string {
  const most = Math.max(1.2, ...groups.flatMap(({ bars }) => bars.map(({ high }) => high)));
  const y = (value: number) => TOP + HEIGHT * (1 - value / most);
  const parts = [text(LEFT, 14, METRICS[metric].name, 'start'), drawAxis(width, most, y)];
  let x = LEFT + GROUP_GAP / 2;
  for (const { cell, bars } of groups) {
    const start = x;
    for (const bar of bars) {
      parts.push(drawBar(bar, x, y));
      x += BAR + GAP;
    }
    parts.push(text((start + x - GAP) / 2, TOP + HEIGHT + 16, cell, 'middle'));
    x += GROUP_GAP;
  }
  return parts.join('\n');
}

function drawBar({ letter, name, value, low, high }: Bar, x: number, y: (v: number) => number) {
  const middle = x + BAR / 2;
  return `<g><title>${name}: ${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})</title>
<rect x="${x}" y="${y(value).toFixed(1)}" width="${BAR}" height="${(y(0) - y(value)).toFixed(1)}" fill="${COLORS[letter] ?? '#808080'}"/>
<path d="M${middle} ${y(low).toFixed(1)}V${y(high).toFixed(1)}" stroke="#808080"/></g>`;
}

function drawAxis(width: number, most: number, y: (value: number) => number): string {
  const step = most > 3 ? 1 : 0.25;
  const lines = [];
  for (let tick = 0; tick <= most; tick += step) {
    const at = y(tick).toFixed(1);
    const opacity = tick === 1 ? 0.9 : 0.25;
    lines.push(
      `<path d="M${LEFT} ${at}H${width.toFixed(0)}" stroke="#808080" stroke-opacity="${opacity}"/>`,
      text(LEFT - 6, Number(at) + 4, tick.toFixed(2), 'end'),
    );
  }
  return lines.join('\n');
}

function drawLegend(rows: readonly Row[]): string {
  let x = LEFT;
  const parts = [text(LEFT, 14, 'beside plain routing (N = 1); more is better', 'start')];
  for (const [letter, name] of namesOf(rows)) {
    parts.push(
      `<rect x="${x.toFixed(1)}" y="22" width="10" height="10" fill="${COLORS[letter] ?? '#808080'}"/>`,
      text(x + 14, 31, `${letter} ${name}`, 'start'),
    );
    x += legendPart(name);
  }
  return parts.join('\n');
}

function namesOf(rows: readonly Row[]): Map<string, string> {
  return new Map(rows.map(({ letter, name }) => [letter, name]));
}

/** As wide as its words are, about. */
function legendPart(name: string): number {
  return 30 + 6.2 * (name.length + 2);
}

function legendWidth(rows: readonly Row[]): number {
  return [...namesOf(rows).values()].reduce((sum, name) => sum + legendPart(name), LEFT);
}

function text(x: number, y: number, words: string, anchor: string, opacity = 1): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill-opacity="${opacity}">${escaped}</text>`;
}
