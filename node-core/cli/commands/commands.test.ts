/** The commands against a node whose answers the test gives. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyFile, peerIdOfSeed, phraseOf } from '../../identity/index.ts';
import { ApiError, type MethodResult, nodeMethods } from '../../protocol/index.ts';
import { type Answers, clientOf, type FakeClient, noon, runCli } from '../testing.ts';

type Detail = MethodResult<'jobs.get'>;
type Entry = MethodResult<'logs.query'>['entries'][number];

const jobId = '4fa9'.repeat(8);
const provider = `12D3KooW${'B'.repeat(36)}bbbbbbbb`;
const template = {
  id: `b${'a'.repeat(58)}`,
  name: 'text-classification',
  title: '',
  description: '',
  verifier: 'label',
  models: [],
  params: {},
  input: { type: 'object', properties: { text: { type: 'string' } } },
  providers: 2,
};
const plan = {
  shards: 1,
  candidates: [{ peerId: provider, score: 0.5, terms: {}, price: { shardMicro: '1000', itemMicro: '100' } }],
  readers: 2,
  reserveMicro: '3300',
  expectedMicro: '2200',
  missing: [],
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'infernet-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function detail(change: Partial<Detail> = {}): Detail {
  const replica = {
    replicaId: `${jobId}.0.1.bbbbbbbb`,
    provider,
    role: 'copy' as const,
    state: 'running' as const,
    itemsDone: 1,
    priceMicro: '1100',
    terms: { speed: 0.5 },
  };
  return {
    jobId,
    label: 'reviews',
    state: 'running',
    template: template.id,
    templateName: template.name,
    items: 2,
    shardsTotal: 1,
    shardsAccepted: 0,
    budgetMicro: '3300',
    spentMicro: '0',
    createdAt: noon - 5_000,
    endedAt: null,
    code: null,
    reason: '',
    deadlineAt: noon + 60_000,
    shards: [{ shardId: `${jobId}.0`, index: 0, start: 0, count: 2, state: 'open', how: null, replicas: [replica] }],
    ...change,
  };
}

const done = () => detail({ state: 'done', shardsAccepted: 1, spentMicro: '2200', endedAt: noon, shards: [] });
const outputs = [
  { index: 0, output: { label: 'positive' }, how: 'checked' as const },
  { index: 1, output: null, how: 'missing' as const },
];

/** @param states what `jobs.get` answers, one after the other; the last one again and again. */
function jobNode(states: readonly Detail[], more: Answers = {}) {
  const submitted: unknown[] = [];
  let asked = 0;
  const client = clientOf({
    'jobs.templates': () => ({ templates: [template] }),
    'jobs.plan': () => plan,
    'jobs.submit': (spec) => {
      submitted.push(spec);
      return { jobId };
    },
    'jobs.get': () => states[Math.min(asked++, states.length - 1)],
    'jobs.results': () => ({ jobId, state: 'done', outputs }),
    'jobs.list': () => ({ jobs: [{ ...done(), seq: 7 }] }),
    'logs.query': () => ({ entries: [], next: 0 }),
    ...more,
  });
  return { client, submitted, connect: () => client };
}

