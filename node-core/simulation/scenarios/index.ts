import type { Scenario } from '../scenario.ts';
import { adaptive } from './adaptive.ts';
import { bootstrapGone } from './bootstrap-gone.ts';
import { calm } from './calm.ts';
import { canaries } from './canaries.ts';
import { cancelWalk } from './cancel-walk.ts';
import { cheats } from './cheats.ts';
import { churn } from './churn.ts';
import { clientNeverPays } from './client-never-pays.ts';
import { clockSkew } from './clock-skew.ts';
import { crashWalk } from './crash-walk.ts';
import { duplicates } from './duplicates.ts';
import { flashCrowd } from './flash-crowd.ts';
import { forgeries } from './forgeries.ts';
import { gossip } from './gossip.ts';
import { lostDisk } from './lost-disk.ts';
import { numeric } from './numeric.ts';
import { partitionAndHeal } from './partition-and-heal.ts';
import { pauses } from './pauses.ts';
import { restoredBackup } from './restored-backup.ts';
import { silentProvider } from './silent-provider.ts';
import { sleepers } from './sleepers.ts';
import { slowDisk } from './slow-disk.ts';
import { smallAndLarge } from './small-and-large.ts';
import { starved } from './starved.ts';
import { stragglers } from './stragglers.ts';
import { streaming } from './streaming.ts';
import { sybilClients } from './sybil-clients.ts';
import { thousand } from './thousand.ts';
import { tokenChecks } from './token-checks.ts';

export const scenarios: readonly Scenario[] = [
  calm,
  churn,
  partitionAndHeal,
  bootstrapGone,
  flashCrowd,
  smallAndLarge,
  stragglers,
  pauses,
  slowDisk,
  lostDisk,
  crashWalk,
  cancelWalk,
  duplicates,
  clockSkew,
  silentProvider,
  clientNeverPays,
  sybilClients,
  restoredBackup,
  forgeries,
  cheats,
  adaptive,
  sleepers,
  canaries,
  gossip,
  tokenChecks,
  numeric,
  starved,
  streaming,
  thousand,
];
