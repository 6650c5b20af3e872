/** The job that is being put together: kept while one looks at another page. */
import type { Json, MethodResult } from '../../node-core/protocol/index.ts';
import type { Format } from '../batch/items.ts';

export const policyChoices = ['replicate', 'adaptive', 'sample', 'own'] as const;
export type PolicyChoice = (typeof policyChoices)[number];

class Draft {
  template = $state('');
  model = $state('');
  /** As they are typed, by name. */
  params = $state<Record<string, string>>({});
  text = $state.raw('');
  fileName = $state<string | null>(null);
  format = $state<Format>('txt');
  column = $state<string | null>(null);
  itemsPerShard = $state('10');
  policy = $state<PolicyChoice>('replicate');
  copies = $state(2);
  /** Of the shards, with the policy `sample`. */
  samplePercent = $state('5');
  priority = $state(5);
  /** Null = as much as is reserved at most. */
  budget = $state<string | null>(null);
  deadlineMinutes = $state('10');
  label = $state('');
  retryOf = $state<string | null>(null);
  /** Computers that shall not get it; and, where it is not null, the only ones that may. */
  never = $state.raw<readonly string[]>([]);
  only = $state.raw<readonly string[] | null>(null);

  clear(): void {
    this.text = '';
    this.fileName = null;
    this.format = 'txt';
    this.column = null;
    this.budget = null;
    this.label = '';
    this.retryOf = null;
    this.never = [];
    this.only = null;
  }

  /** Of a job that was. @param only the indexes of the items to take; all by default. */
  take(spec: MethodResult<'jobs.spec'>, retryOf: string | null, only?: readonly number[]): void {
    this.clear();
    const inputs = only === undefined ? spec.inputs : only.flatMap((index) => spec.inputs.slice(index, index + 1));
    this.template = spec.template;
    this.model = spec.model ?? '';
    this.params = Object.fromEntries(Object.entries(spec.params).map(([name, value]) => [name, typed(value)]));
    this.text = inputs.map((item) => JSON.stringify(item)).join('\n');
    this.format = 'jsonl';
    this.itemsPerShard = String(spec.itemsPerShard);
    this.policy = spec.ownNode === 'only' ? 'own' : spec.policy.type;
    this.copies = spec.policy.type === 'replicate' ? spec.policy.copies : 2;
    this.samplePercent = spec.policy.type === 'sample' ? String(spec.policy.ratePpm / 10_000) : '5';
    this.priority = spec.priority;
    this.deadlineMinutes = String(Math.max(1, Math.round(spec.deadlineMs / 60_000)));
    this.label = spec.label;
    this.retryOf = retryOf;
    this.never = spec.providers?.never ?? [];
    this.only = spec.providers?.only ?? null;
  }
}

function typed(value: Json): string {
  if (typeof value === 'string') return value;
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
    ? value.join(', ')
    : JSON.stringify(value);
}

export const draft = new Draft();
