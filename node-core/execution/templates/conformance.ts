/**
 * Does a template do on this computer what its author says? Its sample is run, and the outputs are held against those in its
 * `expected.json`, as two providers' would be: by the template's own class of verifier.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Executor, ExecutorInventory } from '../../ports/index.ts';
import { canonicalJson, Json, normaliseOutput, type Template, z } from '../../protocol/index.ts';
import { isWithin } from '../../verification/index.ts';
import { messageOf, systemCodeOf } from '../fault.ts';
import { StreamedOutput } from '../runner/messages.ts';
import { neverCancelled } from '../runner/run-once.ts';
import type { LoadedTemplate } from './load-templates.ts';

const expectedName = 'expected.json';

const Expected = z.strictObject({
  model: z.string().max(200).nullable().describe('name of the model that the outputs are of'),
  outputs: z.array(Json).min(1).max(100),
});
type Expected = z.infer<typeof Expected>;

export interface Conformance {
  /** `skipped`: it cannot run here, or says nothing that could be tested. */
  readonly state: 'passed' | 'failed' | 'skipped';
  /** For people. */
  readonly detail: string;
}

export interface ConformanceOptions {
  /** Of a template whose jobs name the image. */
  readonly image?: string;
  /** Writes what came out as what is expected, in place of comparing. */
  readonly update?: boolean;
}

const shownLettersMax = 200;

/** @param executor that was started, with this inventory. */
export async function conformanceOf(
  executor: Executor,
  inventory: ExecutorInventory,
  loaded: LoadedTemplate,
  { image, update = false }: ConformanceOptions = {},
): Promise<Conformance> {
  const { template, sample } = loaded;
  const installed = inventory.templates.find((one) => one.template.id === template.id);
  if (installed === undefined) return skipped('the executor does not know it');
  if (!installed.runnable.ok) return skipped(installed.runnable.reason);
  if (sample === null) return skipped('it has no sample.json among its files');
  const expected = await expectedOf(loaded);
  if (typeof expected === 'string') return failed(expected);
  if (expected === null && !update) return skipped(`it has no ${expectedName}`);

  const name = expected?.model ?? null;
  const byName = inventory.models.find((model) => model.name === name)?.cid;
  const model = template.needsModel ? (name === null ? installed.models[0] : byName) : null;
  if (model === undefined) return skipped(`the model ${name} is not here`);

  const params = image === undefined ? sample.params : { ...sample.params, image };
  const run = {
    runId: 'conformance',
    template: template.id,
    model,
    params,
    inputs: sample.inputs,
    timeoutMs: template.resources.timeoutMs,
    onProgress: () => undefined,
  };
  const outcome = await executor.run(run, neverCancelled);
  if (!outcome.ok) return failed(`${outcome.code}: ${outcome.message}`);
  const { outputs } = outcome;
  if (update) {
    const modelName = inventory.models.find(({ cid }) => cid === model)?.name ?? null;
    const document: Expected = { model: modelName, outputs: [...outputs] };
    await writeFile(join(loaded.folder, expectedName), `${JSON.stringify(document, null, 2)}\n`);
    return { state: 'passed', detail: `${expectedName} written: ${outputs.length} outputs` };
  }
  const wanted = expected?.outputs ?? [];
  if (wanted.length !== outputs.length) {
    return failed(`${expectedName} has ${wanted.length} outputs for ${outputs.length} inputs`);
  }
  const differs = outputs.findIndex((output, i) => !agree(template, output, wanted[i] ?? null));
  if (differs < 0) return { state: 'passed', detail: `${outputs.length} outputs as expected` };
  const tokens = await tokensAgree(executor, template, run, wanted);
  if (tokens !== null) return { state: 'passed', detail: `${tokens} (output ${differs} has other words)` };
  return failed(`output ${differs} is ${shown(outputs[differs])}, expected ${shown(wanted[differs])}`);
}

/** As copies of two providers are compared. */
function agree(template: Template, a: Json, b: Json): boolean {
  const { verifier, tolerance } = template;
  if (verifier === 'numeric') return isWithin(a, b, tolerance ?? { absoluteMax: 0 });
  return canonicalJson(normaliseOutput(verifier, a)) === canonicalJson(normaliseOutput(verifier, b));
}

/** Another CPU may take another of two words that are nearly as likely: then the expected tokens are checked one by one. */
async function tokensAgree(
  executor: Executor,
  { tokenDivergence }: Template,
  run: Parameters<Executor['run']>[0],
  wanted: readonly Json[],
): Promise<string | null> {
  if (tokenDivergence === undefined) return null;
  const claims = wanted.map((output) => ({ tokenIds: StreamedOutput.parse(output).tokenIds, given: 0 }));
  const outcome = await executor.check({ ...run, claims }, neverCancelled);
  if (!outcome.ok) return null;
  const tokens = outcome.checks.reduce((sum, check) => sum + check.tokens, 0);
  const agreed = outcome.checks.reduce((sum, check) => sum + check.agreed, 0);
  if (agreed * 1_000_000 < tokenDivergence.thresholdPpm * tokens) return null;
  return `${agreed} of ${tokens} expected tokens are this computer's too`;
}

/** @returns null where there is none, or what is wrong with it. */
async function expectedOf({ folder, checks }: LoadedTemplate): Promise<Expected | string | null> {
  try {
    const parsed = Expected.parse(JSON.parse(await readFile(join(folder, expectedName), 'utf8')));
    const wrong = parsed.outputs.map((output) => checks.output(output)).find((fault) => fault !== null);
    return wrong === undefined ? parsed : `${expectedName} breaks the template's schema: ${wrong}`;
  } catch (error) {
    return systemCodeOf(error) === 'ENOENT' ? null : `${expectedName}: ${messageOf(error)}`;
  }
}

const skipped = (detail: string): Conformance => ({ state: 'skipped', detail });
const failed = (detail: string): Conformance => ({ state: 'failed', detail });

function shown(value: Json | undefined): string {
  const text = JSON.stringify(value ?? null);
  return text.length <= shownLettersMax ? text : `${text.slice(0, shownLettersMax)} …`;
}