describe('submit', () => {
  it('does not send anything to others without being told to', async () => {
    const { submitted, connect } = jobNode([done()]);
    const run = await runCli(['submit', '--text', 'a'], { connect });
    expect(run).toMatchObject({ exit: 'usage', out: '' });
    expect(run.err).toContain('2 providers will be able to read each input');
    expect(run.err).toContain('0.0022 credits expected, 0.0033 credits set aside at most');
    expect(run.err).toContain('--yes');
    expect(submitted).toEqual([]);
  });

  it('asks on a terminal, where silence means no', async () => {
    const { submitted, connect } = jobNode([done()]);
    expect(await runCli(['submit', '--text', 'a'], { connect, terminal: true, stdin: '' })).toMatchObject({
      exit: 'declined',
    });
    expect(submitted).toEqual([]);
    expect(await runCli(['submit', '--text', 'a'], { connect, terminal: true, stdin: 'y' })).toMatchObject({
      exit: 'ok',
    });
    expect(submitted).toHaveLength(1);
  });

  it('samples at the rate that is asked for, and gives the job its priority', async () => {
    const { submitted, connect } = jobNode([done()]);
    const words = ['--check', 'sample', '--rate', '0.5', '--priority', '9', '--yes', '--no-wait'];
    expect(await runCli(['submit', '--text', 'a', ...words], { connect })).toMatchObject({ exit: 'ok' });
    expect(submitted).toMatchObject([{ policy: { type: 'sample', ratePpm: 5_000 }, priority: 9 }]);
  });

  it('makes a job of its options, and of the plan the budget', async () => {
    const { submitted, connect } = jobNode([done()]);
    const words = [
      '--model',
      'infernet-tiny',
      '-p',
      'labels=["a","b"]',
      'instruction=Which?',
      '--copies',
      '3',
      '--deadline',
      '2m',
      '--items-per-shard',
      '5',
      '--label',
      'x',
      '--yes',
      '--no-wait',
    ];
    const run = await runCli(['submit', '-', ...words], { connect, stdin: 'one\ntwo\n' });
    expect(run).toMatchObject({ exit: 'ok', out: `submitted job ${jobId}\n` });
    expect(run.err).toContain(`follow it by: infernet-desktop job ${jobId.slice(0, 8)} --wait`);
    expect(submitted).toEqual([
      {
        template: template.id,
        model: 'infernet-tiny',
        params: { labels: ['a', 'b'], instruction: 'Which?' },
        inputs: [{ text: 'one' }, { text: 'two' }],
        policy: { type: 'replicate', copies: 3, quorum: 2 },
        itemsPerShard: 5,
        deadlineMs: 120_000,
        label: 'x',
        budgetMicro: '3300',
      },
    ]);
  });

  it('needs no consent for the own node alone, and says one document in JSON', async () => {
    const own = { ...plan, readers: 0, expectedMicro: '0', reserveMicro: '0', candidates: [] };
    const { submitted, connect } = jobNode([detail(), done()], { 'jobs.plan': () => own });
    const run = await runCli(['submit', '--text', 'a', '--own-node', 'only', '--wait', '--json'], { connect });
    expect(run.exit).toBe('ok');
    expect(JSON.parse(run.out)).toMatchObject({ jobId, budgetMicro: '0', job: { state: 'done' }, outputs });
    expect(submitted).toMatchObject([{ ownNode: 'only', budgetMicro: '0' }]);
  });

  it('takes a guess for the budget where nobody names a price, and says so', async () => {
    const nobody = {
      ...plan,
      reserveMicro: '0',
      expectedMicro: '0',
      candidates: [],
      missing: ['2 providers are needed, 0 known'],
    };
    const { submitted, connect } = jobNode([done()], { 'jobs.plan': () => nobody });
    const run = await runCli(['submit', '--text', 'a', '--yes', '--no-wait'], { connect });
    expect(run.err).toMatch(/budget +1 credit \(nobody names a price yet/);
    expect(run.err).toMatch(/missing +2 providers are needed/);
    expect(submitted).toMatchObject([{ budgetMicro: '1000000' }]);
  });

  it('follows the job by shards and providers, and writes the answers', async () => {
    const { connect } = jobNode([detail(), detail(), done()]);
    const out = join(folder, 'labels.csv');
    const run = await runCli(['submit', '--text', 'a', '--yes', '--out', out], { connect });
    expect(run).toMatchObject({ exit: 'ok', out: '' });
    expect(run.err).toContain('0 of 1 shard accepted (…bbbbbbbb 1 shard 1 item)');
    expect(run.err).toContain('done in 5.0 s, 1 of 1 shard accepted, 0.0022 credits spent');
    expect(run.err).toContain('1 of 2 items has no answer');
    expect(readFileSync(out, 'utf8')).toBe('index,how,output\n0,checked,positive\n1,missing,\n');
  });

  it('draws bars on a terminal', async () => {
    const { connect } = jobNode([detail(), done()]);
    const run = await runCli(['submit', '--text', 'a', '--yes'], { connect, terminal: true });
    expect(run.err).toMatch(/job +░{24} {2}0\/1 shards accepted/);
    expect(run.err).toMatch(/…bbbbbbbb +█{24} {2}1 item, 1 shard, 1 running/);
    expect(run.err).toMatch(/job +█{24} {2}1\/1 shards accepted/);
    expect(run.out).toContain('positive');
  });

  it('ends with 1 when the job fails, with the reason', async () => {
    const failed = detail({ state: 'failed', code: 'no-capacity', reason: 'nobody came', endedAt: noon, shards: [] });
    const { connect } = jobNode([failed]);
    const run = await runCli(['submit', '--text', 'a', '--yes', '--wait'], { connect });
    expect(run.exit).toBe('failed');
    expect(run.err).toContain('failed in 5.0 s, 0 of 1 shard accepted, nothing to pay: nobody came (no-capacity)');
  });

  it('detaches at Ctrl-C: the job goes on', async () => {
    const { client, connect } = jobNode([detail()]);
    const run = await runCli(['submit', '--text', 'a', '--yes', '--wait'], {
      connect,
      onSleep: (interrupt) => interrupt(),
    });
    expect(run.exit).toBe('interrupted');
    expect(run.err).toContain(`job ${jobId} goes on`);
    expect(run.err).toContain(`infernet-desktop job ${jobId.slice(0, 8)} --wait`);
    expect(client.calls.map(({ method }) => method)).not.toContain('jobs.cancel');
  });

  it('goes on to follow after the node was started again', async () => {
    const { client, connect } = jobNode([detail(), done()]);
    let connections = 0;
    const gone = () => {
      connections += 1;
      // Submitted over the first connection; then it is away for a while.
      return connections === 2 || connections === 3 ? null : connect();
    };
    let broken = false;
    const { answer } = client;
    client.answer = (method, params) => {
      if (
        method === 'jobs.get' &&
        connections === 1 &&
        !broken &&
        client.calls.filter((call) => call.method === 'jobs.get').length > 1
      ) {
        broken = true;
        throw new ApiError('unavailable', 'the connection to the node is closed');
      }
      return answer(method, params);
    };
    const run = await runCli(['submit', '--text', 'a', '--yes', '--wait'], { connect: gone });
    expect(run.exit).toBe('ok');
    expect(run.err.match(/the node is gone/g)).toHaveLength(1);
  });

  it('looks before it submits whether the answers can be written', async () => {
    const { client, connect } = jobNode([done()]);
    const run = await runCli(['submit', '--text', 'a', '--yes', '--out', join(folder, 'none', 'x.jsonl')], { connect });
    expect(run.exit).toBe('not-allowed');
    expect(client.calls).toEqual([]);
  });

  it('names the template’s neighbours, and a file that is not there', async () => {
    const { connect } = jobNode([done()]);
    expect((await runCli(['submit', '--text', 'a', '-t', 'nope'], { connect })).err).toContain(
      'this node knows text-classification',
    );
    expect((await runCli(['submit', join(folder, 'none.csv')], { connect })).err).toContain(
      'the inputs cannot be read',
    );
  });
});

describe('jobs', () => {
  it('say what to do when there are none', async () => {
    const { connect } = jobNode([], { 'jobs.list': () => ({ jobs: [] }) });
    expect((await runCli(['jobs'], { connect })).out).toContain('no jobs yet; the first: infernet-desktop submit');
    expect((await runCli(['jobs', '--state', 'failed'], { connect })).out).toBe('no job matches\n');
    expect(JSON.parse((await runCli(['jobs', '--json'], { connect })).out)).toEqual({ jobs: [] });
  });

  it('are listed without what could play tricks on the terminal', async () => {
    const evil = { ...done(), label: 'a\x1b]0;x\x07\nb', seq: 1 };
    const { connect } = jobNode([], { 'jobs.list': () => ({ jobs: [evil] }) });
    const { out } = await runCli(['jobs'], { connect });
    expect(out).toContain('a ]0;x b');
    expect(out.trim().split('\n')).toHaveLength(2);
  });

  it('are found by the first letters of their ids', async () => {
    const twins = ['4fa9', '4fab'].map((start) => ({ ...done(), jobId: start.padEnd(32, '0'), seq: 1 }));
    const { connect } = jobNode([done()], { 'jobs.list': () => ({ jobs: twins }) });
    expect((await runCli(['job', '4fa9'], { connect })).exit).toBe('ok');
    expect(await runCli(['job', '4faa'], { connect })).toMatchObject({ exit: 'not-found' });
    const both = jobNode([done()], { 'jobs.list': () => ({ jobs: [...twins, ...twins] }) });
    expect(await runCli(['job', '4fa9'], both)).toMatchObject({
      exit: 'usage',
      err: expect.stringContaining("2 jobs' ids"),
    });
  });

  it('show who runs their shards', async () => {
    const { connect } = jobNode([detail()]);
    const { exit, out } = await runCli(['job'], { connect });
    expect(exit).toBe('ok');
    expect(out).toMatch(/0 {2}0–1 +open +…bbbbbbbb +copy +running +1\/2 +0\.0011 credits/);
  });

  it('show why their shards are where they are', async () => {
    const other = `12D3KooW${'c'.repeat(44)}`;
    const replica = {
      replicaId: `${jobId}.0.1.bbbbbbbb`,
      provider,
      at: noon,
      role: 'copy',
      score: 0.5,
      terms: [{ name: 'speed', value: 0.5, words: 'half as fast' }],
      outcome: 'it is under way',
      others: [{ provider: other, score: 0.4, why: 'lower-score', words: 'its score was lower' }],
    };
    const shards = [{ shardId: `${jobId}.0`, outcome: 'it is under way', replicas: [replica] }];
    const asked: unknown[] = [];
    const { connect } = jobNode([detail()], {
      'jobs.why': (params) => {
        asked.push(params);
        return { jobId, waitsFor: 'somebody', shards, more: 3 };
      },
    });
    const { exit, out } = await runCli(['job', '--why', '--shard', '0'], { connect });
    expect(exit).toBe('ok');
    expect(asked).toEqual([{ jobId, shardId: `${jobId}.0` }]);
    for (const line of [
      'nothing goes on at present: somebody',
      'shard 0: it is under way',
      '  …bbbbbbbb as copy, score 0.500: it is under way',
      '    speed  0.50  half as fast',
      '    not …cccccccc, score 0.400: its score was lower',
      'and 3 further shards: --shard <index>',
    ]) {
      expect(out.split('\n')).toContain(line);
    }
    expect((await runCli(['job', '--shard', '0'], { connect })).exit).toBe('usage');
  });

  it('are kept away from a provider for reasons that it is told', async () => {
    const offer = { template: 'x', templateName: 'colours', model: null, modelName: null, place: 2, of: 3, score: 0.1 };
    const terms = [{ name: 'price', value: 0.5, best: 1, words: 'twice the price of the cheapest' }];
    const connect = () =>
      clientOf({
        'provider.why': () => ({
          findings: [
            { code: 'off', weight: 'blocks', text: 'it is off', advice: 'switch it on' },
            { code: 'lists', weight: 'note', text: '1 is blocked', advice: '' },
          ],
          demand: { since: noon, quotes: 3, assignments: 2, taken: 1, clients: 1, lastAt: noon + 1000, declined: [] },
          offers: [{ ...offer, terms }],
        }),
      });
    const { exit, out } = await runCli(['status', '--why'], { connect });
    expect(exit).toBe('ok');
    expect(out).toMatch(/in the way {2}it is off\n {12}→ switch it on\nnote {8}1 is blocked\n/);
    expect(out).toContain('1 client, 3 questions for the price, 2 shards offered, 1 taken');
    expect(out).toContain('colours: place 2 of 3, score 0.100');
    expect(out).toContain('  price  0.50 (best other 1.00)  twice the price of the cheapest');
  });

  it('that failed end a wait with 1', async () => {
    const failed = detail({ state: 'cancelled', endedAt: noon, shards: [] });
    expect((await runCli(['job', 'last', '--wait'], jobNode([detail(), failed]))).exit).toBe('failed');
    expect((await runCli(['job', 'last'], jobNode([failed]))).exit).toBe('ok');
  });

  it('give their answers to programs as JSON lines, to people as a table', async () => {
    const { connect } = jobNode([]);
    const lines = (await runCli(['results'], { connect })).out.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(outputs);
    expect((await runCli(['results'], { connect, terminal: true })).out).toMatch(
      /0 {2}checked +positive\n +1 {2}missing\n/,
    );
    expect(JSON.parse((await runCli(['results', '--json'], { connect })).out)).toEqual({
      jobId,
      state: 'done',
      outputs,
    });
  });
});

describe('logs', () => {
  const entry = (seq: number): Entry => ({
    seq,
    at: noon,
    room: 'node',
    summary: '',
    event: { type: 'node.stopped', reason: `r${seq}` },
  });
  function logNode(count: () => number): FakeClient {
    return clientOf({
      'logs.query': (params) => {
        const { after, limit } = nodeMethods['logs.query'].params.parse(params);
        const entries = Array.from({ length: Math.max(0, Math.min(limit, count() - after)) }, (_, i) =>
          entry(after + i + 1),
        );
        return { entries, next: entries.at(-1)?.seq ?? after };
      },
    });
  }
  const seqs = (out: string) =>
    out
      .trim()
      .split('\n')
      .map((line) => Number(line.trim().split(' ')[0]));

  it.each([0, 1, 2, 49, 50, 51, 1000, 2345])('show the last entries of %d', async (count) => {
    const { out } = await runCli(['logs', '-n', '50'], { connect: () => logNode(() => count) });
    if (count === 0) return expect(out).toBe('no entry matches\n');
    const from = Math.max(1, count - 49);
    expect(seqs(out)).toEqual(Array.from({ length: count - from + 1 }, (_, i) => from + i));
  });

  it('go on from a cursor', async () => {
    const { out } = await runCli(['logs', '--after', '1200', '-n', '3', '--json'], {
      connect: () => logNode(() => 2000),
    });
    expect(JSON.parse(out)).toMatchObject({ entries: [{ seq: 1201 }, { seq: 1202 }, { seq: 1203 }], next: 1203 });
  });

  it('are followed over a restart of the node, with nothing missed or doubled', async () => {
    let count = 3;
    let connections = 0;
    const nodes: FakeClient[] = [];
    const connect = () => {
      connections += 1;
      // While it is away, something still happens.
      if (connections === 2 || connections === 3) {
        count += 1;
        return null;
      }
      const node = logNode(() => count);
      node.append(count);
      nodes.push(node);
      setImmediate(() => {
        count += 2;
        node.append(2);
        setImmediate(() => setImmediate(() => node.breakOff('restarted')));
      });
      return node;
    };
    let sleeps = 0;
    const run = await runCli(['logs', '--follow', '--json'], {
      connect,
      onSleep: (interrupt) => {
        sleeps += 1;
        if (sleeps === 6) interrupt();
      },
    });
    expect(run.exit).toBe('ok');
    const found = run.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).seq);
    expect(found).toEqual(Array.from({ length: found.length }, (_, i) => i + 1));
    expect(found.length).toBeGreaterThanOrEqual(9);
    expect(run.err).toContain('the node is gone (restarted)');
    expect(nodes.every(({ subscribers }) => subscribers === 0)).toBe(true);
  });
});

