import { chatCompletionStream } from '@huggingface/inference';
import { DependencyError } from '../../../core/resilience/dependency.ts';
import type { ChatMessage, ChatModel } from '../ports/ask.ts';
import { ModelUnavailableError } from '../ports/inference.ts';
import type { Provider, Providers } from './providers.ts';

const MAX_TOKENS = 800;
/** Between two pieces; a model that stalls is given up. */
const IDLE_MS = 20_000;
const LONGEST_ANSWER_CHARACTERS = 20_000;

/** Chat models in the order of their configuration; each speaks the chat completions that all hosted APIs share. */
export function createChatModel(providers: Providers): ChatModel {
  return {
    write: (messages) =>
      providers.of('chat-completion').map((provider) => ({
        provider: provider.name,
        pieces: piecesOf(provider, messages),
      })),
  };
}

async function* piecesOf(provider: Provider, messages: readonly ChatMessage[]): AsyncGenerator<string> {
  const stalled = new AbortController();
  const send: typeof fetch = async (input, init) => {
    const response = await provider
      .guardOf(provider.model)
      .fetch(String(input), { ...init, signal: stalled.signal }, { timeoutMs: provider.timeoutMs });
    if (response.ok) return response;
    await response.body?.cancel();
    if (response.status === 429 || response.status === 503)
      throw new ModelUnavailableError(`chat completion answered ${response.status}`);
    throw new DependencyError('provider', `chat completion answered ${response.status}`);
  };
  const token = await provider.token();
  const stream = chatCompletionStream(
    {
      endpointUrl: provider.url,
      ...(token === undefined ? {} : { accessToken: token }),
      ...(provider.model === undefined ? {} : { model: provider.model }),
      messages: messages.map((message) => ({ ...message })),
      max_tokens: MAX_TOKENS,
      temperature: 0,
    },
    { retry_on_error: false, fetch: send, signal: stalled.signal },
  );
  let characters = 0;
  const idle = createIdleTimer(stalled);
  try {
    for await (const chunk of stream) {
      idle.restart();
      const piece: unknown = chunk.choices[0]?.delta.content;
      if (typeof piece !== 'string' || piece === '') continue;
      characters += piece.length;
      yield piece;
      if (characters > LONGEST_ANSWER_CHARACTERS) return;
    }
  } catch (error) {
    if (error instanceof DependencyError || error instanceof ModelUnavailableError) throw error;
    throw new DependencyError('provider', 'the chat model did not finish its answer', error);
  } finally {
    idle.stop();
    stalled.abort();
  }
}

function createIdleTimer(stalled: AbortController) {
  const start = () => setTimeout(() => stalled.abort(new Error(`nothing for ${IDLE_MS} ms`)), IDLE_MS);
  let timer = start();
  return {
    restart() {
      clearTimeout(timer);
      timer = start();
    },
    stop: () => clearTimeout(timer),
  };
}
