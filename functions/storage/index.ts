import { createStorageModule } from '../../src/modules/storage/routes.ts';

export default createStorageModule() satisfies ExportedHandler<object>;