describe('export', () => {
  const rows = [
    {
      seq: 2,
      at: noon - 1000,
      peer: provider,
      direction: 'paid',
      amountMicro: '2200',
      cumulativeMicro: '2200',
      replicaId: `${jobId}.0.1.bbbbbbbb`,
    },
    {
      seq: 1,
      at: noon - 90 * 86_400_000,
      peer: provider,
      direction: 'received',
      amountMicro: '5',
      cumulativeMicro: '5',
      replicaId: null,
    },
  ];
  const world = () => ({
    connect: () =>
      clientOf({
        'node.status': () => ({ peerId: provider, version: '0.1.0' }),
        'jobs.list': () => ({ jobs: [{ ...done(), label: '=HYPERLINK("x")', seq: 3 }] }),
        'wallet.ledger': () => ({ rows }),
        'logs.query': () => ({
          entries: [
            {
              seq: 1,
              at: noon - 10,
              room: '',
              summary: '',
              event: { type: 'replica.failed', jobId, provider, code: 'timeout', reason: 'a, "b"' },
            },
            {
              seq: 2,
              at: noon - 10,
              room: '',
              summary: '',
              event: { type: 'job.ended', jobId, state: 'done', code: null, reason: '' },
            },
            { seq: 3, at: noon - 10, room: '', summary: '', event: { type: 'node.started', unclean: true } },
          ],
          next: 3,
        }),
      }),
  });

  it('sums up what falls into the period', async () => {
    const { out } = await runCli(['export', '--since', '7d', '--json'], world());
    expect(JSON.parse(out)).toMatchObject({
      totals: { jobs: 1, byState: { done: 1 }, paidMicro: '2200', receivedMicro: '0', errors: 2 },
      payments: [{ seq: 2 }],
      errors: [{ type: 'replica.failed', code: 'timeout' }, { type: 'node.started' }],
    });
  });

  it('is a table that no spreadsheet runs', async () => {
    const { out } = await runCli(['export', '--format', 'csv'], world());
    expect(out).toContain(`job,2026-03-01T11:59:55.000Z,${jobId},"'=HYPERLINK(""x"")",done,,2,1,1,2200,,`);
    expect(out).toContain('timeout,"a, ""b"""');
  });

  it('is read as Markdown, also from a file', async () => {
    const file = join(folder, 'report.md');
    expect(await runCli(['export', '--out', file], world())).toMatchObject({ exit: 'ok', out: '' });
    expect(readFileSync(file, 'utf8')).toContain('- 0.0022 credits paid, 0 credits received');
  });
});

