import type { SidecarReady } from '../../contracts/sidecar.ts';
import type { EmbedderHandle } from '../models/embedder.ts';

/** 200 even while a model is missing: reading works without it, and the caller sees what does not. */
export function reportReadiness(embedding: EmbedderHandle): Response {
  const state = embedding.state();
  const body: SidecarReady = {
    status: state.state === 'ready' ? 'ready' : 'degraded',
    models: { 'feature-extraction': state },
  };
  return Response.json(body);
}

/** 503 until it is known whether there is a model: whoever restarts what does not start must not do it while one loads. */
export function reportStart(embedding: EmbedderHandle): Response {
  const isLoading = embedding.state().state === 'loading';
  return Response.json({ status: isLoading ? 'starting' : 'started' }, { status: isLoading ? 503 : 200 });
}
