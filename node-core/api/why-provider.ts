/** `provider.why`: why this node gets no jobs, or few, from what it can see of itself and of the others. */
import type { Candidate } from '../directory/index.ts';
import { type FailureCode, type Offer, type ProviderWhy, pauseAdvice, priceOf } from '../protocol/index.ts';
import type { Rooms } from './rooms.ts';
import { termWords } from './why-words.ts';

type Finding = ProviderWhy['findings'][number];
type Standing = ProviderWhy['offers'][number];

/** Offers are compared for a shard of so many items. */
const usualItems = 10;
/** Providers that one offer is compared with. */
const comparedMax = 500;
/** A term below this share of the best one of the others' is worth a word. */
const behind = 0.8;

export function providerWhy(rooms: Rooms): ProviderWhy {
  const { declined, ...demand } = rooms.provider.demand;
  const offers = rooms.provider.on ? rooms.provider.catalogue.offers.map((offer) => standingOf(rooms, offer)) : [];
  const findings = [
    ...switchedOff(rooms),
    ...paused(rooms),
    ...network(rooms),
    ...offering(rooms),
    ...wanted(rooms),
    ...offers.flatMap((standing) => [...beaten(standing)]),
    ...atWork(rooms),
  ];
  const order: readonly Finding['weight'][] = ['blocks', 'hinders', 'note'];
  return {
    findings: order.flatMap((weight) => findings.filter((finding) => finding.weight === weight)),
    demand: {
      ...demand,
      declined: declined.map((each) => ({ ...each, advice: declineAdvice[each.code] ?? '' })),
    },
    offers,
  };
}

function* switchedOff({ provider }: Rooms): Generator<Finding> {
  if (provider.on) return;
  const advice = 'switch it on: provider.switch, `config set provider.enabled true`, or --provider at the start';
  yield { code: 'off', weight: 'blocks', text: 'this node is not a provider at present', advice };
}

function* paused({ provider, pauses }: Rooms): Generator<Finding> {
  if (!provider.on) return;
  for (const { by, reason } of pauses.all)
    yield { code: 'paused', weight: 'blocks', text: reason, advice: pauseAdvice[by] };
}

function* network({ ports }: Rooms): Generator<Finding> {
  const { addresses, connectedPeers, unreachable } = ports.network.status();
  if (connectedPeers === 0) {
    const [first] = unreachable;
    const why = first === undefined ? '' : `; ${first.address} did not answer: ${first.reason}`;
    const advice =
      'give it the address of a node that runs (network.bootstrap), or switch network.mdns on in a local network';
    yield { code: 'alone', weight: 'blocks', text: `it is connected to no other node${why}`, advice };
  }
  if (addresses.every(isLoopback)) {
    yield {
      code: 'not-reachable',
      // All of them may run on this computer, as in the demo.
      weight: connectedPeers === 0 ? 'note' : 'hinders',
      text: 'it listens only where this very computer can reach it',
      advice: 'listen on 0.0.0.0 (network.listen), and forward a port of the router if there is one',
    };
  }
}

function isLoopback(address: string): boolean {
  return /^\/(ip4\/127\.|ip6\/::1\/|dns4?\/localhost\/)/.test(address);
}

function* offering({ provider, config }: Rooms): Generator<Finding> {
  const { offers, notOffered } = provider.catalogue;
  if (!provider.on) return;
  if (offers.length === 0) {
    const advice = 'see what is not offered and why; `doctor` looks at models and templates';
    yield { code: 'no-offers', weight: 'blocks', text: 'it offers nothing', advice };
  }
  for (const { template, reason } of notOffered) {
    yield { code: 'not-offered', weight: 'note', text: `${template} is not offered: ${reason}`, advice: '' };
  }
  const { allowedClients, blockedClients } = config.provider;
  if (allowedClients !== null) {
    yield {
      code: 'lists',
      weight: allowedClients.length === 0 ? 'blocks' : 'hinders',
      text: `it serves only the ${allowedClients.length} clients of provider.allowedClients`,
      advice: 'set it to null to serve all that are not blocked',
    };
  }
  if (blockedClients.length > 0) {
    yield { code: 'lists', weight: 'note', text: `${blockedClients.length} clients are blocked`, advice: '' };
  }
}