describe('wallet', () => {
  it('says what peers owe, what is left of the caps, and how each limit came about', async () => {
    const summary: MethodResult<'wallet.summary'> = {
      unit: 'micro-credit',
      notice: 'Credits are not money.',
      paidMicro: '9000',
      receivedMicro: '30000',
      reservedMicro: '2000',
      owedToUsMicro: '0',
      net: { owedByPeersMicro: '21000', peersOwing: 1, owedToPeersMicro: '0', peersOwed: 0 },
      caps: {
        dayMicroMax: '20000',
        peerDayMicroMax: null,
        spentTodayMicro: '9000',
        leftTodayMicro: '9000',
        resetsAt: noon,
      },
      strangers: { capMicro: '160000', usedMicro: '4000' },
      peers: [
        {
          peerId: provider,
          paidMicro: '9000',
          paidAckedMicro: '9000',
          reservedMicro: '2000',
          receivedMicro: '30000',
          earnedMicro: '30000',
          unpaidMicro: '0',
          creditLimitMicro: '14900',
          creditLimit: { baseMicro: '16000', earnedMicro: '900', lostMicro: '2000' },
          owesUsMicro: '21000',
          weOweMicro: '0',
          spentTodayMicro: '9000',
          leftTodayMicro: null,
        },
      ],
    };
    const { out } = await runCli(['wallet'], { connect: () => clientOf({ 'wallet.summary': () => summary }) });
    expect(out).toContain('0.021 credits owed by 1 peer, 0 credits owed to 0 peers');
    expect(out).toContain('0.009 credits spent; 0.009 credits of 0.02 credits left until midnight UTC');
    expect(out).toContain('0.0149 credits = 0.016 credits + 0.0009 credits earned − 0.002 credits never paid');
    expect(out).toContain('owes us 0.021 credits');
    expect(out).toContain('Credits are not money.');
  });
});

