/** Tasks to which the two models give different answers, so that a provider that serves the smaller one can be found out. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type JobSpecInput, z } from '../../node-core/protocol/index.ts';
import { runBatch } from './batch.ts';
import { runDirectly } from './direct.ts';
import { readLog } from './log.ts';
import type { Network } from './network.ts';
import type { DemoReport } from './report.ts';
import type { Screen } from './screen.ts';

const models = fileURLToPath(new URL('../../resources/models', import.meta.url));
const tasksFile = join(models, 'data/mixed-1000.jsonl');
const model = 'infernet-tiny';
const modelFile = join(models, 'infernet-tiny.gguf');
const roundTasks = 100;
/** Questions to which the smaller model has another answer nearly every other time; to the rest it is every eighth time. */
const telling = /^(What is|Extract|Find|Convert|Write JSON|Return JSON|Which) /;

const Prompt = z.object({ id: z.string(), prompt: z.string(), expected: z.string() });
type Prompt = z.infer<typeof Prompt>;
const Text = z.object({ text: z.string() });

type Tasks = NonNullable<DemoReport['tasks']>;

/** @throws Error when a line is none. */
export async function readPrompts(file: string): Promise<Prompt[]> {
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  return lines.map((line) => Prompt.parse(JSON.parse(line)));
}

/** Two copies of each. */
export async function tasksInCopies(network: Network, screen: Screen, folder: string): Promise<Tasks> {
  const tasks = (await readPrompts(tasksFile)).slice(0, 200);
  screen.say(`${tasks.length} mixed tasks, 2 copies of every shard`);
  const done = await runJob(network, screen, tasks, 10, { type: 'replicate', copies: 2, quorum: 2 });
  return await compared(folder, tasks, done.texts, 0);
}

/**
 * One copy of each, of which some are checked: who cheats is found late, and what rested on its word is checked again. How much
 * of the work it gets, and what of that is checked, is up to chance and to what else the computer does: there is more of it
 * until somebody is excluded, or there are no tasks left.
 */
export async function tasksUntilFound(network: Network, screen: Screen, folder: string): Promise<Tasks> {
  const all = await readPrompts(tasksFile);
  const tasks = [
    ...all.filter(({ prompt }) => telling.test(prompt)),
    ...all.filter(({ prompt }) => !telling.test(prompt)),
  ];
  const texts: Array<string | null> = [];
  const jobs = new Set<string>();
  while (texts.length < tasks.length) {
    const some = tasks.slice(texts.length, texts.length + roundTasks);
    screen.say(
      `${jobs.size === 0 ? '' : 'nobody is found out yet: '}${some.length} mixed tasks, one copy, some checked`,
    );
    const done = await runJob(network, screen, some, 5, { type: 'adaptive', floorPpm: 500_000 });
    texts.push(...done.texts);
    jobs.add(done.jobId);
    if ((await readLog(network.client.api, ['peer.excluded'])).length > 0) break;
  }
  const again = (await readLog(network.client.api, ['shard.reopened'])).flatMap(({ event }) =>
    event.type === 'shard.reopened' && jobs.has(event.jobId) ? [event.shardId] : [],
  );
  return await compared(folder, tasks.slice(0, texts.length), texts, new Set(again).size);
}

async function runJob(
  network: Network,
  screen: Screen,
  tasks: readonly Prompt[],
  itemsPerShard: number,
  policy: NonNullable<JobSpecInput['policy']>,
): Promise<{ jobId: string; texts: Array<string | null> }> {
  const { jobId, outputs } = await runBatch(network, screen, {
    spec: {
      template: 'text-generation',
      model,
      inputs: tasks.map(({ prompt }) => ({ prompt })),
      itemsPerShard,
      policy,
      // Its first and last: no two jobs have the same label, by which runBatch knows them.
      label: `demo: mixed tasks, ${tasks[0]?.id} to ${tasks.at(-1)?.id}`,
    },
  });
  return { jobId, texts: outputs.map((output) => Text.safeParse(output).data?.text.trim() ?? null) };
}

/** With the model run directly. */
async function compared(
  folder: string,
  tasks: readonly Prompt[],
  texts: ReadonlyArray<string | null>,
  reaudited: number,
): Promise<Tasks> {
  const file = join(folder, 'tasks.jsonl');
  await writeFile(file, tasks.map((task) => JSON.stringify(task)).join('\n'));
  const { answers } = await runDirectly(modelFile, file);
  return {
    items: tasks.length,
    sameAsDirect: texts.filter((text, i) => text === answers[i]?.trim()).length,
    reaudited,
  };
}
