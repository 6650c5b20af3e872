import type { Bar } from './bar.ts';
import { cheats5, cheats20 } from './cheats.ts';
import { ring } from './ring.ts';
import { sleeper } from './sleeper.ts';
import { smallerModel } from './smaller-model.ts';

export const bars: readonly Bar[] = [cheats5, cheats20, sleeper, ring, smallerModel];
