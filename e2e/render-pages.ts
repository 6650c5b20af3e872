/**
 * Renders the pages that the template `ocr` reads in its sample and in the demo: printed text, of which it is known what it
 * says. Needs Chromium. What it makes is in the repository: fonts differ from computer to computer.
 *
 *     node scripts/run.mjs e2e/render-pages.ts
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';
import { chromium } from '@playwright/test';
import { z } from '../node-core/protocol/index.ts';
import { chromiumPath } from './capabilities.ts';

const folder = fileURLToPath(new URL('../resources/templates/ocr/', import.meta.url));

const pages: readonly (readonly string[])[] = [
  [
    'INVOICE No. 2041',
    'Date: 14 March 2026',
    '3 boxes of paper at 12.50 each',
    'Total: 37.50',
    'Thank you for your order.',
  ],
  [
    'Dear Ms Miller,',
    'your table for four is reserved',
    'on Friday at seven in the evening.',
    'We look forward to your visit.',
  ],
  ['The fox ran along the river', 'until it reached the old bridge.', 'There it stopped and listened.'],
  ['RECEIPT', 'Coffee 2.80', 'Bread 3.40', 'Two apples 1.20', 'Sum 7.40', 'Paid in cash'],
  ['Opening hours', 'Monday to Friday 9 to 18', 'Saturday 10 to 14', 'Closed on Sunday'],
  ['Chapter One', 'It was a cold morning in April,', 'and all the clocks of the town', 'had stopped at the same time.'],
  ['NOTICE', 'The lift is out of order.', 'Please use the stairs', 'on the left of the entrance.'],
  ['Parts list', 'Screw M4 x 20, 12 pieces', 'Washer 4 mm, 24 pieces', 'Hinge, brass, 2 pieces'],
];
const widthPx = 560;
const linePx = 40;
const marginPx = 28;
const fonts = ['24px "DejaVu Sans", sans-serif', '25px "DejaVu Serif", serif'];

const browser = await chromium.launch({ executablePath: chromiumPath ?? '' });
try {
  const page = await browser.newPage();
  const lines: string[] = [];
  const images: string[] = [];
  for (const [index, text] of pages.entries()) {
    const height = 2 * marginPx + text.length * linePx;
    // Black on white, as numbers from 0 to 255 row by row.
    const font = fonts[index % fonts.length] ?? '';
    const gray = z.array(z.int()).parse(await page.evaluate(drawing({ text, width: widthPx, height, font })));
    const image = pngOf(gray, widthPx, height).toString('base64');
    images.push(image);
    lines.push(JSON.stringify({ id: `page-${index + 1}`, text: text.join('\n'), image }));
  }
  await writeFile(join(folder, 'pages.jsonl'), `${lines.join('\n')}\n`);
  const inputs = images.slice(0, 2).map((image) => ({ image }));
  await writeFile(join(folder, 'sample.json'), `${JSON.stringify({ params: {}, inputs }, null, 2)}\n`);
} finally {
  await browser.close();
}

/** For the page, where other types hold than here. */
function drawing(given: { text: readonly string[]; width: number; height: number; font: string }): string {
  return `(() => {
    const { text, width, height, font } = ${JSON.stringify(given)};
    const context = Object.assign(document.createElement('canvas'), { width, height }).getContext('2d');
    context.fillStyle = 'white';
    context.fillRect(0, 0, width, height);
    context.fillStyle = 'black';
    context.font = font;
    for (const [i, line] of text.entries()) context.fillText(line, ${marginPx}, ${marginPx} + (i + 0.7) * ${linePx});
    return [...context.getImageData(0, 0, width, height).data].filter((_, i) => i % 4 === 0);
  })()`;
}

/** Sixteen shades of grey: https://www.w3.org/TR/png-3/ */
function pngOf(gray: readonly number[], width: number, height: number): Buffer {
  const rows = Array.from({ length: height }, (_, y) => {
    const row = Buffer.alloc(1 + Math.ceil(width / 2));
    for (let x = 0; x < width; x++) {
      const shade = (gray[y * width + x] ?? 255) >> 4;
      row[1 + (x >> 1)] = (row[1 + (x >> 1)] ?? 0) | (x % 2 === 0 ? shade << 4 : shade);
    }
    return row;
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([4, 0, 0, 0, 0], 8);
  const parts = [
    ['IHDR', header],
    ['IDAT', deflateSync(Buffer.concat(rows), { level: 9 })],
    ['IEND', Buffer.alloc(0)],
  ] as const;
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    ...parts.map(([type, data]) => chunkOf(type, data)),
  ]);
}

function chunkOf(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  chunk.set(body, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}