function* wanted({ provider, ports }: Rooms): Generator<Finding> {
  const { since, quotes, assignments, taken, clients, declined } = provider.demand;
  if (!provider.on) return;
  const minutes = Math.max(1, Math.round((ports.clock.now() - since) / 60_000));
  if (quotes + assignments === 0) {
    yield {
      code: 'no-demand',
      weight: 'hinders',
      text: `nobody has asked it for anything in the ${minutes} min since it started`,
      advice:
        'if others get jobs of the same templates, compare price and reputation; else there is nothing to do at present',
    };
  } else if (quotes > 0 && assignments === 0) {
    yield {
      code: 'no-demand',
      weight: 'hinders',
      text: `${clients} clients asked for its price ${quotes} times, and gave it no work: others were chosen`,
      advice: 'compare its terms with those of the others',
    };
  }
  for (const { code, count, message } of declined) {
    yield {
      code: 'declined',
      weight: taken === 0 ? 'hinders' : 'note',
      text: `it declined ${count} times with ${code}: ${message}`,
      advice: declineAdvice[code] ?? '',
    };
  }
}

const declineAdvice: { readonly [C in FailureCode]?: string } = {
  'no-capacity': 'raise provider.queueMax, provider.runsMax or the limits per client, if the computer can do more',
  'template-missing': 'add the template to provider.templates, if it is here',
  'model-missing': 'get the model, or add it to provider.models',
  price: 'lower the price (provider.prices, provider.defaultPrice), if that is wanted',
  'credit-limit': 'raise provider.creditLimitMicro to grant clients more before they pay',
  requirements: 'raise provider.itemsPerShardMax; other requirements are the hardware’s',
  policy: 'see provider.allowedClients and provider.blockedClients',
  expired: 'check the clock of this computer',
};

function standingOf(rooms: Rooms, offer: Offer): Standing {
  const { directory, reputation, provider, ports, inventory } = rooms;
  const self = ports.signer.peerId;
  const { template, templateName, model, modelName } = offer;
  const terms = {
    reputation: (peer: string) => reputation.scoreOf(peer).score,
    price: ({ price }: Offer) => Number(priceOf(price, usualItems)),
    exclude: new Set<string>(),
    inFlight: () => 0,
  };
  const own = {
    offers: [offer],
    hardware: inventory().hardware,
    load: provider.load,
    reputation: reputation.scoreOf(self).score,
  };
  const items = Math.min(usualItems, offer.itemsPerShardMax);
  const ranked = directory.compare({ template, model, items }, terms, own, comparedMax);
  const at = ranked.findIndex(({ peerId }) => peerId === self);
  const [mine, others] = [ranked[at], ranked.filter(({ peerId }) => peerId !== self)];
  return {
    template,
    templateName,
    model,
    modelName,
    place: at < 0 ? ranked.length + 1 : at + 1,
    of: ranked.length,
    score: mine?.score ?? 0,
    terms: Object.entries(mine?.terms ?? {}).map(([name, value]) => ({
      name,
      value,
      words: termWords(name, value),
      best: bestOf(others, name),
    })),
  };
}

function bestOf(candidates: readonly Candidate[], name: string): number {
  return candidates.reduce((best, { terms }) => Math.max(best, terms[name] ?? 0), 0);
}

const termFindings: Readonly<Record<string, { code: Finding['code']; advice: string }>> = {
  price: {
    code: 'price',
    advice: 'lower provider.defaultPrice or the template’s in provider.prices, if that is wanted',
  },
  speed: { code: 'speed', advice: 'a faster computer or a GPU would help; a lower price makes up for it' },
  reputation: { code: 'reputation', advice: 'it grows with good results; a failing disk or memory shows as bad ones' },
  load: { code: 'full', advice: 'raise provider.runsMax, if the computer can run several at once' },
};

/** An offer whose terms are well behind the best of the others'. */
function* beaten({ templateName, modelName, place, of, terms }: Standing): Generator<Finding> {
  if (place === 1) return;
  const what = `${templateName}${modelName === null ? '' : ` with ${modelName}`}`;
  for (const { name, value, words, best } of terms) {
    const finding = termFindings[name];
    if (finding === undefined || value >= best * behind) continue;
    const numbers = `${value.toFixed(2)}, and ${best.toFixed(2)} at best`;
    yield {
      ...finding,
      weight: 'hinders',
      text: `${what}: place ${place} of ${of} by ${name} (${numbers}): ${words}`,
    };
  }
}

function* atWork({ provider }: Rooms): Generator<Finding> {
  const { running, queued } = provider.load;
  const { taken } = provider.demand;
  if (running + queued + taken === 0) return;
  const text = `it has work: ${running} running, ${queued} waiting, ${taken} taken since the start`;
  yield { code: 'working', weight: 'note', text, advice: '' };
}
