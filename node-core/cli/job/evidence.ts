/** `peers <peer> --evidence`: the sum, and every receipt and note in it. */
import type { NodeApi, PeerEvidence, PeerExclusion, PeerId, PeerReputation } from '../../protocol/index.ts';
import { answer, type Context } from '../context.ts';
import { pairLines, tableLines } from '../text/table.ts';
import { jobIdText, peerText, timeText } from '../text/units.ts';

const pageOf = 500;
/** More are the answer of the API, page by page. */
const shownMax = 5_000;

export async function showEvidence(context: Context, node: NodeApi, peerId: PeerId, asJson: boolean): Promise<'ok'> {
  let page = await node.call('peers.reputation', { peerId, limit: pageOf });
  const evidence = [...page.evidence];
  while (page.next !== null && evidence.length < shownMax) {
    page = await node.call('peers.reputation', { peerId, limit: pageOf, after: page.next });
    evidence.push(...page.evidence);
  }
  const all: PeerReputation = { ...page, evidence };
  answer(context, asJson, all, () => [
    ...sumLines(context, all),
    '',
    ...(evidence.length === 0 ? ['nothing is known of its work'] : evidenceLines(context, evidence)),
    ...(all.next === null ? [] : [`… and more after entry ${all.next} of the log`]),
  ]);
  return 'ok';
}

function sumLines(context: Context, { peerId, score, parts, formula, excluded }: PeerReputation): string[] {
  const { prior, own, proofs, trusted, patrons, strangers } = parts;
  const good = sum(Object.values(parts).map((part) => part.good));
  const bad = sum(Object.values(parts).map((part) => part.bad));
  const both = (part: { good: number; bad: number }) => `${number(part.good)} good, ${number(part.bad)} bad`;
  return [
    ...pairLines(context.out, [
      ['peer', peerId],
      ['score', `${score.toFixed(3)} = ${number(good)} / (${number(good)} + ${number(bad)})`],
      ['a stranger has', both(prior)],
      ['own experience', both(own)],
      ['proofs', both(proofs)],
      ['trusted word', both(trusted)],
      ['clients’ word', both(patrons)],
      ['strangers’ word', both(strangers)],
      ...(excluded === null ? [] : [['excluded', exclusionText(excluded)] as const]),
    ]),
    context.out.paint('dim', formula),
  ];
}

function evidenceLines(context: Context, evidence: readonly PeerEvidence[]): string[] {
  return tableLines(
    context.out,
    [
      { title: 'time' },
      { title: 'what' },
      { title: 'by' },
      { title: 'job' },
      { title: 'footing' },
      { title: 'weight', align: 'right' },
      { title: 'kept', align: 'right' },
      { title: 'trust', align: 'right' },
      { title: 'adds', align: 'right' },
    ],
    evidence.map((each) => [
      timeText(each.at),
      each.reason === '' ? each.what : `${each.what}: ${each.reason}`,
      each.client === null ? 'this node' : peerText(each.witness ?? each.client),
      jobIdText(each.replicaId),
      each.footing,
      number(each.weight),
      each.kept.toFixed(2),
      each.trust.toFixed(3),
      number(each.adds),
    ]),
  );
}

function exclusionText({ since, until, compared, differed, witnesses }: PeerExclusion): string {
  const by = witnesses.length === 0 ? '' : `, by the answers of ${witnesses.map(peerText).join(', ')}`;
  return `${timeText(since)} to ${timeText(until)}: ${differed} of ${compared} differed${by}`;
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
const number = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(3));
