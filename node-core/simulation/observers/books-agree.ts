/** I4: after healing, both sides' books agree, and nothing that was accepted is unpaid. */
import type { Subject } from './subject.ts';

/** Null when the books of all pairs agree; else the first difference. Only pairs in which both are up are compared. */
export function booksDiffer(nodes: readonly Subject[]): { node: Subject; what: string } | null {
  const byPeer = new Map(nodes.map((node) => [node.peerId, node]));
  for (const payer of nodes) {
    if (payer.upSinceMs === null) continue;
    for (const [peer, { epoch, points, ackedMicro }] of payer.client.payers) {
      const payee = byPeer.get(peer);
      if (payee === undefined || payee.upSinceMs === null || !haveMet(payer, payee)) continue;
      const paid = points.at(-1)?.cumulativeMicro ?? 0n;
      const theirs = payee.provider.payees.get(payer.peerId);
      // A new channel, of which the payee hears with its first voucher.
      if (epoch > (theirs?.epoch ?? 0) && paid === 0n) continue;
      const received = theirs?.points.at(-1)?.cumulativeMicro ?? 0n;
      if (paid !== received)
        return { node: payer, what: `it paid ${payee.name} ${paid}, which has received ${received}` };
      if (ackedMicro !== paid)
        return { node: payer, what: `of ${paid} to ${payee.name} only ${ackedMicro} count as acknowledged` };
    }
  }
  for (const payer of nodes) {
    if (payer.upSinceMs === null) continue;
    for (const { replicaId, jobId, state } of payer.client.reserved.values()) {
      if (payer.client.jobs.get(jobId)?.endedElapsedMs === null) continue;
      return { node: payer, what: `the price of ${replicaId}, which is ${state}, is still reserved` };
    }
  }
  for (const payee of nodes) {
    if (payee.upSinceMs === null) continue;
    for (const [peer, { due }] of payee.provider.payees) {
      const payer = byPeer.get(peer);
      if (payer === undefined || payer.upSinceMs === null || !haveMet(payer, payee)) continue;
      for (const replicaId of due.keys()) {
        const job = payer.client.jobs.get(replicaId.slice(0, 32));
        // The work of a job that goes on is due until it is judged.
        if (job !== undefined && job.endedElapsedMs === null) continue;
        const known = payer.client.replicas.get(replicaId);
        return {
          node: payee,
          what: `${replicaId} is still due from ${payer.name}, where it is ${known?.state ?? 'unknown'}`,
        };
      }
    }
  }
  return null;
}

/** Since one of them forgot: until then neither can know that there is something to agree upon. */
function haveMet(a: Subject, b: Subject): boolean {
  const forgotAtMs = Math.max(a.forgotAtMs, b.forgotAtMs);
  return (a.spokeAtMs.get(b.peerId) ?? 0) > forgotAtMs && (b.spokeAtMs.get(a.peerId) ?? 0) > forgotAtMs;
}
