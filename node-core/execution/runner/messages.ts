/** The runner contract (resources/templates/README.md): what a runner may write on stdout. */
import type { TokenClaim } from '../../ports/index.ts';
import { type Cid, Json, z } from '../../protocol/index.ts';
import type { Gpu } from './options.ts';

const runId = z.string().max(256);
const count = z.int().min(0);
const tokenId = z.int().min(0).max(0xffffffff);

export const RunnerMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('progress'), id: runId, itemsDone: count }),
  z.object({
    type: z.literal('token'),
    id: runId,
    item: count,
    index: count.describe('tokens of the item before these'),
    tokens: z.array(tokenId).min(1),
    text: z.string(),
  }),
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

/** The output of a `check`, for one item. */
export const TokenCheckOutput = z
  .strictObject({
    tokens: count,
    agreed: count,
    firstDisagreement: count.nullable(),
    text: z.string(),
    finish: z.enum(['stop', 'length', 'open']),
  })
  .refine(
    ({ tokens, agreed, firstDisagreement }) => agreed <= tokens && (agreed === tokens) === (firstDisagreement === null),
    'the counts contradict each other',
  );

/** What a streaming template's output has, whatever else is in it. */
export const StreamedOutput = z.object({ text: z.string(), tokenIds: z.array(tokenId) });

/** What the host writes on stdin. */
export type HostMessage =
  | {
      readonly type: 'load';
      readonly model: string | null;
      readonly threads: number;
      readonly contextTokens: number;
      readonly gpu?: Gpu;
    }
  | {
      readonly type: 'run';
      readonly id: string;
      readonly params: Readonly<Record<string, Json>>;
      readonly inputs: readonly Json[];
      /** The host wants `token` messages. */
      readonly stream: boolean;
      readonly prefixes?: readonly (readonly number[])[];
    }
  | {
      readonly type: 'check';
      readonly id: string;
      readonly params: Readonly<Record<string, Json>>;
      readonly inputs: readonly Json[];
      readonly claims: readonly TokenClaim[];
    }
  /** Without `item`: all of the run. */
  | { readonly type: 'stop'; readonly id: string; readonly item?: number }
  | { readonly type: 'cancel'; readonly id: string };

/** What a process is started for; one process serves one of these. */
export interface Workload {
  readonly template: Cid;
  readonly model: Cid | null;
  /** Of a template whose jobs name it. */
  readonly image?: string;
}

export const workloadKey = ({ template, model, image }: Workload): string =>
  `${template} ${model ?? '-'}${image === undefined ? '' : ` ${image}`}`;
