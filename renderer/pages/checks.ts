/** What a look at this computer finds, each with what would help. */
import type { MethodResult } from '../../node-core/protocol/index.ts';
import { t } from '../text/en.ts';
import { bytes, count, sentence } from '../text/format.ts';

export interface Check {
  readonly name: string;
  readonly health: 'ok' | 'info' | 'warn';
  readonly says: string;
  readonly fix?: string;
}

export function checksOf(
  status: MethodResult<'node.status'> | null,
  provider: MethodResult<'provider.status'> | null,
  templates: MethodResult<'jobs.templates'> | null,
  computer: MethodResult<'node.computer'> | null,
): Check[] {
  if (status === null || provider === null || computer === null) return [];
  const { diskFreeBytes: free, diskFreeBytesMin: needed, engine, calledFrom } = computer;
  const { cpu, memoryBytes, gpus } = provider.hardware;
  const gpu = gpus.map(({ model }) => model).join(', ');
  const models = new Set(templates?.templates.flatMap((template) => template.models.map(({ name }) => name)) ?? []);
  return [
    ...status.faults.map((fault): Check => ({ name: t.checks.faults, health: 'warn', says: fault })),
    {
      name: t.checks.hardware,
      health: 'ok',
      says: [
        cpu.model,
        count(cpu.cores, 'core'),
        bytes(memoryBytes),
        gpu === '' ? `${t.dashboard.gpu}: ${t.dashboard.noGpu}` : gpu,
      ].join(', '),
    },
    models.size > 0
      ? { name: t.checks.models, health: 'ok', says: [...models].join(', '), fix: t.submit.demonstration }
      : { name: t.checks.models, health: 'warn', says: t.none, fix: t.checks.modelsFix },
    free === null
      ? { name: t.checks.disk, health: 'info', says: t.checks.diskUnknown }
      : free < needed
        ? { name: t.checks.disk, health: 'warn', says: t.checks.diskFree(free), fix: t.checks.diskFix(needed) }
        : { name: t.checks.disk, health: 'ok', says: t.checks.diskFree(free) },
    containerCheck(engine),
    status.addresses.length > 0
      ? { name: t.checks.listening, health: 'ok', says: count(status.addresses.length, 'address', 'addresses') }
      : { name: t.checks.listening, health: 'warn', says: t.none, fix: t.checks.listeningFix },
    status.connectedPeers > 0
      ? { name: t.checks.peer, health: 'ok', says: t.node.peers(status.connectedPeers) }
      : { name: t.checks.peer, health: 'info', says: t.checks.peerNone, fix: t.checks.peerFix },
    ...status.unreachableBootstrap.map(
      ({ address, reason }): Check => ({ name: t.checks.peer, health: 'warn', says: `${address}: ${reason}` }),
    ),
    calledFrom === 'internet'
      ? { name: t.checks.inbound, health: 'ok', says: t.checks.inboundSeen }
      : calledFrom === 'local-network'
        ? { name: t.checks.inbound, health: 'info', says: t.checks.inboundLocal, fix: t.checks.inboundFix }
        : { name: t.checks.inbound, health: 'info', says: t.checks.inboundUnknown, fix: t.checks.inboundFix },
  ];
}

/** Shipped templates run without one: nothing about it is a fault. */
function containerCheck(engine: MethodResult<'node.computer'>['engine']): Check {
  const name = t.checks.container;
  const [problem] = engine?.problems ?? [];
  if (engine === null || problem === undefined) {
    return engine?.name == null
      ? { name, health: 'info', says: t.checks.containerNone, fix: t.checks.containerText }
      : { name, health: 'ok', says: engine.name };
  }
  const says = [...(engine.name === null ? [] : [engine.name]), ...engine.problems.map(({ text }) => text)].join('; ');
  return { name, health: 'info', says: sentence(says), fix: sentence(problem.fix || t.checks.containerText) };
}
