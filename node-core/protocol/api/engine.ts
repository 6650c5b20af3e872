/** The container engine of a computer, for people: is there one, may jobs run on it, and what would help. */
import { z } from '../zod.ts';

export const EngineProblem = z.object({
  code: z
    .enum([
      'not-installed',
      'not-running',
      'no-permission',
      'not-local',
      'no-seccomp',
      'no-limits',
      'too-old',
      'toolkit',
      'image-missing',
      'other',
    ])
    .describe(
      'not-local = somebody named an engine of another computer; toolkit = NVIDIA’s, which hands GPUs to containers',
    ),
  text: z.string(),
  fix: z.string().describe('what to do; empty where nothing is to be done'),
});
export type EngineProblem = z.infer<typeof EngineProblem>;

export const EngineGpus = z.object({
  usable: z.boolean().describe('containers can be given them'),
  devices: z.array(z.object({ id: z.string(), model: z.string(), memoryBytes: z.number() })),
  driver: z.string().nullable().describe('version of the driver'),
  toolkit: z.string().nullable().describe('version of NVIDIA’s container toolkit'),
  verified: z
    .literal(false)
    .describe('never tried on hardware: written after documentation and tested on recorded answers'),
});
export type EngineGpus = z.infer<typeof EngineGpus>;

export const EngineStatus = z.object({
  state: z
    .enum(['found', 'missing', 'refused'])
    .describe('missing = none answers this user; refused = one answers, and no job may run on it'),
  name: z.string().nullable().describe('name, version and place of the one that answers'),
  problems: z.array(EngineProblem).describe('of one that is found: what it cannot do yet'),
  gpus: EngineGpus.nullable().describe('null = no NVIDIA card and no sign of its runtime'),
});
export type EngineStatus = z.infer<typeof EngineStatus>;
