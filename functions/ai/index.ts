import { createAiModule } from '../../src/modules/ai/routes.ts';

export default createAiModule() satisfies ExportedHandler<object>;
