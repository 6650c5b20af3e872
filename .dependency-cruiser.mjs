// The design's import table (docs/ARCHITECTURE.md, "The house"), enforced by `npm test`.
//
// A change that needs a new arrow changes this table, on purpose and in review, and not just the code.

/**
 * Room → what it may import from node-core/, besides itself, `protocol` and `ports`. A path narrows to a part of a
 * room; `execution!` means the room without its adapters. `journal` is the event log over the Store port, `messaging`
 * the envelopes over Network channels: both only know protocol and ports, so any room may stand on the first, and
 * those that talk to peers on the second.
 */
const table = {
  protocol: null,
  ports: null,
  journal: [],
  messaging: ['journal'],
  config: [],
  'logging.ts': [],
  'version.ts': [],
  // The real Clock and Random.
  system: [],
  workers: ['journal'],
  identity: ['journal'],
  network: ['identity', 'journal'],
  store: ['journal', 'version.ts'],
  content: ['journal'],
  directory: ['journal', 'messaging'],
  // The conformance test of a template compares outputs as jobs do.
  execution: ['content', 'journal', 'verification'],
  verification: ['journal'],
  // The sequential test over what checks have shown is a projection of it.
  reputation: ['journal', 'messaging', 'verification'],
  payment: ['journal', 'messaging'],
  provider: ['execution!', 'content', 'payment', 'reputation', 'config', 'journal', 'messaging'],
  aggregator: ['directory', 'verification', 'payment', 'reputation', 'content', 'config', 'journal', 'messaging'],
  api: [
    'config',
    'journal',
    'messaging',
    'directory',
    'content',
    'execution!',
    'verification',
    'reputation',
    'payment',
    'provider',
    'aggregator',
  ],
  'node.ts': [
    'api',
    'version.ts',
    'config',
    'journal',
    'messaging',
    'directory',
    'content',
    'execution!',
    'verification',
    'reputation',
    'payment',
    'provider',
    'aggregator',
  ],
  'adapters.ts': [
    'config',
    'logging.ts',
    'journal',
    'system',
    'workers',
    'identity',
    'network/libp2p',
    'store',
    'execution',
  ],
  control: ['journal'],
  // The node as it is: what starts it, the form of its settings, and the network that stands in for the wire.
  simulation: ['node.ts', 'network/memory', 'config/schema.ts'],
  // What tells the service manager how the node is.
  service: [],
  'headless.ts': ['node.ts', 'adapters.ts', 'control', 'config', 'logging.ts', 'service'],
  // It talks to a node through `control`, or becomes one (`headless.ts`); `identity` for the recovery phrase and the key file.
  cli: ['adapters.ts', 'control', 'config', 'identity', 'logging.ts', 'headless.ts'],
};

/** Shells and their tools outside node-core, with what they may import from it. */
const shells = {
  electron: ['protocol', 'ports', 'node.ts', 'adapters.ts', 'control', 'config', 'logging.ts'],
  renderer: ['protocol'],
  'resources/templates': [],
};

/** Outside library → the only places that import it. */
const libraries = {
  '(libp2p|@libp2p/(?!crypto|peer-id)[^/]+|@chainsafe/[^/]+|@multiformats/[^/]+)': ['node-core/network/libp2p'],
  '@libp2p/(crypto|peer-id)': ['node-core/network/libp2p', 'node-core/identity'],
  'better-sqlite3': ['node-core/store'],
  'node-llama-cpp': ['resources/templates'],
  systeminformation: ['node-core/execution'],
  dockerode: ['node-core/execution/docker'],
  ws: ['node-core/control', 'node-core/cli'],
  pino: ['node-core/logging.ts'],
  yaml: ['node-core/config'],
  commander: ['node-core/cli', 'node-core/headless.ts', 'scripts'],
  '@scure/bip39': ['node-core/identity'],
  canonicalize: ['node-core/protocol'],
  '@ipld/dag-cbor': ['node-core/protocol'],
  '@noble/hashes': ['node-core/protocol'],
  // kad-dht takes its keys as CIDs of this library.
  multiformats: ['node-core/protocol', 'node-core/network/libp2p'],
  svelte: ['renderer'],
  uplot: ['renderer'],
  'electron-updater': ['electron'],
  electron: ['electron'],
};

const test = String.raw`\.test\.ts$`;
const executionAdapters = '^node-core/execution/(docker|embedded)/';
const escaped = (/** @type {string} */ text) => text.replaceAll('.', String.raw`\.`);
const isFile = (/** @type {string} */ path) => /\.\w+$/.test(path);
const below = (/** @type {string} */ path) => (isFile(path) ? `^${escaped(path)}$` : `^${path}/`);
const room = (/** @type {string} */ name) => below(`node-core/${name.replace('!', '')}`);

