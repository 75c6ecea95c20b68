import { createGateway } from '../../src/gateway/app.ts';

export default createGateway() satisfies ExportedHandler<object>;
