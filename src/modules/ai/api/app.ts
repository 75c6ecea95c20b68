import type { createHttpApp } from '../../../core/http/app.ts';
import type { GuardedVariables } from '../../../core/http/authorize.ts';
import type { SearchService } from '../service/search.ts';

export interface AiVariables extends GuardedVariables {
  search: SearchService;
}

export type AiApp = ReturnType<typeof createHttpApp<AiVariables>>;
