import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Log, LogLevel, Miniflare } from 'miniflare';
import { download, upload } from './transfer.ts';
// a raw server: GET gives 256 MB in 1 MiB blocks, PUT swallows
const block = randomBytes(1 << 20);
const SIZE = 256 << 20;
const server = createServer((req, res) => {
  if (req.method === 'GET') {
    res.writeHead(200, { 'content-length': SIZE });
    let n = 0;
    const go = () => { while (n < 256) { n++; if (!res.write(block)) { res.once('drain', go); return; } } res.end(); };
    go();
  } else { req.on('data', () => {}); req.on('end', () => res.end('ok')); }
});
await new Promise<void>((r) => server.listen(0, '127.0.0.1', r));
const port = (server.address() as any).port;
const variants: Record<string, any> = {
  plain: { script: `export default { fetch(r) { const u=new URL(r.url); return fetch('http://127.0.0.1:${port}'+u.pathname, r.method==='GET'?{}:{method:'PUT',body:r.body}) } }` },
  signal: { script: `export default { async fetch(r) { const c=new AbortController(); return await fetch('http://127.0.0.1:${port}/', r.method==='GET'?{signal:AbortSignal.any([c.signal,r.signal])}:{method:'PUT',body:r.body,signal:c.signal}) } }` },
  ctrl: { script: `export default { async fetch(r) { const c=new AbortController(); return await fetch('http://127.0.0.1:${port}/', r.method==='GET'?{signal:c.signal}:{method:'PUT',body:r.body,signal:c.signal}) } }` },
  rewrap: { script: `export default { async fetch(r) { const x= await fetch('http://127.0.0.1:${port}/', r.method==='GET'?{}:{method:'PUT',body:r.body}); return new Response(x.body,{status:x.status,headers:{'content-length':x.headers.get('content-length')}}) } }` },
};
const mfs: [string, Miniflare, URL][] = [];
for (const [name, v] of Object.entries(variants)) {
  const mf = new Miniflare({ modules: true, host: '127.0.0.1', port: 0, log: new Log(LogLevel.NONE), compatibilityDate: '2026-07-30', compatibilityFlags: ['nodejs_compat'], ...v });
  mfs.push([name, mf, await mf.ready]);
}
const body = randomBytes(SIZE);
for (let round = 0; round < 3; round++) {
  console.log('direct get', ((await download(`http://127.0.0.1:${port}/`, SIZE)) / 1e6).toFixed(0), 'put', ((await upload(`http://127.0.0.1:${port}/`, 'PUT', body, {})).bytesPerSecond / 1e6).toFixed(0));
  for (const [name, , url] of mfs) console.log(name, 'get', ((await download(url.origin + '/', SIZE)) / 1e6).toFixed(0), 'put', ((await upload(url.origin + '/', 'POST', body, {})).bytesPerSecond / 1e6).toFixed(0));
}
for (const [, mf] of mfs) await mf.dispose();
server.close(); process.exit(0);
