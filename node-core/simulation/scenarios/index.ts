import type { Scenario } from '../scenario.ts';
import { calm } from './calm.ts';

export const scenarios: readonly Scenario[] = [calm];