const roomRules = Object.entries(table).flatMap(([name, allowed]) => {
  const base = name === 'protocol' ? [] : ['protocol', 'ports'];
  return [
    {
      name: `room-${name.replace('.ts', '')}`,
      comment: `node-core/${name} may import, of ours: ${[...base, ...(allowed ?? [])].join(', ') || 'nothing'}`,
      severity: 'error',
      from: { path: room(name), pathNot: test },
      to: {
        path: '^(node-core|electron|renderer|e2e|bench|scripts|mobile)/',
        pathNot: [room(name), ...[...base, ...(allowed ?? [])].map(room)],
      },
    },
    ...(allowed?.includes('execution!')
      ? [
          {
            name: `room-${name.replace('.ts', '')}-no-adapter`,
            comment: `node-core/${name} gets its executors as a port`,
            severity: 'error',
            from: { path: room(name), pathNot: test },
            to: { path: executionAdapters },
          },
        ]
      : []),
  ];
});

const shellRules = Object.entries(shells).map(([name, allowed]) => ({
  name: `shell-${name.replace('/', '-')}`,
  comment: `${name} may import, of ours: ${allowed.join(', ') || 'nothing'}`,
  severity: 'error',
  from: { path: below(name), pathNot: test },
  to: {
    path: '^(node-core|electron|renderer|e2e|bench|scripts|mobile)/',
    pathNot: [below(name), ...allowed.map(room)],
  },
}));

const libraryRules = Object.entries(libraries).map(([library, places]) => ({
  name: `library-${places[0]?.split('/').at(-1)}-${library.replaceAll(/\W+/g, '-')}`,
  comment: `Imported from ${places.join(', ')} only, so that it can be replaced there`,
  severity: 'error',
  from: { path: '^(node-core|electron|renderer|scripts|resources)/', pathNot: [...places.map(below), test] },
  to: { path: `^node_modules/${library}/` },
}));

/** Rooms that decide, and the world that is simulated around them: all that they need comes through ports. */
const pureRooms =
  '^node-core/(protocol|ports|journal|messaging|directory|content|verification|reputation|payment|provider|aggregator|simulation)/|^node-core/node\\.ts$';

export default {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'Rooms depend in one direction, and so do files; types count too',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unknown-room',
      comment: 'A new room in node-core/ gets a line in the table of .dependency-cruiser.mjs first',
      severity: 'error',
      from: {},
      to: { path: '^node-core/', pathNot: [...Object.keys(table).map(room), test] },
    },
    {
      name: 'no-unresolvable',
      comment: 'The imported file or package does not exist',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-undeclared-package',
      comment: 'Name it in package.json: what another package brings along may be gone tomorrow',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-dev-package-in-the-app',
      comment: 'What ships is in `dependencies`; the renderer is bundled, and electron brings itself',
      severity: 'error',
      from: { path: '^(node-core|electron|resources)/', pathNot: [test, '/docker/hostile/'] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '(^|/)node_modules/electron/' },
    },
    {
      name: 'no-test-in-the-app',
      // bench/desktop measures the app as the tests start it.
      severity: 'error',
      from: { pathNot: [test, '^e2e/', '^bench/'] },
      to: { path: [test, '^e2e/'] },
    },
    {
      name: 'protocol-libraries',
      comment: 'The protocol also runs in a browser and on a phone',
      severity: 'error',
      from: { path: room('protocol'), pathNot: test },
      to: {
        path: '^node_modules/',
        pathNot: '^node_modules/(zod|@noble/hashes|multiformats|@ipld/dag-cbor|canonicalize)/',
      },
    },
    {
      name: 'no-built-ins-in-protocol-ports-and-page',
      comment: 'Neither browser nor phone has them, and ports are interfaces only',
      severity: 'error',
      from: { path: '^(node-core/(protocol|ports)|renderer)/', pathNot: test },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-world-in-pure-rooms',
      comment: 'Files, network, processes, time and chance come through ports, so that the simulator can be the world',
      severity: 'error',
      from: { path: pureRooms, pathNot: test },
      to: {
        dependencyTypes: ['core'],
        path: '^(node:)?(fs|net|tls|dgram|dns|https?|http2|os|child_process|cluster|worker_threads|timers|crypto|perf_hooks)(/|$)',
      },
    },
    {
      name: 'network-adapters-are-strangers',
      comment: 'libp2p/ and memory/ are two answers to one port; what they share lies in network/ itself',
      severity: 'error',
      from: { path: '^node-core/network/(libp2p|memory)/', pathNot: test },
      to: { path: '^node-core/network/(libp2p|memory)/', pathNot: '^node-core/network/$1/' },
    },
    ...roomRules,
    ...shellRules,
    ...libraryRules,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(out|dist|mobile)/' },
    // node-core/protocol has a package.json of its own, for browser and phone; here both count.
    combinedDependencies: true,
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.svelte', '.json'],
    },
  },
};
