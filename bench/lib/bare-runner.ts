/**
 * The yardstick of dispatch: the same template in the same runner, asked over plain WebSocket JSON-RPC. No identity, no
 * encryption, no log, no payment, no commitment: what a program would do that trusts everybody and may forget everything.
 *
 *     node bench/lib/bare-runner.ts RUNS_MAX      → {"port": …} on stdout; ends when stdin does
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { createEmbeddedExecutor } from '../../node-core/execution/index.ts';
import { Json, z } from '../../node-core/protocol/index.ts';

const resources = fileURLToPath(new URL('../../resources', import.meta.url));
const Call = z.object({
  id: z.int(),
  params: z.object({
    template: z.string(),
    model: z.string().nullable(),
    params: z.record(z.string(), Json),
    inputs: z.array(Json),
  }),
});

const cacheFolder = mkdtempSync(join(tmpdir(), 'infernet-bench-bare-'));
process.once('exit', () => rmSync(cacheFolder, { recursive: true, force: true }));
const executor = createEmbeddedExecutor({
  templateFolders: [join(resources, 'templates')],
  modelFolders: [join(resources, 'models')],
  cacheFolder,
  runsMax: z.coerce.number().int().min(1).parse(process.argv[2]),
  contextTokens: 512,
});
const { templates, models } = await executor.start();
const templateByName = new Map(templates.map(({ template }) => [template.name, template.id]));
const modelByName = new Map(models.map(({ name, cid }) => [name, cid]));

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', (socket) => {
  let runs = 0;
  socket.on('message', async (data) => {
    const { id, params: asked } = Call.parse(JSON.parse(String(data)));
    const template = templateByName.get(asked.template);
    if (template === undefined) throw new Error(`no template ${asked.template}`);
    const model = asked.model === null ? null : (modelByName.get(asked.model) ?? null);
    const { params, inputs } = asked;
    const outcome = await executor.run(
      {
        runId: String(runs++),
        template,
        model,
        params,
        inputs,
        timeoutMs: 60_000,
        onProgress: () => undefined,
      },
      { cancelled: false, onCancel: () => undefined },
    );
    socket.send(JSON.stringify(outcome.ok ? { id, result: outcome.outputs } : { id, error: outcome.message }));
  });
});
server.once('listening', () => {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  process.stdout.write(`${JSON.stringify({ port: address.port })}\n`);
});

process.stdin.resume();
process.stdin.once('end', () => {
  void executor.stop().then(() => process.exit(0));
});
