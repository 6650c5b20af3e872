/** A plan as people read it before they say yes. */

import type { JobSpecInput } from '../../protocol/index.ts';
import { pairLines } from '../text/table.ts';
import { plain, type Terminal } from '../text/terminal.ts';
import { countText, creditsText, peerText } from '../text/units.ts';
import type { PlannedSubmission } from './spec.ts';

const namedMax = 5;

export function planLines(terminal: Terminal, templateName: string, planned: PlannedSubmission): string[] {
  const { spec, plan, budgetBy } = planned;
  const policy = spec.policy;
  const own = spec.ownNode === 'only';
  const budgets = {
    owner: '',
    plan: ' (what is set aside at most; --budget changes it)',
    guess: ' (nobody names a price yet; --budget changes it)',
  };
  const best = plan.candidates
    .slice(0, namedMax)
    .map(({ peerId, score }) => `${peerText(peerId)} (score ${score.toFixed(2)})`);
  const more = plan.candidates.length - best.length;
  return pairLines(terminal, [
    ['job', `${plain(templateName)}${spec.model ? ` with ${plain(spec.model)}` : ''}`],
    ['items', `${spec.inputs.length} in ${countText(plan.shards, 'shard')}`],
    ...(own
      ? ([
          ['runs on', 'this node only: one copy, unchecked, unpaid'],
          ['readers', 'nobody else reads the inputs'],
          ['cost', 'nothing'],
        ] as const)
      : ([
          ['copies', copiesText(policy)],
          ['readers', `${countText(plan.readers, 'provider')} will be able to read each input`],
          [
            'cost',
            plan.candidates.length === 0
              ? 'unknown: nobody offers it yet'
              : `${creditsText(plan.expectedMicro)} expected, ${creditsText(plan.reserveMicro)} set aside at most`,
          ],
          ['budget', `${creditsText(spec.budgetMicro)}${budgets[budgetBy]}`],
          ['providers', best.length === 0 ? 'none known' : `${best.join(', ')}${more > 0 ? ` and ${more} more` : ''}`],
        ] as const)),
    ...plan.missing.map((text) => ['missing', terminal.paint('yellow', plain(text))] as const),
  ]);
}

function copiesText(policy: JobSpecInput['policy']): string {
  switch (policy?.type) {
    case 'sample':
      return '1, of which some are checked by another provider';
    case 'adaptive':
      return '1, checked by another provider the less often the better it has done so far';
    default:
      return policy?.copies === 1
        ? '1, unchecked'
        : `${policy?.copies ?? 2}, of which ${policy?.quorum ?? 2} must agree`;
  }
}
