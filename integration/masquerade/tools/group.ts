/**
 * Ends of a multicast, to be run in a namespace.
 *
 *   group.ts hear GROUP PORT ADDRESS    joins the group at the device with that address; says "listening"; prints who sent
 *                                       the first datagram
 *   group.ts send GROUP PORT ADDRESS DEVICE_ADDRESS    sends one from ADDRESS, by the device with DEVICE_ADDRESS
 */
import { createSocket } from 'node:dgram';

const [what, group = '', port, address = '', device = ''] = process.argv.slice(2);
const socket = createSocket('udp4');

if (what === 'hear') {
  socket.on('message', (_, { address: sender }) => {
    console.log(sender);
    socket.close();
  });
  socket.bind(Number(port), group, () => {
    socket.addMembership(group, address);
    console.log('listening');
  });
} else {
  socket.bind(0, address, () => {
    socket.setMulticastInterface(device);
    socket.send('one', Number(port), group, () => socket.close());
  });
}
