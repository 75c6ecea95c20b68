import { createAuthModule } from '../../src/modules/auth/routes.ts';

export default createAuthModule() satisfies ExportedHandler<object>;
