/** Composition root of a trainer's process: chooses the backend, then waits for the studio's order. */

import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { serveTrainer } from '#studio/training/process/child';
import { knownDevice } from './engine-main.ts';

serveTrainer(({ device, threads }) => createOrtNodeBackend({ device: knownDevice(device), threads }));
