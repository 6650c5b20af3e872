/**
 * A replica's whole life, step by step: every write that is begun or done, every frame that leaves or comes. The seed says
 * at which of them something happens, so that a range of seeds walks over all.
 */
import type { Simulation } from '../simulation.ts';
import type { SimulatedNode } from '../world.ts';

/** At least as many as there are in the life of one shard with two copies; walk.test.ts counts them. */
export const walkSteps = { client: 66, provider: 38 } as const;

/** So many numbers in a row come to each step of the client and of a provider once. */
export const walkLength = walkSteps.client + walkSteps.provider;

/** One shard with two copies, at a network of this size; those that are more have nothing to do with it. */
export const walkNodes = 5;

export function walkCast(size: number): { providers: number; idle: number } {
  return { providers: Math.min(size, walkNodes) - 1, idle: Math.max(0, size - walkNodes) };
}

export const walkJob = { items: 10, itemsPerShard: 10, deadlineMs: 120_000 } as const;

/** Calls `act` at the step that has this number in a walk. @returns of whom it is. */
export function atPlace(
  sim: Simulation,
  number: number,
  act: (node: SimulatedNode, what: string) => void,
): 'client' | 'provider' {
  const place = number % walkLength;
  const isClient = place < walkSteps.client;
  atStep(sim, isClient ? sim.clients : sim.providers, isClient ? place : place - walkSteps.client, act);
  return isClient ? 'client' : 'provider';
}

/** Calls `act` when the first of the nodes comes to its step `step`, counted from now. */
function atStep(
  sim: Simulation,
  nodes: readonly SimulatedNode[],
  step: number,
  act: (node: SimulatedNode, what: string) => void,
): void {
  const counts = new Map(nodes.map((node) => [node, 0]));
  sim.world.onTouch = (node, what) => {
    const count = counts.get(node);
    if (count === undefined) return;
    counts.set(node, count + 1);
    if (count !== step) return;
    sim.world.onTouch = null;
    act(node, what);
  };
}
