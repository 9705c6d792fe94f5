import type { EtcdServer } from './etcd_server.ts';

export interface EtcdLogin {
  readonly username: string;
  readonly password: string;
}

const ROOT = 'root:secret-of-root';

/** Makes etcd ask for users: root, and one who may read and write flannel's prefix. */
export async function enableUsers(server: EtcdServer, user: EtcdLogin): Promise<void> {
  for (const args of [
    ['user', 'add', ROOT],
    ['user', 'grant-role', 'root', 'root'],
    ['user', 'add', `${user.username}:${user.password}`],
    ['role', 'add', 'network'],
    ['role', 'grant-permission', 'network', '--prefix=true', 'readwrite', '/coreos.com/network/'],
    ['user', 'grant-role', user.username, 'network'],
    ['auth', 'enable'],
  ]) {
    await server.etcdctl(args);
  }
  server.login = ROOT;
}

/** Gives a user another password; the tokens made with the old one end. */
export async function changePassword(
  server: EtcdServer,
  { username, password }: EtcdLogin,
): Promise<void> {
  await server.etcdctl(['user', 'passwd', username, '--interactive=false'], `${password}\n`);
}
