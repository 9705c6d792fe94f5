// The house's walls: which room may import which. docs/architecture.md draws the same picture.
const room = (name) => `^src/${name}/`;
const only = (name, allowed) => ({
  name: `${name}-imports`,
  severity: 'error',
  from: { path: room(name) },
  to: { path: '^(src|cmd|lab|test|integration|bench|chaos)/', pathNot: ['^src/(errors|folders|jitter)\\.ts$', ...[name, ...allowed].map(room)] },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    only('net', []),
    only('lease', ['net']),
    only('plan', ['net', 'lease']),
    only('backend', ['net', 'lease', 'plan']),
    only('store', ['net', 'lease']),
    only('sys', []),
    only('bpf', ['net', 'sys', 'plan']),
    only('kernel', ['net', 'plan', 'bpf', 'sys']),
    only('agent', ['net', 'lease', 'store', 'backend', 'plan', 'kernel', 'sys']),
    only('cli', ['net', 'lease', 'agent']),
    only('serve', ['net', 'lease', 'store', 'agent']),
    only('bench', ['sys']),
    only('relay', ['net', 'sys']),
    {
      name: 'koffi-only-in-sys',
      severity: 'error',
      from: { pathNot: room('sys') },
      to: { path: 'node_modules/(@koromix|koffi)' },
    },
    {
      name: 'agent-sees-contracts-only',
      comment: 'agent speaks to stores and kernels through their contracts; cmd/wire.ts picks the real ones',
      severity: 'error',
      from: { path: room('agent') },
      to: { path: '^src/(store|kernel)/', pathNot: '^src/(store|kernel)/contract\\.ts$' },
    },
    {
      name: 'pure-rooms-touch-no-machine',
      severity: 'error',
      from: { path: '^src/(net|lease|plan|backend)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|assert|util)$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
