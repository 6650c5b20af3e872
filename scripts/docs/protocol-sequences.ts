import { sequence } from './diagrams.ts';
import { document, duration } from './markdown.ts';
import { defaults } from './schemas.ts';

export function sequences(): string {
  const { leaseMs, leaseRenewMs, suspectMs, graceMs, stragglerFactorPercent, stragglerMs } = defaults.aggregator;
  return document(
    `
## Sequences

C is the client's aggregator, P a provider. Answers of the kind “stored” are left out where they say nothing new.

### Two copies that agree
`,
    sequence(`
participant P1
participant C
participant P2
C->>P1: job.quote
P1->>C: job.offer
C->>P2: job.quote
P2->>C: job.offer
Note over C: reserves both prices, durably
C->>P1: shard.assign
P1->>C: shard.accept{queued}
C->>P2: shard.assign
P2->>C: shard.accept{queued}
loop every ${duration(leaseRenewMs)}
  C->>P1: lease.renew
  P1->>C: lease.ack
end
P1->>C: shard.commit
Note over C: waits: nobody reveals before all have committed
P2->>C: shard.commit
C->>P1: shard.reveal.request
P1->>C: shard.reveal
C->>P2: shard.reveal.request
P2->>C: shard.reveal
Note over C: equal item hashes: accepted, paid, durably
C->>P1: shard.verdict{accepted}
C->>P2: shard.verdict{accepted}
C->>P1: receipt
P1->>C: receipt (countersigned)
C->>P1: payment.voucher
P1->>C: payment.ack
`),
    `
When the two differ, a tie-breaker runs the shard too, and is not told that it is one. The minority is \`rejected\` with
evidence if its differences are more than honest disagreement explains.

### One copy

Commitment and reveal travel together; nothing is compared, and the result is marked as unchecked.
`,
    sequence(`
C->>P: shard.assign{reveal: with-commit}
P->>C: shard.accept{queued}
P->>C: shard.progress
P->>C: shard.commit{result}
C->>P: shard.verdict{accepted}
P->>C: shard.verdict.ack
C->>P: payment.voucher
P->>C: payment.ack
`),
    `
### A straggler is hedged

A replica that runs longer than ${stragglerFactorPercent} % of the job's median (and than ${duration(stragglerMs)}), or whose channel is silent for
${duration(suspectMs)}, gets a second attempt beside it.
`,
    sequence(`
participant P1
participant C
participant P2
C->>P1: shard.assign{attempt: 1}
P1->>C: shard.accept
Note over P1: is slow
C->>P2: shard.assign{attempt: 2}
P2->>C: shard.accept
P2->>C: shard.commit
Note over C: enough copies
C->>P1: shard.cancel
alt P1 had not committed
  P1->>C: shard.cancelled{cancelled, release}
  Note over C: superseded, unpaid, reservation released
else P1 had committed
  P1->>C: shard.cancelled{committed, no release}
  C->>P1: shard.reveal.request
  P1->>C: shard.reveal
  C->>P1: shard.verdict
end
`),
    `
### Cancel
`,
    sequence(`
C->>P: shard.cancel
Note over P: ends the run, frees the place
P->>C: shard.cancelled{cancelled, release}
Note over C: reservation released
`),
    `
What was accepted before stays, and is paid. The job ends as \`cancelled\` with its partial results.

### A provider crashes
`,
    sequence(`
participant P1
participant C
participant P2
C->>P1: shard.assign
P1->>C: shard.accept
Note over P1: killed
Note over C: channel down, or silent for ${duration(suspectMs)}
C->>P2: shard.assign{attempt: 2}
Note over P1: restarts from its log
C->>P1: shard.assign (again, a query)
alt it had not committed
  P1->>C: shard.fail{internal, release}
else it had committed
  P1->>C: shard.accept{committed}
  P1->>C: shard.commit (the same)
end
`),
    `
### The aggregator restarts

A provider keeps a result that it committed to for \`leaseMs\` + \`graceMs\` (${duration(leaseMs)} + ${duration(graceMs)}) without the aggregator.
`,
    sequence(`
P->>C: shard.commit
Note over C: killed; restarts; reads its log
C->>P: shard.assign (again, a query)
P->>C: shard.accept{committed}
P->>C: shard.commit (the same)
C->>P: shard.reveal.request
P->>C: shard.reveal
C->>P: shard.verdict{accepted}
C->>P: payment.voucher
P->>C: payment.ack
`),
    `
A verdict that was reached before the crash is sent again from the log, and the voucher follows from it.

### Books after a reconnection

Both sides send the statements of both directions. The higher voucher counts, whoever shows it: the payer's own signature is on
it. A payer that was restored from an old backup adopts it before it pays anything.
`,
    sequence(`
Note over C,P: a new channel between peers that have books
C->>P: payment.statement
P->>C: payment.statement
alt the payee misses a voucher
  Note over P: takes the best one from the statement
  P->>C: payment.ack
else the payer misses one that it signed
  Note over C: adopts it, with the replicas that the statement lists
end
`),
  );
}
