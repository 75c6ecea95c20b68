import { describeError, type Logger } from '../../../core/telemetry/logger.ts';
import {
  type Answer,
  type AnswerEvent,
  type AskRequest,
  type Citation,
  NOT_FOUND_ANSWER,
} from '../models/ask.ts';
import type { ChatModel, Retrieved, RetrievedPassage, Retriever, Similarity } from '../ports/ask.ts';
import type { Caller } from '../ports/caller.ts';
import { citedIn, NOTHING_FOUND, promptFor } from './ask-prompt.ts';
import { type Extract, extractAnswer } from './extract-answer.ts';

export interface AskDependencies {
  readonly retriever: Retriever;
  readonly chat: ChatModel;
  readonly similarity: Similarity;
  /** A number that no document can know. */
  readonly newNonce: () => string;
  readonly logger: Logger;
}

export interface AskService {
  /** The whole answer. */
  ask(caller: Caller, request: AskRequest): Promise<Answer>;
  /** The same as it comes to be; the last event is the whole answer, which alone counts. */
  stream(caller: Caller, request: AskRequest): AsyncGenerator<AnswerEvent>;
}

/** Answers from the files that the caller sees, or says that nothing in them answers. */
export function createAskService(dependencies: AskDependencies): AskService {
  async function* stream(caller: Caller, request: AskRequest): AsyncGenerator<AnswerEvent> {
    const { question, filters, passages } = request;
    const found = await dependencies.retriever.retrieve(caller, question, filters, passages);
    let chatFailed = false;
    if (found.passages.length > 0) {
      const written = yield* write(dependencies, question, found);
      if (written.answer !== undefined) return yield { type: 'answer', answer: written.answer };
      chatFailed = written.failed;
    }
    const extracts = await extractAnswer(question, found.passages, dependencies.similarity);
    const answer = toExtracted(found, extracts, found.degraded || chatFailed);
    yield { type: 'text', text: answer.answer };
    yield { type: 'answer', answer };
  }

  return {
    stream,
    async ask(caller, request) {
      for await (const event of stream(caller, request)) if (event.type === 'answer') return event.answer;
      throw new Error('a question ended without an answer');
    },
  };
}

/** One chat model after the other, until one has finished; what a broken one has said is taken back. */
async function* write(
  { chat, newNonce, logger }: AskDependencies,
  question: string,
  found: Retrieved,
): AsyncGenerator<AnswerEvent, { answer?: Answer; failed: boolean }> {
  let failed = false;
  for (const { provider, pieces } of chat.write(promptFor(question, found.passages, newNonce()))) {
    let text = '';
    let shown = 0;
    try {
      for await (const piece of pieces) {
        text += piece;
        // It may still turn out to be the word for "nothing", which nobody is to see.
        if (NOTHING_FOUND.startsWith(text.trim())) continue;
        yield { type: 'text', text: text.slice(shown) };
        shown = text.length;
      }
      return { answer: toGenerated(found, text, provider), failed };
    } catch (error) {
      failed = true;
      logger.warn('a chat model did not answer', { provider, error: describeError(error) });
      if (shown > 0) yield { type: 'reset' };
    }
  }
  return { failed };
}

/** An answer that names no passage rests on nothing: then nothing was found. */
function toGenerated(found: Retrieved, written: string, provider: string): Answer {
  const { text, numbers } = citedIn(written, found.passages.length);
  const answered = numbers.length > 0 && !text.includes(NOTHING_FOUND);
  const citations = numbers.flatMap((number) => {
    const passage = found.passages[number - 1];
    return passage === undefined ? [] : [toCitation(number, passage, passage)];
  });
  return {
    status: answered ? 'answered' : 'not_found',
    method: 'generated',
    answer: answered ? text : NOT_FOUND_ANSWER,
    citations: answered ? citations : [],
    degraded: found.degraded,
    coverage: found.coverage,
    providers: { embedding: found.provider, answer: provider },
  };
}

function toExtracted(found: Retrieved, extracts: readonly Extract[], degraded: boolean): Answer {
  const citations = extracts.flatMap((extract, at) => {
    const passage = found.passages[extract.passage];
    return passage === undefined ? [] : [toCitation(at + 1, passage, extract)];
  });
  const sentences = citations.map(({ text, number }) => `${text} [${number}]`);
  return {
    status: citations.length > 0 ? 'answered' : 'not_found',
    method: 'extracted',
    answer: citations.length > 0 ? sentences.join('\n') : NOT_FOUND_ANSWER,
    citations,
    degraded,
    coverage: found.coverage,
    providers: { embedding: found.provider, answer: null },
  };
}

function toCitation(
  number: number,
  { file, versionId, versionNumber, sha256, page }: RetrievedPassage,
  { start, end, text }: { readonly start: number; readonly end: number; readonly text: string },
): Citation {
  return {
    number,
    fileId: file.id,
    fileName: file.name,
    versionId,
    versionNumber,
    sha256,
    start,
    end,
    page,
    text,
  };
}
