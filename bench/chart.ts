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
};

const [BAR, GAP, GROUP_GAP, HEIGHT] = [16, 3, 26, 180];
const [LEFT, TOP, BOTTOM] = [44, 46, 44];

interface Bar {
  readonly letter: string;
  readonly name: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

interface Group {
  readonly title: string;
  readonly subtitle: string;
  readonly bars: readonly Bar[];
}

export function formatChart(rows: readonly Row[]): string {
  const groups = groupsOf(rows);
  const most = Math.max(1.2, ...groups.flatMap(({ bars }) => bars.map(({ high }) => high)));
  const y = (value: number) => TOP + HEIGHT * (1 - value / most);
  let x = LEFT + GROUP_GAP / 2;
  const parts: string[] = [];
  for (const group of groups) {
    const start = x;
    for (const bar of group.bars) {
      parts.push(drawBar(bar, x, y));
      x += BAR + GAP;
    }
    const middle = (start + x - GAP) / 2;
    parts.push(text(middle, TOP + HEIGHT + 16, group.title, 'middle'));
    parts.push(text(middle, TOP + HEIGHT + 30, group.subtitle, 'middle', 0.7));
    x += GROUP_GAP;
  }
  const [width, height] = [x, TOP + HEIGHT + BOTTOM];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" fill="#808080">
<title>Throughput beside plain routing</title>
${drawAxis(width, most, y)}
${drawLegend(rows)}
${parts.join('\n')}
</svg>
`;
}

function groupsOf(rows: readonly Row[]): Group[] {
  const cells = [...new Set(rows.map(({ cell }) => cell))];
  return cells.flatMap((cell) => {
    const ofCell = rows.filter((row) => row.cell === cell);
    const native = ofCell.find(({ letter }) => letter === 'N');
    if (!native) return [];
    return SHOWN.map((metric) => {
      const one = native.values[metric].median;
      const bars = ofCell.map(({ letter, name, values }) => {
        const { median, min, max } = values[metric];
        return { letter, name, value: median / one, low: min / one, high: max / one };
      });
      return { title: METRICS[metric].name, subtitle: cell, bars };
    });
  });
}

function drawBar({ letter, name, value, low, high }: Bar, x: number, y: (v: number) => number) {
  const middle = x + BAR / 2;
  return `<g><title>${name}: ${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})</title>
<rect x="${x}" y="${y(value).toFixed(1)}" width="${BAR}" height="${(y(0) - y(value)).toFixed(1)}" fill="${COLORS[letter] ?? '#808080'}"/>
<path d="M${middle} ${y(low).toFixed(1)}V${y(high).toFixed(1)}" stroke="#808080"/></g>`;
}

function drawAxis(width: number, most: number, y: (value: number) => number): string {
  const lines = [];
  for (let tick = 0; tick <= most; tick += 0.25) {
    const at = y(tick).toFixed(1);
    const opacity = tick === 1 ? 0.9 : 0.25;
    lines.push(
      `<path d="M${LEFT} ${at}H${width}" stroke="#808080" stroke-opacity="${opacity}"/>`,
      text(LEFT - 6, Number(at) + 4, tick.toFixed(2), 'end'),
    );
  }
  return lines.join('\n');
}

function drawLegend(rows: readonly Row[]): string {
  const names = new Map(rows.map(({ letter, name }) => [letter, name]));
  let x = LEFT;
  const parts = [text(LEFT, 14, 'beside plain routing (N = 1); more is better', 'start')];
  for (const [letter, name] of names) {
    parts.push(
      `<rect x="${x}" y="22" width="10" height="10" fill="${COLORS[letter] ?? '#808080'}"/>`,
      text(x + 14, 31, `${letter} ${name}`, 'start'),
    );
    x += 30 + 6.2 * (name.length + 2);
  }
  return parts.join('\n');
}

function text(x: number, y: number, words: string, anchor: string, opacity = 1): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill-opacity="${opacity}">${escaped}</text>`;
}
