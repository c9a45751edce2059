import type { Footprint } from './measure.js';

const WIDTH = 720;
const LABEL = 110;
const ROW = 46;
const BAR = 16;
const TOP = 56;
const VALUE = 130;
const BAR_WIDTH = WIDTH - LABEL - VALUE;
const COLORS = { installed: '#4c78a8', bundled: '#f58518' } as const;

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function bar(y: number, bytes: number, most: number, color: string, text: string): string {
  const width = Math.max(2, (bytes / most) * BAR_WIDTH);
  return `  <rect x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2" fill="${color}"/>
  <text x="${(LABEL + width + 8).toFixed(1)}" y="${y + BAR - 4}">${text}</text>`;
}

/** Two bars per flavor: what npm installs, and the single file with everything. */
export function footprintChart(footprints: readonly Footprint[]): string {
  const most = Math.max(...footprints.map(({ bytesInstalled }) => bytesInstalled));
  const height = TOP + footprints.length * ROW + 8;
  const rows = footprints.map((one, index) => {
    const y = TOP + index * ROW;
    const installed = `${megabytes(one.bytesInstalled)}, ${one.packages} packages`;
    return [
      `  <text x="${LABEL - 10}" y="${y + BAR + 5}" text-anchor="end" font-weight="600">${one.flavor}</text>`,
      bar(y, one.bytesInstalled, most, COLORS.installed, installed),
      bar(y + BAR + 2, one.bytesBundled, most, COLORS.bundled, megabytes(one.bytesBundled)),
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#333" role="img" aria-label="Size of every flavor">
  <rect width="${WIDTH}" height="${height}" fill="#fff"/>
  <text x="${LABEL}" y="22" font-size="15" font-weight="600">Size of each flavor</text>
  <rect x="${LABEL}" y="32" width="10" height="10" fill="${COLORS.installed}"/><text x="${LABEL + 16}" y="41">installed by npm</text>
  <rect x="${LABEL + 130}" y="32" width="10" height="10" fill="${COLORS.bundled}"/><text x="${LABEL + 146}" y="41">as one file</text>
${rows.join('\n')}
</svg>
`;
}