describe('identity', () => {
  const seed = new Uint8Array(32).fill(7);

  it('shows the phrase to a terminal only, unless told otherwise', async () => {
    await createKeyFile(join(folder, 'identity.key'), seed);
    const refused = await runCli(['identity', 'export'], { dataFolder: folder });
    expect(refused).toMatchObject({ exit: 'not-allowed', out: '' });
    for (const word of phraseOf(seed).split(' ')) expect(refused.err.split(/\W+/)).not.toContain(word);
    expect((await runCli(['identity', 'export', '--json'], { dataFolder: folder })).exit).toBe('not-allowed');
    const forced = await runCli(['identity', 'export', '--force', '--json'], { dataFolder: folder });
    expect(JSON.parse(forced.out)).toEqual({ peerId: peerIdOfSeed(seed), phrase: phraseOf(seed) });
    const shown = await runCli(['identity', 'export'], { dataFolder: folder, terminal: true });
    expect(shown.err).toContain('Whoever has these words is this node');
    expect(shown.out.match(/\d+ [a-z]+/g)).toHaveLength(24);
  });

  it('brings a key back from what was shown, into an empty folder', async () => {
    await createKeyFile(join(folder, 'identity.key'), seed);
    const { out } = await runCli(['identity', 'export'], { dataFolder: folder, terminal: true });
    const numbered = out.slice(out.indexOf(' 1 '));
    const fresh = join(folder, 'fresh');
    const run = await runCli(['identity', 'import', '--json'], { dataFolder: fresh, stdin: numbered });
    expect(JSON.parse(run.out)).toEqual({ peerId: peerIdOfSeed(seed), dataFolder: fresh });
    expect(statSync(join(fresh, 'identity.key')).mode & 0o777).toBe(0o600);
    expect(statSync(fresh).mode & 0o777).toBe(0o700);
    expect(await runCli(['identity', 'import'], { dataFolder: fresh, stdin: numbered })).toMatchObject({
      exit: 'not-allowed',
      err: expect.stringContaining('holds a key already'),
    });
  });

  it('writes nothing into a folder in use, and nothing for a wrong phrase', async () => {
    writeFileSync(join(folder, 'other'), '');
    expect((await runCli(['identity', 'import'], { dataFolder: folder, stdin: phraseOf(seed) })).exit).toBe(
      'not-allowed',
    );
    const fresh = join(folder, 'fresh');
    const run = await runCli(['identity', 'import'], {
      dataFolder: fresh,
      stdin: phraseOf(seed).replace(/^\w+/, 'abandonn'),
    });
    expect(run).toMatchObject({ exit: 'usage', err: expect.stringContaining('did you mean') });
    expect(existsSync(fresh)).toBe(false);
  });

  it('has no key before the first start', async () => {
    expect(await runCli(['identity', 'export'], { dataFolder: folder, terminal: true })).toMatchObject({
      exit: 'not-found',
    });
  });
});

