import { waitUntil } from 'cloudflare:workers';
import { createGateway } from '../../src/gateway/app.ts';
import { createAiModule } from '../../src/modules/ai/routes.ts';
import { createAuthModule } from '../../src/modules/auth/routes.ts';
import { createStorageModule } from '../../src/modules/storage/routes.ts';
import { composeDoors } from './compose.ts';

const doors = {
  gateway: createGateway(),
  auth: createAuthModule(),
  storage: createStorageModule(),
  ai: createAiModule(),
};

export default composeDoors(doors, waitUntil) satisfies ExportedHandler<object>;
