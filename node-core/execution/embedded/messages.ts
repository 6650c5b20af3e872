/** The runner contract (resources/templates/README.md): what a runner may write on stdout. */
import { type Cid, Json, z } from '../../protocol/index.ts';

const runId = z.string().max(256);
const count = z.int().min(0);

export const RunnerMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('progress'), id: runId, itemsDone: count }),
  z.object({ type: z.literal('output'), id: runId, index: count, output: Json }),
  z.object({
    type: z.literal('done'),
    id: runId,
    tokens: count.optional().describe('that went through the model: prompts and answers'),
    busyMs: count.optional().describe('time spent on this run, without the turns of others'),
  }),
  z.object({
    type: z.literal('error'),
    id: runId.optional().describe('left out when it is about the runner as a whole'),
    code: z.string().max(64),
    message: z.string(),
  }),
]);
export type RunnerMessage = z.infer<typeof RunnerMessage>;

/** What the host writes on stdin. `check` and `token` are reserved. */
export type HostMessage =
  | { readonly type: 'load'; readonly model: string | null; readonly threads: number; readonly contextTokens: number }
  | {
      readonly type: 'run';
      readonly id: string;
      readonly params: Readonly<Record<string, Json>>;
      readonly inputs: readonly Json[];
    }
  | { readonly type: 'cancel'; readonly id: string };

/** What a process is started for; one process serves one of these. */
export interface Workload {
  readonly template: Cid;
  readonly model: Cid | null;
}

export const workloadKey = ({ template, model }: Workload): string => `${template} ${model ?? '-'}`;
