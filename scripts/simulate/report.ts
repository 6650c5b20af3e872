/** One line per scenario: what was done, what it took, and what anybody lost. */
import type { Answer } from './pool.ts';

export function report(answers: readonly Answer[]): string {
  const names = [...new Set(answers.map(({ result }) => result.scenario))];
  const header = [
    'scenario',
    'nodes',
    'runs',
    'red',
    'no fault',
    'done',
    'cancelled',
    'failed, by reason',
    'virtual',
    'messages',
    'gossip',
    'extra work',
    'wrong',
    'clients lost',
    'providers lost',
    'of at most',
    'most unpaid',
    'CPU',
  ];
  const rows = names.map((name) => {
    const of = answers.filter(({ result }) => result.scenario === name);
    const sum = (pick: (answer: Answer) => number): number => of.reduce((total, answer) => total + pick(answer), 0);
    const most = (pick: (answer: Answer) => bigint): bigint =>
      of.reduce((top, answer) => (pick(answer) > top ? pick(answer) : top), 0n);
    const reasons = new Map<string, number>();
    for (const { result } of of) {
      for (const [code, count] of Object.entries(result.jobsFailed))
        reasons.set(code, (reasons.get(code) ?? 0) + count);
    }
    const wanted = sum(({ result }) => result.itemsWanted);
    const extra = wanted === 0 ? 0 : (sum(({ result }) => result.itemsRun) / wanted - 1) * 100;
    return [
      name,
      span(of.map(({ result }) => result.nodes)),
      String(of.length),
      String(of.filter(({ result }) => result.broken !== null).length),
      withoutFault(of),
      String(sum(({ result }) => result.jobsDone)),
      String(sum(({ result }) => result.jobsCancelled)),
      [...reasons].map(([code, count]) => `${count} ${code}`).join(', ') || '–',
      `${Math.round(sum(({ result }) => result.virtualMs) / 60_000)} min`,
      String(sum(({ result }) => result.messages)),
      String(sum(({ result }) => result.gossip)),
      `${extra >= 0 ? '+' : ''}${extra.toFixed(1)} %`,
      String(sum(({ result }) => result.wrongAnswers)),
      String(of.reduce((total, { result }) => total + BigInt(result.clientsLostMicro), 0n)),
      String(of.reduce((total, { result }) => total + BigInt(result.providersLostMicro), 0n)),
      String(of.reduce((total, { result }) => total + BigInt(result.providersLimitMicro), 0n)),
      String(most(({ result }) => BigInt(result.mostUnpaidMicro))),
      `${(sum(({ cpuMs }) => cpuMs) / 1000).toFixed(0)} s`,
    ];
  });
  return table([header, ...rows]);
}

function span(numbers: readonly number[]): string {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  return least === most ? String(least) : `${least}–${most}`;
}

/** Runs that came to their end without the fault that they were made for; of a scenario that has any. */
function withoutFault(answers: readonly Answer[]): string {
  const none = answers.filter(({ result }) => result.faults.length === 0);
  return none.length === answers.length ? '–' : String(none.length);
}

export function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const [header = [], ...rest] = rows;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rest.map(line)].join('\n');
}
