/** Composition root of a trainer's process: chooses the backend, then waits for the studio's order. */

import { serveTrainer } from '#studio/training/process/child';
import { createBackend, knownDevice } from './backend-main.ts';

serveTrainer(({ device, threads }, warn) => createBackend(knownDevice(device), { threads, warn }));
