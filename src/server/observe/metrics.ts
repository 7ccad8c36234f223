/** What a Prometheus server collects. The registry is this server's own, so that several can live in one process. */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Studio } from '#studio/studio';

export class Metrics {
  readonly registry = new Registry();
  readonly #requests = new Counter({
    name: 'darkroom_http_requests_total',
    help: 'Requests answered, by route and status.',
    labelNames: ['method', 'route', 'status'],
    registers: [this.registry],
  });
  readonly #seconds = new Histogram({
    name: 'darkroom_http_request_seconds',
    help: 'Time from a request to its answer’s head.',
    labelNames: ['route'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10, 60, 600],
    registers: [this.registry],
  });
  readonly eventClients = new Gauge({
    name: 'darkroom_event_clients',
    help: 'Clients that listen to events.',
    registers: [this.registry],
  });

  constructor(studio: Pick<Studio, 'queue' | 'gallery' | 'engines' | 'events'>) {
    collectDefaultMetrics({ register: this.registry });
    const registers = [this.registry];
    new Gauge({
      name: 'darkroom_jobs',
      help: 'Jobs known, by state.',
      labelNames: ['state'],
      registers,
      async collect() {
        const { counts } = await studio.queue.state();
        for (const [state, count] of Object.entries(counts)) this.set({ state }, count);
      },
    });
    new Gauge({
      name: 'darkroom_images',
      help: 'Pictures in the gallery.',
      registers,
      collect() {
        this.set(studio.gallery.count());
      },
    });
    new Gauge({
      name: 'darkroom_engine_resident_bytes',
      help: 'Memory of engine processes.',
      labelNames: ['device'],
      registers,
      collect() {
        for (const { device, rss } of studio.engines()) this.set({ device }, rss);
      },
    });
    const made = new Counter({
      name: 'darkroom_images_total',
      help: 'Pictures made since the start.',
      registers,
    });
    studio.events.subscribe((event) => {
      if (event.type === 'image.added') made.inc();
    });
  }

  request(method: string, route: string, status: number, seconds: number): void {
    this.#requests.inc({ method, route, status });
    this.#seconds.observe({ route }, seconds);
  }
}
