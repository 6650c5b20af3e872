/** Looks at an image before Tesseract does: what it is, and how large it would become when it is unpacked. */
import { RunnerError } from '../lib/serve.mjs';

/** A few kilobytes may unpack to gigabytes. */
const pixelsMax = 16_000_000;
const pngStart = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** @param {string} base64 @returns {Buffer} of a PNG or JPEG of a size that is taken */
export function imageOf(base64) {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw new RunnerError('bad-input', 'the image is not in base64');
  const bytes = Buffer.from(base64, 'base64');
  const size = sizeOf(bytes);
  if (size === null) throw new RunnerError('bad-input', 'the image is neither a PNG nor a JPEG');
  if (size.width * size.height > pixelsMax || size.width * size.height === 0) {
    const found = `${size.width} × ${size.height} pixels`;
    throw new RunnerError('bad-input', `the image has ${found}; between 1 and ${pixelsMax} are read`);
  }
  return bytes;
}

/** @param {Buffer} bytes @returns {{width: number, height: number} | null} */
export function sizeOf(bytes) {
  if (bytes.subarray(0, pngStart.length).equals(pngStart)) {
    return bytes.length < 24 ? null : { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  }
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return null;
  // A JPEG is a row of segments: marker, length, content. The frame (SOF) has the size.
  for (let at = 2; at + 9 <= bytes.length; ) {
    const marker = bytes.readUInt16BE(at);
    if (marker < 0xff01) return null;
    const isFrame = marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker);
    if (isFrame) return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return null;
}
