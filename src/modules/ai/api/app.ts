import type { AuthenticatedVariables, createHttpApp } from '../../../core/http/app.ts';
import type { SearchService } from '../service/search.ts';

export interface AiVariables extends AuthenticatedVariables {
  search: SearchService;
}

export type AiApp = ReturnType<typeof createHttpApp<AiVariables>>;
