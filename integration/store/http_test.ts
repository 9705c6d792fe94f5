/** The http store under the contract of all stores, in front of both others. */
import { after, before } from 'node:test';
import { testContract } from './contract.ts';
import { etcdHarness } from './etcd_harness.ts';
import { type EtcdServer, startEtcd } from './etcd_server.ts';
import { fileHarness } from './file_harness.ts';
import { httpHarness } from './http_harness.ts';

let server: EtcdServer;
before(async () => {
  server = await startEtcd();
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

testContract('http in front of a file', () => httpHarness(fileHarness()));
testContract('http in front of etcd', () => httpHarness(etcdHarness(server)));
