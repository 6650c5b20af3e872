import { document } from './markdown.ts';
import type { TypeTables } from './schemas.ts';

export const recordSections = [
  'Quote',
  'Commitment',
  'Reveal',
  'Opening',
  'ReceiptBody',
  'Receipt',
  'Evidence',
  'ReceiptBatch',
  'Voucher',
  'VoucherAck',
  'PaidReplica',
  'Statement',
  'Release',
];

export function records(types: TypeTables): string {
  return document(
    '## Records',
    types.section('Quote', 'A provider’s binding price for one client and one job. Signed in the domain `quote`.'),
    `
### Commit, then reveal

A provider binds itself to its outputs before it can see anybody else's. With several copies nobody is asked to reveal before
all have committed or their time is over; with one copy commitment and reveal travel together.

    itemHash    = hash {itemSalt, index, output}        per item; index within the shard, itemSalt of the job
    outputsHash = hash {items: [itemHash…]}
    digest      = hash {jobId, shardId, replicaId, peerId, outputsHash, salt}
    taskHash    = hash {template, model, params, inputsHash, itemSalt}
    inputsHash  = hash [input…]

\`salt\` is the provider's own, 16 random bytes in base64url. A reveal opens a commitment when it names the same \`replicaId\` and
\`digest\`, and its \`outputsHash\` and \`salt\` give that digest. Outputs, salt and commitment are durable **before** the
commitment leaves; a provider that restarts sends the same commitment again. The provider signs the \`taskHash\` of what it was
really given, and the aggregator checks that it is that of the shard.
`,
    types.section('Commitment', 'Signed in the domain `commitment` by the provider.'),
    types.section(
      'Reveal',
      'Signed in the domain `reveal` by the provider, which signs none that does not open its commitment.',
    ),
    types.section('Opening', 'What a third party needs to compare outputs without seeing them.'),
    `
### Verdicts and receipts

\`accepted\`: the replica agrees with the quorum, and is paid. \`rejected\`: its reveal does not open its commitment, or its
differences from the quorum are more than honest disagreement explains; unpaid, with evidence. \`undecided\`: no quorum;
nobody is paid, nobody penalised. \`superseded\`: not needed any more; unpaid.

A receipt convinces a third party that knows nobody. Client and provider differ.

- **good**: the client's and the provider's signature over the same body, domain \`receipt\`.
- **bad**, \`reveal-mismatch\`: the client's signature, and the accused's signed commitment and signed reveal of the same replica
  and digest, where the reveal's \`outputsHash\` and \`salt\` do not give the digest. It claims nothing else: \`itemsWrong\` is 0
  and \`quorum\` empty.
- **bad**, \`minority\`: the client's signature; commitment and opening of the accused that belong together; and those of at
  least two other providers, each one counted once, neither the accused nor the client among them, for the same job, shard and
  \`taskHash\`, with the same item hashes among themselves. \`items\` is the number of their item hashes, \`itemsWrong\` (not 0) the
  number in which the accused differs.

A receipt that misses any of this is worth nothing. A \`lost\` or failed replica makes no receipt.

#### How receipts travel

A receipt with \`shared: true\`, good or bad for one of the two reasons above, may be told to anybody. Without it, it stays with
the two peers that it names. **Receipts reveal who worked for whom**; a client that does not want that sets
\`reputation.gossip: false\`, and then signs none that is shared. A provider cannot keep its clients from telling.

- **Gossip.** The client publishes batches ([ReceiptBatch](#receiptbatch)) on \`/infernet/receipts/1/<template>\`. A batch holds only
  receipts that its author signed as the client, about that template. Receivers pass a batch on when all of it convinces and
  some of it is new, drop what is over the author's rate or quota, and count a batch with anything forged against its sender.
- **Meetings.** A node asks one of its connected peers after the other for what it lacks, so that who was away catches up, and
  receipts over \`gossipBytesMax\` travel too: \`receipts.compare\` (the bucket of a receipt is the number in the first 4 hex digits of the
  hash of its body, modulo \`receiptBuckets\`; the digest is over the sorted hashes in it, joined by line feeds) →
  \`receipts.offer\`; \`receipts.want\` → \`receipts.page\`.

A receiver checks signatures and evidence before a receipt counts, and counts the same work once, by whatever way it came and
whoever signed it again. What it is worth is the receiver's own affair ([reputation](reputation.md)); scores are never told.
`,
    types.section('Receipt', 'Both signatures are over the body alone.'),
    types.section('ReceiptBody', 'Two kinds.'),
    types.section('Evidence', 'For a bad receipt.'),
    types.section('ReceiptBatch', 'A gossip message.'),
    `
### Credit rail

Two nodes keep a one-way channel for each direction: \`channelId\` = hash \`{rail: "credit", payer, payee, unit: "micro-credit",
epoch}\`. A voucher says how much was ever paid through it, so the highest one is all that a payee needs. \`head\` chains the
payments: it begins with hash \`{rail: "credit", head: "empty"}\`, and each payment makes it hash \`{head, replicaId, priceMicro}\`.

The payer reserves a replica's price, durably, before the work leaves; pays it, durably, before the voucher leaves; and never
twice. It releases a reservation after a signed [Release](#release), or after deadline, lease and grace. The payee stores the
best voucher before it acknowledges it, and never takes a lower one. It takes work only while what it did or runs for the
client, less the best voucher, stays within the credit limit of its quote.
`,
    types.section('Voucher', 'Signed in the domain `voucher` by the payer.'),
    types.section('VoucherAck', 'Signed in the domain `voucher-ack` by the payee.'),
    types.section('PaidReplica', 'A payment in the chain.'),
    types.section('Statement', 'One side’s book of one channel.'),
    types.section('Release', 'Signed in the domain `release` by the provider.'),
  );
}
