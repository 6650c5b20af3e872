// Runs in containers, of ours and of the yardstick's: gives each input back after so many milliseconds of work, with the
// time that it took itself, from the request at hand to its answer. As little of its own as a runner can have.

/** @param {object} message */
const line = (message) => `${JSON.stringify(message)}\n`;

/** @param {{type: string, id: string, inputs: {text: string, workMs?: number}[]}} message */
function take({ type, id, inputs }) {
  if (type === 'load') process.stdout.write(line({ type: 'ready' }));
  if (type !== 'run') return;
  const startedAt = performance.now();
  inputs.forEach(({ text, workMs = 0 }, index) => {
    while (performance.now() - startedAt < workMs);
    const output = { text, ownMs: performance.now() - startedAt };
    process.stdout.write(line({ type: 'output', id, index, output }));
  });
  process.stdout.write(line({ type: 'done', id }));
}

/** @type {Buffer[]} */
let parts = [];
process.stdin.on('data', (/** @type {Buffer} */ chunk) => {
  let start = 0;
  for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
    parts.push(chunk.subarray(start, end));
    const text = Buffer.concat(parts).toString();
    parts = [];
    start = end + 1;
    take(JSON.parse(text));
  }
  parts.push(chunk.subarray(start));
});
process.stdin.once('end', () => process.exit(0));