describe('config', () => {
  it('is checked, with the line and the nearest word', async () => {
    const file = join(folder, 'node.yaml');
    writeFileSync(file, 'provider: {enabeld: true}\n');
    const run = await runCli(['config', 'check', file]);
    expect(run).toMatchObject({ exit: 'config', out: '' });
    expect(run.err).toContain('did you mean "enabled"');
    writeFileSync(file, 'provider: {enabled: true}\n');
    expect(await runCli(['config', 'check', file])).toMatchObject({ exit: 'ok', out: `${file} is right\n` });
    expect((await runCli(['config', 'check'])).exit).toBe('not-found');
  });

  it('is changed in the running node, which says what needs a restart', async () => {
    const calls: unknown[] = [];
    const outcome = { changed: ['provider.queueMax'], restart: ['network.mdns'], file: '/etc/node.yaml' };
    const node = () =>
      clientOf({
        'settings.set': (params) => {
          calls.push(params);
          return outcome;
        },
      });
    expect(await runCli(['config', 'set', 'provider.queueMax', '20'], { connect: node })).toMatchObject({
      exit: 'ok',
      out: 'provider.queueMax is changed, at once; it stands in /etc/node.yaml\n',
    });
    const later = await runCli(['config', 'set', 'network.mdns', 'true'], { connect: node });
    expect(later.out).toBe('network.mdns is changed in /etc/node.yaml; restart the node for it to count\n');
    const reset = await runCli(['config', 'set', 'log.level', '--default', '--json'], { connect: node });
    expect(JSON.parse(reset.out)).toEqual(outcome);
    expect(calls).toEqual([
      { values: { 'provider.queueMax': 20 }, reset: [] },
      { values: { 'network.mdns': true }, reset: [] },
      { values: {}, reset: ['log.level'] },
    ]);
    expect((await runCli(['config', 'set', 'log.level'])).exit).toBe('usage');
    expect((await runCli(['config', 'set', 'log.level', 'debug', '--default'])).exit).toBe('usage');
  });

  it('is changed in its file where no node runs, if it is right afterwards', async () => {
    const file = join(folder, 'node.yaml');
    writeFileSync(file, '# mine\nprovider: {enabled: true}\n');
    const set = (...words: string[]) => runCli(['config', 'set', ...words], { dataFolder: folder, configFile: file });
    expect(await set('provider.queueMax', '20')).toMatchObject({
      exit: 'ok',
      out: expect.stringContaining('restart the node'),
    });
    expect(readFileSync(file, 'utf8')).toBe('# mine\nprovider: { enabled: true, queueMax: 20 }\n');
    const wrong = await set('provider.queueMaxx', '20');
    expect(wrong).toMatchObject({ exit: 'config', err: expect.stringContaining('did you mean "queueMax"') });
    expect(await set('provider.queueMax', 'many')).toMatchObject({ exit: 'config' });
    expect(readFileSync(file, 'utf8')).toContain('queueMax: 20');
  });

  it('shows what is set, without a node', async () => {
    const file = join(folder, 'node.yaml');
    writeFileSync(file, 'provider: {enabled: true}\n');
    const run = await runCli(['config', 'show', '--changed'], { dataFolder: folder, configFile: file });
    expect(run).toMatchObject({ exit: 'ok', out: 'provider.enabled  true *\n' });
    expect(JSON.parse((await runCli(['config', 'path', '--json'], { dataFolder: folder })).out)).toMatchObject({
      dataFolder: folder,
      configExists: false,
    });
  });
});

