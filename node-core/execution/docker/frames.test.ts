import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { demultiplex } from './frames.ts';

function frame(type: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = type;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

it.each([1, 3, 8, 11, 1000])('tells outputs apart when they come in pieces of %i bytes', async (size) => {
  const source = new PassThrough();
  const { stdout, stderr } = demultiplex(source);
  const bytes = Buffer.concat([frame(1, 'one '), frame(2, 'oh '), frame(1, ''), frame(1, 'two'), frame(2, 'no')]);
  for (let at = 0; at < bytes.length; at += size) source.write(bytes.subarray(at, at + size));
  source.end();
  expect(await Promise.all([textOf(stdout), textOf(stderr)])).toEqual(['one two', 'oh no']);
});

it('ends when what comes has no form', async () => {
  const source = new PassThrough();
  const { stdout, stderr } = demultiplex(source);
  source.write(Buffer.concat([frame(1, 'good'), Buffer.from('GET / HTTP/1.1\r\n')]));
  expect(await Promise.all([textOf(stdout), textOf(stderr)])).toEqual(['good', '']);
  expect(source.destroyed).toBe(true);
});

it('reads no faster than it is read, and loses nothing by it', async () => {
  const source = new PassThrough({ highWaterMark: 1024 });
  const { stdout, stderr } = demultiplex(source);
  let sent = 0;
  while (source.write(frame(1, 'x'.repeat(1000)))) sent++;
  // Nobody reads: what is in between is bounded.
  for (let i = 0; i < 1000 && !source.writableNeedDrain; i++) if (source.write(frame(1, 'x'.repeat(1000)))) sent++;
  await new Promise((resolve) => setImmediate(resolve));
  expect(stdout.readableLength).toBeLessThan(200_000);
  source.end();
  const [out] = await Promise.all([textOf(stdout), textOf(stderr)]);
  expect(out.length).toBe((sent + 1) * 1000);
});
