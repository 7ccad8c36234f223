/** Entry of the shared worker: every tab has a port to the hub, which lives as long as one of them. */

import { createHub, type FromTab } from './event-hub.ts';
import { openSocket } from './socket.ts';

const hub = createHub({ open: openSocket, now: () => Date.now() });

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  const tab = port!.postMessage.bind(port!);
  port!.onmessage = ({ data }: MessageEvent<FromTab>) => {
    if (data === 'leaves') hub.leaves(tab);
    else hub.follows(tab, data);
  };
});