describe('doctor', () => {
  it('finds a key that others can read, a port that is taken and a bootstrap that is not there', async () => {
    const data = join(folder, 'data');
    mkdirSync(data, { mode: 0o755 });
    await createKeyFile(join(data, 'identity.key'), new Uint8Array(32).fill(9));
    chmodSync(join(data, 'identity.key'), 0o644);
    chmodSync(data, 0o755);
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const file = join(folder, 'node.yaml');
    writeFileSync(
      file,
      `network:\n  listen: [/ip4/127.0.0.1/tcp/${port}/ws]\n  bootstrap: [/ip4/127.0.0.1/tcp/1/ws/p2p/12D3KooWEabCn6WTy3KduL18cVvF38LuaKbrMTrbk4rwy1fugwkc]\n`,
    );
    try {
      const run = await runCli(['doctor', '--json'], { dataFolder: data, configFile: file });
      expect(run.exit).toBe('failed');
      const { state, checks } = JSON.parse(run.out);
      expect(state).toBe('fail');
      const of = (name: string) => checks.find((check: { name: string }) => check.name.startsWith(name));
      expect(of('key file')).toMatchObject({ state: 'fail', fix: `chmod 600 '${join(data, 'identity.key')}'` });
      expect(of('data folder')).toMatchObject({ state: 'warn', fix: `chmod 700 '${data}'` });
      expect(of(`port /ip4/127.0.0.1/tcp/${port}`)).toMatchObject({
        state: 'fail',
        found: 'another program listens there',
      });
      expect(of('port 127.0.0.1:0')).toMatchObject({ state: 'ok' });
      expect(of('bootstrap')).toMatchObject({ state: 'fail', found: 'does not answer: ECONNREFUSED' });
      expect(of('models')).toMatchObject({ state: 'ok', found: expect.stringContaining('infernet-tiny') });
      for (const check of checks)
        expect(check.state === 'ok' ? check.fix : typeof check.fix).toBe(check.state === 'ok' ? null : 'string');
    } finally {
      taken.close();
    }
  });

  it('makes nothing where there was nothing', async () => {
    const data = join(folder, 'none', 'data');
    const run = await runCli(['doctor'], { dataFolder: data });
    expect(run.exit).toBe('ok');
    expect(run.out).toContain('is not there yet');
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });
});
