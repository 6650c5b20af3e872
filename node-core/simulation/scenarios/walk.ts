/**
 * A replica's whole life, step by step: every write that is begun or done, every frame that leaves or comes. The seed says
 * at which of them something happens, so that a range of seeds walks over all.
 */
import type { Simulation } from '../simulation.ts';
import type { SimulatedNode } from '../world.ts';

/** Calls `act` at step `step` of one of the nodes, counted from now. */
export function atStep(
  sim: Simulation,
  nodes: readonly SimulatedNode[],
  step: number,
  act: (node: SimulatedNode, what: string) => void,
): void {
  let count = 0;
  sim.world.onTouch = (node, what) => {
    if (!nodes.includes(node) || count++ !== step) return;
    sim.world.onTouch = null;
    act(node, what);
  };
}
